"""The database of a home."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from etalage.core.errors import EngineError, EngineTimeout, EngineUnavailable
from opensearch.embedded import store as stores
from opensearch.embedded.store import Store, unavailable

KILLED = """
import os, sys
from pathlib import Path
from opensearch.embedded.store import Store

store = Store(Path(sys.argv[1]))
with store.transaction() as db:
    db.execute("INSERT INTO events VALUES ('k', 'durable', '', '')")
with store.transaction() as db:
    db.execute("INSERT INTO events VALUES ('k', 'half done', '', '')")
    os._exit(9)
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "engine", patience=0.05)
    yield made
    made.close()


def add(store: Store, key: str) -> None:
    with store.transaction() as db:
        db.execute("INSERT INTO events VALUES ('k', ?, '', '')", (key,))


def keys(store: Store) -> list[str]:
    return [row[0] for row in store.connection().execute("SELECT id FROM events ORDER BY id")]


def test_a_new_home_has_the_schema_and_its_version(store: Store) -> None:
    db = store.connection()
    assert db.execute("PRAGMA user_version").fetchone() == (stores.VERSION,)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert db.execute("PRAGMA foreign_keys").fetchone() == (1,)
    tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert tables >= {"generations", "documents", "jobs", "chunks", "events"}


def test_a_transaction_is_kept_or_undone(store: Store) -> None:
    add(store, "a")
    with pytest.raises(KeyError), store.transaction() as db:
        db.execute("INSERT INTO events VALUES ('k', 'b', '', '')")
        raise KeyError
    assert keys(store) == ["a"]
    add(store, "c")
    assert keys(store) == ["a", "c"]


def test_a_broken_rule_of_the_schema_is_undone_and_shown(store: Store) -> None:
    add(store, "a")
    with pytest.raises(sqlite3.IntegrityError):
        add(store, "a")
    with pytest.raises(EngineUnavailable, match="no such table"), store.transaction() as db:
        db.execute("INSERT INTO missing VALUES (1)")
    add(store, "b")
    assert keys(store) == ["a", "b"]


def test_what_is_written_is_there_when_opened_again(store: Store) -> None:
    add(store, "a")
    store.close()
    again = Store(store.folder)
    assert keys(again) == ["a"]
    again.close()


def test_a_killed_writer_leaves_what_it_finished(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], timeout=60, check=False)
    assert done.returncode == 9
    store = Store(tmp_path)
    assert keys(store) == ["durable"]
    add(store, "next")
    store.close()


def test_each_thread_has_its_own_connection_and_close_closes_all(store: Store) -> None:
    found: list[sqlite3.Connection] = []
    thread = threading.Thread(target=lambda: found.append(store.connection()))
    thread.start()
    thread.join()
    assert found[0] is not store.connection() and store.connection() is store.connection()
    store.close()
    for db in found:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            db.execute("SELECT 1")


def test_threads_write_one_after_the_other(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def many(letter: str) -> None:
        for number in range(20):
            add(store, f"{letter}-{number:02d}")

    threads = [threading.Thread(target=many, args=(letter,)) for letter in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys(store)) == 60
    store.close()


def test_a_locked_home_is_a_timeout_that_may_be_tried_again(store: Store) -> None:
    other = Store(store.folder, patience=0.05)
    with other.transaction(), pytest.raises(EngineTimeout, match="stayed locked") as caught:
        add(store, "a")
    assert caught.value.retryable
    # Reading is never kept waiting by a writer.
    with other.transaction() as db:
        db.execute("INSERT INTO events VALUES ('k', 'b', '', '')")
        assert keys(store) == []
    assert keys(store) == ["b"]
    other.close()


def test_a_home_of_another_version_is_refused(store: Store) -> None:
    store.connection().execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(EngineError, match="version 99 of the store, this one reads 2") as caught:
        Store(store.folder).close()
    assert "new --home" in caught.value.remedy


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "truth.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(EngineUnavailable, match="not a database"):
        Store(tmp_path)


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("x")
    with pytest.raises(EngineUnavailable, match="cannot be created.*--home"):
        Store(tmp_path / "home" / "engine")


def test_errors_are_told_apart(tmp_path: Path) -> None:
    assert isinstance(unavailable(sqlite3.OperationalError("database is locked"), tmp_path), EngineTimeout)
    assert isinstance(unavailable(sqlite3.OperationalError("disk is full"), tmp_path), EngineUnavailable)


def test_a_threads_connection_is_closed_when_the_thread_ends(store: Store) -> None:
    kept: list[sqlite3.Connection] = []
    for _ in range(3):
        thread = threading.Thread(target=lambda: kept.append(store.connection()))
        thread.start()
        thread.join()
    for db in kept:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            db.execute("SELECT 1")
    assert keys(store) == []


def test_a_home_of_the_version_before_is_brought_up(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "truth.db")
    db.executescript(
        "CREATE TABLE generations (number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE NOT NULL, idx TEXT NOT NULL,"
        " spec BLOB NOT NULL, serving INTEGER NOT NULL DEFAULT 0, seq INTEGER NOT NULL DEFAULT 0);"
        "CREATE TABLE documents (generation INTEGER NOT NULL, id TEXT NOT NULL, content TEXT NOT NULL, encoded TEXT NOT NULL,"
        " source BLOB NOT NULL, terms BLOB NOT NULL, record BLOB NOT NULL, vec_text BLOB, vec_image BLOB,"
        " PRIMARY KEY (generation, id));"
        "INSERT INTO generations VALUES (1, 'a-000001', 'a', '{}', 1, 7);"
        "INSERT INTO documents VALUES (1, 'p', 'c', 'e', '{}', '', '', NULL, NULL);"
        "PRAGMA user_version = 1;"
    )
    db.close()
    store = Store(tmp_path)
    assert store.connection().execute("SELECT seq, words FROM generations").fetchall() == [(7, 0)]
    assert store.connection().execute("SELECT id, version, seq FROM documents").fetchall() == [("p", 0, 0)]
    assert store.connection().execute("SELECT count(*) FROM tombstones").fetchone() == (0,)
    store.close()
    Store(tmp_path).close()
