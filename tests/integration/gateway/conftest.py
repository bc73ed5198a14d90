"""The generated shop behind three doors: a bare node, Etalage over that node, and Etalage in one folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from etalage.core.encoders import Encoder
from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.settings import Settings
from etalage.demo import make_shop
from indexer import documents
from indexer.ledger import Entry, changes
from opensearch.cluster import ClusterEngine
from opensearch.embedded import EmbeddedEngine
from opensearch.engine import IndexSpec, SearchEngine

from ... import process
from .requests import PIPELINE, PRODUCTS, SEED
from .targets import PATIENCE, Target


@pytest.fixture(scope="session")
def index() -> str:
    return f"gateway-{uuid4().hex[:8]}"


@pytest.fixture(scope="session")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=PATIENCE) as made:
        yield made


def fill(engine: SearchEngine, index: str, encoder: Encoder | None = None) -> str:
    """Index the shop, with `hashing` when no encoder is given; the generation's name."""
    encoder = encoder or HashingEncoder()
    entries = [Entry(documents.source(one), ()) for one in make_shop(SEED, PRODUCTS).products]
    generation = engine.create(index, IndexSpec(encoder.name, encoder.fingerprint, encoder.dim))
    written = changes(engine, generation.name, encoder, entries).documents
    assert not [one for one in engine.write(generation.name, written) if one.reason]
    engine.refresh(generation.name)
    engine.swap(index, generation.name)
    return generation.name


@pytest.fixture(scope="session")
def bare(node_url: str, index: str, client: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """The node itself. One segment, so that scores do not depend on how documents were spread."""
    home = tmp_path_factory.mktemp("bare")
    engine = ClusterEngine(Settings(home=home, opensearch_url=node_url, opensearch_timeout=60))
    try:
        generation = fill(engine, index)
        client.post(f"{node_url}/{generation}/_forcemerge?max_num_segments=1").raise_for_status()
        engine.refresh(generation)
        client.put(f"{node_url}/_search/pipeline/{index}", json=PIPELINE).raise_for_status()
        yield Target(node_url, index, client)
    finally:
        client.delete(f"{node_url}/_search/pipeline/{index}")
        for one in engine.generations(index):
            client.delete(f"{node_url}/{one.name}").raise_for_status()
        client.delete(f"{node_url}/etalage-sequences/_doc/{index}")
        engine.close()


@pytest.fixture(scope="session")
def over_node(bare: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Etalage over the node."""
    with serving(tmp_path_factory.mktemp("node"), bare.index, bare.client, bare.url) as target:
        yield target


@pytest.fixture(scope="session")
def in_folder(index: str, client: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Etalage over the embedded engine."""
    home = tmp_path_factory.mktemp("embedded")
    engine = EmbeddedEngine(Settings(home=home, opensearch_url=None))
    fill(engine, index)
    engine.close()
    with serving(home, index, client, "") as target:
        yield target


@contextmanager
def serving(home: Path, index: str, client: httpx.Client, node: str) -> Iterator[Target]:
    """`etalage serve` as a process, until its end; a defect in its log fails the run."""
    settings = {"ETALAGE_INDEX": index, "ETALAGE_INDEXES": f"{index},{index}-none"}
    if node:
        settings["ETALAGE_OPENSEARCH_URL"] = node
    with process.serving(home, path="/readyz", **settings) as served:
        yield Target(served.url, index, client)
    said = served.log.read_text()
    assert "Traceback" not in said and "unforeseen" not in said, said[-4000:]
