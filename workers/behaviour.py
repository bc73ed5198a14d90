"""Take in what shoppers did, and build completions from it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from autocomplete.build import build
from autocomplete.querylog import Policy
from etalage.core import events
from etalage.core.errors import CatalogError
from etalage.core.settings import Settings
from indexer.staging import bad_limit
from opensearch.engine import Lists, Request, SearchEngine
from ranker import census
from workers.parts import completions_folder, vocabulary_folder

_BATCH: Final = 2000
_NAMES: Final = 5000


def import_events(engine: SearchEngine, settings: Settings, path: Path, *, max_bad: str = "5%") -> dict[str, Any]:
    """Store the UBI documents of a file, then build completions anew.

    The file is checked as a whole first; documents that are stored already are skipped.

    Returns:
        `{read, added, duplicates, quarantined, reasons, completions, seconds}`.

    Raises:
        CatalogError: it cannot be read, holds no UBI document, or too many bad ones; nothing was stored.
    """
    started = time.perf_counter()
    limit = bad_limit(max_bad)
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
    return {
        "read": read,
        "added": added,
        "duplicates": good - added,
        "quarantined": len(faults),
        "reasons": faults[:20],
        "completions": rebuild_completions(engine, settings),
        "seconds": round(time.perf_counter() - started, 2),
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
    """Build the completions of `settings.index` from stored behaviour and the serving catalog's brands and categories.

    `now` is the moment that decay counts from; the latest stored query's when it is None (a log imported late ages from its
    own end).
    """
    queries = list(engine.events(events.QUERIES))
    latest = queries[-1]["timestamp"] if queries else datetime.now(UTC).isoformat()
    facets: Mapping[str, list[tuple[str, int]]] = {}
    if engine.serving(settings.index) is not None:
        request = Request("", size=0, facets=("brand", "category"), facet_size=_NAMES, lists=Lists.LEXICAL)
        facets = engine.candidates(settings.index, request).facets
    return build(
        completions_folder(settings),
        queries,
        engine.events(events.EVENTS),
        facets.get("brand", []),
        facets.get("category", []),
        now or datetime.fromisoformat(latest),
        Policy(),
    )


def rebuild_vocabulary(engine: SearchEngine, settings: Settings) -> dict[str, Any]:
    """Count the words of the serving catalog anew, where it changed; returns as `census.rebuild`."""
    return census.rebuild(engine, settings.index, vocabulary_folder(settings) / settings.index)
