"""Out-of-fold figures, what families are worth, and ways to fit, on made-up groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from etalage.core.errors import ModelError
from ranker.features import FEATURES
from ranker.training import ablation, dataset, fit, folds, trees
from ranker.training.dataset import Group
from ranker.training.fit import Recipe
from ranker.training.report import Plan

pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("lightgbm")

Groups = Callable[..., list[Group]]
SMALL = Recipe(4, 1e-2, rate=3e-2)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, one_thread: None) -> None:
    """One small recipe of few steps."""
    monkeypatch.setattr(fit, "RECIPES", (SMALL,))
    monkeypatch.setattr(fit, "WARM", (replace(fit.WARM[0], rate=3e-4),))
    monkeypatch.setattr(fit, "STEADY", replace(fit.STEADY, epochs=2))
    monkeypatch.setattr(fit, "_EPOCHS", 10)
    monkeypatch.setattr(ablation, "OTHERS", (replace(SMALL, loss="listmle"),))
    monkeypatch.setattr(trees, "TRIALS", 1)


# folds
def test_every_query_is_ranked_by_a_model_that_has_not_seen_it(groups: Groups, monkeypatch: pytest.MonkeyPatch) -> None:
    known, given = [], fit.fit

    def spied(train: Sequence[Group], validation: Sequence[Group], **more: Any) -> fit.Fitted:
        known.append({one.query for one in (*train, *validation)})
        return given(train, validation, **more)

    monkeypatch.setattr(fit, "fit", spied)
    made = groups(23)
    said: list[str] = []
    found = folds.out_of_fold(made, made, Plan(recipes=(SMALL,), warm=False), 3, said.append)
    assert said == ["fold 1 of 3", "fold 2 of 3", "fold 3 of 3"]
    held = [{one.query for one in made} - one for one in known]
    assert sorted(map(len, held)) == [7, 8, 8] and set.union(*held) == {one.query for one in made}
    assert (found["queries"], found["folds"]) == (23, 3)
    assert found["full"] == found["judged_only"]
    assert list(found["full"]["test"]) == ["bm25", "hybrid", "starter", "ranked", "lightgbm"]


def test_figures_are_means_over_all_queries(groups: Groups) -> None:
    made = groups(40, size=12)
    few = [_head(one) for one in made]
    found = folds.out_of_fold(made, few, Plan(recipes=(SMALL,), warm=False), 2)
    for name, measured in (("full", made), ("judged_only", few)):
        test = found[name]["test"]
        assert test["hybrid"] == pytest.approx(np.mean([fit.ndcg_of(one, one.fused) for one in measured]), abs=1e-4)
        difference = found[name]["significance"]["ranked - hybrid"]
        assert difference["difference"] == pytest.approx(test["ranked"] - test["hybrid"], abs=2e-4)
        assert difference["low"] < difference["difference"] < difference["high"]
    assert found["full"]["test"]["ranked"] != found["full"]["test"]["hybrid"]


def _head(group: Group) -> Group:
    """Half of a group's candidates."""
    half = len(group.ids) // 2
    return replace(
        group, ids=group.ids[:half], features=group.features[:half], gains=group.gains[:half], lexical=group.lexical[:half],
        fused=group.fused[:half],
    )  # fmt: skip


def test_more_folds_than_queries_are_refused(groups: Groups) -> None:
    made = groups(3)
    with pytest.raises(ModelError, match=r"too few judged queries for so many folds: 3 queries, 5 folds.*--folds"):
        folds.out_of_fold(made, made, Plan(), 5)


# families
def test_what_a_family_is_worth(groups: Groups) -> None:
    told = next(one for one in FEATURES if one.name == "title_coverage").family
    plan = Plan(recipes=(SMALL,), warm=False)
    found = ablation.families(groups(100, size=12), plan)
    assert found["queries"] == {"train": 64, "validation": 16, "test": 20}
    assert list(found["without"]) == ["", *dict.fromkeys(one.family for one in FEATURES)]
    whole = found["without"][""]
    assert set(whole) == {"network", "lightgbm"}
    for model in whole:
        missed = found["without"][told][model]
        assert missed["ndcg"] < whole[model]["ndcg"] - 0.05
        assert missed["difference"] == pytest.approx(missed["ndcg"] - whole[model]["ndcg"], abs=2e-4)


def test_a_family_is_left_out_by_what_stands_where_nothing_is_known(groups: Groups) -> None:
    (one,) = groups(1)
    less = dataset.without(one, ("behaviour", "looks"))
    for number, feature in enumerate(FEATURES):
        if feature.family in ("behaviour", "looks"):
            assert (less.features[:, number] == np.float32(feature.missing)).all()
        else:
            np.testing.assert_array_equal(less.features[:, number], one.features[:, number])


# recipes
def test_every_way_to_fit_is_in_the_table(groups: Groups) -> None:
    found = ablation.recipes(groups(40), Plan())
    names = list(found["models"])
    assert len(names) == 5 and names[-1] == "LightGBM, best of 1 settings"
    assert sum("from" in name for name in names) == 2 and sum("listmle" in name for name in names) == 1
    for name, one in found["models"].items():
        assert (one["validation"] is None) == ("epochs" in name)
        assert 0 < one["test"] <= 1 and set(one) >= {"difference", "p", "low", "high", "seconds"}
