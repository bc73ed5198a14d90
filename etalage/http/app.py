"""The HTTP door: an application factory, and the parts it holds.

A request passes, from outside in: `watch` (log, metrics, trace), CORS where pages of other origins may ask, gzip, `access` (path,
key, rate), `body` (size, depth, gunzip), the route. `app.state` has the `shop`, the `breaker`, the `metrics`, and whether it is
`stopping`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from etalage.core.errors import EngineError
from etalage.core.events import QUERIES
from etalage.core.settings import Settings
from etalage.http import errors, keys, operations, routes, suggest
from etalage.http.access import Gate
from etalage.http.accesslog import AccessLog
from etalage.http.body import MAX_BODY, Body
from etalage.http.breaker import Breaker
from etalage.http.gateway import routes as gateway_routes
from etalage.http.gateway import ubi
from etalage.http.gateway.flow import Gateway
from etalage.http.metrics import Metrics
from etalage.http.page import routes as page
from etalage.http.tracing import Tracing, processor_to
from etalage.http.watch import Watch
from workers import parts

__all__ = ["MAX_BODY", "create_app"]

_GZIP: Final[dict[str, Any]] = {"minimum_size": 1024, "compresslevel": 5}
_CORS: Final[dict[str, Any]] = {
    "allow_methods": ["GET", "POST"],
    "allow_headers": ["Authorization", "Content-Type", "If-None-Match", "X-Api-Key", "X-Opaque-Id", "Traceparent"],
    "expose_headers": ["ETag", "Retry-After", "Server-Timing", "X-Opaque-Id"],
}


class _Zip:
    """Middleware of HTTP requests that packs answers for those who read gzip; to others it only says that answers vary."""

    def __init__(self, app: ASGIApp, **options: Any) -> None:
        self._plain, self._zipped = app, GZipMiddleware(app, **options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def varied(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"vary", b"Accept-Encoding")]
            await send(message)

        if any(b"gzip" in value for name, value in scope["headers"] if name == b"accept-encoding"):
            await self._zipped(scope, receive, send)
        else:
            await self._plain(scope, receive, varied)


class _Application(FastAPI):
    """An application with a shorter way to one door, through the same middleware."""

    front: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == suggest.PATH and scope["method"] in ("GET", "POST"):
            scope["app"] = self
            await self.front(scope, receive, send)
            return
        await super().__call__(scope, receive, send)


def create_app(settings: Settings) -> FastAPI:
    """The application; engine and models are opened when it starts and closed when it ends.

    Raises:
        ConfigError: the key file or the rules are wrong, or tracing is set but not installed.
    """
    parts.merchandising_of(settings)  # read before a server starts, so that what is wrong is the command's own error
    ring = keys.Keys(keys.read(settings.keys)) if settings.keys is not None else None
    tracing = Tracing(processor_to(settings.otel)) if settings.otel is not None else None
    breaker = Breaker(settings.breaker_failures, settings.breaker_window, settings.breaker_pause)
    metrics = Metrics(breaker)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        engine = parts.engine_of(settings)
        searcher = parts.searcher_of(settings, engine)
        app.state.shop = routes.Shop(settings, engine, searcher)
        log = ubi.Log(lambda documents: engine.append_events(QUERIES, documents))
        app.state.gateway = Gateway(settings, engine, searcher, log)
        with suppress(EngineError):  # who asks for completions is told what is wrong with them
            await app.state.shop.completions.warm()
        yield
        app.state.stopping = True
        log.close()
        await engine.close_async()
        engine.close()
        if tracing is not None:
            tracing.close()

    app = _Application(title="Etalage", version="1", lifespan=lifespan, redirect_slashes=False)
    app.state.breaker, app.state.metrics, app.state.stopping = breaker, metrics, False
    app.include_router(operations.router)
    app.include_router(routes.router)
    app.include_router(suggest.router)
    app.include_router(gateway_routes.router)
    app.router.routes += page.routes()
    app.router.routes.insert(0, gateway_routes.front())
    errors.install(app)
    layers: list[tuple[Any, dict[str, Any]]] = [
        (Watch, {"metrics": metrics, "log": AccessLog(settings.log), "tracing": tracing})
    ]
    if settings.origins is not None:
        # Outside the gate: a browser asks whether it may ask without a key.
        layers.append((CORSMiddleware, {"allow_origins": settings.origins.split(","), **_CORS}))
    layers += [(GZipMiddleware, _GZIP), (Gate, {"keys": ring, "index": settings.index}), (Body, {"limit": MAX_BODY})]
    app.front = suggest.Front()
    for layer, options in reversed(layers):  # the last one added is the outermost
        app.add_middleware(layer, **options)
        app.front = (_Zip if layer is GZipMiddleware else layer)(app.front, **options)
    return app
