"""The reindex flow: plan a job from a feed, work on its chunks, finish it.

Planning reads and cleans every row before anything is written. Chunks wait in the job table; whoever leases one writes what
changed. Finishing removes what the feed no longer has, checks the result, and lets the generation serve. Each step may be
killed and done again: writing a document twice stores it once, and an interrupted command finds its job by the feed's hash.
What changes while a job runs (`delta.py`) is newer than its feed, and stays.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, replace
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, Final

import orjson

from etalage.core.encoders import Encoder
from etalage.core.errors import CatalogError, EngineError, EngineUnavailable, EtalageError, ReindexIncomplete
from indexer import clean, gates, ledger, sources, staging
from indexer.identities import Identities
from indexer.looks import Looks
from indexer.mapping import FeedMapping, guess
from indexer.staging import Options, Progress, Tally
from opensearch.engine import Generation, IndexSpec, Outcome, SearchEngine
from opensearch.jobs import Job, JobState

__all__ = ["Options", "abandon", "finish", "moment", "plan", "spec_of", "work"]

log = logging.getLogger(__name__)

_SAMPLE: Final = 1000
_RETRIES: Final = (0.2, 1.0, 3.0)
_PART: Final = 64
"""Products of a chunk that are encoded before they are written."""
_LEAST: Final = 16
"""How few they are at its end, where writing them holds up the next chunk."""


def plan(
    engine: SearchEngine,
    encoder: Encoder,
    index: str,
    path: Path,
    options: Options,
    progress: Progress = lambda *_: None,
    looks: Looks | None = None,
    digest: str = "",
) -> Job:
    """A running job for the feed, with its chunks in the job table: a new one, or the one that was interrupted. `digest` is
    the feed's hash (`sources.digest`), where it was computed before.

    Raises:
        CatalogError: the feed cannot be read, has no id or title column, no good row, too many bad ones, or lacks too many
            of the products that are served.
        ConfigError: a mapping or `max_bad` is wrong.
    """
    staging.bad_limit(options.max_bad)
    now, digest = moment(), digest or sources.digest(path)
    mapping = mapping_of(path, options)
    spec = spec_of(encoder, looks, path, mapping)
    name = _job_name(index, digest, mapping, spec, options)
    for job in engine.jobs.unfinished(index):
        if job.id == name and job.state in (JobState.RUNNING, JobState.PAUSED):
            log.info("resuming job %s", name)
            engine.jobs.turn(name, JobState.PAUSED, JobState.RUNNING)
            return replace(job, state=JobState.RUNNING)
        abandon(engine, job)
    target = _target(engine, index, spec, options.full)
    engine.jobs.open(Job(name, index, target.name, digest))
    try:
        tally = staging.stage(engine.jobs, name, path, mapping, spec, options, progress)
        staging.refuse_dirty(tally, options.max_bad, path)
        if not options.force:
            gates.refuse_removal(engine, index, tally)
    except EtalageError:
        abandon(engine, Job(name, index, target.name, digest))
        raise
    engine.jobs.start(name, tally.chunks, _plan(tally, mapping, options) | {"moment": now, "started": time.time()})
    planned = engine.jobs.get(name)
    if planned is None:
        raise EngineError("the job table lost the job", value=name, remedy="Run the command again.")
    return planned


def same_again(
    engine: SearchEngine, encoder: Encoder, index: str, path: Path, options: Options, digest: str = ""
) -> dict[str, Any] | None:
    """The summary of indexing a feed that the serving generation was made from, with nothing changed since; else None. Not
    for feeds with pictures, which may have changed by themselves. `digest` as in `plan`.

    Raises:
        CatalogError, ConfigError: as `plan` does.
    """
    started = time.time()
    serving = engine.serving(index)
    if serving is None:
        return None
    digest, mapping = digest or sources.digest(path), mapping_of(path, options)
    spec = spec_of(encoder, None, path, mapping)
    job = engine.jobs.get(_job_name(index, digest, mapping, spec, options))
    if job is None or job.state is not JobState.FINISHED or job.generation != serving.name:
        return None
    if job.plan.get("mark") != engine.mark(serving.name):
        return None
    summary: dict[str, Any] = {**job.plan["summary"], "seconds": round(time.time() - started, 2)}
    unchanged = summary["indexed"] + summary["unchanged"]
    return summary | {"indexed": 0, "unchanged": unchanged, "removed": 0, "encoded": {"text": 0, "image": 0}}


def moment() -> int:
    """Now, as `Document.version`: milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def mapping_of(path: Path, options: Options, needed: Sequence[str] = ("id", "title")) -> FeedMapping:
    """Which column of a feed holds what, by its first rows. Raises CatalogError, ConfigError."""
    with closing(sources.read(path)) as rows:
        first = list(islice(rows, _SAMPLE))
    sample = [row.values for row in first if not row.fault]
    if not sample:
        faults = "; ".join(f"line {row.line}: {row.fault}" for row in first[:3])
        raise CatalogError(
            "the feed has no readable row", value=faults or path, remedy="Check that it is the right file."
        )
    return guess(sample, options.overrides, needed)


