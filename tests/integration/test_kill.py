"""Whatever is killed, at any instant, loses nothing and doubles nothing, and only complete catalogs serve.

`ETALAGE_KILLS` sets how many kills there are: two thirds hit the embedded engine, the rest a node with Redis
(`test_kill_node`).
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.errors import EngineTimeout, EngineUnavailable
from etalage.core.settings import Settings
from etalage.demo import make_shop
from etalage.demo.shop import feed_line
from indexer import documents
from opensearch.embedded import EmbeddedEngine
from opensearch.engine import Request, SearchEngine

pytestmark = pytest.mark.worker

KILLS = int(os.environ.get("ETALAGE_KILLS", "36"))
ON_A_NODE = KILLS // 3

PATIENCE = 120.0
"""Seconds in which a command that nobody kills has ended."""

ENDING = 0.4
"""Seconds in which a command ends once its chunks are done."""

CHUNK = 0.1
"""Seconds that a chunk takes, about."""

LOOKS = 0.03
"""Seconds between two looks of the observer."""

FEWEST, STEP = 420, 8
SHOP = make_shop(5, 1200).products


def size_of(state: int) -> int:
    """How many products a feed state has; it tells two states from each other, but for the pairs that differ in content."""
    return FEWEST + STEP * (state // 2 % ((len(SHOP) - FEWEST) // STEP))


def lines_of(state: int) -> list[dict[str, Any]]:
    """The lines of a feed: even states have another size than the one before, odd ones the same products, a third of them
    changed."""
    lines = [dict(feed_line(product)) for product in SHOP[: size_of(state)]]
    for line in lines[state % 3 :: 3]:
        line["title"] = f"{line['title']} edition {state}"
        line["price"] = 1000 + state
    return lines


def write_state(path: Path, state: int) -> list[str]:
    """Write a feed; the arguments that index it."""
    path.write_bytes(b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines_of(state)))
    return ["index", str(path), "--json"] + ([] if state % 2 else ["--full"])


def variables(**given: object) -> dict[str, str]:
    """The environment of a process of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ETALAGE_")}
    return kept | {"ETALAGE_TEXT_MODEL": "hashing", "ETALAGE_CHUNK": "32"} | {k: str(v) for k, v in given.items()}


