"""The generated shop behind three doors: a bare node, Etalage over that node, and Etalage in one folder."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.settings import Settings
from etalage.demo import make_shop
from indexer import documents
from indexer.ledger import Entry, changes
from opensearch.cluster import ClusterEngine
from opensearch.embedded import EmbeddedEngine
from opensearch.engine import IndexSpec, SearchEngine

from .requests import PIPELINE, PRODUCTS, SEED
from .targets import PATIENCE, Target


@pytest.fixture(scope="session")
def index() -> str:
    return f"gateway-{uuid4().hex[:8]}"


@pytest.fixture(scope="session")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=PATIENCE) as made:
        yield made


def fill(engine: SearchEngine, index: str) -> str:
    """Index the shop; the generation's name."""
    encoder = HashingEncoder()
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
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("ETALAGE_")}
    variables |= {"ETALAGE_HOME": str(home), "ETALAGE_INDEX": index, "ETALAGE_TEXT_MODEL": "hashing"}
    variables["ETALAGE_INDEXES"] = f"{index},{index}-none"
    if node:
        variables["ETALAGE_OPENSEARCH_URL"] = node
    command = [sys.executable, "-m", "etalage", "serve", "--port", str(port)]
    log = home / "serve.log"
    with log.open("wb") as told:
        process = subprocess.Popen(command, env=variables, stdout=told, stderr=told)
    try:
        target = Target(f"http://127.0.0.1:{port}", index, client)
        _ready(target, process, log)
        yield target
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    said = log.read_text()
    assert "Traceback" not in said and "unforeseen" not in said, said[-4000:]


def _ready(target: Target, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            if target.client.get(f"{target.url}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    pytest.fail(f"the server did not come up: {log.read_text()[-2000:]}", pytrace=False)
