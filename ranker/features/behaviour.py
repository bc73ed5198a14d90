"""What shoppers did with the product before: how often it is clicked where it is seen, bought where it is clicked, and clicked for this very
query."""

from __future__ import annotations

import numpy as np

from etalage.core.records import Floats
from ranker.features.base import CLIP, Context, Feature, normalized, standardized

_LEAST = 1e-4
"""Rates below are as good as none."""


def _log(c: Context, name: str) -> Floats:
    rates: Floats = np.log(np.maximum(c.records[name].astype(np.float32), np.float32(_LEAST)))
    return rates


def _click_rate(c: Context) -> Floats:
    return standardized(_log(c, "click_rate"))


def _purchase_rate(c: Context) -> Floats:
    return standardized(_log(c, "purchase_rate"))


def _association(c: Context) -> Floats:
    return (np.clip(c.associated, -CLIP, CLIP) / CLIP).astype(np.float32)


def _associated_likeness(c: Context) -> Floats:
    """Cosine with the mean vector of what is clicked for the query, each by its strength."""
    strengths = np.maximum(c.associated, 0)
    if not strengths.any():
        return np.zeros(c.size, np.float32)
    mean = strengths @ normalized(c.vectors)
    return c.cosine(mean) if mean.any() else np.zeros(c.size, np.float32)


FEATURES = (
    Feature("click_rate", "behaviour", 0.0, "log click rate, standardized over the list", _click_rate),
    Feature("purchase_rate", "behaviour", 0.0, "log purchase rate, standardized over the list", _purchase_rate),
    Feature("association", "behaviour", 0.0, "log click rate for this query over the mean, a third of it", _association),
    Feature(
        "associated_likeness", "behaviour", 0.0, "cosine with what is clicked for this query", _associated_likeness
    ),
)
