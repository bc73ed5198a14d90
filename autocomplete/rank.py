"""Order completions by what is known of the moment: a small network that was learnt from visits."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Final
from zipfile import BadZipFile

import numpy as np

from autocomplete.features import FAMILIES, FEATURES, Floats, contract_hash
from etalage.core import artifact, onnx
from etalage.core.errors import FeatureMismatch, ModelError

POOL: Final = 50
"""The best completions by score, which are ordered anew."""

STARTER: Final = Path(__file__).parent / "starter"
"""The model that ships with the package, learnt from the visits of generated sample shops (`etalage.demo.completions`)."""

_REMEDY: Final = "Train it again with `etalage suggest train`."
_WEIGHTS: Final = ("mean", "scale", "linear.w", "hidden.w", "hidden.b", "out.w")
"""What explanations need of the network."""
_STEPS: Final = 32
"""Points of the line along which gradients are summed."""


class Ranking:
    """A loaded model. Thread-safe.

    Attributes:
        manifest: what it was learnt from.
    """

    def __init__(self, loaded: artifact.Artifact) -> None:
        """Raises FeatureMismatch when it was trained on another list of features, ModelError when it does not load."""
        self.manifest = loaded.manifest
        if loaded.manifest.contract != contract_hash() or loaded.manifest.features != FEATURES:
            raise FeatureMismatch(
                "the model for completions was trained on another feature list",
                value=loaded.manifest.name,
                remedy=_REMEDY,
            )
        if not loaded.weights:
            raise ModelError("the model for completions lacks its weights", value=loaded.manifest.name, remedy=_REMEDY)
        self._session = onnx.session(loaded.model)
        try:
            with np.load(io.BytesIO(loaded.weights)) as arrays:
                self._weights: dict[str, Floats] = {name: arrays[name] for name in _WEIGHTS}
        except (ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
            raise ModelError(
                f"the weights of the model for completions cannot be read ({error})",
                value=loaded.manifest.name,
                remedy=_REMEDY,
            ) from None

    def score(self, rows: Floats) -> Floats:
        """Scores float32 [n] of features; higher is better. Raises ModelError."""
        scores: Floats = onnx.run(self._session, {"features": rows})[0].reshape(-1)
        if not np.isfinite(scores).all():
            raise ModelError("the model for completions gave a score that is not finite", value=self.manifest.name)
        return scores

    def contributions(self, rows: Floats) -> dict[str, Floats]:
        """What each of `FAMILIES` adds to the scores [n], against the mean of all rows (integrated gradients, Sundararajan, Taly and Yan,
        ICML 2017)."""
        weights = self._weights
        base = (rows.mean(axis=0) - weights["mean"]) * weights["scale"]
        change = (rows - weights["mean"]) * weights["scale"] - base
        slopes = np.tile(weights["linear.w"].reshape(-1), (len(rows), 1))
        for step in (np.arange(_STEPS) + 0.5) / _STEPS:
            active = (base + change * step) @ weights["hidden.w"] + weights["hidden.b"] > 0
            slopes += (active * weights["out.w"].reshape(-1)) @ weights["hidden.w"].T / _STEPS
        shares = slopes * change
        return {name: shares[:, [FEATURES.index(one) for one in some]].sum(axis=1) for name, some in FAMILIES.items()}


def load(home: Path) -> Ranking:
    """The model of a folder of artifacts: its current one, else the packaged starter.

    Raises:
        ModelNotFound, ModelError, FeatureMismatch: it cannot be used.
    """
    return Ranking(artifact.load(artifact.current(home) or STARTER, _REMEDY))
