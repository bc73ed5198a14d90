"""What each feature adds to the ranker's score: exact integrated gradients of its network, in closed form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from etalage.core.constants import constants
from etalage.core.errors import ModelError
from etalage.core.records import Floats
from ranker.features import NAMES

TOLERANCE: Final = 0.25
"""How far a served score may be from what the network's weights give for these to explain it: activations may be int8, too."""

_STILL: Final = 1e-5
"""A change of a hidden unit's input that is too small to divide by."""

_FUSED: Final = NAMES.index("fused")
_STRAIGHT: Final = frozenset(("mean", "scale", "low", "high", "multiple", "linear.w", "linear.b"))
_BENT: Final = frozenset(("hidden.0.w", "hidden.0.b", "hidden.3.w", "hidden.3.b"))


@dataclass(frozen=True, slots=True)
class Network:
    """The ranker's network with F features and H hidden units (0 for a linear one), float32:
    `fused · x[fused] + linear · z + bias + out · max(hidden z + threshold, 0)` with `z` being `(x - mean) · scale` within `low` and
    `high`.

    Attributes:
        fused: multiple of the hybrid score.
        mean, scale, linear: [F].
        hidden, threshold, out: [H, F], [H], [H].
    """

    fused: float
    mean: Floats
    scale: Floats
    low: float
    high: float
    linear: Floats
    bias: float
    hidden: Floats
    threshold: Floats
    out: Floats

    def inputs(self, features: Floats) -> Floats:
        """Scaled inputs [n, F] of features [n, F]."""
        scaled = (features - self.mean) * self.scale
        return np.minimum(np.maximum(scaled, np.float32(self.low)), np.float32(self.high))

    def units(self, inputs: Floats) -> Floats:
        """What hidden units are given [n, H] for scaled inputs [n, F]."""
        given: Floats = inputs @ self.hidden.T + self.threshold
        return given

    def score(self, features: Floats) -> Floats:
        """Scores float32 [n] of features [n, F]."""
        inputs = self.inputs(features)
        return self.total(features, inputs, self.units(inputs))

    def total(self, features: Floats, inputs: Floats, units: Floats) -> Floats:
        """Scores float32 [n] of features, their scaled inputs, and what the hidden units are given for them."""
        active: Floats = np.maximum(units, np.float32(0))
        scores: Floats = self.fused * features[:, _FUSED] + inputs @ self.linear + self.bias + active @ self.out
        return scores


@dataclass(frozen=True, slots=True)
class Attribution:
    """Where scores come from: for each row, `baseline + shares.sum() + rest` is the served score.

    Attributes:
        shares: float32 [n, F], what each feature adds.
        baseline: the network's score of the baseline.
        rest: float32 [n], by how much the served score differs from what the weights give, where activations are int8.
    """

    shares: Floats
    baseline: float
    rest: Floats


def network(model: bytes) -> Network | None:
    """The network that an ONNX file computes; None for one of another form. Int8 weights are read with their scales."""
    try:
        given = constants(model)
    except ModelError:
        return None
    known = {name: _weights(given, name) for name in (*_STRAIGHT, *_BENT)}
    sound = {name: values for name, values in known.items() if values is not None}
    bent = bool(sound.keys() & _BENT)
    if sound.keys() != (_STRAIGHT | _BENT if bent else _STRAIGHT):
        return None
    count, none = len(NAMES), np.zeros(0, np.float32)
    units = sound["hidden.0.b"].size if bent else 0
    sizes = {"mean": count, "scale": count, "low": 1, "high": 1, "multiple": 1, "linear.w": count, "linear.b": 1}
    sizes |= {"hidden.0.w": count * units, "hidden.3.w": units, "hidden.3.b": 1} if bent else {}
    if any(sound[name].size != size for name, size in sizes.items()):
        return None
    return Network(
        sound["multiple"].item(),
        sound["mean"].reshape(-1),
        sound["scale"].reshape(-1),
        sound["low"].item(),
        sound["high"].item(),
        sound["linear.w"].reshape(-1),
        sound["linear.b"].item() + (sound["hidden.3.b"].item() if bent else 0.0),
        np.ascontiguousarray(sound["hidden.0.w"].reshape(count, units).T) if bent else none.reshape(0, count),
        sound["hidden.0.b"].reshape(-1) if bent else none,
        sound["hidden.3.w"].reshape(-1) if bent else none,
    )


def _weights(given: Mapping[str, npt.NDArray[Any]], name: str) -> Floats | None:
    """A constant as float32, also where it was quantized, by the names of `onnx.quantize_weights` and of onnxruntime."""
    if name in given:
        return given[name].astype(np.float32)
    for whole, scale, zero in ((".int8", ".scale", ""), ("_quantized", "_scale", "_zero_point")):
        if name + whole in given and name + scale in given:
            values = given[name + whole].astype(np.float32) - given.get(name + zero, np.zeros(1)).astype(np.float32)
            return (values * given[name + scale]).astype(np.float32)
    return None


def shares(model: Network, features: Floats, baseline: Floats) -> Floats:
    """What each feature adds to the score of features [n, F], beside that of the baseline [F]: float32 [n, F].

    Integrated gradients (Sundararajan, Taly and Yan 2017) along the straight path of the scaled, clipped inputs. On it a hidden
    unit's input runs evenly from a to b and crosses zero at most once, so that the mean of its gradient is
    (max(b, 0) - max(a, 0)) / (b - a), without steps. The multiple of the hybrid score and the linear part are exact by themselves.
    """
    start = model.inputs(baseline[None])
    return _added(model, features, baseline, start, model.units(start))


def attribute(model: Network, features: Floats, baseline: Floats, served: Floats) -> Attribution | None:
    """Where the served scores [n] of features [n, F] come from; None where the network is not what gave them (`TOLERANCE`)."""
    start = model.inputs(baseline[None])
    before = model.units(start)
    added = _added(model, features, baseline, start, before)
    score = model.total(baseline[None], start, before)
    rest: Floats = (served - score - added.sum(axis=1)).astype(np.float32)
    return Attribution(added, float(score[0]), rest) if bool((np.abs(rest) <= TOLERANCE).all()) else None


def _added(model: Network, features: Floats, baseline: Floats, start: Floats, before: Floats) -> Floats:
    """`shares`, with the baseline's scaled inputs [1, F] and what it gives to the hidden units [1, H]."""
    moved = model.inputs(features) - start
    change = moved @ model.hidden.T
    rise = np.maximum(before + change, 0.0) - np.maximum(before, 0.0)
    gates = np.repeat((before > 0).astype(np.float32), len(change), axis=0)
    np.divide(rise, change, out=gates, where=np.abs(change) > _STILL)
    added: Floats = (moved * (model.linear + (gates * model.out) @ model.hidden)).astype(np.float32)
    added[:, _FUSED] += model.fused * (features[:, _FUSED] - baseline[_FUSED])
    return added
