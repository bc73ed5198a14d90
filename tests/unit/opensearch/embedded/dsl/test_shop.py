"""Candidates by a shop's own query."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from etalage.core.errors import EngineTimeout, QueryError
from opensearch.embedded import EmbeddedEngine
from opensearch.engine import Candidates, Lists, Request, Shop, Term

EAST = np.array([1, 0], np.float32)
RED = {"match": {"title": "red"}}
DEAR = {"range": {"price": {"gte": 4000}}}


def ask(engine: EmbeddedEngine, shop: Shop, text: str = "red", vector: Any = None, **more: Any) -> Candidates:
    return engine.candidates("shop", Request(text, vector, shop=shop, **more))


def test_its_matches_come_in_the_order_of_its_scores(engine: EmbeddedEngine) -> None:
    found = ask(
        engine, Shop({"function_score": {"query": RED, "field_value_factor": {"field": "price", "missing": 1}}})
    )
    assert found.ids == ["a", "c", "g"] and found.total == 3 and not found.near.any()
    # The scores shown are those of the text, as without a shop.
    usual = engine.candidates("shop", Request("red"))
    assert dict(zip(found.ids, found.lexical, strict=True)) == dict(zip(usual.ids, usual.lexical, strict=True))
    np.testing.assert_array_equal(found.fields[0], usual.fields[usual.ids.index("a")])


def test_neighbours_come_first_and_obey_the_constraints(engine: EmbeddedEngine) -> None:
    # e is among the nearest two of those that cost less than 4000 or nothing.
    cheap = {"bool": {"must_not": DEAR}}
    found = ask(engine, Shop(RED, constraints=(cheap,)), vector=EAST, k=2)
    assert found.ids == ["e", "c", "g"] and found.near.tolist() == [True, True, False] and found.total == 3
    assert found.lexical[0] == 0 and found.lexical[1] > 0
    free = ask(engine, Shop(RED), vector=EAST, k=2)
    assert free.ids == ["a", "b", "c", "g"] and free.total == 4


def test_filters_of_the_request_hold_too(engine: EmbeddedEngine) -> None:
    found = ask(
        engine, Shop({"match_all": {}}, constraints=(DEAR,)), filters=(Term("brand", ("Acme",)),), vector=EAST, k=1
    )
    assert found.ids == ["a", "b", "h"]


def test_a_later_filter_leaves_aggregations_alone(engine: EmbeddedEngine) -> None:
    shop = Shop(
        RED,
        post_filter={"term": {"brand": "Acme"}},
        aggregations={"brands": {"terms": {"field": "brand"}}, "all": {"global": {}}},
    )
    found = ask(engine, shop, vector=EAST, k=2)
    assert found.ids == ["a", "b"] and found.total == 2
    counted = {one["key"]: one["doc_count"] for one in found.aggregations["brands"]["buckets"]}
    assert counted == {"Acme": 2, "Bolt": 1} and found.aggregations["all"] == {"doc_count": 8}


def test_a_lowest_score_holds_for_matches(engine: EmbeddedEngine) -> None:
    shop = Shop({"constant_score": {"filter": RED, "boost": 2}}, min_score=3)
    assert ask(engine, shop, vector=EAST, k=1).ids == ["a"]
    assert ask(engine, Shop(RED, min_score=0.1)).total == 3


def test_lists_and_windows(engine: EmbeddedEngine) -> None:
    shop = Shop({"match_all": {}})
    words = ask(engine, shop, vector=EAST, k=2, lists=Lists.LEXICAL)
    assert words.ids == list("abcdefgh") and not words.near.any()
    near = ask(engine, shop, vector=EAST, k=2, lists=Lists.VECTOR)
    assert near.ids == ["a", "b"] and near.lexical.tolist() == [0, 0]
    pages = [ask(engine, shop, vector=EAST, k=2, start=start, size=3).ids for start in (0, 3, 6)]
    assert [one for page in pages for one in page] == list("abcdefgh")


def test_what_is_wrong_with_a_shop_is_said_with_its_place(engine: EmbeddedEngine) -> None:
    for shop, said in (
        (Shop({"regexp": {}}), r"at query\.regexp"),
        (Shop(RED, constraints=({"match_all": {}}, {"x": {}})), r"at constraints\[1\]\.x"),
        (Shop(RED, post_filter={"x": {}}), r"at post_filter\.x"),
        (Shop(RED, aggregations={"b": {"terms": {"field": "title"}}}), r"aggs\.b\.terms\.field"),
    ):
        with pytest.raises(QueryError, match=said):
            ask(engine, shop)
    with pytest.raises(EngineTimeout):
        ask(engine, Shop(RED), timeout=0)
