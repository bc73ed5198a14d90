"""`etalage train adapter` in a shop whose shoppers say `sofa` where its products say `couch`."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Run, process, refused

COLOURS = "red blue green black white grey brown beige pink navy teal gold".split()
THINGS = {
    "couch": "sofa", "lamp": "light", "rug": "carpet", "mug": "cup", "desk": "table", "drape": "curtain", "bin": "basket",
    "hob": "stove",
}  # fmt: skip
HELD_OUT = "query,docid,rating\npink sofa for two,pink-couch,1\nteal light for two,teal-lamp,1\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    rows = [f"{colour}-{thing},{colour} {thing}" for colour in COLOURS for thing in THINGS]
    (folder / "feed.csv").write_text("\n".join(["sku,name", *rows]) + "\n")
    judged = [f"{colour} {said},{colour}-{thing},1" for colour in COLOURS for thing, said in THINGS.items()]
    (folder / "qrels.csv").write_text("\n".join(["query,docid,rating", *judged]) + "\n")
    (folder / "few.csv").write_text("\n".join(["query,docid,rating", *judged[:20]]) + "\n")
    (folder / "held-out.csv").write_text(HELD_OUT)
    assert process("index", folder / "feed.csv", "--json", home=folder / "home").code == 0
    return folder


def test_too_few_queries_are_refused(etalage: Run, home: Path) -> None:
    pytest.importorskip("torch")
    result = etalage("train", "adapter", "--qrels", home / "few.csv", "--json", home=home / "home")
    refused(result, "model_error", "too few judged queries", "Judge at least 79")
    assert not (home / "home" / "adapter").exists()


def test_an_adapter_is_trained_used_and_told(etalage: Run, home: Path) -> None:
    pytest.importorskip("torch")
    words = ("train", "adapter", "--qrels", home / "qrels.csv", "--seed", 1)
    report = etalage(*words, "--json", home=home / "home").document
    assert report["saved"] is True
    assert report["test"]["ndcg@10"]["with"] > report["test"]["ndcg@10"]["without"]
    told = etalage(*words, home=home / "home").stdout.decode()
    assert "ndcg@10, test queries" in told and "with the adapter in use before" in told and report["adapter"] in told
    # It is used, doctor names it, and what it was trained on says nothing about it.
    answer = etalage("search", "pink sofa", "--json", home=home / "home").document
    assert answer["degraded"] == []
    checks = {one["part"]: one["detail"] for one in etalage("doctor", "--json", home=home / "home").document["checks"]}
    assert report["adapter"] in checks["adapter"] and "qrels.csv" in checks["adapter"]
    assert f"beside no adapter; {report['adapter']} moves queries now" in checks["ranker"]
    seen = etalage("evaluate", "--qrels", home / "qrels.csv", "--json", home=home / "home")
    refused(seen, "query_error", "queries were used to train the adapter", "--allow-overlap")
    fair = etalage("evaluate", "--qrels", home / "held-out.csv", "--json", home=home / "home")
    assert fair.document["model"]["adapter"] == report["adapter"]
