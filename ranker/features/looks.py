"""How well the picture fits the words: zeros where a product has no picture, or words are not compared with pictures."""

from __future__ import annotations

import numpy as np

from etalage.core.records import Floats
from ranker import fuse
from ranker.features.base import Context, Feature, reciprocal, standardized


def _looks(c: Context) -> Floats:
    return c.looks


def _looks_relative(c: Context) -> Floats:
    return fuse.min_max(c.looks, c.looked)


def _looks_deviation(c: Context) -> Floats:
    return standardized(np.where(c.looked, c.looks, np.nan).astype(np.float32))


def _looks_rank(c: Context) -> Floats:
    return reciprocal(fuse.ranks(c.looks, c.looked))


FEATURES = (
    Feature("looks", "looks", 0.0, "cosine of query and picture", _looks),
    Feature("looks_relative", "looks", 0.0, "that cosine, min-max over the list", _looks_relative),
    Feature("looks_deviation", "looks", 0.0, "that cosine, standardized over the list", _looks_deviation),
    Feature("looks_rank", "looks", 0.0, "1 / log2(1 + rank by that cosine)", _looks_rank),
)
