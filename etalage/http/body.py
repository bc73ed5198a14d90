"""Request bodies: gunzipped, at most so large, at most so deep."""

from __future__ import annotations

import zlib
from typing import Final

import numpy as np
import numpy.typing as npt
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from etalage.core.errors import EtalageError
from etalage.http import errors

MAX_BODY: Final = 2 * 1024 * 1024
"""Largest request body in bytes, unpacked."""

MAX_DEPTH: Final = 100
"""Deepest nesting of a JSON body."""

_MEMBERS: Final = 64
_STEP: Final = 64 * 1024
_STEPS: Final = np.zeros(256, dtype=np.int8)
_STEPS[list(b"[{")] = 1
_STEPS[list(b"]}")] = -1


def depth(body: bytes) -> int:
    """How deep arrays and objects are nested in JSON, or in any line of it; of what is no JSON, or has few brackets, an
    upper bound."""
    opening = body.count(b"[") + body.count(b"{")
    if opening <= MAX_DEPTH:
        return opening
    codes = np.frombuffer(body, dtype=np.uint8)
    quoted = _quoted(codes)
    return int(np.where(quoted, 0, _STEPS[codes]).cumsum(dtype=np.int32).max(initial=0))


def _quoted(codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """bool [n], which bytes of JSON lie in a string. In whole arrays, since a loop or a pattern takes long over a body made
    for that. A string ends with its line at the latest, so that one that is never closed hides nothing."""
    places = np.arange(len(codes), dtype=np.int32)
    backslash = codes == ord("\\")
    other = np.maximum.accumulate(np.where(backslash, np.int32(-1), places))
    escaped = np.zeros(len(codes), dtype=np.bool_)
    escaped[1:] = (places[:-1] - other[:-1]) % 2 == 1
    quotes = np.cumsum((codes == ord('"')) & ~escaped, dtype=np.int32)
    line = np.maximum.accumulate(np.where((codes == ord("\n")) | (codes == ord("\r")), quotes, np.int32(0)))
    return (quotes - line) % 2 == 1


class Gunzip:
    """Unpacks gzip as it comes in, up to a limit."""

    def __init__(self, limit: int) -> None:
        self._limit, self._size, self._members = limit, 0, 1
        self._stream = zlib.decompressobj(wbits=31)
        self._started = False

    def feed(self, packed: bytes) -> bytes:
        """The next bytes. Raises BadRequest when it is no gzip, TooLarge when it unpacks to more than the limit."""
        unpacked = []
        # In steps, since each member of a file hands on a copy of what follows it.
        for start in range(0, len(packed), _STEP):
            rest = packed[start : start + _STEP]
            while rest:
                if self._stream.eof:
                    self._next()
                unpacked.append(self._unpack(rest))
                rest = self._stream.unused_data
        return b"".join(unpacked)

    def end(self) -> None:
        """Nothing comes after. Raises BadRequest when something should."""
        if self._started and not self._stream.eof:
            raise _broken("it is cut off")

    def _unpack(self, packed: bytes) -> bytes:
        self._started = True
        try:
            out = self._stream.decompress(packed, self._limit - self._size + 1)
        except zlib.error as error:
            raise _broken(str(error)) from None
        self._size += len(out)
        if self._size > self._limit:
            raise too_large(self._limit)
        return out

    def _next(self) -> None:
        self._members += 1
        if self._members > _MEMBERS:
            raise _broken("it has too many members")
        self._stream = zlib.decompressobj(wbits=31)


def _broken(why: str) -> errors.BadRequest:
    return errors.BadRequest(f"the body cannot be unpacked ({why})", remedy="Send sound gzip, or none.")


def too_large(limit: int) -> errors.TooLarge:
    """The error of a body above `limit` bytes."""
    return errors.TooLarge(f"the body is larger than {limit // 1024} KiB", remedy="Send less at a time.")


class Body:
    """Middleware that reads the body before the application does, and hands it on unpacked. It refuses one above `limit`
    bytes (413), by its announced length or while it is read; broken gzip, NUL bytes and nesting below `MAX_DEPTH` (400);
    other encodings (415). A client that goes away while it sends is not answered."""

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY) -> None:
        self._app, self._limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            body = await self._read(scope, receive)
        except EtalageError as error:
            await errors.of(scope["path"], error)(scope, receive, send)
            return
        if body is None:
            return
        read = False

        async def replay() -> Message:
            nonlocal read
            if read:
                return await receive()
            read = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        """The whole body; None when the client is gone."""
        headers = dict(scope["headers"])
        announced = headers.get(b"content-length", b"0")
        if announced.isdigit() and int(announced[:20]) > self._limit:
            raise too_large(self._limit)
        encoding = headers.get(b"content-encoding", b"identity").strip().lower()
        if encoding not in (b"identity", b"gzip", b"x-gzip", b""):
            raise errors.UnknownEncoding(
                "the body's encoding is not read", value=encoding.decode("latin-1"), remedy="Send gzip, or none."
            )
        packed = Gunzip(self._limit) if encoding.endswith(b"gzip") else None
        chunks: list[bytes] = []
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self._limit:
                raise too_large(self._limit)
            chunks.append(packed.feed(chunk) if packed else chunk)
            more = bool(message.get("more_body"))
        if packed:
            packed.end()
        body = b"".join(chunks)
        await _check(body)
        if packed:
            # Changed in place: the middleware outside looks at the same scope for the route.
            kept = [one for one in scope["headers"] if one[0] not in (b"content-encoding", b"content-length")]
            scope["headers"] = [*kept, (b"content-length", str(len(body)).encode())]
        return body


async def _check(body: bytes) -> None:
    if b"\0" in body:
        raise errors.BadRequest("the body has NUL bytes", remedy="Send JSON in UTF-8.")
    found = depth(body) if len(body) <= _STEP else await run_in_threadpool(depth, body)
    if found > MAX_DEPTH:
        raise errors.BadRequest(f"the body is nested deeper than {MAX_DEPTH} levels", remedy="Send a flatter one.")
