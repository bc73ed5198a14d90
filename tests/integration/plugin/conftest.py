"""A node with the plugin, as a user installs it, and the generated shop on it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from etalage.core import artifact
from etalage.core.encoders import models
from etalage.core.errors import EtalageError
from etalage.core.settings import Settings
from opensearch import node
from opensearch.cluster import ClusterEngine
from opensearch.dsl import reading
from opensearch.engine import Shop
from opensearch.node import plugin
from ranker.rerank import STARTER, Ranker
from ranker.search import Answer, Ask, Searcher
from workers.plugin import push

from ...conftest import unavailable
from ..gateway.conftest import fill

PATIENCE = 60.0
RETRIEVE, RANK = "etalage_retrieve", "etalage_rank"
SLOW = 60_000
"""A deadline in milliseconds that a busy machine keeps too."""


@contextmanager
def node_of(folder: Path, **options: Any) -> Iterator[node.Node]:
    """A node that has the plugin; `options` of its start."""
    try:
        node.assemble()
        archive = _zip()
    except EtalageError as error:
        unavailable("plugin", str(error))
        return
    with warnings.catch_warnings():
        # The node is meant to outlive the handle of its process.
        warnings.simplefilter("ignore", ResourceWarning)
        started = node.start(folder, with_plugin=archive, **options)
    try:
        yield started
    finally:
        node.stop(folder)


def _zip() -> Path:
    """The plugin's zip: `ETALAGE_TEST_PLUGIN`, else the one that was built, which is built when it is older than its sources."""
    given = os.environ.get("ETALAGE_TEST_PLUGIN")
    if given:
        return Path(given)
    sources = [path for path in plugin.SOURCE.rglob("*") if path.is_file() and "target" not in path.parts]
    newest = max(path.stat().st_mtime for path in sources)
    try:
        found = plugin.built()
    except EtalageError:
        return plugin.build(tests=False)
    return found if found.stat().st_mtime >= newest else plugin.build(tests=False)


@pytest.fixture(scope="session")
def plugin_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a node that has the plugin."""
    with node_of(tmp_path_factory.mktemp("plugin-node")) as started:
        yield started.url


@dataclass(frozen=True, slots=True)
class Door:
    """An index whose searches go through the plugin, and the search flow of Etalage over the same node."""

    url: str
    index: str
    generation: str
    client: httpx.Client
    searcher: Searcher
    plain: Searcher
    """The same without a ranker."""

    def ask(self, body: Any, pipeline: str = "", **params: str) -> httpx.Response:
        """A search as a frontend sends it; `pipeline` stands in for the index's own."""
        given = params | ({"search_pipeline": pipeline} if pipeline else {})
        return self.client.post(f"{self.url}/{self.index}/_search", json=body, params=given)

    def search(self, body: Any, pipeline: str = "", **params: str) -> dict[str, Any]:
        """The same, which is answered with 200."""
        answer = self.ask(body, pipeline, **params)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def expected(self, body: Any, searcher: Searcher | None = None) -> Answer:
        """What the search flow answers to such a search."""
        read = reading.read(body["query"])
        shop = Shop(read.query, read.constraints, body.get("post_filter"), min_score=body.get("min_score"))
        ask = Ask(read.text, body.get("size", 10), body.get("from", 0), facets=(), shop=shop, understand=False, rules=False)
        return (searcher or self.searcher).search(ask)

    def pipeline(self, name: str, **options: Any) -> str:
        """Make a pipeline; its name."""
        made = f"{self.index}-{name}"
        body = {"request_processors": [{RETRIEVE: options}], "response_processors": [{RANK: {}}]}
        self.client.put(f"{self.url}/_search/pipeline/{made}", json=body).raise_for_status()
        return made


@contextmanager
def opened(url: str, home: Path, shards: int, replicas: int = 0, text_model: str = "hashing") -> Iterator[Door]:
    """The generated shop in an index of its own, with the packaged ranker pushed for it and a pipeline that the index has by default."""
    index = f"plugin-{uuid4().hex[:8]}"
    settings = Settings(
        home=home, opensearch_url=url, opensearch_timeout=60, shards=shards, replicas=replicas, text_model=text_model, index=index
    )
    engine, encoder = ClusterEngine(settings), models.ensure(settings)
    ranker = Ranker(artifact.load(STARTER))
    with httpx.Client(timeout=PATIENCE) as client:
        generation = fill(engine, index, encoder)
        client.get(f"{url}/_cluster/health/{generation}?wait_for_status=green&timeout=60s").raise_for_status()
        client.post(f"{url}/{generation}/_forcemerge?max_num_segments=1").raise_for_status()
        engine.refresh(generation)
        searchers = Searcher(engine, index, encoder, ranker), Searcher(engine, index, encoder, None)
        door = Door(url, index, generation, client, *searchers)
        name = door.pipeline("default", model=index, deadline_ms=SLOW)
        push(settings, index)
        chosen = {"index.search.default_pipeline": name}
        client.put(f"{url}/{generation}/_settings", json=chosen).raise_for_status()
        yield door
        engine.close()


@pytest.fixture(scope="session")
def one_shard(plugin_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """An index of one shard."""
    with opened(plugin_url, tmp_path_factory.mktemp("one"), 1) as door:
        yield door


@pytest.fixture(scope="session")
def three_shards(plugin_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """An index of three shards."""
    with opened(plugin_url, tmp_path_factory.mktemp("three"), 3) as door:
        yield door
