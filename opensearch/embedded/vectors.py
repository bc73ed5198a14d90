"""Nearest vectors of a snapshot: exact up to a measured size, HNSW beyond, exact again under a filter.

Vectors are kept as int8 rows. Up to `exact_limit` rows usearch compares the query with each (19,406 x 384 on one core:
0.7 ms; a float32 matrix-vector product took 1 to 3 ms and four times the memory; an HNSW graph 0.25 ms, but it misses
some neighbours and takes 3 s to build). A margin of neighbours is compared again in floating point, so that ties break
by row.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from usearch.index import Index, MetricKind, search

from etalage.core.records import Floats, cosine, to_int8
from opensearch.embedded.arrays import mapped

_CONNECTIVITY, _EXPANSION_ADD, _EXPANSION_SEARCH = 16, 128, 256
_MARGIN: Final = 64
_FILTERED_LIMIT: Final = 20_000
"""Beyond this many rows left by a filter, an HNSW search is tried before the exact one."""


class Vectors:
    """The vectors of one field.

    Attributes:
        rows: int8 [size, dim]; zero rows where a document has none.
        known: bool [size], which documents have one.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.rows: npt.NDArray[np.int8] = mapped(folder / f"{name}.npy")
        self.known: npt.NDArray[np.bool_] = np.any(self.rows, axis=1)
        known = np.flatnonzero(self.known)
        self._known: npt.NDArray[np.int64] = known
        self._dense = self.rows if len(known) == len(self.rows) else np.ascontiguousarray(self.rows[known])
        graph = folder / f"{name}.usearch"
        self._graph: Index | None = Index.restore(str(graph), view=True) if graph.exists() else None

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
        if mask is None:
            return self._exact(query, k, self._known, self._dense) if self._graph is None else self._by_graph(query, k)
        rows = self._known[mask[self._known]]
        if self._graph is not None and len(rows) > _FILTERED_LIMIT:
            found = self._by_graph(query, 4 * k)
            kept = found[mask[found]]
            if len(kept) >= k:
                return kept[:k]
        return self._exact(query, k, rows, self._dense if len(rows) == len(self._known) else self.rows[rows])

    def _exact(
        self, query: Floats, k: int, rows: npt.NDArray[np.int64], vectors: npt.NDArray[np.int8]
    ) -> npt.NDArray[np.int64]:
        """The nearest of `rows`, whose vectors are given."""
        if not len(rows) or k <= 0:
            return np.zeros(0, np.int64)
        found = search(vectors, to_int8(query), min(k + _MARGIN, len(rows)), MetricKind.Cos, exact=True, threads=1)
        return self._again(query, k, rows[np.asarray(found.keys, np.int64)])

    def _by_graph(self, query: Floats, k: int) -> npt.NDArray[np.int64]:
        if self._graph is None:
            return np.zeros(0, np.int64)
        return self._again(query, k, np.asarray(self._graph.search(to_int8(query), k + _MARGIN).keys, np.int64))

    def _again(self, query: Floats, k: int, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The `k` nearest of `rows` in floating point, nearest first, ties by row."""
        rows = np.sort(rows)
        return rows[top(cosine(query, self.rows[rows]), min(k, len(rows)))]


def top(scores: npt.NDArray[np.floating[Any]], k: int) -> npt.NDArray[np.int64]:
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
