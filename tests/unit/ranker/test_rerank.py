"""The ranker's model: loaded, refused, and scoring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from etalage.core import artifact
from etalage.core.artifact import Artifact
from etalage.core.errors import FeatureMismatch, ModelError, ModelNotFound
from ranker.features import NAMES
from ranker.rerank import STARTER, Ranker, load

Linear = Callable[..., Artifact]


def test_scores_are_those_of_the_model(linear: Linear) -> None:
    ranker = Ranker(linear({"bm25": 2.0, "price": -1.0}))
    matrix = np.zeros((3, len(NAMES)), np.float32)
    matrix[:, NAMES.index("bm25")] = [0.5, 1.0, 0.0]
    matrix[:, NAMES.index("price")] = [0.0, 0.25, 1.0]
    scores = ranker.score(matrix)
    assert scores.tolist() == [1.0, 1.75, -1.0]
    assert scores.dtype == np.float32


def test_the_runtime_keeps_to_what_the_model_says() -> None:
    """Without optimizations the int8 weights are widened, and products are of float32."""
    loaded = artifact.load(STARTER)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    plain = onnxruntime.InferenceSession(loaded.model, options, providers=["CPUExecutionProvider"])
    matrix = np.random.default_rng(3).random((50, len(NAMES)), np.float32)
    expected = plain.run(None, {"features": matrix})[0].reshape(-1)
    np.testing.assert_allclose(Ranker(loaded).score(matrix), expected, atol=1e-4)


def test_no_candidates_give_no_scores(linear: Linear) -> None:
    assert Ranker(linear({})).score(np.zeros((0, len(NAMES)), np.float32)).shape == (0,)


def test_a_score_that_is_not_finite_is_refused(linear: Linear) -> None:
    ranker = Ranker(linear({"bm25": float("nan")}))
    with pytest.raises(ModelError, match="not finite: linear"):
        ranker.score(np.ones((2, len(NAMES)), np.float32))


def test_a_matrix_of_another_width_is_refused(ranker: Ranker) -> None:
    with pytest.raises(ModelError, match="failed to run"):
        ranker.score(np.zeros((2, len(NAMES) + 1), np.float32))


def test_another_feature_list_is_refused(starter: Artifact) -> None:
    other = replace(starter.manifest, contract="0" * 16)
    with pytest.raises(FeatureMismatch, match="another feature list") as caught:
        Ranker(Artifact(other, starter.model))
    assert "train ranker" in caught.value.remedy
    turned = replace(starter.manifest, features=tuple(reversed(NAMES)))
    with pytest.raises(FeatureMismatch):
        Ranker(Artifact(turned, starter.model))


def test_what_is_no_model_is_refused(starter: Artifact) -> None:
    with pytest.raises(ModelError, match="cannot be loaded"):
        Ranker(Artifact(starter.manifest, b"not onnx"))


def test_a_fresh_home_uses_the_starter(tmp_path: Path, starter: Artifact) -> None:
    assert load(tmp_path).manifest == starter.manifest
    assert (STARTER / artifact.MODEL).read_bytes() == starter.model


def test_a_home_uses_its_current_artifact(tmp_path: Path, linear: Linear) -> None:
    made = linear({"bm25": 1.0})
    artifact.save(tmp_path / "rankers", made.manifest, made.model)
    assert load(tmp_path).manifest.name == "linear"


def test_a_home_whose_artifact_is_gone_is_not_served_by_the_starter(tmp_path: Path, linear: Linear) -> None:
    made = linear({})
    folder = artifact.save(tmp_path / "rankers", made.manifest, made.model)
    (folder / artifact.MODEL).unlink()
    with pytest.raises(ModelNotFound, match="incomplete"):
        load(tmp_path)


def test_the_starter_scores_a_list_alike_in_any_order(ranker: Ranker) -> None:
    generator = np.random.default_rng(0)
    matrix = generator.random((40, len(NAMES)), np.float32)
    order = generator.permutation(40)
    scores = ranker.score(matrix)
    assert np.unique(scores).size > 20
    np.testing.assert_allclose(ranker.score(matrix[order]), scores[order], rtol=1e-6, atol=1e-6)
