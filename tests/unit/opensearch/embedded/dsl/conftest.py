"""A small shop on the embedded engine, made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from etalage.core.records import Document
from etalage.core.settings import load
from opensearch.embedded import EmbeddedEngine
from opensearch.engine import IndexSpec

Ids = Callable[..., str]

SHOP: Sequence[Mapping[str, Any]] = (
    {
        "id": "a",
        "title": "Red running shoes",
        "brand": "Acme",
        "category": ["Goods", "Shoes"],
        "price": 5000,
        "stock": 3,
        "rating": 4.5,
        "reviews": 10,
        "created_at": "2024-01-15T10:00:00.000Z",
        "variant_group": "g1",
        "attributes": {"color": ["red"], "size": ["42"]},
        "description": "A shoe to run in. It is red.",
    },
    {
        "id": "b",
        "title": "Blue running shoes",
        "brand": "Acme",
        "category": ["Goods", "Shoes"],
        "price": 6000,
        "stock": 0,
        "rating": 4.0,
        "reviews": 200,
        "created_at": "2024-06-01T00:00:00.000Z",
        "variant_group": "g1",
        "attributes": {"color": ["blue"]},
    },
    {
        "id": "c",
        "title": "Red desk lamp",
        "brand": "Bolt",
        "category": ["Goods", "Lamps"],
        "price": 2000,
        "stock": 7,
        "created_at": "2025-03-10T08:00:00.000Z",
        "attributes": {"color": ["red"]},
        "description": "A lamp for the desk. The red lamp shines.",
    },
    {
        "id": "d",
        "title": "Green chair",
        "brand": "Bolt",
        "category": ["Goods", "Chairs"],
        "price": 8000,
        "rating": 3.0,
        "created_at": "2025-03-20T00:00:00.000Z",
        "description": "A chair to sit on",
    },
    {
        "id": "e",
        "title": "Wireless mouse MX-500",
        "brand": "Café Noir",
        "category": ["Electronics"],
        "price": 2500,
        "stock": 12,
        "reviews": 3,
        "attributes": {"mpn": ["MX-500"], "color": ["black", "dark grey"]},
    },
    {"id": "f", "title": "蓝牙耳机 无线", "category": ["Electronics", "Phones"], "price": 9900, "language": "zh"},
    {"id": "g", "title": "Red shoe rack", "category": ["Goods"], "description": "Holds ten pairs of shoes"},
    {
        "id": "h",
        "title": "Keyboard",
        "brand": "Acme",
        "category": ["Electronics"],
        "price": 4000,
        "created_at": "2026-01-01T00:00:00.000Z",
    },
)
VECTORS = {"a": (1, 0), "b": (0.8, 0.6), "c": (0, 1), "d": (-1, 0), "e": (0.6, -0.8)}


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedEngine]:
    """The engine with the shop as index `shop`."""
    made = EmbeddedEngine(load(home=tmp_path_factory.mktemp("dsl")))
    generation = made.create("shop", IndexSpec("test", "f" * 8, dim=2))
    documents = [
        Document(one["id"], one, "c", "e", np.array(VECTORS[one["id"]], np.float32) if one["id"] in VECTORS else None)
        for one in SHOP
    ]
    assert not any(one.reason for one in made.write(generation.name, documents))
    made.refresh(generation.name)
    made.swap("shop", generation.name)
    yield made
    made.close()


@pytest.fixture(scope="session")
def ask(engine: EmbeddedEngine) -> Callable[..., dict[str, Any]]:
    """Searches: `ask(query, **the rest of the body)`."""

    def search(query: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        return engine.search("shop", more if query is None else {"query": query, **more})

    return search


@pytest.fixture(scope="session")
def ids(ask: Callable[..., dict[str, Any]]) -> Ids:
    """The ids of the hits in one string, in order."""

    def found(query: Mapping[str, Any] | None = None, **more: Any) -> str:
        return "".join(hit["_id"] for hit in ask(query, **more)["hits"]["hits"])

    return found


@pytest.fixture(scope="session")
def matched(ids: Ids) -> Ids:
    """The ids that a query matches in one string, sorted."""

    def found(query: Mapping[str, Any], **more: Any) -> str:
        return "".join(sorted(ids(query, size=100, **more)))

    return found


@pytest.fixture(scope="session")
def scores(ask: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, float]]:
    """The score of each hit."""

    def found(query: Mapping[str, Any], **more: Any) -> dict[str, float]:
        return {hit["_id"]: hit["_score"] for hit in ask(query, size=100, **more)["hits"]["hits"]}

    return found
