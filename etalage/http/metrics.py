"""What Prometheus reads: requests, stages, degraded answers, the indexing queue, and the circuit breaker."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Enum, Gauge, Histogram, ProcessCollector, generate_latest

from etalage.core.errors import EtalageError
from etalage.http.breaker import Breaker, State
from opensearch.engine import SearchEngine

log = logging.getLogger(__name__)

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_REQUEST: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_STAGE: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """The metrics of one application, in a registry of its own. Thread-safe."""

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker
        self._registry = own = CollectorRegistry()
        ProcessCollector(registry=own)
        self._requests = Counter("etalage_requests", "Requests answered.", ["route", "status"], registry=own)
        self._seconds = Histogram(
            "etalage_request_seconds", "Seconds to answer a request.", ["route"], registry=own, buckets=_REQUEST
        )
        self._stages = Histogram(
            "etalage_stage_seconds", "Seconds in a stage of a search.", ["stage"], registry=own, buckets=_STAGE
        )
        self._degraded = Counter("etalage_degraded", "Searches done without a step.", ["step"], registry=own)
        self._chunks = Gauge("etalage_chunks", "Chunks of unfinished indexing jobs.", ["state"], registry=own)
        self._jobs = Gauge("etalage_jobs", "Unfinished indexing jobs.", registry=own)
        self._readable = Gauge("etalage_queue_readable", "1 when the job table could be read.", registry=own)
        states = [str(state) for state in State]
        self._state = Enum("etalage_breaker", "The circuit breaker's state.", states=states, registry=own)

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count an answered request. `route` is a template, so that there are few."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def observe(self, timings: Mapping[str, float], degraded: Sequence[str]) -> None:
        """Count a search: milliseconds per stage, and the steps it was done without."""
        for stage, took in timings.items():
            self._stages.labels(stage).observe(took / 1000)
        for step in degraded:
            self._degraded.labels(step).inc()

    def text(self, engine: SearchEngine, indexes: Iterable[str]) -> bytes:
        """All of it in Prometheus' text format; the queue is looked at now. It never raises: while the job table cannot be
        read, or the breaker is not closed, `etalage_queue_readable` is 0 and the queue's numbers are missing or 0."""
        self._state.state(str(self._breaker.state))
        self._queue(engine, indexes)
        return generate_latest(self._registry)

    def _queue(self, engine: SearchEngine, indexes: Iterable[str]) -> None:
        jobs = waiting = leased = 0
        readable = self._breaker.state is State.CLOSED
        try:
            for index in indexes if readable else ():
                for job in engine.jobs.unfinished(index):
                    progress = engine.jobs.progress(job.id)
                    jobs, waiting, leased = jobs + 1, waiting + progress.waiting, leased + progress.leased
        except EtalageError as error:
            readable = False
            log.warning("the job table cannot be read: %s", error)
        except Exception as error:  # whatever it is, the other numbers must still be readable
            readable = False
            log.error("the job table cannot be read: %s", type(error).__name__)
        self._readable.set(readable)
        if not readable:
            jobs = waiting = leased = 0
        self._jobs.set(jobs)
        self._chunks.labels("waiting").set(waiting)
        self._chunks.labels("leased").set(leased)
