"""The ranker's features: `FEATURES` in order, `matrix` to compute them, `contract_hash` to name the list."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

import numpy as np

from etalage.core.records import RECORD_VERSION, Floats
from ranker.features import (
    behaviour,
    consensus,
    head,
    lexical,
    looks,
    overlap,
    product,
    proximity,
    semantic,
    shape,
    shopper,
)
from ranker.features.base import Context, Feature
from ranker.retrieve import Retrieved

FEATURES: Final[tuple[Feature, ...]] = (
    *lexical.FEATURES,
    *semantic.FEATURES,
    *looks.FEATURES,
    *overlap.FEATURES,
    *proximity.FEATURES,
    *shape.FEATURES,
    *consensus.FEATURES,
    *head.FEATURES,
    *product.FEATURES,
    *behaviour.FEATURES,
    *shopper.FEATURES,
)

NAMES: Final = tuple(feature.name for feature in FEATURES)

CONTRACT_VERSION: Final = 1
"""Raised when a feature of the same name changes its meaning."""


def matrix(retrieved: Retrieved) -> Floats:
    """The features of a query's candidates: float32 [n, len(FEATURES)], finite, in the order of `FEATURES`."""
    context = Context(retrieved)
    columns = np.empty((len(FEATURES), context.size), np.float32)
    if context.size:
        for column, feature in zip(columns, FEATURES, strict=True):
            column[:] = feature.compute(context)
    return np.ascontiguousarray(columns.T)


def contract_hash() -> str:
    """A hash of the feature list; an artifact trained on another list is refused."""
    described = [f"{feature.name}:{feature.family}:{feature.missing}" for feature in FEATURES]
    return sha256("\n".join([str(CONTRACT_VERSION), str(RECORD_VERSION), *described]).encode()).hexdigest()[:16]
