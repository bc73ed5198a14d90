"""Smaller networks by magnitude: weights, hidden units or features that matter least are left out, without training on.

What a unit or a feature matters is the size of its weights (Han et al. 2015, arXiv:1506.02626), times how much what it carries
varies on recorded requests.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from etalage.core.records import Floats
from ranker.training.fit import CLIP

Weights = dict[str, npt.NDArray[np.float32]]
"""A network's weights by name, as `fit.weights_of` keeps them."""

KEPT: Final = "kept"
"""Name of the columns int64 [k] that the hidden layer reads, where features were left out."""


def weights(whole: Weights, share: float) -> Weights:
    """The hidden layer with the smallest `share` of its weights at zero: as many numbers as before."""
    layer = whole["hidden.0.weight"]
    edge = np.quantile(np.abs(layer), share)
    return whole | {"hidden.0.weight": np.where(np.abs(layer) < edge, np.float32(0), layer)}


def units(whole: Weights, share: float, rows: Floats) -> Weights:
    """Without `share` of the hidden units; what those left out give on average on rows float32 [n, F] goes to the bias."""
    active = np.maximum(_scaled(whole, rows) @ whole["hidden.0.weight"].T + whole["hidden.0.bias"], 0)
    last = whole["hidden.3.weight"][0]
    best, gone = _by_size(active.std(axis=0) * np.abs(last), share)
    return whole | {
        "hidden.0.weight": whole["hidden.0.weight"][best],
        "hidden.0.bias": whole["hidden.0.bias"][best],
        "hidden.3.weight": whole["hidden.3.weight"][:, best],
        "hidden.3.bias": whole["hidden.3.bias"] + (active[:, gone].mean(axis=0) @ last[gone]).astype(np.float32),
    }


def features(whole: Weights, share: float, rows: Floats) -> Weights:
    """With a hidden layer that does not read `share` of the features; their mean goes to its bias. The linear part reads all."""
    inputs = _scaled(whole, rows)
    layer = whole["hidden.0.weight"]
    size = np.linalg.norm(layer * whole["hidden.3.weight"].T, axis=0)
    best, gone = _by_size(inputs.std(axis=0) * size, share)
    return whole | {
        "hidden.0.weight": layer[:, best],
        "hidden.0.bias": whole["hidden.0.bias"] + (layer[:, gone] @ inputs[:, gone].mean(axis=0)).astype(np.float32),
        KEPT: best,
    }


def _scaled(whole: Weights, rows: Floats) -> Floats:
    scaled: Floats = np.clip((rows - whole["mean"]) * whole["scale"], -CLIP, CLIP)
    return scaled


def _by_size(size: Floats, share: float) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Positions that stay and that go, each in their order."""
    order = np.argsort(-size, kind="stable")
    stay = max(1, len(order) - round(share * len(order)))
    return np.sort(order[:stay]), np.sort(order[stay:])
