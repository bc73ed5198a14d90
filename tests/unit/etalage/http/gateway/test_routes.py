"""The doors that speak OpenSearch: what each takes, and how it answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from etalage.core.errors import EngineError, EngineTimeout, EngineUnavailable
from opensearch.cluster.client import Refused

from .....asgi import Answer, Door
from .....recording import SOURCES, RecordingEngine, serving

MATCH = {"match": {"title": "red shoe"}}
THEIRS = {
    "error": {
        "root_cause": [{"type": "parsing_exception", "reason": "no"}],
        "type": "parsing_exception",
        "reason": "no",
    }
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Door, RecordingEngine]]:
    engine = RecordingEngine()
    with serving(engine, tmp_path_factory.mktemp("routes"), breaker_failures=1000) as door:
        yield door, engine


def ids(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.body
    return [hit["_id"] for hit in answer.json()["hits"]["hits"]]


def told(answer: Answer, status: int) -> str:
    assert answer.status == status, answer.body
    body = answer.json()
    assert body["status"] == status
    reason: str = body["error"]["reason"]
    return reason


# search
def test_get_and_post_search_alike(door: Door, engine: RecordingEngine) -> None:
    by_body = door.ask("POST", "/products/_search", {"query": MATCH})
    assert ids(by_body) == ["p1", "p2"]
    assert ids(door.ask("GET", "/products/_search", {"query": MATCH})) == ids(by_body)
    assert ids(door.ask("GET", "/products/_search?q=red%20shoe")) == ids(by_body)
    assert ids(door.ask("GET", "/products/_search", b"  ")) == ["p1", "p2"]
    assert by_body.headers["content-type"] == "application/json"


def test_an_answer_is_pretty_or_cut_when_that_is_asked(door: Door, engine: RecordingEngine) -> None:
    assert b'\n  "took"' in door.ask("GET", "/products/_search?pretty").body
    assert b"\n" not in door.ask("GET", "/products/_search?pretty=false").body
    body = {"query": MATCH, "ext": {"ubi": {"query_id": "q"}}}
    cut = door.ask("POST", "/products/_search?filter_path=hits.hits._id,ext.ubi", body)
    assert cut.json() == {"hits": {"hits": [{"_id": "p1"}, {"_id": "p2"}]}, "ext": {"ubi": {"query_id": "q"}}}
    assert door.ask("GET", "/products/_search?filter_path=-hits,-_shards,-took").json() == {"timed_out": False}


# count and documents
def test_count(door: Door, engine: RecordingEngine) -> None:
    assert door.ask("POST", "/products/_count", {"query": MATCH}).json()["count"] == 2
    assert engine.calls[-1][1]["body"] == {"query": MATCH}
    assert door.ask("GET", "/products/_count?q=red&df=title&filter_path=count").json() == {"count": 2}
    assert engine.calls[-1][1]["body"] == {"query": {"query_string": {"query": "red", "default_field": "title"}}}
    assert door.ask("GET", "/products/_count").status == 200 and engine.calls[-1][1]["body"] == {}
    assert "[size]" in told(door.ask("POST", "/products/_count", {"size": 1}), 400)
    assert "[terminate_after]" in told(door.ask("GET", "/products/_count?terminate_after=1"), 400)


def test_a_document(door: Door, engine: RecordingEngine) -> None:
    found = door.ask("GET", "/products/_doc/p1")
    assert found.status == 200 and found.json()["found"] is True
    source = {name: value for name, value in SOURCES["p1"].items() if name not in ("content", "vec_text")}
    assert found.json()["_source"] == source
    assert door.ask("GET", "/products/_doc/p1?_source=title").json()["_source"] == {"title": "red shoe"}
    assert "_source" not in door.ask("GET", "/products/_doc/p1?_source=false").json()
    assert door.ask("GET", "/products/_doc/p1?_source_excludes=t*,i*,b*").json()["_source"] == {"price": 1000}
    for suffix in ("", "?pretty", "?_source=false"):
        missing = door.ask("GET", f"/products/_doc/nope{suffix}")
        assert (missing.status, missing.json()["found"], missing.json()["_id"]) == (404, False, "nope")
    engine.calls.clear()
    door.ask("GET", "/products/_doc/a%2Fb%20c")
    assert engine.calls[0][1]["id"] == "a/b c"
    assert "id is missing" in told(door.ask("GET", "/products/_doc/"), 400)
    assert "[version]" in told(door.ask("GET", "/products/_doc/p1?version=3"), 400)
    assert door.ask("HEAD", "/products/_doc/p1").status == 200
    assert door.ask("HEAD", "/products/_doc/nope").status == 404


# several
def lines(*documents: Any) -> bytes:
    return b"".join(orjson.dumps(one) + b"\n" for one in documents)


def test_several_searches_are_answered_in_their_places(door: Door, engine: RecordingEngine) -> None:
    body = lines({"index": "products"}, {"query": MATCH, "size": 1}, {"index": "secret"}, {}, {}, {"nope": 1}, {}, {})
    answer = door.ask("POST", "/products/_msearch", body)
    assert answer.status == 200 and answer.json()["took"] >= 0
    first, second, third, fourth = answer.json()["responses"]
    assert first["status"] == 200 and len(first["hits"]["hits"]) == 1
    assert (second["status"], second["error"]["type"]) == (403, "security_exception")
    assert (third["status"], fourth["status"]) == (400, 200)
    assert third["error"]["root_cause"][0]["reason"] == third["error"]["reason"]


def test_a_header_line_says_what_a_url_would(door: Door, engine: RecordingEngine) -> None:
    header = {
        "index": ["products"],
        "preference": "x",
        "ignore_unavailable": True,
        "expand_wildcards": ["open", "closed"],
    }
    assert door.ask("POST", "/_msearch", lines(header, {"sort": ["id"]})).json()["responses"][0]["status"] == 200
    assert engine.calls[-1][1]["params"] == {
        "preference": "x",
        "ignore_unavailable": "true",
        "expand_wildcards": "open,closed",
    }
    answer = door.ask(
        "POST", "/products/_msearch?rest_total_hits_as_int=true&typed_keys=true", lines({}, {"sort": ["id"]})
    )
    assert answer.status == 200
    assert engine.calls[-1][1]["params"] == {"rest_total_hits_as_int": "true", "typed_keys": "true"}
    cut = door.ask("POST", "/products/_msearch?filter_path=responses.status", lines({"index": None}, {}))
    assert cut.json() == {"responses": [{"status": 200}]}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "a header line and a body line"),
        (b"{}\n", "a header line and a body line"),
        (lines({"nope": 1}, {}), "line 1 is no header"),
        (lines({}, {}, [], {}), "line 3 is no header"),
        (b"{}\n{\n", "not JSON"),
        (lines({}, {}) * 101, "more than 100 searches"),
        (b'{}\n{"size":1,"size":2}\n', "stands twice"),
    ],
)
def test_a_wrong_msearch(door: Door, engine: RecordingEngine, body: bytes, reason: str) -> None:
    assert reason in told(door.ask("POST", "/products/_msearch", body), 400)


# what OpenSearch says of itself
def test_root_and_health(door: Door, engine: RecordingEngine) -> None:
    about = door.ask("GET", "/").json()
    assert about["version"]["number"] == "3.6.0" and about["version"]["distribution"] == "opensearch"
    assert door.ask("HEAD", "/").status == 200
    assert door.ask("GET", "/_cluster/health").json()["status"] == "green"
    assert door.ask("GET", "/_cluster/health/products").json()["status"] == "green"
    assert "not offered" in told(door.ask("GET", "/_cluster/health/secret"), 403)


# bodies
@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"a":NaN}', b'{"a":1}x', b'"\\ud800"'])
def test_a_body_that_is_not_json(door: Door, engine: RecordingEngine, body: bytes) -> None:
    assert "not JSON" in told(door.ask("POST", "/products/_search", body), 400)


def test_a_name_stands_once_in_an_object(door: Door, engine: RecordingEngine) -> None:
    for body in (b'{"size":1,"size":1}', b'{"query":{"bool":{"must":[],"m\\u0075st":[]}}}'):
        assert "stands twice" in told(door.ask("POST", "/products/_search", body), 400)
    apart = b'{"aggs":{"a":{"terms":{"field":"brand"}},"b":{"terms":{"field":"brand"}}}}'
    assert door.ask("POST", "/products/_search", apart).status == 200
    wide = b'{"a":1,' + b",".join(b'"k%d":1' % number for number in range(150_000)) + b',"k7":1}'
    answer = door.ask("POST", "/products/_search", wide)
    assert "stands twice in an object: k7" in told(answer, 400) and answer.seconds < 2


# failures
def test_the_engines_own_words_come_through(door: Door, engine: RecordingEngine) -> None:
    for status, shown in ((400, 400), (404, 404), (500, 503), (503, 503)):
        fault = Refused("no", remedy="See it.")
        fault.answer = THEIRS | {"status": status}
        engine.fail = fault
        answer = door.ask("POST", "/products/_search", {"sort": ["id"]})
        assert answer.status == shown and answer.json() == THEIRS | {"status": shown}
        engine.fail = fault
        response = door.ask("POST", "/products/_msearch", lines({}, {"sort": ["id"]})).json()["responses"][0]
        assert response == THEIRS | {"status": shown}


@pytest.mark.parametrize("fault", [EngineUnavailable, EngineTimeout, EngineError, RuntimeError])
@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/products/_search"),
        ("POST", "/products/_count"),
        ("GET", "/products/_doc/p1"),
        ("GET", "/_cluster/health"),
    ],
)
def test_an_engine_that_fails_is_a_503_with_a_remedy(
    door: Door, engine: RecordingEngine, fault: type[Exception], method: str, target: str
) -> None:
    engine.fail = fault("it is away", remedy="Wait.") if issubclass(fault, EngineError) else fault("secret")
    answer = door.ask(method, target)
    reason = told(answer, 503)
    assert answer.json()["error"]["remedy"] and "secret" not in reason
    assert ("retry-after" in answer.headers) == (fault in (EngineUnavailable, EngineTimeout))


def test_a_failure_in_an_msearch_is_its_own(door: Door, engine: RecordingEngine) -> None:
    engine.fail = EngineUnavailable("it is away", remedy="Wait.")
    first, second = door.ask("POST", "/products/_msearch", lines({}, {}, {}, {})).json()["responses"]
    assert (first["status"], second["status"]) == (503, 200) and first["error"]["remedy"] == "Wait."
