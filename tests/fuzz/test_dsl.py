"""Whatever is sent is answered in time and in shape, and never by a defect.

`ETALAGE_FUZZ` is how many requests are sent (12,000); the same number sends the same requests. Three in five come from
a grammar of the query DSL, the others from Schemathesis, which reads the application's OpenAPI document.
"""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case

from etalage.core.errors import QueryError
from etalage.http import deadline

from ..asgi import JSON_TYPE, Answer, Door
from .conftest import DEADLINE
from .grammar import PARAMETERS, SEARCHES

REQUESTS = int(os.environ.get("ETALAGE_FUZZ", "12000"))
EACH = 4
"""Requests that are made of one body of the grammar."""

LATE = 0.1
"""Seconds past its deadline in which a request is answered."""

MEMORY = 16 << 20
"""Bytes that the process may grow over a few thousand requests, once it is warm."""

COMMON = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    "phases": [Phase.generate, Phase.shrink],
    "suppress_health_check": list(HealthCheck),
}
LINES = (b"content-type", b"application/x-ndjson")
PATIENT = 0.02


@schemathesis.serializer("application/x-ndjson")
def lines(context: schemathesis.SerializationContext, value: Any) -> bytes:
    """How Schemathesis sends the body of an `_msearch`: a text of its own, behind a search."""
    return b'{"index":"products"}\n{}\n' + str(value).encode("utf-8", "replace")


def shape(target: str, told: Any) -> None:
    """An error has the one shape that every error has, and says what to do; but a node's own is told as it is."""
    assert set(told) == {"error", "status"}, told
    error = told["error"]
    if "remedy" not in error and told["status"] < 500 and "root_cause" in error:
        assert error["type"].endswith("_exception") and error["reason"], told
        return
    assert error["type"] and error["reason"] and error["remedy"], told
    names = {"type", "reason", "remedy"}
    assert set(error) == (names if target.startswith("/v1") else {*names, "root_cause"}), told


def check(target: str, status: int, told: Any) -> None:
    """A status that is allowed, with a body of its shape; 503 only when the time was up."""
    assert status < 500 or (status == 503 and told["error"]["type"] == "engine_timeout"), (status, told)
    if status >= 400 and not (status == 404 and told.get("found") is False):
        shape(target, told)


def allowed(body: Any) -> float:
    """Seconds that a body asks for."""
    given = body.get("timeout") if isinstance(body, dict) else None
    try:
        return deadline.seconds(given, DEADLINE)
    except QueryError:
        return DEADLINE


def timely(door: Door, method: str, target: str, body: bytes, kind: tuple[bytes, bytes], seconds: float) -> Answer:
    """The answer to a request, in time: asked again, and again, where another process took the processor."""
    for _ in range(3):
        answer = door.ask(method, target, body, (kind,))
        if answer.seconds <= seconds + LATE:
            return answer
    raise AssertionError(f"{answer.seconds:.3f} s instead of {seconds} s: {method} {target} {body[:2000]!r}")


def send(door: Door, statuses: Counter[int], method: str, target: str, body: Any, seconds: float) -> Any:
    answer = timely(door, method, target, orjson.dumps(body), JSON_TYPE, seconds)
    statuses[answer.status] += 1
    told = answer.json() if answer.body else {}
    try:
        check(target, answer.status, told)
    except AssertionError as error:
        raise AssertionError(f"{method} {target} {orjson.dumps(body).decode()[:3000]}: {error}") from None
    return told


def several(door: Door, statuses: Counter[int], bodies: list[Any], seconds: float) -> None:
    lines = b"".join(b'{"index":"products"}\n' + orjson.dumps(one) + b"\n" for one in bodies)
    answer = timely(door, "POST", "/_msearch", lines, LINES, seconds)
    statuses[answer.status] += 1
    assert answer.status == 200, answer.body
    for one in answer.json()["responses"]:
        if "error" in one:
            check("/_msearch", one["status"], {"error": one["error"], "status": one["status"]})


def report(what: str, statuses: Counter[int], started: float) -> None:
    seconds, many = time.perf_counter() - started, sum(statuses.values())
    print(f"\n{what}: {many:,} requests in {seconds:.1f} s, {many / seconds:.0f}/s, {dict(sorted(statuses.items()))}")


