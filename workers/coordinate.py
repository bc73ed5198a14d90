"""The index command: plan a job, see it through the workers, finish it."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from celery import Celery
from kombu.exceptions import OperationalError

from etalage.core.encoders import Encoder
from etalage.core.errors import EngineError, EngineTimeout, EngineUnavailable, ReindexIncomplete
from etalage.core.settings import Settings
from indexer import reindex, sources
from indexer.looks import Looks
from indexer.preview import preview
from opensearch.embedded.lock import writer
from opensearch.engine import SearchEngine
from opensearch.jobs import Job, JobState
from ranker.behaviour import kept
from workers import behaviour, parts
from workers.celery_app import QUEUE, make_app
from workers.process import OwnWorker

Report = Callable[[str, int, int], None]
"""Called with a stage (`read`, `index`, `finish`), how much is done, and of how much (0: unknown)."""

_POLL: Final = 0.1
_PAUSED: Final = 0.5
_RESEND: Final = 5.0
_IDLE_LIMIT: Final = 300.0
_DEATHS: Final = 5
_AHEAD: Final = 16


def index_feed(
    settings: Settings,
    path: Path,
    options: reindex.Options,
    report: Report = lambda *_: None,
    *,
    hands: bool = False,
) -> dict[str, Any]:
    """Index a full feed: the catalog is replaced by it. Interrupted, the same command resumes. With `hands`, for a caller that is
    itself a worker, chunks are worked on here too.

    Returns:
        The summary of `reindex.finish`.

    Raises:
        WriterBusy: another process indexes into this home.
        CatalogError, ConfigError, ModelError: the feed, an option or the encoder is at fault; nothing was changed.
        EngineError: engine or broker failed, or the result fell short; what was indexed before still serves.
    """
    with writer(settings.home):
        engine = parts.engine_of(settings)
        try:
            encoder = parts.encoder_of(settings)
            app = reachable(settings)
            options = _learnt(settings, options)
            digest = sources.digest(path)
            if settings.image_model is None:
                known = reindex.same_again(engine, encoder, settings.index, path, options, digest)
                if known is not None:
                    behaviour.rebuild_vocabulary(engine, settings)
                    return known
            looks = parts.looks_of(settings, options.pictures)
            job = reindex.plan(
                engine, encoder, settings.index, path, options, lambda stage, done: report(stage, done, 0), looks, digest
            )
            own = (lambda number: _work(engine, encoder, job, number, settings, looks)) if hands else None
            _drive(engine, job, app, settings, report, own)
            report("finish", 0, 0)
            summary = reindex.finish(engine, job)
            behaviour.rebuild_completions(engine, settings)
            behaviour.rebuild_vocabulary(engine, settings)
            return summary
        finally:
            engine.close()


def options_of(settings: Settings, path: Path, pictures: Path | None = None, **more: Any) -> reindex.Options:
    """How the settings say that a feed is indexed. Raises ConfigError."""
    root = pictures or settings.pictures or path.parent
    return reindex.Options(
        chunk=settings.chunk,
        quarantine=settings.home / "quarantine.jsonl",
        rules=parts.rules_of(settings),
        pictures=str(root.absolute()) if settings.image_model else "",
        keep=settings.generations,
        **more,
    )


def _learnt(settings: Settings, options: reindex.Options) -> reindex.Options:
    """Options with the signals of products as they were computed last. Raises EngineError."""
    found = kept.read(parts.signals_file(settings))
    return replace(options, signals=found.numbers, signals_digest=found.digest)


def _work(
    engine: SearchEngine, encoder: Encoder, job: Job, number: int, settings: Settings, looks: Looks | None
) -> None:
    owner = f"{socket.gethostname()}:{os.getpid()}:hands"
    reindex.work(engine, encoder, job.id, number, owner, settings.lease, lambda root: looks)


def preview_feed(
    engine: SearchEngine,
    settings: Settings,
    path: Path,
    options: reindex.Options,
    report: Report = lambda *_: None,
) -> dict[str, Any]:
    """What `index_feed` would do, and at what cost; see `indexer.preview`."""
    encoder, looks = parts.encoder_of(settings), parts.looks_of(settings, options.pictures)
    options = _learnt(settings, options)
    return preview(engine, encoder, settings.index, path, options, looks, lambda stage, done: report(stage, done, 0))


def reachable(settings: Settings) -> Celery:
    """The application, after its broker was reached. Raises EngineUnavailable."""
    with _broker(settings):
        app = make_app(settings)
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=2, interval_start=0.1, interval_step=0.2, timeout=5)
    return app


@contextmanager
def _broker(settings: Settings) -> Iterator[None]:
    """Turns the broker's errors into ours."""
    try:
        yield
    except (OperationalError, ConnectionError, OSError) as error:
        raise EngineUnavailable(
            f"the broker cannot be reached ({error})",
            value=settings.broker or settings.home / "broker",
            remedy="Start it, correct ETALAGE_BROKER, or unset it to work without one. The job resumes.",
        ) from error


