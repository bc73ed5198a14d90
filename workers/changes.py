"""Changes to single products, from a file or a request."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from etalage.core.errors import CatalogError, QueryError
from etalage.core.settings import Settings
from indexer import clean, delta, reindex, sources, staging
from indexer.delta import Change, Result
from indexer.mapping import FeedMapping
from indexer.staging import Options
from opensearch.engine import SearchEngine
from opensearch.jobs import JobState
from workers import parts

_SHOWN: Final = 20


def apply_file(engine: SearchEngine, settings: Settings, path: Path, options: Options) -> dict[str, Any]:
    """Apply a file of changes: rows with an id, the columns that changed, and where wanted `op` and `version`.

    Columns are taken as they were in the last feed, where they have the same names. Every row is read before any is applied.

    Returns:
        `{index, read, created, updated, deleted, unchanged, stale, quarantined, reasons, encoded: {text, image}, pictures,
        seconds}`.

    Raises:
        CatalogError: the file cannot be read, has no id column, or too many bad rows; nothing was changed.
        QueryError: nothing was indexed yet.
        EngineError, ModelError: applying failed; the file can be applied again.
    """
    started, now = time.perf_counter(), reindex.moment()
    mapping = _mapping(engine, settings.index, path, options)
    read = bad = 0
    reasons: list[str] = []
    for row, change in _changes(path, mapping, now):
        read += 1
        if isinstance(change, str):
            bad += 1
            reasons += [f"line {row.line}: {change}"][: _SHOWN - len(reasons)]
    if bad == read or staging.bad_limit(options.max_bad)(bad, read):
        raise CatalogError(
            f"{bad} of {read} rows are bad, nothing was changed",
            value="; ".join(reasons[:3]) or path,
            remedy="Correct them, correct the columns with --map, or allow more with --max-bad.",
        )
    encoder, looks = parts.encoder_of(settings), parts.looks_of(settings, options.pictures)
    counts, pictures, encoded = Counter[str](), list[tuple[str, str]](), Counter[str]()
    good = (change for _, change in _changes(path, mapping, now) if isinstance(change, Change))
    for some in _batches(good, settings.chunk):
        applied = delta.apply(engine, encoder, settings.index, some, looks)
        counts += Counter(applied.counts())
        encoded += Counter(text=applied.encoded_text, image=applied.encoded_image)
        pictures += [(one.id, one.picture) for one in applied.results if one.picture]
        refused = [f"{one.id}: {one.reason}" for one in applied.results if one.result == "refused"]
        reasons += refused[: _SHOWN - len(reasons)]
    return {
        "index": settings.index,
        "read": read,
        **{name: counts[name] for name in ("created", "updated", "deleted", "unchanged", "stale")},
        "quarantined": bad + counts["refused"],
        "reasons": reasons,
        "encoded": {name: encoded[name] for name in ("text", "image")},
        "pictures": pictures,
        "seconds": round(time.perf_counter() - started, 2),
    }


def _mapping(engine: SearchEngine, index: str, path: Path, options: Options) -> FeedMapping:
    """The columns of a file of changes: as given, else as in the last feed, else guessed by their names."""
    last = next((job for job in engine.jobs.recent(100) if job.index == index and job.state is JobState.FINISHED), None)
    known: Mapping[str, Any] = last.plan["mapping"] if last is not None else {"columns": {}, "price_unit": ""}
    with closing(sources.read(path)) as rows:
        seen = {name for row in _first(rows) for name in row.values}
    given = {name: column for name, column in known["columns"].items() if column in seen}
    for name in ("price", "list_price"):
        if name in given:
            given[name] += f":{known['price_unit']}"
    return reindex.mapping_of(path, Options(overrides=given | dict(options.overrides)), needed=("id",))


def _first(rows: Iterator[sources.Row]) -> list[sources.Row]:
    return [row for row, _ in zip(rows, range(1000), strict=False)]


def _changes(path: Path, mapping: FeedMapping, now: int) -> Iterator[tuple[sources.Row, Change | str]]:
    """Each row with its change, or why it is none."""
    for row in sources.read(path):
        try:
            yield row, row.fault or delta.read(row.values, mapping, now)
        except clean.BadRow as error:
            yield row, str(error)


def _batches(changes: Iterator[Change], size: int) -> Iterator[list[Change]]:
    batch: list[Change] = []
    for one in changes:
        batch.append(one)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def apply_rows(
    engine: SearchEngine, settings: Settings, rows: Sequence[Mapping[str, Any]], part: parts.Indexing
) -> list[Result]:
    """Apply changes whose rows have the names of a product's fields, prices in minor units; a result for each, in order.

    Raises:
        QueryError: nothing was indexed yet.
        EngineError, ModelError: applying failed; the changes can be sent again.
    """
    now = reindex.moment()
    results: dict[int, Result] = {}
    changes: dict[int, Change] = {}
    for at, row in enumerate(rows):
        try:
            unknown = sorted(row.keys() - delta.CANONICAL.columns.keys() - {delta.OP, delta.VERSION})
            if unknown:
                raise clean.BadRow(f"there is no field {unknown[0][:40]}")
            changes[at] = delta.read(row, delta.CANONICAL, now)
        except clean.BadRow as error:
            results[at] = Result(str(row.get("id", ""))[:512], "refused", str(error))
    if changes:
        applied = delta.apply(engine, part.encoder, settings.index, [*changes.values()], part.looks)
        results |= dict(zip(changes, applied.results, strict=True))
    elif engine.serving(settings.index) is None:
        raise QueryError("there is no such index", value=settings.index, remedy="Index a whole feed first.")
    return [results[at] for at in range(len(rows))]
