"""The node is killed under load and comes back: no answer is late or a defect, and searches go on by themselves."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.errors import EtalageError
from etalage.core.settings import Settings
from etalage.demo import make_shop
from indexer import documents
from indexer.ledger import Entry, changes
from opensearch import node
from opensearch.cluster import ClusterEngine
from opensearch.engine import IndexSpec
from opensearch.node import Node

from ..conftest import unavailable
from ..threads import Threads

pytestmark = [pytest.mark.node, pytest.mark.worker]

PATIENCE = 60.0
THREADS = 4
PAUSE = 0.2
"""Seconds between the requests of one thread."""

TIMEOUT = 1.0
"""Seconds that each search asks for."""

LATE = 0.1
"""Seconds past its deadline in which a search is answered."""

SLACK = 2.0
"""Seconds more that one answer in fifty may take, on a machine whose two processors run the load, the server and a
node that starts."""

BACK = 5.0
"""Seconds after the node is healthy again within which searches are answered."""

BODIES: list[dict[str, Any]] = [
    {"query": {"multi_match": {"query": "red running shoe", "fields": ["title^3", "brand.text"]}}},
    {"query": {"match": {"title": "desk lamp"}}, "aggs": {"b": {"terms": {"field": "brand"}}}},
    {"query": {"match_all": {}}, "sort": [{"price": "asc"}]},
    {"query": {"bool": {"filter": [{"range": {"price": {"gte": 1000}}}]}}},
]


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer: when it was asked for and how long it took, in seconds."""

    at: float
    seconds: float
    status: int
    body: dict[str, Any]
    retry_after: str | None


def command_of(pid: int) -> tuple[list[str], dict[str, str], str]:
    """Arguments, variables and folder that a process was started with."""
    own = Path(f"/proc/{pid}")
    arguments = own.joinpath("cmdline").read_bytes().decode().rstrip("\0").split("\0")
    variables = own.joinpath("environ").read_bytes().decode().rstrip("\0").split("\0")
    return arguments, dict(one.split("=", 1) for one in variables), os.readlink(own / "cwd")


@contextmanager
def own_node(folder: Path) -> Iterator[Node]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # it outlives the handle of its process
            started = node.start(folder, heap="512m")
    except EtalageError as error:
        unavailable("node", str(error))
        return
    try:
        yield started
    finally:
        node.stop(folder)


def healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/_cluster/health?wait_for_status=yellow&timeout=0s", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def until(true: Any, seconds: float = PATIENCE) -> float:
    """Wait until something holds; the moment."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)
    return time.monotonic()


def fill(url: str, home: Path) -> None:
    encoder = HashingEncoder()
    engine = ClusterEngine(Settings(home=home, opensearch_url=url, opensearch_timeout=60))
    entries = [Entry(documents.source(one), ()) for one in make_shop(6, 300).products]
    generation = engine.create("products", IndexSpec(encoder.name, encoder.fingerprint, encoder.dim))
    written = changes(engine, generation.name, encoder, entries).documents
    assert not [one for one in engine.write(generation.name, written) if one.reason]
    engine.refresh(generation.name)
    engine.swap("products", generation.name)
    engine.close()


@contextmanager
def serving(url: str, home: Path) -> Iterator[str]:
    """The URL of an `etalage serve` process over the node."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("ETALAGE_")}
    variables |= {"ETALAGE_TEXT_MODEL": "hashing", "ETALAGE_HOME": str(home), "ETALAGE_OPENSEARCH_URL": url}
    command = [sys.executable, "-m", "etalage", "serve", "--port", str(port)]
    with open(home / "serve.log", "wb") as log:
        process = subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL, stderr=log)
    here = f"http://127.0.0.1:{port}"
    try:
        until(lambda: process.poll() is not None or ready(here))
        assert process.poll() is None, (home / "serve.log").read_text()
        yield here
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)


def ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


