"""How near the meaning is: cosine with the query, its rank, and the fusion with the words."""

from __future__ import annotations

import numpy as np

from etalage.core.records import Floats
from ranker import fuse
from ranker.features.base import Context, Feature, reciprocal


def _cosine(c: Context) -> Floats:
    return c.cosines


def _cosine_relative(c: Context) -> Floats:
    return fuse.min_max(c.cosines, c.vectored)


def _near(c: Context) -> Floats:
    return c.found.near.astype(np.float32)


def _vector_rank(c: Context) -> Floats:
    return reciprocal(c.vector_rank)


def _fused(c: Context) -> Floats:
    return c.fused


def _both(c: Context) -> Floats:
    return (c.found.near & (c.found.lexical > 0)).astype(np.float32)


FEATURES = (
    Feature("cosine", "semantic", 0.0, "cosine of query and product", _cosine),
    Feature("cosine_relative", "semantic", 0.0, "the cosine, min-max over the list", _cosine_relative),
    Feature("near", "semantic", 0.0, "whether it is among the k nearest", _near),
    Feature("vector_rank", "semantic", 0.0, "1 / log2(1 + rank by cosine)", _vector_rank),
    Feature("fused", "semantic", 0.0, "the hybrid score: mean of min-max BM25 and min-max cosine", _fused),
    Feature("both_lists", "semantic", 0.0, "whether it is in the lexical and in the vector list", _both),
)
