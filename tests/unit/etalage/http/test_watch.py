"""The log line of a request, its echo header, its trace, and what becomes of defects."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from etalage.core.errors import ConfigError
from etalage.core.settings import load
from etalage.http import accesslog, errors, tracing
from etalage.http.accesslog import AccessLog, JsonFormatter
from etalage.http.app import create_app
from etalage.http.breaker import Breaker
from etalage.http.metrics import Metrics
from etalage.http.seen import Seen, note, seen
from etalage.http.watch import Watch

AT = datetime(2024, 5, 1, 10, 0, 0, 123456, UTC)
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


class Served:
    """A small application behind `Watch`, and the lines that it logs."""

    def __init__(self, form: str = "json", tracer: Any = None) -> None:
        self.stream = io.StringIO()
        ticks = iter(range(1000))
        self.app = app = FastAPI()
        self.metrics = Metrics(Breaker())
        app.state.metrics = self.metrics
        errors.install(app)

        @app.get("/{index}/_search")
        def search(request: Request, index: str) -> dict[str, str]:
            note(request, index=index, hits=2, total=7, timings={"encode": 1.5}, degraded=["vectors"])
            note(
                request,
                index=index,
                hits=1,
                total=3,
                timings={"encode": 0.5, "rerank": 1},
                degraded=["vectors", "rerank"],
            )
            return {}

        @app.get("/broken/{step}")
        def broken(step: str) -> None:
            raise ValueError("red shoes")

        log = AccessLog(form, self.stream, now=lambda: AT)
        app.add_middleware(Watch, metrics=self.metrics, log=log, tracing=tracer, clock=lambda: next(ticks) * 0.25)
        self.client = TestClient(app, raise_server_exceptions=False)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in self.stream.getvalue().splitlines()]


# log
def test_a_line_as_json() -> None:
    served = Served()
    served.client.get(
        "/shoes/_search?q=secret", headers={"traceparent": PARENT, "user-agent": "secret", "cookie": "secret"}
    )
    assert served.lines == [
        {
            "time": "2024-05-01T10:00:00.123Z", "route": "/{index}/_search", "method": "GET", "status": 200,
            "took_ms": 250.0, "index": "shoes", "hits": 3, "total": 10, "degraded": ["vectors", "rerank"], "trace": TRACE,
        }
    ]  # fmt: skip


def test_a_line_as_text() -> None:
    served = Served("text")
    served.client.get("/shoes/_search?q=secret", headers={"traceparent": PARENT})
    assert served.stream.getvalue() == (
        "2024-05-01T10:00:00.123Z GET /{index}/_search 200 took_ms=250.0 index=shoes hits=3 total=10"
        f" degraded=vectors,rerank trace={TRACE}\n"
    )


def test_off() -> None:
    served = Served("off")
    served.client.get("/shoes/_search")
    assert served.stream.getvalue() == ""


def test_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    AccessLog("json", now=lambda: AT).write("GET", "/", 200, 0.0, Seen(key="web"))
    told = capsys.readouterr()
    assert orjson.loads(told.err)["key"] == "web" and told.out == ""


def test_an_unknown_path_or_method_is_not_in_the_line() -> None:
    served = Served()
    served.client.get("/secret/path")
    served.client.request("SECRET", "/a/b")
    assert [(one["route"], one["method"], one["status"]) for one in served.lines] == [
        ("unmatched", "GET", 404), ("unmatched", "other", 404)
    ]  # fmt: skip


def test_nothing_private_is_in_the_lines_of_a_shop(client: TestClient, capfd: pytest.CaptureFixture[str]) -> None:
    chosen = client.app.state.shop.settings.model_copy(update={"log": "json"})  # type: ignore[attr-defined]
    private = {
        "x-forwarded-for": "10.9.8.7",
        "authorization": "ApiKey hush",
        "x-opaque-id": "hush",
        "user-agent": "hush",
    }
    with TestClient(create_app(chosen), raise_server_exceptions=False, client=("10.9.8.7", 1)) as served:
        served.get("/v1/search?q=hush", headers=private)
        served.post("/v1/search", json={"q": "hush", "filter": "brand:hush"}, headers=private)
        served.get("/v1/suggest?q=hush", headers=private)
        served.post("/v1/events", json={"query_id": "hush", "user_query": "hush", "client_id": "hush",
                                        "session_id": "hush", "timestamp": "2024-05-01T10:00:00Z"})  # fmt: skip
        served.post("/v1/events", content=b"hush", headers=private)
        served.get("/v1/search?filter=hush:1", headers=private)
        served.get("/hush", headers=private)
    told = capfd.readouterr().err
    lines = [orjson.loads(line) for line in told.splitlines()]
    assert [line["status"] for line in lines] == [200, 200, 200, 200, 400, 400, 404]
    assert "hush" not in told and "10.9.8.7" not in told
    assert lines[0]["index"] == "products" and lines[0]["total"] == 6 and len(lines[0]["trace"]) == 32
    assert "hits" not in lines[2]


def test_what_else_is_logged_as_json() -> None:
    try:
        raise ValueError("red shoes")
    except ValueError as error:
        record = logging.LogRecord(
            "etalage.x", logging.ERROR, "x.py", 1, "a %s", ("b",), (ValueError, error, error.__traceback__)
        )
    line = orjson.loads(JsonFormatter().format(record))
    assert (line["level"], line["logger"], line["message"], line["error"]) == (
        "ERROR",
        "etalage.x",
        "a b",
        "ValueError",
    )
    assert "test_watch.py" in line["trace"] and line["time"].endswith("Z")
    plain = orjson.loads(JsonFormatter().format(logging.makeLogRecord({"msg": "a"})))
    assert "trace" not in plain


def test_other_handlers_take_the_form(monkeypatch: pytest.MonkeyPatch) -> None:
    handler = logging.StreamHandler(io.StringIO())
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    accesslog.configure("text")
    assert handler.formatter is None
    accesslog.configure("json")
    assert isinstance(handler.formatter, JsonFormatter)


# defects
def test_a_defect_is_a_503_in_the_shape_of_its_path(caplog: pytest.LogCaptureFixture) -> None:
    served = Served()
    answer = served.client.get("/broken/secret")
    assert answer.status_code == 503 and answer.json()["error"]["type"] == "internal_error"
    assert (served.lines[0]["status"], served.lines[0]["route"]) == (503, "/broken/{step}")
    assert "ValueError" in caplog.text and len(caplog.records) == 1


def test_a_client_that_goes_away_is_noted() -> None:
    stream, metrics = io.StringIO(), Metrics(Breaker())

    async def gone(scope: Any, receive: Any, send: Any) -> None:
        raise asyncio.CancelledError

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(Watch(gone, metrics, AccessLog("json", stream))(scope, None, None))  # type: ignore[arg-type]
    assert orjson.loads(stream.getvalue())["status"] == 499


def test_a_defect_after_the_answer_began_is_raised() -> None:
    async def half(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError

    async def send(message: Any) -> None:
        sent.append(message)

    sent: list[Any] = []
    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    with pytest.raises(ValueError):
        asyncio.run(Watch(half, Metrics(Breaker()), AccessLog("off"))(scope, None, send))  # type: ignore[arg-type]
    assert len(sent) == 1


def test_notes_are_made_once() -> None:
    scope: dict[str, Any] = {}
    seen(scope).index = "shoes"
    assert seen(scope).index == "shoes" and scope["state"]["seen"].index == "shoes"


def test_notes_on_several_indexes_without_metrics() -> None:
    request = Request({"type": "http", "app": FastAPI()})
    for index in ("shoes", "hats"):
        note(request, index=index, hits=0, total=0, timings={}, degraded=())
    assert request.state.seen == Seen(index="shoes,hats", hits=0, total=0)


# echo
@pytest.mark.parametrize("given", ["a", "shop/42 [ok]", "x" * 256, "~ !"])
def test_an_opaque_id_is_echoed(client: TestClient, given: str) -> None:
    for path in ("/healthz", "/nothing", "/v1/search?size=-1"):
        assert client.get(path, headers={"x-opaque-id": given}).headers["x-opaque-id"] == given


@pytest.mark.parametrize("given", [b"", b"x" * 257, b"a\tb", b"a\r\nset-cookie: b", b"\xe9", b"a\x7f", b"a\x00"])
def test_an_opaque_id_that_is_not_plain_is_not_echoed(client: TestClient, given: bytes) -> None:
    headers = client.get("/healthz", headers=[(b"x-opaque-id", given)]).headers  # type: ignore[arg-type]
    assert "x-opaque-id" not in headers and "set-cookie" not in headers


# gzip
def test_large_answers_are_gzipped_when_that_is_accepted(client: TestClient) -> None:
    accepted = client.get("/v1/search?explain=true", headers={"accept-encoding": "gzip"})
    assert accepted.headers["content-encoding"] == "gzip" and accepted.json()["total"] == 6
    plain = client.get("/v1/search?explain=true", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers and len(plain.content) > 1024
    assert "content-encoding" not in client.get("/healthz", headers={"accept-encoding": "gzip"}).headers


# tracing
@pytest.fixture
def spans() -> Iterator[tuple[Any, tracing.Tracing]]:
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    tracer = tracing.Tracing(SimpleSpanProcessor(exporter))
    yield exporter, tracer
    tracer.close()


def test_one_span_per_request_with_its_stages(spans: tuple[Any, tracing.Tracing]) -> None:
    exporter, tracer = spans
    served = Served(tracer=tracer)
    served.client.get("/shoes/_search?q=secret", headers={"traceparent": PARENT})
    (span,) = exporter.get_finished_spans()
    assert span.name == "GET /{index}/_search" and span.kind.name == "SERVER"
    assert format(span.context.trace_id, "032x") == TRACE == served.lines[0]["trace"]
    assert format(span.parent.span_id, "016x") == "b7ad6b7169203331"
    assert dict(span.attributes) == {
        "http.request.method": "GET", "http.route": "/{index}/_search", "http.response.status_code": 200,
        "etalage.index": "shoes", "etalage.hits": 3, "etalage.total": 10, "etalage.degraded": ("vectors", "rerank"),
        "etalage.stage.encode_ms": 2.0, "etalage.stage.rerank_ms": 1.0,
    }  # fmt: skip
    assert span.resource.attributes["service.name"] == "etalage" and span.status.is_ok


@pytest.mark.parametrize("parent", [None, "nonsense", f"00-{'0' * 32}-b7ad6b7169203331-01", PARENT.upper(), "é"])
def test_without_a_sound_parent_a_trace_starts(spans: tuple[Any, tracing.Tracing], parent: str | None) -> None:
    exporter, tracer = spans
    for served in (Served(tracer=tracer), Served()):
        headers = {} if parent is None else {"traceparent": parent.encode("latin-1")}
        served.client.get("/shoes/_search", headers=headers)  # type: ignore[arg-type]
        assert len(served.lines[0]["trace"]) == 32 and served.lines[0]["trace"] not in (TRACE, "0" * 32)
    (span,) = exporter.get_finished_spans()
    assert span.parent is None


def test_a_defect_in_a_span_without_its_message(spans: tuple[Any, tracing.Tracing]) -> None:
    exporter, tracer = spans
    Served(tracer=tracer).client.get("/broken/x")
    (span,) = exporter.get_finished_spans()
    assert span.attributes["http.response.status_code"] == 503 and not span.status.is_ok and not span.events
    assert "red shoes" not in span.to_json()


def test_where_spans_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry.exporter.otlp.proto.http import trace_exporter

    asked = []
    original = trace_exporter.OTLPSpanExporter

    def made(endpoint: str) -> Any:
        asked.append(endpoint)
        return original(endpoint=endpoint)

    monkeypatch.setattr(trace_exporter, "OTLPSpanExporter", made)
    for url in ("http://collector:4318", "https://a.b/otlp/v1/traces"):
        tracing.processor_to(url).shutdown()
    assert asked == ["http://collector:4318/v1/traces", "https://a.b/otlp/v1/traces"]


def test_without_the_packages_the_server_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(ConfigError, match=r"OpenTelemetry is not installed.*pip install 'etalage\[otel\]'"):
        create_app(load(home=tmp_path, otel="http://collector:4318"))


def test_a_wrong_endpoint_is_refused() -> None:
    with pytest.raises(ConfigError, match="--otel is not valid .must start with http"):
        load(otel="collector:4317")


def test_a_served_shop_traces_until_it_ends(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    monkeypatch.setattr("etalage.http.app.processor_to", lambda endpoint: SimpleSpanProcessor(exporter))
    chosen = client.app.state.shop.settings.model_copy(update={"otel": "http://collector:4318"})  # type: ignore[attr-defined]
    with TestClient(create_app(chosen)) as served:
        served.get("/v1/search?q=hush")
        (span,) = exporter.get_finished_spans()
    assert span.attributes["etalage.total"] == 6 and span.attributes["etalage.stage.retrieve_ms"] > 0
    assert "hush" not in span.to_json()
    assert exporter._stopped
