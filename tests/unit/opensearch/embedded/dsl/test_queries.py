"""What each clause matches, and how clauses combine."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opensearch.embedded.dsl.globs import Glob

Ids = Callable[..., str]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"match_all": {}}, "abcdefgh"),
        ({"match_none": {}}, ""),
        ({"bool": {}}, "abcdefgh"),
        ({"term": {"brand": "Acme"}}, "abh"),
        ({"term": {"brand": "acme"}}, ""),
        ({"term": {"brand.keyword": "Acme"}}, "abh"),
        ({"term": {"brand": {"value": "ACME", "case_insensitive": True}}}, "abh"),
        ({"term": {"title": "shoe"}}, "abg"),
        ({"term": {"title": "shoes"}}, ""),
        ({"term": {"price": 5000}}, "a"),
        ({"term": {"price": "5000.0"}}, "a"),
        ({"term": {"stock": 0}}, "b"),
        ({"term": {"_id": "c"}}, "c"),
        ({"term": {"id": "c"}}, "c"),
        ({"term": {"nope": "x"}}, ""),
        ({"term": {"category": "Shoes"}}, "ab"),
        ({"term": {"category_path": "Goods > Shoes"}}, "ab"),
        ({"term": {"category_path": "Shoes"}}, ""),
        ({"term": {"attributes": "red"}}, "ac"),
        ({"term": {"attributes.color": "dark grey"}}, "e"),
        ({"term": {"attributes.size": "red"}}, ""),
        ({"term": {"attrs": "color=blue"}}, "b"),
        ({"term": {"created_at": "2024-06-01"}}, "b"),
        ({"term": {"title.keyword": "Green chair"}}, "d"),
        ({"terms": {"brand": ["Bolt", "Café Noir"]}}, "cde"),
        ({"terms": {"brand": []}}, ""),
        ({"terms": {"price": [2000, "2500"]}}, "ce"),
        ({"terms": {"attributes.color": ["red", "blue"]}}, "abc"),
        ({"ids": {"values": ["h", "a", "zz"]}}, "ah"),
        ({"range": {"price": {"gte": 5000, "lt": 8000}}}, "ab"),
        ({"range": {"price": {"gt": 5000, "lte": "8000"}}}, "bd"),
        ({"range": {"price": {}}}, "abcdefh"),
        ({"range": {"brand": {"gte": "B", "lt": "C"}}}, "cd"),
        ({"range": {"created_at": {"gte": "2024-02", "lt": "2025-03-20"}}}, "bc"),
        ({"range": {"created_at": {"gte": "2025-03-20T01:00:00", "time_zone": "+02:00"}}}, "dh"),
        ({"range": {"created_at": {"lte": "2024-01-15"}}}, "a"),
        ({"range": {"created_at": {"gt": "2024-01-15"}}}, "bcdh"),
        ({"range": {"created_at": {"gte": "2025-01-10||+2M/M", "lt": 1767225600000}}}, "cd"),
        ({"range": {"created_at": {"gt": "now+10y"}}}, ""),
        ({"range": {"id": {"gt": "f"}}}, "gh"),
        ({"range": {"nope": {"gt": 1}}}, ""),
        ({"range": {"attributes.color": {"gte": "blue", "lt": "e"}}}, "be"),
        ({"exists": {"field": "brand"}}, "abcdeh"),
        ({"exists": {"field": "brand.text"}}, "abcdeh"),
        ({"exists": {"field": "price"}}, "abcdefh"),
        ({"exists": {"field": "created_at"}}, "abcdh"),
        ({"exists": {"field": "attributes.size"}}, "a"),
        ({"exists": {"field": "attributes"}}, "abce"),
        ({"exists": {"field": "vec_text"}}, "abcde"),
        ({"exists": {"field": "nope"}}, ""),
        ({"exists": {"field": "url"}}, ""),
        ({"prefix": {"brand": "A"}}, "abh"),
        ({"prefix": {"title": "ru"}}, "ab"),
        ({"prefix": {"attributes.color": "b"}}, "be"),
        ({"prefix": {"brand": {"value": "ca", "case_insensitive": True}}}, "e"),
        ({"prefix": {"attributes": "MX"}}, "e"),
        ({"wildcard": {"brand": "*o*"}}, "cde"),
        ({"wildcard": {"brand": "B?lt"}}, "cd"),
        ({"wildcard": {"title": "la*p"}}, "c"),
        ({"wildcard": {"category_path": "Goods > *"}}, "abcd"),
        ({"wildcard": {"brand": {"wildcard": "b*", "case_insensitive": True}}}, "cd"),
        ({"wildcard": {"attributes.color": "d*y"}}, "e"),
        ({"wildcard": {"brand": "A\\*"}}, ""),
        ({"wildcard": {"id": "?"}}, "abcdefgh"),
        ({"fuzzy": {"brand": "Acmee"}}, "abh"),
        ({"fuzzy": {"title": {"value": "lmap", "fuzziness": 1}}}, "c"),
        ({"match": {"brand": "Acme"}}, "abh"),
        ({"match": {"price": "5000"}}, "a"),
        ({"match": {"brand.text": "cafe"}}, "e"),
        ({"constant_score": {"filter": {"term": {"brand": "Bolt"}}}}, "cd"),
        ({"dis_max": {"queries": [{"term": {"brand": "Bolt"}}, {"term": {"stock": 0}}]}}, "bcd"),
        (
            {
                "boosting": {
                    "positive": {"match": {"title": "red"}},
                    "negative": {"term": {"brand": "Acme"}},
                    "negative_boost": 0.5,
                }
            },
            "acg",
        ),
        ({"knn": {"vec_text": {"vector": [1, 0], "k": 2}}}, "ab"),
        ({"knn": {"vec_text": {"vector": [1, 0], "min_score": 0.75}}}, "abe"),
        ({"knn": {"vec_text": {"vector": [1, 0], "max_distance": 0.5}}}, "abe"),
        ({"knn": {"vec_image": {"vector": [1], "k": 2}}}, ""),
        ({"knn": {"vec_text": {"vector": [1, 0], "k": 2, "filter": {"term": {"brand": "Bolt"}}}}}, "cd"),
    ],
)
def test_matches(matched: Ids, query: dict[str, Any], expected: str) -> None:
    assert matched(query) == expected


RED, ACME, CHEAP = {"match": {"title": "red"}}, {"term": {"brand": "Acme"}}, {"range": {"price": {"lt": 3000}}}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"must": [RED, ACME]}, "a"),
        ({"must": RED, "should": ACME}, "acg"),
        ({"filter": RED, "should": [ACME]}, "acg"),
        ({"should": [RED, ACME]}, "abcgh"),
        ({"must": RED, "must_not": ACME}, "cg"),
        ({"must_not": [RED, ACME]}, "def"),
        ({"should": [RED, ACME, CHEAP], "minimum_should_match": 2}, "ac"),
        ({"should": [RED, ACME, CHEAP], "minimum_should_match": "-1"}, "ac"),
        ({"should": [RED, ACME, CHEAP], "minimum_should_match": "100%"}, ""),
        ({"should": [RED, ACME, CHEAP], "minimum_should_match": "34%"}, "abcegh"),
        ({"should": [RED, ACME, CHEAP], "minimum_should_match": "-34%"}, "ac"),
        ({"should": [RED, ACME, CHEAP], "minimum_should_match": "2<-1 5<50%"}, "ac"),
        ({"should": [RED, ACME, CHEAP], "minimum_should_match": " 3 < 1 "}, ""),
        ({"should": [RED], "minimum_should_match": 0}, "acg"),
        ({"should": [RED], "minimum_should_match": 2}, ""),
        ({"must": RED, "should": ACME, "minimum_should_match": 1}, "a"),
        ({"must": RED, "minimum_should_match": 1}, ""),
        ({"must_not": RED, "minimum_should_match": 1}, "bdefh"),
        ({"must": [], "should": [], "filter": []}, "abcdefgh"),
    ],
)
def test_bool(matched: Ids, query: dict[str, Any], expected: str) -> None:
    assert matched({"bool": query}) == expected


def test_scores_of_combinations(scores: Callable[..., dict[str, float]]) -> None:
    red = scores(RED)
    assert scores({"bool": {"must": RED, "should": ACME}})["a"] == pytest.approx(red["a"] + 1)
    assert scores({"bool": {"must": RED, "should": ACME}})["c"] == pytest.approx(red["c"])
    assert set(scores({"bool": {"filter": RED}}).values()) == {0.0}
    assert scores({"bool": {"must": RED, "boost": 3}})["a"] == pytest.approx(3 * red["a"])
    assert scores({"constant_score": {"filter": RED, "boost": 4}})["a"] == 4
    best = scores({"dis_max": {"queries": [RED, ACME], "tie_breaker": 0.5}})
    assert best["a"] == pytest.approx(max(red["a"], 1) + 0.5 * min(red["a"], 1)) and best["b"] == 1
    lowered = scores({"boosting": {"positive": RED, "negative": ACME, "negative_boost": 0.25}})
    assert lowered["a"] == pytest.approx(0.25 * red["a"]) and lowered["c"] == pytest.approx(red["c"])


def test_neighbours_are_scored_by_cosine(scores: Callable[..., dict[str, float]]) -> None:
    found = scores({"knn": {"vec_text": {"vector": [2, 0], "k": 5, "boost": 2}}})
    assert found == pytest.approx({"a": 2, "b": 1.8, "e": 1.6, "c": 1, "d": 0}, abs=0.01)


def test_hybrid_is_the_mean_of_scaled_scores(scores: Callable[..., dict[str, float]]) -> None:
    near = {"knn": {"vec_text": {"vector": [1, 0], "k": 3}}}
    found = scores({"hybrid": {"queries": [ACME, near]}})
    # Acme's scores are all alike, so all 1. Near: a 1, b 0.9, e 0.8, so 1, 0.5 and the least that is left of a lowest.
    assert found == pytest.approx({"a": 1, "b": 0.75, "h": 0.5, "e": 0.0005}, abs=0.01)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text("ab*?\\", max_size=8), st.text("abAB*", max_size=8), st.booleans())
def test_globs_fit_as_the_regular_expression_does(pattern: str, text: str, fold: bool) -> None:
    parts = (one[-1] if one[0] == "\\" and len(one) > 1 else one for one in re.findall(r"\\.|.", pattern))
    signs = [(one, len(raw) == 1) for one, raw in zip(parts, re.findall(r"\\.|.", pattern), strict=True)]
    translated = "".join({"*": ".*", "?": "."}[one] if one in "*?" and bare else re.escape(one) for one, bare in signs)
    assert Glob(pattern, fold=fold).fits(text) == bool(re.fullmatch(translated, text, re.IGNORECASE if fold else 0))


def test_many_stars_take_no_time() -> None:
    assert not Glob("*a" * 30 + "b").fits("a" * 5000)


def test_matched_queries_are_named(ask: Callable[..., dict[str, Any]]) -> None:
    query = {
        "bool": {
            "must": {"match": {"title": {"query": "red", "_name": "words"}}},
            "should": [{"term": {"brand": {"value": "Acme", "_name": "brand"}}}],
            "must_not": [{"ids": {"values": ["g"], "_name": "never"}}],
        }
    }
    found = {hit["_id"]: hit.get("matched_queries") for hit in ask(query)["hits"]["hits"]}
    assert found == {"a": ["brand", "words"], "c": ["words"]}