def spec_of(encoder: Encoder, looks: Looks | None, path: Path, mapping: FeedMapping) -> IndexSpec:
    """What a generation for the feed is built with; image vectors in it are preferred to pictures."""
    spec = IndexSpec(encoder.name, encoder.fingerprint, encoder.dim, _image_dim(path, mapping))
    if spec.dim_image or looks is None:
        return spec
    image = looks.encoder
    return replace(spec, dim_image=image.dim, model_image=image.name, fingerprint_image=image.fingerprint)


def _plan(tally: Tally, mapping: FeedMapping, options: Options) -> dict[str, Any]:
    return {
        "read": tally.read,
        "good": tally.good,
        "quarantined": tally.bad,
        "mapping": mapping.as_dict(),
        "quality": tally.quality,
        "max_bad": options.max_bad,
        "pictures": options.pictures,
        "keep": options.keep,
    }


def _job_name(index: str, digest: str, mapping: FeedMapping, spec: IndexSpec, options: Options) -> str:
    rules = [sorted(options.rules.off), sorted(options.rules.quarantine)]
    parts = [index, digest, asdict(mapping), asdict(spec), options.full, options.chunk, options.max_bad, rules]
    parts += [options.pictures, options.signals_digest]
    return sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()[:24]


def _image_dim(path: Path, mapping: FeedMapping) -> int:
    """Components of the feed's first readable image vector; 0 without one."""
    if "vec_image" not in mapping.columns:
        return 0
    with closing(sources.read(path)) as rows:
        for row in rows:
            try:
                vector = clean.vector(row.values.get(mapping.columns["vec_image"]))
            except clean.BadRow:
                continue
            if vector:
                return len(vector)
    return 0


def _target(engine: SearchEngine, index: str, spec: IndexSpec, full: bool) -> Generation:
    """The generation to write to: the serving one when nothing but documents changed, else a new one."""
    serving = engine.serving(index)
    return serving if serving is not None and serving.spec == spec and not full else engine.create(index, spec)


def abandon(engine: SearchEngine, job: Job, state: JobState = JobState.FAILED) -> None:
    """Give up an unfinished job and the generation that it was building."""
    engine.jobs.finish(job.id, state)
    serving = engine.serving(job.index)
    if serving is None or serving.name != job.generation:
        engine.drop(job.generation)


def work(
    engine: SearchEngine,
    encoder: Encoder,
    job: str,
    number: int,
    owner: str,
    lease: float,
    looks: Callable[[str], Looks | None] = lambda root: None,
) -> bool:
    """Lease a chunk, write what changed, and note the result; False when there was nothing to do. `looks` gives
    what encodes the pictures that lie in a folder or archive.

    A failure that may pass gives the chunk back; any other makes it dead, with the reason in the job table.
    """
    running = engine.jobs.get(job)
    if running is None or running.state is not JobState.RUNNING:
        return False
    chunk = engine.jobs.lease(job, number, owner, lease)
    if chunk is None:
        return False
    try:
        entries = staging.unpacked(chunk.payload, running.plan["moment"])
        changes, outcomes = _through(engine, encoder, running, entries, looks(running.plan["pictures"]))
        _refuse_busy(outcomes)
    except EtalageError as error:
        log.warning("chunk %d of job %s failed: %s", number, job, error)
        engine.jobs.fail(job, number, owner, str(error), retry=error.retryable)
        return True
    failed = [(one.id, one.reason) for one in outcomes if one.reason]
    stale = [one.id for one in outcomes if one.stale]
    _bury(engine, running, entries, failed)
    result = {
        "indexed": len(outcomes) - len(failed) - len(stale),
        "unchanged": sum(one.unchanged for one in changes),
        "text": sum(one.encoded_text for one in changes),
        "image": sum(one.encoded_image for one in changes),
        "failed": failed,
        "stale": stale,
        "pictures": [bad for one in changes for bad in one.bad_pictures],
    }
    return engine.jobs.complete(job, number, owner, result)


