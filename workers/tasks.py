"""The tasks: ids in, one call. What they need is built once per worker process, after the fork."""

from __future__ import annotations

import os
import socket
from functools import lru_cache

from celery import Task, shared_task

from etalage.core.encoders import Encoder
from etalage.core.errors import WriterBusy
from etalage.core.settings import Settings, load
from indexer import reindex
from indexer.looks import Looks
from opensearch.engine import SearchEngine
from workers import behaviour, coordinate, parts, schedule, signals


@lru_cache(maxsize=1)
def _settings() -> Settings:
    return load()


@lru_cache(maxsize=1)
def _engine() -> SearchEngine:
    return parts.engine_of(_settings())


@lru_cache(maxsize=1)
def _encoder() -> Encoder:
    return parts.encoder_of(_settings())


@lru_cache(maxsize=4)
def _looks(root: str) -> Looks | None:
    return parts.looks_of(_settings(), root)


def owner() -> str:
    """Who holds a lease: this host and process."""
    return f"{socket.gethostname()}:{os.getpid()}"


@shared_task(name="etalage.index_chunk")  # type: ignore[untyped-decorator]
def index_chunk(job: str, number: int) -> None:
    """Work on one chunk of a job, unless another worker holds it or it is done."""
    reindex.work(_engine(), _encoder(), job, number, owner(), _settings().lease, _looks)


@shared_task(name=schedule.NIGHTLY)  # type: ignore[untyped-decorator]
def nightly() -> None:
    """Index the feed that the settings name, with this worker's own hands and those of others."""
    settings = _settings()
    if settings.nightly_feed is not None:
        coordinate.index_feed(
            settings, settings.nightly_feed, coordinate.options_of(settings, settings.nightly_feed), hands=True
        )


@shared_task(name=schedule.COMPLETIONS)  # type: ignore[untyped-decorator]
def rebuild_completions() -> None:
    """Build the completions from behaviour as it is stored now."""
    behaviour.rebuild_completions(_engine(), _settings())
    behaviour.rebuild_vocabulary(_engine(), _settings())


@shared_task(name=schedule.RECENT)  # type: ignore[untyped-decorator]
def refresh_completions() -> None:
    """Count what was typed since the completions were built."""
    behaviour.refresh_completions(_engine(), _settings())


@shared_task(name=schedule.SIGNALS, bind=True, max_retries=12)  # type: ignore[untyped-decorator]
def refresh_signals(self: Task) -> None:
    """Learn from behaviour as it is stored now what products are like; again five minutes later while a feed is indexed."""
    try:
        signals.refresh(_engine(), _settings())
    except WriterBusy as error:
        raise self.retry(exc=error, countdown=300) from None
