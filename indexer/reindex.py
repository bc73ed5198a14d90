"""The reindex flow: plan a job from a feed, work on its chunks, finish it.

Planning reads and cleans every row before anything is written. Chunks wait in the job table; whoever leases one writes what
changed. Finishing removes what the feed no longer has, checks the result, and lets the generation serve. Each step may be
killed and done again: writing a document twice stores it once, and an interrupted command finds its job by the feed's hash.
"""

from __future__ import annotations

import logging
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final

import orjson

from etalage.core.encoders import Encoder
from etalage.core.errors import (
    CatalogError,
    ConfigError,
    EngineError,
    EngineUnavailable,
    EtalageError,
    ReindexIncomplete,
)
from indexer import clean, documents, ledger, sources
from indexer.ledger import Entry
from indexer.mapping import FeedMapping, guess
from opensearch.engine import Generation, IndexSpec, Outcome, Request, SearchEngine
from opensearch.jobs import Job, JobState

log = logging.getLogger(__name__)

_SAMPLE: Final = 1000
_RETRIES: Final = (0.2, 1.0, 3.0)
_SHOWN: Final = 20
_PROBES: Final = 5


@dataclass(frozen=True, slots=True)
class Options:
    """How to index.

    `overrides` map fields to columns; `max_bad` is a share such as `5%` or a number of rows; `full` builds a new generation
    even where a diff would do; bad rows are written to `quarantine` (JSON Lines) when it is set.
    """

    overrides: Mapping[str, str] = field(default_factory=dict)
    max_bad: str = "5%"
    full: bool = False
    chunk: int = 256
    quarantine: Path | None = None


Progress = Callable[[str, int], None]


def plan(
    engine: SearchEngine,
    encoder: Encoder,
    index: str,
    path: Path,
    options: Options,
    progress: Progress = lambda *_: None,
) -> Job:
    """A running job for the feed, with its chunks in the job table: a new one, or the one that was interrupted.

    Raises:
        CatalogError: the feed cannot be read, has no id or title column, no good row, or too many bad ones.
        ConfigError: a mapping or `max_bad` is wrong.
    """
    limit = bad_limit(options.max_bad)
    digest = sources.digest(path)
    with closing(sources.read(path)) as rows:
        first = list(islice(rows, _SAMPLE))
    sample = [row.values for row in first if not row.fault]
    if not sample:
        faults = "; ".join(f"line {row.line}: {row.fault}" for row in first[:3])
        raise CatalogError(
            "the feed has no readable row", value=faults or path, remedy="Check that it is the right file."
        )
    mapping = guess(sample, options.overrides)
    spec = IndexSpec(encoder.name, encoder.fingerprint, encoder.dim, _image_dim(path, mapping))
    name = _job_name(index, digest, mapping, spec, options)
    for job in engine.jobs.unfinished(index):
        if job.id == name and job.state is JobState.RUNNING:
            log.info("resuming job %s", name)
            return job
        abandon(engine, job)
    target = _target(engine, index, spec, options.full)
    engine.jobs.open(Job(name, index, target.name, digest))
    try:
        tally = _stage(engine, name, path, mapping, spec, options, progress)
        _refuse_dirty(tally, limit, path)
    except EtalageError:
        abandon(engine, Job(name, index, target.name, digest))
        raise
    summary = {"read": tally.read, "quarantined": tally.bad, "mapping": mapping.as_dict(), "good": tally.good}
    engine.jobs.start(name, tally.chunks, summary | {"max_bad": options.max_bad, "started": time.time()})
    planned = engine.jobs.get(name)
    if planned is None:
        raise EngineError("the job table lost the job", value=name, remedy="Run the command again.")
    return planned


def bad_limit(given: str) -> Callable[[int, int], bool]:
    """Whether (bad, read) rows are too many, from `5%` or `100`. Raises ConfigError."""
    text = given.strip()
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        number = -1.0
    if number < 0 or number != number or (text.endswith("%") and number > 100):
        raise ConfigError("--max-bad is neither a share nor a count", value=given, remedy="Write `5%` or `100`.")
    return (lambda bad, read: bad > read * number / 100) if text.endswith("%") else (lambda bad, read: bad > number)