def _drive(
    engine: SearchEngine,
    job: Job,
    app: Celery,
    settings: Settings,
    report: Report,
    work: Callable[[int], None] | None = None,
) -> None:
    """Wake workers until every chunk is done or dead. Without a broker URL, the worker is a process of our own. `work` does a
    chunk here, between looks at the others."""
    own = None if settings.broker or work is not None else OwnWorker(settings)
    if own is not None:
        with _broker(settings):
            app.control.purge()
        engine.jobs.release(job.id)
    with _running(own) if own is not None else nullcontext():
        sent: dict[int, float] = {}
        last, since, deaths = -1, time.monotonic(), 0
        while True:
            _heed(engine, job)
            progress = engine.jobs.progress(job.id)
            done = progress.done + progress.dead
            if done != last:
                last, since, deaths = done, time.monotonic(), 0
                report("index", done, job.chunks)
            if done >= job.chunks:
                return
            if own is not None and not own.alive:
                deaths += 1
                _revive(engine, job, own, deaths)
                sent.clear()
            if progress.leased:
                since = time.monotonic()
            elif time.monotonic() - since > _IDLE_LIMIT:
                raise EngineTimeout(
                    f"no worker took work for {_IDLE_LIMIT:.0f} seconds",
                    value=settings.broker,
                    remedy="Start one with `etalage worker` and the same settings; the job waits and resumes.",
                )
            _wake(engine, job, app, settings, sent)
            free = engine.jobs.available(job.id, 1) if work is not None else ()
            if work is not None and free:
                work(free[0])
            else:
                time.sleep(_POLL)


def _heed(engine: SearchEngine, job: Job) -> None:
    """Wait while the job is paused. Raises ReindexIncomplete when it was cancelled or given up elsewhere."""
    while True:
        current = engine.jobs.get(job.id)
        state = current.state if current is not None else JobState.CANCELLED
        if state is JobState.RUNNING:
            return
        if state is not JobState.PAUSED:
            reindex.abandon(engine, job, state)
            raise ReindexIncomplete(
                f"the job was {state}, the old index still serves", value=job.id, remedy="Run the command again."
            )
        time.sleep(_PAUSED)


@contextmanager
def _running(own: OwnWorker) -> Iterator[None]:
    own.start()
    try:
        yield
    finally:
        own.stop()


def _revive(engine: SearchEngine, job: Job, own: OwnWorker, deaths: int) -> None:
    """Start a worker again that died, with what it held given back."""
    if deaths > _DEATHS:
        raise EngineError(
            f"the worker process died {deaths} times without finishing a chunk",
            value=own.tail(),
            remedy="See worker.log.",
        )
    engine.jobs.release(job.id, f"{socket.gethostname()}:{own.pid}")
    own.start()


def _wake(engine: SearchEngine, job: Job, app: Celery, settings: Settings, sent: dict[int, float]) -> None:
    """Send a message for each chunk that can be leased and was not announced lately; a repeated one does no harm."""
    now = time.monotonic()
    due = [number for number in engine.jobs.available(job.id, _AHEAD) if now - sent.get(number, -_RESEND) >= _RESEND]
    with _broker(settings):
        for number in due:
            app.send_task("etalage.index_chunk", (job.id, number), queue=QUEUE, retry=False)
            sent[number] = now
