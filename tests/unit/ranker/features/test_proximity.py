"""Words in the title, by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .candidates import column, retrieved, titles


def test_words_that_stand_together() -> None:
    found = retrieved("red wool sock", titles("red wool sock", "sock of soft red wool", "red thing sock", "lamp"))
    # By the window from the first match to the last: 3/3, 3/5, 2/3.
    assert column(found, "title_span") == pytest.approx([1, 3 / 5, 2 / 3, 0])
    # Runs in the query's order: all three, "red wool", one word.
    assert column(found, "title_run") == pytest.approx([1, 2 / 3, 1 / 3, 0])
    # Pairs within three places: all; only red–wool and red–sock (places 0, 3, 4); red–sock.
    assert column(found, "title_pairs") == pytest.approx([1, 2 / 3, 1 / 3, 0])
    assert column(found, "title_last") == pytest.approx([1, 1, 1, 0])
    assert column(found, "title_lead") == [1, 1, 1, 0]


def test_one_word_is_its_own_pair() -> None:
    assert column(retrieved("sock", titles("red sock", "lamp")), "title_pairs") == [1, 0]


def test_the_last_match_stands_early() -> None:
    assert column(retrieved("sock", titles("sock for a cold day")), "title_last") == pytest.approx([1 / 5])


def test_the_rarest_missing_word() -> None:
    found = retrieved("red sock", titles("red sock", "red hat", "red cap", "lamp"))
    # Rarity log(1 + 4 / (1 + titles)): "red" is in 3, "sock" in 1.
    red, sock = math.log1p(4 / 4), math.log1p(4 / 2)
    assert column(found, "missing_rare") == pytest.approx([0, 1, 1, 1], abs=1e-6)
    assert column(found, "missing_words") == pytest.approx([0, 0.2, 0.2, 0.4])
    only_red = retrieved("red sock", [{"title": "sock"}, {"title": "red sock"}, {"title": "red"}, {"title": "red"}])
    assert column(only_red, "missing_rare")[0] == pytest.approx(red / math.log1p(4 / 3), abs=1e-6) and sock > red


def test_words_elsewhere_are_not_missing() -> None:
    found = retrieved("acme red sock", [{"title": "sock", "brand": "Acme", "attributes": {"colour": ["red"]}}])
    assert column(found, "missing_words") == [0] and column(found, "missing_rare") == [0]


def test_a_number_before_its_unit() -> None:
    found = retrieved("12 gauge wire", titles("12 gauge wire", "12 pack wire 14 gauge", "gauge 12 wire"))
    assert column(found, "measured") == [1, 0, 0]
    assert column(retrieved("wire 12", titles("12 wire")), "measured") == [0]


@pytest.mark.parametrize(
    "name",
    ["title_span", "title_run", "title_pairs", "title_last", "title_lead", "missing_rare", "missing_words", "measured"],
)
def test_a_query_without_words_matches_nothing(name: str) -> None:
    assert column(retrieved("!", titles("red sock")), name) == [0]


WORDS = st.lists(st.sampled_from("abcd"), min_size=1, max_size=9)


@settings(deadline=None, max_examples=60)
@given(WORDS, WORDS)
def test_the_longest_run_is_that_of_looking_everywhere(asked: list[str], title: list[str]) -> None:
    runs = [
        size
        for size in range(1, len(asked) + 1)
        for start in range(len(asked) - size + 1)
        for at in range(len(title) - size + 1)
        if asked[start : start + size] == title[at : at + size]
    ]
    found = retrieved(" ".join(asked), titles(" ".join(title)))
    assert column(found, "title_run") == pytest.approx([max(runs, default=0) / len(asked)])
