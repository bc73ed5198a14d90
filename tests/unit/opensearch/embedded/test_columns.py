"""String lists and keyword fields on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opensearch.embedded.columns import Exact, Strings


def strings(folder: Path, *values: str) -> Strings:
    Strings.build(values, folder, "s")
    return Strings(folder, "s")


def exact(folder: Path, *lists: list[str]) -> Exact:
    Exact.build(lists, folder, "e")
    return Exact(folder, "e")


def test_strings_come_back(tmp_path: Path) -> None:
    found = strings(tmp_path, "red", "", "ü 日本", "🦊")
    assert len(found) == 4 and found.all() == ["red", "", "ü 日本", "🦊"]
    assert [found[number] for number in range(4)] == found.all()


def test_no_strings(tmp_path: Path) -> None:
    found = strings(tmp_path)
    assert len(found) == 0 and found.all() == [] and found.find("x") is None


def test_find_in_sorted_strings(tmp_path: Path) -> None:
    found = strings(tmp_path, "", "a", "ab", "b", "é")
    assert [found.find(value) for value in ("", "a", "ab", "b", "é")] == [0, 1, 2, 3, 4]
    assert [found.find(value) for value in ("aa", "c", "ê", " ")] == [None] * 4


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.text(st.characters(), max_size=8), max_size=12, unique=True), st.text(max_size=8))
def test_any_strings_come_back_and_are_found(
    tmp_path_factory: pytest.TempPathFactory, values: list[str], other: str
) -> None:
    values.sort()
    found = strings(tmp_path_factory.mktemp("any"), *values)
    assert found.all() == values
    assert [found.find(value) for value in values] == list(range(len(values)))
    assert (found.find(other) is not None) == (other in values)


# keyword fields
def test_masks(tmp_path: Path) -> None:
    found = exact(tmp_path, ["a"], ["b", "a"], [], ["c", "c"])
    assert found.mask(["a"], 4).tolist() == [True, True, False, False]
    assert found.mask(["b", "c"], 4).tolist() == [False, True, False, True]
    assert not found.mask(["zebra"], 4).any() and not found.mask([], 4).any()


def test_counts_are_of_documents_most_frequent_first_ties_by_value(tmp_path: Path) -> None:
    found = exact(tmp_path, ["b", "c"], ["c", "a"], [], ["c", "c"], ["b"])
    everything = np.ones(5, bool)
    assert found.counts(everything, 10) == [("c", 3), ("b", 2), ("a", 1)]
    assert found.counts(everything, 2) == [("c", 3), ("b", 2)]
    assert found.counts(everything, 0) == []
    assert found.counts(np.array([True, True, False, False, False]), 10) == [("c", 2), ("a", 1), ("b", 1)]
    assert found.counts(~everything, 10) == []


def test_values_by_prefix_and_by_document(tmp_path: Path) -> None:
    found = exact(tmp_path, ["b", "ca"], ["cb", "a"], [], ["b"])
    assert found.values == ["a", "b", "ca", "cb"] and found.prefixed("c") == (2, 4) and found.prefixed("x") == (4, 4)
    assert found.span(1, 3, 4).tolist() == [True, False, False, True] and not found.span(2, 2, 4).any()
    assert found.edge(4, last=False).tolist() == [1, 0, -1, 1] and found.edge(4, last=True).tolist() == [2, 3, -1, 1]
    assert found.edge(4, last=False, low=2, high=4).tolist() == [2, 3, -1, -1]
    assert found.chosen(lambda value: value.endswith("b"), 0, 4, 4).tolist() == [True, True, False, True]
    codes, rows = found.pairs(1, 3)
    assert codes.tolist() == [1, 1, 2] and rows.tolist() == [0, 3, 0]


def test_a_field_that_no_document_has(tmp_path: Path) -> None:
    found = exact(tmp_path, [], [])
    assert not found.mask(["a"], 2).any() and found.counts(np.ones(2, bool), 5) == []


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.lists(st.sampled_from("abcdé"), max_size=4), min_size=1, max_size=10), st.data())
def test_any_field_counts_and_masks_as_a_plain_loop_does(
    tmp_path_factory: pytest.TempPathFactory, lists: list[list[str]], data: st.DataObject
) -> None:
    found = exact(tmp_path_factory.mktemp("any"), *lists)
    chosen = data.draw(st.lists(st.booleans(), min_size=len(lists), max_size=len(lists)))
    expected = {
        value: sum(value in values for values, on in zip(lists, chosen, strict=True) if on) for value in "abcdé"
    }
    ordered = sorted(((value, count) for value, count in expected.items() if count), key=lambda one: (-one[1], one[0]))
    assert found.counts(np.array(chosen), 10) == ordered
    for value in "abcdé":
        assert found.mask([value], len(lists)).tolist() == [value in values for values in lists]
