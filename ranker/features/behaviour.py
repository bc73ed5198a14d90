"""What shoppers did with the product before: how often it is clicked where it is seen, and bought where it is clicked."""

from __future__ import annotations

import numpy as np

from etalage.core.records import Floats
from ranker.features.base import Context, Feature, standardized

_LEAST = 1e-4
"""Rates below are as good as none."""


def _log(c: Context, name: str) -> Floats:
    rates: Floats = np.log(np.maximum(c.records[name].astype(np.float32), np.float32(_LEAST)))
    return rates


def _click_rate(c: Context) -> Floats:
    return standardized(_log(c, "click_rate"))


def _purchase_rate(c: Context) -> Floats:
    return standardized(_log(c, "purchase_rate"))


FEATURES = (
    Feature("click_rate", "behaviour", 0.0, "log click rate, standardized over the list", _click_rate),
    Feature("purchase_rate", "behaviour", 0.0, "log purchase rate, standardized over the list", _purchase_rate),
)
