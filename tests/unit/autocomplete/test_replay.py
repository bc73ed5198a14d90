"""A log as visits, and how it is parted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from autocomplete.context import Context
from autocomplete.plain import Listed
from autocomplete.replay import asked, by_count, by_time
from autocomplete.shop import Shop
from etalage.core.errors import QueryError

START = datetime(2026, 6, 1, 12, tzinfo=UTC)


def query(text: str, minute: float, client: str = "ann") -> dict[str, Any]:
    moment = (START + timedelta(minutes=minute)).isoformat()
    return {"user_query": text, "query_id": f"{client}{minute}", "client_id": client, "timestamp": moment}


def event(action: str, product: str, minute: float, client: str = "ann") -> dict[str, Any]:
    about = {"action_name": action, "event_attributes": {"object": {"object_id": product}}}
    return query("", minute, client) | about


class Stocked(Shop):
    def told(self, products: Sequence[str]) -> Mapping[str, tuple[Sequence[str], bool]]:
        return {one: (("Home", "Sofas"), True) for one in products if one == "p1"}


def test_a_context_holds_this_visit_and_earlier_ones_of_the_same_client() -> None:
    documents = [
        query("sofa", 0), event("impression", "p1", 0.5), event("click", "p1", 1), query("bed", 2, "bob"), query("red sofa", 3),
        event("click", "p2", 4), query("rug", 34.5), query("lamp", 35),
    ]  # fmt: skip
    found = {one.text: one.context for one in asked(documents, {"p1": "Home > Sofas"})}
    assert found["sofa"] == found["bed"] == Context()
    assert found["red sofa"] == Context(("sofa",), ("Home > Sofas",))
    assert found["rug"] == Context((), (), ("red sofa", "sofa"), ("Home > Sofas",))
    assert found["lamp"] == Context(("rug",), (), ("red sofa", "sofa"), ("Home > Sofas",))


def test_by_time_what_is_later_is_not_known_before() -> None:
    documents = [query(f"q{at}", at) for at in range(10)] + [event("click", "p1", 2.5), event("click", "p1", 9.5)]
    log = by_time(documents[::-1], Stocked(), 0.2)
    assert (
        [one["user_query"] for one in log.queries] == [one.text for one in log.before] == [f"q{at}" for at in range(8)]
    )
    assert [one.text for one in log.after] == ["q8", "q9"] and len(log.events) == 1
    assert log.after[0].context.categories == ("Home > Sofas",) and log.parted == "by time"
    assert [one.text for one in log.sampled(1).after] == ["q8"] and log.sampled(5) == log


def test_a_list_is_parted_by_its_dates_or_by_chance() -> None:
    dated = by_count([Listed(f"q{at}", 1.0, 20_000 + at) for at in range(10)])
    assert [one.text for one in dated.after] == ["q8", "q9"] and dated.parted == "by time"
    log = by_count([Listed("often", 5000.0), Listed("some", 100.0), Listed("once", 1.0)])
    times = {one.text: one.times for one in log.listed}
    assert log.parted == "by chance" and {one.text: one.count for one in log.after}["often"] == 1000.0
    assert times["often"] == 4000.0 and times["some"] + {one.text: one.count for one in log.after}["some"] == 100.0
    assert 60 < times["some"] < 95


@pytest.mark.parametrize("documents", [[], [query("one", 0)], [event("click", "p1", 1)]])
def test_too_little_is_said(documents: list[dict[str, Any]]) -> None:
    with pytest.raises(QueryError, match="too few queries"):
        by_time(documents, Shop())
    with pytest.raises(QueryError, match="too few queries"):
        by_count([Listed("one", 1.0)] if documents else [])
