"""What the best candidates have in common, and how much of it a product has: pseudo-relevance feedback (Rocchio 1971; Lavrenko
and Croft 2001) within the list."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from etalage.core.records import Floats
from ranker import fuse
from ranker.features.base import FEW, MANY, Context, Feature, standardized

_LOW: Final = 0x3FFF
"""Bits of an id that say where it is in a table."""


def _near_few(c: Context) -> Floats:
    return c.likeness(FEW)


def _near_few_relative(c: Context) -> Floats:
    return fuse.min_max(c.likeness(FEW), c.vectored)


def _near_many(c: Context) -> Floats:
    return c.likeness(MANY)


def _near_many_deviation(c: Context) -> Floats:
    return standardized(np.where(c.vectored, c.likeness(MANY), np.nan).astype(np.float32))


def _share_of_best(c: Context, name: str) -> Floats:
    """Share of the best `MANY` candidates whose first token of a column is this product's, weighed by their fused score; 0
    for products without one."""
    column = np.ascontiguousarray(c.records[name][:, 0])
    best = c.best[:MANY]
    weights, firsts = c.fused[best], column[best]
    total = float(weights.sum())
    if total <= 0:
        return np.zeros(c.size, np.float32)
    counted = np.where(firsts > 0, weights, np.float32(0))
    return ((column[:, None] == firsts) @ counted / np.float32(total)).astype(np.float32)


def _category(c: Context) -> Floats:
    return _share_of_best(c, "category")


def _brand(c: Context) -> Floats:
    return _share_of_best(c, "brand")


def _words(c: Context) -> Floats:
    """Mean share, over the product's title words, of the best `MANY` titles that have the word, less query words: what the
    best call themselves besides what was asked."""
    titles = c.title[c.best[:MANY]]
    ids, having = _distinct(titles)
    common = (having / len(titles)).astype(np.float32)
    common[np.any(ids == c.query.stems[:, None], axis=0)] = 0
    # A table by the ids' lower bits, since searching a sorted list takes eight times as long; ids that share a place in it come extra.
    low = ids & _LOW
    table, weights = np.zeros(_LOW + 1, np.uint32), np.zeros(_LOW + 1, np.float32)
    table[low], weights[low] = ids, common
    places = (c.title & _LOW).astype(np.intp)
    weight = weights.take(places, mode="clip") * (table.take(places, mode="clip") == c.title)
    for at in np.flatnonzero(table[low] != ids):
        weight[c.title == ids[at]] = common[at]
    return (weight.sum(axis=1) / np.maximum(c.title_words, 1)).astype(np.float32)


def _distinct(titles: npt.NDArray[np.uint32]) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
    """The ids in titles [k, TITLE] but for 0, each once, in order, and how many of the titles have each."""
    once = np.sort(titles, axis=1)
    once[:, 1:] *= once[:, 1:] != once[:, :-1]
    every = np.zeros(once.size + 1, np.uint32)
    every[1:] = once.reshape(-1)
    every.sort()
    starts = np.flatnonzero(every[1:] != every[:-1]) + 1
    ids = every[starts]
    return ids, np.searchsorted(every, ids, "right") - starts


def _price(c: Context) -> Floats:
    """How far the log price is from the median of the best `MANY`, at most 3, in thirds; 0 where unknown."""
    best = c.log_price[c.best[:MANY]]
    known = np.sort(best[~np.isnan(best)])
    if not len(known):
        return np.zeros(c.size, np.float32)
    middle = len(known) // 2
    median = known[middle] if len(known) % 2 else (known[middle - 1] + known[middle]) / np.float32(2)
    away = (np.minimum(np.abs(c.log_price - median), 3.0) / 3.0).astype(np.float32)
    return np.where(np.isnan(away), np.float32(0), away)


FEATURES = (
    Feature("centroid_5", "consensus", 0.0, "cosine with the mean of the 5 best by the fused score", _near_few),
    Feature("centroid_5_relative", "consensus", 0.0, "that cosine, min-max over the list", _near_few_relative),
    Feature("centroid_20", "consensus", 0.0, "cosine with the mean of the 20 best", _near_many),
    Feature("centroid_20_deviation", "consensus", 0.0, "that cosine, standardized over the list", _near_many_deviation),
    Feature("category_of_best", "consensus", 0.0, "share of the 20 best of the same category", _category),
    Feature("brand_of_best", "consensus", 0.0, "share of the 20 best of the same brand", _brand),
    Feature("words_of_best", "consensus", 0.0, "how common its other title words are among the 20 best", _words),
    Feature("price_of_best", "consensus", 0.0, "distance of the log price from the median of the 20 best", _price),
)
