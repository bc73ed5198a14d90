"""The completion index: lookups against a plain search, and files that are read back or refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autocomplete import index
from autocomplete.index import INNER
from autocomplete.querylog import BRAND, Entry
from etalage.core.errors import EngineError
from etalage.core.text import fold

SHOP = [Entry("red shoe", 3.0), Entry("Red Lamp", 5.0), Entry("shoe rack", 2.0), Entry("Réd", 1.0, BRAND)]


def find(entries: Sequence[Entry], prefix: str, k: int = 10) -> list[tuple[str, float]]:
    made = index.make(entries)
    return [(made.entries[number].text, score) for number, score in made.find(prefix, k)]


def plain(entries: Sequence[Entry], prefix: str, k: int) -> list[tuple[str, float]]:
    """The same by looking at every entry; their folded texts must differ."""
    found = []
    for one in entries:
        words = fold(one.text).split(" ")
        starts = [" ".join(words[at:]) for at in range(len(words))]
        if starts[0].startswith(prefix):
            found.append((one.text, one.score))
        elif any(start.startswith(prefix) for start in starts):
            found.append((one.text, one.score * INNER))
    return sorted(found, key=lambda row: (-row[1], row[0]))[:k]


# lookups
def test_the_best_whose_text_starts_with_the_prefix() -> None:
    assert find(SHOP, "red") == [("Red Lamp", 5.0), ("red shoe", 3.0), ("Réd", 1.0)]
    assert find(SHOP, "red s") == [("red shoe", 3.0)]
    assert find(SHOP, "red", 2) == [("Red Lamp", 5.0), ("red shoe", 3.0)]
    assert find(SHOP, "red", 0) == find(SHOP, "zebra") == find(SHOP, "ed") == []


def test_a_later_word_counts_less() -> None:
    assert find(SHOP, "shoe") == [("shoe rack", 2.0), ("red shoe", 3.0 * INNER)]
    assert find([Entry("red red", 2.0)], "red") == [("red red", 2.0)]


def test_nothing_typed_gives_the_best_of_all() -> None:
    assert [text for text, _ in find(SHOP, "", 3)] == ["Red Lamp", "red shoe", "shoe rack"]


def test_ties_are_broken_by_text() -> None:
    assert find([Entry("rug", 1.0), Entry("rag", 1.0), Entry("rig", 1.0)], "r") == [
        ("rag", 1.0), ("rig", 1.0), ("rug", 1.0)
    ]  # fmt: skip


def test_of_texts_that_fold_alike_the_best_stays() -> None:
    assert find([Entry("cafe", 1.0), Entry("Café", 2.0), Entry("CAFE", 1.5)], "ca") == [("Café", 2.0)]


def test_no_entries_and_blank_ones() -> None:
    assert find([], "") == find([], "a") == find([Entry("  ", 1.0)], "") == []


@pytest.mark.parametrize("k", [1, 10, 100, 101, 1000])
def test_crowded_prefixes_are_looked_up_alike(k: int) -> None:
    random = Random(5)
    words = ["red", "rug", "rack", "lamp", "reed", "é"]
    texts = {" ".join(random.choices(words, k=3)) + f" {number}" for number in range(600)}
    entries = [Entry(text, random.randrange(20) / 4) for text in sorted(texts)]
    made = index.make(entries)
    assert {"", "r", "re"} <= set(made.tops) and max(map(len, made.tops.values())) == 100
    for prefix in ("", "r", "re", "red", "red r", "red rug", "e", "l", "5", "z", "red rug lamp"):
        assert find(entries, prefix, k) == plain(entries, prefix, k), prefix


TEXT = st.text("abé B", min_size=1, max_size=8).filter(str.strip)
ENTRIES = st.lists(st.builds(Entry, TEXT, st.integers(0, 8).map(float)), max_size=15, unique_by=lambda e: fold(e.text))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(ENTRIES, st.text("ab e", max_size=3).map(fold), st.integers(0, 6))
def test_any_lookup_is_that_of_a_plain_search(entries: list[Entry], prefix: str, k: int) -> None:
    expected = plain(entries, prefix, k)
    assert find(entries, prefix, k) == expected
    with patch.object(index, "_CROWDED", 2), patch.object(index, "_KEPT", 3):
        assert find(entries, prefix, k) == expected


# files
@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.builds(Entry, st.text(st.characters(exclude_categories=["Cs"])), st.floats(0, 1e6)), max_size=8))
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, entries: list[Entry]) -> None:
    folder = tmp_path_factory.mktemp("completions") / "new"
    path = index.write(folder, entries)
    assert index.current(folder) == path.name
    assert index.load(path) == index.make(entries)


def test_the_file_before_is_kept_for_who_still_reads_it(tmp_path: Path) -> None:
    assert index.current(tmp_path) is None
    _first, second, third = (index.write(tmp_path, [Entry(text, 1.0)]) for text in ("one", "two", "three"))
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / index.CURRENT, second, third])
    assert index.current(tmp_path) == third.name
    assert [one.text for one in index.load(second).entries] == ["two"]


def test_writing_the_same_again_keeps_it(tmp_path: Path) -> None:
    for _ in range(3):
        path = index.write(tmp_path, SHOP)
    assert [one.text for one in index.load(path).entries] == ["red shoe", "Red Lamp", "shoe rack", "Réd"]


def test_any_damaged_byte_is_noticed(tmp_path: Path) -> None:
    path = index.write(tmp_path, [Entry("red shoe", 3.0)])
    whole = path.read_bytes()
    for at in range(len(whole)):
        for mask in (0x01, 0x80):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ mask]) + whole[at + 1 :])
            with pytest.raises(EngineError) as caught:
                index.load(path)
            assert "etalage index FILE" in caught.value.remedy
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        with pytest.raises(EngineError):
            index.load(path)


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    path = index.write(tmp_path, SHOP)
    path.write_bytes(path.read_bytes().replace(b" 1 ", b" 2 ", 1))
    with pytest.raises(EngineError, match="completions of version 2, this one reads 1"):
        index.load(path)
    path.write_bytes(b"[]\n")
    with pytest.raises(EngineError, match="no file of completions"):
        index.load(path)
    with pytest.raises(EngineError, match="cannot be read .*No such file"):
        index.load(tmp_path / "none.json")
