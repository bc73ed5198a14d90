"""Fitting small networks: where they start, and what they learn."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from etalage.core import artifact
from etalage.core.artifact import Artifact
from etalage.core.errors import ModelError
from etalage.core.records import Floats
from ranker.features import NAMES
from ranker.rerank import STARTER
from ranker.training import fit
from ranker.training.dataset import Group
from ranker.training.fit import Fitted, Recipe

from .networks import matrix, untrained

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

Groups = Callable[..., list[Group]]
FUSED = NAMES.index("fused")
SMALL = (Recipe(4, 1e-2, rate=3e-2),)


@pytest.fixture(autouse=True)
def seeded(one_thread: None) -> None:
    """The same random weights in every test."""
    torch.manual_seed(3)


def added(fitted: Fitted, rows: Floats) -> Floats:
    """What the network adds to the hybrid score."""
    return np.asarray(fitted.score(rows) - fitted.module.fused.item() * rows[:, FUSED], np.float32)


# measuring
def test_ndcg_by_hand() -> None:
    rows = np.zeros((3, len(NAMES)), np.float32)
    none = np.zeros(3, np.float32)
    group = Group("q", ["c", "a", "b"], rows, none, none, none, {"b": 1.0, "x": 1.0})
    best = 1 + 1 / math.log2(3)
    assert fit.ndcg_of(group, np.array([1, 2, 3], np.float32)) == pytest.approx(1 / best)
    # Equal scores stand by id: a, b, c.
    assert fit.ndcg_of(group, none) == pytest.approx(1 / math.log2(3) / best)
    assert fit.mean_ndcg([group, replace(group, ratings={"a": 1.0})], lambda _: none) == pytest.approx(
        (1 / math.log2(3) / best + 1) / 2
    )
    assert fit.mean_ndcg([], lambda _: none) == 0.0


# the network
@pytest.mark.parametrize("hidden", [0, 8])
def test_a_network_starts_as_the_hybrid_order(hidden: int) -> None:
    rows = matrix(20)
    module = fit.network(Recipe(hidden, 0.0), rows.mean(axis=0), rows.std(axis=0))
    bias = 0.0 if not hidden else module.hidden[-1].bias.item()
    np.testing.assert_allclose(
        Fitted(module, Recipe(hidden, 0.0), 0.0).score(rows), 6 * rows[:, FUSED] + bias, atol=1e-5
    )


def test_a_linear_network_by_hand() -> None:
    fitted = untrained(Recipe(0, 0.0), **{"linear.weight": 0.5, "linear.bias": 2.0})
    rows = np.full((3, len(NAMES)), 0.5, np.float32)
    rows[1, 0] = 0.75  # one deviation above the mean
    rows[2, 0] = 100.0  # counts as four
    np.testing.assert_allclose(fitted.score(rows), [5.0, 5.5, 7.0], atol=1e-5)


@pytest.mark.parametrize("hidden", [0, 8])
def test_trust_scales_what_is_added_to_the_hybrid_score(hidden: int) -> None:
    rows = matrix(20)
    fitted = untrained(Recipe(hidden, 0.0))
    whole = added(fitted, rows)
    assert np.abs(whole).max() > 0.1
    np.testing.assert_allclose(added(fit.shrunk(fitted, 1.0), rows), whole, atol=1e-5)
    np.testing.assert_allclose(added(fit.shrunk(fitted, 0.25), rows), whole * 0.25, atol=1e-5)
    np.testing.assert_allclose(added(fit.shrunk(fitted, 0.0), rows), 0, atol=1e-5)


@pytest.mark.parametrize("hidden", [0, 8])
def test_a_told_weight_counts_in_the_score_as_it_is(hidden: int) -> None:
    rows = matrix(20)
    unknown = rows.copy()
    unknown[:, NAMES.index("served")] = 0
    fitted = fit.told(untrained(Recipe(hidden, 0.0)), {"served": -2.0})
    np.testing.assert_allclose(
        fitted.score(rows), fitted.score(unknown) - 2 * rows[:, NAMES.index("served")], atol=1e-4
    )
    fit.shrunk(fitted, 0.5)
    np.testing.assert_allclose(fitted.score(rows), fitted.score(unknown) - rows[:, NAMES.index("served")], atol=1e-4)


# fitting
def test_it_learns_what_tells_relevant_products_apart(groups: Groups, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "RECIPES", SMALL)
    monkeypatch.setattr(fit, "_EPOCHS", 20)
    found = fit.fit(groups(60, size=12), groups(10, size=12, seed=1), seed=5)
    others = groups(20, size=12, seed=2)
    hybrid = fit.mean_ndcg(others, lambda rows: rows[:, FUSED])
    assert hybrid < 0.7 < 0.85 < fit.mean_ndcg(others, found.score)
    assert found.validation == pytest.approx(fit.mean_ndcg(groups(10, size=12, seed=1), found.score))
    assert found.recipe == SMALL[0] and not found.module.training


def test_the_same_seed_gives_the_same_weights(groups: Groups, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "RECIPES", SMALL)
    monkeypatch.setattr(fit, "_EPOCHS", 3)
    made = [fit.fit(groups(10), groups(5, seed=1), seed=seed) for seed in (4, 4, 5)]
    first, again, other = (one.score(matrix(10)) for one in made)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-4


def test_lists_of_any_length_are_batched(groups: Groups, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "RECIPES", SMALL)
    monkeypatch.setattr(fit, "_EPOCHS", 2)
    mixed = [*groups(20, size=3), *groups(20, size=9), *groups(1, size=1)]
    assert 0 < fit.fit(mixed, mixed[:5]).validation <= 1


def test_it_is_never_worse_on_validation_than_where_it_starts(groups: Groups, monkeypatch: pytest.MonkeyPatch) -> None:
    # Training says the contrary of validation.
    monkeypatch.setattr(fit, "RECIPES", SMALL)
    train = [replace(one, gains=1 - one.gains) for one in groups(20, told_by="fused")]
    validation = groups(10, seed=1, told_by="fused")
    found = fit.fit(train, validation)
    assert found.validation == fit.mean_ndcg(validation, lambda rows: rows[:, FUSED]) == 1.0
    assert fit.mean_ndcg(validation, found.score) == 1.0


def test_the_best_recipe_is_kept(groups: Groups, monkeypatch: pytest.MonkeyPatch) -> None:
    # A rate of nothing learns nothing.
    idle = Recipe(2, 0.0, rate=1e-12)
    monkeypatch.setattr(fit, "_EPOCHS", 15)
    for recipes in ((idle, *SMALL), (*SMALL, idle)):
        monkeypatch.setattr(fit, "RECIPES", recipes)
        assert fit.fit(groups(20), groups(10, seed=1)).recipe == SMALL[0]


def test_when_time_is_over_the_first_recipe_is_kept(groups: Groups) -> None:
    found = fit.fit(groups(5), groups(5, seed=1), minutes=0.0)
    assert found.recipe == fit.RECIPES[0]


def test_going_on_from_weights_keeps_what_they_know(groups: Groups, monkeypatch: pytest.MonkeyPatch) -> None:
    warm = fit.WARM[0]
    monkeypatch.setattr(fit, "WARM", (warm,))
    monkeypatch.setattr(fit, "_EPOCHS", 2)
    knowing = untrained(warm, **{"linear.bias": 0.0})
    start = {name: tensor.numpy() for name, tensor in knowing.module.state_dict().items()}
    validation = groups(5, seed=1)
    # Judged by the very scores of those weights.
    judged = [replace(one, ratings=_best(one, knowing.score(one.features))) for one in validation]
    found = fit.fit(groups(5), judged, start=start, recipes=())
    assert (found.recipe, found.validation) == (warm, 1.0)
    np.testing.assert_allclose(found.score(matrix(9)), knowing.score(matrix(9)), atol=1e-5)


def test_few_queries_all_train_as_long_as_the_recipe_says(groups: Groups, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "STEADY", replace(fit.STEADY, epochs=15, rate=3e-2))
    knowing = untrained(Recipe(4, 0.0))
    start = {name: tensor.numpy() for name, tensor in knowing.module.state_dict().items()}
    # What validation tells is learnt too: the training queries alone say the contrary.
    contrary = [replace(one, gains=1 - one.gains) for one in groups(4)]
    validation = groups(60, seed=1)
    found = fit.fit(contrary, validation, start=start)
    assert found.recipe == replace(fit.STEADY, hidden=4)
    assert found.validation == pytest.approx(fit.mean_ndcg(validation, found.score))
    assert found.validation > fit.mean_ndcg(validation, knowing.score) + 0.1
    monkeypatch.setattr(fit, "FEW", 10)
    assert fit.fit(contrary, groups(6, seed=1), start=start, recipes=SMALL).recipe.epochs == 0


def test_training_begins_and_ends_nearer_to_the_hybrid_order(groups: Groups) -> None:
    knowing = untrained(Recipe(4, 0.0))
    start = {name: tensor.numpy() for name, tensor in knowing.module.state_dict().items()}
    idle = Recipe(4, 0.0, 0.0, 1e-12, warm=True, begin=0.5, epochs=1, keep=0.5)
    found = fit.fit_one(idle, groups(3), groups(3), minutes=1, start=start)
    np.testing.assert_allclose(added(found, matrix(9)), added(knowing, matrix(9)) * 0.25, atol=1e-4)


@pytest.mark.parametrize("loss", ["softmax", "lambdaloss", "listmle"])
def test_every_loss_learns(groups: Groups, loss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "_EPOCHS", 15)
    recipe, others = replace(SMALL[0], loss=loss), groups(20, size=12, seed=2)
    found = fit.fit(groups(60, size=12), groups(10, size=12, seed=1), recipes=(recipe,))
    assert fit.mean_ndcg(others, found.score) > fit.mean_ndcg(others, lambda rows: rows[:, FUSED]) + 0.1
    assert loss in str(found.recipe)


def _best(group: Group, scores: Floats) -> dict[str, float]:
    return {group.ids[int(scores.argmax())]: 1.0}


def test_too_few_judgments_are_refused(groups: Groups) -> None:
    useless = [replace(one, gains=one.gains * 0) for one in groups(3)]
    for train, validation in ((useless, groups(1)), ([], groups(1)), (groups(3), [])):
        with pytest.raises(ModelError, match=r"too few judged queries.*with a relevant candidate.*Judge more"):
            fit.fit(train, validation)


# weights
def test_weights_are_kept_beside_the_model() -> None:
    loaded = artifact.load(STARTER)
    start = fit.starting_weights(loaded)
    assert start is not None
    module = fit.network(fit.warm(start)[0], np.zeros(len(NAMES), np.float32), np.ones(len(NAMES), np.float32))
    module.load_state_dict({name: torch.from_numpy(array) for name, array in start.items()})
    again = fit.weights_of(Fitted(module, fit.WARM[0], 0.0))
    kept = fit.starting_weights(Artifact(loaded.manifest, b"", again))
    assert kept is not None and kept.keys() == start.keys()
    for name, array in start.items():
        np.testing.assert_array_equal(kept[name], array)


def test_weights_of_another_feature_list_are_not_gone_on_from() -> None:
    loaded = artifact.load(STARTER)
    assert fit.starting_weights(replace(loaded, weights=b"")) is None
    for manifest in (replace(loaded.manifest, contract="other"), replace(loaded.manifest, features=NAMES[:-1])):
        assert fit.starting_weights(replace(loaded, manifest=manifest)) is None


@pytest.mark.parametrize("hidden", [0, 8])
def test_what_was_learnt_is_carried_to_a_longer_list_of_features(hidden: int) -> None:
    fitted = untrained(Recipe(hidden, 0.0))
    rows = matrix(20)
    manifest = artifact.load(STARTER).manifest
    # As if the second feature of the present list had not been there, and the others in another order.
    known = [*range(len(NAMES) - 1, 1, -1), 0]
    whole = {name: tensor.numpy() for name, tensor in fitted.module.state_dict().items()}
    short = {name: array[..., known] if array.shape[-1:] == (len(NAMES),) else array for name, array in whole.items()}
    older = replace(manifest, features=tuple(NAMES[column] for column in known))
    carried = fit.given(fit.carried(Artifact(older, b"", saved(short))), [])
    changed = rows.copy()
    changed[:, 1] += 5
    np.testing.assert_array_equal(carried.score(changed), carried.score(rows))
    blind = rows.copy()
    blind[:, 1] = whole["mean"][1]
    np.testing.assert_allclose(carried.score(rows), fitted.score(blind), atol=1e-4)


def test_what_cannot_be_carried_over_is_refused() -> None:
    loaded = artifact.load(STARTER)
    for other in (
        replace(loaded, weights=b""),
        replace(loaded, manifest=replace(loaded.manifest, features=("gone", *NAMES[1:]))),
    ):
        with pytest.raises(ModelError, match="carried over"):
            fit.carried(other)


def saved(weights: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **weights)
    return buffer.getvalue()
