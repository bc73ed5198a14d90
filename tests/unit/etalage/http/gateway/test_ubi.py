"""UBI documents of searches, and the thread that stores them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest

from etalage.core import events
from etalage.core.errors import EngineError, EngineUnavailable
from etalage.http.gateway import asked, ubi
from opensearch.dsl.guard import Limits

AT = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))


def searched(**ext: Any) -> asked.Asked:
    body = {"query": {"match": {"title": "red shoe"}}, "ext": {"ubi": {"query_id": "q1"}} | ext}
    return asked.read("products", body, {}, Limits(), 10.0)


def document(one: asked.Asked, hits: Sequence[str] = ("p1", "p2")) -> dict[str, Any]:
    assert one.ubi is not None
    return ubi.document(one, one.ubi, "red shoe", hits, AT)


def test_a_document_says_what_was_asked_and_found() -> None:
    one = document(searched(etalage={"user": "u1", "session": "s1"}))
    assert one.pop("id") == one.pop("query_response_id")
    assert orjson.loads(one.pop("query")) == {"query": {"match": {"title": "red shoe"}}}
    assert one == {
        "timestamp": "2026-03-01T10:00:00.123Z",
        "query_id": "q1",
        "query_response_hit_ids": ["p1", "p2"],
        "user_query": "red shoe",
        "client_id": "u1",
        "session_id": "s1",
    }


def test_what_the_client_says_wins_and_what_is_empty_is_left_out() -> None:
    given = {"query_id": "q1", "user_query": "rd shoe", "client_id": "c1", "application": "web"}
    given |= {"object_id_field": "id", "query_attributes": {"page": 2}}
    one = document(searched(ubi=given, etalage={"user": "u1"}), [])
    assert (one["user_query"], one["client_id"], one["application"]) == ("rd shoe", "c1", "web")
    assert one["query_attributes"] == {"page": 2} and one["query_response_hit_ids"] == []
    assert "session_id" not in one


def test_a_document_is_one_that_events_take() -> None:
    queries, behaviour = events.sort_out([document(searched())])
    assert len(queries) == 1 and not behaviour and datetime.now(UTC) > AT


class Store:
    """Takes documents; fails as often as it is told to."""

    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)
        self.taken: list[Mapping[str, Any]] = []
        self.batches: list[int] = []

    def __call__(self, documents: Sequence[Mapping[str, Any]]) -> int:
        if self.faults:
            raise self.faults.pop(0)
        self.batches.append(len(documents))
        self.taken += documents
        return len(documents)


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_documents_are_stored_in_the_background_and_at_the_end() -> None:
    store = Store()
    log = ubi.Log(store)
    started = time.monotonic()
    for number in range(1200):
        log.put({"n": number})
    assert time.monotonic() - started < 1
    log.close()
    assert [one["n"] for one in store.taken] == list(range(1200))
    assert log.dropped == 0 and max(store.batches) <= 500


def test_what_the_engine_cannot_take_now_is_tried_again() -> None:
    store = Store(*(EngineUnavailable("away", remedy="Wait.") for _ in range(2)))
    log = ubi.Log(store)
    log.put({"n": 1})
    until(lambda: not store.faults and bool(store.taken))
    log.close()
    assert store.taken == [{"n": 1}] and log.dropped == 0


def test_what_the_engine_never_takes_is_lost_and_counted() -> None:
    store = Store(EngineError("wrong", remedy="Correct it."))
    log = ubi.Log(store)
    log.put({"n": 1})
    until(lambda: log.dropped == 1)
    log.put({"n": 2})
    until(lambda: store.taken == [{"n": 2}])
    log.close()


def test_a_defect_of_the_store_does_not_end_the_log() -> None:
    store = Store(RuntimeError("defect"))
    log = ubi.Log(store)
    log.put({"n": 1})
    until(lambda: log.dropped == 1)
    log.put({"n": 2})
    until(lambda: store.taken == [{"n": 2}])
    log.close()


def test_beyond_what_may_wait_documents_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ubi, "_WAITING", 3)
    stuck, free = threading.Event(), threading.Event()

    def store(documents: Sequence[Mapping[str, Any]]) -> int:
        stuck.set()
        free.wait(10)
        return len(documents)

    log = ubi.Log(store)
    log.put({"n": 0})
    assert stuck.wait(10)
    for number in range(1, 6):
        log.put({"n": number})
    assert log.dropped == 2
    free.set()
    log.close()
