"""Clients that send prepared requests over kept-alive connections, each a process of its own, so that no lock of an interpreter is between
them. Run as a script it is one client: what it shall send comes as JSON on stdin, what it saw goes out as JSON."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Seen:
    """What clients saw: how many requests were answered in how many seconds, each one's milliseconds and, from the beginning, the second
    that it was sent in; and what was no 200."""

    seconds: float
    times: list[float] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.times) / self.seconds


def get(path: str) -> str:
    """A request as it stands on the wire."""
    return f"GET {path} HTTP/1.1\r\nHost: shop\r\n\r\n"


def post(path: str, body: bytes) -> str:
    """A request with a JSON body."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head + body.decode()


class Load:
    """Clients at work; begun when made.

    Args:
        requests: what they send (`get`, `post`), over and over, each client from another place.
        rate: requests a second of all clients together; as fast as they are answered where 0.
    """

    def __init__(
        self, url: str, requests: Sequence[str], *, seconds: float, clients: int = 8, rate: float = 0.0
    ) -> None:
        self._seconds = seconds
        at = urlsplit(url)
        told = {"host": at.hostname, "port": at.port, "seconds": seconds, "rate": rate / clients}
        self._clients = [
            subprocess.Popen([sys.executable, "-S", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for _ in range(clients)
        ]
        for number, client in enumerate(self._clients):
            start = number * len(requests) // clients
            given = told | {"requests": [*requests[start:], *requests[:start]]}
            assert client.stdin is not None
            client.stdin.write(json.dumps(given).encode() + b"\n")
            client.stdin.flush()
        for client in self._clients:
            assert client.stdout is not None
            client.stdout.readline()  # ready
        for client in self._clients:
            assert client.stdin is not None
            client.stdin.write(b"go\n")
            client.stdin.flush()

    def seen(self) -> Seen:
        """What they saw, when they are done."""
        whole = Seen(self._seconds)
        for client in self._clients:
            told, _ = client.communicate()
            one = json.loads(told) if client.returncode == 0 else {"errors": [f"client ended with {client.returncode}"]}
            whole.times += one.get("times", [])
            whole.at += one.get("at", [])
            whole.errors += one["errors"]
        return whole


def _answer(connection: socket.socket) -> tuple[bytes, bytes]:
    """Status line and body of one answer that has a length."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            raise ConnectionError("the connection was closed")
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        body += connection.recv(65536)
    return head.split(b"\r\n", 1)[0], body


def _client(host: str, port: int, seconds: float, rate: float, requests: list[str]) -> Seen:
    found, packed = Seen(seconds), [one.encode() for one in requests]
    with socket.create_connection((host, port), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        print("ready", flush=True)
        sys.stdin.readline()
        begin, number = time.perf_counter(), 0
        while (now := time.perf_counter()) - begin < seconds:
            due = begin + number / rate if rate else now
            if due > now:
                time.sleep(due - now)
            # From when it was due: a server that stalls must not hide what it would have kept waiting.
            sent = due if rate else now
            connection.sendall(packed[number % len(packed)])
            status, body = _answer(connection)
            found.times.append((time.perf_counter() - sent) * 1000)
            found.at.append(sent - begin)
            if b" 200 " not in status:
                found.errors.append(f"{status.decode()}: {body[:200].decode(errors='replace')}")
            number += 1
    return found


def _main() -> None:
    found = _client(**json.loads(sys.stdin.readline()))
    print(json.dumps({"times": found.times, "at": found.at, "errors": found.errors}))


if __name__ == "__main__":
    _main()
