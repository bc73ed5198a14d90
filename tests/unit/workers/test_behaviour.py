"""Behaviour taken in from files, and the completions that come of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from autocomplete import build
from autocomplete.querylog import BRAND, CATEGORY, QUERY, Entry
from etalage.core.errors import CatalogError, ConfigError
from etalage.core.events import check
from etalage.core.records import Document
from etalage.core.settings import Settings
from opensearch.engine import IndexSpec, SearchEngine
from workers import behaviour, parts

Feed = Callable[..., Path]
BAD = b'{"user_query": "no id"}'


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Three shoppers are enough."""
    return settings.model_copy(update={"suggest_users": 3})


def asked(text: str, client: str, day: int = 1) -> dict[str, Any]:
    moment = f"2024-05-{day:02d}T10:00:00Z"
    return {"query_id": f"{client}-{day}", "user_query": text, "client_id": client, "timestamp": moment}


def clicked(text: str, day: int = 1) -> dict[str, Any]:
    moment = f"2024-05-{day:02d}T11:00:00Z"
    return {"action_name": "click", "query_id": "q", "user_query": text, "timestamp": moment}


CROWD = [asked("red shoe", client) for client in "abc"]


def completions(settings: Settings) -> list[Entry]:
    found = parts.completer_of(settings).complete("", 100)
    return [Entry(one.text, round(one.score, 6), one.type) for one in found]


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
    share = build._NAMES
    summary = behaviour.rebuild_completions(engine, settings)
    assert (summary["from_log"], summary["from_catalog"]) == (0, 3)
    assert completions(settings) == [
        Entry("acme", share, BRAND), Entry("home", share, CATEGORY), Entry("lamps", share / 2, CATEGORY)
    ]  # fmt: skip
    behaviour.import_events(engine, settings, write(*[asked("LAMPS", client) for client in "abcd"]))
    assert completions(settings) == [
        Entry("lamps", 4.0, QUERY),
        Entry("acme", 4 * share, BRAND),
        Entry("home", 4 * share, CATEGORY),
    ]


def test_names_come_from_the_index_of_the_settings(engine: SearchEngine, settings: Settings) -> None:
    catalog(engine, "other")
    assert behaviour.rebuild_completions(engine, settings)["completions"] == 0
    other = settings.model_copy(update={"index": "other"})
    assert behaviour.rebuild_completions(engine, other)["completions"] == 3
    assert (completions(settings), len(completions(other))) == ([], 3)


