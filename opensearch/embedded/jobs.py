"""The job table in SQLite. Each change is one transaction, so that a lease has exactly one holder."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from opensearch.embedded.store import Store
from opensearch.jobs import MAX_ATTEMPTS, Chunk, Job, JobState, JobTable, Letter, Progress


class SqliteJobs(JobTable):
    """Jobs and chunks of one home."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def open(self, job: Job) -> None:
        with self._store.transaction() as db:
            db.execute("DELETE FROM jobs WHERE id = ?", (job.id,))
            db.execute(
                "INSERT INTO jobs (id, idx, generation, source, state, chunks, plan) VALUES (?, ?, ?, ?, ?, 0, ?)",
                (job.id, job.index, job.generation, job.source, JobState.PLANNING.value, orjson.dumps(dict(job.plan))),
            )

    def get(self, job: str) -> Job | None:
        return next(iter(self._jobs("id = ?", job)), None)

    def unfinished(self, index: str) -> list[Job]:
        return self._jobs("idx = ? AND state IN ('planning', 'running', 'paused') ORDER BY number", index)

    def recent(self, limit: int = 20) -> list[Job]:
        return self._jobs("1 ORDER BY number DESC LIMIT ?", limit)

    def turn(self, job: str, before: JobState, after: JobState) -> bool:
        with self._store.transaction() as db:
            changed = db.execute("UPDATE jobs SET state = ? WHERE id = ? AND state = ?", (after, job, before))
            return changed.rowcount == 1

    def _jobs(self, where: str, value: str | int) -> list[Job]:
        rows = self._store.connection().execute(
            f"SELECT id, idx, generation, source, state, chunks, plan FROM jobs WHERE {where}", (value,)
        )
        return [
            Job(a, b, c, d, JobState(state), chunks, orjson.loads(plan)) for a, b, c, d, state, chunks, plan in rows
        ]

    def add(self, job: str, number: int, payload: bytes) -> None:
        with self._store.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO chunks (job, number, state, payload) VALUES (?, ?, 'waiting', ?)",
                (job, number, payload),
            )

    def start(self, job: str, chunks: int, plan: Mapping[str, Any]) -> None:
        with self._store.transaction() as db:
            db.execute(
                "UPDATE jobs SET state = ?, chunks = ?, plan = ? WHERE id = ?",
                (JobState.RUNNING.value, chunks, orjson.dumps(dict(plan)), job),
            )

    def lease(self, job: str, number: int, owner: str, seconds: float) -> Chunk | None:
        now = time.time()
        with self._store.transaction() as db:
            row = db.execute(
                "SELECT state, until, attempt, payload FROM chunks WHERE job = ? AND number = ?", (job, number)
            ).fetchone()
            if row is None or not (row[0] == "waiting" or (row[0] == "leased" and row[1] <= now)):
                return None
            if row[2] >= MAX_ATTEMPTS:
                db.execute(
                    "UPDATE chunks SET state = 'dead', reason = CASE reason WHEN '' THEN ? ELSE reason END"
                    " WHERE job = ? AND number = ?",
                    (f"leased {MAX_ATTEMPTS} times without completing", job, number),
                )
                return None
            db.execute(
                "UPDATE chunks SET state = 'leased', owner = ?, until = ?, attempt = attempt + 1"
                " WHERE job = ? AND number = ?",
                (owner, now + seconds, job, number),
            )
            return Chunk(job, number, row[2] + 1, row[3])

    def complete(self, job: str, number: int, owner: str, result: Mapping[str, Any]) -> bool:
        with self._store.transaction() as db:
            changed = db.execute(
                "UPDATE chunks SET state = 'done', result = ? WHERE job = ? AND number = ? AND owner = ?"
                " AND state = 'leased'",
                (orjson.dumps(dict(result)), job, number, owner),
            )
            return changed.rowcount == 1

    def fail(self, job: str, number: int, owner: str, reason: str, *, retry: bool) -> None:
        with self._store.transaction() as db:
            db.execute(
                "UPDATE chunks SET state = ?, reason = ?, until = 0 WHERE job = ? AND number = ? AND owner = ?"
                " AND state = 'leased'",
                ("waiting" if retry else "dead", reason, job, number, owner),
            )

    def release(self, job: str, owner: str | None = None) -> None:
        with self._store.transaction() as db:
            if owner is None:
                db.execute(
                    "UPDATE chunks SET state = 'waiting', attempt = 0, until = 0 WHERE job = ? AND state = 'leased'",
                    (job,),
                )
                return
            db.execute(
                "UPDATE chunks SET state = 'waiting', until = 0 WHERE job = ? AND state = 'leased' AND owner = ?",
                (job, owner),
            )

    def available(self, job: str, limit: int = 1000) -> Sequence[int]:
        rows = self._store.connection().execute(
            "SELECT number FROM chunks WHERE job = ? AND (state = 'waiting' OR (state = 'leased' AND until <= ?))"
            " ORDER BY number LIMIT ?",
            (job, time.time(), limit),
        )
        return [row[0] for row in rows]

    def progress(self, job: str) -> Progress:
        db = self._store.connection()
        counts = dict(db.execute("SELECT state, count(*) FROM chunks WHERE job = ? GROUP BY state", (job,)).fetchall())
        reasons = db.execute("SELECT reason FROM chunks WHERE job = ? AND state = 'dead' ORDER BY number", (job,))
        waiting, leased, done, dead = (counts.get(state, 0) for state in ("waiting", "leased", "done", "dead"))
        return Progress(waiting, leased, done, dead, tuple(row[0] for row in reasons))

    def results(self, job: str) -> Iterator[Mapping[str, Any]]:
        rows = self._store.connection().execute(
            "SELECT result FROM chunks WHERE job = ? AND state = 'done' ORDER BY number", (job,)
        )
        return (orjson.loads(row[0]) for row in rows)

    def payloads(self, job: str) -> Iterator[bytes]:
        rows = self._store.connection().execute("SELECT payload FROM chunks WHERE job = ? ORDER BY number", (job,))
        return (row[0] for row in rows)

    def finish(self, job: str, state: JobState) -> None:
        with self._store.transaction() as db:
            db.execute("UPDATE jobs SET state = ? WHERE id = ?", (state.value, job))
            db.execute("DELETE FROM chunks WHERE job = ?", (job,))

    # dead letters
    def bury(self, index: str, moment: int, letters: Sequence[tuple[str, str, bytes]]) -> None:
        with self._store.transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO dead_letters (idx, id, reason, moment, payload) VALUES (?, ?, ?, ?, ?)",
                [(index, id, reason, moment, payload) for id, reason, payload in letters],
            )

    def letters(self, index: str) -> Iterator[Letter]:
        rows = self._store.connection().execute(
            "SELECT id, reason, moment, payload FROM dead_letters WHERE idx = ? ORDER BY id", (index,)
        )
        return (Letter(*row) for row in rows)

    def exhume(self, index: str, until: int, ids: Sequence[str] | None = None) -> int:
        which = "idx = ? AND moment <= ?"
        with self._store.transaction() as db:
            if ids is None:
                return db.execute(f"DELETE FROM dead_letters WHERE {which}", (index, until)).rowcount
            return sum(
                db.execute(f"DELETE FROM dead_letters WHERE {which} AND id = ?", (index, until, one)).rowcount
                for one in ids
            )
