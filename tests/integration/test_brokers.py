"""Indexing through a real broker, Redis or RabbitMQ, and real `etalage worker` processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from kombu import Connection

from etalage.core.settings import Settings
from etalage.demo import make_shop, write_feed
from opensearch.embedded import EmbeddedEngine
from opensearch.jobs import Progress
from workers.celery_app import QUEUE, make_app

pytestmark = pytest.mark.worker

PATIENCE = 60.0
LEASE = 4.0
PRODUCTS = 600


@pytest.fixture(
    params=[pytest.param("redis", marks=pytest.mark.redis), pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)]
)
def broker(request: pytest.FixtureRequest) -> str:
    """The URL of a broker, with no message in its queue."""
    url: str = request.getfixturevalue("redis_url" if request.param == "redis" else "rabbit_url")
    with Connection(url) as connection, connection.SimpleQueue(QUEUE) as queue:
        queue.clear()
    return url


@dataclass
class Shop:
    """A home with a feed, whose index command and workers meet at a broker."""

    home: Path
    feed: Path
    variables: dict[str, str]

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        with open(self.home.parent / f"{words[0]}.log", "ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "etalage", *words], env=self.variables, stdout=subprocess.PIPE, stderr=log
            )

    def ask(self, *words: str) -> Any:
        """What a command answers."""
        return answer(self.start(*words, "--json"), self.home.parent / f"{words[0]}.log")

    @contextmanager
    def worker(self) -> Iterator[subprocess.Popen[bytes]]:
        """A worker that is told to end when the block is left, unless it has ended."""
        process = self.start("worker")
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)

    @contextmanager
    def indexing(self) -> Iterator[tuple[subprocess.Popen[bytes], Callable[[], Progress]]]:
        """A running index command, and what tells its progress (of a job that is not planned yet: nothing)."""
        engine = EmbeddedEngine(Settings(home=self.home))
        command = self.start("index", str(self.feed), "--json")

        def progress() -> Progress:
            assert command.poll() is None, (self.home.parent / "index.log").read_text()
            jobs = engine.jobs.unfinished("products")
            return engine.jobs.progress(jobs[0].id) if jobs else Progress(0, 0, 0, 0)

        try:
            yield command, progress
        finally:
            command.kill()
            command.communicate()
            engine.close()


def answer(command: subprocess.Popen[bytes], log: Path) -> Any:
    told, _ = command.communicate(timeout=PATIENCE)
    assert command.returncode == 0, log.read_text()
    return orjson.loads(told)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "it took too long"
        os.sched_yield()


@pytest.fixture
def shop(broker: str, tmp_path: Path) -> Shop:
    home, feed = tmp_path / "home", tmp_path / "feed.jsonl"
    write_feed(make_shop(2, PRODUCTS), feed)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ETALAGE_")}
    given = {"HOME": str(home), "BROKER": broker, "TEXT_MODEL": "hashing", "CHUNK": "100", "LEASE": str(LEASE)}
    return Shop(home, feed, kept | {f"ETALAGE_{name}": value for name, value in given.items()})


def test_a_worker_behind_a_broker_indexes_a_feed(shop: Shop) -> None:
    with shop.worker():
        first = shop.ask("index", str(shop.feed))
        assert (first["indexed"], first["unchanged"], first["encoded"]["text"]) == (PRODUCTS, 0, PRODUCTS)
        second = shop.ask("index", str(shop.feed))
        assert (second["indexed"], second["unchanged"], second["encoded"]["text"]) == (0, PRODUCTS, 0)
        found = shop.ask("search", "shoes")
        assert found["total"] > 0 and found["degraded"] == []


def test_two_workers_share_the_work(shop: Shop) -> None:
    with shop.worker(), shop.worker():
        assert shop.ask("index", str(shop.feed), "--full")["indexed"] == PRODUCTS


def test_what_a_killed_worker_held_comes_back_after_its_lease(shop: Shop) -> None:
    shop.variables["ETALAGE_CHUNK"] = str(PRODUCTS)
    with shop.indexing() as (command, progress):
        with shop.worker() as worker:
            until(lambda: progress().leased == 1)
            worker.kill()
            worker.wait()
        killed = time.monotonic()
        assert (progress().leased, progress().done) == (1, 0)
        with shop.worker():
            assert answer(command, shop.home.parent / "index.log")["indexed"] == PRODUCTS
        assert time.monotonic() - killed > LEASE / 2


def test_a_worker_that_is_told_to_end_ends_its_chunk_first(shop: Shop) -> None:
    with shop.indexing() as (command, progress):
        with shop.worker() as worker:
            until(lambda: progress().leased == 1)
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(PATIENCE) == 0
        now = progress()
        assert now.done >= 1 and (now.leased, now.dead) == (0, 0)
        with shop.worker():
            assert answer(command, shop.home.parent / "index.log")["indexed"] == PRODUCTS


def test_a_busy_worker_is_not_taken_for_dead(broker: str, tmp_path: Path) -> None:
    """No heartbeats are agreed on, which a worker could not answer during a long chunk."""
    app = make_app(Settings(home=tmp_path, broker=broker))
    with app.connection_for_read(heartbeat=app.conf.broker_heartbeat) as connection:
        connection.ensure_connection(timeout=5)
        assert not connection.get_heartbeat_interval()
