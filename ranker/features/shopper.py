"""How well a product fits what the shopper looked at lately; nothing is known of most, and all are 0 then."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from etalage.core.records import Floats
from ranker.features.base import Context, Feature, normalized
from ranker.taste import Taste

_FAR = 2.0
"""Difference of log prices beyond which it counts no further: a factor of seven."""


def _normalized(taste: Taste) -> Floats:
    return normalized(taste.vectors.astype(np.float32))


def _likeness(c: Context) -> Floats:
    if c.taste is None:
        return np.zeros(c.size, np.float32)
    mean = c.taste.weights @ _normalized(c.taste)
    return c.cosine(mean) if mean.any() else np.zeros(c.size, np.float32)


def _nearest(c: Context) -> Floats:
    if c.taste is None:
        return np.zeros(c.size, np.float32)
    known = [c.cosine(row) for row in _normalized(c.taste) if row.any()]
    return np.max(known, axis=0).astype(np.float32) if known else np.zeros(c.size, np.float32)


def _shared(c: Context, name: str) -> Floats:
    """Share of each candidate's words of a field that a product looked at has too, by the products' weights."""
    if c.taste is None:
        return np.zeros(c.size, np.float32)
    own: npt.NDArray[np.uint32] = np.ascontiguousarray(c.records[name])
    counted = np.maximum((own > 0).sum(axis=1), 1)
    shares = np.zeros(c.size, np.float32)
    for weight, record in zip(c.taste.weights, np.ascontiguousarray(c.taste.records[name]), strict=True):
        shares += weight * ((np.isin(own, record[record > 0])).sum(axis=1) / counted).astype(np.float32)
    return shares


def _brand(c: Context) -> Floats:
    return _shared(c, "brand")


def _category(c: Context) -> Floats:
    return _shared(c, "category")


def _attributes(c: Context) -> Floats:
    return _shared(c, "attributes")


def _price(c: Context) -> Floats:
    if c.taste is None:
        return np.zeros(c.size, np.float32)
    prices = c.taste.records["price"].astype(np.float32)
    known = prices > 0
    if not known.any():
        return np.zeros(c.size, np.float32)
    weights = c.taste.weights[known]
    usual = float((weights * np.log1p(prices[known])).sum() / weights.sum())
    away = np.abs(c.log_price - np.float32(usual))
    return np.where(c.records["price"] > 0, 1 - np.minimum(away / np.float32(_FAR), 1), 0).astype(np.float32)


FEATURES = (
    Feature("shopper_likeness", "shopper", 0.0, "cosine with the mean of what the shopper looked at", _likeness),
    Feature("shopper_nearest", "shopper", 0.0, "cosine with the nearest that the shopper looked at", _nearest),
    Feature("shopper_brand", "shopper", 0.0, "share of what the shopper looked at that is of the brand", _brand),
    Feature("shopper_category", "shopper", 0.0, "share of category words in what the shopper looked at", _category),
    Feature("shopper_attributes", "shopper", 0.0, "share of attribute words in what the shopper looked at", _attributes),
    Feature("shopper_price", "shopper", 0.0, "nearness to the usual log price of what the shopper looked at", _price),
)
