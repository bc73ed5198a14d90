"""Bodies: gzip, size and depth."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from etalage.http import errors
from etalage.http.body import MAX_BODY, MAX_DEPTH, Body, Gunzip, depth

ZIPPED = {"content-encoding": "gzip", "content-type": "application/json"}


def nested(levels: int, opening: str = "[", closing: str = "]") -> bytes:
    return (opening * levels + closing * levels).encode()


# depth
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (nested(101), 101), (b'{"a":' * 150 + b"1" + b"}" * 150, 150), (b"[1]," * 200, 1), (b"[[1],[2]]" * 101, 2),
        (b'["' + b"[" * 500 + b'"]', 1), (b'["\\"' + b"[" * 500 + b'"]', 1), (b'["\\\\",' + b"[" * 200, 201),
        (b"[" * 300, 300), (b"]" * 300 + b"[" * 300, 0), (b"{}\n" * 200, 1), (b'"\n' + b"[" * 200, 200),
        (b'"abc\\\n' + b"[" * 200, 200), (b"]" * 101, 0), (b"", 0), (b'"' + b"[" * 300, 0),
    ],
)  # fmt: skip
def test_depth(body: bytes, expected: int) -> None:
    assert depth(body) == expected


def test_a_body_of_few_brackets_is_not_looked_into() -> None:
    assert depth(b'"[[["') == 3  # an upper bound is enough


JSON = st.recursive(
    st.none() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(JSON)
def test_depth_is_that_of_the_parsed_document(document: Any) -> None:
    def levels(value: Any) -> int:
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
        return 0 if inner is None else 1 + max(map(levels, inner), default=0)

    flat = [[]] * (MAX_DEPTH + 1)  # so many brackets that they are looked at
    assert depth(json.dumps([document, flat]).encode()) == 1 + max(levels(document), 2)


@pytest.mark.parametrize("piece", [b'"\\"', b'"', b"\\", b'\\"', b"[", b'["\\', b'"a\\"b'])
def test_looking_costs_time_in_proportion(piece: bytes) -> None:
    body = b"[" * (MAX_DEPTH + 1) + piece * (MAX_BODY // len(piece))
    assert depth(body) >= 0  # a quadratic look would take hours


@pytest.mark.parametrize("path", ["/v1/search", "/v1/events", "/products/_search"])
def test_a_deep_body_is_a_400(client: TestClient, path: str) -> None:
    for body in (nested(MAX_DEPTH + 1), nested(1_000_000), b'{"a":' * 5000 + b"1" + b"}" * 5000, b"[" * 2_000_000):
        answer = client.post(path, content=body)
        assert answer.status_code == 400 and "nested deeper than 100 levels" in answer.json()["error"]["reason"]
        assert ("root_cause" in answer.json()["error"]) is (path == "/products/_search")


def test_a_body_just_within_the_depth_is_read(client: TestClient) -> None:
    answer = client.post("/v1/events", content=nested(MAX_DEPTH))
    assert answer.status_code == 400 and "UBI" in answer.json()["error"]["reason"]


def test_nul_bytes_are_refused(client: TestClient) -> None:
    answer = client.post(
        "/v1/search", content='{"q": "lamp"}'.encode("utf-16"), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 400 and "NUL" in answer.json()["error"]["reason"]


# gzip
def test_a_gzipped_body_is_unpacked(client: TestClient) -> None:
    plain = client.post("/v1/search", json={"q": "blue lamp"}).json()
    for packed in (
        gzip.compress(b'{"q": "blue lamp"}'),
        gzip.compress(b'{"q": ') + gzip.compress(b'"blue lamp"}'),
        gzip.compress(b"") + gzip.compress(b'{"q": "blue lamp"}'),
    ):
        answer = client.post("/v1/search", content=packed, headers=ZIPPED)
        assert answer.status_code == 200, answer.text
        assert [hit["id"] for hit in answer.json()["hits"]] == [hit["id"] for hit in plain["hits"]]


def test_a_gzipped_body_in_single_bytes(client: TestClient) -> None:
    packed = gzip.compress(b'{"q": "lamp"}') + gzip.compress(b"  ")
    pieces = (packed[place : place + 1] for place in range(len(packed)))
    assert client.post("/v1/search", content=pieces, headers=ZIPPED).status_code == 200


def test_a_bomb_is_a_413(client: TestClient) -> None:
    packed = gzip.compress(b" " * 30_000_000, 9)
    assert len(packed) < MAX_BODY
    answer = client.post("/v1/search", content=packed, headers=ZIPPED)
    assert answer.status_code == 413 and "larger than 2048 KiB" in answer.json()["error"]["reason"]
    many = gzip.compress(b" " * 200_000) * 20
    assert client.post("/v1/search", content=many, headers=ZIPPED).status_code == 413


def test_a_gzipped_body_just_within_the_limit_is_read(client: TestClient) -> None:
    packed = gzip.compress(b'{"q": "lamp"}'.ljust(MAX_BODY))
    assert client.post("/v1/search", content=packed, headers=ZIPPED).status_code == 200
    packed = gzip.compress(b'{"q": "lamp"}'.ljust(MAX_BODY + 1))
    assert client.post("/v1/search", content=packed, headers=ZIPPED).status_code == 413


GOOD = gzip.compress(b'{"q": "lamp"}')


@pytest.mark.parametrize(
    "packed",
    [
        b'{"q": "lamp"}', GOOD[:-1], GOOD[:12], GOOD[:3], GOOD + b"rest", GOOD + GOOD[:-4], GOOD[:-8] + b"\0" * 8,
        zlib.compress(b'{"q": "lamp"}'), gzip.compress(b"") * 65,
    ],
)  # fmt: skip
def test_broken_gzip_is_a_400(client: TestClient, packed: bytes) -> None:
    answer = client.post("/v1/search", content=packed, headers=ZIPPED)
    assert answer.status_code == 400 and "cannot be unpacked" in answer.json()["error"]["reason"]


def test_many_small_members_are_cut_off_early() -> None:
    with pytest.raises(errors.BadRequest, match="too many members"):
        Gunzip(MAX_BODY).feed(gzip.compress(b"") * 100_000)


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "zstd", "é".encode("latin-1")])
def test_other_encodings_are_a_415(client: TestClient, encoding: str | bytes) -> None:
    answer = client.post("/v1/search", content=b"{}", headers={"content-encoding": encoding})
    assert answer.status_code == 415 and answer.json()["error"]["remedy"] == "Send gzip, or none."


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.binary(max_size=80))
def test_no_gzipped_body_is_answered_with_a_server_error(client: TestClient, body: bytes) -> None:
    for packed in (body, gzip.compress(body), GOOD[:10] + body):
        assert client.post("/v1/search", content=packed, headers=ZIPPED).status_code in (200, 400)


def run(messages: list[dict[str, Any]]) -> tuple[list[Any], list[Any]]:
    """What the application behind `Body` was called with, and what was sent."""
    called: list[Any] = []
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        called.append(await receive())

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/events", "headers": []}
    asyncio.run(Body(app)(scope, receive, send))
    return called, sent


def test_nothing_is_done_for_a_client_that_goes_away() -> None:
    half = {"type": "http.request", "body": b'{"a": 1}\n', "more_body": True}
    assert run([half, {"type": "http.disconnect"}]) == ([], [])
    whole = {"type": "http.request", "body": b'{"b": 2}', "more_body": False}
    called, sent = run([half, whole])
    assert called == [{"type": "http.request", "body": b'{"a": 1}\n{"b": 2}', "more_body": False}] and sent == []
