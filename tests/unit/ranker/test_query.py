"""Queries as the ranker understands them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etalage.core import text
from etalage.core.errors import QueryError
from ranker.query import MAX_CHARACTERS, MAX_TERMS, understand


def ids(*terms: str) -> list[int]:
    return [text.token_id(term) for term in terms]


def test_terms_give_stems_surfaces_and_kinds() -> None:
    query = understand("  Running  SHOES 42 mx500 ")
    assert query.text == "Running SHOES 42 mx500"
    assert query.stems.tolist() == ids("run", "shoe", "42", "mx500")
    assert query.surfaces.tolist() == ids("running", "shoes", "42", "mx500")
    assert query.kinds.tolist() == [text.NONE, text.NONE, text.NUMBER, text.MODEL]
    assert (query.stems.dtype, query.kinds.dtype) == (np.dtype(np.uint32), np.dtype(np.uint8))


def test_article_numbers_join_up_to_three_neighbours() -> None:
    # Every run of one to three neighbours with a digit and more than two characters, by where it starts.
    found = understand("canon mx 500 a").models.tolist()
    assert found == ids("canonmx500", "mx500", "mx500a", "500", "500a")


def test_an_article_number_is_found_however_it_is_punctuated() -> None:
    product = text.token_id(text.compact("MX-500/A"))
    for typed in ("MX-500/A", "mx 500 a", "MX500A", "mx500-a", "mx.500.a"):
        assert product in understand(typed).models.tolist(), typed


def test_words_and_short_numbers_name_no_article() -> None:
    assert understand("red shoes").models.tolist() == []
    assert understand("12").models.tolist() == []


@pytest.mark.parametrize("typed", ["", "   ", "\t\n", "\x00\x07"])
def test_blank_queries_are_empty(typed: str) -> None:
    query = understand(typed)
    assert query.text == ""
    assert len(query.stems) == len(query.surfaces) == len(query.kinds) == len(query.models) == 0


def test_punctuation_alone_keeps_its_text_and_has_no_terms() -> None:
    query = understand("?!")
    assert query.text == "?!"
    assert len(query.stems) == 0


def test_of_many_terms_the_first_count() -> None:
    query = understand(" ".join(f"W{n}" for n in range(MAX_TERMS + 5)))
    assert len(query.stems) == len(query.surfaces) == len(query.kinds) == MAX_TERMS
    assert query.text.split() == [f"w{n}" for n in range(MAX_TERMS)]
    assert understand(" ".join(["w"] * MAX_TERMS)).text.split() == ["w"] * MAX_TERMS


def test_what_is_too_long_is_refused() -> None:
    assert understand("a" * MAX_CHARACTERS).text == "a" * MAX_CHARACTERS
    with pytest.raises(QueryError, match="1,001 characters, at most 1,000") as caught:
        understand("a" * (MAX_CHARACTERS + 1))
    assert caught.value.remedy == "Shorten it."


@given(st.text(max_size=MAX_CHARACTERS))
def test_columns_are_of_one_length_whatever_is_typed(typed: str) -> None:
    query = understand(typed)
    assert len(query.stems) == len(query.surfaces) == len(query.kinds) <= MAX_TERMS
    assert 0 not in query.stems
    assert len(set(query.models.tolist())) == len(query.models)