# plain logs
def test_a_plain_log_with_shoppers_is_stored_as_queries(
    engine: SearchEngine, settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "log.csv"
    path.write_text(
        "user,query,date\n" + "".join(f"{user},Rug,2024-05-01\n" for user in "abcc") + "a,lone,2024-05-01\n"
    )
    summary = behaviour.import_events(engine, settings, path)
    assert (summary["read"], summary["added"], summary["duplicates"]) == (5, 5, 0)
    assert completions(settings) == [Entry("rug", 4.0)]
    assert behaviour.import_events(engine, settings, path)["duplicates"] == 5


def test_a_plain_log_without_shoppers_must_be_trusted(engine: SearchEngine, settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("rug\t7\nlamp\nann@example.org\n")
    with pytest.raises(CatalogError, match=r"2 of 2 queries don't say who typed them.*--trusted"):
        behaviour.import_events(engine, settings, path)
    assert behaviour.import_events(engine, settings, path, trusted=True)["added"] == 2
    assert completions(settings) == [Entry("rug", 7.0), Entry("lamp", 1.0)]
    # It takes the place of the last one.
    path.write_text("vase\n")
    behaviour.import_events(engine, settings, path, trusted=True)
    assert completions(settings) == [Entry("vase", 1.0)]
    path.write_text("\n4111 1111 1111 1111\n")
    with pytest.raises(CatalogError, match="no queries"):
        behaviour.import_events(engine, settings, path, trusted=True)


# between builds
def test_new_queries_are_counted_within_a_minute(engine: SearchEngine, settings: Settings, write: Feed) -> None:
    assert behaviour.refresh_completions(engine, settings) == {"queries": 0, "changed": 0, "new": 0}
    behaviour.import_events(engine, settings, write(*CROWD, asked("vase", "a"), asked("vase", "b")))
    late = [asked("vase", "c", 2), asked("Red Shoe", "d", 2)]
    engine.append_events("queries", [check(one)[1] for one in late])
    assert behaviour.refresh_completions(engine, settings) == {"queries": 2, "changed": 1, "new": 1}
    assert [one.text for one in completions(settings)] == ["red shoe", "vase"]
    # A build has counted them, and nothing is left.
    behaviour.rebuild_completions(engine, settings)
    assert behaviour.refresh_completions(engine, settings)["queries"] == 0
    assert [one.text for one in completions(settings)] == ["red shoe", "vase"]


# privacy
def test_five_shoppers_are_needed_unless_it_is_said(engine: SearchEngine, settings: Settings, write: Feed) -> None:
    bare = settings.model_copy(update={"suggest_users": Settings.model_fields["suggest_users"].default})
    behaviour.import_events(engine, bare, write(*[asked("rug", client) for client in "abcd"]))
    assert completions(bare) == []
    behaviour.import_events(engine, bare, write(asked("rug", "e")))
    assert completions(bare) == [Entry("rug", 5.0)]


def test_what_of_a_person_is_typed_is_not_even_stored(engine: SearchEngine, settings: Settings, write: Feed) -> None:
    lines = [asked("mail ann@example.org", client) | {"query": '{"match": "ann@example.org"}'} for client in "abcdef"]
    behaviour.import_events(engine, settings, write(*lines, clicked("mail ann@example.org")))
    assert completions(settings) == []
    stored = [*engine.events("queries"), *engine.events("events")]
    assert len(stored) == 7 and "example.org" not in str(stored)


def test_blocked_words_come_from_a_file(engine: SearchEngine, settings: Settings, write: Feed, tmp_path: Path) -> None:
    path = tmp_path / "blocked.txt"
    path.write_text("# not these\n\n shoe \n", encoding="utf-8-sig")
    chosen = settings.model_copy(update={"suggest_blocked": path})
    assert behaviour.import_events(engine, chosen, write(*CROWD))["completions"]["dropped"] == {"blocked": 1}
    with pytest.raises(ConfigError, match="ETALAGE_SUGGEST_BLOCKED"):
        behaviour.rebuild_completions(engine, settings.model_copy(update={"suggest_blocked": tmp_path / "none"}))


def test_a_client_is_forgotten_and_what_then_too_few_typed(
    engine: SearchEngine, settings: Settings, write: Feed
) -> None:
    mine = clicked("red shoe") | {"query_id": "a-1", "user_id": "ann"}
    behaviour.import_events(engine, settings, write(*CROWD, *[asked("rug", client) for client in "bcd"], mine))
    assert [one.text for one in completions(settings)] == ["red shoe", "rug"]
    found = behaviour.forget(engine, settings, client="a")
    assert (found["queries"], found["events"], found["listed"]) == (1, 1, 0)
    assert [one.text for one in completions(settings)] == ["rug"]
    assert "red shoe" not in [one.get("user_query") for one in engine.events("events")]
    texts = b"".join(path.read_bytes() for path in parts.completions_folder(settings).glob("*.etg"))
    assert b"rug" in texts and b"red shoe" not in texts


def test_a_user_is_forgotten_with_the_queries_that_were_theirs(
    engine: SearchEngine, settings: Settings, write: Feed
) -> None:
    mine = clicked("red shoe") | {"query_id": "a-1", "user_id": "ann"}
    behaviour.import_events(engine, settings, write(*CROWD, mine, clicked("red shoe", 2)))
    found = behaviour.forget(engine, settings, user="ann")
    assert (found["queries"], found["events"], found["completions"]["completions"]) == (1, 1, 0)
    assert stored(engine) == (2, 1)


def test_a_query_is_forgotten_however_it_is_written(engine: SearchEngine, settings: Settings, write: Feed) -> None:
    path = write(b"red shoe\t9", b"rug\t2", name="list")
    behaviour.import_events(engine, settings, path, trusted=True)
    behaviour.import_events(engine, settings, write(*CROWD, asked("Red-Shoe", "d"), asked("red shoes", "d")))
    found = behaviour.forget(engine, settings, query="RED  SHOE")
    assert (found["queries"], found["events"], found["listed"]) == (4, 0, 1)
    assert completions(settings) == [Entry("rug", 2.0)]
    assert stored(engine) == (1, 0)
    files = [path.read_bytes() for path in settings.home.rglob("*") if path.is_file()]
    assert not any(b'red shoe"' in one or b"Red-Shoe" in one for one in files)


def test_a_query_without_a_letter_is_forgotten_alone(engine: SearchEngine, settings: Settings, write: Feed) -> None:
    nobody = clicked("red shoe") | {"user_id": "", "query_id": "a-1"}
    behaviour.import_events(engine, settings, write(*CROWD, asked("?!", "d"), asked("!!", "e"), nobody))
    found = behaviour.forget(engine, settings, query=" ?!")
    assert (found["queries"], found["events"]) == (1, 0) and stored(engine) == (4, 1)


def test_it_must_be_clear_what_is_to_be_forgotten(engine: SearchEngine, settings: Settings) -> None:
    for given in ({}, {"client": "a", "query": "b"}, {"query": " "}):
        with pytest.raises(ConfigError, match="--client, --user and --query"):
            behaviour.forget(engine, settings, **given)
