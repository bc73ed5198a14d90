"""`etalage suggest evaluate`, `etalage suggest train`: over the log of a small sample shop."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

import pytest

from etalage.demo.queries import make_queries
from etalage.demo.shop import make_shop, write_feed
from etalage.demo.shoppers import simulate, write_events

from .conftest import Run, process, refused


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    shop = make_shop(7, 200)
    write_feed(shop, folder / "feed.jsonl")
    write_events(folder / "events.jsonl", simulate(shop, make_queries(shop, 60), 7, sessions=600))
    assert process("index", folder / "feed.jsonl", "--json", home=folder / "home").code == 0
    return folder


def test_completions_are_measured_by_a_log(etalage: Run, home: Path) -> None:
    words = ("suggest", "evaluate", "--queries", home / "events.jsonl", "--most", "40")
    report = etalage(*words, "--json", home=home / "home").document
    assert set(report["methods"]) == {"most_popular", "no_context", "etalage"} and report["parted"] == "by time"
    assert set(report["methods"]["etalage"]) == {"mrr@10", "success@1", "success@3", "success@10", "keystrokes_saved"}
    assert 20 <= report["queries"] <= 40 and 0 < report["methods"]["etalage"]["mrr@10"] <= report["known"] <= 1
    told = etalage(*words, home=home / "home").stdout.decode()
    assert "most_popular" in told and "paired randomization" in told and "parted by time" in told


def test_a_plain_list_has_no_visits(etalage: Run, home: Path) -> None:
    (home / "list.tsv").write_text("red sofa\t50\nsofa bed\t20\nrug\t9\n")
    report = etalage("suggest", "evaluate", "--queries", home / "list.tsv", "--json", home=home / "home").document
    assert report["in_visit"] == {} and report["parted"] == "by chance" and report["queries"] >= 2
    refused(
        etalage("suggest", "train", "--queries", home / "list.tsv", "--json", home=home / "home"),
        "query_error", "tells of no visits", "UBI documents",
    )  # fmt: skip


def test_a_model_serves_only_if_it_is_better(etalage: Run, home: Path) -> None:
    pytest.importorskip("torch")
    report = etalage("suggest", "train", "--queries", home / "events.jsonl", "--json", home=home / "home").document
    kept = home / "home" / "completion-rankers" / report["name"]
    assert report["saved"] == (report["mrr"] > report["mrr_before"]) == kept.exists()
    told = etalage("suggest", "train", "--queries", home / "events.jsonl", home=home / "home").stdout.decode()
    # The same model again is not better.
    assert "which was not kept" in told


def test_a_model_that_cannot_be_used_does_not_keep_another_from_being_trained(
    etalage: Run, home: Path, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    own = copytree(home / "home", tmp_path / "home")
    (own / "completion-rankers").mkdir(exist_ok=True)
    (own / "completion-rankers" / "CURRENT").write_text("none")
    report = etalage("suggest", "train", "--queries", home / "events.jsonl", "--json", home=own).document
    assert report["mrr_before"] == report["mrr_index"] and report["saved"] == (report["mrr"] > report["mrr_index"])


def test_a_prefix_may_be_named_like_a_command(etalage: Run, home: Path) -> None:
    for words in (("suggest", "sofa"), ("suggest", "complete", "evaluate"), ("suggest", "--size", "1", "sofa")):
        assert set(etalage(*words, "--json", home=home / "home").document) >= {"completions", "took_ms"}


def test_a_file_that_is_not_there_or_too_short_is_said(etalage: Run, home: Path) -> None:
    result = etalage("suggest", "evaluate", "--queries", home / "none", "--json", home=home / "home")
    refused(result, "catalog_error", "cannot be read", "Check the path")
    (home / "one.txt").write_text("sofa\n")
    result = etalage("suggest", "evaluate", "--queries", home / "one.txt", "--json", home=home / "home")
    refused(result, "query_error", "too few queries", "more days")
