"""Connections of an event loop, against a server whose every byte the test writes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from opensearch.cluster.wire import Address, Lost, Wire

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


async def request(reader: asyncio.StreamReader) -> bytes:
    """The body of the next request."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
    return await reader.readexactly(int(length.split(b":")[1]))


def run(serve: Serve, use: Callable[[Wire], Awaitable[None]], connections: int) -> None:
    """Let `use` talk to a server, and count the connections that it took."""
    opened = 0

    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        try:
            await serve(reader, writer)
        except asyncio.IncompleteReadError:
            """The client is gone."""
        finally:
            writer.close()

    async def main() -> None:
        async with await asyncio.start_server(serving, "127.0.0.1", 0) as server:
            wire = Wire(Address(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
            await use(wire)
            await wire.close()
        assert opened == connections

    asyncio.run(main())


def test_a_connection_is_used_again() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            body = await request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))

    async def use(wire: Wire) -> None:
        for body in (b"one", b"", b"x" * 300_000):
            assert await wire.post("/a", body, 5) == (200, body)

    run(serve, use, connections=1)


def test_requests_at_the_same_time_have_connections_of_their_own() -> None:
    both = asyncio.Barrier(2)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = await request(reader)
        await both.wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n" + body)

    async def use(wire: Wire) -> None:
        assert await asyncio.gather(wire.post("/a", b"1", 5), wire.post("/a", b"2", 5)) == [(200, b"1"), (200, b"2")]

    run(serve, use, connections=2)


def test_chunks_in_any_pieces_are_put_together() -> None:
    answer = b'HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n4\r\n":1}\r\n0\r\n\r\n'

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        for at in range(len(answer)):
            writer.write(answer[at : at + 1])
            await writer.drain()

    async def use(wire: Wire) -> None:
        assert await wire.post("/a", b"", 5) == (400, b'{"a":1}')

    run(serve, use, connections=1)


def test_a_kept_connection_that_the_node_closed_is_replaced() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(OK)
        # The second request comes, and finds nobody.
        await reader.readexactly(1)

    async def use(wire: Wire) -> None:
        assert await wire.post("/a", b"", 5) == (200, b"{}")
        assert await wire.post("/a", b"", 5) == (200, b"{}")

    run(serve, use, connections=2)


def test_a_connection_that_is_to_close_is_not_kept() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}")
        await reader.read()

    async def use(wire: Wire) -> None:
        assert await wire.post("/a", b"", 5) == (200, b"{}")
        assert await wire.post("/a", b"", 5) == (200, b"{}")

    run(serve, use, connections=2)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}", b"SSH-2.0\r\n\r\n"])
def test_a_broken_answer_is_lost_and_not_asked_for_again(answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(answer)

    async def use(wire: Wire) -> None:
        with pytest.raises(Lost) as caught:
            await wire.post("/a", b"", 5)
        assert caught.value.fresh

    run(serve, use, connections=1)


def test_a_late_answer_is_not_taken_for_the_next() -> None:
    late = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await request(reader) == b"slow":
            await late.wait()
        writer.write(OK)

    async def use(wire: Wire) -> None:
        with pytest.raises(TimeoutError):
            await wire.post("/a", b"slow", 0.05)
        late.set()
        assert await wire.post("/a", b"quick", 5) == (200, b"{}")

    run(serve, use, connections=2)
