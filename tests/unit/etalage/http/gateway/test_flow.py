"""What a search asks the engine for, and what it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.errors import EngineError, EngineUnavailable, QueryError
from etalage.core.settings import load
from etalage.http.gateway import asked, flow, ubi
from etalage.http.gateway.flow import Answered, Gateway
from opensearch.dsl.guard import Limits
from opensearch.engine import Request
from ranker import rerank
from ranker.search import Searcher

from .....recording import RecordingEngine

MATCH = {"match": {"title": "red shoe"}}
BRAND = {"term": {"brand": "Acme"}}


@pytest.fixture
def engine() -> RecordingEngine:
    return RecordingEngine()


@pytest.fixture
def gateway(engine: RecordingEngine, tmp_path: Path) -> Iterator[Gateway]:
    settings = load(home=tmp_path, text_model="hashing", opensearch_url="http://127.0.0.1:9")
    searcher = Searcher(engine, "products", HashingEncoder(), rerank.load(tmp_path))
    log = ubi.Log(lambda documents: engine.append_events("queries", documents))
    yield Gateway(settings, engine, searcher, log)
    log.close()


def search(gateway: Gateway, body: Any = None, index: str = "products", **params: str) -> Answered:
    return asyncio.run(flow.search(gateway, asked.read(index, body, params, Limits(), 10.0)))


def request(engine: RecordingEngine) -> Request:
    found: Request = next(told["request"] for call, told in engine.calls if call == "candidates")
    return found


# ranked
def test_a_ranked_search_brings_candidates_and_then_the_page(gateway: Gateway, engine: RecordingEngine) -> None:
    body = {
        "query": {"bool": {"must": [MATCH], "filter": [BRAND]}},
        "post_filter": {"term": {"brand": "Bolt"}},
        "aggs": {"brands": {"terms": {"field": "brand"}}},
        "min_score": "0.5",
        "size": 1,
    }
    answered = search(gateway, body)
    one = request(engine)
    assert one.shop is not None and one.text == "red shoe" and one.vector is not None
    assert (one.shop.query, one.shop.constraints) == (body["query"], (BRAND,))
    assert (one.shop.post_filter, one.shop.min_score) == (body["post_filter"], 0.5)
    assert set(one.shop.aggregations) == {"brands"} and one.timeout is not None and one.timeout <= 10
    (page,) = engine.bodies()
    assert page["query"] == {"ids": {"values": [answered.hits[0]["_id"]]}} and page["size"] == 1
    assert engine.calls[-1][1]["index"] == "products-000001"
    assert len(answered.hits) == 1 and answered.total == 2
    assert answered.response["aggregations"] == {"brands": {"value": 1}}
    assert set(answered.timings) >= {"retrieve", "rerank", "page"} and answered.degraded == ()


def test_pages_of_a_ranked_search_do_not_overlap(gateway: Gateway) -> None:
    whole = [hit["_id"] for hit in search(gateway, {"query": MATCH}).hits]
    first = [hit["_id"] for hit in search(gateway, {"query": MATCH, "size": 1}).hits]
    second = [hit["_id"] for hit in search(gateway, {"query": MATCH, "size": 1, "from": 1}).hits]
    assert first + second == whole and len(whole) == 2


def test_without_a_source_there_is_no_second_search(gateway: Gateway, engine: RecordingEngine) -> None:
    assert len(search(gateway, {"query": MATCH, "_source": False}).hits) == 2
    assert [call for call, _ in engine.calls] == ["candidates"]


def test_a_named_ranker_is_loaded_once_and_an_unknown_one_refused(gateway: Gateway) -> None:
    starter = {"query": MATCH, "ext": {"etalage": {"rank": "starter"}}}
    assert search(gateway, starter).response["ext"]["etalage"]["rank"]
    assert gateway.ranker_of("starter") is gateway.ranker_of("starter")
    with pytest.raises(QueryError, match="no such ranker"):
        search(gateway, {"query": MATCH, "ext": {"etalage": {"rank": "nope"}}})


def test_each_index_has_a_searcher_of_its_own(gateway: Gateway, engine: RecordingEngine) -> None:
    assert gateway.searcher_of("products") is gateway.searcher
    assert gateway.searcher_of("other") is gateway.searcher_of("other") is not gateway.searcher
    search(gateway, {"query": MATCH}, "other")
    assert [told["index"] for _, told in engine.calls] == ["other", "other-000001"]


# browsed
def test_browsing_orders_by_popularity(gateway: Gateway, engine: RecordingEngine) -> None:
    answered = search(gateway, {"query": BRAND, "size": 5})
    (body,) = engine.bodies()
    assert body["query"]["function_score"]["query"] == BRAND
    assert body["query"]["function_score"]["field_value_factor"] == {"field": "popularity", "missing": 0}
    assert body["sort"] == [{"_score": "desc"}, {"id": "asc"}]
    assert all("sort" not in hit for hit in answered.hits) and "ext" not in answered.response
    told = search(gateway, {"ext": {"etalage": {}}}).response["ext"]["etalage"]
    assert told == {"rank": "browse", "degraded": [], "rules": [], "redirect": None}


# passed
def test_what_passes_is_sent_as_it_is_but_for_internal_fields(gateway: Gateway, engine: RecordingEngine) -> None:
    body = {"query": MATCH, "sort": ["price"], "size": 1, "_source": ["title"]}
    answered = search(gateway, body, preference="x", filter_path="took")
    (sent,) = engine.bodies()
    assert {name: sent[name] for name in ("query", "sort", "size")} == {
        name: body[name] for name in ("query", "sort", "size")
    }
    assert sent["_source"]["includes"] == ["title"] and "vec_text" in sent["_source"]["excludes"]
    assert engine.calls[0][1]["params"] == {"preference": "x"}
    assert "ext" not in answered.response and answered.hits[0]["sort"] == [1]


def test_who_sends_options_hears_why_it_is_not_ranked(gateway: Gateway) -> None:
    body = {"query": MATCH, "sort": ["price"], "ext": {"etalage": {"user": "u"}}}
    told = search(gateway, body).response["ext"]["etalage"]
    assert (told["rank"], told["degraded"], told["reason"]) == (False, [], "the request has [sort]")
    assert "ext" not in search(gateway, {"query": MATCH, "ext": {"etalage": {"rank": "off"}}}).response


def test_the_engines_failure_is_its_own(gateway: Gateway, engine: RecordingEngine) -> None:
    engine.fail = EngineUnavailable("away", remedy="Wait.")
    with pytest.raises(EngineUnavailable):
        search(gateway, {"query": MATCH})


# UBI
def test_what_was_searched_is_kept(gateway: Gateway, engine: RecordingEngine) -> None:
    ext = {"ubi": {"query_id": "q1", "client_id": "c"}}
    answered = search(gateway, {"query": MATCH, "ext": ext})
    assert answered.response["ext"]["ubi"] == {"query_id": "q1"} and "etalage" in answered.response["ext"]
    search(gateway, {"query": MATCH, "sort": ["price"], "ext": ext}, filter_path="took")
    search(gateway, {"query": MATCH})
    gateway.log.close()
    ranked, passed = engine.stored
    assert ranked["query_response_hit_ids"] == [hit["_id"] for hit in answered.hits]
    assert ranked["user_query"] == passed["user_query"] == "red shoe"
    assert passed["query_response_hit_ids"] == ["p1", "p2"]


def test_hits_without_ids_are_kept_without(gateway: Gateway, engine: RecordingEngine) -> None:
    """`stored_fields: _none_` leaves the ids out of what a node answers."""
    found = engine.search("products", {})
    for hit in found["hits"]["hits"]:
        del hit["_id"]
    engine.search = lambda *_, **__: found  # type: ignore[method-assign]
    search(gateway, {"stored_fields": "_none_", "sort": ["price"], "ext": {"ubi": {"query_id": "q1"}}})
    gateway.log.close()
    assert engine.stored[0]["query_response_hit_ids"] == []


@pytest.mark.parametrize("fields", [True, 5, [5], [{"field": 5}], [{}]])
def test_fields_that_are_none_are_the_engines_to_refuse(gateway: Gateway, fields: Any) -> None:
    assert search(gateway, {"query": MATCH, "fields": fields}).hits


@pytest.mark.parametrize(
    ("response", "hits", "total"),
    [
        ({}, 0, 0),
        ({"hits": {"total": 7, "hits": [{}]}}, 1, 7),
        ({"hits": {"total": {"value": 3, "relation": "gte"}, "hits": []}}, 0, 3),
        ({"hits": {"hits": []}}, 0, 0),
    ],
)
def test_an_answer_is_noted(response: dict[str, Any], hits: int, total: int) -> None:
    answered = Answered(response, {})
    assert (len(answered.hits), answered.total) == (hits, total)


# histograms
def counted(engine: RecordingEngine, monkeypatch: pytest.MonkeyPatch, **ends: float | None) -> None:
    """Let the engine answer the least and greatest values of a field."""
    plain = engine.search

    def search(index: str, body: Any, **options: Any) -> dict[str, Any]:
        told = {
            name: {"value": ends[next(iter(one))]}
            for name, one in body.get("aggs", {}).items()
            if set(one) <= {"min", "max"}
        }
        return plain(index, body, **options) | ({"aggregations": told} if told else {})

    monkeypatch.setattr(engine, "search", search)


@pytest.mark.parametrize("query", [MATCH, BRAND])
def test_a_histogram_that_would_fill_the_memory_is_refused(
    gateway: Gateway, engine: RecordingEngine, monkeypatch: pytest.MonkeyPatch, query: Any
) -> None:
    counted(engine, monkeypatch, min=0.0, max=1e6)
    body = {"query": query, "aggs": {"a": {"histogram": {"field": "price", "interval": 0.01}}}}
    for _ in range(2):
        with pytest.raises(QueryError, match=r"100000001 buckets.*\[aggs.a.histogram\]"):
            search(gateway, body)
    # Only how far the field reaches was asked for, and only once.
    assert [told["body"]["aggs"] for _, told in engine.calls] == [
        {"min0": {"min": {"field": "price"}}, "max0": {"max": {"field": "price"}}}
    ]
    wide = {"query": query, "aggs": {"a": {"histogram": {"field": "price", "interval": 100}}}}
    assert search(gateway, wide).total == 2
    counts = {"query": query, "aggs": {"a": {"histogram": {"field": "price", "interval": 0.01, "min_doc_count": 1}}}}
    assert search(gateway, counts).total == 2


def test_a_field_without_values_or_of_words_has_no_spread(
    gateway: Gateway, engine: RecordingEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted(engine, monkeypatch, min=None, max=None)
    assert gateway.spreads("products", {"nope"}, 1.0) == {}
    engine.fail = EngineError("not a number", remedy="See it.")
    assert gateway.spreads("products", {"brand"}, 1.0) == {}
    engine.fail = EngineUnavailable("away", remedy="Wait.")
    with pytest.raises(EngineUnavailable):
        gateway.spreads("products", {"price"}, 1.0)
