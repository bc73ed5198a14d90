"""A process that goes on searching a node soon sends it one request per search."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from etalage.core.records import Document
from etalage.core.settings import Settings
from opensearch.cluster import ClusterEngine
from opensearch.cluster.client import Client
from opensearch.engine import Ids, IndexSpec, Request

pytestmark = pytest.mark.node

SIZE = 600


def document(number: int, title: str) -> Document:
    vector = np.array([1, number / SIZE, 0, 0], np.float32)
    return Document(f"p{number:04d}", {"id": f"p{number:04d}", "title": title}, "c", "e", vector)


@pytest.fixture
def engine(node_url: str, tmp_path: Path) -> Iterator[ClusterEngine]:
    made = ClusterEngine(Settings(home=tmp_path, opensearch_url=node_url, opensearch_timeout=60))
    yield made
    made.close()


@pytest.fixture
def index(engine: ClusterEngine) -> Iterator[str]:
    name = f"t{uuid4().hex[:12]}"
    old, generation = (engine.create(name, IndexSpec("m", "f", 4)) for _ in range(2))
    engine.write(generation.name, [document(number, f"thing {number}") for number in range(SIZE)])
    engine.refresh(generation.name)
    engine.swap(name, generation.name)
    yield name
    engine.swap(name, old.name)
    engine.drop(generation.name)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The bodies of searches."""
    found: list[Any] = []
    search = Client.search

    def counted(self: Client, *path: str, body: Any, **more: Any) -> dict[str, Any]:
        found.append(body)
        return search(self, *path, body=body, **more)

    monkeypatch.setattr(Client, "search", counted)
    return found


def one(engine: ClusterEngine, index: str, number: int) -> str:
    """The title of one product, and whether its row is the right one."""
    found = engine.candidates(index, Request("", filters=(Ids((f"p{number:04d}",)),)))
    assert found.records["title_length"].tolist() == [len(found.titles[0].split())]
    assert found.vectors[0].tolist() == [127, round(127 * number / SIZE), 0, 0]
    return found.titles[0]


def test_rows_come_by_themselves_after_a_few_searches(engine: ClusterEngine, index: str, sent: list[Any]) -> None:
    for number in range(8):
        assert one(engine, index, number) == f"thing {number}"
    assert len(sent) == 16
    for thread in threading.enumerate():
        if thread.name == "fill":
            thread.join(60)
    sent.clear()
    for number in range(0, SIZE, 50):
        assert one(engine, index, number) == f"thing {number}"
    assert len(sent) == SIZE / 50


def test_what_changes_after_that_is_fetched(engine: ClusterEngine, index: str, sent: list[Any]) -> None:
    test_rows_come_by_themselves_after_a_few_searches(engine, index, sent)
    serving = engine.serving(index)
    assert serving is not None
    engine.write(serving.name, [document(50, "another thing altogether")])
    engine.refresh(serving.name)
    sent.clear()
    assert one(engine, index, 50) == "another thing altogether"
    assert len(sent) == 2
    assert one(engine, index, 100) == "thing 100"
    assert len(sent) == 3
