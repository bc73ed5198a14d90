"""The embedded engine: everything in one folder, no server. SQLite is the truth, snapshots answer searches."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import orjson

from etalage.core.errors import EngineError
from etalage.core.records import Document, Floats
from etalage.core.settings import Settings
from opensearch import fields
from opensearch.embedded import dsl, snapshot, writing
from opensearch.embedded.jobs import SqliteJobs
from opensearch.embedded.store import Store
from opensearch.engine import Candidates, Generation, IndexSpec, LedgerRow, Outcome, Request, SearchEngine
from opensearch.jobs import JobTable

_SPOKEN: Final = "3.6.0"
"""The OpenSearch whose requests are understood."""


class EmbeddedEngine(SearchEngine):
    """An engine over the home folder of `settings`. Any number of processes may read; indexing is one process at a time
    (`lock.writer`), and SQLite orders the writes of its workers."""

    name = "embedded"

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.home / "engine"
        self._exact_limit = settings.exact_limit
        self._store = Store(self._folder)
        self._jobs = SqliteJobs(self._store)
        self._open: dict[str, snapshot.Snapshot] = {}
        self._guard = threading.Lock()

    @property
    def jobs(self) -> JobTable:
        return self._jobs

    def check(self) -> dict[str, Any]:
        mode = self._store.connection().execute("PRAGMA journal_mode").fetchone()[0]
        return {"engine": self.name, "version": fields.SCHEMA_VERSION, "home": str(self._folder), "journal": mode}

    # generations
    def create(self, index: str, spec: IndexSpec) -> Generation:
        with self._store.transaction() as db:
            last = db.execute(
                "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'generations'"
            ).fetchone()[0]
            name = f"{index}-{last + 1:06d}"
            db.execute(
                "INSERT INTO generations (name, idx, spec) VALUES (?, ?, ?)", (name, index, orjson.dumps(asdict(spec)))
            )
        return Generation(name, index, spec, serving=False)

    def generations(self, index: str) -> list[Generation]:
        rows = self._store.connection().execute(
            "SELECT name, idx, spec, serving FROM generations WHERE idx = ? ORDER BY number", (index,)
        )
        return [Generation(name, idx, IndexSpec(**orjson.loads(spec)), bool(on)) for name, idx, spec, on in rows]

    def swap(self, index: str, generation: str) -> None:
        with self._store.transaction() as db:
            known = db.execute("SELECT 1 FROM generations WHERE idx = ? AND name = ?", (index, generation)).fetchone()
            if known is None:
                raise _unknown(generation)
            db.execute("UPDATE generations SET serving = 0 WHERE idx = ?", (index,))
            db.execute("UPDATE generations SET serving = 1 WHERE name = ?", (generation,))

    def drop(self, generation: str) -> None:
        with self._store.transaction() as db:
            row = db.execute("SELECT number, serving FROM generations WHERE name = ?", (generation,)).fetchone()
            if row is not None and row[1]:
                raise EngineError(
                    "this generation serves searches", value=generation, remedy="Let another one serve before dropping."
                )
            if row is not None:
                db.execute("DELETE FROM documents WHERE generation = ?", (row[0],))
                db.execute("DELETE FROM generations WHERE number = ?", (row[0],))
        shutil.rmtree(self._folder / generation, ignore_errors=True)

    def _number(self, generation: str) -> int:
        row = (
            self._store.connection().execute("SELECT number FROM generations WHERE name = ?", (generation,)).fetchone()
        )
        if row is None:
            raise _unknown(generation)
        return int(row[0])

    # documents
    def write(self, generation: str, documents: Sequence[Document]) -> list[Outcome]:
        number = self._number(generation)
        row = self._store.connection().execute("SELECT spec FROM generations WHERE number = ?", (number,)).fetchone()
        spec = IndexSpec(**orjson.loads(row[0]))
        return writing.write(self._store, number, spec, documents)

    def delete(self, generation: str, ids: Iterable[str], *, version: int = 0) -> int:
        return writing.delete(self._store, self._number(generation), ids, version)

    def _select(self, generation: str, ids: Sequence[str], columns: str) -> Iterator[tuple[Any, ...]]:
        number, db = self._number(generation), self._store.connection()
        for some in (ids[start : start + writing.BATCH] for start in range(0, len(ids), writing.BATCH)):
            marks = ",".join("?" * len(some))
            yield from db.execute(
                f"SELECT id, {columns} FROM documents WHERE generation = ? AND id IN ({marks})", (number, *some)
            )

    def ledger(self, generation: str, ids: Sequence[str]) -> dict[str, LedgerRow]:
        return {row[0]: LedgerRow(*row[1:]) for row in self._select(generation, ids, "content, encoded, version")}

    def ids(self, generation: str) -> Iterator[str]:
        rows = self._store.connection().execute(
            "SELECT id FROM documents WHERE generation = ?", (self._number(generation),)
        )
        return (row[0] for row in rows)

    def get(self, generation: str, ids: Sequence[str], *, timeout: float | None = None) -> dict[str, dict[str, Any]]:
        return {row[0]: orjson.loads(row[1]) for row in self._select(generation, ids, "source")}

    def vectors(self, generation: str, ids: Sequence[str]) -> dict[str, tuple[Floats | None, Floats | None]]:
        rows = self._select(generation, ids, "vec_text, vec_image")
        return {row[0]: (writing.unpacked(row[1]), writing.unpacked(row[2])) for row in rows}

    def count(self, generation: str) -> int:
        row = self._store.connection().execute(
            "SELECT count(*) FROM documents WHERE generation = ?", (self._number(generation),)
        )
        return int(row.fetchone()[0])

    def mark(self, generation: str) -> str:
        number, db = self._number(generation), self._store.connection()
        return str(db.execute("SELECT seq FROM generations WHERE number = ?", (number,)).fetchone()[0])

    def refresh(self, generation: str) -> None:
        self._number(generation)
        snapshot.build(self._store, generation, self._folder / generation, self._exact_limit)

    # search
    def candidates(self, index: str, request: Request) -> Candidates:
        return self._snapshot(index).candidates(request)

    def search(
        self,
        index: str,
        body: Mapping[str, Any],
        *,
        timeout: float | None = None,
        params: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        return dsl.search(self._snapshot(index).catalog, body, timeout, params)

    def tally(self, index: str, body: Mapping[str, Any], *, timeout: float | None = None) -> int:
        return dsl.tally(self._snapshot(index).catalog, body, timeout)

    def document(self, index: str, id: str, *, timeout: float | None = None) -> dict[str, Any] | None:
        return dsl.document(self._snapshot(index).catalog, id)

    def _snapshot(self, index: str) -> snapshot.Snapshot:
        """The open snapshot of the serving generation; a newer one is opened when `CURRENT` names it."""
        row = (
            self._store.connection()
            .execute("SELECT name, spec FROM generations WHERE (idx = ? AND serving = 1) OR name = ?", (index, index))
            .fetchone()
        )
        if row is None:
            raise EngineError(
                "there is no such index", value=index, remedy="Make it with `etalage index FILE`, or check --home."
            )
        folder = self._folder / row[0]
        current = snapshot.read_current(folder)
        if current is None:
            self.refresh(row[0])
            current = snapshot.read_current(folder) or {}
        opened = self._open.get(row[0])
        if opened is None or opened.name != current["name"]:
            with self._guard:
                opened = self._open.get(row[0])
                if opened is None or opened.name != current["name"]:
                    spec = IndexSpec(**orjson.loads(row[1]))
                    self._open[row[0]] = opened = snapshot.Snapshot(folder / str(current["name"]), row[0], spec)
        if index != row[0] and len(self._open) > 1:
            self._forget(index, row[0])
        return opened

    def _forget(self, index: str, serving: str) -> None:
        """Let go of the snapshots of an index that do not serve: their files would stay open, and on the disk, for good."""
        with self._guard:
            for name in list(self._open):
                if name != serving and name.rpartition("-")[0] == index:
                    del self._open[name]

    def version(self) -> str:
        return _SPOKEN

    def health(self) -> dict[str, Any]:
        return {
            "cluster_name": "etalage",
            "status": "green",
            "timed_out": False,
            "number_of_nodes": 1,
            "number_of_data_nodes": 1,
            "discovered_master": True,
            "discovered_cluster_manager": True,
            "active_primary_shards": 1,
            "active_shards": 1,
            "relocating_shards": 0,
            "initializing_shards": 0,
            "unassigned_shards": 0,
            "delayed_unassigned_shards": 0,
            "number_of_pending_tasks": 0,
            "number_of_in_flight_fetch": 0,
            "task_max_waiting_in_queue_millis": 0,
            "active_shards_percent_as_number": 100.0,
        }

    # behaviour
    def append_events(self, kind: str, documents: Sequence[Mapping[str, Any]]) -> int:
        with self._store.transaction() as db:
            return sum(
                db.execute(
                    "INSERT OR IGNORE INTO events (kind, id, at, body) VALUES (?, ?, ?, ?)",
                    (kind, one["id"], one.get("timestamp", ""), orjson.dumps(dict(one))),
                ).rowcount
                for one in documents
            )

    def events(self, kind: str, since: str = "") -> Iterator[dict[str, Any]]:
        rows = self._store.connection().execute(
            "SELECT body FROM events WHERE kind = ? AND at >= ? ORDER BY at, id", (kind, since)
        )
        return (orjson.loads(row[0]) for row in rows)

    def forget(self, kind: str, ids: Iterable[str]) -> int:
        db = self._store.connection()
        db.execute("PRAGMA secure_delete = ON")
        with self._store.transaction() as db:
            removed = sum(db.execute("DELETE FROM events WHERE kind = ? AND id = ?", (kind, id)).rowcount for id in ids)
        # The log of what was written holds it until then.
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return removed

    def close(self) -> None:
        self._open.clear()
        self._store.close()


def _unknown(generation: str) -> EngineError:
    return EngineError("there is no such generation", value=generation, remedy="Index the catalog again.")
