"""Small networks and rows for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from etalage.core.records import Floats
from ranker.features import NAMES
from ranker.training import fit
from ranker.training.fit import Fitted, Recipe


def untrained(recipe: Recipe, **weights: float) -> Fitted:
    """A network with random weights, or those of a layer set to one value."""
    module = fit.network(recipe, np.full(len(NAMES), 0.5, np.float32), np.full(len(NAMES), 0.25, np.float32))
    torch = pytest.importorskip("torch")
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name != "fused":
                parameter.copy_(torch.full_like(parameter, weights[name]) if name in weights else _noise(parameter))
    return Fitted(module, recipe, 0.0)


def _noise(parameter: Any) -> Any:
    return pytest.importorskip("torch").randn_like(parameter) * 0.2


def matrix(rows: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).random((rows, len(NAMES)), np.float32)
