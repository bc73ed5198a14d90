"""What was made of a query, over `/v1/search` and as OpenSearch's clients see it; and how to refuse it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from fastapi.testclient import TestClient

from etalage.core.encoders.hashing import HashingEncoder
from etalage.http.app import create_app
from indexer import reindex
from opensearch.embedded import EmbeddedEngine
from workers import behaviour

from .conftest import ROWS, settings_in

SPELT = {"step": "spelling", "from": "godos", "to": "goods"}
PRICE = {"step": "price", "from": "under 12", "to": "price:..1200"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A served shop with a vocabulary and synonyms."""
    folder = tmp_path_factory.mktemp("http")
    (folder / "feed.jsonl").write_bytes(b"\n".join(map(orjson.dumps, ROWS)))
    (folder / "synonyms.txt").write_text("trainers => shoe\n")
    chosen = settings_in(folder / "home").model_copy(update={"synonyms": folder / "synonyms.txt"})
    engine, encoder = EmbeddedEngine(chosen), HashingEncoder()
    job = reindex.plan(engine, encoder, "products", folder / "feed.jsonl", reindex.Options())
    assert reindex.work(engine, encoder, job.id, 0, "test", 60)
    reindex.finish(engine, job)
    assert behaviour.rebuild_vocabulary(engine, chosen) == {"documents": 6, "counted": True}
    engine.close()
    with TestClient(create_app(chosen), raise_server_exceptions=False) as made:
        yield made


def found(client: TestClient, **params: Any) -> tuple[list[str], list[dict[str, str]]]:
    answer = client.get("/v1/search", params=params)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    return sorted(hit["id"] for hit in told["hits"] if hit["parts"]["bm25"]), told["understood"]


def test_a_search_tells_what_it_understood(shop: TestClient) -> None:
    assert found(shop, q="shoe under 12") == (["p0"], [PRICE, {"step": "category", "from": "shoe", "to": "Shoes"}])
    assert found(shop, q="godos")[1] == [SPELT, {"step": "category", "from": "goods", "to": "Goods"}]
    assert found(shop, q="trainers") == (["p0", "p3"], [{"step": "synonym", "from": "trainer", "to": "shoe"}])


def test_a_search_as_typed(shop: TestClient) -> None:
    assert found(shop, q="shoe under 12", understand="off") == (["p0", "p3"], [])
    assert shop.post("/v1/search", json={"q": "godos", "understand": "off"}).json()["understood"] == []
    assert shop.post("/v1/search", json={"q": "godos"}).json()["understood"][0] == SPELT
    assert shop.get("/v1/search", params={"q": "x", "understand": "maybe"}).status_code == 400


def ranked(client: TestClient, **options: Any) -> dict[str, Any]:
    body = {"query": {"match": {"title": "godos shoe under 12"}}, "ext": {"etalage": options}}
    answer = client.post("/products/_search", json=body)
    assert answer.status_code == 200, answer.text
    whole: dict[str, Any] = answer.json()
    return whole


def test_a_shops_own_query_decides_what_matches(shop: TestClient) -> None:
    answer = ranked(shop)
    assert answer["ext"]["etalage"]["understood"] == [SPELT], "nothing but the words to compare with is corrected"
    ids = {hit["_id"] for hit in answer["hits"]["hits"]}
    assert ids >= {"p0", "p3"}
    off = ranked(shop, understand="off")
    assert off["ext"]["etalage"]["understood"] == []
    assert {hit["_id"] for hit in off["hits"]["hits"]} == ids


def test_an_unknown_choice_is_refused(shop: TestClient) -> None:
    body = {"query": {"match": {"title": "shoe"}}, "ext": {"etalage": {"understand": "maybe"}}}
    answer = shop.post("/products/_search", json=body)
    assert answer.status_code == 400 and "ext.etalage.understand" in answer.text


def test_a_home_without_a_vocabulary_searches_as_typed(client: TestClient, tmp_path: Path) -> None:
    assert found(client, q="godos")[1] == [{"step": "unmatched", "from": "godos", "to": ""}]
