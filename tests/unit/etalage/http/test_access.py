"""What requests need, which paths are refused, and the gate in front of a served shop."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from fastapi.testclient import TestClient
from starlette.requests import Request

from etalage.core.errors import ConfigError
from etalage.core.settings import load
from etalage.http import keys
from etalage.http.access import MAX_HEADERS, Need, allowed, charge, check_path, credentials, need, require
from etalage.http.app import create_app
from etalage.http.errors import BadRequest, Forbidden
from etalage.http.keys import Scope

SEARCH, SUGGEST, EVENTS, INDEX = Scope.SEARCH, Scope.SUGGEST, Scope.EVENTS, Scope.INDEX


@pytest.mark.parametrize(
    ("method", "path", "scope", "indexes"),
    [
        ("GET", "/v1/search", SEARCH, ("products",)),
        ("POST", "/v1/search", SEARCH, ("products",)),
        ("POST", "/v1/search/", SEARCH, ("products",)),
        ("GET", "/v1/suggest", SUGGEST, ("products",)),
        ("POST", "/v1/events", EVENTS, ("products",)),
        ("GET", "/v1/other", None, ()),
        ("GET", "/v1/_search", None, ()),
        ("POST", "/shoes/_search", SEARCH, ("shoes",)),
        ("POST", "/shoes,hats/_search", SEARCH, ("shoes", "hats")),
        ("POST", "/shoes,/_search", SEARCH, ("shoes", "")),
        ("POST", "/sho*/_search", SEARCH, ("sho*",)),
        ("POST", "/_all/_search", SEARCH, ("_all",)),
        ("POST", "/_search", SEARCH, ("*",)),
        ("POST", "/_search/scroll", SEARCH, ("*",)),
        ("POST", "/_msearch", SEARCH, ()),
        ("POST", "/shoes/_msearch", SEARCH, ("shoes",)),
        ("GET", "/shoes/_count", SEARCH, ("shoes",)),
        ("GET", "/shoes/_doc/1", SEARCH, ("shoes",)),
        ("HEAD", "/shoes/_doc/1", SEARCH, ("shoes",)),
        ("GET", "/shoes/_doc/a/_search", SEARCH, ("shoes",)),
        ("PUT", "/shoes/_doc/1", INDEX, ("shoes",)),
        ("DELETE", "/shoes/_doc/1", INDEX, ("shoes",)),
        ("POST", "/shoes/_bulk", INDEX, ("shoes",)),
        ("POST", "/_bulk", INDEX, ("*",)),
        ("GET", "/", SEARCH, ()),
        ("HEAD", "/", SEARCH, ()),
        ("GET", "/_cluster/health", SEARCH, ()),
        ("GET", "/_cluster/health/shoes", SEARCH, ("shoes",)),
        ("GET", "/_cluster/settings", None, ()),
        ("GET", "/_cat/indices", None, ("*",)),
        ("GET", "/readyz", SEARCH, ()),
        ("GET", "/metrics", SEARCH, ()),
        ("GET", "/openapi.json", SEARCH, ()),
        ("GET", "/docs", SEARCH, ()),
        ("GET", "/favicon.ico", None, ()),
        ("PUT", "/shoes", None, ()),
    ],
)
def test_what_a_request_needs(method: str, path: str, scope: Scope | None, indexes: tuple[str, ...]) -> None:
    found = need(method, path, "products")
    assert (found.scope, found.indexes, found.open) == (scope, indexes, False)


def test_only_healthz_is_open() -> None:
    assert need("GET", "/healthz", "products") == Need(None, open=True, route="/healthz")
    assert not need("GET", "/healthz/", "products").open and not need("GET", "/healthz/x", "products").open


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/v1/search", "/v1/search"), ("/shoes/_search", "/{index}/_search"), ("/_msearch", "/_msearch"), ("/", "/"),
        ("/shoes/_doc/1", "/{index}/_doc/{id}"), ("/secret", ""), ("/v1/secret", ""),
    ],
)  # fmt: skip
def test_routes_are_templates(path: str, route: str) -> None:
    assert need("GET", path, "products").route == route


@pytest.mark.parametrize(
    "path",
    [
        b"/", b"/v1/search", b"/v1/search/", b"/shoes/_search", b"/shoes,hats/_search", b"/shoes%2Chats/_search",
        b"/%73hoes/_search", b"/sh%C3%B6s/_search", b"/shoes/_doc/a%2Fb", b"/shoes/_doc/https%3A%2F%2Fa.b%2Fc",
        b"/shoes/_doc/a...b", b"/shoes/_doc/.a", b"/shoes/_doc/%25", b"/a.b/_search", b"*", b"",
    ],
)  # fmt: skip
def test_straight_paths(path: bytes) -> None:
    check_path(path)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (b"//", "empty part"), (b"//shoes/_search", "empty part"), (b"/shoes//_search", "empty part"),
        (b"/shoes/_search//", "empty part"), (b"/../etc", "part . or .."), (b"/shoes/./_search", "part . or .."),
        (b"/%2e%2e/_search", "part . or .."), (b"/%2E./_search", "part . or .."), (b"/a%2f..%2fb/_search", "part . or .."),
        (b"/shoes/_doc/..", "part . or .."), (b"/shoes/_doc/a%2F..%2F..%2Fb", "part . or .."),
        (b"/shoes/_doc/..%5Cb", "part . or .."), (b"/shoes%2F_search", "hides a slash"), (b"/a%2Fb/_doc/1", "hides a slash"),
        (b"/shoes/_doc%2F1/x", "hides a slash"), (b"/a%5Cb/_search", "hides a slash"), (b"/a\\b/_search", "hides a slash"),
        (b"/%00", "control"), (b"/a%0d%0ab/_search", "control"), (b"/a%7Fb", "control"), (b"/a%C2%85b", "control"),
        (b"/a%E2%80%A8b", "control"), (b"/%ff/_search", "UTF-8"), (b"/%c3/_search", "UTF-8"), (b"/%ed%a0%80", "UTF-8"),
        (b"http://a/_search", "empty part"),
    ],
)  # fmt: skip
def test_crooked_paths(path: bytes, told: str) -> None:
    with pytest.raises(BadRequest) as caught:
        check_path(path)
    assert told in caught.value.reason and caught.value.status == 400


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ([(b"authorization", b"ApiKey abc")], b"abc"),
        ([(b"authorization", b"apikey  abc ")], b"abc"),
        ([(b"authorization", b"Bearer abc")], b"abc"),
        ([(b"Authorization", b"Basic " + base64.b64encode(b"any:abc"))], b"abc"),
        ([(b"authorization", b"Basic " + base64.b64encode(b"any:a:c"))], b"a:c"),
        ([(b"authorization", b"Basic " + base64.b64encode(b"abc"))], b""),
        ([(b"authorization", b"Basic ?")], None),
        ([(b"authorization", b"Basic \xff")], None),
        ([(b"authorization", b"ApiKey")], b""),
        ([(b"authorization", b"Digest abc")], None),
        ([(b"authorization", b"")], None),
        ([(b"x-api-key", b"abc")], b"abc"),
        ([(b"authorization", b"Digest abc"), (b"x-api-key", b"def")], b"def"),
        ([(b"authorization", b"ApiKey abc"), (b"x-api-key", b"def")], b"abc"),
        ([(b"authorization", b"ApiKey abc"), (b"authorization", b"ApiKey def")], b"abc"),
        ([], None),
    ],
)
def test_the_key_that_a_request_carries(headers: list[tuple[bytes, bytes]], key: bytes | None) -> None:
    assert credentials(headers) == key


def test_indexes_that_the_server_offers() -> None:
    only = load(index="products")
    assert [allowed(only, name) for name in ("products", "product", "", "*", "_all", "products-000001")] == [True] + [
        False
    ] * 5
    both = load(index="products", indexes="shoes, hats")
    assert [allowed(both, name) for name in ("shoes", "hats", "products", "shoes,hats", "")] == [True, True] + [
        False
    ] * 3
    for wrong in ("", "a,,b", "A", "*", "a b"):
        with pytest.raises(ConfigError, match="--indexes is not valid"):
            load(indexes=wrong)


def test_an_index_that_a_body_names() -> None:
    def request(*indexes: str) -> Request:
        _, key = keys.new("web", ["search"], indexes)
        return Request({"type": "http", "state": {"key": key}})

    require(request("shoes"), "shoes")
    require(request("*"), "shoes")
    require(Request({"type": "http"}), "shoes")  # no keys are set
    for name in ("hats", "_all", "*", "shoes,hats", ""):
        with pytest.raises(Forbidden):
            require(request("shoes"), name)


def test_each_search_of_a_request_is_counted() -> None:
    _, key = keys.new("web", ["search"], rate=1.0, burst=5)
    ring = keys.Keys([key], clock=lambda: 0.0)
    request = Request({"type": "http", "state": {"key": key, "keys": ring}})
    assert ring.take(key) == 0.0
    charge(request, 1)
    assert ring.take(key) == 0.0
    charge(request, 7)
    assert ring.take(key) == pytest.approx(4.0)
    charge(Request({"type": "http"}), 7)  # no keys are set


# the gate
MADE = {
    "all": keys.new("all", ["search", "suggest", "events", "index"]),
    "finder": keys.new("finder", ["search"], ["products"]),
    "typist": keys.new("typist", ["suggest"]),
    "hats": keys.new("hats", ["search"], ["hats"]),
    "slow": keys.new("slow", ["search"], rate=0.001, burst=2),
}


def bearing(name: str) -> dict[str, str]:
    return {"authorization": f"ApiKey {MADE[name][0]}"}


@pytest.fixture(scope="module")
def guarded(client: TestClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The served shop, behind keys."""
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    path.write_bytes(orjson.dumps([keys.entry(entry) for _, entry in MADE.values()]))
    chosen = client.app.state.shop.settings.model_copy(update={"keys": path})  # type: ignore[attr-defined]
    with TestClient(create_app(chosen), raise_server_exceptions=False) as made:
        yield made


