"""LightGBM as a yardstick, and how it is tuned."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from etalage.core import onnx
from etalage.core.errors import ConfigError
from ranker.features import NAMES
from ranker.training import fit, trees
from ranker.training.dataset import Group

pytest.importorskip("lightgbm")

Groups = Callable[..., list[Group]]


def test_trees_learn_on_the_same_rows(groups: Groups) -> None:
    found = trees.fit(groups(60), groups(20, seed=1), minutes=0)
    assert found is not None and found.tried == 1 and found.settings == trees.FIRST
    test = groups(20, seed=2)
    hybrid = fit.mean_ndcg(test, lambda rows: rows[:, NAMES.index("fused")])
    assert fit.mean_ndcg(test, found.score) > 0.9 > hybrid


def test_the_best_settings_on_validation_are_kept(groups: Groups, monkeypatch: pytest.MonkeyPatch) -> None:
    # A leaf that needs more rows than there are learns nothing.
    monkeypatch.setattr(trees, "FIRST", {**trees.FIRST, "min_data_in_leaf": 10_000})
    monkeypatch.setattr(
        trees, "SPACE", {name: (value,) for name, value in trees.FIRST.items()} | {"min_data_in_leaf": (20,)}
    )
    monkeypatch.setattr(trees, "TRIALS", 3)
    found = trees.fit(groups(60), groups(20, seed=1))
    assert found is not None and found.tried == 3
    assert found.settings["min_data_in_leaf"] == 20


def test_given_settings_are_not_tuned(groups: Groups) -> None:
    given = {**trees.FIRST, "num_leaves": 7, "bagging_fraction": 0.7}
    found = trees.fit(groups(30), groups(10, seed=1), settings=given)
    assert found is not None and (found.settings, found.tried) == (given, 1)


def test_without_lightgbm_there_are_none(groups: Groups, monkeypatch: pytest.MonkeyPatch) -> None:
    given = onnx.extra

    def extra(name: str) -> object:
        if name == "lightgbm":
            raise ConfigError("lightgbm is not installed")
        return given(name)

    monkeypatch.setattr(onnx, "extra", extra)
    assert trees.fit(groups(2), groups(2)) is None
