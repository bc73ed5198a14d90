"""Answers in OpenSearch's shape."""

from __future__ import annotations

from typing import Any

import pytest

from etalage.http.gateway import asked, reply
from opensearch import fields
from opensearch.dsl.guard import Limits
from ranker.search import Answer, Hit

HIDDEN = list(fields.INTERNAL)
HITS = [Hit("p1", 0.9, "red shoe", {"cosine": 0.5, "rank": 1, "note": "x"}), Hit("p2", 0.4, "blue shoe", {})]


def read(body: Any = None, **params: str) -> asked.Asked:
    return asked.read("products", body, params, Limits(), 10.0)


def answered(total: int = 2, hits: list[Hit] = HITS, **more: Any) -> Answer:
    return Answer(total, hits, {}, (), 5.0, {"retrieve": 1.0}, "products-000001", **more)


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [
        (False, False),
        (None, {"excludes": HIDDEN}),
        (True, {"excludes": HIDDEN}),
        ("title", {"includes": ["title"], "excludes": HIDDEN}),
        (["title"], {"includes": ["title"], "excludes": HIDDEN}),
        ({"includes": "title", "excludes": "a"}, {"includes": ["title"], "excludes": ["a", *HIDDEN]}),
        ({"include": ["title"]}, {"includes": ["title"], "excludes": HIDDEN}),
        ({"excludes": HIDDEN}, {"excludes": HIDDEN}),
        (["vec_text"], {"includes": ["vec_text"], "excludes": [name for name in HIDDEN if name != "vec_text"]}),
        (["vec_*"], {"includes": ["vec_*"], "excludes": HIDDEN}),
        (5, 5),
    ],
)
def test_internal_fields_are_shown_only_when_they_are_named(wanted: Any, sent: Any) -> None:
    assert reply.source(wanted) == sent


def test_the_page_asks_for_what_is_shown() -> None:
    query = {"match": {"title": "red"}}
    whole = reply.page_body(read({"query": query}), ["p1"], query)
    assert whole == {
        "query": {"ids": {"values": ["p1"]}},
        "size": 1,
        "_source": {"excludes": HIDDEN},
        "track_total_hits": False,
    }
    body = {"query": query, "highlight": {"fields": {"title": {}}}, "fields": ["price"], "version": True, "sort": None}
    shown = reply.page_body(read(body), ["p1"], query)
    assert shown is not None and shown["highlight"] == {"highlight_query": query, "fields": {"title": {}}}
    assert (shown["fields"], shown["version"]) == (["price"], True)
    own = {"highlight": {"highlight_query": {"match_all": {}}, "fields": {"title": {}}}}
    told = reply.page_body(read(own), ["p1"], query)
    assert told is not None and told["highlight"]["highlight_query"] == {"match_all": {}}
    assert reply.page_body(read({"_source": False}), ["p1"], query) is None
    hidden = reply.page_body(read({"_source": False, "version": True}), ["p1"], query)
    assert hidden is not None and hidden["_source"] is False


def test_hits_come_in_the_rankers_order_with_what_the_page_brought() -> None:
    page = {
        "_shards": {"total": 3},
        "hits": {
            "hits": [
                {"_index": "x", "_id": "p2", "_score": 1.0, "_source": {"title": "blue shoe"}, "sort": [1]},
                {
                    "_index": "x",
                    "_id": "p1",
                    "_score": 1.0,
                    "_source": {"title": "red shoe"},
                    "highlight": {"title": []},
                },
            ]
        },
    }
    response = reply.ranked(read({"query": {"match": {"title": "red"}}}), answered(), page, "starter", 7)
    assert response["hits"] == {
        "total": {"value": 2, "relation": "eq"},
        "max_score": 0.9,
        "hits": [
            {
                "_index": "products-000001",
                "_id": "p1",
                "_score": 0.9,
                "_source": {"title": "red shoe"},
                "highlight": {"title": []},
            },
            {"_index": "products-000001", "_id": "p2", "_score": 0.4, "_source": {"title": "blue shoe"}},
        ],
    }
    assert (response["took"], response["timed_out"], response["_shards"]) == (7, False, {"total": 3})
    told = response["ext"]["etalage"]
    assert (told["rank"], told["degraded"]) == ("starter", []) and told["hits"][0] == {"_id": "p1", **HITS[0].parts}
    assert "aggregations" not in response and "suggest" not in response


