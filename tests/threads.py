"""Threads that put load on something while a test does something else."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import Self


class Threads(ABC):
    """Threads that each do `_run(number)`, which ends when `_stop` is set; within `with` they are at work."""

    def __init__(self, count: int, patience: float) -> None:
        self._stop, self._patience = threading.Event(), patience
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(count)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *told: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(self._patience)

    @abstractmethod
    def _run(self, number: int) -> None:
        """What one of them does."""
