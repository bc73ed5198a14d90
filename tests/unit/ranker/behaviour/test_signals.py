"""Signals of logs that can be counted by hand, what must hold for any log, and what they are worth on simulated shoppers."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etalage.core import events
from etalage.demo import shoppers
from etalage.demo.judgments import Query
from etalage.demo.queries import make_queries
from etalage.demo.shop import Shop, make_shop
from ranker.behaviour import rates, sightings, signals
from ranker.behaviour.signals import Numbers, Policy, compute

START = datetime(2024, 5, 1, 12, tzinfo=UTC)
Event = dict[str, Any]


def event(
    action: str, client: str, product: str, place: int | None = 1, day: float = 0.0, query: str = "shoe"
) -> Event:
    attributes: dict[str, Any] = {"object": {"object_id": product}}
    attributes |= {} if place is None else {"position": {"ordinal": place}}
    at = (START + timedelta(days=day)).isoformat()
    return events.check(
        {"action_name": action, "timestamp": at, "client_id": client, "query_id": f"{client}-{query}",
         "user_query": query, "event_attributes": attributes}
    )[1]  # fmt: skip


def asked(client: str, hits: list[str], day: float = 0.0, query: str = "shoe") -> Event:
    at = (START + timedelta(days=day)).isoformat()
    return events.check(
        {"query_id": f"{client}-{query}", "user_query": query, "client_id": client, "timestamp": at,
         "query_response_hit_ids": hits}
    )[1]  # fmt: skip


def seen(product: str, place: int, by: int, clicked: int, start: int = 0) -> list[Event]:
    """Sightings by so many clients, the first of whom click."""
    found = [event("impression", f"c{start + one}", product, place) for one in range(by)]
    return found + [event("click", f"c{start + one}", product, place) for one in range(clicked)]


# by hand
def test_three_events() -> None:
    found = compute([event("impression", "x", "a"), event("impression", "y", "a"), event("click", "x", "a")], [])
    assert found.numbers == {"a": Numbers(popularity=1.0, click_rate=0.5, purchase_rate=None)}
    assert (found.read, found.unusable, found.left_out, found.click_rate, found.purchase_rate) == (3, 0, 0, 0.5, None)


def test_clicks_are_compared_with_those_of_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "STRONGEST", 1.0)
    log = seen("a", 1, 4, 3) + seen("b", 1, 4, 1, start=10) + seen("b", 2, 4, 1, start=20) + seen("c", 2, 4, 0)
    found = compute(log, [])
    # 4 of 8 are clicked at the first place, 1 of 8 at the second: expected are 2 of a, 2.5 of b, half of c; on average 5 of 16.
    wanted = {"a": 5 / 16 * (3 + 1) / (2 + 1), "b": 5 / 16 * (2 + 1) / (2.5 + 1), "c": 5 / 16 * (0 + 1) / (0.5 + 1)}
    assert {id: one.click_rate for id, one in found.numbers.items()} == pytest.approx(wanted, rel=5e-3)
    assert found.click_rate == 5 / 16 and [found.numbers[id].popularity for id in "abc"] == [3, 2, 0]


def test_the_prior_is_as_strong_as_products_are_alike() -> None:
    found = compute(seen("a", 1, 100, 60) + seen("b", 1, 100, 20, start=200), [])
    # 40 clicks expected of each, 24 their variance by chance: ((20² - 24) + (20² - 24)) / (40² + 40²) is what they differ beyond.
    assert found.click_prior == pytest.approx(1600 / 376)
    drawn = [0.4 * (clicks + 1600 / 376) / (40 + 1600 / 376) for clicks in (60, 20)]
    assert [found.numbers[id].click_rate for id in "ab"] == pytest.approx(drawn, rel=5e-3)
    alike = compute(seen("a", 1, 100, 40) + seen("b", 1, 100, 40, start=200), [])
    assert alike.click_prior == rates.STRONGEST and alike.numbers["a"].click_rate == 0.4


def test_a_product_seen_once_stays_near_the_mean_and_one_not_seen_is_unknown() -> None:
    log = seen("a", 1, 100, 60) + seen("b", 1, 100, 20, start=200) + seen("new", 1, 1, 1, start=400)
    found = compute([*log, event("purchase", "z", "told", None, query="")], [])
    new, known = found.numbers["new"].click_rate, found.numbers["a"].click_rate
    assert new is not None and known is not None and 0.4 < new < 0.5 < known
    # It was bought, nobody knows where it was seen.
    assert found.numbers["told"].click_rate is None and found.numbers["told"].purchase_rate is not None


def test_purchases_count_among_those_who_clicked() -> None:
    log = seen("a", 1, 10, 4) + seen("b", 1, 10, 4, start=20)
    # The third one's click was not logged, but nobody buys what he does not look at.
    log += [event(name, "c0", "a") for name in ("add_to_cart", "purchase")] + [event("purchase", "c20", "b")]
    log += [event("purchase", "c9", "a")]
    found = compute(log, [])
    assert found.purchase_rate == 3 / 9
    assert [found.numbers[id].popularity for id in "ab"] == [4 + 3 + 5 + 5, 4 + 5]
    assert compute(seen("a", 1, 10, 4), []).numbers["a"].purchase_rate is None


def test_what_was_long_ago_counts_less() -> None:
    log = [event("click", "x", "old", day=-30), event("click", "x", "new"), event("click", "y", "ancient", day=-181)]
    found = compute(log, [])
    assert {id: one.popularity for id, one in found.numbers.items()} == {"new": 1.0, "old": 0.5}
    assert compute(log, [], Policy(half_life=60)).numbers["old"].popularity == 0.707


def test_a_wrong_clock_does_not_age_all_else() -> None:
    log = [event("click", "x", "a"), event("click", "y", "b", day=40_000)]
    until = START.timestamp() / 86400 + 1
    found = compute(log, [asked("y", ["a"], day=40_000)], until=until)
    assert set(found.numbers) == {"a"} and found.unusable == 2


def test_without_impressions_the_first_page_was_seen_or_down_to_the_deepest_click() -> None:
    hits = [f"p{number}" for number in range(20)]
    found = compute([event("click", "x", "p13", 14)], [asked("x", hits), asked("y", hits)])
    assert set(found.numbers) == set(hits[:14])
    assert found.click_rate == pytest.approx(1 / 24)
    assert found.numbers["p12"] == Numbers(0.0, found.numbers["p0"].click_rate)
    # On a day with impressions, these tell.
    both = compute([event("click", "x", "p1", 2), event("impression", "x", "p1", 2)], [asked("x", hits)])
    assert set(both.numbers) == {"p1"}


def test_without_anything_seen_there_is_no_rate() -> None:
    assert compute([event("click", "x", "a")], []).numbers == {"a": Numbers(1.0)}
    assert compute([], []).numbers == {}
    assert compute([event("watch", "x", "a")], []).numbers == {}


def test_an_event_without_a_product_is_counted() -> None:
    given = [event("click", "x", "a"), {**event("click", "x", "a"), "event_attributes": {"object": "?"}}]
    given += [{**event("click", "x", "a"), "event_attributes": None}]
    assert compute(given, []).unusable == 2


# one client
def test_a_client_counts_once_for_a_product_and_a_query() -> None:
    log = seen("a", 1, 10, 4) + seen("b", 1, 10, 4, start=20)
    again = [event("click", "c0", "a", place=1) for _ in range(500)] + [event("impression", "c29", "b")] * 500
    assert compute(log + again, []) == replaced(compute(log, []), len(again))


def replaced(found: signals.Signals, more: int) -> signals.Signals:
    """The same, from more documents."""
    values = {name: getattr(found, name) for name in found.__slots__}
    return signals.Signals(**values | {"read": found.read + more})


def test_one_that_acts_like_no_person_is_left_out() -> None:
    log = seen("a", 1, 10, 4)
    clicks = [event("click", "bot", "a", query=f"q{number}") for number in range(101)]
    found = compute(log + clicks, [])
    assert found.left_out == 1 and found.numbers == compute(log, []).numbers
    assert compute(log + clicks[:100], []).left_out == 0
    views = [event("impression", "bot", f"p{number}") for number in range(2001)]
    assert compute(log + views, []).left_out == 1 and compute(log + views[1:], []).left_out == 0


# any log
made = st.builds(
    event, st.sampled_from(["impression", "click", "add_to_cart", "purchase"]), st.sampled_from("wxyz"),
    st.sampled_from("abc"), st.none() | st.integers(1, 80), st.floats(-200, 0), st.sampled_from(["shoe", "", "Lamp"]),
)  # fmt: skip
pages = st.builds(
    asked, st.sampled_from("wxyz"), st.lists(st.sampled_from("abcd"), unique=True, max_size=4), st.floats(-200, 0)
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(made, max_size=30), st.lists(pages, max_size=6), st.randoms(use_true_random=False))
def test_whatever_was_logged(log: list[Event], queries: list[Event], shuffler: random.Random) -> None:
    found = compute(log, queries)
    for one in found.numbers.values():
        assert one.popularity >= 0
        for rate in (one.click_rate, one.purchase_rate):
            assert rate is None or 0 <= rate <= 1
    # The order does not matter, nor does a document that comes twice.
    mixed, asks = log * 2, queries * 2
    shuffler.shuffle(mixed)
    shuffler.shuffle(asks)
    again = compute(mixed, asks)
    assert again.numbers == found.numbers and again.click_prior == found.click_prior


def test_a_large_log_is_gathered_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(5)
    log = [
        event(rng.choice(["impression", "click"]), f"c{rng.randrange(20)}", f"p{rng.randrange(9)}", rng.randrange(1, 9), -rng.random() * 300)
        for _ in range(600)
    ]  # fmt: skip
    whole = compute(log, [])
    monkeypatch.setattr(sightings, "_LEAST", 16)
    assert compute(log, []) == whole


# simulated shoppers
@pytest.fixture(scope="module")
def shop() -> Shop:
    return make_shop(7, 600)


def ranks(values: Iterable[float]) -> Any:
    return np.argsort(np.argsort(np.array(list(values)), kind="stable"))


def correlation(a: Iterable[float], b: Iterable[float]) -> float:
    """Spearman's, without ties."""
    return float(np.corrcoef(ranks(a), ranks(b))[0, 1])


