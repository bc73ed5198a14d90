"""A circuit breaker: while the engine does not answer, requests fail at once instead of waiting for it.

Closed, every call passes. Enough failures in a row open it; then calls are refused, but one is let through after each
pause (half-open), and the first that is answered closes it. A probe that hangs does not keep the next from being sent.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import ParamSpec, TypeVar

from etalage.core.errors import EngineError, EngineTimeout, EngineUnavailable

P = ParamSpec("P")
T = TypeVar("T")


class State(StrEnum):
    """What a breaker does with calls: pass them, refuse them, or wait for the probe's answer."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class CircuitOpen(EngineUnavailable):
    """The call was refused; `retry_after` seconds are left until the next probe."""

    retry_after: float = 1.0

    @property
    def kind(self) -> str:
        return "engine_unavailable"


class Breaker:
    """Thread-safe; one per application.

    Args:
        failures: EngineUnavailable or EngineTimeout in a row that open it.
        window: seconds within which they must fall.
        pause: seconds before a probe, and between probes.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        failures: int = 5,
        window: float = 30.0,
        pause: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit, self._window, self._pause, self._clock = failures, window, pause, clock
        self._failed: deque[float] = deque(maxlen=failures)
        self._closed = True
        self._probe_at = 0.0
        self._probes = 0
        self._lock = threading.Lock()

    @property
    def state(self) -> State:
        """What it does now."""
        with self._lock:
            if self._closed:
                return State.CLOSED
            return State.HALF_OPEN if self._probes else State.OPEN

    @contextmanager
    def guard(self, *, timeouts: bool = True) -> Iterator[None]:
        """Let the block call the engine, and learn from how it ends.

        EngineUnavailable and EngineTimeout are failures; a block that ends well, or with another EngineError, was answered;
        any other exception says nothing about the engine.

        Args:
            timeouts: whether a timeout counts; not when the client chose the time, or it could open the breaker for all.

        Raises:
            CircuitOpen: the engine did not answer lately, and it is not yet time to try again.
        """
        probe = self._admit()
        try:
            yield
        except EngineTimeout:
            self._end(probe, answered=False if timeouts else None)
            raise
        except EngineUnavailable:
            self._end(probe, answered=False)
            raise
        except EngineError:
            self._end(probe, answered=True)
            raise
        except BaseException:
            self._end(probe, answered=None)
            raise
        self._end(probe, answered=True)

    def call(self, function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """`function(*args, **options)` under `guard()`. Raises what it raises, and CircuitOpen."""
        with self.guard():
            return function(*args, **options)

    def _admit(self) -> bool:
        """Whether the call that is let through is a probe."""
        with self._lock:
            if self._closed:
                return False
            now = self._clock()
            if now < self._probe_at:
                error = CircuitOpen(
                    "the engine did not answer the last requests", remedy="Try again; see /readyz for what is wrong."
                )
                error.retry_after = self._probe_at - now
                raise error
            self._probe_at = now + self._pause
            self._probes += 1
            return True

    def _end(self, probe: bool, answered: bool | None) -> None:
        with self._lock:
            self._probes -= probe
            # A call from before it opened tells nothing new.
            if not self._closed and not probe:
                return
            if answered:
                self._closed = True
                self._failed.clear()
            elif not self._closed:
                self._probe_at = self._clock() + self._pause if answered is False else self._clock()
            elif answered is False:
                self._fail()

    def _fail(self) -> None:
        now = self._clock()
        self._failed.append(now)
        if len(self._failed) == self._limit and now - self._failed[0] <= self._window:
            self._closed = False
            self._probe_at = now + self._pause
