"""Learn from what shoppers did what each product is like, and write it to the products."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from etalage.core import events
from etalage.core.encoders import Encoder
from etalage.core.errors import CatalogError, QueryError
from etalage.core.settings import Settings
from indexer import delta, reindex
from indexer.delta import Change, Op
from opensearch import fields
from opensearch.embedded.lock import writer
from opensearch.engine import Generation, SearchEngine
from ranker.behaviour import associations, kept, signals
from ranker.behaviour.kept import Kept
from ranker.behaviour.signals import Policy
from workers import parts

_BATCH: Final = 2000
_AHEAD: Final = 1.0
"""Days that an event may be dated ahead of this machine's clock."""


def refresh(engine: SearchEngine, settings: Settings) -> dict[str, Any]:
    """Compute the signals of all products from the stored behaviour, keep them for the feeds to come, and patch those products
    whose numbers changed. What the feed itself gives stays. Killed, it can be run again.

    Returns:
        `{index, read, unusable, left_out, products, queries, unknown, changed, updated, stale, refused, reasons, encoded, click_rate,
        purchase_rate, click_prior, purchase_prior, seconds}`: `unknown` products are not in the catalog, `stale` ones were
        changed at the same time and wait for the next refresh.

    Raises:
        WriterBusy: a feed is being indexed from this home.
        QueryError: nothing was indexed yet.
        CatalogError: there are no events to learn from.
        EngineError, ModelError, FingerprintMismatch: reading or patching failed.
    """
    started = time.perf_counter()
    with writer(settings.home):
        serving, version = _serving(engine, settings.index)
        policy = Policy(settings.signals_half_life)
        until = datetime.now(UTC).timestamp() / 86400 + _AHEAD
        found = signals.compute(engine.events(events.EVENTS), engine.events(events.QUERIES), policy, until=until)
        if not found.numbers:
            raise CatalogError(
                "there are no events of shoppers to learn from",
                value=f"{found.read} documents read",
                remedy="Store impressions, clicks and purchases with `etalage events import FILE`.",
            )
        path = parts.signals_file(settings)
        now = kept.settled(kept.read(path), found.numbers)
        kept.write(path, now)
        associations.write(parts.associations_file(settings), found.associations)
        # As many refreshes may be killed here as will: the numbers that they left are known until one is through.
        written = _apply(engine, parts.encoder_of(settings), serving, now, version)
        kept.write(path, now.short())
    means = {name: getattr(found, name) for name in ("click_rate", "purchase_rate", "click_prior", "purchase_prior")}
    return {
        "index": settings.index,
        "read": found.read,
        "unusable": found.unusable,
        "left_out": found.left_out,
        "products": len(found.numbers),
        "queries": len(found.associations.queries),
        **written,
        **{name: None if value is None else float(f"{value:.3g}") for name, value in means.items()},
        "seconds": round(time.perf_counter() - started, 2),
    }


def _serving(engine: SearchEngine, index: str) -> tuple[Generation, int]:
    """What serves, and the moment of the patches: now, or before a job that goes on: its feed is newer than what was stored, and
    must win."""
    serving = engine.serving(index)
    if serving is None:
        raise QueryError("there is no such index", value=index, remedy="Index a whole feed first, with `etalage index FILE`.")
    moments = (job.plan.get("moment") for job in engine.jobs.unfinished(index))
    return serving, min([reindex.moment(), *(int(one) - 1 for one in moments if one)])


def _apply(engine: SearchEngine, encoder: Encoder, serving: Generation, now: Kept, version: int) -> dict[str, Any]:
    """Patch the products whose stored numbers are not those of `now`."""
    ids = sorted({id for one in (now.numbers, *now.before) for id in one})
    counts = dict.fromkeys(("unknown", "changed", "updated", "stale", "refused"), 0)
    reasons: list[str] = []
    encoded = 0
    for some in (ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH)):
        stored = engine.get(serving.name, some)
        counts["unknown"] += sum(id in now.numbers and id not in stored for id in some)
        patches = [Change(Op.PATCH, {"id": id, **new}, version) for id in some if (new := _new(id, stored.get(id), now))]
        if not patches:
            continue
        applied = delta.apply(engine, encoder, serving.index, patches)
        counts["changed"] += len(patches)
        for name, number in applied.counts().items():
            counts[name] = counts.get(name, 0) + number
        encoded += applied.encoded_text + applied.encoded_image
        reasons += [f"{one.id}: {one.reason}" for one in applied.results if one.reason]
    return {**counts, "reasons": reasons[:20], "encoded": encoded}


def _new(id: str, stored: Mapping[str, Any] | None, now: Kept) -> dict[str, float | None]:
    """The numbers to write to a stored product: those that differ and are not the feed's own."""
    if stored is None:
        return {}
    ever: Sequence[kept.Row] = list(now.ever(id))
    wanted = now.numbers.get(id, (None,) * len(fields.SIGNALS))
    return {
        name: wanted[at]
        for at, name in enumerate(fields.SIGNALS)
        if (has := stored.get(name)) != wanted[at] and (has is None or any(has == row[at] for row in ever))
    }
