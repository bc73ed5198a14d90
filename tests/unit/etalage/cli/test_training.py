"""`etalage train encoder`, `train cross-encoder` and `train all`, and what `evaluate` says of a tuned encoder."""

from __future__ import annotations

from pathlib import Path

import pytest

from etalage.core.artifact import query_hash
from etalage.core.encoders import models
from ranker.training import judgments
from workers import plugin, training

from ....bert import tiny
from .conftest import GOOD, Run, process, refused

COLOURS = "red blue green black white grey brown beige pink navy teal gold".split()
THINGS = ("shoe", "lamp", "cable", "drill", "dress", "mouse", "sofa")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with `tiny` and `tuned`, which was trained on the query `red shoe`."""
    folder = tmp_path_factory.mktemp("cache")
    source = str(tiny(folder / "source" / "tiny"))
    models.export(source, models=folder / "models")
    tuned = models.Tuned("tiny", (query_hash("red shoe"),), "words")
    models.export(source, models=folder / "models", name="tuned", tuned=tuned)
    return folder


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of the hashing encoder, with judgments enough for an adapter, and too few."""
    folder = tmp_path_factory.mktemp("shop")
    pairs = [(colour, thing) for colour in COLOURS for thing in THINGS]
    (folder / "feed.csv").write_text("\n".join(["sku,name", *(f"{a}-{b},{a} {b}" for a, b in pairs)]) + "\n")
    judged = [f"{a} {b} please,{a}-{b},1" for a, b in pairs]
    (folder / "qrels.csv").write_text("\n".join(["query,docid,rating", *judged]) + "\n")
    (folder / "few.csv").write_text("\n".join(["query,docid,rating", *judged[:20]]) + "\n")
    assert process("index", folder / "feed.csv", "--json", home=folder / "home").code == 0
    return folder


def test_only_encoders_with_weights_that_were_not_tuned_are_tuned(etalage: Run, cache: Path, shop: Path) -> None:
    words = ("train", "encoder", "--qrels", shop / "qrels.csv", "--json")
    hashing = etalage(*words, home=shop / "home")
    refused(hashing, "config_error", "no model to tune: hashing", "ETALAGE_TEXT_MODEL", code=2)
    for used, more, *told in (
        ("tuned", (), "was tuned before", "Tune the one that it was made from"),
        ("tiny", ("--to", "tiny"), "name is taken", "--to"),
    ):
        models_of = {"ETALAGE_MODELS": str(cache / "models"), "ETALAGE_TEXT_MODEL": str(used)}
        refused(etalage(*words, *more, home=shop / "home", **models_of), "config_error", *map(str, told), code=2)


def test_an_encoder_is_tuned_and_told(etalage: Run, cache: Path, shop: Path, tmp_path: Path) -> None:
    used = {"ETALAGE_MODELS": str(cache / "models"), "ETALAGE_TEXT_MODEL": "tiny"}
    assert etalage("index", shop / "feed.csv", "--json", home=tmp_path / "home", **used).code == 0
    words = ("train", "encoder", "--weights", cache / "source" / "tiny", "--minutes", 0.1, "--force")
    report = etalage(*words, "--qrels", shop / "qrels.csv", "--json", home=tmp_path / "home", **used).document
    assert report["saved"] and report["encoder"] == "tiny-products"
    told = etalage(
        *words, "--qrels", shop / "qrels.csv", "--to", "mine", home=tmp_path / "home", **used
    ).stdout.decode()
    assert (
        "export ETALAGE_TEXT_MODEL=mine" in told and "etalage index FEED" in told and "recall@100, test queries" in told
    )
    few = etalage(*words, "--qrels", shop / "few.csv", "--json", home=tmp_path / "home", **used)
    refused(few, "model_error", "too few judged queries to train an encoder on")
    none = etalage(*words, "--qrels", shop / "qrels.csv", "--resume", "--json", home=tmp_path / "home", **used)
    refused(none, "model_error", "no checkpoint to go on from")


