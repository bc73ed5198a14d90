"""Take in what shoppers did, and build completions from it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from autocomplete import listed, plain, recent, shelf
from autocomplete.build import build
from autocomplete.typed import key
from etalage.core import events
from etalage.core.errors import CatalogError, ConfigError
from etalage.core.settings import Settings
from indexer.staging import bad_limit
from opensearch.engine import SearchEngine
from ranker import census
from workers.assortment import Assortment
from workers.parts import completions_folder, listed_file, policy_of, vocabulary_folder

_BATCH: Final = 2000


def import_events(
    engine: SearchEngine, settings: Settings, path: Path, *, max_bad: str = "5%", trusted: bool = False
) -> dict[str, Any]:
    """Store the UBI documents of a file, or the queries of a plain log (`plain.read`), then build completions anew.

    The file is checked as a whole first; documents that are stored already are skipped. A plain log that does not say who typed what
    takes the place of the last one, and is taken only where it is `trusted` to hold nothing of one person alone.

    Returns:
        `{read, added, duplicates, quarantined, reasons, completions, seconds}`.

    Raises:
        CatalogError: it cannot be read, holds no UBI document, or too many bad ones, or is to be trusted and is not; nothing was stored.
    """
    started = time.perf_counter()
    limit = bad_limit(max_bad)
    if plain.is_plain(path):
        stored = _import_plain(engine, settings, path, trusted)
    else:
        stored = _import_ubi(engine, path, limit)
    return stored | {
        "completions": rebuild_completions(engine, settings),
        "seconds": round(time.perf_counter() - started, 2),
    }


def _import_ubi(engine: SearchEngine, path: Path, limit: Callable[[int, int], bool]) -> dict[str, Any]:
    good, faults = 0, []
    for line in events.read(path):
        good += not line.fault
        if line.fault:
            faults.append(f"line {line.number}: {line.fault}")
    read = good + len(faults)
    if not good or limit(len(faults), read):
        raise CatalogError(
            f"{len(faults)} of {read} lines are no UBI documents, nothing was stored",
            value="; ".join(faults[:3]) or path,
            remedy="Correct them, or allow more with --max-bad.",
        )
    added = _store(engine, path)
    return _summary(read, added, good - added, faults)


def _import_plain(engine: SearchEngine, settings: Settings, path: Path, trusted: bool) -> dict[str, Any]:
    """A log with shoppers is stored as UBI queries, one without is kept as the shop's list."""
    read, unnamed = 0, 0
    for one in plain.read(path):
        read += 1
        unnamed += not one.shopper
    if not read:
        raise CatalogError("there are no queries in the file, nothing was stored", value=path, remedy="Check the file.")
    if not unnamed:
        return _summary(read, added := _store_named(engine, path), read - added, [])
    if not trusted:
        raise CatalogError(
            f"{unnamed} of {read} queries don't say who typed them: whether others may see them cannot be told, nothing was stored",
            value=path,
            remedy="Add a column `user`, or say with --trusted that nothing in the file is of one person alone.",
        )
    return _summary(read, listed.write(listed_file(settings), plain.read(path)), 0, [])


def _store_named(engine: SearchEngine, path: Path) -> int:
    written = path.stat().st_mtime / 86400
    added, batch = 0, list[Mapping[str, Any]]()
    for number, one in enumerate(plain.read(path), 1):
        digest = sha256(f"{number} {one.shopper} {one.text}".encode()).hexdigest()[:32]
        at = events.stamp(one.at or written)
        _, document = events.check(
            {"query_id": digest, "user_query": one.text, "client_id": one.shopper, "timestamp": at}
        )
        batch.append(document)
        if len(batch) == _BATCH:
            added += engine.append_events(events.QUERIES, batch)
            batch = []
    return added + (engine.append_events(events.QUERIES, batch) if batch else 0)


def _summary(read: int, added: int, duplicates: int, faults: Sequence[str]) -> dict[str, Any]:
    return {
        "read": read,
        "added": added,
        "duplicates": duplicates,
        "quarantined": len(faults),
        "reasons": list(faults[:20]),
    }


