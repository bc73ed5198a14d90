"""Smaller networks: what is left out, and that what it gave on average stays."""

from __future__ import annotations

import numpy as np
import pytest

from etalage.core import onnx
from etalage.core.records import Floats
from ranker.features import NAMES
from ranker.training import export, pruning
from ranker.training.fit import Recipe

from .networks import matrix, untrained

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")


@pytest.fixture
def whole(one_thread: None) -> pruning.Weights:
    torch.manual_seed(3)
    return export.weights_of(untrained(Recipe(8, 0.0)).module)


def scores(weights: pruning.Weights, rows: Floats) -> Floats:
    session = onnx.session(export.graph_of(weights).SerializeToString())
    return np.asarray(onnx.run(session, {"features": rows})[0].reshape(-1), np.float32)


def test_the_smallest_weights_are_zero(whole: pruning.Weights) -> None:
    layer, less = whole["hidden.0.weight"], pruning.weights(whole, 0.5)["hidden.0.weight"]
    assert (less == 0).mean() == pytest.approx(0.5, abs=0.01)
    assert np.abs(layer[less == 0]).max() <= np.abs(layer[less != 0]).min()
    np.testing.assert_array_equal(less[less != 0], layer[less != 0])


def test_units_that_carry_nothing_go_first(whole: pruning.Weights) -> None:
    idle = [1, 2, 5, 6]
    whole["hidden.3.weight"] = whole["hidden.3.weight"].copy()
    whole["hidden.3.weight"][0, idle] = 0
    rows = matrix(50)
    less = pruning.units(whole, 0.5, rows)
    assert less["hidden.0.weight"].shape == (4, len(NAMES)) and less["hidden.3.weight"].shape == (1, 4)
    np.testing.assert_allclose(scores(less, rows), scores(whole, rows), atol=1e-4)


def test_a_unit_that_never_changes_goes_into_the_bias(whole: pruning.Weights) -> None:
    whole["hidden.0.weight"] = whole["hidden.0.weight"].copy()
    whole["hidden.0.weight"][3] = 0
    whole["hidden.0.bias"] = whole["hidden.0.bias"].copy()
    whole["hidden.0.bias"][3] = 2.0
    rows = matrix(50)
    np.testing.assert_allclose(scores(pruning.units(whole, 1 / 8, rows), rows), scores(whole, rows), atol=1e-4)


def test_features_that_are_not_read_go_first(whole: pruning.Weights) -> None:
    unread = np.arange(len(NAMES)) % 2 == 0
    whole["hidden.0.weight"] = np.where(unread, np.float32(0), whole["hidden.0.weight"])
    rows = matrix(50)
    less = pruning.features(whole, unread.mean(), rows)
    np.testing.assert_array_equal(less[pruning.KEPT], np.flatnonzero(~unread))
    np.testing.assert_allclose(scores(less, rows), scores(whole, rows), atol=1e-4)


def test_something_always_stays(whole: pruning.Weights) -> None:
    rows = matrix(9)
    assert pruning.units(whole, 1.0, rows)["hidden.0.weight"].shape == (1, len(NAMES))
    assert len(pruning.features(whole, 1.0, rows)[pruning.KEPT]) == 1