def start(words: list[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    with open(log, "wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "etalage", *words], env=environment, stdout=output, stderr=subprocess.STDOUT
        )


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def ends(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether the process ends within `seconds`."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def worker_of(command: subprocess.Popen[bytes]) -> int | None:
    """The process id of the command's own worker, if it has one now."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for child in Path(f"/proc/{command.pid}/task/{command.pid}/children").read_text().split():
            if b"worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    return None


class Observer:
    """A thread that searches all the time, and notes each size of the catalog that it sees, in order."""

    def __init__(self, engine: SearchEngine) -> None:
        self.sizes: list[int] = []
        self.looked = 0
        self.failures: list[BaseException] = []
        self._engine, self._stop = engine, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Observer:
        self._thread.start()
        return self

    def __exit__(self, *told: object) -> None:
        self._stop.set()
        self._thread.join(PATIENCE)
        self._engine.close()

    def _run(self) -> None:
        served = False
        while not self._stop.wait(LOOKS):
            try:
                served = served or self._engine.serving("products") is not None
                if not served:
                    continue
                size = self._engine.candidates("products", Request("", size=1)).total
            except (EngineUnavailable, EngineTimeout):
                continue
            except Exception as error:  # whatever a search fails with is what this looks for
                self.failures.append(error)
                continue
            self.looked += 1
            if self.sizes[-1:] != [size]:
                self.sizes.append(size)

    def saw_only(self, states: int) -> None:
        """Only complete catalogs were seen, each after the one before it."""
        assert not self.failures, self.failures[:3]
        complete = iter([size_of(state) for state in range(0, states, 2)])
        assert all(size in complete for size in self.sizes), (self.sizes, states)
        assert self.looked > states


class Run:
    """Feeds that are indexed one after the other, while something is killed now and then."""

    def __init__(self, folder: Path, engine: SearchEngine, environment: Mapping[str, str]) -> None:
        self.engine, self.environment = engine, environment
        self.states = 0
        self.kills = Counter[str]()
        self.log, self.feed = folder / "command.log", folder / "feed.jsonl"
        self.command: subprocess.Popen[bytes] | None = None
        self._words = write_state(self.feed, 0)

    def under_way(self) -> subprocess.Popen[bytes]:
        """The command, started when none runs."""
        if self.command is None:
            self.command = start(self._words, self.environment, self.log)
        return self.command

    def ended(self, *, excused: bool = False) -> None:
        """Take note of the command's end: its state is indexed, unless it failed and is excused."""
        assert self.command is not None
        status, self.command = self.command.returncode, None
        if status and excused:
            return
        assert status == 0, self.log.read_text()
        sound(self.engine, {line["id"]: line["price"] for line in lines_of(self.states)})
        self.states += 1
        self._words = write_state(self.feed, self.states)

    def repeat(self, environment: Mapping[str, str], *more: str) -> None:
        """Index the last feed once more, elsewhere, where nobody kills."""
        command = start([*write_state(self.feed, self.states - 1), *more], environment, self.log)
        try:
            assert ends(command, PATIENCE) and command.returncode == 0, self.log.read_text()
        finally:
            kill(command)

    def kill(self) -> None:
        if self.command is not None:
            kill(self.command)
            self.command = None

    def share(self) -> float:
        """The share of chunks that are done; 1 when what is left is to finish."""
        with contextlib.suppress(EngineUnavailable, EngineTimeout):
            for job in self.engine.jobs.unfinished("products"):
                return self.engine.jobs.progress(job.id).done / job.chunks if job.chunks else 0.0
        return 0.0

    def moment(self, chance: random.Random, longest: float) -> bool:
        """Wait for the instant of a kill: any, or one while chunks are worked on, or one between the last and the end.
        False when the command ended first."""
        command, kind = self.under_way(), chance.choice(("any", "working", "ending"))
        if kind == "any":
            return not ends(command, chance.uniform(0.0, longest))
        wanted = chance.uniform(0.1, 0.9) if kind == "working" else 1.0
        deadline = time.monotonic() + longest
        while command.poll() is None and time.monotonic() < deadline and self.share() < wanted:
            time.sleep(0.005)
        return not ends(command, chance.uniform(0.0, ENDING if kind == "ending" else CHUNK))


def sound(engine: SearchEngine, prices: Mapping[str, int]) -> None:
    """The serving generation holds the products of these prices once each, with the hashes of what it holds, and no work
    is left."""
    serving = engine.serving("products")
    assert serving is not None
    stored = list(engine.ids(serving.name))
    assert len(stored) == len(prices) == engine.count(serving.name)
    rows, sources = engine.ledger(serving.name, stored), engine.get(serving.name, stored)
    assert {one: source["price"] for one, source in sources.items()} == prices
    for one in stored:
        expected = documents.hashes(sources[one], HashingEncoder.fingerprint, b"")
        assert (rows[one].content, rows[one].encoded) == expected
    assert engine.candidates("products", Request("", size=1)).total == len(prices)
    assert engine.jobs.unfinished("products") == []
    assert len(engine.generations("products")) <= 2


def same(killed: SearchEngine, clean: SearchEngine, clean_index: str) -> None:
    """Two indexes are equal item by item."""
    one, other = killed.serving("products"), clean.serving(clean_index)
    assert one is not None and other is not None and one.spec == other.spec
    ids = sorted(killed.ids(one.name))
    assert ids == sorted(clean.ids(other.name))
    assert killed.get(one.name, ids) == clean.get(other.name, ids)
    rows, wanted = killed.ledger(one.name, ids), clean.ledger(other.name, ids)
    vectors, expected = killed.vectors(one.name, ids), clean.vectors(other.name, ids)
    for id in ids:
        assert (rows[id].content, rows[id].encoded) == (wanted[id].content, wanted[id].encoded)
        assert vectors[id][1] is None and expected[id][1] is None
        np.testing.assert_array_equal(vectors[id][0], expected[id][0])


def told(run: Run, observer: Observer, began: float) -> None:
    kills = ", ".join(f"{count} of the {name}" for name, count in sorted(run.kills.items()))
    print(f"\n{kills}; {run.states} feeds, {observer.looked} looks, {time.monotonic() - began:.0f} s", end="")


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the command's worker is found in /proc")
def test_the_command_and_its_worker_are_killed(tmp_path: Path) -> None:
    chance, began = random.Random(17), time.monotonic()
    home = tmp_path / "home"
    run = Run(tmp_path, EmbeddedEngine(Settings(home=home)), variables(ETALAGE_HOME=home))
    with Observer(EmbeddedEngine(Settings(home=home))) as observer:
        try:
            assert ends(run.under_way(), PATIENCE)
            longest = time.monotonic() - began
            run.ended()
            while run.kills.total() < KILLS - ON_A_NODE:
                if not run.moment(chance, longest):
                    run.ended()
                    continue
                command = run.under_way()
                victim = chance.choice(("command", "worker", "command and worker"))
                worker = worker_of(command)
                if "worker" in victim and worker is not None:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(worker, signal.SIGKILL)
                elif "worker" in victim:
                    victim = "command"
                if "command" in victim:
                    run.kill()
                run.kills[victim] += 1
            assert ends(run.under_way(), PATIENCE), "the last run does not end"
            run.ended()
            run.repeat(variables(ETALAGE_HOME=tmp_path / "clean"))
        finally:
            run.kill()
    clean = EmbeddedEngine(Settings(home=tmp_path / "clean"))
    same(run.engine, clean, "products")
    clean.close()
    run.engine.close()
    told(run, observer, began)
    observer.saw_only(run.states)
