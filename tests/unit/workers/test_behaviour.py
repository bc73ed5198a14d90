"""Behaviour taken in from files, and the completions that come of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from autocomplete.querylog import BRAND, CATEGORY, QUERY, Entry
from etalage.core.errors import CatalogError, ConfigError
from etalage.core.records import Document
from etalage.core.settings import Settings
from opensearch.engine import IndexSpec, SearchEngine
from workers import behaviour, parts

Feed = Callable[..., Path]
BAD = b'{"user_query": "no id"}'


def asked(text: str, client: str, day: int = 1) -> dict[str, Any]:
    moment = f"2024-05-{day:02d}T10:00:00Z"
    return {"query_id": f"{client}-{day}", "user_query": text, "client_id": client, "timestamp": moment}


def clicked(text: str, day: int = 1) -> dict[str, Any]:
    moment = f"2024-05-{day:02d}T11:00:00Z"
    return {"action_name": "click", "query_id": "q", "user_query": text, "timestamp": moment}


CROWD = [asked("red shoe", client) for client in "abc"]


def completions(settings: Settings) -> list[Entry]:
    found = parts.completer_of(settings).complete("", 100)
    return [Entry(one.text, one.score, one.type) for one in found]


def stored(engine: SearchEngine) -> tuple[int, int]:
    return len(list(engine.events("queries"))), len(list(engine.events("events")))


def catalog(engine: SearchEngine, index: str = "products") -> None:
    generation = engine.create(index, IndexSpec("none", "none", 4)).name
    sources: list[dict[str, Any]] = [
        {"id": "1", "title": "a", "brand": "Acme", "category": ["Home", "Lamps"]},
        {"id": "2", "title": "b", "brand": "Acme", "category": ["Home"]},
    ]
    engine.write(generation, [Document(one["id"], one, "c", "e") for one in sources])
    engine.refresh(generation)
    engine.swap(index, generation)


# importing
def test_a_file_is_stored_and_becomes_completions(engine: SearchEngine, settings: Settings, write: Feed) -> None:
    summary = behaviour.import_events(engine, settings, write(*CROWD, clicked("red shoe")))
    assert summary.pop("seconds") >= 0
    assert summary == {
        "read": 4, "added": 4, "duplicates": 0, "quarantined": 0, "reasons": [],
        "completions": {"completions": 1, "from_log": 1, "from_catalog": 0, "dropped": {}},
    }  # fmt: skip
    assert stored(engine) == (3, 1)
    # The latest query's moment is now; the click comes after it.
    assert completions(settings) == [Entry("red shoe", 5.0)]


def test_the_same_file_again_adds_nothing(engine: SearchEngine, settings: Settings, write: Feed) -> None:
    behaviour.import_events(engine, settings, write(*CROWD))
    summary = behaviour.import_events(engine, settings, write(*CROWD, CROWD[0], asked("rug", "a", 2)))
    assert (summary["read"], summary["added"], summary["duplicates"]) == (5, 1, 4)
    assert stored(engine) == (4, 0)


def test_some_bad_lines_are_put_aside_with_the_reason(engine: SearchEngine, settings: Settings, write: Feed) -> None:
    path = write(*CROWD, BAD, b"", b"{")
    summary = behaviour.import_events(engine, settings, path, max_bad="2")
    assert (summary["read"], summary["added"], summary["quarantined"]) == (5, 3, 2)
    assert summary["reasons"][0].startswith("line 4: it is neither an event")
    assert summary["reasons"][1].startswith("line 6: is not JSON")


@pytest.mark.parametrize("max_bad", ["1", "39%", "0"])
def test_too_many_bad_lines_change_nothing(engine: SearchEngine, settings: Settings, write: Feed, max_bad: str) -> None:
    with pytest.raises(CatalogError, match=r"2 of 5 lines are no UBI documents.*line 4: .*; line 5: .*--max-bad"):
        behaviour.import_events(engine, settings, write(*CROWD, BAD, BAD), max_bad=max_bad)
    assert stored(engine) == (0, 0)
    assert not parts.completions_folder(settings).exists()
    assert behaviour.import_events(engine, settings, write(*CROWD, BAD, BAD), max_bad="40%")["added"] == 3


def test_a_file_without_a_good_line_is_refused(engine: SearchEngine, settings: Settings, write: Feed) -> None:
    for path in (write(BAD), write(), write({"index": {}})):
        with pytest.raises(CatalogError, match="nothing was stored"):
            behaviour.import_events(engine, settings, path, max_bad="100%")


def test_wrong_arguments_are_refused(engine: SearchEngine, settings: Settings, write: Feed, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--max-bad"):
        behaviour.import_events(engine, settings, write(*CROWD), max_bad="some")
    with pytest.raises(CatalogError, match="cannot be read"):
        behaviour.import_events(engine, settings, tmp_path / "none")
    assert stored(engine) == (0, 0)


def test_many_lines_are_stored_in_batches(
    engine: SearchEngine, settings: Settings, write: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(behaviour, "_BATCH", 2)
    lines = [one for number in range(5) for one in (asked(f"q {number}", "a"), clicked(f"q {number}"))]
    assert behaviour.import_events(engine, settings, write(*lines))["added"] == 10
    assert stored(engine) == (5, 5)


# rebuilding
def test_completions_decay_from_the_last_query_or_a_given_moment(
    engine: SearchEngine, settings: Settings, write: Feed
) -> None:
    lines = [asked("lamp", "a", 1), asked("lamp", "b", 1), asked("lamp", "c", 15)]
    behaviour.import_events(engine, settings, write(*lines))
    assert completions(settings) == [Entry("lamp", 2.0)]
    behaviour.rebuild_completions(engine, settings, datetime(2024, 5, 29, 10, tzinfo=UTC))
    assert completions(settings) == [Entry("lamp", 1.0)]


def test_brands_and_categories_complete_too(engine: SearchEngine, settings: Settings, write: Feed) -> None:
    catalog(engine)
    summary = behaviour.rebuild_completions(engine, settings)
    assert (summary["from_log"], summary["from_catalog"]) == (0, 3)
    assert completions(settings) == [
        Entry("acme", 0.5, BRAND), Entry("home", 0.5, CATEGORY), Entry("lamps", 0.25, CATEGORY)
    ]  # fmt: skip
    behaviour.import_events(engine, settings, write(*[asked("LAMPS", client) for client in "abcd"]))
    assert completions(settings) == [
        Entry("lamps", 4.0, QUERY),
        Entry("acme", 2.0, BRAND),
        Entry("home", 2.0, CATEGORY),
    ]


def test_names_come_from_the_index_of_the_settings(engine: SearchEngine, settings: Settings) -> None:
    catalog(engine, "other")
    assert behaviour.rebuild_completions(engine, settings)["completions"] == 0
    other = settings.model_copy(update={"index": "other"})
    assert behaviour.rebuild_completions(engine, other)["completions"] == 3
    assert (completions(settings), len(completions(other))) == ([], 3)
