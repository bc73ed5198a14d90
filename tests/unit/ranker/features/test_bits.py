"""Places as bits: by hand, and against looking at one place after another."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from etalage.core import text
from etalage.core.records import ATTRIBUTES, BRAND, CATEGORY, RECORD, TITLE, record_of
from ranker.features import bits

SETS = st.lists(st.integers(0, 2**32 - 1), max_size=20).map(lambda drawn: np.array(drawn, np.uint32))


def test_a_records_fields_fit_into_their_numbers() -> None:
    assert bits.WORD == TITLE == ATTRIBUTES >= BRAND + CATEGORY
    assert int(bits.BRAND_BITS) == 0xF and int(bits.CATEGORY_BITS) == 0xFFF0


def test_the_places_of_words_by_hand() -> None:
    source = {
        "title": "red wool red",
        "brand": "Acme Red",
        "category": ["Wool"],
        "attributes": {"colour": ["dark red"]},
    }
    tokens = bits.tokens(np.array([record_of(source), record_of({"title": "lamp"})], RECORD))
    found = bits.equal(tokens, np.array([text.token_id("red"), text.token_id("wool")], np.uint32))
    assert found.shape == (3, 2, 2)
    assert found[bits.TITLE_AT].tolist() == [[0b101, 0], [0b010, 0]]
    assert found[bits.ATTRIBUTES_AT].tolist() == [[0b10, 0], [0, 0]]
    assert (found[bits.NAMES_AT] & bits.BRAND_BITS).tolist() == [[0b10, 0], [0, 0]]
    assert (found[bits.NAMES_AT] & bits.CATEGORY_BITS).tolist() == [[0, 0], [1 << BRAND, 0]]
    assert bits.filled(tokens).tolist() == [[0b111, 1], [0b11, 0], [0b10011, 0]]


def test_no_words_and_no_candidates() -> None:
    none = np.zeros(0, np.uint32)
    assert bits.equal(np.ones((5, 96), np.uint32), none).shape == (3, 0, 5)
    assert bits.equal(np.ones((0, 32), np.uint32), np.ones(2, np.uint32)).shape == (1, 2, 0)


@given(SETS)
def test_counting_and_the_ends(places: np.ndarray[tuple[int], np.dtype[np.uint32]]) -> None:
    sets = [[at for at in range(32) if one >> at & 1] for one in places.tolist()]
    assert bits.count(places).tolist() == [len(one) for one in sets]
    assert bits.first(places).tolist() == [min(one, default=32) for one in sets]
    assert bits.after_last(places).tolist() == [max(one, default=-1) + 1 for one in sets]