def test_places_are_told_from_products(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the order shown has nothing to do with what products are like, clicks alone mistake places for products."""

    def shown(tables: shoppers._Tables, query: Query, rng: random.Random) -> list[str]:
        found = sorted(id for id, grade in tables.grades(query).items() if grade)
        random.Random(query.text).shuffle(found)
        return found[: shoppers.PAGE]

    monkeypatch.setattr(shoppers, "_shown", shown)
    queries = make_queries(shop)
    tables, texts = shoppers._Tables(shop, queries, random.Random(1)), {one.text: one for one in queries}
    log = [document for document in shoppers.simulate(shop, queries, 7) if "action_name" in document]
    seen, clicks, attraction = Counter[str](), Counter[str](), Counter[str]()
    for one in log:
        id = one["event_attributes"]["object"]["object_id"]
        if one["action_name"] == "impression":
            grade = tables.grades(texts[one["user_query"]])[id]
            attraction[id] += shoppers.ATTRACTION[grade] * (0.75 + 0.4 * shop.latents[id].quality)  # type: ignore[assignment]
            seen[id] += 1
        clicks[id] += one["action_name"] == "click"
    found = compute(log, [])
    often = [id for id in sorted(seen) if seen[id] >= 30]
    assert len(often) > 300

    def against(truth: Mapping[str, float]) -> tuple[float, float]:
        raw = correlation((truth[id] for id in often), (clicks[id] / seen[id] for id in often))
        rates = (found.numbers[id].click_rate or 0.0 for id in often)
        return raw, correlation((truth[id] for id in often), rates)

    raw, debiased = against({id: attraction[id] / seen[id] for id in often})
    assert debiased > 0.75 and debiased > raw + 0.03
    raw, debiased = against({id: shop.latents[id].quality for id in often})
    assert debiased > raw + 0.02
