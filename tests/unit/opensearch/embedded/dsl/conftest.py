"""A small shop on the embedded engine, made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from etalage.core.records import Document
from etalage.core.settings import load
from opensearch.embedded import EmbeddedEngine
from opensearch.engine import IndexSpec

from .....catalogs import SHOP

Ids = Callable[..., str]

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
