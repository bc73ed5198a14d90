"""An older update never overwrites a newer one, on every engine, whichever comes first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etalage.core.records import Document
from opensearch.engine import SearchEngine

Make = Callable[..., Document]
NOW = 1_790_000_000_000
"""Milliseconds since 1970."""

BASES = count(NOW + 1000, 10)
"""Each example lies above those before it, whose removals are remembered."""


@pytest.fixture
def generation(engine: SearchEngine, index: str, serve: Callable[..., Any], make: Make) -> str:
    name: str = serve(make("kept")).name
    return name


def titles(engine: SearchEngine, generation: str, *ids: str) -> list[str | None]:
    found = engine.get(generation, ids)
    return [found[one]["title"] if one in found else None for one in ids]


def test_an_older_document_is_left_out(engine: SearchEngine, generation: str, make: Make) -> None:
    new, old, equal = (replace(make("a", title), version=NOW + by) for title, by in (("b", 5), ("c", 4), ("d", 5)))
    assert [one.stale for one in engine.write(generation, [new])] == [False]
    (outcome,) = engine.write(generation, [old])
    assert (outcome.stale, outcome.reason) == (True, "")
    assert titles(engine, generation, "a") == ["b"]
    assert [one.stale for one in engine.write(generation, [equal, replace(make("x"), version=NOW)])] == [False, False]
    assert titles(engine, generation, "a", "x") == ["d", "thing"]


def test_without_a_version_the_last_one_stays(engine: SearchEngine, generation: str, make: Make) -> None:
    engine.write(generation, [replace(make("a", "b"), version=NOW)])
    assert engine.write(generation, [make("a", "c")])[0].stale is False
    assert titles(engine, generation, "a") == ["c"]
    # It is still known how new it was.
    assert engine.write(generation, [replace(make("a", "d"), version=NOW - 1)])[0].stale is True


def test_a_newer_document_is_not_removed(engine: SearchEngine, generation: str, make: Make) -> None:
    engine.write(generation, [replace(make("a"), version=NOW + 1), replace(make("b"), version=NOW - 1)])
    assert engine.delete(generation, ["a", "b", "never"], version=NOW) == 1
    assert titles(engine, generation, "a", "b") == ["thing", None]
    assert engine.delete(generation, ["a"]) == 1


def test_what_was_removed_is_not_brought_back_by_what_is_older(
    engine: SearchEngine, generation: str, make: Make
) -> None:
    engine.write(generation, [replace(make("a"), version=NOW)])
    engine.delete(generation, ["a", "never"], version=NOW + 2)
    late = [replace(make(one), version=NOW + 1) for one in ("a", "never")]
    assert [one.stale for one in engine.write(generation, late)] == [True, True]
    assert titles(engine, generation, "a", "never") == [None, None]
    assert [one.stale for one in engine.write(generation, [replace(late[0], version=NOW + 3)])] == [False]
    assert titles(engine, generation, "a") == ["thing"]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 5), st.booleans()), max_size=8), st.randoms())
def test_updates_in_any_order_end_alike(
    engine: SearchEngine, generation: str, make: Make, updates: list[tuple[str, int, bool]], order: Any
) -> None:
    """The highest version of each id decides; of an id, no two updates share one."""
    unique = list({(id, version): gone for id, version, gone in updates}.items())
    order.shuffle(unique)
    for id in "ab":
        engine.delete(generation, [id])
    base = next(BASES)
    for (id, version), gone in unique:
        if gone:
            engine.delete(generation, [id], version=base + version)
        else:
            engine.write(generation, [replace(make(id, f"t{version}"), version=base + version)])
    for id in "ab":
        last = max(((version, gone) for (one, version), gone in unique if one == id), default=(0, True))
        assert titles(engine, generation, id) == [None if last[1] else f"t{last[0]}"]


def test_the_mark_changes_with_every_write(engine: SearchEngine, generation: str, make: Make) -> None:
    marks = [engine.mark(generation)]
    engine.write(generation, [make("a")])
    marks.append(engine.mark(generation))
    engine.write(generation, [make("a")])
    marks.append(engine.mark(generation))
    engine.delete(generation, ["a"])
    marks.append(engine.mark(generation))
    engine.refresh(generation)
    assert engine.mark(generation) == marks[-1] and len(set(marks)) == 4
