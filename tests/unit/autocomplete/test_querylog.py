"""From a log to weighted completions: who counts, how much, and what is never shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autocomplete.querylog import WEIGHTS, Entry, Policy, count
from etalage.core.text import fold

NOW = datetime(2024, 5, 15, 12, tzinfo=UTC)
Documents = Sequence[Mapping[str, Any]]


def asked(text: str | None, client: str = "c1", days: float = 0.0, **more: Any) -> dict[str, Any]:
    moment = (NOW - timedelta(days=days)).isoformat()
    return {"query_id": f"q-{client}", "user_query": text, "client_id": client, "timestamp": moment, **more}


def did(action: str, text: str | None, days: float = 0.0) -> dict[str, Any]:
    return {"action_name": action, "user_query": text, "timestamp": (NOW - timedelta(days=days)).isoformat()}


def crowd(text: str, shoppers: int = 3, **more: Any) -> Documents:
    return [asked(text, f"c{number}", **more) for number in range(shoppers)]


def counted(queries: Documents, events: Documents = (), **policy: Any) -> tuple[list[Entry], dict[str, int]]:
    return count(queries, events, NOW, Policy(**policy))


# who counts
def test_what_three_shoppers_typed_is_a_completion() -> None:
    assert counted(crowd("red shoe")) == ([Entry("red shoe", 3.0)], {})


def test_what_two_shoppers_typed_is_not() -> None:
    assert counted(crowd("red shoe", 2)) == ([], {"too few shoppers": 1})
    assert counted(crowd("red shoe", 2), shoppers=2)[0] == [Entry("red shoe", 2.0)]


def test_one_shopper_is_one_however_often_it_is_typed() -> None:
    assert counted([asked("red shoe")] * 9) == ([], {"too few shoppers": 1})


def test_without_a_client_the_session_tells_shoppers_apart() -> None:
    def session(name: str) -> dict[str, Any]:
        return asked("red shoe") | {"client_id": None, "session_id": name}

    assert counted([session("s1"), session("s1"), session("s2")])[0] == []
    assert counted([session("s1"), session("s2"), session("s3")])[0] == [Entry("red shoe", 3.0)]


# how much
def test_a_query_counts_half_after_each_half_life() -> None:
    queries = [asked("lamp", "a"), asked("lamp", "b", days=14), asked("lamp", "c", days=28)]
    assert counted(queries)[0] == [Entry("lamp", 1.75)]
    assert counted(queries, half_life=28.0)[0] == [Entry("lamp", round(1 + 2**-0.5 + 0.5, 6))]


def test_what_is_ahead_of_now_counts_as_now() -> None:
    assert counted(crowd("lamp", days=-100))[0] == [Entry("lamp", 3.0)]


def test_actions_count_more_and_age_too() -> None:
    assert WEIGHTS == {"": 1.0, "click": 2.0, "add_to_cart": 3.0, "purchase": 5.0}
    events = [did("click", "Lamp"), did("add_to_cart", "lamp", days=14), did("purchase", "lamp", days=28)]
    assert counted(crowd("lamp"), [*events, did("view", "lamp")])[0] == [Entry("lamp", 3 + 2 + 1.5 + 1.25)]


def test_actions_alone_show_nothing() -> None:
    assert counted([], [did("purchase", "lamp")] * 5) == ([], {"only events": 1})


def test_the_best_comes_first_ties_by_text() -> None:
    queries = [*crowd("shoe"), *crowd("boot"), *crowd("lamp", 4)]
    assert [one.text for one in counted(queries)[0]] == ["lamp", "boot", "shoe"]


# how it is written
def test_spellings_that_fold_alike_are_one_shown_as_most_typed() -> None:
    queries = [asked(" Café  TABLE", "a"), asked("café table", "b"), asked("cafe table", "c")]
    assert counted(queries)[0] == [Entry("café table", 3.0)]
    # Equals: the first in order.
    assert counted([asked("café", "a"), asked("cafe", "b")], shoppers=2)[0] == [Entry("cafe", 2.0)]


@pytest.mark.parametrize("text", [None, "", "  ", "a", " é ", "\x00"])
def test_what_is_too_short_is_no_query(text: str | None) -> None:
    assert counted([asked(text, client) for client in "abc"], [did("click", text)]) == ([], {})


# what is never shown
def test_what_mostly_finds_nothing_is_dropped() -> None:
    def answers(*found: Any) -> Documents:
        return [asked("lmap", f"c{number}", query_response_hit_ids=ids) for number, ids in enumerate(found)]

    assert counted(answers([], [], ["p1"])) == ([], {"no results": 1})
    assert counted(answers([], ["p1"], ["p1"]))[1] == {}
    assert counted(answers([], ["p1"], [], ["p1"]))[1] == {}
    assert counted(answers(None, None, []))[1] == {}


@pytest.mark.parametrize(
    ("text", "reason"), [("ann@example.org", "e-mail address"), ("0171 234 56 78 9", "long number")]
)
def test_private_texts_are_dropped(text: str, reason: str) -> None:
    assert counted(crowd(text)) == ([], {reason: 1})


@pytest.mark.parametrize("word", ["knife", "KNIFE", "knîfe", "ifes"])
def test_blocked_texts_are_dropped_also_within_others(word: str) -> None:
    found = counted([*crowd("sharp Knifes"), *crowd("spoon")], blocked=frozenset({word}))
    assert found == ([Entry("spoon", 3.0)], {"blocked": 1})


def test_reasons_are_counted_by_text() -> None:
    queries = [*crowd("lamp", 2), *crowd("shoe", 1), *crowd("a@b.org")]
    assert counted(queries, [did("click", "rug")])[1] == {
        "too few shoppers": 2, "e-mail address": 1, "only events": 1
    }  # fmt: skip


TEXTS = st.sampled_from(["lamp", "Lamp", "lámp", "shoe", "red shoe", "a@b.org", "x", ""])
QUERIES = st.builds(asked, TEXTS, st.sampled_from("abcde"), st.sampled_from([0, 14, 28]))
EVENTS = st.builds(did, st.sampled_from(["click", "purchase", "view"]), TEXTS, st.sampled_from([0, 14]))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(QUERIES, max_size=30), st.lists(EVENTS, max_size=10))
def test_any_log_shows_only_what_many_typed_whatever_its_order(queries: Documents, events: Documents) -> None:
    found, dropped = counted(queries, events)
    assert counted(queries[::-1], events[::-1]) == (found, dropped)
    assert found == sorted(found, key=lambda one: (-one.score, one.text))
    for one in found:
        same = [query for query in queries if fold(query["user_query"]) == fold(one.text)]
        assert len({query["client_id"] for query in same}) >= 3
        assert one.text in {query["user_query"].lower() for query in same}
        assert one.score >= len(same) / 4
    texts = {fold(one["user_query"]) for one in [*queries, *events] if one.get("action_name") != "view"}
    assert len(found) + sum(dropped.values()) == len(texts - {"x", ""})
