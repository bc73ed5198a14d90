"""Connections of threads, against a server whose every byte the test writes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import Queue

import pytest

from opensearch.cluster.line import Line
from opensearch.cluster.wire import Address, Lost

Serve = Callable[[socket.socket], None]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


class Server:
    """Lets `serve` talk to each connection in a thread of its own, and counts them."""

    def __init__(self) -> None:
        self.serve: Serve = lambda _: None
        self.opened = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        self.line = Line(Address(f"http://127.0.0.1:{self._socket.getsockname()[1]}"))

    def _accept(self) -> None:
        while True:
            made, _ = self._socket.accept()
            if not self.opened and made.recv(3, socket.MSG_PEEK) == b"END":
                made.close()
                return
            self.opened += 1
            thread = threading.Thread(target=self._one, args=(made,))
            self._threads.append(thread)
            thread.start()

    def _one(self, made: socket.socket) -> None:
        with made:
            try:
                self.serve(made)
            except EOFError:
                """The client is gone."""

    def close(self) -> None:
        self.line.close()
        self.opened = 0
        with socket.create_connection(self._socket.getsockname()) as end:
            end.sendall(b"END")
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()
        self._socket.close()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def request(made: socket.socket) -> bytes:
    """The body of the next request."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += received(made)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(next(line for line in head.split(b"\r\n") if line.startswith(b"content-length:")).split(b":")[1])
    while len(body) < length:
        body += received(made)
    return body


def received(made: socket.socket) -> bytes:
    data = made.recv(1 << 16)
    if not data:
        raise EOFError
    return data


def echo(made: socket.socket) -> None:
    while True:
        body = request(made)
        made.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))


def test_a_connection_is_used_again(server: Server) -> None:
    server.serve = echo
    for body in (b"one", b"", b"x" * 300_000):
        assert server.line.post("/a", body, 5) == (200, body)
    assert server.opened == 1


def test_requests_at_the_same_time_have_connections_of_their_own(server: Server) -> None:
    both = threading.Barrier(2)

    def serve(made: socket.socket) -> None:
        body = request(made)
        both.wait(5)
        made.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n" + body)

    server.serve = serve
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda body: server.line.post("/a", body, 5), (b"1", b"2")))
    assert found == [(200, b"1"), (200, b"2")]
    assert server.opened == 2


def test_chunks_in_any_pieces_are_put_together(server: Server) -> None:
    answer = b'HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n4\r\n":1}\r\n0\r\n\r\n'

    def serve(made: socket.socket) -> None:
        request(made)
        for at in range(len(answer)):
            made.sendall(answer[at : at + 1])

    server.serve = serve
    assert server.line.post("/a", b"", 5) == (400, b'{"a":1}')


@pytest.mark.parametrize("read", [lambda made: made.recv(1), request])
def test_a_kept_connection_that_the_node_closed_is_replaced(server: Server, read: Callable[..., bytes]) -> None:
    def serve(made: socket.socket) -> None:
        request(made)
        made.sendall(OK)
        # The second request comes, and finds nobody: the node ends the connection, by a reset where it left some of it unread.
        read(made)

    server.serve = serve
    assert server.line.post("/a", b"", 5) == (200, b"{}")
    assert server.line.post("/a", b"", 5) == (200, b"{}")
    assert server.opened == 2


def test_a_connection_that_is_to_close_is_not_kept(server: Server) -> None:
    more: Queue[bytes] = Queue()

    def serve(made: socket.socket) -> None:
        request(made)
        made.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}")
        more.put(made.recv(1))

    server.serve = serve
    for _ in range(2):
        assert server.line.post("/a", b"", 5) == (200, b"{}")
    assert server.opened == 2 and [more.get(timeout=5) for _ in range(2)] == [b"", b""]


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}", b"SSH-2.0\r\n\r\n"])
def test_a_broken_answer_is_lost_and_not_asked_for_again(server: Server, answer: bytes) -> None:
    def serve(made: socket.socket) -> None:
        request(made)
        made.sendall(answer)

    server.serve = serve
    with pytest.raises(Lost) as caught:
        server.line.post("/a", b"", 5)
    assert caught.value.fresh
    assert server.opened == 1


def test_a_late_answer_is_not_taken_for_the_next(server: Server) -> None:
    late = threading.Event()

    def serve(made: socket.socket) -> None:
        if request(made) == b"slow":
            late.wait(5)
        made.sendall(OK)

    server.serve = serve
    with pytest.raises(TimeoutError):
        server.line.post("/a", b"slow", 0.05)
    late.set()
    assert server.line.post("/a", b"quick", 5) == (200, b"{}")
    assert server.opened == 2


def test_an_answer_in_drops_ends_in_time(server: Server) -> None:
    """Each drop comes in time, the whole does not."""
    over = threading.Event()

    def serve(made: socket.socket) -> None:
        request(made)
        made.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        while not over.wait(0.02):
            made.sendall(b"x")

    server.serve = serve
    try:
        with pytest.raises(TimeoutError):
            server.line.post("/a", b"", 0.2)
    finally:
        over.set()
