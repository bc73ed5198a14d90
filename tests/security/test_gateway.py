"""What must not pass the gateway is refused, with the right status in OpenSearch's shape, unheard by the engine."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from typing import Any
from urllib.parse import quote

import orjson
import pytest

from ..asgi import Door
from ..recording import RecordingEngine
from .conftest import RATED, Ask, Clock, Pass, key, shape

SCRIPT = {"script": {"source": "System.exit(1)", "lang": "painless"}}
WRAPPED = {"wrapper": {"query": base64.b64encode(b'{"script": {"script": {"source": "true"}}}').decode()}}
ALL: dict[str, Any] = {"match_all": {}}
MATCH = {"match": {"title": "red shoe"}}
LINES = (b"content-type", b"application/x-ndjson")


# what passes: or else all refusals below would prove nothing
def test_what_a_shop_sends_reaches_the_engine(ask: Ask, engine: RecordingEngine) -> None:
    lines = b'{"index":"products"}\n{"query":{"match_all":{}},"sort":["price"]}\n'
    for method, target, body, reached in (
        ("POST", "/products/_search", {"query": MATCH}, ["candidates", "search"]),
        ("POST", "/products/_search", {"query": MATCH, "sort": ["price"]}, ["search"]),
        ("GET", "/products/_search?q=red", b"", ["candidates", "search"]),
        ("GET", "/products/_search", b"", ["search"]),
        ("POST", "/products/_count", {"query": MATCH}, ["tally"]),
        ("GET", "/products/_doc/p1", b"", ["document"]),
        ("GET", "/_cluster/health", b"", ["health"]),
        ("POST", "/_msearch", lines, ["search"]),
        ("POST", "/products,other/_search", {"query": ALL}, ["search"]),
    ):
        engine.calls.clear()
        answer = ask(method, target, body)
        assert answer.status == 200, (target, answer.body)
        assert [call for call, _ in engine.calls] == reached
    assert ask("GET", "/products/_doc/p9").status == 404


# keys
@pytest.mark.parametrize("target", ["/products/_search", "/products/_count", "/products/_doc/p1", "/_msearch", "/"])
def test_without_a_key_nothing_passes(door: Door, engine: RecordingEngine, target: str) -> None:
    for headers in ((), (key("nobody"),), ((b"authorization", b"Basic !"),), ((b"x-api-key", b""),)):
        answer = door.ask("GET", target, b"", headers)
        shape(answer, target, 401)
        assert "ApiKey" in answer.headers["www-authenticate"]
    assert engine.calls == []


def test_a_key_is_for_its_scopes_and_indexes(refused: Pass, ask: Ask, engine: RecordingEngine) -> None:
    refused("POST", "/products/_search", {"query": MATCH}, 403, name="suggests")
    refused("POST", "/products/_search", {"query": MATCH}, 403, name="others")
    refused("POST", "/other,products/_search", {"query": MATCH}, 403, name="others")
    refused("POST", "/products/_count", b"", 403, name="others")
    refused("GET", "/products/_doc/p1", b"", 403, name="others")
    refused("GET", "/v1/search?q=red", b"", 403, name="others")
    refused("GET", "/_cluster/health/products", b"", 403, name="others")
    # An _msearch names its indexes in its body.
    lines = b'{"index":"other"}\n{"size":0}\n{"index":"products"}\n{}\n{"index":["other","products"]}\n{}\n'
    answers = ask("POST", "/_msearch", lines, name="others").json()["responses"]
    assert [one["status"] for one in answers] == [200, 403, 403]
    assert [told["index"] for _, told in engine.calls] == ["other"]


@pytest.mark.parametrize(
    "index", ["secret", ".opendistro_security", "products-000001", "PRODUCTS", "product", "products "]
)
def test_the_server_offers_its_own_indexes_only(ask: Ask, refused: Pass, engine: RecordingEngine, index: str) -> None:
    for name in ("shop", "everything"):
        for path in ("_search", "_count", "_doc/p1"):
            refused("GET", f"/{quote(index)}/{path}", b"", 403, name=name)
        answer = ask("POST", f"/{quote(index)}/_msearch", b"{}\n{}\n", name=name, kind=LINES)
        assert [one["status"] for one in answer.json()["responses"]] == [403]
    assert engine.calls == []


def test_over_the_rate_is_a_429_until_time_has_passed(
    ask: Ask, refused: Pass, engine: RecordingEngine, clock: Clock
) -> None:
    clock.now += 3600
    for _ in range(RATED):
        assert ask("GET", "/products/_search", name="rated").status == 200
    engine.calls.clear()
    refused("GET", "/products/_search", b"", 429, name="rated")
    assert int(ask("GET", "/products/_search", name="rated").headers["retry-after"]) == 1
    clock.now += 1.0
    assert ask("GET", "/products/_search", name="rated").status == 200
    # Each search of an _msearch counts.
    clock.now += 3600
    assert ask("POST", "/products/_msearch", b"{}\n{}\n" * 20, name="rated", kind=LINES).status == 200
    engine.calls.clear()
    refused("GET", "/products/_search", b"", 429, name="rated")
    clock.now += 15.0
    refused("GET", "/products/_search", b"", 429, name="rated")
    clock.now += 2.0
    assert ask("GET", "/products/_search", name="rated").status == 200


# scripts, and requests inside of requests
SMUGGLED: dict[str, dict[str, Any]] = {
    "script query": {"query": {"script": SCRIPT}},
    "script_score query": {"query": {"script_score": {"query": ALL, **SCRIPT}}},
    "wrapper": {"query": WRAPPED},
    "wrapper in must": {"query": {"bool": {"must": [WRAPPED]}}},
    "wrapper in mustNot": {"query": {"bool": {"mustNot": WRAPPED}}},
    "wrapper in filter": {"query": {"bool": {"filter": {"constant_score": {"filter": WRAPPED}}}}},
    "wrapper in hybrid": {"query": {"hybrid": {"queries": [WRAPPED]}}},
    "wrapper in knn": {"query": {"knn": {"vec_text": {"vector": [1.0], "k": 1, "filter": WRAPPED}}}},
    "wrapper in span": {"query": {"span_or": {"clauses": [WRAPPED]}}},
    "function_score": {"query": {"function_score": {"script_score": SCRIPT}}},
    "function_score functions": {"query": {"function_score": {"functions": [{"script_score": SCRIPT}]}}},
    "function_score filter": {"query": {"function_score": {"functions": [{"weight": 2, "filter": WRAPPED}]}}},
    "terms_set": {"query": {"terms_set": {"a": {"terms": ["x"], "minimum_should_match_script": SCRIPT["script"]}}}},
    "intervals": {"query": {"intervals": {"title": {"match": {"query": "x", "filter": SCRIPT}}}}},
    "percolate": {"query": {"percolate": {"field": "query", "index": "other", "id": "1"}}},
    "geo_shape": {"query": {"geo_shape": {"a": {"indexed_shape": {"index": "other", "id": "1"}}}}},
    "terms lookup": {"query": {"terms": {"brand": {"index": "other", "id": "1", "path": "brand"}}}},
    "terms lookup by query": {"query": {"terms": {"brand": {"index": "other", "query": ALL, "path": "brand"}}}},
    "more_like_this": {"query": {"more_like_this": {"like": {"_index": "other", "_id": "1"}}}},
    "more_like_this list": {"query": {"more_like_this": {"like": [{"_index": "other", "_id": "1"}]}}},
    "more_like_this unlike": {"query": {"more_like_this": {"like": "a", "unlike": [{"_index": "other"}]}}},
    "template": {"query": {"template": {"match": {}}}},
    "post_filter": {"post_filter": {"script": SCRIPT}},
    "sort": {"sort": {"_script": {"type": "number", "order": "asc", **SCRIPT}}},
    "sort list": {"sort": [{"_script": {"type": "number", **SCRIPT}}]},
    "sort nested": {"sort": [{"a.b": {"nested": {"path": "a", "filter": {"script": SCRIPT}}}}]},
    "sort nested twice": {"sort": [{"a.b": {"nested": {"path": "a", "nested": {"path": "a.b", "filter": WRAPPED}}}}]},
    "script_fields": {"script_fields": {"x": SCRIPT}},
    "runtime_mappings": {"runtime_mappings": {"x": {"type": "long", **SCRIPT}}},
    "derived": {"derived": {"x": {"type": "long", **SCRIPT}}},
    "rescore": {"rescore": {"query": {"rescore_query": {"script_score": {"query": ALL, **SCRIPT}}}}},
    "rescore wrapper": {"rescore": [{"query": {"rescore_query": WRAPPED}}]},
    "collapse.inner_hits": {
        "collapse": {"field": "brand", "inner_hits": {"name": "x", "script_fields": {"y": SCRIPT}}}
    },
    "collapse sort": {"collapse": {"field": "brand", "inner_hits": {"sort": [{"_script": SCRIPT}]}}},
    "nested inner_hits": {"query": {"nested": {"path": "a", "query": ALL, "inner_hits": {"script_fields": {}}}}},
    "highlight_query": {"highlight": {"fields": {"title": {"highlight_query": {"script": SCRIPT}}}}},
    "highlight_query above": {"highlight": {"highlight_query": WRAPPED, "fields": {"title": {}}}},
    "suggest collate": {"suggest": {"x": {"text": "a", "phrase": {"field": "title", "collate": {"query": SCRIPT}}}}},
    "aggs scripted_metric": {"aggs": {"x": {"scripted_metric": {"map_script": "state.x = 1"}}}},
    "aggs bucket_script": {"aggs": {"x": {"bucket_script": {"buckets_path": {"a": "b"}, **SCRIPT}}}},
    "aggs bucket_selector": {"aggs": {"x": {"bucket_selector": {"buckets_path": {}, **SCRIPT}}}},
    "aggs moving_fn": {"aggs": {"x": {"moving_fn": {"script": "MovingFunctions.max(values)"}}}},
    "aggs terms.script": {"aggs": {"x": {"terms": SCRIPT}}},
    "aggs avg.script": {"aggs": {"x": {"avg": SCRIPT}}},
    "aggs significance": {"aggs": {"x": {"significant_terms": {"field": "brand", "script_heuristic": SCRIPT}}}},
    "aggs filter": {"aggs": {"x": {"filter": {"script": SCRIPT}}}},
    "aggs filter wrapper": {"aggs": {"x": {"filters": {"filters": [WRAPPED]}}}},
    "aggs nested": {"aggs": {"x": {"terms": {"field": "brand"}, "aggs": {"y": {"sum": SCRIPT}}}}},
    "aggs top_hits": {"aggs": {"x": {"top_hits": {"script_fields": {"y": SCRIPT}}}}},
    "aggs top_hits sort": {"aggs": {"x": {"top_hits": {"sort": {"_script": SCRIPT}}}}},
    "aggs composite": {"aggs": {"x": {"composite": {"sources": [{"y": {"terms": SCRIPT}}]}}}},
    "aggs weighted_avg": {"aggs": {"x": {"weighted_avg": {"value": SCRIPT, "weight": {"field": "price"}}}}},
    "search_pipeline": {"search_pipeline": {"request_processors": [{"script": {"source": "x"}}]}},
    "pit": {"pit": {"id": "abc", "keep_alive": "1m"}},
    "slice": {"slice": {"id": 0, "max": 2}},
    "ext": {"ext": {"generative_qa_parameters": {"llm_model": "x"}}},
    "indices_boost": {"indices_boost": [{"secret": 2}]},
    "indices_boost object": {"indices_boost": {"secret*": 2}},
    "regexp": {"query": {"regexp": {"title": "(a+)+b"}}},
    "regexp in a text": {"query": {"query_string": {"query": "a/(a+)+b/"}}},
    "regexp in a span": {"query": {"span_near": {"clauses": [{"span_multi": {"match": {"regexp": {"a": "b"}}}}]}}},
    "leading wildcard": {"query": {"wildcard": {"title": "*shoe"}}},
    "window": {"from": 9999, "size": 2},
    "unknown key": {"unknown": 1},
    "unknown clause": {"query": {"unknown": {}}},
    "unknown aggregation": {"aggs": {"x": {"unknown": {}}}},
    "ranker by path": {"query": MATCH, "ext": {"etalage": {"rank": "../../ranker"}}},
    "ranker above": {"query": MATCH, "ext": {"etalage": {"rank": ".."}}},
    "ranker by NUL": {"query": MATCH, "ext": {"etalage": {"rank": "a\x00b"}}},
    "option": {"ext": {"etalage": {"rank": "on", "debug": True}}},
    "ubi": {"ext": {"ubi": {"query_id": ["x"]}}},
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_nothing_is_smuggled_in_a_body(refused: Pass, ask: Ask, engine: RecordingEngine, name: str) -> None:
    body = SMUGGLED[name]
    refused("POST", "/products/_search", body)
    refused("GET", "/products/_search", body)
    # The text in the URL takes the place of the body's query, and of nothing else in it.
    if "query" not in body:
        refused("POST", "/products/_search?q=shoe&size=5", body)
    good = b'{"index":"products"}\n{"size":0,"sort":["id"]}\n'
    for before in (b"", good):
        engine.calls.clear()
        lines = before + b'{"index":"products"}\n' + orjson.dumps(body) + b"\n"
        answers = ask("POST", "/_msearch", lines, kind=LINES).json()["responses"]
        assert answers[-1]["status"] == 400 and answers[-1]["error"]["root_cause"]
        assert len(engine.calls) == len(answers) - 1
    engine.calls.clear()
    refused("POST", "/products/_count", body)


@pytest.mark.parametrize(
    "query",
    [
        "source=%7B%22size%22%3A1%7D&source_content_type=application/json",
        "source={}",
        "scroll=1m",
        "size=x",
        "size=-1",
        "size=1_0e3",
        "size=99999999999999999999999",
        "from=%C2%B2",
        "q=a&q=b",
        "unknown=1",
        "sort=_script:asc",
        "min_score=nan",
        "min_score=inf",
        "timeout=soon",
        "timeout=-5s",
        "track_total_hits=maybe",
        "error_trace=true",
        "format=yaml",
        "filter_path=a&filter_path=b",
        "q=/(a%2B)%2Bb/",
        "q=*shoe",
        "stored_fields=a&stored_fields=b",
        "wait_for_completion_timeout=1s",
        "index=other",
        "rest_total_hits_as_int=x&rest_total_hits_as_int=y",
    ],
)
def test_nothing_is_smuggled_in_a_url(refused: Pass, query: str) -> None:
    refused("GET", f"/products/_search?{query}")


@pytest.mark.parametrize(
    "query", ["size=1", "min_score=1", "terminate_after=1", "timeout=1s", "scroll=1m", "source={}", "x=1", "sort=a"]
)
def test_a_count_takes_no_more_than_a_query(refused: Pass, query: str) -> None:
    refused("GET", f"/products/_count?{query}")


@pytest.mark.parametrize(
    "query", ["source={}", "refresh=true", "version=3", "stored_fields=vec_text", "_source=a&_source=b"]
)
def test_a_document_is_only_read(refused: Pass, query: str) -> None:
    refused("GET", f"/products/_doc/p1?{query}")


@pytest.mark.parametrize(
    "lines",
    [
        b"",
        b"\n",
        b"{}\n",
        b"{}\n{}\n{}\n",
        b"[]\n{}\n",
        b'"x"\n{}\n',
        b'{"index":"products","scroll":"1m"}\n{}\n',
        b'{"index":"products","source":"{}"}\n{}\n',
        b'{"index":"products","index":"secret"}\n{}\n',
        b'{"index":"products"}\n{"size":1,"size":2}\n',
        b'{"index":"products"}\n{\n',
        b"\xff\n{}\n",
        b'{"index":"products"}\r\r\n{}\n{}',
        b"{}\n{}\n" * 101,
    ],
)
def test_a_crooked_msearch_is_refused_as_a_whole(refused: Pass, lines: bytes) -> None:
    refused("POST", "/_msearch", lines, kind=LINES)
    refused("POST", "/products/_msearch?max_concurrent_searches=2", lines, kind=LINES)


def test_an_msearch_takes_no_other_parameters(refused: Pass) -> None:
    for query in ("source={}", "index=secret", "size=1", "q=red", "search_pipeline=x", "routing=a"):
        refused("POST", f"/products/_msearch?{query}", b"{}\n{}\n", kind=LINES)


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"index": ""},
        {"index": "*"},
        {"index": "_all"},
        {"index": ["products", "secret"]},
        {"index": "products,secret"},
        {"index": {"a": 1}},
        {"index": "../secret"},
        {"index": "products/_search?x"},
        {"index": "-products"},
        {"index": "<products-{now/d}>"},
        {"index": 5},
        {"index": [["products"]]},
        {"index": "remote:products"},
    ],
)
def test_an_msearch_reaches_no_other_index(ask: Ask, engine: RecordingEngine, header: dict[str, Any]) -> None:
    answer = ask("POST", "/_msearch", orjson.dumps(header) + b"\n{}\n", kind=LINES)
    assert answer.status == 200
    one = answer.json()["responses"][0]
    assert one["status"] in (400, 403) and one["error"]["root_cause"] and engine.calls == []


# bodies
@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'"x"',
        b"5",
        b"true",
        b"{}{}",
        b"{} x",
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b'{"query": {"match": {"title": "\xff"}}}',
        b'{"query": {"match": {"title": "\xc0\xaf"}}}',
        b'{"query": {"match": {"title": "\\ud800"}}}',
        b'{"query": {"match": {"title": "\\ude00\\ud83d"}}}',
        b'{"query": {"match": {"title": "\xed\xa0\x80"}}}',
        b'{"min_score": NaN}',
        b'{"min_score": Infinity}',
        b'{"min_score": -Infinity}',
        b'{"min_score": 1e999}',
        b'{"size": 1e999}',
        b'{"size": ' + b"9" * 400 + b"}",
        b'{"size": 99999999999999999999}',
        b'{"from": 18446744073709551615}',
        b'{"from": 2147483648}',
        b'{"size": -0.5}',
        b'{"size": 0x10}',
        b'{"size": 010}',
        b"{'size': 1}",
        b'{"size": 1,}',
        b'{"size": 1, "size": 2}',
        b'{"query": {"match_all": {}}, "query": {"match_none": {}}}',
        b'{"query": {"bool": {"must": [], "must": []}}}',
        b'{"query": {"match_all": {}}, "qu\\u0065ry": {"match_none": {}}}',
        b'{"query": {"match": {"title": "a\x00b"}}}',
        b'{"a": ' + b"[" * 60 + b"]" * 60 + b"}",
        b"[" * 90 + b"]" * 90,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"query":' + b'{"bool":{"must":' * 40 + b"{}" + b"}}" * 40 + b"}",
        b"/* */{}",
        b"--- \nsize: 1",
        b"\x1f\x8b\x08\x00",
    ],
    ids=range(41),
)
def test_a_body_that_is_no_search_is_a_400(refused: Pass, body: bytes) -> None:
    refused("POST", "/products/_search", body)
    refused("POST", "/products/_count", body)


def test_a_body_is_so_large(ask: Ask, door: Door, engine: RecordingEngine) -> None:
    limit = 2 * 1024 * 1024
    largest = b'{"query":{"match_all":{}},"sort":["id"]' + b" " * (limit - 40) + b"}"
    assert len(largest) == limit and ask("POST", "/products/_search", largest).status == 200
    engine.calls.clear()
    shape(ask("POST", "/products/_search", largest + b" "), "/products/_search", 413)
    # It is refused by its announced length, and by what comes when that is false.
    for announced in (b"5", b"x", b""):
        headers = ((b"content-length", announced), key("shop"))
        shape(door.ask("POST", "/products/_search", largest + b" ", headers), "/products/_search", 413)
    shape(
        door.ask("POST", "/products/_search", b"{}", ((b"content-length", b"9" * 30), key("shop"))),
        "/products/_search",
        413,
    )
    assert engine.calls == []


def test_a_gzip_bomb_does_not_go_off(door: Door, engine: RecordingEngine) -> None:
    zipped = (b"content-encoding", b"gzip")
    once = gzip.compress(b"\n" * (64 << 20), 9)
    many = gzip.compress(b" ") * 5000
    deflated = zlib.compress(b"{}" * 10)
    nested = gzip.compress(gzip.compress(b"{}"))
    for body, status in ((once, 413), (many, 400), (deflated, 400), (once[:-9], 413), (nested, 400), (b"{}", 400)):
        shape(door.ask("POST", "/products/_search", body, (zipped, key("shop"))), "/products/_search", status)
    for encoding in (b"br", b"deflate", b"gzip, gzip", b"zstd", b"x", b"compress"):
        headers = ((b"content-encoding", encoding), key("shop"))
        shape(door.ask("POST", "/products/_search", b"{}", headers), "/products/_search", 415)
    assert engine.calls == []
    good = gzip.compress(b'{"query":{"match_all":{}}}')
    assert door.ask("POST", "/products/_search", good, (zipped, key("shop"))).status == 200


# headers
def test_no_header_is_injected(door: Door, engine: RecordingEngine) -> None:
    for value in (b"a\r\nx-evil: 1", b"a\nx", b"\x00", b"a" * 257, b"\xff", "ü".encode(), b"a\tb", b"\x1b[31m"):
        answer = door.ask("GET", "/products/_search", b"", ((b"x-opaque-id", value), key("shop")))
        assert answer.status == 200 and "x-opaque-id" not in answer.headers and "x-evil" not in answer.headers
    answer = door.ask("GET", "/products/_search", b"", ((b"x-opaque-id", b"cart 17"), key("shop")))
    assert answer.headers["x-opaque-id"] == "cart 17"
    # Nor by what is echoed in an error.
    evil = door.ask("GET", "/products/_search?unknown%0d%0aset-cookie:x=1", b"", (key("shop"),))
    assert evil.status == 400 and "set-cookie" not in evil.headers


def test_headers_are_so_large(door: Door, engine: RecordingEngine) -> None:
    shape(door.ask("GET", "/products/_search", b"", ((b"x-big", b"a" * 17_000), key("shop"))), "/products/_search", 431)
    many = tuple((b"x-%d" % number, b"a" * 10) for number in range(2000))
    shape(door.ask("GET", "/products/_search", b"", (*many, key("shop"))), "/products/_search", 431)
    assert engine.calls == []


@pytest.mark.parametrize(
    "header",
    [
        (b"x-http-method-override", b"DELETE"),
        (b"x-original-url", b"/_cluster/settings"),
        (b"x-rewrite-url", b"/secret/_search"),
        (b"x-forwarded-prefix", b"/secret"),
        (b"x-elastic-product-origin", b"kibana"),
        (b"securitytenant", b"admin"),
        (b"x-proxy-user", b"admin"),
        (b"x-forwarded-for", b"127.0.0.1"),
    ],
)
def test_no_header_turns_a_request_into_another(
    door: Door, engine: RecordingEngine, header: tuple[bytes, bytes]
) -> None:
    answer = door.ask("POST", "/products/_search", {"query": ALL}, (header, key("shop")))
    assert answer.status == 200
    assert [(call, told.get("index")) for call, told in engine.calls] == [("search", "products")]


def test_what_reaches_the_engine_carries_no_key_and_no_header(ask: Ask, engine: RecordingEngine) -> None:
    ask("POST", "/products/_search?preference=x", {"query": ALL, "ext": {"etalage": {"user": "u"}}})
    told = json.dumps([repr(call) for call in engine.calls])
    assert "ApiKey" not in told and "authorization" not in told and "'ext'" not in told and "preference" in told


def test_an_engines_own_words_come_through_without_its_stack(ask: Ask, engine: RecordingEngine) -> None:
    engine.fail = RuntimeError("a secret place and the query red")
    answer = ask("POST", "/products/_search", {"query": ALL})
    assert answer.status == 503
    error = shape(answer, "/products/_search", 503)
    assert "secret" not in answer.body.decode() and error["type"] == "internal_error"
