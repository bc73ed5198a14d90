"""Writing into the truth: what is older than what is stored is left out, and what changes only numbers is told apart."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import orjson

from etalage.core import records
from etalage.core.records import Document, Floats
from opensearch import checks, fields
from opensearch.embedded import postings
from opensearch.embedded.store import Store
from opensearch.engine import IndexSpec, Outcome

BATCH: Final = 500
"""Ids of one statement."""

KEPT: Final = 86_400_000
"""Milliseconds for which it is remembered that a document was removed."""

NUMBERS: Final = frozenset((*fields.NUMERIC, *fields.DATES))
"""What a snapshot keeps in columns of its own, which are rewritten without the rest."""


def write(store: Store, number: int, spec: IndexSpec, documents: Sequence[Document]) -> list[Outcome]:
    """Insert or replace documents of generation `number`; see `SearchEngine.write`."""
    outcomes = [Outcome(one.id, checks.document(one, spec)) for one in documents]
    rows = {at: _row(one) for at, one in enumerate(documents) if not outcomes[at].reason}
    with store.transaction() as db:
        seq = _next(db, number)
        versions = _versions(db, number, [documents[at].id for at in rows])
        stored = _stored(db, number, [documents[at].id for at in rows])
        worded = False
        for at, row in rows.items():
            one = documents[at]
            if 0 < one.version < versions.get(one.id, 0):
                outcomes[at] = replace(outcomes[at], stale=True)
                continue
            versions[one.id] = max(one.version, versions.get(one.id, 0))
            worded = worded or not _same_words(stored.get(one.id), row)
            db.execute(
                "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (number, one.id, one.content, one.encoded, *row, versions[one.id], seq),
            )
            db.execute("DELETE FROM tombstones WHERE generation = ? AND id = ?", (number, one.id))
            # The same document may come twice in one call.
            stored[one.id] = row
        if worded:
            db.execute("UPDATE generations SET words = ? WHERE number = ?", (seq, number))
    return outcomes


def delete(store: Store, number: int, ids: Iterable[str], version: int) -> int:
    """Remove documents of generation `number`; see `SearchEngine.delete`."""
    with store.transaction() as db:
        seq, gone = _next(db, number), 0
        for one in ids:
            gone += db.execute(
                "DELETE FROM documents WHERE generation = ? AND id = ? AND (? = 0 OR version <= ?)",
                (number, one, version, version),
            ).rowcount
            if version:
                db.execute(
                    "INSERT INTO tombstones VALUES (?, ?, ?)"
                    " ON CONFLICT (generation, id) DO UPDATE SET version = max(version, excluded.version)",
                    (number, one, version),
                )
        db.execute("UPDATE generations SET words = ? WHERE number = ?", (seq, number))
        db.execute("DELETE FROM tombstones WHERE generation = ? AND version < ?", (number, version - KEPT))
    return gone


def _next(db: sqlite3.Connection, number: int) -> int:
    db.execute("UPDATE generations SET seq = seq + 1 WHERE number = ?", (number,))
    return int(db.execute("SELECT seq FROM generations WHERE number = ?", (number,)).fetchone()[0])


def _row(one: Document) -> tuple[Any, ...]:
    return (
        orjson.dumps(dict(one.source)),
        postings.analyze(one.source),
        records.record_of(one.source).tobytes(),
        packed(one.vec_text),
        packed(one.vec_image),
    )


def _same_words(stored: tuple[Any, ...] | None, row: tuple[Any, ...]) -> bool:
    """Whether two rows differ in numbers at most."""
    if stored is None or stored[1] != row[1] or stored[3:] != row[3:]:
        return False
    before, after = (_worded(orjson.loads(one[0])) for one in (stored, row))
    return before == after


def _worded(source: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in source.items() if name not in NUMBERS}


def _versions(db: sqlite3.Connection, number: int, ids: Sequence[str]) -> dict[str, int]:
    """The version of each of `ids` that is stored or was removed lately."""
    found: dict[str, int] = {}
    for table in ("documents", "tombstones"):
        for one, version in _each(db, f"SELECT id, version FROM {table} WHERE generation = ? AND id", number, ids):
            found[one] = max(version, found.get(one, 0))
    return found


def _stored(db: sqlite3.Connection, number: int, ids: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    columns = "id, source, terms, record, vec_text, vec_image"
    rows = _each(db, f"SELECT {columns} FROM documents WHERE generation = ? AND id", number, ids)
    return {row[0]: row[1:] for row in rows}


def _each(db: sqlite3.Connection, statement: str, number: int, ids: Sequence[str]) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    for some in (ids[start : start + BATCH] for start in range(0, len(ids), BATCH)):
        found += db.execute(f"{statement} IN ({','.join('?' * len(some))})", (number, *some))
    return found


def packed(vector: Floats | None) -> bytes | None:
    """A vector as it is stored."""
    return None if vector is None else records.to_int8(vector).tobytes()


def unpacked(blob: bytes | None) -> Floats | None:
    """A stored vector as float32 of unit length."""
    if blob is None:
        return None
    vector = np.frombuffer(blob, np.int8).astype(np.float32)
    unit: Floats = vector / max(float(np.linalg.norm(vector)), 1e-12)
    return unit
