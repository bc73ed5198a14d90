"""What is learnt from shoppers reaches the products of every engine, and searches of every kind find it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from etalage.core import events
from etalage.core.encoders import models
from etalage.core.records import Document
from etalage.core.settings import Settings, load
from opensearch.engine import IndexSpec, Range, Request, SearchEngine, Sort
from workers import signals

Make = Callable[..., Document]


def event(action: str, client: str, product: str) -> dict[str, Any]:
    return events.check(
        {
            "action_name": action, "timestamp": "2024-05-01T10:00:00Z", "client_id": client, "user_query": "thing",
            "event_attributes": {"object": {"object_id": product}, "position": {"ordinal": 1}},
        }
    )[1]  # fmt: skip


@pytest.fixture
def chosen(tmp_path: Any, index: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    return load(home=tmp_path, models=tmp_path / "models", text_model="hashing", index=index)


def test_signals_are_written_and_found(
    engine: SearchEngine, chosen: Settings, index: str, serve: Callable[..., Any], make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = models.ensure(chosen)
    ids = [f"{index}-{letter}" for letter in "abcd"]
    spec = IndexSpec(encoder.name, encoder.fingerprint, encoder.dim)
    vector = [1.0] + [0.0] * (encoder.dim - 1)
    name = serve(*(make(id, "thing", vector, popularity=9.0 if id == ids[3] else None) for id in ids), spec=spec).name
    log = [event("impression", f"x{number}", id) for id in ids[:2] for number in range(10)]
    log += [event("click", f"x{number}", ids[0]) for number in range(8)] + [event("purchase", "x1", ids[0])]
    log += [event("click", "x0", id) for id in ids[1:4:2]] + [event("click", "x0", f"{index}-gone")]
    assert engine.append_events(events.EVENTS, log) == len(log)
    # On a node, other tests' events are there too.
    stored = [one for one in engine.events(events.EVENTS) if index in str(one.get("event_attributes"))]
    assert len(stored) == len(log)
    monkeypatch.setattr(engine, "events", lambda kind: stored if kind == events.EVENTS else [])
    told = signals.refresh(engine, chosen)
    assert [told[one] for one in ("products", "unknown", "changed", "updated")] == [4, 1, 3, 3]
    found = engine.get(name, ids)
    assert [found[id].get("popularity") for id in ids] == [13.0, 1.0, None, 9.0]
    rates = [found[id].get("click_rate") for id in ids]
    assert rates[0] > rates[1] > 0 and rates[2] is None
    order = engine.candidates(index, Request("thing", sort=Sort("click_rate", descending=True)))
    assert order.ids[:1] == ids[:1] and order.records["click_rate"][0] == pytest.approx(rates[0])
    under = engine.candidates(index, Request("thing", filters=(Range("click_rate", None, rates[1] + 0.01),)))
    assert ids[1] in under.ids and ids[0] not in under.ids
    body = {"query": {"exists": {"field": "purchase_rate"}}, "sort": [{"purchase_rate": "desc"}, {"id": "asc"}]}
    assert engine.search(index, body)["hits"]["hits"][0]["_id"] == ids[0]
    assert signals.refresh(engine, chosen)["changed"] == 0
