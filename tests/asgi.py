"""A client that calls an ASGI application itself: no network, no client library that would mend a crooked request."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import unquote

import orjson
from fastapi import FastAPI

Headers = Iterable[tuple[bytes, bytes]]
JSON_TYPE = (b"content-type", b"application/json")


@dataclass(frozen=True)
class Answer:
    """An answer, and how many seconds it took."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float

    def json(self) -> Any:
        """The body."""
        return orjson.loads(self.body)


class Door:
    """An application that runs while the `with` block does."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self._runner = asyncio.Runner()
        self._lifespan: AbstractAsyncContextManager[Any] = app.router.lifespan_context(app)

    def __enter__(self) -> Door:
        self._runner.__enter__()
        self._runner.run(self._lifespan.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self._lifespan.__aexit__(None, None, None))
        self._runner.__exit__(None, None, None)

    def ask(self, method: str, target: str | bytes, body: Any = b"", headers: Headers = (JSON_TYPE,)) -> Answer:
        """Send one request. `target` is what stands in the request line; a body that is not bytes is sent as JSON."""
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        path, _, query = (target.encode() if isinstance(target, str) else target).partition(b"?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            # As uvicorn does.
            "path": unquote(path.decode("latin-1")),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": [(b"host", b"shop"), (b"content-length", str(len(content)).encode()), *headers],
            "client": ("127.0.0.1", 50_000),
            "server": ("127.0.0.1", 8080),
            "state": {},
        }
        return self._runner.run(self._send(scope, content))

    async def _send(self, scope: dict[str, Any], content: bytes) -> Answer:
        sent, status, headers, chunks = False, 0, {}, []
        gone = asyncio.Event()

        async def receive() -> dict[str, Any]:
            nonlocal sent
            if sent:
                await gone.wait()
                return {"type": "http.disconnect"}
            sent = True
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: Any) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in message["headers"]}
            else:
                chunks.append(message.get("body", b""))

        started = time.perf_counter()
        await self.app(scope, receive, send)
        return Answer(status, headers, b"".join(chunks), time.perf_counter() - started)