def _store(engine: SearchEngine, path: Path) -> int:
    added, waiting = 0, dict[str, list[Mapping[str, Any]]]()
    for line in events.read(path):
        if line.document is None:
            continue
        batch = waiting.setdefault(line.kind, [])
        batch.append(line.document)
        if len(batch) == _BATCH:
            added += engine.append_events(line.kind, batch)
            waiting[line.kind] = []
    return added + sum(engine.append_events(kind, batch) for kind, batch in waiting.items() if batch)


def rebuild_completions(engine: SearchEngine, settings: Settings, now: datetime | None = None) -> dict[str, Any]:
    """Build the completions of `settings.index` from stored behaviour, the list of queries that the shop vouches for, and the serving
    catalog.

    `now` is the moment that decay counts from; the latest query's when it is None.
    """
    return build(
        completions_folder(settings),
        engine.events(events.QUERIES),
        engine.events(events.EVENTS),
        listed.read(listed_file(settings)),
        Assortment(engine, settings.index, settings.suggest_checked),
        policy_of(settings),
        now,
    )


def refresh_completions(engine: SearchEngine, settings: Settings) -> dict[str, int]:
    """Count what was typed since the last build onto the completions; returns as `recent.refresh`."""
    folder = completions_folder(settings)
    base = recent.read(folder)
    since = events.stamp(base.until) if base else ""
    return recent.refresh(
        folder,
        engine.events(events.QUERIES, since),
        engine.events(events.EVENTS, since),
        policy_of(settings),
        Assortment(engine, settings.index, settings.suggest_checked),
    )


def forget(
    engine: SearchEngine, settings: Settings, *, client: str = "", user: str = "", query: str = ""
) -> dict[str, Any]:
    """Remove what is stored of a client, of a user who was signed in, or of a query however it is written, and build completions without it.

    With a query goes what followed it, with what a user did the queries that led to it. Files of completions that served before are
    removed as well.

    Returns:
        `{queries, events, listed, completions}`: how many documents and texts were removed, and the new completions.

    Raises:
        ConfigError: not exactly one of the three is given.
    """
    if sum(bool(one.strip()) for one in (client, user, query)) != 1:
        raise ConfigError("it is not clear what is to be forgotten", remedy="Give one of --client, --user and --query.")

    def named(text: str) -> bool:
        # A text without a letter or digit has no key.
        return bool(query) and (key(text) or text.strip()) == (key(query) or query.strip())

    def meant(one: Mapping[str, Any]) -> bool:
        if query:
            return named(str(one.get("user_query") or ""))
        return bool(one.get("client_id") == client if client else one.get("user_id") == user)

    shown = {str(one["query_id"]) for one in engine.events(events.EVENTS) if one.get("query_id") and meant(one)}
    asked = [one for one in engine.events(events.QUERIES) if meant(one) or one.get("query_id") in shown]
    shown |= {str(one["query_id"]) for one in asked}
    did = [one["id"] for one in engine.events(events.EVENTS) if meant(one) or one.get("query_id") in shown]
    path = listed_file(settings)
    kept = [one for one in listed.read(path) if not named(one.text)]
    removed = sum(1 for _ in listed.read(path)) - len(kept)
    if removed:
        listed.write(path, kept)
    counts = {
        "queries": engine.forget(events.QUERIES, [one["id"] for one in asked]),
        "events": engine.forget(events.EVENTS, did),
        "listed": removed,
        "completions": rebuild_completions(engine, settings),
    }
    folder = completions_folder(settings)
    serving = set(shelf.named(folder).values())
    for old in folder.glob("*.etg"):
        if old.name not in serving:
            old.unlink(missing_ok=True)
    return counts


def rebuild_vocabulary(engine: SearchEngine, settings: Settings) -> dict[str, Any]:
    """Count the words of the serving catalog anew, where it changed; returns as `census.rebuild`."""
    return census.rebuild(engine, settings.index, vocabulary_folder(settings) / settings.index)
