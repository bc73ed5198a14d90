from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from etalage.demo.assortment import VALUES
from etalage.demo.catalogue import KINDS
from etalage.demo.copywriting import Draft, attributes, chinese_title, description, headline, phrase, title

SOFA = KINDS["sofa"]
WORDS = {"colour": "crimson", "use": "parties"}
DRAFT = Draft(SOFA, "couch", "Halden", "Osby", WORDS, {"colour": "红色", "use": "礼服"})


def test_headline_keeps_capitals_numbers_and_small_words() -> None:
    assert headline("red TV for the 55 inch iMac, 80 cm") == "Red TV for the 55 Inch iMac, 80 cm"


def test_a_title_names_what_is_shown_and_nothing_else() -> None:
    for seed in range(20):
        shown = title(DRAFT, ["colour"], random.Random(seed)).lower()
        assert "crimson" in shown and "couch" in shown and "halden" in shown and "parties" not in shown
        assert "crimson" not in title(DRAFT, [], random.Random(seed)).lower()


def test_an_accessory_names_the_device_that_it_serves() -> None:
    case = Draft(KINDS["phone_case"], "cover", "Gadjo", "", {}, {}, serves="Lumo P40", serves_noun="phone")
    assert "Lumo P40 phone" in title(case, [], random.Random(1)).replace("Phone", "phone")
    assert "适用Lumo P40" in chinese_title(case, [], random.Random(1))


def test_a_stuffed_title_piles_up_synonyms() -> None:
    stuffed = Draft(SOFA, "couch", "Halden", "", {"colour": "red"}, {}, stuffed=True)
    words = title(stuffed, [], random.Random(1)).lower().split()
    assert {"sofa", "couch", "settee"} <= set(words)


def test_a_description_says_what_it_is_told() -> None:
    assert "crimson" in description(DRAFT, ["colour"], random.Random(3))


def test_attributes_hold_the_sellers_words() -> None:
    assert attributes(DRAFT, ["colour"], chinese=False) == {"colour": ("Crimson",)}
    assert attributes(DRAFT, ["colour"], chinese=True) == {"colour": ("红色",)}


@given(st.sampled_from(sorted(VALUES)), st.integers(0, 999), st.data())
def test_a_phrase_is_one_of_the_words_of_its_value(facet: str, seed: int, data: st.DataObject) -> None:
    value = data.draw(st.sampled_from(sorted(VALUES[facet])))
    word, chinese = phrase(SOFA, facet, value, random.Random(seed))
    assert word in VALUES[facet][value].words
    assert chinese == VALUES[facet][value].chinese


@given(st.integers(0, 999))
def test_sizes_keep_their_number(seed: int) -> None:
    word, chinese = phrase(KINDS["tv"], "size", "55 inch", random.Random(seed))
    assert word in {"55 inch", "55-inch", '55"'}
    assert chinese == "55英寸"