def test_a_hit_that_is_not_there_any_more_is_left_out() -> None:
    page = {"_shards": {"total": 1}, "hits": {"hits": [{"_id": "p2", "_source": {"title": "blue shoe"}}]}}
    response = reply.ranked(read({"query": {"match": {"title": "red"}}}), answered(), page, "starter", 7)
    assert [hit["_id"] for hit in response["hits"]["hits"]] == ["p2"] and response["hits"]["max_score"] == 0.4
    assert [one["_id"] for one in response["ext"]["etalage"]["hits"]] == ["p2"]


def test_without_a_page_only_ids_and_scores_are_shown() -> None:
    response = reply.ranked(read({"_source": False}), answered(aggregations={"a": {"value": 1}}), None, "starter", 1)
    assert [set(hit) for hit in response["hits"]["hits"]] == [{"_index", "_id", "_score"}] * 2
    assert response["aggregations"] == {"a": {"value": 1}} and response["_shards"]["successful"] == 1
    empty = reply.ranked(read(), answered(0, []), None, "starter", 1)
    assert empty["hits"]["max_score"] is None and empty["hits"]["hits"] == []


def test_without_a_ranker_it_says_so() -> None:
    one = Answer(1, HITS[:1], {}, ("rerank",), 5.0, {}, "g")
    assert reply.ranked(read(), one, None, "starter", 1)["ext"]["etalage"]["rank"] is False


@pytest.mark.parametrize(
    ("body", "params", "total"),
    [
        ({}, {}, {"value": 10_000, "relation": "gte"}),
        ({"track_total_hits": True}, {}, {"value": 20_000, "relation": "eq"}),
        ({"track_total_hits": 50}, {}, {"value": 50, "relation": "gte"}),
        ({"track_total_hits": "true"}, {}, {"value": 20_000, "relation": "eq"}),
        ({"track_total_hits": "30000"}, {}, {"value": 20_000, "relation": "eq"}),
        ({"track_total_hits": False}, {}, None),
        ({}, {"track_total_hits": "7"}, {"value": 7, "relation": "gte"}),
        ({}, {"rest_total_hits_as_int": "true"}, 20_000),
    ],
)
def test_the_total_is_counted_as_far_as_asked(body: Any, params: dict[str, str], total: Any) -> None:
    response = reply.ranked(read(body, **params), answered(20_000), None, "starter", 1)
    assert response["hits"].get("total") == total


def test_an_explanation_lists_the_parts_that_are_numbers() -> None:
    response = reply.ranked(read({"explain": True}), answered(), None, "starter", 1)
    told = response["hits"]["hits"][0]["_explanation"]
    assert told["value"] == 0.9 and [one["value"] for one in told["details"]] == [0.5, 1]


def test_an_explanation_lists_what_features_add() -> None:
    parts = {"baseline": 0.5, "contributions": [{"feature": "bm25", "value": 1.0, "contribution": 0.25}], "why": "x"}
    response = reply.ranked(read({"explain": True}), answered(1, [Hit("p", 0.7, "red", parts)]), None, "starter", 1)
    details = response["hits"]["hits"][0]["_explanation"]["details"]
    assert [(one["value"], one["description"]) for one in details] == [
        (0.5, "baseline of the product"),
        (0.25, "added by bm25, which is 1.0"),
    ]


def test_ext_is_added_to_what_is_there() -> None:
    response: dict[str, Any] = {"ext": {"other": 1}}
    reply.with_ext(response, "ubi", {"query_id": "q"})
    assert response["ext"] == {"other": 1, "ubi": {"query_id": "q"}}
