"""The shape and the headers of errors, by path."""

from __future__ import annotations

import logging

import orjson
import pytest

from etalage.core.errors import EngineError, EngineTimeout, EngineUnavailable, ModelError, QueryError
from etalage.http import errors
from etalage.http.breaker import CircuitOpen


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", True), ("/_search", True), ("/products/_search", True), ("/_msearch", True), ("/products/_msearch", True),
        ("/products/_count", True), ("/products/_doc/a_b", True), ("/_cluster/health", True), ("/p/_doc/_search", True),
        ("/v1/search", False), ("/v1/_search", False), ("/healthz", False), ("/products", False), ("", False),
        ("/a/b/_search", False), ("/a_search", False),
    ],
)  # fmt: skip
def test_which_paths_are_opensearchs(path: str, expected: bool) -> None:
    assert errors.compatible(path) is expected


def test_the_shape_under_v1() -> None:
    answer = errors.answer("/v1/search", "query_error", "no such field", "Correct it.", 400, {"X-A": "b"})
    assert (answer.status_code, answer.headers["x-a"]) == (400, "b")
    assert orjson.loads(answer.body) == {
        "error": {"type": "query_error", "reason": "no such field", "remedy": "Correct it."},
        "status": 400,
    }


def test_the_shape_on_opensearchs_paths() -> None:
    answer = errors.answer("/products/_search", "query_error", "no such field", "Correct it.", 400)
    assert orjson.loads(answer.body) == {
        "error": {
            "root_cause": [{"type": "query_error", "reason": "no such field"}],
            "type": "query_error",
            "reason": "no such field",
            "remedy": "Correct it.",
        },
        "status": 400,
    }


@pytest.mark.parametrize(
    ("error", "status", "kind", "headers"),
    [
        (QueryError("a", value="b", remedy="c"), 400, "query_error", {}),
        (EngineUnavailable("a"), 503, "engine_unavailable", {"retry-after": "1"}),
        (EngineTimeout("a"), 504, "engine_timeout", {"retry-after": "1"}),
        (EngineError("a"), 502, "engine_error", {}),
        (CircuitOpen("a"), 503, "engine_unavailable", {"retry-after": "1"}),
        (errors.TooManyRequests("a"), 429, "too_many_requests", {"retry-after": "1"}),
        (errors.Forbidden("a"), 403, "forbidden", {}),
        (errors.TooLarge("a"), 413, "query_error", {}),
        (errors.HeadersTooLarge("a"), 431, "query_error", {}),
        (errors.UnknownEncoding("a"), 415, "query_error", {}),
        (ModelError("a"), 503, "model_error", {}),
    ],
)
def test_an_error_as_an_answer(error: EngineError, status: int, kind: str, headers: dict[str, str]) -> None:
    answer = errors.of("/v1/search", error)
    body = orjson.loads(answer.body)
    assert (answer.status_code, body["status"], body["error"]["type"]) == (status, status, kind)
    assert {
        name: value for name, value in answer.headers.items() if name in ("retry-after", "www-authenticate")
    } == headers


def test_the_value_is_in_the_reason() -> None:
    body = orjson.loads(errors.of("/", QueryError("no such field", value="x", remedy="Correct it.")).body)
    assert body["error"]["reason"] == "no such field: x" and body["error"]["remedy"] == "Correct it."


def test_seconds_to_wait_are_rounded_up() -> None:
    error = CircuitOpen("a")
    error.retry_after = 2.1
    assert errors.of("/v1/search", error).headers["retry-after"] == "3"
    error.retry_after = 0.001
    assert errors.of("/v1/search", error).headers["retry-after"] == "1"


def test_401_says_how_to_authenticate() -> None:
    assert "ApiKey" in errors.of("/", errors.Unauthorized("a")).headers["www-authenticate"]


def test_a_defect_is_logged_by_type_and_place_without_its_message(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        try:
            raise ValueError("red shoes for ann")
        except ValueError as error:
            answer = errors.unforeseen("/v1/search", error)
    assert answer.status_code == 503 and b"red shoes" not in answer.body
    assert (
        "ValueError" in caplog.text
        and "test_errors.py" in caplog.text
        and "for ann" not in caplog.text.split("raise")[0]
    )
    assert "ValueError: red" not in caplog.text


def test_where_the_node_lies_is_not_told() -> None:
    error = EngineTimeout("no time is left for OpenSearch", value="http://10.0.0.7:9200", remedy="Allow more time.")
    assert b"10.0.0.7" not in errors.of("/products/_search", error).body
    assert "10.0.0.7" in str(error)
