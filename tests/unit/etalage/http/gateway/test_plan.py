"""Which requests are ranked, browsed or passed on, and why."""

from __future__ import annotations

from typing import Any

import pytest

from etalage.http.gateway import asked
from etalage.http.gateway.plan import Plan, plan, understand_able
from opensearch.dsl.guard import Limits

MATCH = {"match": {"title": "red shoe"}}
BRAND = {"term": {"brand": "Acme"}}


def planned(body: Any = None, index: str = "products", **params: str) -> Plan:
    return plan(asked.read(index, body, params, Limits(), 10.0))


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"query": MATCH}, "red shoe"),
        ({"query": {"bool": {"must": [MATCH], "filter": [BRAND]}}, "size": 0}, "red shoe"),
        ({"query": MATCH, "aggs": {"a": {"terms": {"field": "brand"}}}, "from": 20, "highlight": {}}, "red shoe"),
        ({"query": MATCH, "sort": [], "rescore": None, "collapse": {"field": "brand"}}, "red shoe"),
        ({"query": MATCH, "suggest": {"text": "x"}, "explain": True, "post_filter": BRAND}, "red shoe"),
        ({"query": MATCH, "ext": {"etalage": {"query": "running shoe"}}}, "running shoe"),
        ({"query": BRAND, "ext": {"etalage": {"query": "shoe"}}}, "shoe"),
        ({"query": MATCH, "ext": {"etalage": {"rank": "mine"}}}, "red shoe"),
    ],
)
def test_text_without_another_order_is_ranked(body: Any, text: str) -> None:
    found = planned(body)
    assert (found.kind, found.read.text, found.why) == ("rank", text, "")


def test_a_text_in_the_url_is_ranked() -> None:
    assert planned(None, q="red shoe").read.text == "red shoe"


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"query": {"match_all": {}}},
        {"query": {"bool": {"filter": [BRAND]}}, "size": 20},
        {"query": BRAND, "aggs": {"a": {"terms": {"field": "brand"}}}},
        {"query": {"match": {"title": "  "}}, "ext": {"etalage": {"query": ""}}, "sort": None},
    ],
)
def test_without_text_or_order_popular_products_come_first(body: Any) -> None:
    found = planned(body)
    if body and "match" in body.get("query", {}):
        assert found.kind == "pass"  # an empty text orders, by scores of its own
    else:
        assert (found.kind, found.why) == ("browse", "")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"query": MATCH, "sort": ["price"]}, "the request has [sort]"),
        ({"query": MATCH, "sort": ["price"], "search_after": [1]}, "the request has [sort]"),
        ({"query": MATCH, "rescore": {"query": {"rescore_query": MATCH}}}, "the request has [rescore]"),
        ({"query": MATCH, "profile": True}, "the request has [profile]"),
        ({"query": MATCH, "indices_boost": [{"products": 2}]}, "the request has [indices_boost]"),
        ({"query": MATCH, "terminate_after": 10}, "the request has [terminate_after]"),
        ({"query": MATCH, "search_pipeline": "x"}, "the request has [search_pipeline]"),
        ({"query": MATCH, "collapse": {"field": "brand", "inner_hits": {"name": "a"}}}, "[collapse.inner_hits]"),
        ({"query": MATCH, "collapse": {"field": "price"}}, "collapses by a field that is no keyword"),
        ({"query": MATCH, "ext": {"etalage": {"rank": "off"}}}, "ext.etalage.rank is off"),
        ({"query": {"match": {"title": "x" * 1001}}}, "more than 1000 characters"),
        ({"query": {"match": {"title": "!!!"}}}, "no word"),
        ({"query": {"knn": {"vec_text": {"vector": [1.0], "k": 3}}}}, "there is no text"),
        ({"query": {"function_score": {"query": BRAND}}}, "there is no text"),
        ({"size": 0}, "there is no text"),
        ({"suggest": {"text": "x"}}, "there is no text"),
        ({"sort": ["price"]}, "the request has [sort]"),
    ],
)
def test_everything_else_passes_and_says_why(body: Any, why: str) -> None:
    found = planned(body)
    assert found.kind == "pass" and why in found.why


def test_several_indexes_and_shapes_of_their_own_pass() -> None:
    assert planned({"query": MATCH}, "a,b").why == "several indexes are searched"
    for name in ("typed_keys", "routing", "search_pipeline"):
        assert planned({"query": MATCH}, **{name: "x"}).why == f"the request has the parameter [{name}]"
    assert planned({"query": MATCH}, preference="x").kind == "rank"


@pytest.mark.parametrize(("text", "able"), [("shoe", True), ("x" * 1000, True), ("x" * 1001, False), ("?!", False)])
def test_what_a_ranker_can_make_something_of(text: str, able: bool) -> None:
    assert understand_able(text) is able
