"""The folder of completions: what serves, and what takes its place."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from autocomplete import shelf
from autocomplete.index import Columns
from autocomplete.shelf import BASE, CURRENT, RECENT, Shelf, named, write
from etalage.core.errors import EngineError


@pytest.fixture(autouse=True)
def _always_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "_LOOK", -1.0)


def put(folder: Path, texts: Sequence[str], part: str = BASE, moment: int = 10**18) -> None:
    """Write completions at a moment of their own, since clocks tick in steps."""
    assert write(folder, Columns(texts, np.ones(len(texts), np.float32)), {"by": "hand"}, part) == len(texts)
    os.utime(folder / CURRENT, ns=(moment, moment))


def served(found: Shelf) -> list[list[str]]:
    return [index.shown(np.arange(len(index))) for index in found.indexes()]


def test_no_completions_are_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no completions.*etalage index FILE"):
        Shelf(tmp_path / "none").indexes()
    assert named(tmp_path) == {}


def test_a_newer_file_serves_and_the_one_before_is_kept_for_who_still_reads_it(tmp_path: Path) -> None:
    put(tmp_path, ["one"])
    found = Shelf(tmp_path)
    assert served(found) == [["one"]]
    put(tmp_path, ["two"], moment=10**18 + 1)
    assert served(found) == [["two"]] and len(list(tmp_path.glob("*.etg"))) == 2
    put(tmp_path, ["three"], moment=10**18 + 2)
    assert served(found) == [["three"]] and len(list(tmp_path.glob("*.etg"))) == 2


def test_what_changed_since_lies_beside_until_the_next_base(tmp_path: Path) -> None:
    put(tmp_path, ["one"])
    put(tmp_path, ["new"], RECENT)
    put(tmp_path, ["newer"], RECENT, 10**18 + 1)
    found = Shelf(tmp_path)
    assert served(found) == [["one"], ["newer"]] and set(named(tmp_path)) == {BASE, RECENT}
    put(tmp_path, ["both"], moment=10**18 + 2)
    assert served(found) == [["both"]]


def test_a_file_is_opened_once(tmp_path: Path) -> None:
    put(tmp_path, ["one"])
    found = Shelf(tmp_path)
    first = found.indexes()
    for path in tmp_path.glob("*.etg"):
        path.unlink()
    os.utime(tmp_path / CURRENT, ns=(10**18 + 5, 10**18 + 5))
    assert found.indexes() is first and served(found) == [["one"]]


@pytest.mark.parametrize("content", ["completions-1a2b.json", "", "CURRENT", "base gone.etg\n"])
def test_a_wrong_current_file_is_refused_and_a_good_one_serves_again(tmp_path: Path, content: str) -> None:
    put(tmp_path, ["one"])
    found = Shelf(tmp_path)
    assert served(found) == [["one"]]
    (tmp_path / CURRENT).write_text(content, encoding="utf-8")
    os.utime(tmp_path / CURRENT, ns=(10**18 + 1, 10**18 + 1))
    with pytest.raises(EngineError, match="completions"):
        found.indexes()
    (tmp_path / CURRENT).unlink()
    put(tmp_path, ["two"], moment=10**18 + 2)
    assert served(found) == [["two"]]


def test_a_second_look_within_a_moment_is_spared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "_LOOK", 1e9)
    put(tmp_path, ["one"])
    found = Shelf(tmp_path)
    assert served(found) == [["one"]]
    put(tmp_path, ["two"], moment=10**18 + 1)
    assert served(found) == [["one"]]
