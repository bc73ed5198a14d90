"""Merchandising rules over `/v1/search` and as OpenSearch's clients see them; and how to refuse them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from fastapi.testclient import TestClient

from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.errors import ConfigError
from etalage.http.app import create_app
from indexer import reindex
from opensearch.embedded import EmbeddedEngine

from .conftest import ROWS, settings_in

RULES = """
[[rule]]
name = "chairs first"
when.query = ["red shoe"]
pin = ["p5", "p2"]

[[rule]]
name = "to the shoes"
when.words = ["shoe"]
redirect = "/shoes"

[[rule]]
name = "no blue lamp"
when.every = true
hide.ids = ["p4"]
"""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[TestClient]:
    """A served shop with rules, in `rules.toml`."""
    (tmp_path / "feed.jsonl").write_bytes(b"\n".join(map(orjson.dumps, ROWS)))
    (tmp_path / "rules.toml").write_text(RULES, encoding="utf-8")
    chosen = settings_in(tmp_path / "home").model_copy(update={"rules": tmp_path / "rules.toml"})
    engine, encoder = EmbeddedEngine(chosen), HashingEncoder()
    job = reindex.plan(engine, encoder, "products", tmp_path / "feed.jsonl", reindex.Options())
    assert reindex.work(engine, encoder, job.id, 0, "test", 60)
    reindex.finish(engine, job)
    engine.close()
    with TestClient(create_app(chosen), raise_server_exceptions=False) as made:
        yield made


def ranked(client: TestClient, title: str, **more: Any) -> dict[str, Any]:
    answer = client.post("/products/_search", json={"query": {"match": {"title": title}}} | more)
    assert answer.status_code == 200, answer.text
    whole: dict[str, Any] = answer.json()
    return whole


def test_a_search_is_ruled_and_says_so(shop: TestClient) -> None:
    answer = shop.get("/v1/search", params={"q": "red shoe"}).json()
    assert [(hit["id"], hit["parts"].get("rule")) for hit in answer["hits"][:3]] == [
        ("p5", "chairs first"),
        ("p2", "chairs first"),
        ("p0", None),
    ]
    assert answer["rules"] == ["chairs first", "to the shoes", "no blue lamp"]
    assert answer["redirect"] == "/shoes"
    assert "p4" not in [hit["id"] for hit in answer["hits"]] and answer["total"] == 5


def test_rules_can_be_refused(shop: TestClient) -> None:
    got = shop.get("/v1/search", params={"q": "red shoe", "rules": "off"}).json()
    posted = shop.post("/v1/search", json={"q": "red shoe", "rules": "off"}).json()
    for answer in (got, posted):
        assert (answer["rules"], answer["redirect"], answer["total"]) == ([], None, 6)
        assert answer["hits"][0]["id"] == "p0"
    assert shop.get("/v1/search", params={"q": "x", "rules": "maybe"}).status_code == 400


def test_opensearchs_clients_get_them_too(shop: TestClient) -> None:
    answer = ranked(shop, "red shoe", aggs={"brands": {"terms": {"field": "brand"}}})
    hits = answer["hits"]["hits"]
    assert [hit["_id"] for hit in hits][:2] == ["p5", "p2"]
    assert hits[0]["_source"]["title"] == "blue chair", "what is pinned is shown like any other"
    assert answer["hits"]["total"]["value"] == len(hits) == 5
    assert {one["key"]: one["doc_count"] for one in answer["aggregations"]["brands"]["buckets"]} == {
        "Acme": 4,
        "Bolt": 1,
    }
    told = answer["ext"]["etalage"]
    assert (told["rules"], told["redirect"]) == (["chairs first", "to the shoes", "no blue lamp"], "/shoes")
    assert told["hits"][0]["rule"] == "chairs first"


def test_opensearchs_clients_can_refuse_them(shop: TestClient) -> None:
    off = ranked(shop, "red shoe", ext={"etalage": {"rules": "off"}})
    assert off["hits"]["hits"][0]["_id"] == "p0" and off["hits"]["total"]["value"] == 6
    assert (off["ext"]["etalage"]["rules"], off["ext"]["etalage"]["redirect"]) == ([], None)
    wrong = shop.post("/products/_search", json={"ext": {"etalage": {"rules": "maybe"}}})
    assert wrong.status_code == 400 and "ext.etalage.rules" in wrong.text


def test_a_changed_file_counts_at_once_and_a_broken_one_is_told(shop: TestClient, tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(RULES.replace('["p5", "p2"]', '["p1"]'), encoding="utf-8")
    os.utime(path, ns=(1, 1))
    assert shop.get("/v1/search", params={"q": "red shoe"}).json()["hits"][0]["id"] == "p1"
    path.write_text("[[rule", encoding="utf-8")
    os.utime(path, ns=(2, 2))
    answer = shop.get("/v1/search", params={"q": "red shoe"}).json()
    assert answer["hits"][0]["id"] == "p1" and answer["degraded"] == ["rules"]
    assert ranked(shop, "red shoe")["ext"]["etalage"]["degraded"] == ["rules"]


def test_a_file_that_is_broken_at_the_start_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text("[[rule", encoding="utf-8")
    with pytest.raises(ConfigError, match="not valid TOML"):
        create_app(settings_in(tmp_path).model_copy(update={"rules": tmp_path / "rules.toml"}))


def test_what_is_hidden_is_hidden_where_nothing_is_ranked(shop: TestClient) -> None:
    brands = {"aggs": {"brands": {"terms": {"field": "brand"}}}}

    def seen(**body: Any) -> tuple[list[str], int, dict[str, int]]:
        answer = shop.post("/products/_search", json=brands | body).json()
        found = [hit["_id"] for hit in answer["hits"]["hits"]]
        counts = {one["key"]: one["doc_count"] for one in answer["aggregations"]["brands"]["buckets"]}
        return found, answer["hits"]["total"]["value"], counts

    assert seen() == (["p5", "p3", "p2", "p1", "p0"], 5, {"Acme": 4, "Bolt": 1})
    lamps = {"query": {"match": {"title": "lamp"}}}
    assert seen(**lamps, sort=[{"price": "asc"}]) == (["p1"], 1, {"Bolt": 1})
    assert seen(**lamps, size=0, sort=["price"])[1:] == (1, {"Bolt": 1})
    off = {"ext": {"etalage": {"rules": "off"}}}
    assert seen(**lamps, sort=[{"price": "asc"}], **off) == (["p1", "p4"], 2, {"Bolt": 2})
    untouched = {"ext": {"etalage": {"rank": "off"}}}
    assert seen(**lamps, **untouched)[1] == 2, "it goes to the engine as it is"


def test_a_redirect_is_told_where_nothing_is_ranked(shop: TestClient) -> None:
    answer = ranked(shop, "shoe", sort=[{"price": "asc"}])
    told = answer["ext"]["etalage"]
    assert (told["rank"], told["redirect"], told["rules"]) == (False, "/shoes", ["to the shoes", "no blue lamp"])
    assert "ext" not in ranked(shop, "lamp", sort=[{"price": "asc"}]), "others get the engine's response as it is"
