"""The outermost middleware: times every request, tells metrics, log and trace of it, and lets no defect through."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from etalage.http import errors
from etalage.http.accesslog import AccessLog
from etalage.http.metrics import Metrics
from etalage.http.seen import Seen, seen
from etalage.http.tracing import Tracing, describe

GONE: Final = 499
"""Status noted for a request whose client went away before it was answered."""

_METHODS: Final = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_OPAQUE: Final = re.compile(rb"[\x20-\x7e]{1,256}")
_PARENT: Final = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


def opaque_id(scope: Scope) -> bytes | None:
    """The request's `X-Opaque-Id`, which OpenSearch echoes, if it is fit to be: printable ASCII, at most 256 characters."""
    given = next((value for name, value in scope["headers"] if name == b"x-opaque-id"), b"")
    return given if _OPAQUE.fullmatch(given) else None


def route_of(scope: Scope, about: Seen) -> str:
    """The template of the route that answered; of one refused before, as far as it is known."""
    return getattr(scope.get("route"), "path_format", None) or about.route or "unmatched"


class Watch:
    """Middleware round all others."""

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        log: AccessLog,
        tracing: Tracing | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._app, self._metrics, self._log, self._tracing, self._clock = app, metrics, log, tracing, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        about, started, status = seen(scope), self._clock(), GONE
        method = scope["method"] if scope["method"] in _METHODS else "other"
        parent = next((value for name, value in scope["headers"] if name == b"traceparent"), b"").decode("latin-1")
        known = _PARENT.fullmatch(parent)
        about.trace = known[1] if known else secrets.token_hex(16)
        echo, begun = opaque_id(scope), False

        async def answer(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                if echo is not None:
                    message["headers"] = [*message.get("headers", []), (b"x-opaque-id", echo)]
            await send(message)

        with ExitStack() as stack:
            span = None
            if self._tracing is not None:
                given = {"traceparent": parent} if known else {}
                span = stack.enter_context(self._tracing.span(method, given, about))
            try:
                await self._app(scope, receive, answer)
            except Exception as error:
                response = errors.unforeseen(scope["path"], error)
                if begun:
                    raise
                await response(scope, receive, answer)
            finally:
                route, seconds = route_of(scope, about), self._clock() - started
                self._metrics.request(route, status, seconds)
                self._log.write(method, route, status, seconds, about)
                if span is not None:
                    describe(span, method, route, status, about)
