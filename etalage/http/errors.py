"""How errors are answered: Etalage's shape under `/v1`, OpenSearch's on the paths that its clients use."""

from __future__ import annotations

import logging
import math
import traceback
from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from etalage.core.errors import EngineError, EngineTimeout, EngineUnavailable, EtalageError, QueryError, shorten

log = logging.getLogger(__name__)

_FRAMES: Final = 10
_CHALLENGE: Final = 'Basic realm="etalage", Bearer realm="etalage", ApiKey realm="etalage"'


class Unauthorized(EtalageError):
    """No key, or one that is not known."""

    status = 401


class Forbidden(EtalageError):
    """The key lacks the scope or the index."""

    status = 403


class TooManyRequests(EtalageError):
    """The key's rate is used up; `retry_after` says for how many seconds."""

    retryable = True
    status = 429
    retry_after = 1.0


class BadRequest(QueryError):
    """A request that is refused before it is read; `query_error` on the wire, whatever its status."""

    @property
    def kind(self) -> str:
        return "query_error"


class TooLarge(BadRequest):
    """The body exceeds the limit."""

    status = 413


class UnknownEncoding(BadRequest):
    """The body is packed in a way that is not read."""

    status = 415


class HeadersTooLarge(BadRequest):
    """The headers exceed the limit."""

    status = 431


def compatible(path: str) -> bool:
    """Whether a path is OpenSearch's: the root, or one of its operations (`_search`, `_cluster`, …) in its first two parts."""
    parts = path.split("/")[1:]
    return path == "/" or (parts[:1] != ["v1"] and any(part.startswith("_") for part in parts[:2]))


def answer(
    path: str, kind: str, reason: str, remedy: str, status: int, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """An error in the shape of `path`: `{"error": {"type", "reason", "remedy"}, "status"}`, and on OpenSearch's paths with
    `root_cause`, which its clients read."""
    error: dict[str, Any] = {"type": kind, "reason": reason, "remedy": remedy}
    if compatible(path):
        error = {"root_cause": [{"type": kind, "reason": reason}], **error}
    return JSONResponse({"error": error, "status": status}, status_code=status, headers=dict(headers or {}))


def of(path: str, error: EtalageError) -> JSONResponse:
    """One of Etalage's errors, with the headers that go with it (`Retry-After`, `WWW-Authenticate`); 500 becomes 503, since
    whatever it is, the request was not at fault."""
    # Where the node or the broker lies is for the command line and the log, not for a shop's visitors.
    shown = None if isinstance(error, EngineError) and "://" in (error.value or "") else error.value
    reason = error.reason if shown is None else f"{error.reason}: {shown}"
    status = 503 if error.status == 500 else error.status
    headers = {}
    wait = getattr(error, "retry_after", 1.0 if isinstance(error, EngineUnavailable | EngineTimeout) else None)
    if wait is not None:
        headers["Retry-After"] = str(max(1, math.ceil(wait)))
    if status == 401:
        headers["WWW-Authenticate"] = _CHALLENGE
    return answer(path, error.kind, reason, error.remedy, status, headers)


def unforeseen(path: str, error: BaseException) -> JSONResponse:
    """A defect: its type and place are logged, but not its message, which may quote a query; it is answered with a 503."""
    place = "".join(traceback.format_tb(error.__traceback__, limit=-_FRAMES))
    log.error("unforeseen %s\n%s", type(error).__name__, place.rstrip())
    reason = "something failed inside the server"
    return answer(path, "internal_error", reason, "Look into the server's log.", 503)


def install(app: FastAPI) -> None:
    """Let `app` answer every error by this file."""
    app.add_exception_handler(EtalageError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _defect)


async def _known(request: Request, error: Exception) -> JSONResponse:
    path = request.scope["path"]
    return of(path, error) if isinstance(error, EtalageError) else unforeseen(path, error)


def invalid(path: str, error: Exception) -> JSONResponse:
    """A request that does not have the form that its route asks for: where, and what is wrong there."""
    first: dict[str, Any] = error.errors()[0] if isinstance(error, RequestValidationError) else {}
    where = ".".join(str(part) for part in first.get("loc", ()))
    reason = f"{where}: {first.get('msg', error)}: {first.get('input', '')}"
    return answer(path, "query_error", shorten(reason, 400), "Correct the request.", 400)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    return invalid(request.scope["path"], error)


async def _http(request: Request, error: Exception) -> JSONResponse:
    path = request.scope["path"]
    if not isinstance(error, HTTPException) or error.status_code >= 500:
        return unforeseen(path, error)
    remedy = "See the reference for paths and methods."
    return answer(path, "http_error", str(error.detail), remedy, error.status_code, error.headers)


async def _defect(request: Request, error: Exception) -> JSONResponse:
    return unforeseen(request.scope["path"], error)