def error(answer: Any, status: int, kind: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()["error"]
    assert found["type"] == kind and found["remedy"]
    return found


def test_without_a_key_only_healthz_answers(guarded: TestClient) -> None:
    assert guarded.get("/healthz").status_code == 200
    for path in ("/v1/search", "/readyz", "/metrics", "/openapi.json", "/docs", "/nothing", "/products/_search", "/"):
        answer = guarded.get(path)
        error(answer, 401, "unauthorized")
        assert "ApiKey" in answer.headers["www-authenticate"]
        assert ("root_cause" in answer.json()["error"]) is (path in ("/", "/products/_search"))


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "ApiKey wrong"}, {"x-api-key": "wrong"}, {"authorization": "Basic d3Jvbmc6d3Jvbmc="},
        {"authorization": f"ApiKey {MADE['all'][1].sha256}"}, {"authorization": f"ApiKey {MADE['all'][0].upper()}"},
    ],
)  # fmt: skip
def test_an_unknown_key_is_a_401(guarded: TestClient, headers: dict[str, str]) -> None:
    answer = guarded.get("/v1/search", headers=headers)
    assert "not known" in error(answer, 401, "unauthorized")["reason"] and "www-authenticate" in answer.headers


def test_every_way_to_send_a_key(guarded: TestClient) -> None:
    key = MADE["finder"][0]
    for headers in ({"authorization": f"ApiKey {key}"}, {"authorization": f"Bearer {key}"}, {"x-api-key": key}):
        assert guarded.get("/v1/search", headers=headers).status_code == 200
    assert guarded.get("/v1/search", auth=("anyone", key)).status_code == 200


