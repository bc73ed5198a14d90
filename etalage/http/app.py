"""The HTTP door: an application factory, the parts it holds, and how errors are answered."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from etalage.core.errors import EtalageError, shorten
from etalage.core.settings import Settings
from etalage.http import routes
from workers import parts

log = logging.getLogger(__name__)

MAX_BODY: Final = 2 * 1024 * 1024
"""Largest request body in bytes."""


def create_app(settings: Settings) -> FastAPI:
    """The application; engine and models are opened when it starts and closed when it ends."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        engine = parts.engine_of(settings)
        app.state.shop = routes.Shop(settings, engine, parts.searcher_of(settings, engine))
        yield
        engine.close()

    app = FastAPI(title="Etalage", version="1", lifespan=lifespan, redirect_slashes=False)
    app.include_router(routes.router)
    app.add_middleware(BodyLimit, limit=MAX_BODY)
    app.add_exception_handler(EtalageError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unforeseen)
    return app


def problem(kind: str, reason: str, remedy: str, status: int) -> JSONResponse:
    """An error in the shape that every error has."""
    return JSONResponse(
        {"error": {"type": kind, "reason": reason, "remedy": remedy}, "status": status}, status_code=status
    )


async def _known(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, EtalageError):
        return await _unforeseen(_, error)
    return JSONResponse(error.as_dict(), status_code=error.status)


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    first: dict[str, Any] = error.errors()[0] if isinstance(error, RequestValidationError) else {}
    where = ".".join(str(part) for part in first.get("loc", ()))
    reason = f"{where}: {first.get('msg', error)}: {first.get('input', '')}"
    return problem("query_error", shorten(reason, 400), "Correct the request.", 400)


async def _http(_: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = str(error.detail) if isinstance(error, HTTPException) else str(error)
    return problem("http_error", detail, "See the reference for paths and methods.", status)


async def _unforeseen(_: Request, error: Exception) -> JSONResponse:
    """A defect: it is logged with its trace, and answered without one."""
    log.error("unforeseen error", exc_info=error)
    return problem("internal_error", "something failed inside the server", "Look into the server's log.", 503)


class BodyLimit:
    """Refuses bodies above `limit` bytes with 413, by their announced length or while they are read."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app, self._limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self._limit:
            await self._refuse(scope, receive, send)
            return
        chunks: list[bytes] = []
        size, more = 0, True
        while more:
            message = await receive()
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            more = message["type"] == "http.request" and bool(message.get("more_body"))
            if size > self._limit:
                await self._refuse(scope, receive, send)
                return
        read = False

        async def replay() -> Message:
            nonlocal read
            if read:
                return await receive()
            read = True
            return {"type": "http.request", "body": b"".join(chunks), "more_body": False}

        await self._app(scope, replay, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        reason = f"the body is larger than {self._limit // 1024} KiB"
        await problem("query_error", reason, "Send less at a time.", 413)(scope, receive, send)
