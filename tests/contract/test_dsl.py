"""OpenSearch's search body means the same on every engine: bodies over a small shop, and what they find."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from etalage.core.errors import EtalageError
from etalage.core.records import days
from opensearch import fields
from opensearch.engine import Candidates, Request, SearchEngine, Shop, Term

from ..catalogs import SHOP

VECTORS = {"a": (1, 0, 0, 0), "b": (0.8, 0.6, 0, 0), "c": (0, 1, 0, 0), "d": (-1, 0, 0, 0), "e": (0.6, -0.8, 0, 0)}
GLOBAL = {"search_type": "dfs_query_then_fetch"}
"""Term statistics of the whole index, whatever its shards."""

Search = Callable[..., dict[str, Any]]
Serve = Callable[..., Any]
RED, ACME = {"match": {"title": "red"}}, {"term": {"brand": "Acme"}}
EAST = [1, 0, 0, 0]


@pytest.fixture
def search(engine: SearchEngine, index: str, make: Callable[..., Any], serve: Serve) -> Search:
    """Searches the shop."""
    documents = []
    for one in SHOP:
        more = {name: value for name, value in one.items() if name not in ("id", "title")}
        if "created_at" in one:
            more["created"] = round(days(one["created_at"]), 4)
        documents.append(make(one["id"], one["title"], VECTORS.get(one["id"]), **more))
    serve(*documents)
    return lambda body: engine.search(index, body, params=GLOBAL)


def ids(answer: Mapping[str, Any]) -> str:
    return "".join(hit["_id"] for hit in answer["hits"]["hits"])


MATCHES: Sequence[tuple[Mapping[str, Any], str]] = (
    ({"match_all": {}}, "abcdefgh"),
    ({"match_none": {}}, ""),
    ({"match": {"title": "red shoe"}}, "abcg"),
    ({"match": {"title": {"query": "red shoe", "operator": "and"}}}, "ag"),
    ({"match": {"title": {"query": "red shoe rack", "minimum_should_match": "67%"}}}, "ag"),
    ({"match": {"title": {"query": "red shoe rack lamp", "minimum_should_match": "2<-2"}}}, "acg"),
    ({"match": {"title": {"query": "lmap", "fuzziness": "AUTO"}}}, "c"),
    ({"match": {"title": {"query": "xed", "fuzziness": 1, "prefix_length": 1}}}, ""),
    ({"match": {"title": {"query": "!!!", "zero_terms_query": "all"}}}, "abcdefgh"),
    ({"match": {"title": "!!!"}}, ""),
    ({"match": {"title": "蓝牙"}}, "f"),
    ({"match": {"brand": "Acme"}}, "abh"),
    ({"match": {"price": "5000"}}, "a"),
    ({"match": {"category.text": "shoe"}}, "ab"),
    ({"match": {"nope": "x"}}, ""),
    ({"match_phrase": {"title": "running shoes"}}, "ab"),
    ({"match_phrase": {"title": {"query": "red shoes", "slop": 1}}}, "ag"),
    ({"match_phrase": {"category.text": "goods shoes"}}, ""),
    ({"match_phrase_prefix": {"title": "red ru"}}, "a"),
    ({"match_bool_prefix": {"title": {"query": "red ru", "operator": "and"}}}, "a"),
    ({"match_bool_prefix": {"title": "lamp ru"}}, "abc"),
    ({"match_bool_prefix": {"title": "lamp ru!"}}, "c"),
    ({"multi_match": {"query": "red shoes"}}, "abcg"),
    ({"multi_match": {"query": "acme keyboard", "operator": "and"}}, ""),
    ({"multi_match": {"query": "acme keyboard", "type": "cross_fields", "operator": "and"}}, "h"),
    ({"multi_match": {"query": "for the", "type": "phrase", "fields": ["title", "desc*"]}}, "c"),
    ({"query_string": {"query": "+red -brand:Acme", "default_field": "title"}}, "cg"),
    ({"query_string": {"query": "price:[2000 TO 4000} OR (green AND chair)", "fields": ["title"]}}, "cde"),
    ({"simple_query_string": {"query": '"running shoes" | lam*', "fields": ["title"]}}, "abc"),
    ({"term": {"brand": {"value": "acme", "case_insensitive": True}}}, "abh"),
    ({"term": {"title": "shoe"}}, "abg"),
    ({"term": {"attributes": "red"}}, "ac"),
    ({"term": {"attributes.color": "dark grey"}}, "e"),
    ({"term": {"category_path": "Goods > Shoes"}}, "ab"),
    ({"term": {"title.keyword": "Green chair"}}, "d"),
    ({"terms": {"brand": ["Bolt", "Café Noir"]}}, "cde"),
    ({"terms": {"_id": ["h", "a", "zz"]}}, "ah"),
    ({"range": {"price": {"gt": 5000, "lte": "8000"}}}, "bd"),
    ({"range": {"brand": {"gte": "B", "lt": "C"}}}, "cd"),
    ({"range": {"created_at": {"gte": "2024-02", "lt": "2025-03-20"}}}, "bc"),
    ({"range": {"created_at": {"gte": "2025-01-10||+2M/M", "lt": 1767225600000}}}, "cd"),
    ({"range": {"created_at": {"lte": "2024-01-15"}}}, "a"),
    ({"range": {"created_at": {"gt": "2024"}}}, "abcdh"),
    ({"range": {"created": {"gte": 20000}}}, "cdh"),
    ({"range": {"created_at": {"lt": "now-100y/d"}}}, ""),
    ({"exists": {"field": "brand.text"}}, "abcdeh"),
    ({"exists": {"field": "attributes.size"}}, "a"),
    ({"exists": {"field": "vec_text"}}, "abcde"),
    ({"prefix": {"brand": "A"}}, "abh"),
    ({"prefix": {"title": "ru"}}, "ab"),
    ({"wildcard": {"category_path": "Goods > *"}}, "abcd"),
    ({"wildcard": {"brand": "B?lt"}}, "cd"),
    ({"fuzzy": {"brand": "Acmee"}}, "abh"),
    ({"ids": {"values": ["h", "a", "zz"]}}, "ah"),
    ({"bool": {"must": RED, "filter": [{"range": {"price": {"gt": 1}}}], "must_not": ACME}}, "c"),
    ({"bool": {"should": [RED, ACME, {"term": {"stock": 7}}], "minimum_should_match": 2}}, "ac"),
    ({"bool": {"filter": RED, "should": [ACME]}}, "acg"),
    ({"bool": {"must_not": [RED, ACME]}}, "def"),
    ({"constant_score": {"filter": {"term": {"brand": "Bolt"}}}}, "cd"),
    ({"dis_max": {"queries": [{"term": {"brand": "Bolt"}}, {"term": {"stock": 0}}]}}, "bcd"),
    ({"function_score": {"query": ACME, "functions": [{"filter": RED, "weight": 5}], "min_score": 2}}, "a"),
    ({"knn": {"vec_text": {"vector": EAST, "min_score": 0.75}}}, "abe"),
    ({"knn": {"vec_text": {"vector": EAST, "k": 5, "filter": {"term": {"brand": "Bolt"}}}}}, "cd"),
)


def test_queries_match_the_same(search: Search) -> None:
    found = [ids(search({"query": query, "sort": ["id"], "_source": False})) for query, _ in MATCHES]
    assert dict(zip(map(str, range(len(found))), found, strict=True)) == {
        str(number): expected for number, (_, expected) in enumerate(MATCHES)
    }


ORDERS: Sequence[tuple[Mapping[str, Any], str]] = (
    ({"sort": ["price", "id"]}, "cehabdfg"),
    ({"sort": [{"price": {"order": "desc", "missing": "_first"}}, "id"]}, "gfdbahec"),
    ({"sort": [{"price": {"missing": 3000}}, "id"]}, "ceghabdf"),
    ({"sort": [{"brand": "asc"}, {"price": "desc"}, "id"]}, "bahdcefg"),
    ({"sort": [{"brand": {"order": "desc"}}, "id"]}, "ecdabhfg"),
    ({"sort": [{"category": {"mode": "max"}}, "id"]}, "ehdgcfab"),
    ({"sort": [{"created_at": "desc"}, "id"]}, "hdcbaefg"),
    ({"sort": ["price", "id"], "from": 2, "size": 3}, "hab"),
    ({"sort": ["price", "id"], "search_after": [4000, "h"], "size": 2}, "ab"),
    ({"sort": [{"brand": "asc"}, "id"], "search_after": [None, "f"]}, "g"),
    ({"sort": ["price", "id"], "collapse": {"field": "brand"}}, "cehf"),
    ({"query": {"match": {"title": "red lamp"}}, "min_score": 0.9, "sort": ["id"]}, "c"),
    ({"query": RED, "post_filter": ACME}, "a"),
    ({"query": {"match": {"title": "red running"}}, "size": 1}, "a"),
    ({"query": {"multi_match": {"query": "red lamp", "fields": ["title^2", "description"]}}, "size": 1}, "c"),
    ({"query": {"function_score": {"query": ACME, "field_value_factor": {"field": "price"}}}}, "bah"),
    ({"query": {"function_score": {"query": ACME, "gauss": {"price": {"origin": 4100, "scale": 500}}}}}, "hab"),
    (
        {
            "query": {"boosting": {"positive": {"terms": {"brand": ["Acme"]}}, "negative": RED, "negative_boost": 0.1}},
            "sort": ["_score", "id"],
        },
        "bha",
    ),
    ({"query": {"knn": {"vec_text": {"vector": EAST, "min_score": 0.3}}}}, "abec"),
)


def test_orders_and_windows_are_the_same(search: Search) -> None:
    found = [ids(search(body)) for body, _ in ORDERS]
    assert found == [expected for _, expected in ORDERS]


AGGREGATIONS: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]] = (
    (
        {"terms": {"field": "brand"}},
        {
            "doc_count_error_upper_bound": 0,
            "sum_other_doc_count": 0,
            "buckets": [
                {"key": "Acme", "doc_count": 3},
                {"key": "Bolt", "doc_count": 2},
                {"key": "Café Noir", "doc_count": 1},
            ],
        },
    ),
    (
        {"terms": {"field": "brand", "missing": "none", "order": {"_key": "desc"}, "exclude": ["Acme"]}},
        {
            "doc_count_error_upper_bound": 0,
            "sum_other_doc_count": 0,
            "buckets": [
                {"key": "none", "doc_count": 2},
                {"key": "Café Noir", "doc_count": 1},
                {"key": "Bolt", "doc_count": 2},
            ],
        },
    ),
    (
        {"terms": {"field": "category_path", "include": ["Goods"]}, "aggs": {"p": {"max": {"field": "price"}}}},
        {
            "doc_count_error_upper_bound": 0,
            "sum_other_doc_count": 0,
            "buckets": [{"key": "Goods", "doc_count": 5, "p": {"value": 8000.0}}],
        },
    ),
    ({"terms": {"field": "nope"}}, {"doc_count_error_upper_bound": 0, "sum_other_doc_count": 0, "buckets": []}),
    (
        {
            "range": {
                "field": "price",
                "ranges": [{"to": 2500}, {"from": 2500, "to": 5000, "key": "mid"}, {"from": 5000}],
            }
        },
        {
            "buckets": [
                {"key": "*-2500.0", "to": 2500.0, "doc_count": 1},
                {"key": "mid", "from": 2500.0, "to": 5000.0, "doc_count": 2},
                {"key": "5000.0-*", "from": 5000.0, "doc_count": 4},
            ]
        },
    ),
    (
        {"date_range": {"field": "created_at", "keyed": True, "ranges": [{"to": "2025", "key": "old"}]}},
        {"buckets": {"old": {"to": 1735689600000.0, "to_as_string": "2025-01-01T00:00:00.000Z", "doc_count": 2}}},
    ),
    (
        {"histogram": {"field": "price", "interval": 4000}},
        {"buckets": [{"key": 0.0, "doc_count": 2}, {"key": 4000.0, "doc_count": 3}, {"key": 8000.0, "doc_count": 2}]},
    ),
    (
        {"histogram": {"field": "price", "interval": 9000, "offset": 500, "extended_bounds": {"min": -9000, "max": 0}}},
        {
            "buckets": [
                {"key": -17500.0, "doc_count": 0},
                {"key": -8500.0, "doc_count": 0},
                {"key": 500.0, "doc_count": 6},
                {"key": 9500.0, "doc_count": 1},
            ]
        },
    ),
    (
        {"date_histogram": {"field": "created_at", "calendar_interval": "year", "min_doc_count": 1, "format": "yyyy"}},
        {
            "buckets": [
                {"key_as_string": "2024", "key": 1704067200000, "doc_count": 2},
                {"key_as_string": "2025", "key": 1735689600000, "doc_count": 2},
                {"key_as_string": "2026", "key": 1767225600000, "doc_count": 1},
            ]
        },
    ),
    ({"stats": {"field": "rating"}}, {"count": 3, "min": 3.0, "max": 4.5, "avg": 11.5 / 3, "sum": 11.5}),
    ({"stats": {"field": "nope"}}, {"count": 0, "min": None, "max": None, "avg": None, "sum": 0.0}),
    ({"max": {"field": "created_at"}}, {"value": 1767225600000.0, "value_as_string": "2026-01-01T00:00:00.000Z"}),
    ({"value_count": {"field": "category"}}, {"value": 13}),
    ({"cardinality": {"field": "brand"}}, {"value": 3}),
    ({"filter": ACME, "aggs": {"p": {"avg": {"field": "price"}}}}, {"doc_count": 3, "p": {"value": 5000.0}}),
    (
        {"filters": {"filters": {"x": ACME, "y": RED}, "other_bucket": True}},
        {"buckets": {"x": {"doc_count": 3}, "y": {"doc_count": 3}, "_other_": {"doc_count": 3}}},
    ),
    ({"missing": {"field": "brand"}}, {"doc_count": 2}),
    ({"global": {}}, {"doc_count": 8}),
)


def test_aggregations_are_the_same(search: Search) -> None:
    asked = {f"x{number}": one for number, (one, _) in enumerate(AGGREGATIONS)}
    found = search({"size": 0, "aggs": asked})["aggregations"]
    for number, (one, expected) in enumerate(AGGREGATIONS):
        assert found[f"x{number}"] == expected, one
    some = search({"size": 0, "query": RED, "post_filter": ACME, "aggs": {"x": {"terms": {"field": "brand"}}}})
    assert [one["key"] for one in some["aggregations"]["x"]["buckets"]] == ["Acme", "Bolt"]
    assert some["hits"]["total"] == {"value": 1, "relation": "eq"}


def test_hits_show_the_same(search: Search, engine: SearchEngine, index: str) -> None:
    keys = [{"price": "desc"}, {"created_at": "asc"}, {"brand": "asc"}]
    hits = {hit["_id"]: hit for hit in search({"sort": keys, "_source": ["title", "attributes.c*"]})["hits"]["hits"]}
    assert hits["a"]["sort"] == [5000.0, 1705312800000, "Acme"] and hits["a"]["_score"] is None
    assert hits["g"]["sort"] == ["-Infinity", 2**63 - 1, None]
    assert hits["a"]["_source"] == {"title": "Red running shoes", "attributes": {"color": ["red"]}}
    one = {"query": {"ids": {"values": ["e"]}}}
    shown = search(
        one
        | {"_source": False, "docvalue_fields": ["price", "attrs", "category_path"], "fields": ["title", "brand.text"]}
    )
    assert shown["hits"]["hits"][0]["fields"] == {
        "price": [2500.0],
        "attrs": ["color=black", "color=dark grey", "mpn=MX-500"],
        "category_path": ["Electronics"],
        "title": ["Wireless mouse MX-500"],
        "brand.text": ["Café Noir"],
    }
    whole = search(one | {"_source": {"excludes": list(fields.INTERNAL)}})["hits"]["hits"][0]["_source"]
    alone = engine.document(index, "e")
    assert alone is not None and alone["_source"] == whole and whole["model"] == "MX-500" and whole["price"] == 2500
    assert engine.document(index, "zz") is None
    assert engine.tally(index, {"query": RED}) == 3 and engine.tally(index, {}) == 8
    named = {
        "bool": {
            "must": {"match": {"title": {"query": "red", "_name": "n"}}},
            "should": {"term": {"brand": {"value": "Bolt", "_name": "b"}}},
        }
    }
    assert {hit["_id"]: sorted(hit["matched_queries"]) for hit in search({"query": named})["hits"]["hits"]} == {
        "a": ["n"],
        "c": ["b", "n"],
        "g": ["n"],
    }


def test_highlights_are_the_same(search: Search) -> None:
    def shown(query: Mapping[str, Any], **more: Any) -> list[Any]:
        found = search({"query": query, "highlight": more, "sort": ["id"]})["hits"]["hits"]
        return [hit.get("highlight") for hit in found]

    assert shown({"match": {"title": "red shoes"}}, fields={"title": {}})[:2] == [
        {"title": ["<em>Red</em> running <em>shoes</em>"]},
        {"title": ["Blue running <em>shoes</em>"]},
    ]
    assert shown({"match": {"title": "蓝牙耳"}}, fields={"title": {}}) == [{"title": ["<em>蓝牙耳</em>机 无线"]}]
    assert shown({"match_phrase": {"description": "red lamp"}}, fields={"description": {"number_of_fragments": 0}}) == [
        {"description": ["A lamp for the desk. The <em>red</em> <em>lamp</em> shines."]}
    ]
    short = {"description": {"fragment_size": 10, "number_of_fragments": 1}}
    assert shown({"match": {"description": "lamp"}}, fields=short, pre_tags="[", post_tags="]") == [
        {"description": ["A [lamp] for"]}
    ]
    loose = shown({"match": {"title": "chair"}}, fields={"description": {}}, require_field_match=False)
    assert loose == [{"description": ["A <em>chair</em> to sit on"]}]


def test_groups_show_their_other_hits(search: Search) -> None:
    inner = {"name": "more", "size": 1, "sort": [{"price": "desc"}], "_source": False}
    hits = search({"collapse": {"field": "variant_group", "inner_hits": inner}, "sort": ["price", "id"]})["hits"][
        "hits"
    ]
    assert [hit["_id"] for hit in hits] == ["c", "a"] and hits[1]["fields"] == {"variant_group": ["g1"]}
    assert [hit["_id"] for hit in hits[1]["inner_hits"]["more"]["hits"]["hits"]] == ["b"]


def test_a_shops_query_brings_the_same_candidates(search: Search, engine: SearchEngine, index: str) -> None:
    def ask(shop: Shop, **more: Any) -> Candidates:
        return engine.candidates(index, Request("red", np.array(EAST, np.float32), k=2, shop=shop, **more))

    valued = {"function_score": {"query": RED, "field_value_factor": {"field": "price", "missing": 1}}}
    found = ask(Shop(valued))
    assert (found.ids, found.total, found.near.tolist()) == (["a", "b", "c", "g"], 4, [True, True, False, False])
    assert [score > 0 for score in found.lexical] == [True, False, True, True]
    cheap = {"bool": {"must_not": {"range": {"price": {"gte": 4000}}}}}
    brands = {"brands": {"terms": {"field": "brand"}}}
    found = ask(Shop(valued, constraints=(cheap,), aggregations=brands))
    assert (found.ids, found.total) == (["e", "c", "g"], 3)
    counted = {one["key"]: one["doc_count"] for one in found.aggregations["brands"]["buckets"]}
    assert counted == {"Bolt": 1, "Café Noir": 1}
    found = ask(Shop(valued, post_filter=ACME, aggregations=brands))
    assert (found.ids, found.total) == (["a", "b"], 2)
    counted = {one["key"]: one["doc_count"] for one in found.aggregations["brands"]["buckets"]}
    assert counted == {"Acme": 2, "Bolt": 1}
    assert ask(Shop({"constant_score": {"filter": RED}}, min_score=2)).ids == ["a", "b"]
    assert ask(Shop({"match_all": {}}), filters=(Term("brand", ("Bolt",)),)).ids == ["c", "d"]


@pytest.mark.parametrize(
    "body",
    [
        {"query": {"term": {"price": "cheap"}}},
        {"query": {"nope": {}}},
        {"query": {"term": {"brand": ["x"]}}},
        {"sort": "nope"},
        {"sort": "title"},
        {"size": -1},
        {"from": 9_999, "size": 2},
        {"aggs": {"x": {"terms": {"field": "title"}}}},
        {"aggs": {"x": {"avg": {"field": "brand"}}}},
        {"query": {"knn": {"vec_text": {"vector": [1, 2], "k": 1}}}},
        {"nope": 1},
        {"query": {"range": {"created_at": {"gte": "yesterday"}}}},
        {"collapse": {"field": "title"}},
        {"query": {"term": {"url": "x"}}},
        {"query": {"query_string": {"query": "((red"}}},
    ],
)
def test_what_is_wrong_is_refused(engine: SearchEngine, index: str, serve: Serve, body: Mapping[str, Any]) -> None:
    serve()
    with pytest.raises(EtalageError) as caught:
        engine.search(index, body)
    # A node's refusal is handed on as it is.
    assert caught.value.status == 400 or "answers 400" in str(caught.value)


def test_an_event_loop_gets_the_same_answer(engine: SearchEngine, index: str, search: Search) -> None:
    body = {"query": {"match": {"title": "red shoe"}}, "aggs": {"brands": {"terms": {"field": "brand"}}}}

    async def asked() -> dict[str, Any]:
        answer = await engine.search_async(index, body, timeout=30, params=GLOBAL)
        await engine.close_async()
        return answer

    waited = asyncio.run(asked())
    assert {**waited, "took": 0} == {**search(body), "took": 0}


def test_counting_what_is_not_valid_is_refused(engine: SearchEngine, index: str, search: Search) -> None:
    """A node's own `_count` never ends with it."""
    with pytest.raises(EtalageError) as caught:
        engine.tally(index, {"query": {"range": {"price": {"gte": {}}}}}, timeout=5)
    assert not getattr(caught.value, "retryable", False)