def _through(
    engine: SearchEngine, encoder: Encoder, job: Job, entries: Sequence[ledger.Entry], looks: Looks | None
) -> tuple[list[ledger.Changes], list[Outcome]]:
    """Encode and write entries, part by part: while one is written, the next is encoded, and the one after it waits, so that
    no thread of the encoder is idle while the last texts of a part are encoded."""

    def changed(some: Sequence[ledger.Entry]) -> ledger.Changes:
        return ledger.changes(engine, job.generation, encoder, some, looks)

    # Pictures are fetched and decoded by threads of their own.
    ahead = 2 if looks is None else 1
    with (
        ThreadPoolExecutor(ahead, thread_name_prefix="change") as changer,
        ThreadPoolExecutor(1, thread_name_prefix="write") as writer,
    ):
        parts = _parts(entries)
        waiting = deque(changer.submit(changed, some) for some in islice(parts, ahead))
        changes: list[ledger.Changes] = []
        written = []
        while waiting:
            changes.append(waiting.popleft().result())
            written.append(writer.submit(write, engine, job.generation, changes[-1]))
            waiting.extend(changer.submit(changed, some) for some in islice(parts, 1))
        return changes, [outcome for one in written for outcome in one.result()]


def _parts(entries: Sequence[ledger.Entry]) -> Iterator[Sequence[ledger.Entry]]:
    """The parts of a chunk: as large as may be, then ever half of what is left."""
    start = 0
    while start < len(entries):
        size = min(_PART, max(_LEAST, (len(entries) - start) // 2))
        yield entries[start : start + size]
        start += size


def _bury(engine: SearchEngine, job: Job, entries: Sequence[ledger.Entry], failed: Sequence[tuple[str, str]]) -> None:
    """Keep refused products with their reasons, for who mends the cause (`delta.redrive`)."""
    if failed:
        reasons = dict(failed)
        refused = [one for one in entries if one.source["id"] in reasons]
        letters = [(one.source["id"], reasons[one.source["id"]], staging.packed([one])) for one in refused]
        engine.jobs.bury(job.index, job.plan["moment"], letters)


def write(engine: SearchEngine, generation: str, changes: ledger.Changes) -> list[Outcome]:
    """Write documents, trying those again whose failure may pass; the final outcome of each."""
    pending = changes.documents
    done: list[Outcome] = []
    for pause in (*_RETRIES, None):
        outcomes = engine.write(generation, pending) if pending else []
        again = {one.id for one in outcomes if one.reason and one.retryable and pause is not None}
        done += [one for one in outcomes if one.id not in again]
        pending = [one for one in pending if one.id in again]
        if not pending or pause is None:
            break
        time.sleep(pause)
    return done


def _refuse_busy(outcomes: list[Outcome]) -> None:
    """Raise EngineUnavailable for documents that the engine still did not take: nothing is wrong with them."""
    busy = [one for one in outcomes if one.reason and one.retryable]
    if busy:
        raise EngineUnavailable(f"the engine did not take {len(busy)} documents ({busy[0].reason})", value=busy[0].id)


def finish(engine: SearchEngine, job: Job) -> dict[str, Any]:
    """Complete a job whose chunks are done: remove, refresh, check, let the generation serve.

    Returns:
        `{index, generation, read, indexed, unchanged, removed, quarantined, encoded: {text, image}, pictures, quality,
        mapping, seconds}`; `pictures` are those that cannot be used, as `[id, reason]`.

    Raises:
        ReindexIncomplete: chunks died, or the generation fell short of a gate; the one before still serves.
    """
    results = list(engine.jobs.results(job.id))
    failed = [(str(one), str(why)) for result in results for one, why in result["failed"]]
    newer = {one for result in results for one in result["stale"]}
    try:
        gates.refuse_dead(engine, job, failed)
        wanted = Identities()
        for payload in engine.jobs.payloads(job.id):
            for one in staging.ids_of(payload):
                wanted.first(one, 0)
        gone = [one for one in engine.ids(job.generation) if one not in wanted]
        removed = engine.delete(job.generation, gone, version=job.plan["moment"])
        engine.refresh(job.generation)
        # A product whose new version was refused keeps the one that is stored, if any.
        gates.check(engine, job, wanted, newer | {one for one, _ in failed})
    except ReindexIncomplete:
        abandon(engine, job)
        raise
    gates.serve(engine, job, job.plan["keep"])
    engine.jobs.exhume(job.index, job.plan["moment"] - 1)
    summary = {
        "index": job.index,
        "generation": job.generation,
        "read": job.plan["read"],
        "indexed": sum(result["indexed"] for result in results),
        "unchanged": sum(result["unchanged"] for result in results),
        "removed": removed,
        "quarantined": job.plan["quarantined"] + len(failed),
        "encoded": {name: sum(result[name] for result in results) for name in ("text", "image")},
        "pictures": [one for result in results for one in result["pictures"]],
        "quality": job.plan["quality"],
        "mapping": job.plan["mapping"],
        "seconds": round(time.time() - job.plan["started"], 2),
    }
    done = dict(job.plan) | {"summary": summary, "mark": engine.mark(job.generation)}
    engine.jobs.start(job.id, job.chunks, done)
    engine.jobs.finish(job.id, JobState.FINISHED)
    return summary