@pytest.mark.parametrize("fixture", ["door", pytest.param("node_door", marks=pytest.mark.node)])
def test_requests_of_a_grammar(fixture: str, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> None:
    """On a node too: what it cannot follow, or what would end it, is refused before or told as the client's mistake."""
    door: Door = request.getfixturevalue(fixture)
    statuses: Counter[int] = Counter()
    before: list[Any] = [{}]
    started = time.perf_counter()
    caplog.set_level(logging.ERROR)

    @settings(max_examples=max(1, REQUESTS * 3 // 5 // EACH), **COMMON)
    @given(SEARCHES, PARAMETERS | st.just({}), st.sampled_from(["GET", "POST"]))
    def fuzz(body: Any, params: dict[str, str], method: str) -> None:
        seconds = allowed(body)
        send(door, statuses, method, "/products/_search", body, seconds)
        query = {name: one for name, one in body.items() if name == "query"} if isinstance(body, dict) else body
        send(door, statuses, method, "/products/_count", query, DEADLINE)
        asked = f"/products/_search?{urlencode(params)}"
        send(door, statuses, method, asked, body, min(seconds, allowed(params)))
        off = body | {"ext": {"etalage": {"rank": "off"}}} if isinstance(body, dict) else body
        several(door, statuses, [off, before[0]], seconds + allowed(before[0]))
        before[0] = body

    fuzz()
    report(f"grammar, {fixture}", statuses, started)
    assert not [record for record in caplog.records if record.message.startswith("unforeseen")]
    # Most of it is answered, or the test would only look at refusals.
    assert statuses[200] > sum(statuses.values()) / 4
    assert statuses[503] < max(20, sum(statuses.values()) / 100)


def test_requests_of_the_openapi_document(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    statuses: Counter[int] = Counter()
    document = door.ask("GET", "/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    operations = [one.ok() for one in schema.get_all_operations()]
    paths = {operation.path for operation in operations}
    assert {"/v1/search", "/v1/suggest", "/v1/events", "/{index}/_search", "/_msearch", "/{index}/_doc/{id}"} <= paths
    started = time.perf_counter()
    caplog.set_level(logging.ERROR)

    # A path without a parameter or body has one request only.
    open_ = [one for one in operations if one.path_parameters or one.query or one.body]
    modes = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
    many = max(1, REQUESTS // 2 // EACH // len(open_) // len(modes))
    for operation in operations:
        for mode in modes:

            @settings(max_examples=many, **COMMON)
            @given(case=operation.as_strategy(generation_mode=mode))
            def fuzz(case: Case) -> None:
                play(door, statuses, case)

            with suppress(Unsatisfiable):  # nothing in it can be wrong
                fuzz()
    report("schemathesis", statuses, started)
    assert not [record for record in caplog.records if record.message.startswith("unforeseen")]
    assert statuses[200]


def play(door: Door, statuses: Counter[int], case: Case) -> None:
    """Send a case as it is, for the index that there is, by another method, and its body as a search."""
    given = case.as_transport_kwargs()
    query = urlencode(dict(given.get("params") or {}), doseq=True)
    path, suffix = given["url"].partition("://")[2].partition("/")[2], f"?{query}" if query else ""
    body = content(given)
    headers = [
        (str(name).lower().encode("latin-1", "replace"), str(value).encode("latin-1", "replace"))
        for name, value in dict(given.get("headers") or {}).items()
        if str(name).lower() not in ("content-length", "host")
    ]
    known = path if "{index}" not in case.operation.path else "/".join(["products", *path.split("/")[1:]])
    other = "POST" if given["method"].upper() == "GET" else "GET"
    documented = case.operation.definition.raw["responses"]
    for method, target in (
        (given["method"], f"/{path}{suffix}"),
        (given["method"], f"/{known}{suffix}"),
        (other, f"/{known}{suffix}"),
        ("POST", f"/products/_search{suffix}"),
    ):
        answer = door.ask(method, target.encode("ascii", "replace"), body, headers)
        statuses[answer.status] += 1
        about = (method, target, body[:1000], answer.status, answer.body[:500])
        assert answer.seconds <= DEADLINE * 2 + LATE, (answer.seconds, about)
        assert answer.status < 500, about
        told = answer.json() if answer.status >= 400 and answer.body else {}
        if told and told.get("found") is not False:
            assert told["status"] == answer.status and told["error"]["reason"] and told["error"]["remedy"], about
        # What is refused before a path is known may have any status of those.
        assert str(answer.status) in documented or answer.status in (200, 400, 403, 404, 405, 413, 415, 431), about


def content(given: dict[str, Any]) -> bytes:
    """The body of what Schemathesis would send."""
    if "json" in given:
        with suppress(TypeError):  # a number of more than 64 bits
            return orjson.dumps(given["json"])
    data = given.get("data") or b""
    return data if isinstance(data, bytes) else str(data).encode("utf-8", "replace")


def resident() -> int:
    """Bytes of memory that the process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_memory_stays_flat(door: Door) -> None:
    aggs = {"a": {"terms": {"field": "brand"}, "aggs": {"b": {"avg": {"field": "price"}}}}}

    def some(first: int, many: int) -> None:
        for number in range(first, first + many):
            match = {"multi_match": {"query": f"red shoe {number}", "fields": ["title^2", "brand.text"]}}
            door.ask(
                "POST", "/products/_search", {"query": match, "aggs": aggs, "highlight": {"fields": {"title": {}}}}
            )
            door.ask(
                "POST",
                "/products/_search",
                {"query": match, "sort": [{"price": "asc"}], "collapse": {"field": "brand"}},
            )
            door.ask("POST", "/products/_count", {"query": match})
            door.ask("GET", f"/v1/search?q=blue%20lamp%20{number}")
            door.ask("POST", f"/x{number}/_search", {"query": match})
            door.ask(
                "POST", "/products/_search", {"query": {"match": {f"field{number}": "x"}}, "_source": [f"p{number}*"]}
            )
            door.ask("POST", "/products/_search", {"query": {"wildcard": {"brand": f"a*{number}"}}, "sort": ["price"]})
            door.ask("POST", "/products/_search", {"query": match, "ext": {"etalage": {"user": f"u{number}"}}})

    some(0, 150)
    before = resident()
    some(150, 400)
    grown = resident() - before
    print(f"\nmemory: {before >> 20} MiB, {grown / 2**20:.1f} MiB more after 3,200 requests")
    assert grown < MEMORY
