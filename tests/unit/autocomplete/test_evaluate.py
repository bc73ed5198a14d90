"""Measures of completions, by hand."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autocomplete.evaluate import by_length, forgiven, mistype, most_popular, ranks_of, reciprocal, summary
from autocomplete.index import Index, columns, make
from autocomplete.querylog import Entry
from autocomplete.replay import Asked
from autocomplete.typed import key


@pytest.fixture(scope="module")
def index() -> Index:
    return Index(*make(columns([Entry("sofa", 2.0, aliases=("couch",)), Entry("sock", 1.0), Entry("soap", 3.0)])))


def test_ranks_are_of_every_beginning_and_by_what_a_text_leads_to(index: Index) -> None:
    popular = most_popular([Asked("sock", 3), Asked("sofa"), Asked("couch"), Asked("unknown", 9)], index)
    assert popular("so", Asked("")) == ["sock", "sofa"] and popular("x", Asked("")) == ()
    found = ranks_of(popular, [Asked("sofa"), Asked("couch"), Asked("soap")], index)
    assert [one.tolist() for one in found] == [[2, 2, 1], [0, 0, 0, 0], [0, 0, 0]]
    assert ranks_of(lambda typed, one: ["Sofa"], [Asked("Couch")], index)[0].tolist() == [1, 1, 1, 1]


def test_measures_count_queries_alike_however_long() -> None:
    ranks = [np.array([2, 1]), np.array([0, 0, 4, 1])]
    assert reciprocal(ranks).tolist() == [0.75, 0.3125]
    assert summary(ranks, np.ones(2)) == {
        "mrr@10": round((0.75 + 0.3125) / 2, 4), "success@1": 0.375, "success@3": 0.625, "success@10": 0.75,
        # "abc": a, one arrow twice, Enter is as long as abc and Enter; "abcde": abcd, an arrow, Enter is.
        "keystrokes_saved": 0.0,
    }  # fmt: skip
    assert summary(ranks, np.array([3.0, 1.0]))["mrr@10"] == round((3 * 0.75 + 0.3125) / 4, 4)
    assert by_length(ranks, np.ones(2)) == {"1": 0.25, "2": 0.5, "3": 0.25, "4": 1.0}


def test_keys_are_saved_where_it_is_soonest() -> None:
    # Ten letters and Enter; one letter, two arrows and Enter are four keys.
    assert summary([np.array([2, 1, 1, 1, 1, 1, 1, 1, 1])], np.ones(1))["keystrokes_saved"] == round(1 - 4 / 11, 4)


def test_what_typing_errors_cost(index: Index) -> None:
    asked = [Asked("couches"), Asked("couch")]
    assert forgiven(asked, lambda typed, one: ["sofa"] if typed == "couc" else [], index) == {
        "exact": 1.0, "mistyped": 0.0, "kept": 0.0
    }  # fmt: skip
    assert forgiven([Asked("sofa")], lambda typed, one: [], index) == {"exact": 0.0, "mistyped": 0.0, "kept": 0.0}


@given(st.text("abcxyz12 é", min_size=2, max_size=12).map(key).filter(lambda text: len(text) > 1), st.integers(0, 99))
def test_a_slip_is_one_edit_after_the_first_letter(text: str, seed: int) -> None:
    typed = mistype(text, random.Random(seed))
    assert typed != text and typed[0] == text[0] and abs(len(typed) - len(text)) <= 1