def test_a_cross_encoder_is_trained_told_and_searched_with(
    etalage: Run, cache: Path, shop: Path, tmp_path: Path
) -> None:
    used = {"ETALAGE_MODELS": str(cache / "models"), "ETALAGE_TEXT_MODEL": "tiny", "ETALAGE_CROSS_BUDGET_MS": "1000"}
    assert etalage("index", shop / "feed.csv", "--json", home=tmp_path / "home", **used).code == 0
    words = ("train", "cross-encoder", "--weights", cache / "source" / "tiny", "--minutes", 0.1, "--force")
    report = etalage(*words, "--qrels", shop / "qrels.csv", "--json", home=tmp_path / "home", **used).document
    assert report["saved"] and report["depth"] == 20 and report["queries"]["test"] == 17
    told = etalage(*words, "--qrels", shop / "qrels.csv", home=tmp_path / "home", **used).stdout.decode()
    assert "test queries" in told and "20 products are read" in told and "is in use now" in told
    found = etalage("search", "red shoe", "--json", home=tmp_path / "home", **used).document
    assert found["hits"][0]["parts"]["cross"]["to"] == 1 and "cross" in found["timings"]
    off = etalage("search", "red shoe", "--json", home=tmp_path / "home", **used | {"ETALAGE_CROSS_BUDGET_MS": "0"})
    assert "cross" not in off.document["hits"][0]["parts"]
    seen = etalage("evaluate", "--qrels", shop / "qrels.csv", "--json", home=tmp_path / "home", **used)
    refused(seen, "query_error", "67 of 84 queries were used to train the cross-encoder", "--allow-overlap")
    few = etalage(*words, "--qrels", shop / "few.csv", "--json", home=tmp_path / "home", **used)
    refused(few, "model_error", "too few judged queries to train a cross-encoder on")


def test_queries_that_an_encoder_was_tuned_on_say_nothing_about_it(etalage: Run, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "feed.csv").write_text(GOOD)
    (tmp_path / "seen.csv").write_text("query,docid,rating\nRed  shoe,a,1\n")
    (tmp_path / "new.csv").write_text("query,docid,rating\nblue lamp,b,1\n")
    tuned = {"ETALAGE_MODELS": str(cache / "models"), "ETALAGE_TEXT_MODEL": "tuned"}
    assert etalage("index", tmp_path / "feed.csv", "--json", home=tmp_path / "home", **tuned).code == 0
    words = ("evaluate", "--json", "--qrels")
    seen = etalage(*words, tmp_path / "seen.csv", home=tmp_path / "home", **tuned)
    refused(seen, "query_error", "1 of 1 queries were used to train the encoder", "--allow-overlap")
    assert etalage(*words, tmp_path / "seen.csv", "--allow-overlap", home=tmp_path / "home", **tuned).code == 0
    assert etalage(*words, tmp_path / "new.csv", home=tmp_path / "home", **tuned).code == 0


def test_all_trains_adapter_and_ranker_and_says_what_it_left_out(etalage: Run, shop: Path) -> None:
    words = ("train", "all", "--minutes", 0.2)
    report = etalage(*words, "--qrels", shop / "qrels.csv", "--json", home=shop / "home").document
    assert list(report["stages"]) == ["adapter", "ranker"] and report["minutes"] == 0.2
    assert report["stages"]["adapter"]["queries"]["test"] == report["stages"]["ranker"]["queries"]["test"] == 17
    assert [one["stage"] for one in report["left_out"]] == ["encoder"]
    told = etalage(*words, "--qrels", shop / "few.csv", home=shop / "home").stdout.decode()
    assert "left out: adapter: 13 judged queries to train on, and it needs 50" in told
    assert "left out: encoder" in told and "order" in told and "vectors alone" not in told


def test_what_is_trained_is_pushed_if_it_is_to_be(etalage: Run, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = {"name": "products", "version": 2, "current": {"title": "ranker-1"}}
    monkeypatch.setattr(training, "train_all", lambda *args, **more: {"stages": {}, "left_out": [], "seconds": 1.0})
    monkeypatch.setattr(plugin, "needs_node", lambda settings: None)
    monkeypatch.setattr(plugin, "push", lambda settings, name: model | {"name": name})
    words = ("train", "all", "--qrels", shop / "qrels.csv")
    assert "pushed" not in etalage(*words, "--json", home=shop / "home").document
    assert etalage(*words, "--push", "--json", home=shop / "home").document["pushed"] == model
    told = etalage(*words, "--push", home=shop / "home").stdout.decode()
    assert "the node ranks products with ranker-1 now (change 2)" in told


@pytest.mark.parametrize("what", ["ranker", "adapter", "all"])
def test_without_a_node_nothing_is_trained_to_be_pushed(
    etalage: Run, shop: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judgments, "read", lambda *given: pytest.fail("training began"))
    result = etalage("train", what, "--qrels", shop / "qrels.csv", "--push", "--json", home=shop / "home")
    refused(result, "config_error", "none is set", "ETALAGE_OPENSEARCH_URL", code=2)


def test_what_is_only_measured_is_not_pushed(etalage: Run, shop: Path) -> None:
    result = etalage("train", "ranker", "--qrels", shop / "qrels.csv", "--folds", "3", "--push", home=shop / "home")
    assert result.code == 2 and "--push go with training alone" in " ".join(result.stderr.split())
