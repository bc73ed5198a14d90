"""The HTTP door: an application factory, and the parts it holds.

A request passes, from outside in: `watch` (log, metrics, trace), gzip, `access` (path, key, rate), `body` (size, depth,
gunzip), the route. `app.state` has the `shop`, the `breaker`, the `metrics`, and whether it is `stopping`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from etalage.core.events import QUERIES
from etalage.core.settings import Settings
from etalage.http import errors, keys, operations, routes
from etalage.http.access import Gate
from etalage.http.accesslog import AccessLog
from etalage.http.body import MAX_BODY, Body
from etalage.http.breaker import Breaker
from etalage.http.gateway import routes as gateway_routes
from etalage.http.gateway import ubi
from etalage.http.gateway.flow import Gateway
from etalage.http.metrics import Metrics
from etalage.http.tracing import Tracing, processor_to
from etalage.http.watch import Watch
from workers import parts

__all__ = ["MAX_BODY", "create_app"]


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
        yield
        app.state.stopping = True
        log.close()
        await engine.close_async()
        engine.close()
        if tracing is not None:
            tracing.close()

    app = FastAPI(title="Etalage", version="1", lifespan=lifespan, redirect_slashes=False)
    app.state.breaker, app.state.metrics, app.state.stopping = breaker, metrics, False
    app.include_router(operations.router)
    app.include_router(routes.router)
    app.include_router(gateway_routes.router)
    app.router.routes.insert(0, gateway_routes.front())
    errors.install(app)
    # The last one added is the outermost.
    app.add_middleware(Body, limit=MAX_BODY)
    app.add_middleware(Gate, keys=ring, index=settings.index)
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=5)
    app.add_middleware(Watch, metrics=metrics, log=AccessLog(settings.log), tracing=tracing)
    return app
