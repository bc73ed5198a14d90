"""Which searches a merchandising rule is for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ranker.merchandising import Said, doubts
from ranker.rulefile import parse


def pinning(when: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"when": when, "pin": ["a"]} | more


@pytest.mark.parametrize(
    ("when", "fits", "not_fits"),
    [
        ({"query": ["red shoe"]}, ["red shoe", "  Red   SHOE! "], ["red shoes", "shoe red", "red", "a red shoe", ""]),
        ({"words": ["red shoe"]}, ["shoes for red days", "red shoe"], ["red boot", "reddish shoe", ""]),
        ({"phrase": ["red shoe"]}, ["big red shoes now", "red shoe"], ["red big shoe", "shoe red", ""]),
        ({"query": ["a", "b"], "words": ["c"]}, ["a", "b", "x c y"], ["a b", "x"]),
        ({"every": True}, ["anything", ""], []),
    ],
)
def test_texts(when: dict[str, Any], fits: list[str], not_fits: list[str]) -> None:
    (rule,) = parse({"rule": [pinning(when)]})
    assert [one for one in (*fits, *not_fits) if rule.when.holds(Said.of([one]))] == fits


def test_what_was_typed_and_what_was_understood_both_count() -> None:
    (rule,) = parse({"rule": [pinning({"query": ["headphones"]})]})
    assert rule.when.holds(Said.of(["headphnes under 50", "headphones"]))
    assert rule.when.holds(Said.of(["headphones", "headphone"]))


def test_filters_must_all_be_set_and_texts_fit_as_well() -> None:
    (alone,) = parse({"rule": [pinning({"filter": ["category:Shoes", "brand:Acme"]})]})
    both = frozenset({("category", "Shoes"), ("brand", "Acme"), ("language", "en")})
    assert alone.when.holds(Said.of([""], both)) and alone.when.holds(Said.of(["boot"], both))
    assert not alone.when.holds(Said.of([""], frozenset({("category", "Shoes")})))
    (texts,) = parse({"rule": [pinning({"filter": ["brand:Acme"], "query": ["boot"]})]})
    assert texts.when.holds(Said.of(["boot"], both))
    assert not texts.when.holds(Said.of(["shoe"], both)) and not texts.when.holds(Said.of(["boot"]))


def test_doubts() -> None:
    march, april = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
    rules = parse(
        {
            "rule": [
                pinning({"query": ["shoe", "boot"]}, name="one", until=march),
                pinning({"query": ["boot"]}, name="two"),
                pinning({"query": ["boot"]}, name="later", **{"from": april}),
                pinning({"query": ["lamp"]}, name="other"),
                {"when": {"every": True}, "hide": {"ids": ["gone", "a"]}, "name": "hider"},
            ]
        }
    )
    told = doubts(rules, {"a"})
    assert [one.split(":")[0] for one in told] == [
        "one and two both pin from position 1",
        "two and later both pin from position 1",
        "hider",
    ]
    assert told[-1] == "hider: not in the index: gone"
    assert len(doubts(rules)) == 2, "without an index nothing is said of ids"
