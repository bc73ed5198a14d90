"""What costs a real node too much is refused, and does not keep others from searching."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.settings import load
from etalage.demo import make_shop
from etalage.http.app import create_app
from indexer import documents
from indexer.ledger import Entry, changes
from opensearch.cluster import ClusterEngine
from opensearch.engine import IndexSpec

from ..asgi import Door

pytestmark = pytest.mark.node

INDEX = f"costly{uuid4().hex[:8]}"
SEARCH = f"/{INDEX}/_search"


@pytest.fixture(scope="module")
def door(node_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    home: Path = tmp_path_factory.mktemp("costly")
    settings = load(
        home=home, text_model="hashing", opensearch_url=node_url, index=INDEX, breaker_failures=2, opensearch_timeout=60
    )
    engine, encoder = ClusterEngine(settings), HashingEncoder()
    made = engine.create(INDEX, IndexSpec(encoder.name, encoder.fingerprint, encoder.dim))
    try:
        entries = [Entry(documents.source(one), ()) for one in make_shop(3, 150).products]
        written = changes(engine, made.name, encoder, entries).documents
        assert not [one for one in engine.write(made.name, written) if one.reason]
        engine.refresh(made.name)
        engine.swap(INDEX, made.name)
        with Door(create_app(settings)) as served:
            yield served
    finally:
        httpx.delete(f"{node_url}/{made.name}", timeout=60).raise_for_status()
        engine.close()


@pytest.mark.parametrize(
    "aggregation",
    [
        {"histogram": {"field": "price", "interval": 1e-6}},
        {"histogram": {"field": "price", "interval": 1, "extended_bounds": {"min": 0, "max": 1e12}}},
        {"histogram": {"field": "price", "interval": 1, "missing": 1e12}},
        {"date_histogram": {"field": "created_at", "fixed_interval": "1ms"}},
        {
            "date_histogram": {
                "field": "created_at",
                "calendar_interval": "1m",
                "extended_bounds": {"min": "1900", "max": "now"},
            }
        },
        {"filter": {"match_all": {}}, "aggs": {"b": {"histogram": {"field": "price", "interval": 1e-6}}}},
        # Many of few each: here the node itself says no.
        {
            "terms": {"field": "id", "size": 1000},
            "aggs": {
                "b": {
                    "date_histogram": {
                        "field": "created_at",
                        "calendar_interval": "1d",
                        "extended_bounds": {"min": "2020-01-01", "max": "2024-01-01"},
                    }
                }
            },
        },
    ],
)
def test_too_many_buckets_are_refused_and_do_not_open_the_breaker(door: Door, aggregation: dict[str, Any]) -> None:
    for query in ({"match": {"title": "red"}}, {"match_all": {}}):
        for _ in range(3):
            answer = door.ask("POST", SEARCH, {"query": query, "size": 0, "aggs": {"a": aggregation}})
            told = answer.json()
            assert answer.status == 400 and told["status"] == 400 and told["error"]["root_cause"] is not None, told
            assert answer.seconds < 5
    assert door.ask("POST", SEARCH, {"query": {"match": {"title": "red"}}}).status == 200


def test_histograms_of_a_shop_pass(door: Door) -> None:
    aggs = {
        "prices": {"histogram": {"field": "price", "interval": 1000}},
        "months": {"date_histogram": {"field": "created_at", "calendar_interval": "month"}},
    }
    answer = door.ask("POST", SEARCH, {"query": {"match_all": {}}, "aggs": aggs})
    assert answer.status == 200 and all(one["buckets"] for one in answer.json()["aggregations"].values())


def test_a_hidden_script_does_not_run(door: Door, node_url: str) -> None:
    """The node takes what the gateway refuses: or else the refusal would guard nothing."""
    hidden = {"wrapper": {"query": "eyJzY3JpcHQiOiB7InNjcmlwdCI6ICJ0cnVlIn19"}}  # {"script": {"script": "true"}}
    body = {"query": {"bool": {"mustNot": hidden}}}
    bare = httpx.post(f"{node_url}/{INDEX}/_search", json=body, timeout=30)
    assert bare.status_code == 200 and bare.json()["hits"]["total"]["value"] == 0
    assert door.ask("POST", SEARCH, body).status == 400
