"""The truth of the embedded engine: one SQLite database in WAL mode.

Documents, generations, the job table and behaviour live here; everything a search reads (`snapshot.py`) is derived from it
and can be made again. Each generation counts its operations (`seq`), so that a snapshot knows whether it is current; `words` is the
last one that changed more than numbers.
"""

from __future__ import annotations

import sqlite3
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from etalage.core.errors import EngineError, EngineTimeout, EngineUnavailable

VERSION: Final = 2

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS generations (
    number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE NOT NULL, idx TEXT NOT NULL, spec BLOB NOT NULL,
    serving INTEGER NOT NULL DEFAULT 0, seq INTEGER NOT NULL DEFAULT 0, words INTEGER NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX IF NOT EXISTS one_serving ON generations (idx) WHERE serving = 1;
CREATE TABLE IF NOT EXISTS documents (
    generation INTEGER NOT NULL REFERENCES generations (number) ON DELETE CASCADE, id TEXT NOT NULL,
    content TEXT NOT NULL, encoded TEXT NOT NULL, source BLOB NOT NULL, terms BLOB NOT NULL, record BLOB NOT NULL,
    vec_text BLOB, vec_image BLOB, version INTEGER NOT NULL DEFAULT 0, seq INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (generation, id));
CREATE INDEX IF NOT EXISTS documents_seq ON documents (generation, seq);
CREATE TABLE IF NOT EXISTS tombstones (
    generation INTEGER NOT NULL REFERENCES generations (number) ON DELETE CASCADE, id TEXT NOT NULL,
    version INTEGER NOT NULL, PRIMARY KEY (generation, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dead_letters (
    idx TEXT NOT NULL, id TEXT NOT NULL, reason TEXT NOT NULL, moment INTEGER NOT NULL, payload BLOB NOT NULL,
    PRIMARY KEY (idx, id));
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, idx TEXT NOT NULL, generation TEXT NOT NULL,
    source TEXT NOT NULL, state TEXT NOT NULL, chunks INTEGER NOT NULL, plan BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS chunks (
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, number INTEGER NOT NULL, state TEXT NOT NULL,
    owner TEXT NOT NULL DEFAULT '', until REAL NOT NULL DEFAULT 0, attempt INTEGER NOT NULL DEFAULT 0,
    payload BLOB NOT NULL, result BLOB, reason TEXT NOT NULL DEFAULT '', PRIMARY KEY (job, number));
CREATE TABLE IF NOT EXISTS events (
    kind TEXT NOT NULL, id TEXT NOT NULL, at TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS events_at ON events (kind, at);
"""

_FROM_1: Final = """
ALTER TABLE generations ADD COLUMN words INTEGER NOT NULL DEFAULT 0;
ALTER TABLE documents ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE documents ADD COLUMN seq INTEGER NOT NULL DEFAULT 0
"""
"""What a home of version 1 lacks beside the tables and indexes of the schema."""


class Store:
    """Connections to the database of one home: one per thread, made on first use."""

    def __init__(self, folder: Path, *, patience: float = 30.0) -> None:
        """`patience` is how long, in seconds, a write waits for another process's transaction.

        Raises:
            EngineUnavailable: the folder cannot be written or the file is not a database.
            EngineError: the database was written by another version.
        """
        self.folder = folder
        self.path = folder / "truth.db"
        self._patience = patience
        self._local = threading.local()
        self._open: weakref.WeakSet[_Held] = weakref.WeakSet()
        self._guard = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EngineUnavailable(
                f"the home cannot be created ({error.strerror})", value=folder, remedy="Choose another with --home."
            ) from error
        with self.transaction() as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version not in range(VERSION + 1):
                raise EngineError(
                    f"the home was written by version {version} of the store, this one reads {VERSION}",
                    value=self.path,
                    remedy="Index the catalog again into a new --home.",
                )
            if version == VERSION:
                return
        with self.transaction() as db:
            # Another process may have been faster.
            version = db.execute("PRAGMA user_version").fetchone()[0]
            for statement in (_FROM_1 if version == 1 else "").split(";") + _SCHEMA.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {VERSION}")

    def connection(self) -> sqlite3.Connection:
        """This thread's connection, in autocommit mode."""
        held: _Held | None = getattr(self._local, "held", None)
        if held is None:
            try:
                db = sqlite3.connect(self.path, timeout=self._patience, isolation_level=None, check_same_thread=False)
                db.execute("PRAGMA journal_mode = WAL")
            except sqlite3.Error as error:
                raise unavailable(error, self.path) from error
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA foreign_keys = ON")
            self._local.held = held = _Held(db)
            with self._guard:
                self._open.add(held)
        return held.db

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction, durable after the `with` block, rolled back by an exception in it.

        Raises:
            EngineTimeout: another process kept the database locked for longer than the patience.
            EngineUnavailable: the database cannot be read or written.
        """
        db = self.connection()
        try:
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise unavailable(error, self.path) from error
        try:
            yield db
            db.execute("COMMIT")
        except BaseException as error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError):
                raise unavailable(error, self.path) from error
            raise

    def close(self) -> None:
        """Close every thread's connection."""
        with self._guard:
            for held in list(self._open):
                held.db.close()
            self._open.clear()
        self._local = threading.local()


class _Held:
    """A thread's connection: closed when the thread ends, since a server's threads come and go."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db

    def __del__(self) -> None:
        self.db.close()


def unavailable(error: sqlite3.Error, path: Path) -> EngineError:
    """The store's error for a SQLite error: a timeout when it was locked, else unavailable."""
    if "locked" in str(error) or "busy" in str(error):
        return EngineTimeout("the home stayed locked by another process", value=path, remedy="Try again.")
    return EngineUnavailable(
        f"the home's database cannot be used ({error})", value=path, remedy="Check the disk, or use another --home."
    )
