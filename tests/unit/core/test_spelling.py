"""Corrections of single words, by hand-checked tables first."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etalage.core import spelling
from etalage.core.spelling import Speller, cost, deletions

WORDS = {
    "headphones": 500,
    "headphone": 40,
    "soldering": 60,
    "monitor": 300,
    "motor": 20,
    "faucet": 400,
    "light": 900,
    "night": 30,
    "refrigerator": 200,
    "cable": 800,
    "cabin": 5,
    "dining": 50,
    "kitchen": 70,
    "paint": 90,
}


@pytest.fixture(scope="module")
def speller() -> Speller:
    return Speller.of(WORDS)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("sodering", "soldering"),  # a letter left out
        ("montior", "monitor"),  # two swapped
        ("faucett", "faucet"),  # one doubled
        ("dinning", "dining"),
        ("kitchrn", "kitchen"),  # the key beside
        ("refridgerater", "refrigerator"),  # two slips in a long word
        ("refirgeratr", "refrigerator"),
        ("haedphones", "headphones"),
        ("lihgt", "light"),
    ],
)
def test_slips_are_corrected(speller: Speller, typed: str, meant: str) -> None:
    found = speller.correct(typed)
    assert found is not None and (found.word, found.certain) == (meant, True)


@pytest.mark.parametrize("typed", ["cab", "c4ble", "cable's", "usb-c", "xyzzyq", "a" * 33, "", "灯泡灯泡", "cbl"])
def test_what_is_short_or_no_word_or_far_from_all_is_left(speller: Speller, typed: str) -> None:
    assert speller.correct(typed) is None


def test_two_slips_in_a_short_word_are_too_many(speller: Speller) -> None:
    assert speller.correct("mnoitr") is None


def test_a_correction_that_does_not_lead_is_doubtful() -> None:
    found = Speller.of({"barn": 100, "bran": 90}).correct("barnn")
    assert found is not None and found.certain
    rivals = Speller.of({"maple": 100, "mabel": 90, "mable": 95}).correct("madle")
    assert rivals is not None and not rivals.certain


def test_another_form_of_the_same_word_is_no_rival(speller: Speller) -> None:
    assert speller.correct("headphnes") == speller.correct("headphnes")
    found = speller.correct("headphonees")
    assert found is not None and (found.word, found.certain) == ("headphones", True)


def test_what_fits_beside_decides() -> None:
    speller = Speller.of({"boss": 50, "bass": 50})
    plain = speller.correct("buss")
    assert plain is not None and not plain.certain
    helped = speller.correct("buss", lambda known: 2.0 if known == "bass" else 0.0)
    assert helped is not None and (helped.word, helped.certain) == ("bass", True)


@pytest.mark.parametrize(
    ("cheap", "dear"),
    [
        (("lihgt", "light"), ("lixht", "light")),  # swapped, below another letter
        (("lifht", "light"), ("lizht", "light")),  # a key beside, below one far away
        (("lightt", "light"), ("lightx", "light")),  # doubled, below one too many
        (("metel", "metal"), ("metpl", "metal")),  # a vowel for another
        (("lightd", "light"), ("dlight", "light")),  # the first letter counts more
    ],
)
def test_likely_slips_cost_less(cheap: tuple[str, str], dear: tuple[str, str]) -> None:
    assert 0 < cost(*cheap) < cost(*dear)


@given(st.text("abcdef", max_size=9), st.text("abcdef", max_size=9))
def test_the_cost_is_zero_only_for_the_same_word(a: str, b: str) -> None:
    assert (cost(a, b) == 0) == (a == b)


@pytest.mark.parametrize("word", ["cable", "monitors"])
def test_deletions_reach_the_start_of_a_word(word: str) -> None:
    start = word[: spelling._FIRST]
    slips = 2 if len(word) >= spelling.LONG else 1
    expected = {"".join(kept) for count in range(slips + 1) for kept in combinations(start, len(start) - count)}
    assert deletions(word) == expected


def test_the_index_names_the_word_of_every_form() -> None:
    keys, rows = spelling.index(["cable", "cabin"])
    assert (np.diff(keys.astype(np.int64)) >= 0).all() and keys.dtype == np.uint32
    assert len(keys) == len(deletions("cable")) + len(deletions("cabin"))
    assert sorted(set(rows.tolist())) == [0, 1]


@given(st.text(max_size=40))
def test_nothing_raises(typed: str) -> None:
    Speller.of({"cable": 3, "monitor": 2}).correct(typed)
    Speller.of({}).correct(typed)
