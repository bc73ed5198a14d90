"""The HTTP door on a real embedded engine: what it answers, and that nothing sent to it is answered with a 500."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from fastapi.testclient import TestClient

from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.settings import Settings, load
from etalage.http.app import MAX_BODY, create_app
from indexer import reindex
from opensearch.embedded import EmbeddedEngine
from opensearch.engine import IndexSpec

AS_JSON = {"content-type": "application/json"}


def settings_in(home: Path) -> Settings:
    return load(home=home, text_model="hashing", opensearch_url="")


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [hit["id"] for hit in answer.json()["hits"]]


def refused(answer: Any, status: int, kind: str, *told: str) -> None:
    """The answer has `status` and the one shape that every error has, and says `told`."""
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    assert set(body) == {"error", "status"} and body["status"] == status
    assert set(body["error"]) == {"type", "reason", "remedy"} and body["error"]["type"] == kind
    assert body["error"]["remedy"], "every error says what to do"
    whole = f"{body['error']['reason']}. {body['error']['remedy']}"
    for words in told:
        assert words in whole


# search
def test_search_by_query_string(client: TestClient) -> None:
    answer = client.get("/v1/search", params={"q": "blue lamp", "size": 2})
    assert ids(answer)[0] == "p4" and len(ids(answer)) == 2
    body = answer.json()
    assert body["degraded"] == [] and body["total"] == 6 and body["took_ms"] > 0
    assert set(body["timings"]) >= {"understand", "encode", "retrieve", "features", "rerank", "answer"}
    assert {one["value"]: one["count"] for one in body["facets"]["brand"]} == {"Acme": 4, "Bolt": 2}
    assert set(body["hits"][0]) == {"id", "score", "title", "parts"} and body["hits"][0]["title"] == "blue lamp"


def test_search_by_body_answers_alike(client: TestClient) -> None:
    by_query = client.get("/v1/search", params={"q": "red chair", "size": 3, "from": 1})
    by_body = client.post("/v1/search", json={"q": "red chair", "size": 3, "from": 1})
    assert ids(by_body) == ids(by_query) and len(ids(by_body)) == 3
    # Both names of the field are taken.
    assert ids(client.post("/v1/search", json={"q": "red chair", "size": 3, "start": 1})) == ids(by_query)


def test_an_empty_query_browses_by_popularity(client: TestClient) -> None:
    assert ids(client.get("/v1/search")) == ["p5", "p4", "p3", "p2", "p1", "p0"]
    assert ids(client.post("/v1/search", json={})) == ["p5", "p4", "p3", "p2", "p1", "p0"]


def test_filters_in_each_form(client: TestClient) -> None:
    text = client.get("/v1/search", params={"filter": ["brand:Bolt"]})
    assert ids(text) == ["p4", "p1"] and text.json()["total"] == 2
    both = client.get("/v1/search", params={"filter": ["brand:Acme", "price:1100..1400", "in_stock"]})
    assert ids(both) == ["p2"]  # 12.50, stock 2; p3 costs 13.50 and is out of stock
    objects = [{"term": {"brand": "Acme"}}, {"range": {"price": {"gt": 1050, "lte": 1350}}}]
    assert ids(client.post("/v1/search", json={"filter": objects})) == ["p3", "p2"]
    assert ids(client.post("/v1/search", json={"filter": "category:Goods > Lamps"})) == ["p4", "p1"]
    assert ids(client.post("/v1/search", json={"filter": {"terms": {"brand": ["Bolt", "None"]}}})) == ["p4", "p1"]


def test_sort(client: TestClient) -> None:
    assert ids(client.get("/v1/search", params={"q": "red", "sort": "price:desc"})) == ["p2", "p1", "p0"]


def test_size_zero_counts(client: TestClient) -> None:
    answer = client.get("/v1/search", params={"q": "red", "size": 0})
    assert ids(answer) == [] and answer.json()["total"] == 6


def test_explain_adds_features_and_families(client: TestClient) -> None:
    parts = client.get("/v1/search", params={"q": "red shoe", "explain": True}).json()["hits"][0]["parts"]
    assert parts["features"] and set(parts["families"]) >= {"lexical", "semantic"}
    assert "features" not in client.get("/v1/search", params={"q": "red shoe"}).json()["hits"][0]["parts"]


def test_hits_say_why_in_the_shoppers_language(client: TestClient) -> None:
    german = {"accept-language": "de-CH,de;q=0.9"}

    def why(answer: Any) -> str:
        return str(answer.json()["hits"][0]["parts"]["why"])

    asked = {"q": "red shoe"}
    assert why(client.get("/v1/search", params=asked)).startswith("Matches “red shoe” in the title")
    assert why(client.get("/v1/search", params=asked, headers=german)).startswith("Enthält")
    assert why(client.get("/v1/search", params=asked | {"language": "fr"}, headers=german)).startswith("Contient")
    assert why(client.post("/v1/search", json=asked, headers=german)).startswith("Enthält")
    assert why(client.post("/v1/search", json=asked | {"language": "es"}, headers=german)).startswith("Contiene")


def test_an_image_vector_finds_the_nearest(client: TestClient) -> None:
    assert ids(client.post("/v1/search", json={"image_vector": [1.0, 0.5, 0.5], "size": 1})) == ["p5"]


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"filter": "colour:red"}, "no such field: colour"),
        ({"filter": "price:cheap"}, "a bound is not a number"),
        ({"filter": "brand"}, "this is no filter: brand"),
        ({"filter": "price:nan..nan"}, "a bound is not a number"),
        ({"sort": "title"}, "no such field: title"),
        ({"sort": "price:up"}, "asc or desc"),
        ({"size": -1}, "query.size: Input should be greater than or equal to 0: -1"),
        ({"size": 1001}, "query.size"),
        ({"size": "ten"}, "query.size"),
        ({"from": -1}, "query.from"),
        ({"from": 9999, "size": 5}, "at most hit 10000"),
        ({"from": 10**30}, "at most hit 10000"),
        ({"explain": "perhaps"}, "query.explain"),
        ({"q": "x" * 5000}, "5,000 characters"),
    ],
)
def test_a_wrong_query_string_is_a_400(client: TestClient, params: dict[str, Any], told: str) -> None:
    refused(client.get("/v1/search", params=params), 400, "query_error", told)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"q": 5}, "body.q"),
        ({"q": None}, "body.q"),
        ({"size": -1}, "body.size"),
        ({"unknown": 1}, "body.unknown"),
        ({"filter": 3}, "body.filter"),
        ({"filter": {"term": {"colour": "red"}}}, "no such field: colour"),
        ({"filter": {"term": {"brand": 5}}}, "a term filter takes text"),
        ({"filter": {"range": {"price": {}}}}, "a range takes gte"),
        ({"filter": {"range": {"price": {"gte": "x"}}}}, "a bound is not a number"),
        ({"filter": {"range": {"price": {"gte": None}}}}, "a bound is not a number"),
        ({"filter": {}}, "this is no filter"),
        ({"filter": {"term": {"brand": "a"}, "terms": {}}}, "this is no filter"),
        ({"image_vector": [0.0, 0.0, 0.0]}, "image vector"),
        ({"image_vector": ["x"]}, "body.image_vector.0"),
        ({"image_vector": [1.0] * 5000}, "body.image_vector"),
        ({"q": "x" * 5000}, "5,000 characters"),
        ([], "body"),
    ],
)
def test_a_wrong_body_is_a_400(client: TestClient, body: Any, told: str) -> None:
    refused(client.post("/v1/search", json=body), 400, "query_error", told)


def test_an_image_vector_of_another_length_is_refused(client: TestClient) -> None:
    refused(
        client.post("/v1/search", json={"image_vector": [1.0, 2.0]}),
        409,
        "fingerprint_mismatch",
        "has 2 dimensions, vec_image has 3",
    )


@pytest.mark.parametrize("body", [b"", b"{", b"nonsense", b'{"q": NaN}', b'{"q": "x"} {}'])
def test_a_broken_body_is_a_400(client: TestClient, body: bytes) -> None:
    refused(client.post("/v1/search", content=body, headers=AS_JSON), 400, "query_error", "body")


def test_a_body_that_is_not_utf_8_is_a_400(client: TestClient) -> None:
    refused(client.post("/v1/search", content=b'{"q": "\xff"}', headers=AS_JSON), 400, "http_error", "body")


@pytest.mark.parametrize(
    "body",
    [
        '{"q": "a \\ud800 b"}',
        '{"filter": "brand:\\ud800"}',
        '{"filter": "\\ud800:x"}',
        '{"sort": "\\ud800"}',
        '{"\\ud800": 1}',
        '{"size": "\\ud800"}',
        '{"filter": {"term": {"\\ud800": "\\udfff"}}}',
    ],
)
def test_half_a_surrogate_pair_is_no_server_error(client: TestClient, body: str) -> None:
    answer = client.post("/v1/search", content=body, headers=AS_JSON)
    assert answer.status_code in (200, 400), answer.text


def test_numbers_that_are_not_finite_are_refused(client: TestClient) -> None:
    # Python's parser takes `Infinity`, which is not JSON.
    answer = client.post("/v1/search", content=b'{"image_vector": [Infinity, 1, 1]}', headers=AS_JSON)
    refused(answer, 400, "query_error", "image")


@pytest.mark.parametrize("path", ["/v1/search", "/v1/events"])
def test_a_body_of_10_mb_is_a_413(client: TestClient, path: str) -> None:
    refused(client.post(path, content=b" " * 10_000_000), 413, "query_error", "larger than 2048 KiB")


def test_a_body_that_does_not_announce_its_length_is_cut_off_too(client: TestClient) -> None:
    pieces = (b"x" * 65536 for _ in range(64))
    refused(client.post("/v1/events", content=pieces), 413, "query_error", "larger than 2048 KiB")


def test_a_body_just_within_the_limit_is_read(client: TestClient) -> None:
    body = b'{"q": "lamp"}'
    assert "p1" in ids(client.post("/v1/search", content=body.ljust(MAX_BODY), headers=AS_JSON))


# routes
@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/search/", "/../etc/passwd", "/products"])
def test_an_unknown_route_is_a_404_in_the_same_shape(client: TestClient, path: str) -> None:
    refused(client.get(path), 404, "http_error", "Not Found")


def test_a_wrong_method_is_a_405(client: TestClient) -> None:
    refused(client.delete("/v1/search"), 405, "http_error", "Method Not Allowed")


# completion
def test_suggest_completes_from_the_catalog(client: TestClient) -> None:
    body = client.get("/v1/suggest", params={"q": "ac"}).json()
    assert [(one["text"], one["type"]) for one in body["completions"]] == [("acme", "brand")]
    assert set(body["completions"][0]) == {"text", "score", "type", "match"} and body["took_ms"] >= 0
    assert len(client.get("/v1/suggest", params={"size": 1}).json()["completions"]) == 1


def test_suggest_takes_any_prefix(client: TestClient) -> None:
    for prefix in ("", " ", "x" * 5000, "%", "\u0000", "日本", "🦊", "'; drop table"):
        answer = client.get("/v1/suggest", params={"q": prefix})
        assert answer.status_code == 200, prefix
    refused(client.get("/v1/suggest", params={"size": 0}), 400, "query_error", "query.size")
    refused(client.get("/v1/suggest", params={"size": 101}), 400, "query_error", "query.size")


def test_suggest_before_completions_were_built_is_empty(fresh: TestClient) -> None:
    assert fresh.get("/v1/suggest", params={"q": "a"}).json()["completions"] == []


# events
def event(number: int, **more: Any) -> dict[str, Any]:
    return {"action_name": "click", "timestamp": f"2024-05-01T10:00:{number:02d}Z", "query_id": f"q{number}"} | more


def test_events_are_stored_once(fresh: TestClient) -> None:
    query = {"query_id": "q1", "user_query": "red shoe", "timestamp": "2024-05-01T10:00:00Z"}
    sent = ([query, event(1), event(2)], [query, event(2), event(3)], event(3))
    answers = [fresh.post("/v1/events", json=body).json() for body in sent]
    assert [tuple(answer[name] for name in ("received", "added", "duplicates")) for answer in answers] == [
        (3, 3, 0), (3, 1, 2), (1, 0, 1)
    ]  # fmt: skip
    engine = fresh.app.state.shop.engine  # type: ignore[attr-defined]
    assert [one["query_id"] for one in engine.events("events")] == ["q1", "q2", "q3"]
    assert [one["user_query"] for one in engine.events("queries")] == ["red shoe"]


def test_events_one_per_line(fresh: TestClient) -> None:
    lines = b"\n".join(orjson.dumps(event(number)) for number in range(3)) + b"\n\n"
    assert fresh.post("/v1/events", content=lines).json() == {"received": 3, "added": 3, "duplicates": 0}


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"action_name": "click"}, "`timestamp` is missing"),
        ({"timestamp": "2024-05-01T10:00:00Z"}, "neither an event"),
        (event(1, timestamp="yesterday"), "is not an ISO-8601 time: yesterday"),
        (event(1, timestamp=10**400), "UBI"),
        (event(1, action_name=5), "`action_name` is no text"),
        (event(1, client_id=5), "`client_id` is no text"),
        (event(1, session_id="x" * 2001), "`session_id` is longer than 2000"),
        (event(1, event_attributes={"position": {"ordinal": 0}}), "not a position from 1: 0"),
    ],
)
def test_a_wrong_event_is_refused_and_nothing_of_its_batch_is_stored(
    fresh: TestClient, document: dict[str, Any], told: str
) -> None:
    body = json.dumps([event(9), document])
    refused(fresh.post("/v1/events", content=body), 400, "query_error", told)
    engine = fresh.app.state.shop.engine  # type: ignore[attr-defined]
    assert list(engine.events("events")) == []


@pytest.mark.parametrize("body", [b"", b"[]", b"5", b"null", b'"text"', b"[1]", b"{", b"\xff\xfe", b"{}\n{"])
def test_a_body_without_events_is_a_400(fresh: TestClient, body: bytes) -> None:
    refused(fresh.post("/v1/events", content=body), 400, "query_error", "UBI document")


# health
def test_healthz_says_that_the_process_lives(fresh: TestClient) -> None:
    assert fresh.get("/healthz").json() == {"status": "ok"}


def test_readyz(client: TestClient) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["generation"], body["degraded"]) == ("ready", "products-000001", [])
    assert body["engine"] == "embedded"


def test_without_an_index_readyz_is_a_503_and_search_says_what_to_run(fresh: TestClient) -> None:
    refused(fresh.get("/readyz"), 503, "engine_error", "the index does not exist", "etalage index FILE")
    refused(fresh.get("/v1/search", params={"q": "x"}), 502, "engine_error", "no such index", "etalage index FILE")


def test_an_index_of_another_model_is_a_409(tmp_path: Path) -> None:
    chosen = settings_in(tmp_path)
    engine = EmbeddedEngine(chosen)
    made = engine.create("products", IndexSpec("other-model", "0123abcd", 256))
    engine.refresh(made.name)
    engine.swap("products", made.name)
    engine.close()
    with TestClient(create_app(chosen), raise_server_exceptions=False) as served:
        refused(served.get("/v1/search?q=x"), 409, "fingerprint_mismatch", "other-model (0123abcd)")


def test_without_its_encoder_it_serves_by_words_and_says_so(client: TestClient, tmp_path: Path) -> None:
    chosen = client.app.state.shop.settings.model_copy(  # type: ignore[attr-defined]
        update={"text_model": "nope", "models": tmp_path}
    )
    with TestClient(create_app(chosen), raise_server_exceptions=False) as served:
        answer = served.get("/v1/search", params={"q": "lamp"})
        assert answer.json()["degraded"] == ["vectors"] and set(ids(answer)) == {"p1", "p4"}
        assert served.get("/readyz").json()["degraded"] == ["vectors"]


def test_a_new_generation_is_noticed_without_a_restart(tmp_path: Path) -> None:
    chosen = settings_in(tmp_path / "home")
    feed, encoder = tmp_path / "feed.jsonl", HashingEncoder()
    with TestClient(create_app(chosen), raise_server_exceptions=False) as served:
        assert served.get("/readyz").status_code == 503
        for rows in ([{"id": n, "title": f"lamp {n}"} for n in range(size)] for size in (2, 3)):
            feed.write_bytes(b"\n".join(map(orjson.dumps, rows)))
            engine = EmbeddedEngine(chosen)
            job = reindex.plan(engine, encoder, "products", feed, reindex.Options(full=True))
            reindex.work(engine, encoder, job.id, 0, "test", 60)
            reindex.finish(engine, job)
            engine.close()
            assert len(ids(served.get("/v1/search"))) == len(rows)
