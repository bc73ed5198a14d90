"""The training flow and its report, on made-up groups and on a small shop."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from etalage.core import artifact
from etalage.core.artifact import Artifact, query_hash
from etalage.core.encoders import adapter as serving
from etalage.core.encoders.adapter import AdapterManifest
from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.errors import ModelError
from etalage.core.records import Document, Floats
from opensearch.engine import Generation, SearchEngine
from ranker.adapt import Adaptation
from ranker.features import NAMES, contract_hash
from ranker.rerank import STARTER, Ranker
from ranker.training import adapter, dataset, fit, report, trees
from ranker.training.dataset import Group
from ranker.training.fit import Recipe
from ranker.training.judgments import Judgments, Qrels
from ranker.training.report import Plan
from ranker.training.residual import Residual

pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("lightgbm")

Groups = Callable[..., list[Group]]
Linear = Callable[..., Artifact]
Make = Callable[..., Document]
Serve = Callable[..., Generation]
FUSED = NAMES.index("fused")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, one_thread: None) -> None:
    """One small recipe of few steps."""
    monkeypatch.setattr(fit, "RECIPES", (Recipe(4, 1e-2, rate=3e-2),))
    monkeypatch.setattr(fit, "WARM", (replace(fit.WARM[0], rate=3e-4),))
    monkeypatch.setattr(fit, "STEADY", replace(fit.STEADY, epochs=2))
    monkeypatch.setattr(fit, "_EPOCHS", 5)
    monkeypatch.setattr(trees, "TRIALS", 1)


def by_fused(matrix: Floats) -> Floats:
    return matrix[:, FUSED]


# comparing
def test_arms_by_hand() -> None:
    rows = np.zeros((3, len(NAMES)), np.float32)
    rows[:, FUSED] = [0.1, 0.2, 0.3]
    gains = np.array([0, 1, 0], np.float32)
    lexical, fused = np.array([3, 2, 1], np.float32), np.array([2, 3, 1], np.float32)
    group = Group("q", ["a", "b", "c"], rows, gains, lexical, fused, {"b": 1.0})
    arms = report.compare([group], by_fused, trees.fit([group], [group]), Plan())
    second = pytest.approx([1 / math.log2(3)])
    assert (arms["bm25"], arms["hybrid"], arms["ranked"], arms["oracle"]) == (second, [1.0], second, [1.0])
    assert list(arms) == ["random", "bm25", "hybrid", "ranked", "oracle", "lightgbm"]
    assert all(len(values) == 1 and 0 <= values[0] <= 1 for values in arms.values())


def test_the_random_arm_depends_on_the_seed_alone(groups: Groups) -> None:
    test = groups(10)
    first, again, other = (report.compare(test, by_fused, None, Plan(seed=seed))["random"] for seed in (1, 1, 2))
    assert first == again != other


def test_the_model_before_is_compared_on_queries_it_has_not_seen(groups: Groups, linear: Linear) -> None:
    test = groups(4)
    before = Ranker(linear({"title_coverage": 1.0}, queries=["something else"]))
    arms = report.compare(test, by_fused, None, Plan(before=before))
    assert arms["before"] == [1.0] * 4
    seen = Ranker(linear({"title_coverage": 1.0}, queries=["Query  2"]))
    assert "before" not in report.compare(test, by_fused, None, Plan(before=seen))


# fitting and reporting
def test_an_artifact_and_its_figures(groups: Groups) -> None:
    made, figures = report.fitted(groups(25), Plan(seed=3, trained_on="a shop", warm=False))
    assert figures["queries"] == {"train": 16, "validation": 4, "test": 5}
    assert list(figures["test"]) == ["random", "bm25", "hybrid", "ranked", "oracle", "lightgbm"]
    assert figures["test"]["oracle"] == 1.0
    assert set(figures["significance"]) == {f"ranked - {arm}" for arm in ("random", "bm25", "hybrid", "lightgbm")}
    for arm in ("bm25", "hybrid"):
        difference = figures["significance"][f"ranked - {arm}"]["difference"]
        assert difference == pytest.approx(figures["test"]["ranked"] - figures["test"][arm], abs=2e-4)
    assert figures["recipe"] == {"hidden": 4, "decay": 1e-2, "dropout": 0.1, "warm": False, "loss": "softmax"}
    assert figures["lightgbm"] == {"settings": dict(trees.FIRST), "tried": 1}
    assert {"fp32", "weights", "50% of the units", "50% of the units, int8 weights"} < set(figures["parity"]["forms"])
    assert figures["parity"]["rank_int8"] >= 0.98 and 0 <= figures["validation"] <= 1

    manifest = made.manifest
    assert (manifest.features, manifest.contract, manifest.trained_on) == (NAMES, contract_hash(), "a shop")
    assert manifest.metrics == figures
    assert manifest.model_hash == sha256(made.model).hexdigest()
    assert manifest.name == f"ranker-{manifest.model_hash[:12]}"
    # What it was trained or chosen on, and nothing that it is reported on.
    hashes = {query_hash(f"query {number}") for number in range(25)}
    assert len(manifest.queries) == 20 and set(manifest.queries) < hashes
    assert list(manifest.queries) == sorted(manifest.queries)
    Ranker(made)


def test_going_on_from_the_starter(groups: Groups, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "RECIPES", ())
    start = fit.starting_weights(artifact.load(STARTER))
    assert start is not None
    made, figures = report.fitted(groups(60), Plan(recipes=()))
    assert (
        figures["recipe"]["warm"] is True
        and figures["validation"] is not None
        and figures["recipe"]["hidden"] == len(start["hidden.0.bias"])
    )
    assert fit.starting_weights(made) is not None


def test_few_queries_all_train_from_the_starter(groups: Groups) -> None:
    made, figures = report.fitted(groups(25), Plan())
    assert figures["recipe"]["warm"] is True and figures["validation"] is None
    assert len(made.manifest.queries) == 20


def test_without_trust_the_model_is_the_hybrid_order_and_keeps_its_weights(groups: Groups) -> None:
    made, figures = report.fitted(groups(80), Plan(trust=0.0, warm=False))
    assert figures["test"]["ranked"] == figures["test"]["hybrid"]
    weights = fit.starting_weights(made)
    assert weights is not None and np.abs(weights["hidden.3.weight"]).max() > 0


def test_what_is_told_is_not_learnt(groups: Groups) -> None:
    small = (fit.Recipe(0, 1e-2, rate=3e-2),)
    made, _ = report.fitted(groups(60), Plan(recipes=small, warm=False, told={"served": -2.0}))
    weights = fit.starting_weights(made)
    assert weights is not None
    at = NAMES.index("served")
    assert (weights["linear.weight"][0, at], weights["mean"][at], weights["scale"][at]) == (-2, 0, 1)
    # Nothing of the family was seen in training.
    assert weights["mean"][NAMES.index("noun")] == 0 != weights["mean"][NAMES.index("bm25")]
    again, _ = report.fitted(groups(60), Plan(told={"served": -3.0}, learnt=fit.carried(made)))
    kept = fit.starting_weights(again)
    assert kept is not None and kept["linear.weight"][0, at] == -3
    weights["linear.weight"][0, at] = -3
    np.testing.assert_array_equal(kept["linear.weight"], weights["linear.weight"])


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_too_few_queries_are_refused(groups: Groups, count: int) -> None:
    with pytest.raises(ModelError, match=f"too few judged queries to train on: {count}"):
        report.fitted(groups(count), Plan())


# the whole flow
@pytest.fixture
def goods(make: Make, serve: Serve) -> Qrels:
    """A shop of twelve products in three colours, and judgments of twelve queries."""
    nouns, colours = ("shoe", "lamp", "chair", "rug"), ("red", "blue", "green")
    names = [f"{colour} {noun}" for noun in nouns for colour in colours]
    serve(*(make(name.replace(" ", "-"), name, price=1000 + 10 * number) for number, name in enumerate(names)))
    return {name: {other.replace(" ", "-"): float(other == name) for other in names} for name in names}


def judged(qrels: Qrels) -> Judgments:
    return Judgments(qrels, {query: query for query in qrels}, "digest")


def test_a_trained_ranker_becomes_current(
    engine: SearchEngine, encoder: HashingEncoder, goods: Qrels, tmp_path: Path
) -> None:
    root = tmp_path / "rankers"
    shown: list[str] = []

    def progress(queries: Iterable[str]) -> Iterable[str]:
        shown.extend(queries)
        return shown

    found = report.train(engine, "products", encoder, judged(goods), root, Plan(warm=False), progress)
    assert shown == list(goods)
    assert (found["saved"], found["queries"]) == (True, {"train": 8, "validation": 2, "test": 2})
    folder = artifact.current(root)
    assert folder is not None and folder == root / found["ranker"]
    loaded = artifact.load(folder)
    assert loaded.manifest.name == found["ranker"] and loaded.weights
    assert loaded.manifest.metrics["test"] == found["test"]


def test_a_worse_ranker_replaces_none_unless_forced(
    engine: SearchEngine, encoder: HashingEncoder, goods: Qrels, linear: Linear, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    # The judgments say that the dearest is best; only the ranker before knows.
    names = list(goods)
    dear = {query: {name.replace(" ", "-"): float(names.index(name) == 11) for name in names} for query in names}
    monkeypatch.setattr(fit, "_EPOCHS", 1)
    plan = Plan(warm=False, before=Ranker(linear({"price": 1.0})))
    found = report.train(engine, "products", encoder, judged(dear), tmp_path, plan)
    assert found["test"]["before"] == 1.0 > found["test"]["ranked"]
    assert found["saved"] is False and "ranked - before" in found["significance"]
    assert list(tmp_path.glob("ranker-*")) == [] and artifact.current(tmp_path) is None
    forced = report.train(engine, "products", encoder, judged(dear), tmp_path, replace(plan, force=True))
    assert forced["saved"] is True and artifact.current(tmp_path) == tmp_path / forced["ranker"]


def test_an_equal_ranker_replaces(
    engine: SearchEngine, encoder: HashingEncoder, goods: Qrels, linear: Linear, tmp_path: Path
) -> None:
    plan = Plan(warm=False, before=Ranker(linear({"fused": 1.0})))
    found = report.train(engine, "products", encoder, judged(goods), tmp_path, plan)
    assert found["test"]["ranked"] >= found["test"]["before"] and found["saved"] is True


def test_a_ranker_knows_the_adapter_it_was_trained_with(
    engine: SearchEngine, encoder: HashingEncoder, goods: Qrels, tmp_path: Path
) -> None:
    pytest.importorskip("onnx")
    test = dataset.split_queries(goods, dataset.SHARES, 0)[-1]
    same = Residual(np.zeros((encoder.dim, encoder.dim), np.float32), np.zeros(encoder.dim, np.float32))
    model = adapter.export(same, encoder.encode(list(goods), kind="query"))[0]
    known = AdapterManifest(
        fingerprint_text=encoder.fingerprint, dim_text=encoder.dim, model="", sha256="", seed=0, metrics={}, created_by="",
        queries=(query_hash(test[0]), query_hash("another")),
    )  # fmt: skip
    name = serving.save(tmp_path / "adapter", known, model).name
    plan = Plan(warm=False, adaptation=Adaptation(tmp_path / "adapter"))
    found = report.train(engine, "products", encoder, judged(goods), tmp_path / "rankers", plan)
    assert found["adapter"] == {"name": name, "seen": 1}
    folder = artifact.current(tmp_path / "rankers")
    assert folder is not None and artifact.load(folder).manifest.adapter == name
