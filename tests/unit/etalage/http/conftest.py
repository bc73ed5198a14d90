"""A served shop, and a server over an empty home."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from fastapi.testclient import TestClient

from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.settings import Settings, load
from etalage.http.app import create_app
from indexer import reindex
from opensearch.embedded import EmbeddedEngine
from workers import behaviour

ROWS = [
    {"id": f"p{number}", "title": f"{colour} {noun}", "price": 10.5 + number, "stock": number % 3, "brand": brand}
    | {"category": f"Goods > {noun.title()}s", "popularity": number, "vec_image": [1.0, number / 10, 0.5]}
    for number, (colour, noun, brand) in enumerate(
        (colour, noun, brand)
        for colour in ("red", "blue")
        for noun, brand in (("shoe", "Acme"), ("lamp", "Bolt"), ("chair", "Acme"))
    )
]


def settings_in(home: Path) -> Settings:
    return load(home=home, text_model="hashing", opensearch_url="")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A served shop of six products, with completions."""
    folder = tmp_path_factory.mktemp("http")
    feed = folder / "feed.jsonl"
    feed.write_bytes(b"\n".join(map(orjson.dumps, ROWS)))
    chosen = settings_in(folder / "home")
    engine, encoder = EmbeddedEngine(chosen), HashingEncoder()
    job = reindex.plan(engine, encoder, "products", feed, reindex.Options())
    assert reindex.work(engine, encoder, job.id, 0, "test", 60)
    assert reindex.finish(engine, job)["indexed"] == 6
    behaviour.rebuild_completions(engine, chosen)
    engine.close()
    # As a server answers, not as a test would see it: a defect must come out as an answer that can be checked.
    with TestClient(create_app(chosen), raise_server_exceptions=False) as made:
        yield made


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[TestClient]:
    """A server over an empty home."""
    with TestClient(create_app(settings_in(tmp_path)), raise_server_exceptions=False) as made:
        yield made
