"""The job table: what indexing work there is, who holds it, and what became of it.

The table is the truth; broker messages are only wake-ups that may be lost or repeated. A chunk is leased for a time; a
lease that expires makes the chunk available again, so a killed worker loses nothing. Completing is idempotent: only the
holder of the lease completes, and writing a document twice stores it once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

MAX_ATTEMPTS: Final = 4
"""Leases of one chunk before it is dead-lettered."""


class JobState(StrEnum):
    """Life of a job: its chunks are still being planned, then worked on, unless it is paused; then it is finished, failed or
    cancelled."""

    PLANNING = "planning"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FINISHED = "finished"
    FAILED = "failed"


UNFINISHED: Final = (JobState.PLANNING, JobState.RUNNING, JobState.PAUSED)
"""States of a job that still has work, or may have."""


@dataclass(frozen=True, slots=True)
class Job:
    """One run of the index command. `source` identifies the feed's content and mapping, so that the same command resumes;
    `plan` holds what planning found (counts, mapping, quarantined rows), JSON values."""

    id: str
    index: str
    generation: str
    source: str
    state: JobState = JobState.PLANNING
    chunks: int = 0
    plan: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A leased chunk with its payload (opaque bytes)."""

    job: str
    number: int
    attempt: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Letter:
    """A product that the engine refused, with the reason, when it was so (milliseconds since 1970), and its payload."""

    id: str
    reason: str
    moment: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Progress:
    """Numbers of chunks by state; `reasons` of the dead ones."""

    waiting: int
    leased: int
    done: int
    dead: int
    reasons: tuple[str, ...] = ()


class JobTable(ABC):
    """Implemented by SQLite (embedded) and by an index with optimistic concurrency (cluster)."""

    @abstractmethod
    def open(self, job: Job) -> None:
        """Store a new job in state PLANNING. An unfinished job with the same id is replaced, its chunks removed."""

    @abstractmethod
    def get(self, job: str) -> Job | None:
        """The job, or None."""

    @abstractmethod
    def unfinished(self, index: str) -> list[Job]:
        """Jobs of an index in a state of `UNFINISHED`, oldest first."""

    @abstractmethod
    def recent(self, limit: int = 20) -> list[Job]:
        """The last jobs of all indexes, newest first."""

    @abstractmethod
    def turn(self, job: str, before: JobState, after: JobState) -> bool:
        """Change a job's state from `before` to `after`; False when it was another."""

    @abstractmethod
    def add(self, job: str, number: int, payload: bytes) -> None:
        """Store chunk `number` (0-based), waiting."""

    @abstractmethod
    def start(self, job: str, chunks: int, plan: Mapping[str, Any]) -> None:
        """Planning is complete: RUNNING with so many chunks."""

    @abstractmethod
    def lease(self, job: str, number: int, owner: str, seconds: float) -> Chunk | None:
        """Take a chunk that is waiting, or whose lease has expired. None when it is done, dead, unknown, or held. A chunk
        that was leased `MAX_ATTEMPTS` times without completing becomes dead instead."""

    @abstractmethod
    def complete(self, job: str, number: int, owner: str, result: Mapping[str, Any]) -> bool:
        """Mark done and keep the result; False when `owner` no longer holds the chunk."""

    @abstractmethod
    def fail(self, job: str, number: int, owner: str, reason: str, *, retry: bool) -> None:
        """Give a held chunk back (waiting) to be retried, or make it dead with the reason."""

    @abstractmethod
    def release(self, job: str, owner: str | None = None) -> None:
        """Give back what a dead owner holds, at once. With no owner, every lease: then the attempts start anew too, since
        the command that counted them is gone."""

    @abstractmethod
    def available(self, job: str, limit: int = 1000) -> Sequence[int]:
        """Chunks that can be leased now: waiting or with an expired lease, by number."""

    @abstractmethod
    def progress(self, job: str) -> Progress:
        """Counts by state."""

    @abstractmethod
    def results(self, job: str) -> Iterator[Mapping[str, Any]]:
        """Results of the done chunks, by number."""

    @abstractmethod
    def payloads(self, job: str) -> Iterator[bytes]:
        """Payloads of all chunks, by number."""

    @abstractmethod
    def finish(self, job: str, state: JobState) -> None:
        """FINISHED or FAILED; the chunks are removed."""

    # dead letters
    @abstractmethod
    def bury(self, index: str, moment: int, letters: Sequence[tuple[str, str, bytes]]) -> None:
        """Keep refused products, (id, reason, payload) each; a later one of the same id replaces the earlier."""

    @abstractmethod
    def letters(self, index: str) -> Iterator[Letter]:
        """Refused products of an index, by id."""

    @abstractmethod
    def exhume(self, index: str, until: int, ids: Sequence[str] | None = None) -> int:
        """Remove letters up to a moment, all of them or those of `ids`; how many there were."""
