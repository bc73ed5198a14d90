"""The circuit breaker, on a clock that the tests move."""

from __future__ import annotations

import contextlib
import threading

import pytest

from etalage.core.errors import EngineError, EngineTimeout, EngineUnavailable, QueryError
from etalage.http.breaker import Breaker, CircuitOpen, State


class Clock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(failures=3, window=10.0, pause=1.0, clock=clock)


def fail(breaker: Breaker, error: Exception | None = None) -> None:
    error = error or EngineUnavailable("down")
    with pytest.raises(type(error)), breaker.guard():
        raise error


def opened(breaker: Breaker) -> Breaker:
    for _ in range(3):
        fail(breaker)
    assert breaker.state is State.OPEN
    return breaker


def refused(breaker: Breaker) -> float:
    """The call is refused without being made; the seconds it says to wait."""
    called = False
    with pytest.raises(CircuitOpen) as caught, breaker.guard():
        called = True
    assert not called and caught.value.kind == "engine_unavailable" and caught.value.status == 503
    return caught.value.retry_after


def test_closed_it_passes_calls_and_their_results(breaker: Breaker) -> None:
    assert breaker.call(divmod, 7, 2) == (3, 1)
    assert breaker.state is State.CLOSED


def test_failures_in_a_row_open_it(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    fail(breaker, EngineTimeout("slow"))
    assert breaker.state is State.CLOSED
    fail(breaker)
    assert breaker.state is State.OPEN
    clock.now += 0.25
    assert refused(breaker) == pytest.approx(0.75)


def test_an_answer_between_starts_the_count_anew(breaker: Breaker) -> None:
    for _ in range(5):
        fail(breaker)
        fail(breaker)
        breaker.call(int)
    assert breaker.state is State.CLOSED


def test_failures_far_apart_do_not_open_it(breaker: Breaker, clock: Clock) -> None:
    for _ in range(6):
        fail(breaker)
        clock.now += 5.01
    assert breaker.state is State.CLOSED
    clock.now -= 5.0
    fail(breaker)  # the third within 10 seconds
    assert breaker.state is State.OPEN


@pytest.mark.parametrize("error", [QueryError("a"), ValueError("a"), KeyboardInterrupt()])
def test_what_says_nothing_of_the_engine_neither_counts_nor_clears(breaker: Breaker, error: BaseException) -> None:
    fail(breaker)
    fail(breaker)
    with pytest.raises(type(error)), breaker.guard():
        raise error
    assert breaker.state is State.CLOSED
    fail(breaker)
    assert breaker.state is State.OPEN


def test_another_error_of_the_engine_is_an_answer(breaker: Breaker) -> None:
    fail(breaker)
    fail(breaker)
    fail(breaker, EngineError("no such index"))
    fail(breaker)
    assert breaker.state is State.CLOSED


def test_a_timeout_that_the_client_chose_does_not_count(breaker: Breaker) -> None:
    for _ in range(9):
        with pytest.raises(EngineTimeout), breaker.guard(timeouts=False):
            raise EngineTimeout("1 ms")
    assert breaker.state is State.CLOSED


def test_after_the_pause_one_probe_closes_it(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    clock.now += 0.99
    refused(breaker)
    clock.now += 0.01
    with breaker.guard():
        assert breaker.state is State.HALF_OPEN
        refused(breaker)
    assert breaker.state is State.CLOSED
    # It counts from nothing again.
    fail(breaker)
    fail(breaker)
    assert breaker.state is State.CLOSED


def test_a_probe_that_fails_opens_it_for_another_pause(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    clock.now += 1.0
    fail(breaker)
    assert breaker.state is State.OPEN
    assert refused(breaker) == pytest.approx(1.0)
    clock.now += 1.0
    breaker.call(int)
    assert breaker.state is State.CLOSED


def test_a_probe_that_says_nothing_lets_the_next_one_through_at_once(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    clock.now += 1.0
    fail(breaker, QueryError("a"))
    assert breaker.state is State.OPEN
    breaker.call(int)
    assert breaker.state is State.CLOSED


def test_a_probe_that_hangs_does_not_keep_the_next_from_being_sent(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    clock.now += 1.0
    with pytest.raises(EngineTimeout), breaker.guard():
        clock.now += 1.0
        breaker.call(int)  # the engine is back within the pause, and this one is answered
        assert breaker.state is State.CLOSED
        raise EngineTimeout("hung")
    assert breaker.state is State.CLOSED


def test_recovery_is_seen_within_five_seconds(clock: Clock) -> None:
    breaker = Breaker(clock=clock)
    for _ in range(5):
        fail(breaker)
    down = clock.now
    while breaker.state is not State.CLOSED:
        clock.now += 0.1
        with contextlib.suppress(CircuitOpen):
            breaker.call(int)
    assert clock.now - down < 1.2


def test_calls_from_before_it_opened_change_nothing(breaker: Breaker, clock: Clock) -> None:
    late, lost = breaker.guard(), breaker.guard()
    late.__enter__()
    lost.__enter__()
    opened(breaker)
    clock.now += 0.5
    late.__exit__(None, None, None)
    assert breaker.state is State.OPEN
    error = EngineUnavailable("down")
    assert not lost.__exit__(EngineUnavailable, error, None)
    assert refused(breaker) == pytest.approx(0.5)


def test_threads_share_it(clock: Clock) -> None:
    breaker = Breaker(failures=200, window=10.0, pause=1.0, clock=clock)
    barrier = threading.Barrier(8)
    passed = []

    def work() -> None:
        barrier.wait()
        for _ in range(25):
            try:
                with breaker.guard():
                    raise EngineUnavailable("down")
            except EngineUnavailable:
                continue

    def probe() -> None:
        barrier.wait()
        try:
            breaker.call(passed.append, 1)
        except CircuitOpen:
            passed.append(0)

    for target in (work, probe):
        threads = [threading.Thread(target=target) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if target is work:
            assert breaker.state is State.OPEN
            refused(breaker)
            clock.now += 1.0
    assert breaker.state is State.CLOSED and 1 in passed and len(passed) == 8
