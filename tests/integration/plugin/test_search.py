"""Searches of an unmodified frontend through the plugin: what the search flow of Etalage answers, and nothing else changed."""

from __future__ import annotations

import functools
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

import orjson
import pytest
from opensearchpy import OpenSearch

from etalage.core.encoders.hashing import HashingEncoder
from etalage.demo import make_queries, make_shop
from ranker.search import Answer

from ...conftest import unavailable
from ..gateway.requests import PRODUCTS, SEED, conditioned, multi
from .conftest import SLOW, Door

pytestmark = pytest.mark.node

QUERY = "red leather shoes"
FUSED, RANKED = 2e-5, 1e-4
"""How far scores may lie apart: floats are added in different orders."""

NONE = "_none"

HOSTILE: list[tuple[Any, str]] = [
    ([], "must be an object"),
    ("on", "must be an object"),
    ({"vectr": [1]}, "vectr"),
    ({"query": 7}, "must be a text"),
    ({"query": "a" * 5000}, "5000 characters"),
    ({"vector": "1,2"}, "list of"),
    ({"vector": []}, "list of"),
    ({"vector": [1.0] * 5000}, "list of"),
    ({"vector": [0.0] * 256}, "only zeros"),
    ({"vector": ["NaN"] * 256}, "no finite number"),
    ({"vector": [1e39] * 256}, "no finite number"),
    ({"vector": [[1.0]]}, "no finite number"),
    ({"vector": [1.0] * 3}, "has 3 numbers"),
    ({"explain": "perhaps"}, "true or false"),
]
"""Values of `ext.etalage` that are refused, and what the refusal says."""


@pytest.fixture(scope="module", params=["one_shard", "three_shards"])
def door(request: pytest.FixtureRequest) -> Iterator[Door]:
    yield request.getfixturevalue(request.param)


@functools.cache
def queries() -> tuple[str, ...]:
    return tuple(one.text for one in make_queries(make_shop(SEED, PRODUCTS), 40))


def ids(answer: dict[str, Any]) -> list[str]:
    return [hit["_id"] for hit in answer["hits"]["hits"]]


