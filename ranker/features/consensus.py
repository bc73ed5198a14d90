"""What the best candidates have in common, and how much of it a product has: pseudo-relevance feedback (Rocchio 1971; Lavrenko
and Croft 2001) within the list."""

from __future__ import annotations

import numpy as np

from etalage.core.records import Floats
from ranker import fuse
from ranker.features.base import Context, Feature, standardized

FEW, MANY = 5, 20
"""How many of the best candidates by the fused score are looked at."""


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
    weights = c.fused[best]
    total = float(weights.sum())
    if total <= 0:
        return np.zeros(c.size, np.float32)
    same = (column[:, None] == column[best][None, :]) & (column[:, None] > 0)
    return (same @ weights / np.float32(total)).astype(np.float32)


def _category(c: Context) -> Floats:
    return _share_of_best(c, "category")


def _brand(c: Context) -> Floats:
    return _share_of_best(c, "brand")


def _words(c: Context) -> Floats:
    """Mean share, over the product's title words, of the best `MANY` titles that have the word, less query words: what the
    best call themselves besides what was asked."""
    best = c.title[c.best[:MANY]]
    if not len(best):
        return np.zeros(c.size, np.float32)
    ids, places = np.unique(best, return_inverse=True)
    has = np.zeros((len(best), len(ids)), bool)
    np.put_along_axis(has, places.reshape(best.shape), True, axis=1)
    common = has.mean(axis=0).astype(np.float32)
    common[np.isin(ids, c.query.stems) | (ids == 0)] = 0
    at = np.minimum(np.searchsorted(ids, c.title), len(ids) - 1)
    weight = np.where(ids[at] == c.title, common[at], np.float32(0))
    return (weight.sum(axis=1) / np.maximum((c.title > 0).sum(axis=1), 1)).astype(np.float32)


def _price(c: Context) -> Floats:
    """How far the log price is from the median of the best `MANY`, at most 3, in thirds; 0 where unknown."""
    prices = np.log1p(np.maximum(c.records["price"].astype(np.float32), 0))
    best = prices[c.best[:MANY]]
    known = best[~np.isnan(best)]
    if not len(known):
        return np.zeros(c.size, np.float32)
    return np.nan_to_num(np.minimum(np.abs(prices - np.float32(np.median(known))), 3.0) / 3.0).astype(np.float32)


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
