"""Nearest vectors of a snapshot: exact up to a measured size, HNSW beyond, exact again under a filter.

Vectors are kept as int8 rows with their lengths. Up to `exact_limit` rows the query is multiplied with each in whole numbers
(19,406 x 384 on one core: 0.36 ms by SimSIMD and 0.1 ms to choose the best; 0.93 ms by usearch's exact search, which finds each
length anew; a float32 matrix-vector product took 1 to 3 ms and four times the memory; an HNSW graph 0.25 ms, but it misses some
neighbours and takes 3 s to build). A margin of neighbours is compared again in floating point, so that ties break by row.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from simsimd import cdist
from usearch.index import Index

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
        squares = np.einsum("ij,ij->i", self._dense, self._dense, dtype=np.int32)
        self._lengths: Floats = np.sqrt(squares).astype(np.float32)
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
            return self._exact(query, k, slice(None)) if self._graph is None else self._by_graph(query, k)
        kept = np.flatnonzero(mask[self._known])
        if self._graph is not None and len(kept) > _FILTERED_LIMIT:
            found = self._by_graph(query, 4 * k)
            found = found[mask[found]]
            if len(found) >= k:
                return found[:k]
        return self._exact(query, k, slice(None) if len(kept) == len(self._known) else kept)

    def _exact(self, query: Floats, k: int, among: npt.NDArray[np.int64] | slice) -> npt.NDArray[np.int64]:
        """The nearest of the documents that have a vector, of those at the places `among`."""
        rows = self._known[among]
        if not len(rows) or k <= 0:
            return np.zeros(0, np.int64)
        dots = np.asarray(cdist(to_int8(query)[None], self._dense[among], "dot", out_dtype="float32"))[0]
        return self._again(query, k, rows[top(dots / self._lengths[among], min(k + _MARGIN, len(rows)))])

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
