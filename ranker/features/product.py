"""What the product is like, whatever was asked: price, popularity, ratings, freshness, stock."""

from __future__ import annotations

import numpy as np

from etalage.core.records import Floats
from ranker.features.base import Context, Feature, standardized


def _log(c: Context, name: str) -> Floats:
    values = c.records[name].astype(np.float32)
    return np.log1p(np.maximum(values, 0)).astype(np.float32)


def _price(c: Context) -> Floats:
    return standardized(c.log_price)


def _discount(c: Context) -> Floats:
    price, before = c.records["price"], c.records["list_price"]
    if not (before > 0).any():
        return np.zeros(c.size, np.float32)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        cut = np.where(before > 0, 1.0 - price / before, 0.0)
    return np.clip(np.nan_to_num(cut), 0.0, 1.0).astype(np.float32)


def _popularity(c: Context) -> Floats:
    return standardized(_log(c, "popularity"))


def _rating(c: Context) -> Floats:
    return standardized(c.records["rating"].astype(np.float32))


def _reviews(c: Context) -> Floats:
    return standardized(_log(c, "reviews"))


def _freshness(c: Context) -> Floats:
    return standardized(c.records["created"].astype(np.float32))


def _in_stock(c: Context) -> Floats:
    stock = c.records["stock"]
    return (np.isnan(stock) | (stock > 0)).astype(np.float32)


FEATURES = (
    Feature("price", "product", 0.0, "log price, standardized over the list", _price),
    Feature("discount", "product", 0.0, "share taken off the list price", _discount),
    Feature("popularity", "product", 0.0, "log popularity, standardized over the list", _popularity),
    Feature("rating", "product", 0.0, "mean rating, standardized over the list", _rating),
    Feature("reviews", "product", 0.0, "log number of reviews, standardized over the list", _reviews),
    Feature("freshness", "product", 0.0, "day of creation, standardized over the list", _freshness),
    Feature("in_stock", "product", 1.0, "1 unless the stock is known to be 0", _in_stock),
)
