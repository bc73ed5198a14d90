"""What a job must pass before its generation serves, and what is kept of those before it."""

from __future__ import annotations

from typing import Final

from etalage.core.errors import CatalogError, ReindexIncomplete
from indexer.identities import Identities
from indexer.staging import Tally, bad_limit
from opensearch.engine import Request, SearchEngine
from opensearch.jobs import Job

MAX_REMOVED: Final = 0.2
"""Share of an index that a feed may leave out without force: more is likelier a feed that was cut off."""

_PROBES: Final = 5


def refuse_removal(engine: SearchEngine, index: str, tally: Tally) -> None:
    """Raise CatalogError when the feed lacks more than `MAX_REMOVED` of what is served."""
    serving = engine.serving(index)
    if serving is None:
        return
    stored = lacking = 0
    for one in engine.ids(serving.name):
        stored += 1
        lacking += one not in tally.ids
    if lacking > stored * MAX_REMOVED:
        raise CatalogError(
            f"the feed lacks {lacking} of {stored} products that are served, nothing was changed",
            value=f"{tally.good} good rows",
            remedy="Check that it is whole; remove them with --force, or send changes alone with --delta.",
        )


def refuse_dead(engine: SearchEngine, job: Job, failed: list[tuple[str, str]]) -> None:
    """Raise ReindexIncomplete for chunks that could not be indexed, or too many refused products."""
    progress = engine.jobs.progress(job.id)
    if progress.dead or progress.done < job.chunks:
        raise ReindexIncomplete(
            f"{job.chunks - progress.done} of {job.chunks} chunks could not be indexed, the old index still serves",
            value="; ".join(progress.reasons[:3]) or None,
            remedy="Remove the cause and run the command again.",
        )
    bad = job.plan["quarantined"] + len(failed)
    if failed and bad_limit(job.plan["max_bad"])(bad, job.plan["read"]):
        raise ReindexIncomplete(
            f"{bad} of {job.plan['read']} products were refused, the old index still serves",
            value="; ".join(f"{one}: {why}" for one, why in failed[:3]),
            remedy="Correct them, or allow more with --max-bad.",
        )


def check(engine: SearchEngine, job: Job, wanted: Identities, free: set[str]) -> None:
    """Count, read some documents back, and find them by their titles.

    Args:
        wanted: the products that the job is to leave.
        free: those of them that may be missing: refused, or changed or removed while it ran.
    """
    present, there, added, some = 0, set[str](), list[str](), list[str]()
    step = max(len(wanted) // _PROBES, 1)
    for one in engine.ids(job.generation):
        if one not in wanted:
            added.append(one)
            continue
        if one in free:
            there.add(one)
        elif present % step == 0:
            some.append(one)
        present += 1
    rows = engine.ledger(job.generation, added)
    extra = [one for one in added if one in rows and rows[one].version <= job.plan["moment"]]
    lacking = len(wanted) - present - len(free - there)
    if lacking or extra:
        raise _short(f"it lacks {lacking} products and has {len(extra)} too many", job)
    some = some[:_PROBES]
    found = engine.get(job.generation, some)
    for one in some:
        if one not in found:
            raise _short(f"product {one} cannot be read back", job)
        title = " ".join(found[one]["title"].split()[:12])
        hits = engine.candidates(job.generation, Request(title, size=200)).ids
        if one not in hits and len(hits) < 200 and any(c.isalnum() for c in title):
            raise _short(f"product {one} is not found by its title", job)


def _short(reason: str, job: Job) -> ReindexIncomplete:
    return ReindexIncomplete(
        f"the new generation fell short ({reason}), the old index still serves",
        value=job.generation,
        remedy="Run the command again with --full.",
    )


def serve(engine: SearchEngine, job: Job, keep: int) -> None:
    """Let the generation serve, and drop all but the last `keep` up to it."""
    names = [one.name for one in engine.generations(job.index)]
    before = names[: names.index(job.generation)]
    serving = engine.serving(job.index)
    if serving is not None and serving.name in before:
        # The last that served is the first to go back to.
        before = [one for one in before if one != serving.name] + [serving.name]
    if serving is None or serving.name != job.generation:
        engine.swap(job.index, job.generation)
    kept = {job.generation, *before[max(len(before) - keep + 1, 0) :]}
    for name in names:
        if name not in kept:
            engine.drop(name)
