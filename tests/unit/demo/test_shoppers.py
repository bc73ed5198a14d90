from __future__ import annotations

import json
import re
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from etalage.core.errors import QueryError
from etalage.demo import Query, Shop, simulate, write_events

STAMP = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z")
QUERY_KEYS = {
    "timestamp", "query_id", "query_response_id", "query_response_hit_ids", "user_query", "query_attributes",
    "client_id", "application", "query",
}  # fmt: skip
EVENT_KEYS = {
    "action_name", "timestamp", "application", "query_id", "session_id", "client_id", "user_id", "message_type",
    "message", "user_query", "event_attributes",
}  # fmt: skip


@pytest.fixture(scope="module")
def documents(shop: Shop, queries: list[Query]) -> list[dict[str, Any]]:
    return list(simulate(shop, queries, seed=1))


def position(event: dict[str, Any]) -> int:
    return int(event["event_attributes"]["position"]["ordinal"])


def test_the_month_has_the_expected_size(documents: list[dict[str, Any]]) -> None:
    counts = Counter(document.get("action_name", "query") for document in documents)
    assert 6000 <= counts["query"] <= 8000
    assert len(documents) <= 60_000
    assert counts["impression"] > counts["click"] > counts["add_to_cart"] > counts["purchase"] > 300


def test_documents_follow_the_wire(documents: list[dict[str, Any]]) -> None:
    hits: dict[str, list[str]] = {}
    for document in documents:
        assert STAMP.fullmatch(document["timestamp"])
        if "query_response_hit_ids" in document:
            assert set(document) == QUERY_KEYS
            hits[document["query_id"]] = document["query_response_hit_ids"]
            continue
        assert set(document) == EVENT_KEYS
        shown = document["event_attributes"]["object"]
        assert shown["object_id_field"] == "id" and shown["object_id_type"] == "product"
        # The query came first, and the object stood at that position.
        assert hits[document["query_id"]][position(document) - 1] == shown["object_id"]


def test_time_runs_forward_over_the_days_asked_for(shop: Shop, queries: list[Query]) -> None:
    made = list(simulate(shop, queries, seed=2, days=3, sessions=150, end=date(2025, 3, 2)))
    stamps = [document["timestamp"] for document in made]
    assert stamps == sorted(stamps)
    assert {stamp[:10] for stamp in stamps} == {"2025-02-28", "2025-03-01", "2025-03-02"}


def test_clicks_follow_position_bias(documents: list[dict[str, Any]]) -> None:
    clicks = Counter(position(d) for d in documents if d.get("action_name") == "click")
    assert clicks[1] > 1.5 * clicks[2] > 2.25 * clicks[4] > 2.25 * clicks[9]


def test_without_bias_the_last_position_is_clicked_too(shop: Shop, queries: list[Query]) -> None:
    made = simulate(shop, queries, seed=3, sessions=600, eta=0.0)
    clicks = Counter(position(d) for d in made if d.get("action_name") == "click")
    assert clicks[10] > 0.4 * clicks[1]


def test_what_is_out_of_stock_is_not_bought(shop: Shop, documents: list[dict[str, Any]]) -> None:
    empty = {product.id for product in shop.products if product.stock == 0}
    bought = {d["event_attributes"]["object"]["object_id"] for d in documents if d.get("action_name") == "purchase"}
    clicked = {d["event_attributes"]["object"]["object_id"] for d in documents if d.get("action_name") == "click"}
    assert not bought & empty
    assert clicked & empty


def test_frequent_queries_are_typed_more_often(documents: list[dict[str, Any]], queries: list[Query]) -> None:
    typed = Counter(d["user_query"] for d in documents if "query_response_hit_ids" in d)
    head = sum(typed[q.text] for q in queries if q.band == "head") / 40
    tail = sum(typed[q.text] for q in queries if q.band == "tail") / 240
    assert head > 5 * tail


def test_a_query_left_out_leaves_no_trace_and_strays_have_no_hits(shop: Shop, queries: list[Query]) -> None:
    kept = queries[::2]
    made = [d for d in simulate(shop, kept, seed=4, sessions=1500) if "query_response_hit_ids" in d]
    strays = [d for d in made if d["user_query"] not in {query.text for query in kept}]
    assert 0 < len(strays) < 0.02 * len(made)
    assert all(d["query_response_hit_ids"] == [] for d in strays)


def test_the_same_seed_gives_the_same_file(shop: Shop, queries: list[Query], tmp_path: Path) -> None:
    lines = [write_events(tmp_path / name, simulate(shop, queries, 5, sessions=50)) for name in ("a", "b")]
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    read = [json.loads(line) for line in (tmp_path / "a").read_text("utf-8").splitlines()]
    assert len(read) == lines[0]
    assert read != list(simulate(shop, queries, 6, sessions=50))


@pytest.mark.parametrize(("days", "eta"), [(0, 1.0), (30, -1.0)])
def test_bad_periods_are_refused(shop: Shop, queries: list[Query], days: int, eta: float) -> None:
    with pytest.raises(QueryError, match="days must be at least 1"):
        list(simulate(shop, queries, 1, days=days, eta=eta))


def test_no_queries_are_refused(shop: Shop) -> None:
    with pytest.raises(QueryError, match="make_queries"):
        list(simulate(shop, [], 1))
