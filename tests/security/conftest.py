"""The door, with keys, over an engine that notes whatever reaches it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import orjson
import pytest

from etalage.http import keys

from .. import recording
from ..asgi import JSON_TYPE, Answer, Door
from ..recording import RecordingEngine, serving

Ask = Callable[..., Answer]
Pass = Callable[..., None]

RATED = 5
"""Requests at once that the key `rated` may send."""


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def entry(name: str, *scopes: str, **more: object) -> dict[str, object]:
    return {"name": name, "sha256": hashlib.sha256(name.encode()).hexdigest(), "scopes": scopes, **more}


ENTRIES = [
    entry("shop", "search"),
    entry("everything", "search", "suggest", "events", "index"),
    entry("suggests", "suggest", "events"),
    entry("others", "search", indexes=["other"]),
    entry("rated", "search", rate=1.0, burst=RATED),
]


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def served(clock: Clock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Door, RecordingEngine]]:
    """The application with keys, offering the indexes `products` and `other`, and its engine."""
    folder: Path = tmp_path_factory.mktemp("security")
    (folder / "keys.json").write_bytes(orjson.dumps(ENTRIES))
    engine = RecordingEngine()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "Keys", partial(keys.Keys, clock=clock))
        with serving(engine, folder, keys=folder / "keys.json", indexes="products,other") as door:
            yield door, engine


door, engine = recording.door, recording.engine


def key(name: str) -> tuple[bytes, bytes]:
    return (b"authorization", b"ApiKey " + name.encode())


@pytest.fixture
def ask(door: Door, engine: RecordingEngine) -> Ask:
    """Send a request with the shop's key."""

    def sent(method: str, target: str | bytes, body: Any = b"", name: str = "shop", kind: Any = JSON_TYPE) -> Answer:
        return door.ask(method, target, body, (kind, key(name)))

    return sent


@pytest.fixture
def refused(ask: Ask, engine: RecordingEngine) -> Pass:
    """Send a request, and find it refused with one of the statuses, in the right shape, unheard by the engine."""

    def check(method: str, target: str | bytes, body: Any = b"", status: Any = 400, **more: Any) -> None:
        answer = ask(method, target, body, **more)
        whole = target if isinstance(target, str) else target.decode("latin-1")
        shape(answer, whole, *([status] if isinstance(status, int) else status))
        assert engine.calls == [], engine.calls

    return check


def shape(answer: Answer, target: str, *statuses: int) -> dict[str, Any]:
    """The error of an answer in OpenSearch's shape."""
    assert answer.status in statuses, (target, answer.status, answer.body[:300])
    told: dict[str, Any] = answer.json()
    assert set(told) == {"error", "status"} and told["status"] == answer.status
    error = told["error"]
    assert error["reason"] and error["type"] and error["remedy"]
    parts = unquote(target.partition("?")[0]).split("/")[1:]
    if any(part.startswith("_") for part in parts[:2]) or target in ("/", ""):
        assert error["root_cause"] == [{"type": error["type"], "reason": error["reason"]}]
    assert "Traceback" not in answer.body.decode()
    return error
