"""The door, with keys, over an engine that notes whatever reaches it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import orjson
import pytest

from etalage.core.settings import load
from etalage.http import keys
from etalage.http.app import create_app
from workers import parts

from ..asgi import Door
from ..recording import RecordingEngine

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
        patch.setattr(parts, "engine_of", lambda settings: engine)
        patch.setattr(keys, "Keys", partial(keys.Keys, clock=clock))
        settings = load(
            home=folder,
            text_model="hashing",
            opensearch_url="http://127.0.0.1:9",  # never called: the engine is in its place
            keys=folder / "keys.json",
            indexes="products,other",
        )
        with Door(create_app(settings)) as door:
            yield door, engine


@pytest.fixture
def door(served: tuple[Door, RecordingEngine]) -> Door:
    return served[0]


@pytest.fixture
def engine(served: tuple[Door, RecordingEngine]) -> RecordingEngine:
    """The engine, with nothing noted."""
    served[1].calls.clear()
    served[1].fail = None
    return served[1]
