"""What ranking must not change: conditions hold for what vectors bring too, and `ext` says what was done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .requests import Recorded, conditioned
from .targets import Target

pytestmark = [pytest.mark.node, pytest.mark.worker]


@pytest.fixture(scope="module", params=["over_node", "in_folder"])
def door(request: pytest.FixtureRequest) -> Iterator[Target]:
    yield request.getfixturevalue(request.param)


def search(door: Target, **body: Any) -> dict[str, Any]:
    answer = door.ask(Recorded("", body))
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.body
    return found


def sources(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [hit["_source"] for hit in answer["hits"]["hits"]]


@pytest.mark.parametrize("place", ["filter", "must", "post_filter", "hybrid", "dis_max"])
def test_conditions_hold_for_every_hit(door: Target, place: str) -> None:
    found = search(door, size=100, **conditioned(place))
    assert found["ext"]["etalage"]["rank"] and len(sources(found)) > 50
    assert all(one["stock"] > 0 and 1000 <= one["price"] < 8000 for one in sources(found))
    assert any(hit["rank"]["bm25"] == 0 for hit in found["ext"]["etalage"]["hits"])


def test_ext_says_what_was_done(door: Target) -> None:
    query = {"match": {"title": "phone"}}
    assert "ext" not in search(door, query=query, ext={"etalage": {"rank": "off"}})
    assert "ext" not in search(door, query=query, sort=["price"])
    passed = search(door, query=query, sort=["price"], ext={"etalage": {}})["ext"]["etalage"]
    assert passed == {"rank": False, "degraded": [], "rules": [], "redirect": None, "reason": "the request has [sort]"}
    assert search(door, ext={"etalage": {}})["ext"]["etalage"]["rank"] == "browse"
    told = search(door, query=query, size=3, ext={"etalage": {"explain": True}, "ubi": {"query_id": "q1"}})["ext"]
    assert told["ubi"] == {"query_id": "q1"}
    for hit in told["etalage"]["hits"]:
        assert {"_id", "bm25", "fields", "cosine", "rank", "fused", "ranker", "features", "families"} <= set(hit)


def test_collapse_shows_each_group_once(door: Target) -> None:
    found = search(door, query={"match": {"title": "leather"}}, size=50, ext={"etalage": {"collapse": True}})
    groups = [one["variant_group"] for one in sources(found) if "variant_group" in one]
    assert len(groups) == len(set(groups)) > 10


def test_the_text_of_ext_is_ranked_by(door: Target) -> None:
    found = search(door, query={"term": {"category": "Shoes"}}, ext={"etalage": {"query": "red boots"}})
    assert found["ext"]["etalage"]["rank"]
    assert all("Shoes" in one["category"] for one in sources(found))


def test_an_index_that_is_not_there_is_not_found(door: Target) -> None:
    answer = door.ask(Recorded("", {"query": {"match": {"title": "phone"}}}, path="/{index}-none/_search"))
    assert (answer.status, answer.body["error"]["type"]) == (404, "index_not_found_exception")