def _job_name(index: str, digest: str, mapping: FeedMapping, spec: IndexSpec, options: Options) -> str:
    parts = [index, digest, asdict(mapping), asdict(spec), options.full, options.chunk, options.max_bad]
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


def abandon(engine: SearchEngine, job: Job) -> None:
    """Give up an unfinished job and the generation that it was building."""
    engine.jobs.finish(job.id, JobState.FAILED)
    serving = engine.serving(job.index)
    if serving is None or serving.name != job.generation:
        engine.drop(job.generation)


@dataclass
class _Tally:
    read: int = 0
    good: int = 0
    bad: int = 0
    chunks: int = 0
    reasons: list[str] = field(default_factory=list)


def _stage(
    engine: SearchEngine,
    job: str,
    path: Path,
    mapping: FeedMapping,
    spec: IndexSpec,
    options: Options,
    progress: Progress,
) -> _Tally:
    """Clean every row; good ones go to the job table in chunks, bad ones to the quarantine file."""
    tally, waiting = _Tally(), list[dict[str, Any]]()
    quarantine = _opened(options.quarantine) if options.quarantine else None
    try:
        for row, entry, reason in _entries(path, mapping, spec):
            tally.read += 1
            if entry is None:
                tally.bad += 1
                tally.reasons += [f"line {row.line}: {reason}"][: _SHOWN - len(tally.reasons)]
                if quarantine is not None:
                    quarantine.write(
                        orjson.dumps({"line": row.line, "reason": reason, "row": row.values}, default=str) + b"\n"
                    )
                continue
            tally.good += 1
            waiting.append({"source": entry.source, "image": entry.image})
            if len(waiting) == options.chunk:
                engine.jobs.add(job, tally.chunks, _packed(waiting))
                tally.chunks, waiting = tally.chunks + 1, []
                progress("read", tally.read)
        if waiting:
            engine.jobs.add(job, tally.chunks, _packed(waiting))
            tally.chunks += 1
    finally:
        if quarantine is not None:
            quarantine.close()
    return tally


def _opened(quarantine: Path) -> IO[bytes]:
    try:
        quarantine.parent.mkdir(parents=True, exist_ok=True)
        return open(quarantine, "wb")
    except OSError as error:
        raise ConfigError(
            f"the file for bad rows cannot be written ({error.strerror})", value=quarantine, remedy="Choose another."
        ) from error


def _entries(path: Path, mapping: FeedMapping, spec: IndexSpec) -> Iterator[tuple[sources.Row, Entry | None, str]]:
    seen: dict[str, int] = {}
    for row in sources.read(path):
        if row.fault:
            yield row, None, row.fault
            continue
        try:
            product = clean.product(row.values, mapping)
        except clean.BadRow as error:
            yield row, None, str(error)
            continue
        first = seen.setdefault(product.id, row.line)
        if first != row.line:
            yield row, None, f"the id {product.id} repeats line {first}"
        elif product.vec_image and len(product.vec_image) != spec.dim_image:
            yield row, None, f"the image vector has {len(product.vec_image)} components, the first had {spec.dim_image}"
        else:
            yield row, Entry(documents.source(product), product.vec_image), ""


def _refuse_dirty(tally: _Tally, limit: Callable[[int, int], bool], path: Path) -> None:
    shown = "; ".join(tally.reasons[:3])
    if not tally.good:
        raise CatalogError(
            "the feed has no good row" if tally.read else "the feed has no rows",
            value=shown or path,
            remedy="Check it.",
        )
    if limit(tally.bad, tally.read):
        raise CatalogError(
            f"{tally.bad} of {tally.read} rows are bad, nothing was changed",
            value=shown,
            remedy="Correct them, correct the columns with --map, or allow more with --max-bad.",
        )


def _packed(entries: list[dict[str, Any]]) -> bytes:
    return zlib.compress(orjson.dumps(entries), 3)


def _unpacked(payload: bytes) -> list[Entry]:
    return [Entry(one["source"], one["image"]) for one in orjson.loads(zlib.decompress(payload))]


