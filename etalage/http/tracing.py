"""OpenTelemetry: one span per request, with its stages as attributes. Needs the extra `otel`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from etalage.core.errors import ConfigError
from etalage.http.seen import Seen

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Span


def processor_to(endpoint: str) -> SpanProcessor:
    """What sends spans to an OTLP endpoint (`/v1/traces` is added to a bare URL) in the background.

    Raises:
        ConfigError: the packages are not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ConfigError(
            "ETALAGE_OTEL is set, but OpenTelemetry is not installed",
            value=error.name,
            remedy="Run: pip install 'etalage[otel]', or unset it.",
        ) from None
    bare = "/" not in endpoint.split("://", 1)[-1]
    return BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces" if bare else endpoint))


class Tracing:
    """Makes spans, apart from OpenTelemetry's global provider, so that an application can be made many times."""

    def __init__(self, processor: SpanProcessor) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider

        self._provider = TracerProvider(resource=Resource.create({"service.name": "etalage"}), shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("etalage")

    @contextmanager
    def span(self, method: str, parent: Mapping[str, str], about: Seen) -> Iterator[Span]:
        """The span of a request, current while it is answered; `about.trace` is set to its trace id.

        Args:
            parent: may have W3C's `traceparent`.
        """
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        context = TraceContextTextMapPropagator().extract(parent)
        options: dict[str, Any] = {"record_exception": False, "set_status_on_exception": False}
        with self._tracer.start_as_current_span(method, context, SpanKind.SERVER, **options) as span:
            about.trace = format(span.get_span_context().trace_id, "032x")
            yield span

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()


def describe(span: Span, method: str, route: str, status: int, about: Seen) -> None:
    """Put on a span what is known when the request is answered."""
    from opentelemetry.trace import StatusCode

    span.update_name(f"{method} {route}")
    given: dict[str, Any] = {
        "http.request.method": method,
        "http.route": route,
        "http.response.status_code": status,
        "etalage.index": about.index,
        "etalage.hits": about.hits,
        "etalage.total": about.total,
        "etalage.degraded": about.degraded,
    }
    for stage, took in about.timings.items():
        given[f"etalage.stage.{stage}_ms"] = took
    span.set_attributes({name: value for name, value in given.items() if value not in (None, "", [])})
    if status >= 500:
        span.set_status(StatusCode.ERROR)