def told(answer: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = answer["ext"]["etalage"]
    return found


def agree(answer: dict[str, Any], expected: Answer, like: float = RANKED) -> None:
    """The same hits in the same order, but for those whose scores are alike."""
    hits = answer["hits"]["hits"]
    assert len(hits) == len(expected.hits)
    scores = {hit.id: hit.score for hit in expected.hits}
    for hit, other in zip(hits, expected.hits, strict=True):
        assert hit["_score"] == pytest.approx(other.score, abs=like)
        assert scores.get(hit["_id"], other.score) == pytest.approx(other.score, abs=2 * like)
    assert answer["hits"]["total"] == {"value": expected.total, "relation": "eq"}


def unchanged(door: Door, body: Any, **params: str) -> dict[str, Any]:
    """The answer through the pipeline, which is that without it."""
    answers = [door.search(body, pipeline, **params) for pipeline in ("", NONE)]
    for answer in answers:
        answer.pop("took")
        answer.pop("_scroll_id", None)
    assert answers[0] == answers[1]
    return answers[0]


def test_the_order_is_that_of_the_search_flow(door: Door) -> None:
    same = moved = 0
    for text in queries():
        body = {"query": multi(text), "track_total_hits": True}
        answer = door.search(body)
        assert told(answer)["degraded"] == [] and told(answer)["rank"]
        expected = door.expected(body)
        agree(answer, expected)
        same += ids(answer) == [hit.id for hit in expected.hits]
        moved += ids(answer) != ids(door.search(body, NONE))
    assert same >= len(queries()) - 1 and moved > 0.5 * len(queries())


def test_products_are_found_by_their_number(door: Door) -> None:
    found = door.search({"query": multi("shoes"), "size": 1, "_source": ["attributes", "model"]})
    wanted = ids(found)[0]
    for text in (wanted, wanted.upper()):
        body = {"query": multi(text), "track_total_hits": True}
        answer = door.search(body)
        agree(answer, door.expected(body))
    assert ids(door.search({"query": multi(wanted)}))[0] == wanted


def test_without_a_model_the_order_is_fused(door: Door) -> None:
    name = door.pipeline("modelless", model=f"none-{uuid4().hex[:8]}", deadline_ms=SLOW)
    for text in queries()[:8]:
        body = {"query": multi(text), "track_total_hits": True}
        answer = door.search(body, name)
        assert told(answer) | {"took": 0} == {"rank": False, "degraded": ["rerank"], "took": 0}
        agree(answer, door.expected(body, door.plain), FUSED)


def test_too_late_the_order_is_fused(door: Door) -> None:
    name = door.pipeline("late", model=door.index, deadline_ms=1)
    answer = door.search({"query": multi(QUERY)}, name)
    assert "rerank" in told(answer)["degraded"] and len(ids(answer)) == 10


def test_a_vector_and_a_text_of_ext_stand_in(door: Door) -> None:
    vector = [float(value) for value in HashingEncoder().encode_query(QUERY)]
    plain = door.search({"query": multi(QUERY)})
    given = door.search({"query": multi(QUERY), "ext": {"etalage": {"vector": vector}}})
    assert ids(given) == ids(plain) and told(given)["degraded"] == []
    longer = door.search({"query": multi(QUERY), "ext": {"etalage": {"vector": [3 * one for one in vector]}}})
    assert ids(longer) == ids(plain)
    shoes = door.search({"query": {"term": {"category": "Shoes"}}, "ext": {"etalage": {"query": "red boots"}}})
    assert told(shoes)["rank"] and all("Shoes" in hit["_source"]["category"] for hit in shoes["hits"]["hits"])


def test_hits_say_what_their_scores_are_made_of(door: Door) -> None:
    answer = door.search({"query": multi(QUERY), "explain": True, "ext": {"etalage": {"explain": True}}})
    expected = {hit.id: hit.parts for hit in door.expected({"query": multi(QUERY), "size": 30}).hits}
    parts = told(answer)["hits"]
    assert [one["_id"] for one in parts] == ids(answer)
    for one in parts:
        for name in ("bm25", "cosine", "fused"):
            assert one[name] == pytest.approx(expected[one["_id"]][name], abs=1e-3)
        assert one["ranker"] == pytest.approx(expected[one["_id"]]["ranker"], abs=1e-3)
        assert one["fields"] == pytest.approx(expected[one["_id"]]["fields"], abs=1e-3)
    assert all(hit["_explanation"]["value"] == pytest.approx(hit["_score"]) for hit in answer["hits"]["hits"])
    quiet = door.search({"query": multi(QUERY)})
    assert "hits" not in told(quiet) and not {"matched_queries", "sort", "fields"} & quiet["hits"]["hits"][0].keys()


def test_pages_fit_together(door: Door) -> None:
    query = multi("shoes shirt phone lamp table red blue")
    whole = door.search({"query": query, "size": 260, "_source": False})
    paged: list[str] = []
    for start in range(0, 260, 20):
        page = door.search({"query": query, "size": 20, "from": start, "_source": False})
        assert told(page)["degraded"] == []
        paged += ids(page)
    assert paged == ids(whole) and len(set(paged)) == len(paged) > 205
    expected = door.expected({"query": query, "size": 260})
    assert paged[200:] == [hit.id for hit in expected.hits][200:]
    assert not any(hit["_score"] for hit in whole["hits"]["hits"][200:])
    assert ids(door.search({"query": query, "from": 5000})) == []


@pytest.mark.parametrize("place", ["filter", "must", "post_filter", "hybrid", "dis_max"])
def test_conditions_hold_for_every_hit(door: Door, place: str) -> None:
    body = conditioned(place) | {"size": 100, "track_total_hits": True}
    answer = door.search(body)
    sources = [hit["_source"] for hit in answer["hits"]["hits"]]
    assert told(answer)["rank"] and len(sources) > 50
    assert all(one["stock"] > 0 and 1000 <= one["price"] < 8000 for one in sources)
    agree(answer, door.expected(body))


def test_aggregations_count_what_is_found(door: Door) -> None:
    aggs = {"brands": {"terms": {"field": "brand", "size": 500}}, "cheapest": {"min": {"field": "price"}}}
    body = {"query": multi(QUERY), "aggs": aggs, "track_total_hits": True}
    answer = door.search(body)
    found = sum(one["doc_count"] for one in answer["aggregations"]["brands"]["buckets"])
    assert 0 < found <= answer["hits"]["total"]["value"]
    assert answer["aggregations"]["cheapest"]["value"] > 0
    shown = door.search(body | {"size": PRODUCTS})
    prices = [hit["_source"]["price"] for hit in shown["hits"]["hits"]]
    assert min(prices) == answer["aggregations"]["cheapest"]["value"]


def test_hits_are_shown_as_they_were_asked_for(door: Door) -> None:
    query = {"bool": {"must": [multi("leather shoes")], "should": [{"term": {"brand": {"value": "x", "_name": "mine"}}}]}}
    body: dict[str, Any] = {"query": query, "highlight": {"fields": {"title": {}}}, "version": True}
    body |= {"_source": ["title"], "docvalue_fields": ["price"], "fields": ["brand"], "seq_no_primary_term": True}
    for hit in door.search(body)["hits"]["hits"]:
        assert hit["_source"].keys() == {"title"} and {"price", "brand"} >= hit["fields"].keys() >= {"price"}
        assert hit["_version"] == 1 and "_seq_no" in hit and "matched_queries" not in hit
        assert hit["_index"] == door.generation
    marked = [hit for hit in door.search(body)["hits"]["hits"] if "highlight" in hit]
    assert marked and all("<em>" in hit["highlight"]["title"][0] for hit in marked)
    bare = door.search({"query": multi("leather shoes"), "_source": False})["hits"]["hits"]
    assert all(hit.keys() == {"_index", "_id", "_score"} for hit in bare)


def test_named_clauses_of_the_shop_are_told(door: Door) -> None:
    named = {"match": {"title": {"query": "shoes", "_name": "mine"}}}
    answer = door.search({"query": {"bool": {"should": [multi("shoes"), named]}}})
    assert any(hit.get("matched_queries") == ["mine"] for hit in answer["hits"]["hits"])


def test_what_has_an_order_or_no_text_passes(door: Door) -> None:
    text = {"query": multi("red shoes")}
    bodies: Sequence[dict[str, Any]] = (
        {},
        {"query": {"match_all": {}}},
        {"query": {"term": {"brand": "x"}}},
        text | {"sort": ["price", {"id": "asc"}]},
        text | {"size": 0, "aggs": {"brands": {"terms": {"field": "brand"}}}},
        text | {"collapse": {"field": "variant_group"}},
        text | {"ext": {"etalage": {"rank": "off"}}},
        text | {"rescore": {"window_size": 5, "query": {"rescore_query": {"term": {"brand": "x"}}}}},
        text | {"sort": ["price", {"id": "asc"}], "search_after": [1000, "a"]},
        {"suggest": {"words": {"text": "sheos", "term": {"field": "title"}}}},
        {"query": multi("a" * 1001)},
    )
    for body in bodies:
        assert "ext" not in unchanged(door, body)
    unchanged(door, text, scroll="1m")
    unchanged(door, text, routing="x")


def test_other_indexes_pass(door: Door) -> None:
    name = f"{door.index}-other"
    door.client.put(f"{door.url}/{name}", json={}).raise_for_status()
    door.client.put(f"{door.url}/{name}/_doc/1", json={"title": "red shoes"}, params={"refresh": "true"}).raise_for_status()
    for index in (name, f"{door.index},{name}"):
        url, body = f"{door.url}/{index}/_search", {"query": {"match": {"title": "shoes"}}}
        answer = door.client.post(url, json=body, params={"search_pipeline": f"{door.index}-default"})
        assert answer.status_code == 200 and "ext" not in answer.json()
    url = f"{door.url}/{door.index}-none/_search"
    missing = door.client.post(url, json={}, params={"search_pipeline": f"{door.index}-default"})
    assert missing.status_code == 404
    door.client.delete(f"{door.url}/{name}").raise_for_status()


@pytest.mark.parametrize(("given", "says"), HOSTILE)
def test_hostile_options_are_refused(one_shard: Door, given: Any, says: str) -> None:
    answer = one_shard.ask({"query": multi("red shoes"), "ext": {"etalage": given}})
    assert answer.status_code == 400 and says in answer.text


@pytest.mark.parametrize("options", [{"window": 0}, {"neighbours": 300}, {"deadline_ms": -1}, {"floor": 2}, {"modell": "a"}])
def test_a_pipeline_of_wrong_settings_is_refused(one_shard: Door, options: dict[str, Any]) -> None:
    body = {"request_processors": [{"etalage_retrieve": options}]}
    answer = one_shard.client.put(f"{one_shard.url}/_search/pipeline/{one_shard.index}-wrong", json=body)
    assert answer.status_code == 400 and next(iter(options)) in answer.text


def test_clients_send_what_they_always_sent(one_shard: Door) -> None:
    body = {"query": multi(QUERY)}
    expected = one_shard.expected(body)
    with OpenSearch(one_shard.url, timeout=60) as client:
        agree(client.search(index=one_shard.index, body=body), expected)
    command = shutil.which("curl")
    if command is None:
        unavailable("plugin", "curl is not installed")
        return
    url = f"{one_shard.url}/{one_shard.index}/_search"
    arguments = [command, "-sf", url, "-H", "Content-Type: application/json", "-d", orjson.dumps(body).decode()]
    agree(orjson.loads(subprocess.run(arguments, check=True, capture_output=True, timeout=60).stdout), expected)


def test_the_node_counts_what_it_did(one_shard: Door) -> None:
    def counted() -> Any:
        return one_shard.client.get(f"{one_shard.url}/_etalage/stats").json()

    before = counted()
    one_shard.search({"query": multi("red shoes")})
    after = counted()
    assert after["counts"]["searches"] == before["counts"].get("searches", 0) + 1
    assert {"encode", "features", "rank", "page", "search"} <= after["stages"].keys()
