"""Killing the index command or its worker, at any point, loses nothing and doubles nothing."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.settings import Settings
from etalage.demo import make_shop, write_feed
from indexer import documents
from opensearch.embedded import EmbeddedEngine
from opensearch.engine import Request

pytestmark = pytest.mark.worker

KILLS = 20


def start(home: Path, feed: Path) -> subprocess.Popen[bytes]:
    variables = {**os.environ, "ETALAGE_TEXT_MODEL": "hashing", "ETALAGE_CHUNK": "32"}
    variables.pop("ETALAGE_OPENSEARCH_URL", None)
    return subprocess.Popen(
        [sys.executable, "-m", "etalage", "index", str(feed), "--home", str(home), "--json"],
        env=variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def worker_of(command: subprocess.Popen[bytes]) -> int | None:
    """The process id of the command's worker, as soon as it has one; None when the command ends first."""
    while command.poll() is None:
        try:
            for child in Path(f"/proc/{command.pid}/task/{command.pid}/children").read_text().split():
                if b"worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return int(child)
        except FileNotFoundError:
            pass
        os.sched_yield()
    return None


def wait(command: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether the command ended within `seconds`."""
    try:
        command.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def test_killed_at_random_points_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    shop = make_shop(5, 1200)
    feed, home = tmp_path / "feed.jsonl.gz", tmp_path / "home"
    write_feed(shop, feed)
    generator = random.Random(17)
    kills = finished = 0
    while kills < KILLS:
        command = start(home, feed)
        if kills % 2:
            victim = worker_of(command)
            ended = wait(command, generator.uniform(0.0, 2.0))
            if victim is not None and not ended:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
                    kills += 1
        ended = wait(command, generator.uniform(0.5, 4.0))
        if not ended:
            command.kill()
            kills += 1
        _, told = command.communicate()
        if ended:
            finished += 1
            assert command.returncode == 0, told.decode()
            # Another shop state each time, so that there is work again to interrupt.
            shop = make_shop(5 + finished, 1200)
            write_feed(shop, feed)
    command = start(home, feed)
    _, told = command.communicate(timeout=120)
    assert command.returncode == 0, told.decode()

    engine = EmbeddedEngine(Settings(home=home))
    serving = engine.serving("products")
    assert serving is not None
    wanted = {product.id for product in shop.products}
    stored = list(engine.ids(serving.name))
    assert len(stored) == len(set(stored)) == engine.count(serving.name)
    assert set(stored) == wanted
    rows = engine.ledger(serving.name, stored)
    sources = engine.get(serving.name, stored)
    for one in stored:
        expected = documents.hashes(sources[one], HashingEncoder.fingerprint, b"")
        assert (rows[one].content, rows[one].encoded) == expected
    found = engine.candidates("products", Request("", size=2000))
    assert found.total == len(wanted)
    assert engine.jobs.unfinished("products") == []
    assert len(engine.generations("products")) <= 2
    engine.close()


def test_a_command_that_is_killed_resumes_where_it_stopped(tmp_path: Path) -> None:
    feed, home = tmp_path / "feed.jsonl.gz", tmp_path / "home"
    write_feed(make_shop(3, 1200), feed)
    command = start(home, feed)
    engine = EmbeddedEngine(Settings(home=home))
    deadline = time.monotonic() + 60
    done = 0
    while done < 3 and command.poll() is None and time.monotonic() < deadline:
        jobs = engine.jobs.unfinished("products")
        done = engine.jobs.progress(jobs[0].id).done if jobs else 0
    command.kill()
    command.communicate()
    before = engine.jobs.unfinished("products")
    assert [job.state for job in before] == ["running"]
    command = start(home, feed)
    _, told = command.communicate(timeout=120)
    assert command.returncode == 0, told.decode()
    # The same job went on: no second generation was begun.
    assert [one.name for one in engine.generations("products")] == [before[0].generation]
    engine.close()
