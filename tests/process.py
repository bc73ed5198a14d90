"""`etalage serve` as a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

PATIENCE = 60.0
"""Seconds in which it comes up, and in which it ends."""


@dataclass(frozen=True, slots=True)
class Served:
    """Where it answers, its process, and what it says."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path


@contextmanager
def serving(home: Path, *words: str, path: str = "/healthz", **settings: str) -> Iterator[Served]:
    """A server over a home, from when it answers `path` with a 200 until the block ends.

    Args:
        words: more of its command line.
        settings: its environment beyond ours, which is taken without `ETALAGE_*`.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("ETALAGE_")}
    variables |= {"ETALAGE_HOME": str(home), "ETALAGE_TEXT_MODEL": "hashing"} | settings
    command = [sys.executable, "-m", "etalage", "serve", "--port", str(port), *words]
    log = home / "serve.log"
    with log.open("wb") as told:
        process = subprocess.Popen(command, env=variables, stdout=told, stderr=told)
    served = Served(f"http://127.0.0.1:{port}", process, log)
    try:
        _wait(served, path)
        yield served
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(served: Served, path: str) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and served.process.poll() is None:
        try:
            if httpx.get(f"{served.url}{path}").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    pytest.fail(f"the server did not come up: {served.log.read_text()[-2000:]}", pytrace=False)
