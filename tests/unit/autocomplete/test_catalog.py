"""Completions of a catalog."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autocomplete.catalog import phrases, shared
from autocomplete.querylog import PHRASE, Entry


def lamp(title: str, **attributes: tuple[str, ...]) -> Mapping[str, Any]:
    return {"title": title, "category": ["Home", "Lamps"], "attributes": attributes}


def test_values_of_attributes_stand_before_the_category() -> None:
    products = [
        lamp("X1", color=("Red",), height=("20 cm",)),
        lamp("X2", color=("red", "Blue")),
        lamp("X3", color=("RED",)),
    ]
    assert phrases(products, 2.0) == [Entry("red lamps", 2.0, PHRASE, "Home > Lamps", 1.0)]


def test_ends_of_the_first_part_of_titles_that_several_products_share() -> None:
    titles = [
        "Acme Walnut Desk Lamp, 20 cm",
        "Bolt Walnut Desk Lamp - new",
        "Walnut Desk Lamp with Shade",
        "Oak Desk Lamp (set)",
    ]
    found = {one.text: one.score for one in phrases([lamp(title) for title in titles], 1.0)}
    assert found == {"desk lamp": 1.0, "walnut desk lamp": 0.75}


def test_phrases_have_no_stop_words_at_their_ends_and_no_single_letters() -> None:
    assert phrases([lamp("the lamp")] * 3 + [lamp("lamp of")] * 3 + [lamp("lamp x")] * 3, 1.0) == []
    assert phrases([lamp("lamp from")] * 3, 1.0) == []
    assert phrases([{"title": "desk lamp"}] * 2, 1.0) == phrases([], 1.0) == []
    assert phrases([{"title": "desk lamp"}] * 3, 1.0) == [Entry("desk lamp", 1.0, PHRASE, "", 1.0)]


def test_forms_of_one_phrase_come_once() -> None:
    products = [lamp("desk lamp")] * 4 + [lamp("lamp desk")] * 3 + [lamp("desk lamps")] * 3
    assert [one.text for one in phrases(products, 1.0)] == ["desk lamp"]


def test_the_category_is_the_deepest_of_more_than_half() -> None:
    assert shared({"A > B": 2, "A > C": 1, "D": 1}) == "A"
    assert shared({"A > B": 3, "A": 1, "D": 1}) == "A > B"
    assert shared({"A": 1, "D": 1}) == shared({}) == shared({"": 3}) == ""
