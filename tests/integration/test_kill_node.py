"""Node, Redis, worker and index command are killed at any instant: nothing is lost or doubled, only complete catalogs serve.

Redis keeps nothing, so its messages are lost with it: the job table alone knows what there is to do.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from etalage.core.settings import Settings
from opensearch.cluster import ClusterEngine

from ..conftest import unavailable
from .test_kill import ON_A_NODE, PATIENCE, Observer, Run, ends, kill, same, start, told, variables
from .test_outage import command_of, healthy, own_node, until

pytestmark = [pytest.mark.node, pytest.mark.redis, pytest.mark.worker]

LONGEST = 6.0
"""Seconds within which a kill follows the one before."""

LEASE = 3
"""Seconds that a worker may hold a chunk."""


class Redis:
    """A Redis server that keeps nothing: killed, it has lost every message."""

    def __init__(self, command: str, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._arguments = [command, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder)]
        self._arguments += ["--save", "", "--appendonly", "no"]
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._arguments, stdout=subprocess.DEVNULL)
        until(self._answers)

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


class Ours:
    """A node that can be killed and started again over the same data."""

    def __init__(self, url: str, pid: int, log: Path) -> None:
        self.url, self.pid, self._log = url, pid, log
        self._arguments, self._variables, self._folder = command_of(pid)
        self._owner = Path(f"/proc/{pid}").stat()
        self._again: subprocess.Popen[bytes] | None = None

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        if self._again is not None:
            self._again.wait()

    def start(self) -> None:
        root = os.geteuid() == 0
        with open(self._log, "wb") as log:
            again = self._again = subprocess.Popen(
                self._arguments, env=self._variables, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                user=self._owner.st_uid if root else None, group=self._owner.st_gid if root else None,
                extra_groups=[] if root else None,
            )  # fmt: skip
        self.pid = again.pid
        until(lambda: again.poll() is not None or healthy(self.url))
        assert again.poll() is None, self._log.read_text()[-2000:]

    def end(self) -> None:
        if self._again is not None:
            kill(self._again)


def victims(chance: random.Random) -> Iterator[str]:
    """Who is killed: worker and command more often than what takes long to come back."""
    while True:
        bag = ["command"] * 4 + ["worker"] * 3 + ["redis"] * 2 + ["node"]
        chance.shuffle(bag)
        yield from bag


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="a node's command line is read from /proc")
def test_node_redis_worker_and_command_are_killed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    server = shutil.which("redis-server")
    if server is None:
        unavailable("redis", "redis-server is not installed")
        return
    caplog.set_level(logging.CRITICAL, "opensearch")  # the observer's searches fail by the thousand
    chance, began, home = random.Random(23), time.monotonic(), tmp_path / "home"
    with own_node(tmp_path / "node") as started, contextlib.ExitStack() as ending:
        node = Ours(started.url, started.pid, tmp_path / "node.log")
        ending.callback(node.end)
        redis = Redis(server, tmp_path)
        ending.callback(lambda: kill(redis.process))
        environment = variables(
            ETALAGE_HOME=home, ETALAGE_OPENSEARCH_URL=node.url, ETALAGE_BROKER=redis.url, ETALAGE_LEASE=LEASE
        )
        settings = Settings(home=home, opensearch_url=node.url, opensearch_timeout=30)
        run = Run(tmp_path, ClusterEngine(settings), environment)
        ending.callback(run.engine.close)
        ending.callback(run.kill)
        observer = ending.enter_context(Observer(ClusterEngine(settings)))
        workers = [start(["worker"], environment, tmp_path / "worker.log")]
        ending.callback(lambda: kill(workers[-1]))

        def supervise() -> None:
            """Start the worker again when it has ended, as whoever runs it would."""
            if workers[-1].poll() is not None:
                workers.append(start(["worker"], environment, tmp_path / "worker.log"))

        def finish(*, excused: bool) -> None:
            deadline = time.monotonic() + PATIENCE
            while not ends(run.under_way(), 0.1):
                supervise()
                assert time.monotonic() < deadline, run.log.read_text()
            run.ended(excused=excused)

        finish(excused=False)
        shaken = False  # what lost its node or broker may say so and end; it is run again
        for victim in itertools.islice(victims(chance), ON_A_NODE):
            while not run.moment(chance, LONGEST):
                run.ended(excused=shaken)
                shaken = False
                supervise()
            run.kills[victim] += 1
            shaken = shaken or victim in ("redis", "node")
            if victim == "command":
                run.kill()
            elif victim == "worker":
                kill(workers[-1])
            elif victim == "redis":
                kill(redis.process)
                time.sleep(chance.uniform(0.0, 1.0))
                redis.start()
            else:
                node.kill()
                time.sleep(chance.uniform(0.0, 1.0))
                node.start()
            supervise()
        indexed = run.states
        finish(excused=shaken)
        if run.states == indexed:
            finish(excused=False)
        run.repeat(environment, "--index", "clean")
        clean = ClusterEngine(settings)
        same(run.engine, clean, "clean")
        clean.close()
        told(run, observer, began)
    observer.saw_only(run.states)
