"""Requests to a node from an event loop: HTTP/1.1 over kept connections, without a thread that waits.

What a shop's search costs when it is only passed on is what stands between two sockets, and a client library's layers are
most of that. The messages are read by httptools, which the server reads its own with.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from typing import Final, cast
from urllib.parse import unquote, urlsplit

import httptools

MOST: Final = 128
"""Connections at a time; further requests wait for one."""


class Lost(OSError):
    """The connection ended before the whole answer was there; `fresh` when it had not been used before."""

    def __init__(self, why: str, fresh: bool) -> None:
        super().__init__(why)
        self.fresh = fresh


class _Connection(asyncio.Protocol):
    """One connection, with one request at a time. The methods in the middle are httptools' callbacks."""

    def __init__(self) -> None:
        self.usable = False
        self._transport: asyncio.Transport | None = None
        self._used = False
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._chunks: list[bytes] = []

    async def ask(self, message: bytes) -> tuple[int, bytes]:
        """Status and body of the answer to one request. Raises Lost."""
        if self._transport is None or not self.usable:
            raise Lost("the connection is closed", not self._used)
        self._parser, self._chunks = httptools.HttpResponseParser(self), []
        self._answer = asyncio.get_running_loop().create_future()
        self.usable = False
        self._transport.write(message)
        answer = await self._answer
        self._used = True
        return answer

    def abort(self) -> None:
        """Close at once."""
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    def on_body(self, chunk: bytes) -> None:
        self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        if self._parser is None or self._answer is None or self._answer.done():
            return
        self.usable = self._parser.should_keep_alive()
        self._answer.set_result((self._parser.get_status_code(), b"".join(self._chunks)))

    # asyncio's callbacks
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not descend from asyncio's.
        self._transport, self.usable = cast(asyncio.Transport, transport), True

    def data_received(self, data: bytes) -> None:
        try:
            if self._parser is None:
                raise httptools.HttpParserError("an answer without a request")
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._lose(f"no HTTP ({error})")
            self.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self.usable = False
        self._lose(str(error or "closed by the node"))

    def _lose(self, why: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Lost(why, not self._used))


class Address:
    """Where a node is, and what every request to it begins with.

    Args:
        url: the node's, with a path in front where a proxy has one. User and password in it are not looked at.
        user: user and password for HTTP's basic authentication.
        secure: how the node proves itself, for https.
    """

    def __init__(self, url: str, user: tuple[str, str] | None = None, secure: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        self.host, self.secure = unquote(parts.hostname or ""), secure
        self.port = parts.port or (9200 if secure is None else 443)
        self._front = parts.path.rstrip("/")
        host = f"[{self.host}]" if ":" in self.host else self.host
        head = f"host: {host}:{self.port}\r\ncontent-type: application/json\r\naccept: application/json\r\n"
        if user is not None:
            head += f"authorization: Basic {base64.b64encode(':'.join(user).encode()).decode()}\r\n"
        self._head = head

    def message(self, target: str, body: bytes) -> bytes:
        """A POST of `body` to `target`, path and parameters, percent-encoded."""
        return f"POST {self._front}{target} HTTP/1.1\r\n{self._head}content-length: {len(body)}\r\n\r\n".encode() + body


class Wire:
    """Connections to one node, for one event loop: `close` before it ends."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._free: list[_Connection] = []
        self._places = asyncio.Semaphore(MOST)

    async def post(self, target: str, body: bytes, seconds: float) -> tuple[int, bytes]:
        """Send one request; status and body of the answer.

        Args:
            target: path and parameters, percent-encoded.
            seconds: for waiting, connecting and the answer together.

        Raises:
            TimeoutError: it took longer.
            OSError: there is no connection, or it broke off; a kept one that the node had closed is replaced once.
        """
        message = self._address.message(target, body)
        async with asyncio.timeout(seconds), self._places:
            while True:
                connection = await self._connection()
                try:
                    answer = await connection.ask(message)
                except Lost as lost:
                    if lost.fresh:
                        raise
                    continue
                except BaseException:
                    connection.abort()
                    raise
                if connection.usable:
                    self._free.append(connection)
                else:
                    connection.abort()
                return answer

    async def _connection(self) -> _Connection:
        while self._free:
            kept = self._free.pop()
            if kept.usable:
                return kept
        at = self._address
        _, made = await asyncio.get_running_loop().create_connection(
            _Connection, at.host, at.port, ssl=at.secure, server_hostname=at.host if at.secure else None
        )
        return made

    async def close(self) -> None:
        """Close the connections that are kept, before their event loop ends."""
        while self._free:
            self._free.pop().abort()
        # A transport closes its socket in the loop's next turn.
        await asyncio.sleep(0)
