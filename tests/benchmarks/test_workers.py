"""Two worker processes behind a broker beside one: what a second machine would add, on two cores."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from etalage.core.encoders import Encoder
from etalage.core.settings import Settings, load
from opensearch.embedded import EmbeddedEngine

from ..integration import conftest as servers
from .conftest import note, sampled

pytestmark = [pytest.mark.redis, pytest.mark.worker]

redis_url = servers.redis_url

PRODUCTS = 3000
CHUNK = 64
PATIENCE = 300.0


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Products from all over the catalog: Icecat where it lies beside the project, else a sample shop."""
    return sampled(tmp_path_factory.mktemp("workers") / "feed.jsonl", PRODUCTS, every=6)


@contextmanager
def running(variables: dict[str, str], log: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of `etalage`, ended with the block."""
    with open(log, "ab") as file:
        process = subprocess.Popen([sys.executable, "-m", "etalage", *words], env=variables, stdout=file, stderr=file)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE)


def rate(home: Path, feed: Path, broker: str, workers: int) -> float:
    """Products a second that so many workers encode and write, each with one thread, while all of them have work: without the
    first chunks, in which they load the encoder, and without the last, for which not all are needed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ETALAGE_")}
    given = {"HOME": home, "BROKER": broker, "MODELS": load().models.absolute(), "THREADS": 1, "CHUNK": CHUNK}
    variables = kept | {f"ETALAGE_{name}": str(value) for name, value in given.items()}
    log = home.parent / f"{home.name}.log"
    engine = EmbeddedEngine(Settings(home=home))
    first, last = 3 * workers, -(-PRODUCTS // CHUNK) - workers
    reached: dict[int, float] = {}
    try:
        with ExitStack() as stack:
            for _ in range(workers):
                stack.enter_context(running(variables, log, "worker"))
            command = stack.enter_context(running(variables, log, "index", str(feed)))
            deadline = time.monotonic() + PATIENCE
            while command.poll() is None:
                assert time.monotonic() < deadline, "it took too long"
                jobs = engine.jobs.unfinished("products")
                done = engine.jobs.progress(jobs[0].id).done if jobs else 0
                reached.setdefault(done, time.perf_counter())
                time.sleep(0.02)
            assert command.returncode == 0, log.read_text()
    finally:
        engine.close()
    begin, end = (min(one for one in reached if one >= wanted) for wanted in (first, last))
    return (end - begin) * CHUNK / (reached[end] - reached[begin])


def test_two_workers(benchmark: Any, feed: Path, encoder: Encoder, redis_url: str, tmp_path: Path) -> None:
    """The same feed by one worker and by two. The target is half as fast again."""
    assert encoder.name  # exported, so that no worker does it
    one = rate(tmp_path / "one", feed, redis_url, 1)
    two = benchmark.pedantic(rate, args=(tmp_path / "two", feed, redis_url, 2), rounds=1)
    note("two_workers", two, one, "docs/s")
