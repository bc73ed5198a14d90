"""Anything may be sent to the HTTP door; nothing is answered with a server error."""

from __future__ import annotations

import json
from typing import Any

from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

AS_JSON = {"content-type": "application/json"}
TEXT = st.text(max_size=40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(["q", "size", "from", "sort", "filter", "explain", "image_vector"])


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.dictionaries(FIELDS, JSON, max_size=4))
def test_no_body_is_answered_with_a_server_error(client: TestClient, body: dict[str, Any]) -> None:
    answer = client.post("/v1/search", content=json.dumps(body).encode(), headers=AS_JSON)
    assert answer.status_code in (200, 400, 409), (body, answer.text)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(TEXT, st.lists(st.text("abrndpice:.0-9 >_", max_size=20), max_size=2), TEXT)
def test_no_query_string_is_answered_with_a_server_error(
    client: TestClient, q: str, filters: list[str], sort: str
) -> None:
    for params in ({"q": q}, {"q": q, "filter": filters}, {"q": q, "sort": sort}):
        answer = client.get("/v1/search", params=params)
        assert answer.status_code in (200, 400), (params, answer.text)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_events_are_answered_with_a_server_error(client: TestClient, body: bytes) -> None:
    assert client.post("/v1/events", content=body).status_code in (200, 400)
