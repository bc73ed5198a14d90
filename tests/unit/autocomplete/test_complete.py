"""Prefixes answered: what matches, typing errors, and a newer file noticed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autocomplete import index
from autocomplete.complete import MAX_PREFIX, Completer
from autocomplete.querylog import BRAND, CATEGORY, Entry
from etalage.core.errors import EngineError

SHOP = [
    Entry("running shoes", 4.0),
    Entry("red shoes", 3.0),
    Entry("Café Noir", 2.0, BRAND),
    Entry("rugs", 1.0, CATEGORY),
]


def serving(folder: Path, entries: Sequence[Entry] = SHOP) -> Completer:
    index.write(folder, entries)
    return Completer.open(folder)


def texts(completer: Completer, prefix: str, k: int = 10) -> list[str]:
    return [one.text for one in completer.complete(prefix, k)]


def touch(folder: Path, moment: int) -> None:
    """Give the file that names the current one a time of its own, since clocks tick in steps."""
    os.utime(folder / index.CURRENT, ns=(moment, moment))


def test_completions_come_best_first_with_score_and_type(tmp_path: Path) -> None:
    completer = serving(tmp_path)
    assert completer.complete("r") == [SHOP[0], SHOP[1], SHOP[3]]
    assert completer.complete("noir") == [Entry("Café Noir", 2.0 * index.INNER, BRAND)]
    assert texts(completer, "r", 2) == ["running shoes", "red shoes"]


def test_nothing_typed_gives_the_most_popular(tmp_path: Path) -> None:
    completer = serving(tmp_path)
    assert texts(completer, "") == texts(completer, "  ") == [one.text for one in SHOP]
    assert texts(completer, "", 0) == []


@pytest.mark.parametrize("prefix", ["cafe", "CAFÉ", " café ", "cafe\u0301 n", "ｃafé"])
def test_case_marks_and_blanks_do_not_matter(tmp_path: Path, prefix: str) -> None:
    assert texts(serving(tmp_path), prefix) == ["Café Noir"]


@pytest.mark.parametrize(
    "prefix", ["runing s", "rnuning", "runnning", "rumning", "running shoec", "running shoesx", "running sheos"]
)
def test_one_typing_error_is_forgiven_at_half_the_score(tmp_path: Path, prefix: str) -> None:
    assert serving(tmp_path).complete(prefix) == [Entry("running shoes", 2.0)]


@pytest.mark.parametrize("prefix", ["unning", "tunning", "rnu", "rxx", "runinng shes", "zebra", "????"])
def test_two_errors_a_wrong_first_letter_or_a_short_text_are_not(tmp_path: Path, prefix: str) -> None:
    assert serving(tmp_path).complete(prefix) == []


def test_errors_are_looked_for_only_when_nothing_matches(tmp_path: Path) -> None:
    completer = serving(tmp_path, [Entry("lamps", 1.0), Entry("lambs wool", 9.0)])
    assert texts(completer, "lamp") == ["lamps"]
    assert completer.complete("lamx") == [Entry("lambs wool", 4.5), Entry("lamps", 0.5)]
    assert texts(completer, "lamx", 1) == ["lambs wool"]


def test_of_a_long_text_the_start_counts(tmp_path: Path) -> None:
    long = "ab " * 60 + "ab " * 20
    completer = serving(tmp_path, [Entry(long.strip(), 1.0)])
    assert len(long) > MAX_PREFIX
    assert texts(completer, long[:MAX_PREFIX] + "zzz") == [long.strip()]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Completer:
    return serving(tmp_path_factory.mktemp("shared"))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(prefix=st.text(max_size=12) | st.text("runig shoes", max_size=8), k=st.integers(0, 5))
def test_whatever_is_typed_gets_at_most_k_in_order(shared: Completer, prefix: str, k: int) -> None:
    found = shared.complete(prefix, k)
    assert len(found) <= k
    assert found == sorted(found, key=lambda one: (-one.score, one.text))
    known = {one.text: one for one in SHOP}
    assert all(0 < one.score <= known[one.text].score and one.type == known[one.text].type for one in found)


# files
def test_no_completions_are_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no completions.*etalage index FILE"):
        Completer.open(tmp_path)
    with pytest.raises(EngineError, match="no completions"):
        Completer(tmp_path / "none").complete("r")


def test_a_newer_file_is_read_at_once(tmp_path: Path) -> None:
    index.write(tmp_path, [Entry("old", 1.0)])
    touch(tmp_path, 10**18)
    completer = Completer.open(tmp_path)
    assert texts(completer, "") == ["old"]
    index.write(tmp_path, [Entry("new", 1.0)])
    touch(tmp_path, 10**18 + 1)
    assert texts(completer, "") == ["new"]


def test_a_file_is_read_once(tmp_path: Path) -> None:
    completer = serving(tmp_path)
    for path in tmp_path.glob("completions-*"):
        path.unlink()
    assert texts(completer, "ru") == ["running shoes", "rugs"]
    # Only what CURRENT says counts, not when it was written.
    touch(tmp_path, 10**18)
    assert texts(completer, "ru") == ["running shoes", "rugs"]


@pytest.mark.parametrize("name", ["completions-gone.json", "", "CURRENT"])
def test_a_wrong_current_file_is_refused_and_a_good_one_serves_again(tmp_path: Path, name: str) -> None:
    completer = serving(tmp_path)
    (tmp_path / index.CURRENT).write_text(name, encoding="utf-8")
    touch(tmp_path, 10**18)
    with pytest.raises(EngineError, match="completions"):
        completer.complete("r")
    index.write(tmp_path, [Entry("rope", 1.0)])
    touch(tmp_path, 10**18 + 1)
    assert texts(completer, "r") == ["rope"]
