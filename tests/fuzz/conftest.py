"""The application over the embedded engine with a small sample shop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.settings import load
from etalage.demo import make_shop
from etalage.http.app import create_app
from indexer import documents
from indexer.ledger import Entry, changes
from opensearch.embedded import EmbeddedEngine
from opensearch.engine import IndexSpec
from workers import behaviour

from ..asgi import Door

PRODUCTS = 300
DEADLINE = 2.0
"""Seconds that a request has which asks for no other time."""


@pytest.fixture(scope="session")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    home: Path = tmp_path_factory.mktemp("fuzz")
    settings = load(home=home, text_model="hashing", opensearch_url="", deadline=DEADLINE, breaker_failures=1000)
    engine, encoder = EmbeddedEngine(settings), HashingEncoder()
    generation = engine.create("products", IndexSpec(encoder.name, encoder.fingerprint, encoder.dim))
    entries = [Entry(documents.source(one), ()) for one in make_shop(4, PRODUCTS).products]
    written = changes(engine, generation.name, encoder, entries).documents
    assert not [one for one in engine.write(generation.name, written) if one.reason]
    engine.refresh(generation.name)
    engine.swap("products", generation.name)
    behaviour.rebuild_completions(engine, settings)
    engine.close()
    with Door(create_app(settings)) as made:
        yield made
