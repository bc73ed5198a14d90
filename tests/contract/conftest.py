"""Every implementation of the engine, and helpers to fill it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pytest

from etalage.core.records import Document
from etalage.core.settings import Settings
from opensearch.engine import Generation, IndexSpec, SearchEngine

SPEC = IndexSpec(model="test", fingerprint="f" * 8, dim=4, dim_image=2)

Make = Callable[..., Document]
Serve = Callable[..., Generation]


@pytest.fixture(
    params=[
        "embedded",
        pytest.param("cluster", marks=pytest.mark.node),
        pytest.param("sharded", marks=pytest.mark.node),
    ]
)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SearchEngine]:
    """An engine: embedded, on a node with one shard an index, and with three."""
    made: SearchEngine
    if request.param == "embedded":
        from opensearch.embedded import EmbeddedEngine

        made = EmbeddedEngine(Settings(home=tmp_path, opensearch_url=None))
    else:
        from opensearch.cluster import ClusterEngine

        url = request.getfixturevalue("node_url")
        shards = 3 if request.param == "sharded" else 1
        # A busy machine may take long to make shards; what is measured elsewhere is not waited for here.
        made = ClusterEngine(Settings(home=tmp_path, opensearch_url=url, shards=shards, opensearch_timeout=60))
    yield made
    made.close()


@pytest.fixture
def index(request: pytest.FixtureRequest, engine: SearchEngine) -> Iterator[str]:
    """A name that no other test uses; its generations are removed afterwards."""
    name = f"t{uuid4().hex[:12]}"
    yield name
    if engine.name != "embedded":
        url = request.getfixturevalue("node_url")
        for one in (name, f"{name}-x"):
            for generation in engine.generations(one):
                httpx.delete(f"{url}/{generation.name}", timeout=60).raise_for_status()


@pytest.fixture
def make() -> Make:
    """Makes a document: `make(id, title, vector?, image?, **source)`."""

    def document(
        key: str,
        title: str = "thing",
        vector: Sequence[float] | None = None,
        image: Sequence[float] | None = None,
        **source: Any,
    ) -> Document:
        body: Mapping[str, Any] = {"id": key, "title": title, **source}
        text, picture = (None if v is None else np.array(v, np.float32) for v in (vector, image))
        return Document(key, body, content=f"c-{key}-{title}", encoded=f"e-{key}", vec_text=text, vec_image=picture)

    return document


@pytest.fixture
def serve(engine: SearchEngine, index: str) -> Serve:
    """Writes documents into a new generation and lets it serve."""

    def serving(*documents: Document, spec: IndexSpec = SPEC) -> Generation:
        generation = engine.create(index, spec)
        outcomes = engine.write(generation.name, documents)
        assert [one.reason for one in outcomes] == [""] * len(documents)
        engine.refresh(generation.name)
        engine.swap(index, generation.name)
        return generation

    return serving
