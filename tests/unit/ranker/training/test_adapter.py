"""The flow from judgments to a kept adapter, on a shop whose queries are turned."""

from __future__ import annotations

from collections.abc import Sequence, Set
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from etalage.core import onnx
from etalage.core.artifact import query_hash
from etalage.core.encoders import adapter as serving
from etalage.core.errors import ConfigError, EngineError, FingerprintMismatch, ModelError, ModelNotFound
from opensearch.engine import SearchEngine
from ranker.query import Query
from ranker.training import adapter, dataset
from ranker.training.adapter import Plan
from ranker.training.judgments import Judgments
from ranker.training.residual import Residual
from ranker.understanding import ALL, Understanding

from .turned import DIM, Shop, unit

pytestmark = pytest.mark.usefixtures("one_thread")


def train(shop: Shop, folder: Path, plan: Plan | None = None) -> dict[str, Any]:
    return adapter.train(cast(SearchEngine, shop), "products", shop, shop.judged, folder, plan or Plan(seed=2))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Shop, Path, dict[str, Any]]:
    pytest.importorskip("torch")
    shop, folder = Shop(angle=1.2), tmp_path_factory.mktemp("home") / "products"
    return shop, folder, train(shop, folder)


def test_a_useful_one_is_kept(trained: tuple[Shop, Path, dict[str, Any]]) -> None:
    _, folder, report = trained
    assert report["saved"] and report["refused"] == "" and report["before"] is None
    for part in ("validation", "test"):
        found = report[part]["ndcg@10"]
        assert found["with"] > found["without"] and found["difference"] > 0 and 0 < found["p"] <= 1
    assert report["queries"] == {"train": 128, "validation": 32, "test": 40, "without_product": 0}
    assert report["products"] == {"read": 400, "of": 401}
    assert report["parity"]["cosine"] >= adapter.COSINE and report["parity"]["bytes"] < 1_000_000
    assert 0.9 < report["cosine"]["titles"] < 1 and report["microseconds"] > 0
    loaded = serving.load(folder).manifest
    assert loaded.name == report["adapter"] and loaded.metrics["test"] == report["test"]
    assert (loaded.fingerprint_text, loaded.dim_text, loaded.seed) == ("t1", DIM, 2)


def test_its_manifest_knows_the_queries_that_trained_and_chose_it(
    trained: tuple[Shop, Path, dict[str, Any]],
) -> None:
    shop, folder, _ = trained
    *used, test = dataset.split_queries(shop.judged.qrels, dataset.SHARES, 2)
    known = set(serving.load(folder).manifest.queries)
    assert known == {query_hash(text) for part in used for text in part}
    assert not known & {query_hash(text) for text in test}


def test_queries_are_understood_as_in_searches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")

    class Reader(Understanding):
        """Takes one query for another."""

        def read(self, query: str, *, steps: Set[str] = ALL) -> Query:
            return super().read(f"{query} indeed", steps=steps)

    shop = Shop(angle=1.2)
    texts: list[str] = []
    encode = shop.encode

    def noted(given: Sequence[str], *, kind: str) -> Any:
        texts.extend(given)
        return encode([text.removesuffix(" indeed") for text in given], kind=kind)  # type: ignore[arg-type]

    monkeypatch.setattr(shop, "encode", noted)
    train(shop, tmp_path, Plan(seed=2, understanding=Reader(None, "", steps=frozenset())))
    assert {f"{query} indeed" for query in shop.judged.qrels} <= set(texts)


def test_the_one_in_use_is_compared_with(trained: tuple[Shop, Path, dict[str, Any]], tmp_path: Path) -> None:
    shop, folder, report = trained
    again = train(shop, folder)
    assert again["before"] == report["test"]["ndcg@10"]["with"] and again["saved"]
    figures = {**report, "before": 0.99}
    assert "in use" in adapter._refused(figures, 0.98)
    assert adapter._before(tmp_path, shop, None, None) is None  # type: ignore[arg-type]


def test_a_useless_one_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    shop = Shop(angle=0.0)
    report = train(shop, tmp_path / "adapter")
    assert not report["saved"] and "no higher" in report["refused"]
    assert not (tmp_path / "adapter").exists()
    assert train(shop, tmp_path / "adapter", Plan(force=True))["saved"]
    np.testing.assert_allclose(serving.load(tmp_path / "adapter").query(shop.products[0]), shop.products[0], atol=1e-2)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, ""),
        ({"validation": {"ndcg@10": {"difference": 0.0}}}, "nDCG@10 on validation"),
        ({"test": {"ndcg@10": {"difference": -0.1}}}, "nDCG@10 on test"),
        ({"test": {"ndcg@10": {"difference": 0.1}, "recall@100": {"difference": -0.01}}}, "recall@100 on test"),
    ],
)
def test_the_gate(changed: dict[str, Any], told: str) -> None:
    good = {"ndcg@10": {"difference": 0.01}, "recall@100": {"difference": 0.0}}
    found = adapter._refused({"validation": good, "test": good, "before": None, **changed}, 0.5)
    assert told in found and bool(told) == bool(found)


def test_too_few_queries(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="too few judged queries.*38.*Judge at least 79"):
        train(Shop(queries=60), tmp_path)
    shop = Shop()
    shop.judged = Judgments({text: {"gone": 1.0} for text in shop.judged.qrels}, {}, "")
    with pytest.raises(ModelError, match="too few judged queries"):
        train(shop, tmp_path)


def test_without_an_index_or_with_another_encoder(tmp_path: Path) -> None:
    shop = Shop()
    shop.fingerprint = "t2"
    with pytest.raises(FingerprintMismatch):
        train(shop, tmp_path)
    shop.generation = None
    with pytest.raises(EngineError, match="does not exist"):
        train(shop, tmp_path)


def test_without_torch_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def extra(name: str) -> object:
        raise ConfigError("this needs a package", value=name, remedy="Run: pip install 'etalage[train]'")

    monkeypatch.setattr(onnx, "extra", extra)
    with pytest.raises(ConfigError, match=r"etalage\[train\]"):
        train(Shop(), tmp_path)
    with pytest.raises(ModelNotFound):
        serving.load(tmp_path)


def test_a_model_far_from_the_trained_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    vectors = unit(np.random.default_rng(3).standard_normal((9, DIM)))
    same = Residual(np.zeros((DIM, DIM), np.float32), np.zeros(DIM, np.float32))
    assert adapter.export(same, vectors)[1] == 1.0
    monkeypatch.setattr(adapter, "COSINE", 1.1)
    with pytest.raises(ModelError, match="too far"):
        adapter.export(same, vectors)


def test_of_many_products_the_judged_ones_and_a_sample_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "LIMIT", 50)
    shop = Shop()
    generation = shop.generation
    assert generation is not None
    found, total = adapter.read_products(cast(SearchEngine, shop), generation, {"p7", "p8", "gone"})
    assert total == 401 and 49 <= len(found.ids) <= 50 and {"p7", "p8"} <= set(found.ids)
    np.testing.assert_array_equal(found.vectors[found.ids.index("p7")], shop.products[7])
