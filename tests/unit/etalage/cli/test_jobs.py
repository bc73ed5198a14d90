"""Changes, previews, jobs, generations and refused products from the command line."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from etalage.core.settings import load
from opensearch.embedded import EmbeddedEngine
from opensearch.jobs import Job, JobState

from ....towers import SIDE, write_model
from .conftest import GOOD, Run, process, refused


@pytest.fixture
def home(tmp_path: Path, indexed: tuple[Path, dict[str, Any]]) -> Path:
    """A home of its own with three products, indexed by the command."""
    shutil.copytree(indexed[0], tmp_path, dirs_exist_ok=True)
    return tmp_path / "home"


@pytest.fixture
def engine(home: Path) -> Iterator[EmbeddedEngine]:
    made = EmbeddedEngine(load(home=home, opensearch_url=""))
    yield made
    made.close()


def delta(etalage: Run, home: Path, text: str, *words: str) -> dict[str, object]:
    (home / "delta.csv").write_text(text)
    result = etalage("index", home / "delta.csv", "--delta", "--json", *words, home=home)
    assert result.code == 0, result.stderr
    return result.document


def test_changes_are_applied_with_the_columns_of_the_feed(etalage: Run, home: Path, engine: EmbeddedEngine) -> None:
    """`12` is 12 major units because the feed's prices were, although nothing in the file says so."""
    told = delta(etalage, home, "sku,price\na,12\nb,13\nnew,14\n", "--max-bad", "1")
    assert [told[name] for name in ("read", "updated", "created", "quarantined")] == [3, 2, 0, 1]
    assert told["encoded"] == {"text": 0, "image": 0} and told["reasons"] == ["new: there is no such product, and to make one the title is missing"]
    found = engine.get("products-000001", ["a", "b"])
    assert [found[one]["price"] for one in "ab"] == [1200, 1300] and found["a"]["title"] == "red shoe"
    told = delta(etalage, home, "sku,op,name\na,delete,\nd,,green hat\n")
    assert (told["deleted"], told["created"]) == (1, 1)
    assert etalage("search", "hat", "--json", home=home).document["hits"][0]["id"] == "d"


def test_changes_for_people(etalage: Run, home: Path) -> None:
    (home / "delta.csv").write_text("sku,price\na,12\nb,cheap\n")
    result = etalage("index", home / "delta.csv", "--delta", "--max-bad", "50%", home=home)
    told = result.stdout.decode()
    assert result.code == 0 and "1 updated" in told and "line 3: the price is not a number: cheap" in told
    refused(
        etalage("index", home / "delta.csv", "--delta", "--json", home=home), "catalog_error", "1 of 2 rows are bad"
    )


def test_changes_need_an_index(etalage: Run, tmp_path: Path) -> None:
    (tmp_path / "delta.csv").write_text("sku,price\na,12\n")
    result = etalage("index", tmp_path / "delta.csv", "--delta", "--json", home=tmp_path / "none")
    refused(result, "query_error", "no such index")


def test_a_dry_run_tells_and_does_nothing(etalage: Run, home: Path, engine: EmbeddedEngine) -> None:
    mark = engine.mark("products-000001")
    (home / "next.csv").write_text(GOOD.replace("10.50", "11.50").replace("blue lamp", "green lamp"))
    result = etalage("index", home / "next.csv", "--dry-run", "--json", home=home)
    told = result.document
    assert [told[name] for name in ("new", "changed", "unchanged", "removed")] == [0, 2, 1, 0]
    assert told["encode"]["text"] == 1 and engine.mark("products-000001") == mark
    shown = etalage("index", home / "next.csv", "--dry-run", home=home).stdout.decode()
    assert "2 changed" in shown and "1 texts" in shown
    refused(etalage("index", home / "next.csv", "--dry-run", "--delta", "--json", home=home), "config_error", code=2)


def test_a_feed_that_was_cut_off_is_refused(etalage: Run, home: Path, engine: EmbeddedEngine) -> None:
    (home / "short.csv").write_text("\n".join(GOOD.splitlines()[:3]))
    result = etalage("index", home / "short.csv", "--json", home=home)
    refused(result, "catalog_error", "lacks 1 of 3", "--force")
    assert engine.count("products-000001") == 3
    result = process("index", home / "short.csv", "--force", "--json", home=home)
    assert result.document["removed"] == 1


def test_the_same_feed_again_is_nothing_to_do(etalage: Run, home: Path, tmp_path: Path) -> None:
    result = etalage("index", tmp_path / "good.csv", "--json", home=home)
    told = result.document
    assert [told[name] for name in ("read", "indexed", "unchanged", "removed")] == [3, 0, 3, 0]
    assert told["encoded"] == {"text": 0, "image": 0}


def test_going_back_to_the_generation_before(etalage: Run, home: Path, tmp_path: Path) -> None:
    (tmp_path / "next.csv").write_text(GOOD.replace("red shoe", "green shoe"))
    assert process("index", tmp_path / "next.csv", "--full", "--json", home=home).document["generation"].endswith("2")
    listed = etalage("generations", "--json", home=home).document["generations"]
    assert [(one["name"], one["serving"], one["documents"]) for one in listed] == [
        ("products-000001", False, 3), ("products-000002", True, 3),
    ]  # fmt: skip
    result = etalage("rollback", "--json", home=home)
    assert result.document == {"index": "products", "serving": "products-000001", "before": "products-000002"}
    assert etalage("search", "red shoe", "--json", home=home).document["hits"][0]["title"] == "red shoe"
    refused(etalage("rollback", "--json", home=home), "engine_error", "no generation to go back to")
    assert etalage("rollback", "products-000002", home=home).code == 0
    refused(etalage("rollback", "products-000009", "--json", home=home), "engine_error", "products-000002")


