"""The shape of the list: how far a score stands out, and what kind of query it is."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from etalage.core import text
from etalage.core.records import Floats
from ranker.features.base import Context, Feature, Flags, share, standardized


def _deviation(values: Floats, among: Flags) -> Floats:
    return standardized(np.where(among, values, np.nan).astype(np.float32))


def _bm25_deviation(c: Context) -> Floats:
    return _deviation(c.found.lexical, c.found.lexical > 0)


def _title_deviation(c: Context) -> Floats:
    return _deviation(c.found.fields[:, 0], c.found.fields[:, 0] > 0)


def _cosine_deviation(c: Context) -> Floats:
    return _deviation(c.cosines, c.vectored)


def _below_best(values: Floats) -> Floats:
    return ((values.max(initial=0.0) - values) / 2).astype(np.float32)


def _cosine_below_best(c: Context) -> Floats:
    return _below_best(c.cosines)


def _fused_rank(c: Context) -> Floats:
    ranks = np.empty(c.size, np.float32)
    ranks[c.best] = np.arange(1, c.size + 1)
    return (1.0 / np.log2(1.0 + ranks)).astype(np.float32)


def _reciprocal_fusion(c: Context) -> Floats:
    """Reciprocal rank fusion (Cormack et al. 2009) with k = 60, by its largest possible value."""
    worth = _worth(1 << c.size.bit_length())
    return ((worth[c.lexical_rank] + worth[c.vector_rank]) / 2).astype(np.float32)


@lru_cache(maxsize=16)
def _worth(size: int) -> npt.NDArray[np.float64]:
    """What each rank below `size` adds to `_reciprocal_fusion`; 0 for rank 0."""
    worth = 61.0 / (60.0 + np.arange(size, dtype=np.float64))
    worth[0] = 0
    worth.setflags(write=False)
    return worth


def _product(c: Context) -> Floats:
    """Combined BM25 by the list's largest, times the cosine: both must be good."""
    peak = float(c.found.lexical.max(initial=0.0))
    words = c.found.lexical / np.float32(peak) if peak > 0 else c.found.lexical
    return (words * np.maximum(c.cosines, 0)).astype(np.float32)


def _whole_list(c: Context, value: float) -> Floats:
    return np.full(c.size, value, np.float32)


def _best_cosine(c: Context) -> Floats:
    return _whole_list(c, float(c.cosines.max(initial=0.0)))


def _best_coverage(c: Context) -> Floats:
    """The largest share of query words that a title has: whether the catalog has the words at all."""
    return _whole_list(c, float(share(c.stem_in_title).max(initial=0.0)))


def _has_number(c: Context) -> Floats:
    return _whole_list(c, float(len(c.numbers) > 0))


def _has_model(c: Context) -> Floats:
    return _whole_list(c, float((c.query.kinds == text.MODEL).any()))


FEATURES = (
    Feature("bm25_deviation", "shape", 0.0, "combined BM25, standardized over the matches", _bm25_deviation),
    Feature("bm25_title_deviation", "shape", 0.0, "BM25 of the title, standardized over its matches", _title_deviation),
    Feature("cosine_deviation", "shape", 0.0, "the cosine, standardized over the list", _cosine_deviation),
    Feature("cosine_below_best", "shape", 0.0, "half of how far the cosine is below the list's best", _cosine_below_best),
    Feature("fused_rank", "shape", 0.0, "1 / log2(1 + rank by the fused score)", _fused_rank),
    Feature("reciprocal_fusion", "shape", 0.0, "reciprocal rank fusion of both lists", _reciprocal_fusion),
    Feature("bm25_cosine", "shape", 0.0, "relative BM25 times cosine", _product),
    Feature("best_cosine", "shape", 0.0, "the list's best cosine (same for the list)", _best_cosine),
    Feature("best_coverage", "shape", 0.0, "the list's best title coverage (same for the list)", _best_coverage),
    Feature("has_number", "shape", 0.0, "whether the query has a number (same for the list)", _has_number),
    Feature("has_model", "shape", 0.0, "whether the query has an article number (same for the list)", _has_model),
)
