"""Worker processes: the body of `etalage worker`, and one that the index command starts and ends itself."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from etalage.core.settings import Settings
from workers.celery_app import QUEUE, UPKEEP, make_app

log = logging.getLogger(__name__)

_PARENT: Final = "ETALAGE_WORKER_PARENT"


def run(settings: Settings, concurrency: int = 1) -> None:
    """Work until told to stop (TERM), or until the process that started us is gone.

    A single worker runs tasks in its own process (`solo`), more are forked.
    """
    os.environ.update(environment(settings))
    parent = os.environ.get(_PARENT)
    if parent is not None:
        threading.Thread(target=_follow, args=(int(parent),), daemon=True).start()
    app = make_app(settings)
    pool = ["--pool", "solo"] if concurrency == 1 else ["--pool", "prefork", "--concurrency", str(concurrency)]
    app.worker_main(
        ["worker", "--queues", f"{QUEUE},{UPKEEP}", "--loglevel", "WARNING", "--without-gossip", "--without-mingle"]
        + ["--without-heartbeat", *pool]
    )


def _follow(parent: int) -> None:
    """End at once when the parent is gone: its leases are then given back, and two generations of workers never meet."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)


def environment(settings: Settings) -> Mapping[str, str]:
    """The settings as environment variables, for a child process."""
    values: dict[str, str] = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if value is None:
            continue
        if isinstance(value, SecretStr):
            value = value.get_secret_value()
        if isinstance(value, Path):
            value = value.absolute()
        values[f"ETALAGE_{name.upper()}"] = str(value)
    return values


class OwnWorker:
    """A worker process of our own, restarted when it dies.

    Attributes:
        pid: of the running process.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._log = settings.home / "worker.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process; its output goes to `worker.log` in the home."""
        variables = {**os.environ, **environment(self._settings), _PARENT: str(os.getpid())}
        with open(self._log, "ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "etalage", "worker"], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env=variables,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        return self._process.pid if self._process is not None else 0

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def tail(self, lines: int = 5) -> str:
        """The end of its log."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:]) if self._log.exists() else ""

    def stop(self, patience: float = 5.0) -> None:
        """End it: TERM, then KILL after `patience` seconds."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
