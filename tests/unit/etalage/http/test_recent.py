"""What a shopper looked at, through every door: it may change the order, never what is found, and wrong lists are told so."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient


def posted(client: TestClient, recent: Any) -> Any:
    body = {"query": {"match": {"title": "shoe"}}, "ext": {"etalage": {"recent": recent, "explain": True}}}
    return client.post("/products/_search", json=body)


def shopper(parts: dict[str, Any]) -> list[float]:
    return [value for name, value in parts["features"].items() if name.startswith("shopper_")]


def test_features_know_what_was_looked_at(client: TestClient) -> None:
    plain = client.get("/v1/search", params={"q": "shoe", "explain": "true"}).json()
    known = client.get("/v1/search", params={"q": "shoe", "explain": "true", "recent": "p0,p4"}).json()
    body = client.post("/v1/search", json={"q": "shoe", "explain": True, "recent": ["p0", "p4"]}).json()
    assert {hit["id"] for hit in plain["hits"]} == {hit["id"] for hit in known["hits"]} and plain["total"] == known["total"]
    assert not any(any(shopper(hit["parts"])) for hit in plain["hits"])
    assert any(any(shopper(hit["parts"])) for hit in known["hits"])
    assert [hit["parts"]["features"] for hit in body["hits"]] == [hit["parts"]["features"] for hit in known["hits"]]


def test_opensearchs_clients_send_it_in_ext(client: TestClient) -> None:
    hits = posted(client, ["p0"]).json()["ext"]["etalage"]["hits"]
    assert any(any(shopper(hit)) for hit in hits)
    assert posted(client, []).status_code == posted(client, ["gone"]).status_code == 200


@pytest.mark.parametrize("recent", ["p0", [1], [""], {"a": 1}, None, ["p"] * 101])
def test_wrong_lists_are_refused(client: TestClient, recent: Any) -> None:
    answer = posted(client, recent)
    assert answer.status_code == 400 and "ext.etalage.recent" in answer.text


def test_so_are_they_elsewhere(client: TestClient) -> None:
    assert client.get("/v1/search", params={"q": "shoe", "recent": "p0,,p1"}).status_code == 400
    assert client.post("/v1/search", json={"q": "shoe", "recent": ["p"] * 101}).status_code == 400
