"""Each value of a field once, through every door."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient


def brands(hits: list[dict[str, Any]]) -> list[str]:
    """The brand that each hit is of, by the titles of the shop: lamps are of one, the rest of another."""
    return ["Bolt" if one in ("p1", "p4") else "Acme" for one in (hit.get("id", hit.get("_id")) for hit in hits)]


@pytest.mark.parametrize("q", ["red shoe", ""])
def test_a_search_shows_each_value_once(client: TestClient, q: str) -> None:
    plain = client.get("/v1/search", params={"q": q}).json()
    found = client.get("/v1/search", params={"q": q, "collapse": "brand"}).json()
    body = client.post("/v1/search", json={"q": q, "collapse": "brand"}).json()
    assert sorted(brands(found["hits"])) == ["Acme", "Bolt"] and len(plain["hits"]) > 2
    assert [hit["id"] for hit in body["hits"]] == [hit["id"] for hit in found["hits"]]
    assert (found["total"], found["facets"]) == (plain["total"], plain["facets"])


@pytest.mark.parametrize("name", ["price", "category", "nope"])
def test_only_fields_of_one_value_are_known(client: TestClient, name: str) -> None:
    for answer in (
        client.get("/v1/search", params={"q": "shoe", "collapse": name}),
        client.post("/products/_search", json={"q": "shoe", "ext": {"etalage": {"collapse": name}}}),
    ):
        assert answer.status_code == 400, answer.text
    told = client.get("/v1/search", params={"q": "shoe", "collapse": name}).text
    assert "collapse" in told and "variant_group" in told


@pytest.mark.parametrize(
    "body",
    [
        {"query": {"match": {"title": "red shoe"}}, "collapse": {"field": "brand"}},
        {"query": {"match": {"title": "red shoe"}}, "collapse": {"field": "brand.keyword"}},
        {"query": {"match": {"title": "red shoe"}}, "ext": {"etalage": {"collapse": "brand"}}},
        {"ext": {"etalage": {"collapse": "brand"}}},
        {"query": {"range": {"price": {"gte": 0}}}, "ext": {"etalage": {"collapse": "brand"}}},
    ],
)
def test_opensearchs_clients_do_too(client: TestClient, body: dict[str, Any]) -> None:
    answer = client.post("/products/_search", json=body).json()
    found = answer["hits"]["hits"]
    assert sorted(brands(found)) == ["Acme", "Bolt"] and all(hit["_source"]["title"] for hit in found)
    assert answer["hits"]["total"]["value"] > 2
    ranked = "match" in body.get("query", {})
    assert (answer["ext"]["etalage"]["rank"] != "browse") == ranked
    if not ranked:
        assert [hit["_id"] for hit in found] == ["p5", "p4"]  # the most popular of each brand


def test_groups_without_a_value_stay_each(client: TestClient) -> None:
    found = client.post("/products/_search", json={"ext": {"etalage": {"collapse": True}}}).json()
    assert len(found["hits"]["hits"]) == 6


def test_what_no_keyword_is_goes_to_the_engine(client: TestClient) -> None:
    body = {"query": {"match": {"title": "red shoe"}}, "collapse": {"field": "price"}, "ext": {"etalage": {}}}
    answer = client.post("/products/_search", json=body).json()
    assert answer["ext"]["etalage"]["rank"] is False and "collapses" in answer["ext"]["etalage"]["reason"]