def test_jobs_are_listed_paused_and_cancelled(etalage: Run, home: Path, engine: EmbeddedEngine) -> None:
    (first,) = etalage("jobs", "--json", home=home).document["jobs"]
    assert (first["state"], first["read"], first["chunks"]) == ("finished", 3, 1)
    engine.jobs.open(Job("feed0123456789", "products", "products-000001", "s"))
    engine.jobs.add("feed0123456789", 0, b"")
    engine.jobs.start("feed0123456789", 1, {"read": 9})
    assert etalage("jobs", "pause", "feed", "--json", home=home).document["state"] == "paused"
    refused(etalage("jobs", "pause", "feed", "--json", home=home), "config_error", "is paused", code=2)
    assert "paused" in etalage("jobs", home=home).stdout.decode()
    assert etalage("jobs", "resume", "feed", home=home).code == 0
    assert etalage("jobs", "cancel", "feed", home=home).code == 0
    found = engine.jobs.get("feed0123456789")
    assert found is not None and found.state is JobState.CANCELLED
    refused(etalage("jobs", "resume", "nope", "--json", home=home), "config_error", "no such job", code=2)


def test_refused_products_are_listed_and_dropped(etalage: Run, home: Path, engine: EmbeddedEngine) -> None:
    assert etalage("dead-letters", "--json", home=home).document == {"dead_letters": []}
    engine.jobs.bury("products", 5, [("x", "too large", b"")])
    assert etalage("dead-letters", "--json", home=home).document["dead_letters"][0]["reason"] == "too large"
    assert "too large" in etalage("dead-letters", home=home).stdout.decode()
    assert etalage("dead-letters", "drop", "x", "--json", home=home).document == {"dropped": 1}
    assert etalage("dead-letters", "retry", "--json", home=home).document == {"results": []}


def test_pictures_need_an_image_model(etalage: Run, home: Path, tmp_path: Path) -> None:
    result = etalage("index", tmp_path / "good.csv", "--pictures", tmp_path, "--json", home=home)
    refused(result, "config_error", "--pictures needs an image model", "etalage models add", code=2)


def test_image_models_are_added_and_listed(etalage: Run, tmp_path: Path) -> None:
    tower = write_model(tmp_path / "tower.onnx")
    given = {"ETALAGE_MODELS": str(tmp_path / "models")}
    made = etalage("models", "add", tower, "--size", SIDE, "--crop", SIDE, "--json", **given)
    assert (made.code, made.document["name"], made.document["dim"]) == (0, "tower", 6)
    listed = etalage("models", "list", "--json", **given).document
    assert ([one["name"] for one in listed["image_models"]], listed["models"]) == (["sample-shop", "tower"], [])
    assert "pictures" in etalage("models", "list", **given).stdout.decode()
    refused(etalage("models", "add", tower, "--mean", "a,b,c", "--json", **given), "config_error", "a,b,c", code=2)


UBI = """{"action_name":"impression","timestamp":"2024-05-01T10:00:00Z","client_id":"x","event_attributes":{"object":{"object_id":"a"},"position":{"ordinal":1}}}
{"action_name":"impression","timestamp":"2024-05-01T10:00:00Z","client_id":"y","event_attributes":{"object":{"object_id":"a"},"position":{"ordinal":1}}}
{"action_name":"click","timestamp":"2024-05-01T10:00:00Z","client_id":"y","event_attributes":{"object":{"object_id":"a"},"position":{"ordinal":1}}}
{"action_name":"click","timestamp":"2024-05-01T10:00:00Z","client_id":"y","event_attributes":{"object":{"object_id":"gone"}}}
"""


def test_signals_are_learnt_from_events(etalage: Run, home: Path) -> None:
    refused(etalage("signals", "refresh", "--json", home=home), "catalog_error", "no events", "etalage events import")
    (home / "ubi.jsonl").write_text(UBI)
    assert etalage("events", "import", home / "ubi.jsonl", home=home).code == 0
    told = etalage("signals", "refresh", "--half-life", "7", "--json", home=home).document
    assert [told[name] for name in ("read", "products", "unknown", "updated", "encoded")] == [4, 2, 1, 1, 0]
    found = etalage("search", "", "--filter", "click_rate:0.4..0.6", "--sort", "click_rate:desc", "--json", home=home)
    assert [hit["id"] for hit in found.document["hits"]] == ["a"]
    shown = etalage("signals", "refresh", home=home).stdout.decode()
    assert "2 products, 1 not in the catalog" in shown and "click rate 50.0%, purchase rate unknown" in shown
    assert "signals: of 2 products" in etalage("doctor", home=home).stdout.decode()
    # `0` is no half-life.
    assert etalage("signals", "refresh", "--half-life", "0", home=home).code == 2
