"""What indexing a feed would do, and what it would cost, without doing any of it."""

from __future__ import annotations

import time
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any, Final

from etalage.core.encoders import Encoder
from etalage.core.errors import CatalogError
from indexer import documents, gates, ledger, reindex, staging
from indexer.looks import Looks
from indexer.staging import Options, Progress, Tally
from opensearch.engine import SearchEngine

_TIMED: Final = 32
"""Texts that are encoded to see how long the rest would take."""


def preview(
    engine: SearchEngine,
    encoder: Encoder,
    index: str,
    path: Path,
    options: Options,
    looks: Looks | None = None,
    progress: Progress = lambda *_: None,
) -> dict[str, Any]:
    """What `reindex.plan` and the rest would do with a feed.

    Returns:
        `{index, generation, full, read, quarantined, reasons, new, changed, unchanged, removed, refused, encode: {text, image},
        seconds, quality, mapping}`; `generation` is empty when a new one would be built, `refused` is why it would not be
        done, `seconds` what encoding the texts would take on one worker like this process.

    Raises:
        CatalogError, ConfigError: as `reindex.plan` does, but not for bad or missing rows.
    """
    staging.bad_limit(options.max_bad)
    mapping = reindex.mapping_of(path, options)
    spec = reindex.spec_of(encoder, looks, path, mapping)
    serving = engine.serving(index)
    same = serving is not None and serving.spec == spec and not options.full
    generation = serving.name if serving is not None and same else None
    tally, counts, timed = Tally(), Counter[str](), list[str]()
    found = (one.entry for one in staging.rows(path, mapping, spec, options, tally, progress) if one.entry is not None)
    while some := list(islice(found, options.chunk)):
        counts += Counter(ledger.compare(engine, generation, encoder, some, looks))
        timed += [documents.passage(one.source) for one in some[: _TIMED - len(timed)]]
    return {
        "index": index,
        "generation": generation or "",
        "full": not same,
        "read": tally.read,
        "quarantined": tally.bad,
        "reasons": tally.reasons,
        **{name: counts[name] for name in ("new", "changed", "unchanged")},
        "removed": sum(one not in tally.ids for one in engine.ids(serving.name)) if serving is not None else 0,
        "refused": _refused(engine, index, tally, path, options),
        "encode": {"text": counts["text"], "image": counts["image"]},
        "seconds": round(counts["text"] * _each(encoder, timed), 1),
        "quality": tally.quality,
        "mapping": mapping.as_dict(),
    }


def _refused(engine: SearchEngine, index: str, tally: Tally, path: Path, options: Options) -> str:
    """Why the feed would be refused; empty when it would not."""
    try:
        staging.refuse_dirty(tally, options.max_bad, path)
        if not options.force:
            gates.refuse_removal(engine, index, tally)
    except CatalogError as error:
        return str(error)
    return ""


def _each(encoder: Encoder, texts: list[str]) -> float:
    """Seconds that one text takes."""
    if not texts:
        return 0.0
    started = time.perf_counter()
    encoder.encode(texts, kind="passage")
    return (time.perf_counter() - started) / len(texts)
