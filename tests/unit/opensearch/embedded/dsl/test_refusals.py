"""What is refused, with the place and the value at fault."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from etalage.core.errors import EngineError, QueryError
from opensearch.embedded import EmbeddedEngine

Ask = Callable[..., dict[str, Any]]


def nested(levels: int) -> dict[str, Any]:
    query: dict[str, Any] = {"match_all": {}}
    for _ in range(levels):
        query = {"bool": {"must": [query]}}
    return query


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            {"query": {"bool": {"must": [{"match_all": {}}, {"span_near": {}}]}}},
            r"at query\.bool\.must\[1\]\.span_near\): span_near",
        ),
        ({"query": {"script_score": {}}}, "no query clause of this name"),
        ({"query": {"regexp": {"title": "a.*"}}}, "regexp"),
        ({"query": {"more_like_this": {}}}, "more_like_this"),
        ({"query": []}, "query: an object is expected"),
        ({"query": {}}, "exactly one name"),
        ({"query": {"term": {"a": 1, "b": 2}}}, "exactly one name"),
        ({"query": {"term": {"brand": ["x"]}}}, r"query\.term\.brand: one value is expected"),
        ({"query": {"term": {"brand": None}}}, "one value"),
        (
            {"query": {"term": {"brand": {"value": "x", "colour": 1}}}},
            r"no parameter of this name \(at query\.term\.brand\.colour\)",
        ),
        ({"query": {"term": {"price": "cheap"}}}, r"query\.term\.price: a number is expected: cheap"),
        ({"query": {"match": {"price": "abc"}}}, "a number is expected"),
        ({"query": {"match": {"title": {"operator": "and"}}}}, "query is missing"),
        ({"query": {"match": {"title": {"query": "x", "operator": "xor"}}}}, "one of or, and is expected"),
        (
            {"query": {"match": {"title": {"query": "x", "minimum_should_match": "most"}}}},
            r"minimum_should_match: a number",
        ),
        ({"query": {"match": {"title": {"query": "x", "fuzziness": 3}}}}, "from 0 to 2"),
        ({"query": {"match": {"title": {"query": {}}}}}, "a text"),
        ({"query": {"match": {"title": {"query": "x", "boost": -1}}}}, "boost"),
        ({"query": {"terms": {"brand": "x"}}}, "a list is expected"),
        ({"query": {"terms": {"brand": {"index": "x"}}}}, "a list is expected"),
        ({"query": {"range": {"price": {"gte": "x"}}}}, "number"),
        ({"query": {"range": {"created_at": {"gte": "yesterday"}}}}, r"query\.range\.created_at\.gte: a time"),
        ({"query": {"range": {"created_at": {"gte": "2026", "format": "dd.MM.yy"}}}}, "format"),
        ({"query": {"range": {"price": 5}}}, "object"),
        ({"query": {"term": {"url": "x"}}}, "only shown"),
        ({"query": {"term": {"content": "x"}}}, "only shown"),
        ({"query": {"match": {"vec_text": "x"}}}, "Use a knn clause"),
        ({"query": {"wildcard": {"price": "1*"}}}, "only for text and keyword"),
        ({"query": {"knn": {"vec_text": {"vector": [1, 2, 3], "k": 1}}}}, "3 dimensions, vec_text has 2"),
        (
            {"query": {"knn": {"vec_text": {"vector": [float("nan"), 1], "k": 1}}}},
            r"vector\[0\]: a number is expected: nan",
        ),
        ({"query": {"knn": {"vec_text": {"vector": [1e39, 1], "k": 1}}}}, "float32"),
        ({"query": {"knn": {"vec_text": {"vector": [0, 0], "k": 1}}}}, "zeros"),
        ({"query": {"knn": {"vec_text": {"vector": [1, 0]}}}}, "exactly one of k"),
        ({"query": {"knn": {"title": {"vector": [1], "k": 1}}}}, "no vectors"),
        ({"query": {"function_score": {"functions": [{"script_score": {}}]}}}, r"functions\[0\]\.script_score"),
        ({"query": {"function_score": {"gauss": {"price": {"origin": 1, "scale": 0}}}}}, "scale above zero"),
        ({"query": {"function_score": {"field_value_factor": {"field": "title"}}}}, "numbers or times"),
        ({"query": {"hybrid": {"queries": []}}}, "one to five"),
        ({"query": nested(60)}, "50 levels"),
        ({"query": {"bool": {"should": [{"match_all": {}}] * 1100}}}, "1024 clauses"),
        ({"query": {"match": {"title": "w " * 1100}}}, "1024 clauses"),
        ({"size": "ten"}, "size: a number"),
        ({"size": 1.5}, "whole number"),
        ({"size": -1}, "size"),
        ({"from": -1}, "from"),
        ({"from": 9_990, "size": 20}, "at most hit 10000"),
        ({"size": True}, "number"),
        ({"sort": "nope"}, "no field of this name"),
        ({"sort": ["title"]}, "text field cannot be sorted"),
        ({"sort": [{"price": "up"}]}, "asc, desc"),
        ({"sort": [{"_script": {}}]}, "_script"),
        ({"sort": ["price"], "search_after": [1, 2]}, "as many values"),
        ({"sort": ["price"], "search_after": ["x"]}, r"search_after\[0\]: a number"),
        ({"sort": ["price"], "search_after": [1], "from": 1}, "from must be 0"),
        ({"aggs": {"x": {"terms": {"field": "title"}}}}, r"aggs\.x\.terms\.field: a text field cannot"),
        ({"aggs": {"x": {"avg": {"field": "brand"}}}}, "avg needs numbers"),
        ({"aggs": {"x": {"composite": {}}}}, r"no aggregation of this name \(at aggs\.x\.composite\)"),
        ({"aggs": {"x": {"avg": {"field": "price"}, "sum": {}}}}, "exactly one name"),
        ({"aggs": {"x": {"avg": {"field": "price"}, "aggs": {"y": {"max": {"field": "price"}}}}}}, "no buckets"),
        ({"aggs": {"x": {"filter": {}}}}, "exactly one name"),
        ({"aggs": {"x": {"terms": {"field": "brand", "order": {"y": "asc"}}}}}, "_count, _key"),
        ({"aggs": {"x": {"terms": {"field": "brand", "include": "A.*"}}}}, "Patterns"),
        ({"aggs": {"x": {"histogram": {"field": "price", "interval": 0}}}}, "above zero"),
        ({"aggs": {"x": {"histogram": {"field": "price", "interval": 0.01}}}}, "65535 buckets"),
        ({"aggs": {"x": {"date_histogram": {"field": "created_at"}}}}, "exactly one of calendar_interval"),
        ({"aggs": {"x": {"date_histogram": {"field": "created_at", "calendar_interval": "2M"}}}}, "1M"),
        ({"aggs": {"x": {"filter": {"match_all": {}}, "aggs": {"g": {"global": {}}}}}}, "at the top"),
        ({"rescore": {}}, "rescore"),
        ({"script_fields": {}}, "script_fields"),
        ({"indices_boost": []}, "indices_boost"),
        ({"runtime_mappings": {}}, "runtime_mappings"),
        ({"derived": {}}, "derived"),
        ({"collapse": {"field": "title"}}, "keyword or number"),
        ({"collapse": {"field": "category"}}, "single values"),
        ({"_source": 5}, "_source: a text"),
        ({"_source": {"only": []}}, "only"),
        ({"docvalue_fields": ["title"]}, "text field"),
        ({"stored_fields": ["_none_", "x"]}, "stands alone"),
        ({"highlight": {"fields": {"title": {"fragment_size": "x"}}}}, r"highlight\.fields\.title\.fragment_size"),
        ({"highlight": {}}, r"highlight\.fields: an object"),
        ({"suggest": {"x": {"text": "a", "phrase": {}}}}, "phrase"),
        ({"suggest": {"x": {"text": "a", "term": {"field": "brand"}}}}, "text field"),
        ({"min_score": "high"}, "min_score"),
        ({"track_total_hits": "some"}, "track_total_hits"),
        ({"post_filter": {"x": {}}}, r"post_filter\.x"),
        ({"explain": "maybe"}, "true or false"),
    ],
)
def test_refusals_name_the_place(ask: Ask, body: dict[str, Any], said: str) -> None:
    with pytest.raises(QueryError, match=said) as caught:
        ask(**body)
    assert caught.value.remedy and caught.value.value is not None


def test_the_deepest_value_is_shown_shortened(ask: Ask) -> None:
    deep: Any = 1
    for _ in range(990):
        deep = [deep]
    for body in ({"query": deep}, {"sort": deep}, {"_source": deep}, {"query": {"term": {"brand": deep}}}):
        with pytest.raises(QueryError):
            ask(**body)


def test_an_index_that_does_not_exist(engine: EmbeddedEngine) -> None:
    for call in (engine.search, engine.tally):
        with pytest.raises(EngineError, match="no such index: other"):
            call("other", {})
    with pytest.raises(EngineError, match="no such index"):
        engine.document("other", "a")


def test_a_count_takes_a_query_alone(engine: EmbeddedEngine) -> None:
    with pytest.raises(QueryError, match="size"):
        engine.tally("shop", {"query": {"match_all": {}}, "size": 3})


def test_unknown_fields_are_no_error(ask: Ask) -> None:
    for query in (
        {"match": {"nope": "x"}},
        {"range": {"nope": {"gte": "x"}}},
        {"exists": {"field": "nope"}},
        {"prefix": {"nope": "x"}},
    ):
        assert ask(query)["hits"]["total"]["value"] == 0
    assert ask(aggs={"x": {"histogram": {"field": "nope", "interval": 5}}})["aggregations"]["x"] == {"buckets": []}