class Load(Threads):
    """Threads that search until they are told to stop, and note every answer."""

    def __init__(self, url: str) -> None:
        super().__init__(THREADS, PATIENCE)
        self.answers: list[Answered] = []
        self._url = url

    def since(self, moment: float) -> list[Answered]:
        """The answers to what was asked after a moment."""
        return [one for one in list(self.answers) if one.at >= moment]

    def _run(self, number: int) -> None:
        with httpx.Client(timeout=PATIENCE, trust_env=False) as client:
            while not self._stop.is_set():
                body = BODIES[number % len(BODIES)] | {"timeout": f"{TIMEOUT:.0f}s"}
                number += 1
                at = time.monotonic()
                answer = client.post(f"{self._url}/products/_search", json=body)
                took = time.monotonic() - at
                told = orjson.loads(answer.content)
                self.answers.append(Answered(at, took, answer.status_code, told, answer.headers.get("retry-after")))
                self._stop.wait(PAUSE)


def warm(url: str) -> Load:
    """The load on a server that has answered each kind of search already: a cold node takes longer than a second."""
    for body in BODIES * 3:
        httpx.post(f"{url}/products/_search", json=body, timeout=PATIENCE).raise_for_status()
    return Load(url)


def report(what: str, answers: list[Answered]) -> None:
    took = sorted(one.seconds for one in answers)
    statuses = {status: sum(one.status == status for one in answers) for status in {one.status for one in answers}}
    middle, high = took[len(took) // 2], took[int(len(took) * 0.99)]
    late = sum(seconds > TIMEOUT + LATE for seconds in took)
    told = f"p50 {middle:.3f} s, p99 {high:.3f} s, longest {took[-1]:.3f} s, {late} later than {TIMEOUT + LATE} s"
    print(f"\n{what}: {len(took)} answers {statuses}, {told}", end="")


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="a node's command line is read from /proc")
def test_a_killed_node_is_borne_and_its_return_noticed(tmp_path: Path) -> None:
    with own_node(tmp_path / "node") as own:
        fill(own.url, tmp_path)
        with serving(own.url, tmp_path) as url, warm(url) as load:
            until(lambda: len(load.answers) >= 80)
            began = load.answers[0].at

            arguments, variables, folder = command_of(own.pid)
            owner = (own.folder / "data").stat()
            killed = time.monotonic()
            os.kill(own.pid, signal.SIGKILL)
            until(lambda: sum(one.status == 503 for one in load.since(killed)) >= 40)

            restarted = time.monotonic()
            root = os.geteuid() == 0
            with open(tmp_path / "again.log", "wb") as log:
                again = subprocess.Popen(
                    arguments,
                    env=variables,
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    user=owner.st_uid if root else None,
                    group=owner.st_gid if root else None,
                    extra_groups=[] if root else None,
                )
            try:
                back = until(lambda: again.poll() is not None or healthy(own.url))
                assert again.poll() is None, (tmp_path / "again.log").read_text()[-2000:]
                until(lambda: len(load.since(back + BACK)) >= 50)
                ended = time.monotonic()
            finally:
                again.kill()
                again.wait()

    # The node is killed once more at the end, while threads still search: those answers count as well.
    report("before", [one for one in load.answers if one.at < killed - TIMEOUT])
    report("without the node", [one for one in load.answers if killed <= one.at < back])
    report("after", [one for one in load.answers if back <= one.at < ended])
    first = next(one for one in load.since(back) if one.status == 200)
    after = first.at + first.seconds - back
    print(f"\nback {back - restarted:.1f} s after its start; first answer {after:.2f} s after that")
    for one in load.answers:
        assert one.status in (200, 503), one
        if one.status == 503:
            assert one.body["error"]["remedy"] and one.body["error"]["root_cause"], one
            assert one.retry_after is not None and int(one.retry_after) >= 1, one
        assert one.seconds <= TIMEOUT + LATE + SLACK, one
    late = [one for one in load.answers if one.seconds > TIMEOUT + LATE]
    assert len(late) <= len(load.answers) / 50, [one.seconds for one in late]
    assert all(one.status == 200 for one in load.answers if began <= one.at < killed - TIMEOUT)
    assert all(one.status == 200 for one in load.answers if back + BACK <= one.at < ended - TIMEOUT)
    assert b"Traceback" not in (tmp_path / "serve.log").read_bytes()
