"""Nearest vectors of a snapshot: exact up to a measured size, HNSW beyond, exact again under a filter.

Vectors are kept as int8 rows. Up to `exact_limit` rows they are widened once to float32 and a query is one matrix-vector
product (19,406 x 384: 1.0 ms on two cores, 2.1 ms over int8 rows with usearch's exact search, 0.24 ms by HNSW, which misses
some neighbours and takes 3 s to build; `docs/decisions/0001-embedded-index.md`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from usearch.index import Index

from etalage.core.records import Floats, cosine, to_int8
from opensearch.embedded.arrays import mapped

_CONNECTIVITY, _EXPANSION_ADD, _EXPANSION_SEARCH = 16, 128, 256
_FILTERED_LIMIT: Final = 20_000
"""Beyond this many rows left by a filter, an HNSW search is tried before the exact one."""


class Vectors:
    """The vectors of one field.

    Attributes:
        rows: int8 [size, dim]; zero rows where a document has none.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.rows: npt.NDArray[np.int8] = mapped(folder / f"{name}.npy")
        self._present = self.rows.any(axis=1) if self.rows.size else np.zeros(len(self.rows), bool)
        self._graph: Index | None = None
        self._unit: Floats | None = None
        graph = folder / f"{name}.usearch"
        if graph.exists():
            self._graph = Index.restore(str(graph), view=True)
        else:
            unit = self.rows.astype(np.float32)
            norms = np.sqrt(np.einsum("ij,ij->i", unit, unit))
            self._unit = unit / np.maximum(norms, 1e-12)[:, None]

    @staticmethod
    def build(rows: npt.NDArray[np.int8], folder: Path, name: str, exact_limit: int) -> None:
        """Write the vectors, and a graph over them when there are more than `exact_limit`."""
        np.save(folder / f"{name}.npy", rows)
        if len(rows) > exact_limit:
            graph = Index(
                ndim=rows.shape[1],
                metric="cos",
                dtype="i8",
                connectivity=_CONNECTIVITY,
                expansion_add=_EXPANSION_ADD,
                expansion_search=_EXPANSION_SEARCH,
            )
            keys = np.flatnonzero(rows.any(axis=1))
            graph.add(keys.astype(np.uint64), rows[keys])
            graph.save(str(folder / f"{name}.usearch"))

    def nearest(self, query: Floats, k: int, mask: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.int64]:
        """Rows of the `k` nearest by cosine, nearest first, ties by row; only rows of `mask` when it is given."""
        if self._unit is not None:
            cosines = self._unit @ query
            allowed = self._present if mask is None else self._present & mask
            cosines[~allowed] = -np.inf
            return top(cosines, min(k, int(allowed.sum())))
        if mask is None:
            return self._by_graph(query, k)
        rows = np.flatnonzero(self._present & mask)
        if len(rows) > _FILTERED_LIMIT:
            found = self._by_graph(query, 4 * k)
            kept = found[mask[found]]
            if len(kept) >= k:
                return kept[:k]
        kept = rows[top(cosine(query, self.rows[rows]), min(k, len(rows)))]
        return kept

    def _by_graph(self, query: Floats, k: int) -> npt.NDArray[np.int64]:
        if self._graph is None:
            return np.zeros(0, np.int64)
        found = self._graph.search(to_int8(query), k)
        rows = np.sort(np.asarray(found.keys, np.int64))
        return rows[top(cosine(query, self.rows[rows]), min(k, len(rows)))]


def top(scores: Floats, k: int) -> npt.NDArray[np.int64]:
    """Indices of the `k` largest scores, largest first, ties by index."""
    if k <= 0:
        return np.zeros(0, np.int64)
    if k < len(scores):
        bound = np.partition(scores, len(scores) - k)[len(scores) - k]
        chosen = np.flatnonzero(scores >= bound)
    else:
        chosen = np.arange(len(scores))
    order: npt.NDArray[np.int64] = chosen[np.argsort(-scores[chosen], kind="stable")][:k]
    return order
