"""Signals from stored behaviour to the products, through feeds, changes, kills and jobs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from etalage.core import events
from etalage.core.errors import CatalogError, EngineError, FingerprintMismatch, QueryError, WriterBusy
from etalage.core.settings import Settings
from indexer import delta, reindex
from indexer.staging import Options
from opensearch import fields
from opensearch.embedded.lock import writer
from opensearch.engine import IndexSpec, Range, Request, SearchEngine, Sort
from opensearch.jobs import Job
from ranker.behaviour import kept
from workers import changes, coordinate, parts, signals, tasks
from workers.celery_app import make_app

Feed = Callable[..., Path]
ROWS: list[dict[str, Any]] = [{"id": id, "title": f"shoe {id}", "price": 1000} for id in "abcde"]
ROWS[4]["popularity"] = 7.5


def event(action: str, client: str, product: str, place: int = 1) -> dict[str, Any]:
    return events.check(
        {
            "action_name": action, "timestamp": "2024-05-01T10:00:00Z", "client_id": client, "user_query": "shoe",
            "event_attributes": {"object": {"object_id": product}, "position": {"ordinal": place}},
        }
    )[1]  # fmt: skip


def seen(product: str, by: int, clicked: int, bought: int = 0) -> list[dict[str, Any]]:
    counts = {"impression": by, "click": clicked, "purchase": bought}
    return [event(name, f"{product}{one}", product) for name, count in counts.items() for one in range(count)]


LOG = [*seen("a", 20, 15, 12), *seen("b", 20, 2), *seen("e", 20, 10, 1), *seen("nowhere", 3, 1)]


@pytest.fixture
def feed(write: Feed) -> Path:
    return write(*ROWS)


@pytest.fixture
def hands(settings: Settings) -> Callable[..., dict[str, Any]]:
    """Indexes a feed in this process."""
    chosen = settings.model_copy(update={"broker": "memory://"})

    def indexed(path: Path, **options: Any) -> dict[str, Any]:
        return coordinate.index_feed(chosen, path, Options(**options), hands=True)

    return indexed


@pytest.fixture
def shop(feed: Path, hands: Callable[..., Any], engine: SearchEngine) -> SearchEngine:
    """An engine with five products and what shoppers did."""
    hands(feed)
    engine.append_events(events.EVENTS, LOG)
    return engine


def numbers(engine: SearchEngine) -> dict[str, tuple[Any, ...]]:
    serving = engine.serving("products")
    assert serving is not None
    found = engine.get(serving.name, "abcde")
    return {id: tuple(found[id].get(name) for name in fields.SIGNALS) for id in "abcde"}


def test_products_get_their_signals_and_searches_find_them(shop: SearchEngine, settings: Settings) -> None:
    told = signals.refresh(shop, settings)
    assert (told["read"], told["products"], told["unknown"], told["changed"], told["updated"]) == (len(LOG), 4, 1, 3, 3)
    assert told["encoded"] == 0 and told["refused"] == told["stale"] == 0
    found = numbers(shop)
    # The feed says how popular e is.
    assert [found[id][0] for id in "abcde"] == [15 + 12 * 5, 2, None, None, 7.5]
    rates = {id: row[1] for id, row in found.items()}
    assert rates["a"] > rates["e"] > told["click_rate"] > rates["b"] and rates["c"] is rates["d"] is None
    assert found["a"][2] > max(found["b"][2], found["e"][2]) and found["c"][2] is None
    best = shop.candidates("products", Request("", sort=Sort("click_rate", descending=True)))
    assert best.ids[:3] == ["a", "e", "b"] and best.records["click_rate"][0] == pytest.approx(rates["a"])
    few = shop.candidates("products", Request("", filters=(Range("click_rate", None, rates["e"]),), sort=Sort("price")))
    assert few.ids == ["b", "e"]
    body = {"query": {"range": {"purchase_rate": {"gte": found["a"][2]}}}, "sort": [{"click_rate": "desc"}]}
    assert [hit["_id"] for hit in shop.search("products", body)["hits"]["hits"]] == ["a"]


def test_nothing_is_written_twice(shop: SearchEngine, settings: Settings) -> None:
    signals.refresh(shop, settings)
    serving = shop.serving("products")
    assert serving is not None
    mark = shop.mark(serving.name)
    assert signals.refresh(shop, settings)["changed"] == 0 and shop.mark(serving.name) == mark


def test_a_feed_keeps_them(
    shop: SearchEngine, settings: Settings, feed: Path, hands: Callable[..., Any], write: Feed
) -> None:
    signals.refresh(shop, settings)
    found = numbers(shop)
    again = hands(feed)
    assert (again["indexed"], again["unchanged"], again["encoded"]) == (0, 5, {"text": 0, "image": 0})
    assert numbers(shop) == found
    whole = hands(feed, full=True)
    assert whole["generation"] == "products-000002" and numbers(shop) == found
    cheaper = hands(write(*[row | {"price": 900} for row in ROWS], name="other.jsonl"))
    assert cheaper["indexed"] == 5 and numbers(shop) == found
    assert coordinate.preview_feed(shop, settings, feed, Options())["changed"] == 5
    # A feed that says it itself is right.
    hands(write(*[row | {"ctr": 0.5, "popularity": 3} for row in ROWS], name="own.jsonl"))
    assert {row[:2] for row in numbers(shop).values()} == {(3.0, 0.5)}
    assert signals.refresh(shop, settings)["changed"] == 0


def test_other_signals_are_reason_to_read_a_feed_again(
    shop: SearchEngine, settings: Settings, feed: Path, hands: Callable[..., Any]
) -> None:
    hands(feed)
    # Kept, and then killed before any product was patched.
    kept.write(parts.signals_file(settings), kept.Kept({"c": (4.0, 0.25, None)}))
    assert hands(feed)["indexed"] == 1 and numbers(shop)["c"] == (4.0, 0.25, None)


def test_killed_it_goes_on(shop: SearchEngine, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    signals.refresh(shop, settings)
    monkeypatch.setattr(signals, "_BATCH", 1)
    apply = delta.apply
    for more in (200, 400, 800):
        # Each time the numbers are others, and the kill comes after the first product.
        shop.append_events(events.EVENTS, [event("click", f"x{more}{one}", id) for one in range(more) for id in "ab"])
        done: list[str] = []

        def once(*given: Any, done: list[str] = done) -> Any:
            if done:
                raise EngineError("killed")
            done.append("")
            return apply(*given)

        monkeypatch.setattr(delta, "apply", once)
        with pytest.raises(EngineError, match="killed"):
            signals.refresh(shop, settings)
    monkeypatch.setattr(delta, "apply", apply)
    signals.refresh(shop, settings)
    wanted = kept.read(parts.signals_file(settings)).numbers
    assert {id: numbers(shop)[id] for id in "ab"} == {id: wanted[id] for id in "ab"}


def test_what_is_forgotten_is_taken_back(
    shop: SearchEngine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    signals.refresh(shop, settings)
    monkeypatch.setattr(
        shop, "events", lambda kind: [one for one in LOG if kind == events.EVENTS and "b" not in one["client_id"]]
    )
    assert signals.refresh(shop, settings)["changed"] >= 1
    assert numbers(shop)["b"] == (None, None, None) and numbers(shop)["e"][0] == 7.5


def test_a_change_over_http_keeps_the_rates(shop: SearchEngine, settings: Settings) -> None:
    signals.refresh(shop, settings)
    rates = numbers(shop)["a"][1:]
    part = parts.Indexing(parts.encoder_of(settings), None)
    rows = [{"id": "a", "op": "upsert", "title": "new shoe"}, {"id": "b", "price": 5}, {"id": "c", "click_rate": 0.5}]
    assert {one.result for one in changes.apply_rows(shop, settings, rows, part)} == {"updated"}
    assert numbers(shop)["a"] == (None, *rates) and numbers(shop)["c"][1] == 0.5
    signals.refresh(shop, settings)
    assert numbers(shop)["a"][0] == 75 and numbers(shop)["c"][1] == 0.5


def test_a_job_that_goes_on_wins(shop: SearchEngine, settings: Settings) -> None:
    """Its feed is newer than the prices that the patches are made on."""
    serving = shop.serving("products")
    assert serving is not None
    moment = reindex.moment()
    shop.jobs.open(Job("job", "products", serving.name, "digest"))
    shop.jobs.start("job", 1, {"moment": moment})
    assert signals.refresh(shop, settings)["updated"] == 3
    rows = shop.ledger(serving.name, "ab")
    assert {row.version for row in rows.values()} == {moment - 1}


# refusals
def test_without_events_or_an_index_it_says_what_to_do(
    engine: SearchEngine, settings: Settings, feed: Path, hands: Callable[..., Any]
) -> None:
    with pytest.raises(QueryError, match="no such index"):
        signals.refresh(engine, settings)
    hands(feed)
    with pytest.raises(CatalogError, match="no events") as caught:
        signals.refresh(engine, settings)
    assert "etalage events import" in caught.value.remedy
    assert not parts.signals_file(settings).exists()


def test_while_a_feed_is_indexed_it_waits(
    shop: SearchEngine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "_settings", lambda: settings)
    monkeypatch.setattr(tasks, "_engine", lambda: shop)
    with writer(settings.home):
        with pytest.raises(WriterBusy):
            signals.refresh(shop, settings)
        # Called without a worker, nobody tries again.
        with pytest.raises(WriterBusy):
            tasks.refresh_signals()
    tasks.refresh_signals()
    assert numbers(shop)["b"][0] == 2


def test_a_worker_tries_again(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    make_app(settings)
    tries: list[str] = []

    def busy(*given: Any) -> None:
        tries.append("")
        if len(tries) < 4:
            raise WriterBusy("another process is writing to this home")

    monkeypatch.setattr(tasks, "_settings", lambda: settings)
    monkeypatch.setattr(tasks, "_engine", lambda: None)
    monkeypatch.setattr(signals, "refresh", busy)
    assert tasks.refresh_signals.apply().state == "SUCCESS" and len(tries) == 4
    tries.clear()
    monkeypatch.setattr(tasks.refresh_signals, "max_retries", 1)
    assert tasks.refresh_signals.apply().state == "FAILURE" and len(tries) == 2


def test_an_index_of_another_version_is_refused(engine: SearchEngine, settings: Settings) -> None:
    encoder = parts.encoder_of(settings)
    old = engine.create("products", IndexSpec(encoder.name, encoder.fingerprint, encoder.dim, schema=2))
    engine.swap("products", old.name)
    change = delta.Change(delta.Op.AUTO, {"id": "a", "title": "shoe"}, 1)
    with pytest.raises(EngineError, match="another version") as caught:
        delta.apply(engine, encoder, "products", [change])
    assert "etalage index FILE" in caught.value.remedy and not isinstance(caught.value, FingerprintMismatch)
    assert engine.count(old.name) == 0
