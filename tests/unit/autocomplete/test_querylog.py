"""From a log to weighted completions: who counts, how much, and what is never shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autocomplete.counts import WEIGHTS, Tally
from autocomplete.querylog import Entry, Policy, candidates
from autocomplete.shop import Shop
from autocomplete.typed import key
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


def count(
    queries: Documents, events: Documents, now: datetime, policy: Policy
) -> tuple[list[Entry], Mapping[str, int]]:
    tally = Tally()
    tally.queries(queries)
    tally.events(events)
    moment = now.timestamp() / 86400
    found, _, dropped = candidates(tally.counts(moment, moment, policy.half_life, policy.recent), policy, Shop())
    return found, dropped


def counted(queries: Documents, events: Documents = (), **policy: Any) -> tuple[list[Entry], Mapping[str, int]]:
    found, dropped = count(queries, events, NOW, Policy(**{"shoppers": 3, **policy}))
    return [Entry(one.text, one.score) for one in found], dropped


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
    assert counted([*queries, asked("CAFÉ table!", "d"), asked("café table", "d")])[0] == [Entry("café table", 5.0)]
    # No way of writing it is of three: only what they have in common is shown.
    assert counted(queries)[0] == [Entry("cafe table", 3.0)]
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


# who is one shopper
def test_without_any_name_all_are_one() -> None:
    nameless = [asked("red shoe", query_id=f"q{number}") | {"client_id": None} for number in range(9)]
    assert counted(nameless) == ([], {"too few shoppers": 1})


def test_a_client_who_signs_in_is_one_with_the_user() -> None:
    mine = [asked("rug", "c1"), asked("rug", "c2"), asked("rug", "c9", user_id="ann")]
    assert counted(mine)[0] == [Entry("rug", 3.0)]
    # An event tells that both clients are hers.
    both = [did("view", "rug") | {"client_id": client, "user_id": "ann"} for client in ("c1", "c2")]
    assert counted(mine, both) == ([], {"too few shoppers": 1})


# how it does
def entry(queries: Documents, events: Documents, text: str) -> Entry:
    return next(one for one in count(queries, events, NOW, Policy(shoppers=1))[0] if one.text == text)


def test_rates_are_of_the_queries_that_something_followed() -> None:
    queries = [asked(text, f"{n}", query_id=f"{text}-{n}") for text in ("rug", "lamp") for n in range(10)]
    events = [did("click", None) | {"query_id": f"rug-{n}"} for n in (1, 1, 2, 3, 4)]
    events += [did("purchase", "rug") | {"query_id": "rug-1"}, did("add_to_cart", "rug") | {"query_id": "rug-1"}]
    # Four of ten were clicked, four of twenty in the shop: (4 + 10 x 0.2) / (10 + 10).
    found = entry(queries, events, "rug")
    assert (found.clicked, found.bought) == (0.3, 0.075)
    assert (entry(queries, events, "lamp").clicked, entry(queries, events, "lamp").bought) == (0.1, 0.025)
    assert found.popularity == 1 > entry(queries, events, "lamp").popularity > 0


def test_a_cart_that_is_not_bought_counts_three_fifths() -> None:
    queries = [asked("rug", f"{n}", query_id=f"{n}") for n in range(10)]
    assert entry(queries, [did("add_to_cart", "rug") | {"query_id": "1"}], "rug").bought == pytest.approx(0.06)


def test_what_is_asked_more_lately_trends() -> None:
    queries = [asked(text, f"{day}", days=day) for text in ("rug", "lamp") for day in range(28)]
    assert entry(queries, [], "rug").trend == pytest.approx(0.5)
    rising = [*queries, *[asked("new", f"{n}") for n in range(20)], *[asked("old", f"{n}", days=21) for n in range(20)]]
    assert entry(rising, [], "new").trend > 0.55 > 0.5 > entry(rising, [], "rug").trend > entry(rising, [], "old").trend


def test_slips_and_other_orders_lead_to_what_is_shown() -> None:
    queries = [
        *crowd("leather sofa", 60),
        *crowd("sofa leather", 5),
        *crowd("leathre sofa", 3),
        *crowd("lether sofa", 4),
    ]
    found, _ = count(queries, [], NOW, Policy())
    assert [(one.text, one.score, one.aliases) for one in found] == [("leather sofa", 65.0, ("sofa leather",))]
    found, _ = count(queries, [], NOW, Policy(shoppers=4))
    assert found[0].aliases == ("sofa leather", "lether sofa") and found[0].score == 69.0


def test_what_the_shop_vouches_for_needs_no_shoppers() -> None:
    tally = Tally()
    tally.queries([asked("rug", "a", days=14)])
    day = NOW.timestamp() / 86400
    for text in ("Lamp", "ann@example.org"):
        tally.listed(text, 4, day - 14)
    found, _, dropped = candidates(tally.counts(day, day, 14, 3.5), Policy(), Shop())
    assert [(one.text, one.score, one.clicked) for one in found] == [("lamp", 2.0, 0.0)]
    assert dropped == {"too few shoppers": 1, "e-mail address": 1}


def test_later_counts_are_added_to_earlier_ones_of_the_same_landmark() -> None:
    first, second = [asked("rug", "a", days=9), asked("lamp", "b", days=3)], [asked("rug", "c", days=1)]
    sums = []
    for some in (first, second, first + second):
        tally = Tally()
        tally.queries(some)
        landmark, now = NOW.timestamp() / 86400 - 5, NOW.timestamp() / 86400
        counts = tally.counts(landmark, now, 14, 3.5)
        sums.append(dict(zip(counts.forms, counts.sums[:, 0], strict=True)))
    assert sums[0]["rug"] + sums[1]["rug"] == pytest.approx(sums[2]["rug"])
    assert sums[1]["rug"] == pytest.approx(2 ** (4 / 14))


# whatever is typed
MANY = st.sampled_from([
    "sofa", "sofas", "Sofa!", "red sofa", "sofa red", "leather sofa", "lether sofa", "leathers sofas", "4111 1111 1111 1111",
    "sofa ann@example.org", "+49 171 2345678", "078-05-1120", "221b baker street", "DE89 3704 0044 0532 0130 00",
])  # fmt: skip
ANYBODY = st.fixed_dictionaries(
    {"query_id": st.just("q"), "user_query": MANY, "timestamp": st.just(NOW.isoformat())},
    optional={
        "client_id": st.sampled_from("abcdefgh"),
        "user_id": st.sampled_from("xyz"),
        "session_id": st.sampled_from("123"),
    },
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(ANYBODY, max_size=120), st.integers(1, 6))
def test_nothing_is_shown_that_fewer_typed_and_nothing_personal(queries: list[dict[str, Any]], least: int) -> None:
    found, _ = count(queries, [], NOW, Policy(shoppers=least))
    signed = {one["client_id"]: one["user_id"] for one in queries if "client_id" in one and "user_id" in one}
    for text in [text for one in found for text in (one.text, *one.aliases)]:
        people = set()
        for one in queries:
            if key(one["user_query"]) == key(text):
                client = one.get("client_id")
                # A client of several users is one of them: at least that many are left.
                people.add(one.get("user_id") or signed.get(client) or client or one.get("session_id") or "nobody")
        assert len(people) >= least
        assert not any(char.isdigit() or char == "@" for char in text)


def test_blocked_words_of_marks_alone_block_nothing() -> None:
    policy = Policy(blocked=frozenset({"\u0301", "Rüg"}))
    assert not policy.blocks("red shoe") and policy.blocks("rugs")


def test_what_was_clicked_may_have_any_id() -> None:
    tally = Tally()
    about = {"event_attributes": {"object": {"object_id": ["p1"]}}}
    tally.events(
        [
            did("click", "red shoe") | about,
            did("click", "red shoe") | {"event_attributes": {"object": {"object_id": 7}}},
        ]
    )
    moment = NOW.timestamp() / 86400
    assert dict(tally.counts(moment, moment, 14.0, 3.5).products[0]) == {"['p1']": 1, "7": 1}
