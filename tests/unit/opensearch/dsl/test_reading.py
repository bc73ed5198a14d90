"""What text is read from a shop's query, and which of its conditions hold for every product."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opensearch.dsl import guard, reading
from opensearch.dsl.guard import Limits

MATCH = {"match": {"title": "red shoe"}}
BRAND = {"term": {"brand": "Acme"}}
STOCK = {"range": {"stock": {"gt": 0}}}
KNN = {"knn": {"vec_text": {"vector": [1.0], "k": 5}}}
ALL: dict[str, Any] = {"match_all": {}}


# text
@pytest.mark.parametrize(
    ("query", "text"),
    [
        (None, ""),
        ({}, ""),
        (ALL, ""),
        (BRAND, ""),
        (KNN, ""),
        (MATCH, "red shoe"),
        ({"match": {"title": {"query": "red shoe", "operator": "and"}}}, "red shoe"),
        ({"match": {"price": 5}}, ""),
        ({"match_phrase": {"title": "red shoe"}}, "red shoe"),
        ({"match_bool_prefix": {"title": "red sh"}}, "red sh"),
        ({"multi_match": {"query": "red shoe", "fields": ["title"]}}, "red shoe"),
        ({"multi_match": {"query": 501}}, "501"),
        ({"combined_fields": {"query": "red shoe", "fields": ["title"]}}, "red shoe"),
        (
            {"query_string": {"query": 'red AND "shoe box"~3 +blue~2^1.5 (new*) t-shirt'}},
            "red shoe box blue new t shirt",
        ),
        ({"query_string": {"query": "shoe -red"}}, ""),
        ({"query_string": {"query": "shoe NOT red"}}, ""),
        ({"query_string": {"query": "shoe (!red)"}}, ""),
        ({"query_string": {"query": "brand:Acme shoe"}}, ""),
        ({"simple_query_string": {"query": '"red shoe" +new | old*'}}, "red shoe new old"),
        ({"simple_query_string": {"query": "shoe -red"}}, ""),
        ({"simple_query_string": {"query": "brand:Acme shoe"}}, "Acme shoe"),
        ({"neural": {"vec_text": {"query_text": "red shoe", "k": 5}}}, "red shoe"),
        # the longest of several, each once
        ({"bool": {"must": [MATCH], "should": [{"match": {"title": "running red shoe"}}]}}, "running red shoe"),
        ({"bool": {"must": MATCH, "must_not": {"match": {"title": "a far longer text than that"}}}}, "red shoe"),
        ({"bool": {"must": BRAND, "filter": MATCH}}, ""),
        ({"bool": {"filter": [BRAND, MATCH]}}, "red shoe"),
        ({"dis_max": {"queries": [MATCH, BRAND]}}, "red shoe"),
        ({"hybrid": {"queries": [MATCH, KNN]}}, "red shoe"),
        ({"constant_score": {"filter": MATCH}}, "red shoe"),
        ({"function_score": {"query": MATCH, "functions": []}}, "red shoe"),
        ({"function_score": {"functions": []}}, ""),
        ({"boosting": {"positive": MATCH, "negative": {"match": {"title": "blue shoe box"}}}}, "red shoe"),
        ({"nested": {"path": "a", "query": MATCH}}, "red shoe"),
        ({"bool": {"must": {"bool": {"should": [{"dis_max": {"queries": [MATCH]}}]}}}}, "red shoe"),
        ({"match": {"title": "   "}}, ""),
    ],
)
def test_the_text_that_was_typed(query: Any, text: str) -> None:
    assert reading.read(query).text == text


# conditions
@pytest.mark.parametrize(
    ("query", "constraints"),
    [
        (None, ()),
        (ALL, ()),
        (MATCH, ()),
        (BRAND, (BRAND,)),
        ({"bool": {"must": [MATCH], "filter": [BRAND, STOCK]}}, (BRAND, STOCK)),
        ({"bool": {"must": [MATCH], "filter": BRAND}}, (BRAND,)),
        ({"bool": {"must": [MATCH, BRAND]}}, (BRAND,)),
        ({"bool": {"must": [MATCH], "must_not": [BRAND]}}, ({"bool": {"must_not": BRAND}},)),
        # a text that filters beside another is a condition; one that stands alone is the search
        ({"bool": {"must": [MATCH], "filter": [{"match": {"title": "new"}}]}}, ({"match": {"title": "new"}},)),
        ({"bool": {"filter": [MATCH, BRAND]}}, (BRAND,)),
        # alternatives hold only when one of them is required and none is text
        ({"bool": {"should": [BRAND, STOCK]}}, ({"bool": {"should": [BRAND, STOCK], "minimum_should_match": 1}},)),
        ({"bool": {"must": [MATCH], "should": [BRAND]}}, ()),
        (
            {"bool": {"must": [MATCH], "should": [BRAND], "minimum_should_match": 1}},
            ({"bool": {"should": [BRAND], "minimum_should_match": 1}},),
        ),
        ({"bool": {"should": [MATCH, BRAND]}}, ()),
        # what all alternatives ask for holds
        (
            {
                "dis_max": {
                    "queries": [
                        {"bool": {"must": MATCH, "filter": [BRAND, STOCK]}},
                        {"bool": {"must": MATCH, "filter": BRAND}},
                    ]
                }
            },
            (BRAND,),
        ),
        ({"hybrid": {"queries": [MATCH, KNN], "filter": BRAND}}, (BRAND,)),
        ({"function_score": {"query": {"bool": {"must": MATCH, "filter": BRAND}}}}, (BRAND,)),
        ({"boosting": {"positive": {"bool": {"must": MATCH, "filter": BRAND}}, "negative": STOCK}}, (BRAND,)),
        ({"knn": {"vec_text": {"vector": [1.0], "k": 5, "filter": BRAND}}}, (BRAND,)),
        ({"constant_score": {"filter": BRAND}}, ({"constant_score": {"filter": BRAND}},)),
    ],
)
def test_the_conditions_that_every_product_meets(query: Any, constraints: tuple[Any, ...]) -> None:
    assert reading.read(query).constraints == constraints


# the query itself, and whether it orders
def test_the_query_can_stand_inside_another() -> None:
    assert reading.read(MATCH).query == MATCH
    assert reading.read(None).query == ALL
    assert reading.read({"neural": {"vec_text": {"query_text": "x"}}}).query == {"match_none": {}}
    hybrid = {"hybrid": {"queries": [MATCH, KNN], "filter": BRAND}}
    alternatives = {"bool": {"should": [MATCH, KNN], "minimum_should_match": 1, "filter": BRAND}}
    assert reading.read(hybrid).query == alternatives
    inside = {"bool": {"must": [{"neural": {"v": {}}}, MATCH], "filter": [BRAND], "boost": 2}}
    assert reading.read(inside).query == {"bool": {"must": [{"match_none": {}}, MATCH], "filter": [BRAND], "boost": 2}}


@pytest.mark.parametrize(
    ("query", "ordered"),
    [
        (None, False),
        (ALL, False),
        (BRAND, False),
        ({"bool": {"filter": [MATCH]}}, False),
        ({"bool": {"must": [BRAND], "should": [ALL]}}, False),
        (MATCH, True),
        (KNN, True),
        ({"bool": {"should": [BRAND, MATCH]}}, True),
        ({"function_score": {"query": ALL}}, True),
        ({"dis_max": {"queries": [BRAND, KNN]}}, True),
        ({"constant_score": {"filter": BRAND}}, False),
        ({"distance_feature": {"field": "created_at"}}, True),
    ],
)
def test_whether_a_query_orders_by_itself(query: Any, ordered: bool) -> None:
    assert reading.scores(query) is ordered


# whatever passes the guard can be read
LEAF = st.sampled_from([MATCH, BRAND, STOCK, KNN, ALL, {"match": {"title": {}}}, {"query_string": {}}, {"match": {}}])
LEAF |= st.sampled_from([{"neural": {"v": {"query_text": 5}}}, {"knn": {"v": 5}}, {"multi_match": {"query": [1]}}])


def compound(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    part = inner | st.lists(inner, max_size=3)
    return (
        st.dictionaries(st.sampled_from(["must", "should", "filter", "must_not"]), part, max_size=4).map(
            lambda parts: {"bool": parts}
        )
        | st.tuples(st.sampled_from(["dis_max", "hybrid"]), part).map(lambda pair: {pair[0]: {"queries": pair[1]}})
        | st.tuples(st.sampled_from(["function_score", "nested"]), inner).map(
            lambda pair: {pair[0]: {"query": pair[1]}}
        )
        | inner.map(lambda one: {"boosting": {"positive": one, "negative": one}})
        | inner.map(lambda one: {"constant_score": {"filter": one}})
    )


QUERIES = st.recursive(LEAF, compound, max_leaves=12)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(QUERIES)
def test_whatever_passes_is_read_and_what_is_read_passes(query: dict[str, Any]) -> None:
    guard.search({"query": query}, Limits())
    before = json.dumps(query)
    found = reading.read(query)
    assert json.dumps(query) == before
    assert isinstance(found.text, str)
    guard.search({"query": {"bool": {"must": [found.query], "filter": list(found.constraints)}}}, Limits())
    # A text is somewhere in the query.
    assert not found.text or found.text.split()[0] in before
    if found.text.strip():
        assert reading.scores(query) or "filter" in before
