"""Keep what was searched, as UBI 1.3.0 query documents, without making the search wait."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import orjson

from etalage.core.errors import EtalageError
from etalage.core.events import withheld
from etalage.http.gateway.asked import Asked, Ubi

log = logging.getLogger(__name__)

_WAITING: Final = 10_000
_BATCH: Final = 500
_PAUSE: Final = 0.2


def document(asked: Asked, ubi: Ubi, text: str, hits: Sequence[str], now: datetime | None = None) -> dict[str, Any]:
    """The document of `ubi_queries` for a search and the ids of the hits that it returned."""
    at = (now or datetime.now(UTC)).astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    response_id = str(uuid4())
    found = {
        "id": response_id,
        "timestamp": at,
        "query_id": ubi.query_id,
        "query_response_id": response_id,
        "query_response_hit_ids": list(hits),
        "user_query": ubi.user_query or text,
        "query_attributes": dict(ubi.query_attributes),
        "client_id": ubi.client_id or asked.options.user,
        "application": ubi.application,
        "session_id": asked.options.session,
        "object_id_field": ubi.object_id_field,
        "query": orjson.dumps(asked.body).decode(),
    }
    kept = {name: value for name, value in found.items() if value or name in ("user_query", "query_response_hit_ids")}
    return withheld(kept)


Store = Callable[[Sequence[Mapping[str, Any]]], int]


class Log:
    """Documents on their way to the engine: a thread stores them in batches. What the engine cannot take is kept and tried
    again, up to `_WAITING` documents; beyond, the newest are dropped, which is counted and logged.

    Attributes:
        dropped: how many were lost.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: queue.Queue[Mapping[str, Any]] = queue.Queue(_WAITING)
        self._stop = threading.Event()
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="ubi", daemon=True)
        self._thread.start()

    def put(self, one: Mapping[str, Any]) -> None:
        """Keep a document; returns at once."""
        try:
            self._waiting.put_nowait(one)
        except queue.Full:
            self.dropped += 1
            if self.dropped % 1000 == 1:
                log.warning("%d UBI queries were dropped: the engine does not take them", self.dropped)

    def close(self) -> None:
        """Store what waits, then end."""
        self._stop.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        batch: list[Mapping[str, Any]] = []
        while True:
            last = self._stop.is_set()
            batch += self._taken(_BATCH - len(batch))
            if batch and self._stored(batch):
                batch = []
            if not last:
                self._stop.wait(_PAUSE)
            elif batch or self._waiting.empty():
                break
        if batch:
            log.warning("%d UBI queries could not be stored", len(batch) + self._waiting.qsize())

    def _taken(self, most: int) -> list[Mapping[str, Any]]:
        taken: list[Mapping[str, Any]] = []
        while len(taken) < most:
            try:
                taken.append(self._waiting.get_nowait())
            except queue.Empty:
                break
        return taken

    def _stored(self, batch: Sequence[Mapping[str, Any]]) -> bool:
        try:
            self._store(batch)
        except EtalageError as error:
            if error.retryable:
                log.warning("UBI queries wait: %s", error)
                return False
            log.error("%d UBI queries are lost: %s", len(batch), error)
            self.dropped += len(batch)
        except Exception as error:  # a defect must not end the thread; its message may quote a query
            log.error("%d UBI queries are lost: %s", len(batch), type(error).__name__)
            self.dropped += len(batch)
        return True