def work(engine: SearchEngine, encoder: Encoder, job: str, number: int, owner: str, lease: float) -> bool:
    """Lease a chunk, write what changed, and note the result; False when there was nothing to do.

    A failure that may pass gives the chunk back; any other makes it dead, with the reason in the job table.
    """
    chunk = engine.jobs.lease(job, number, owner, lease)
    running = engine.jobs.get(job)
    if chunk is None or running is None:
        return False
    try:
        changes = ledger.changes(engine, running.generation, encoder, _unpacked(chunk.payload))
        outcomes = _write(engine, running.generation, changes)
        _refuse_busy(outcomes)
    except EtalageError as error:
        log.warning("chunk %d of job %s failed: %s", number, job, error)
        engine.jobs.fail(job, number, owner, str(error), retry=error.retryable)
        return True
    failed = [[one.id, one.reason] for one in outcomes if one.reason]
    result = {
        "indexed": len(outcomes) - len(failed),
        "unchanged": changes.unchanged,
        "text": changes.encoded_text,
        "image": changes.encoded_image,
        "failed": failed,
    }
    return engine.jobs.complete(job, number, owner, result)


def _write(engine: SearchEngine, generation: str, changes: ledger.Changes) -> list[Outcome]:
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
        `{index, generation, read, indexed, unchanged, removed, quarantined, encoded: {text, image}, mapping, seconds}`.

    Raises:
        ReindexIncomplete: chunks died, or the generation fell short of a gate; the one before still serves.
    """
    results = list(engine.jobs.results(job.id))
    failed = [(str(one), str(why)) for result in results for one, why in result["failed"]]
    try:
        _refuse_dead(engine, job, failed)
        wanted = {entry.source["id"] for payload in engine.jobs.payloads(job.id) for entry in _unpacked(payload)}
        stored = set(engine.ids(job.generation))
        # A product whose new version was refused keeps the one that is stored.
        wanted -= {one for one, _ in failed} - stored
        removed = engine.delete(job.generation, sorted(stored - wanted))
        engine.refresh(job.generation)
        _gate(engine, job, wanted)
    except ReindexIncomplete:
        abandon(engine, job)
        raise
    _serve(engine, job)
    engine.jobs.finish(job.id, JobState.FINISHED)
    return {
        "index": job.index,
        "generation": job.generation,
        "read": job.plan["read"],
        "indexed": sum(result["indexed"] for result in results),
        "unchanged": sum(result["unchanged"] for result in results),
        "removed": removed,
        "quarantined": job.plan["quarantined"] + len(failed),
        "encoded": {name: sum(result[name] for result in results) for name in ("text", "image")},
        "mapping": job.plan["mapping"],
        "seconds": round(time.time() - job.plan["started"], 2),
    }


def _refuse_dead(engine: SearchEngine, job: Job, failed: list[tuple[str, str]]) -> None:
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


def _gate(engine: SearchEngine, job: Job, wanted: set[str]) -> None:
    """Count, read some documents back, and find them by their titles."""
    count = engine.count(job.generation)
    if count != len(wanted):
        raise _short(f"it holds {count} products instead of {len(wanted)}", job)
    some = sorted(wanted)[:: max(len(wanted) // _PROBES, 1)][:_PROBES]
    stored = engine.get(job.generation, some)
    for one in some:
        if one not in stored:
            raise _short(f"product {one} cannot be read back", job)
        title = " ".join(stored[one]["title"].split()[:12])
        found = engine.candidates(job.generation, Request(title, size=200)).ids
        if one not in found and len(found) < 200 and any(c.isalnum() for c in title):
            raise _short(f"product {one} is not found by its title", job)


def _short(reason: str, job: Job) -> ReindexIncomplete:
    return ReindexIncomplete(
        f"the new generation fell short ({reason}), the old index still serves",
        value=job.generation,
        remedy="Run the command again with --full.",
    )


def _serve(engine: SearchEngine, job: Job) -> None:
    """Let the generation serve, and drop those that are older than the one before it."""
    names = [one.name for one in engine.generations(job.index)]
    keep = names[: names.index(job.generation) + 1][-2:]
    serving = engine.serving(job.index)
    if serving is None or serving.name != job.generation:
        engine.swap(job.index, job.generation)
        keep = [job.generation, serving.name if serving else ""]
    for name in names:
        if name not in keep:
            engine.drop(name)
