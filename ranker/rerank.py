"""Score a feature matrix with the artifact's int8 ONNX model."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from etalage.core import artifact, onnx
from etalage.core.errors import FeatureMismatch, ModelError, QueryError
from etalage.core.records import Floats
from ranker import attribution
from ranker.features import NAMES, contract_hash

STARTER = Path(__file__).parent / "starter"
"""The artifact that ships with the package, trained on the generated sample shop."""


class Ranker:
    """A loaded ranker. Thread-safe.

    Attributes:
        manifest: what it was trained on.
        network: what it computes, for explanations; None for one of another form.
    """

    def __init__(self, loaded: artifact.Artifact) -> None:
        """Raises FeatureMismatch when it was trained on another feature list, ModelError when it does not load."""
        self.manifest = loaded.manifest
        if loaded.manifest.contract != contract_hash() or loaded.manifest.features != NAMES:
            raise FeatureMismatch(
                "the ranker was trained on another feature list",
                value=loaded.manifest.name,
                remedy="Train again with `etalage train ranker`.",
            )
        self._session = onnx.session(loaded.model)
        self.network = attribution.network(loaded.model)

    def score(self, matrix: Floats) -> Floats:
        """Scores float32 [n] of features float32 [n, len(FEATURES)]; higher is better."""
        if not len(matrix):
            return np.zeros(0, np.float32)
        scores: Floats = onnx.run(self._session, {"features": matrix})[0].reshape(-1)
        if not np.isfinite(scores).all():
            raise ModelError("the ranker gave a score that is not finite", value=self.manifest.name)
        return scores


def load(home: Path) -> Ranker:
    """The ranker of a home: its current artifact, else the packaged starter.

    Raises:
        ModelNotFound, ModelError, FeatureMismatch: it cannot be used.
    """
    return Ranker(artifact.load(artifact.current(home / "rankers") or STARTER))


def named(home: Path, name: str) -> Ranker:
    """The ranker that a request asks for by name: `starter`, or an artifact of the home.

    Raises:
        QueryError: there is none of that name.
        ModelError, FeatureMismatch: it cannot be used.
    """
    root = home / "rankers"
    known = sorted(one.name for one in root.iterdir() if one.is_dir() and one.name[0] != ".") if root.is_dir() else []
    if name == STARTER.name:
        return Ranker(artifact.load(STARTER))
    if name not in known:
        raise QueryError("there is no such ranker", value=name, remedy=f"Use one of: {', '.join([STARTER.name, *known])}.")
    return Ranker(artifact.load(root / name))
