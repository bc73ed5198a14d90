"""The application over both engines with a small sample shop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.settings import load
from etalage.demo import make_shop
from etalage.http.app import create_app
from indexer import documents
from indexer.ledger import Entry, changes
from opensearch.cluster import ClusterEngine
from opensearch.embedded import EmbeddedEngine
from opensearch.engine import IndexSpec, SearchEngine
from workers import behaviour

from ..asgi import Door

PRODUCTS = 300
INDEX = "products"
DEADLINE = 2.0
"""Seconds that a request has which asks for no other time."""

SETTINGS: Final[dict[str, Any]] = {
    "text_model": "hashing",
    "index": INDEX,
    "deadline": DEADLINE,
    "breaker_failures": 1000,
}


@pytest.fixture(scope="session")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    home: Path = tmp_path_factory.mktemp("fuzz")
    settings = load(home=home, opensearch_url="", **SETTINGS)
    engine = EmbeddedEngine(settings)
    fill(engine)
    behaviour.rebuild_completions(engine, settings)
    engine.close()
    with Door(create_app(settings)) as made:
        yield made


@pytest.fixture(scope="session")
def node_door(tmp_path_factory: pytest.TempPathFactory, node_url: str) -> Iterator[Door]:
    """The same over a node."""
    settings = load(home=tmp_path_factory.mktemp("fuzz-node"), opensearch_url=node_url, **SETTINGS)
    engine = ClusterEngine(settings)
    generation = fill(engine)
    engine.close()
    try:
        with Door(create_app(settings)) as made:
            yield made
    finally:
        httpx.delete(f"{node_url}/{generation}", timeout=60).raise_for_status()


def fill(engine: SearchEngine) -> str:
    """Let the shop serve; the generation's name."""
    encoder = HashingEncoder()
    generation = engine.create(INDEX, IndexSpec(encoder.name, encoder.fingerprint, encoder.dim))
    entries = [Entry(documents.source(one), ()) for one in make_shop(4, PRODUCTS).products]
    written = changes(engine, generation.name, encoder, entries).documents
    assert not [one for one in engine.write(generation.name, written) if one.reason]
    engine.refresh(generation.name)
    engine.swap(INDEX, generation.name)
    return generation.name
