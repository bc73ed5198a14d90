"""Requests to a node from a thread: HTTP/1.1 over kept connections, one `send` and as few reads as the answer takes.

A search that is ranked goes this way, without the layers of a client library.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import Final

import httptools

from opensearch.cluster.wire import Address, Lost

_READ: Final = 1 << 18
"""Bytes read at a time: five times the answer of an ordinary search."""


class _Connection:
    """One connection, with one request at a time. `on_...` are httptools' callbacks."""

    def __init__(self, made: socket.socket) -> None:
        self.usable = False
        self._socket = made
        self._used = False
        self._parser = httptools.HttpResponseParser(self)
        self._chunks: list[bytes] = []
        self._complete = False

    def ask(self, message: bytes, until: float) -> tuple[int, bytes]:
        """Status and body of the answer to one request. Raises Lost, and TimeoutError past `until` (`time.monotonic`)."""
        self._parser, self._chunks, self._complete = httptools.HttpResponseParser(self), [], False
        try:
            self._socket.settimeout(_left(until))
            self._socket.sendall(message)
            while not self._complete:
                self._socket.settimeout(_left(until))
                data = self._socket.recv(_READ)
                if not data:
                    raise Lost("closed by the node", not self._used)
                self._parser.feed_data(data)
        except (httptools.HttpParserError, ConnectionError) as error:
            raise Lost(str(error), not self._used) from None
        self._used = True
        return self._parser.get_status_code(), b"".join(self._chunks)

    def close(self) -> None:
        self._socket.close()

    def on_body(self, chunk: bytes) -> None:
        self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        # The parser knows it only now.
        self._complete, self.usable = True, self._parser.should_keep_alive()


class Line:
    """Connections to one node, for any number of threads."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._free: list[_Connection] = []

    def post(self, target: str, body: bytes, seconds: float) -> tuple[int, bytes]:
        """Send one request; status and body of the answer. Parameters and errors are those of `Wire.post`."""
        message, until = self._address.message(target, body), time.monotonic() + seconds
        while True:
            connection = self._connection(until)
            try:
                answer = connection.ask(message, until)
            except Lost as lost:
                connection.close()
                if lost.fresh:
                    raise
                continue
            except BaseException:
                connection.close()
                raise
            if connection.usable:
                self._free.append(connection)
            else:
                connection.close()
            return answer

    def _connection(self, until: float) -> _Connection:
        # Another thread may take the last one between a look and the taking.
        with suppress(IndexError):
            return self._free.pop()
        at = self._address
        made = socket.create_connection((at.host, at.port), timeout=_left(until))
        try:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return _Connection(at.secure.wrap_socket(made, server_hostname=at.host) if at.secure is not None else made)
        except BaseException:
            made.close()
            raise

    def close(self) -> None:
        """Close the connections that are kept."""
        while self._free:
            self._free.pop().close()


def _left(until: float) -> float:
    """Seconds until a moment. Raises TimeoutError when it is past."""
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time is up")
    return left