def test_scopes(guarded: TestClient) -> None:
    assert guarded.get("/v1/suggest", headers=bearing("typist")).status_code == 200
    for path in ("/v1/search", "/metrics", "/readyz", "/"):
        assert "scope search" in error(guarded.get(path, headers=bearing("typist")), 403, "forbidden")["reason"]
    error(guarded.post("/v1/events", headers=bearing("finder"), json={}), 403, "forbidden")
    error(guarded.post("/v1/events", headers=bearing("all"), json={}), 400, "query_error")
    error(guarded.put("/products/_doc/1", headers=bearing("finder"), json={}), 403, "forbidden")


def test_indexes(guarded: TestClient) -> None:
    assert guarded.get("/v1/search", headers=bearing("finder")).status_code == 200
    error(guarded.get("/v1/search", headers=bearing("hats")), 403, "forbidden")
    for path in ("/hats/_search", "/products,hats/_search", "/products%2Chats/_search", "/%68ats/_search", "/_search",
                 "/product*/_search", "/_all/_search", "/products,/_search"):  # fmt: skip
        found = error(guarded.get(path, headers=bearing("finder")), 403, "forbidden")
        assert "not for this index" in found["reason"] and found["root_cause"]
    assert guarded.get("/products/_search", headers=bearing("finder")).status_code != 403
    assert guarded.get("/%70roducts/_search", headers=bearing("finder")).status_code != 403


def test_crooked_paths_come_before_keys(guarded: TestClient) -> None:
    for path in ("/products/%2e%2e/hats/_search", "/products//_search", "/products%2F_search", "/a%0ab", "/%00"):
        error(guarded.get(path), 400, "query_error")


def test_an_unknown_path_with_a_key_is_a_404(guarded: TestClient) -> None:
    error(guarded.get("/nothing", headers=bearing("typist")), 404, "http_error")


def test_over_the_rate_is_a_429(guarded: TestClient) -> None:
    answers = [guarded.get("/v1/search", headers=bearing("slow")) for _ in range(4)]
    assert [one.status_code for one in answers] == [200, 200, 429, 429]
    error(answers[2], 429, "too_many_requests")
    assert 900 <= int(answers[2].headers["retry-after"]) <= 1000
    assert guarded.get("/v1/search", headers=bearing("finder")).status_code == 200


def test_a_broken_key_file_keeps_the_server_from_starting(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text("[]")
    for wrong in (path, tmp_path / "none", Path("")):
        with pytest.raises(ConfigError, match="the key file"):
            create_app(load(home=tmp_path, text_model="hashing", opensearch_url="", keys=wrong))


def test_headers_above_the_limit_are_a_431(client: TestClient) -> None:
    answer = client.get("/v1/search", headers={"x-filler": "x" * MAX_HEADERS})
    error(answer, 431, "query_error")
    assert client.get("/v1/search", headers={"x-filler": "x" * (MAX_HEADERS - 1000)}).status_code == 200
