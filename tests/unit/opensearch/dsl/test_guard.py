"""What passes the guard, what does not, and where each refusal says that it stands."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etalage.core.errors import QueryError
from opensearch.dsl import clauses, guard
from opensearch.dsl.guard import Limits

SCRIPT = {"script": {"source": "1"}}
HIDDEN = {"wrapper": {"query": base64.b64encode(json.dumps({"script": SCRIPT}).encode()).decode()}}
ALL: dict[str, Any] = {"match_all": {}}


def refused(body: Any, *told: str, limits: Limits | None = None) -> QueryError:
    """The refusal of a body; its reason or remedy says `told`."""
    with pytest.raises(QueryError) as caught:
        guard.search(body, limits or Limits())
    for words in told:
        assert words in str(caught.value)
    assert caught.value.status == 400 and caught.value.remedy
    return caught.value


def query(clause: Any) -> dict[str, Any]:
    return {"query": clause}


def nested(levels: int) -> dict[str, Any]:
    inner: dict[str, Any] = ALL
    for _ in range(levels):
        inner = {"bool": {"must": inner}}
    return inner


# what passes
@pytest.mark.parametrize(
    "body",
    [
        {},
        query({"match": {"title": "red shoe"}}),
        query({"bool": {"must": [ALL], "should": ALL, "filter": [{"term": {"brand": "Acme"}}], "must_not": []}}),
        query({"bool": {"minimum_should_match": 1, "boost": 2, "_name": "b", "adjust_pure_negative": True}}),
        query({"dis_max": {"queries": [ALL, ALL], "tie_breaker": 0.3}}),
        query({"boosting": {"positive": ALL, "negative": ALL, "negative_boost": 0.2}}),
        query({"constant_score": {"filter": {"exists": {"field": "brand"}}, "boost": 2}}),
        query({"function_score": {"query": ALL, "functions": [{"filter": ALL, "weight": 2}], "score_mode": "sum"}}),
        query({"function_score": {"query": ALL, "field_value_factor": {"field": "popularity"}, "boost_mode": "sum"}}),
        query({"hybrid": {"queries": [ALL, {"knn": {"vec_text": {"vector": [1.0], "k": 5, "filter": ALL}}}]}}),
        query({"query_string": {"query": "red AND (shoe* OR sandal) brand:Acme *"}}),
        query({"query_string": {"query": r"24\/7 red\/blue"}}),
        query({"query_string": {"query": "kids 1/2"}}),
        query({"wildcard": {"brand": {"value": "Ac*", "boost": 2}}}),
        query({"span_near": {"clauses": [{"span_term": {"title": "red"}}], "slop": 2}}),
        query({"intervals": {"title": {"all_of": {"intervals": [{"match": {"query": "red"}}]}}}}),
        query({"more_like_this": {"fields": ["title"], "like": ["red shoe", {"_id": "p1"}], "unlike": {"_id": "p2"}}}),
        {"size": "5", "from": 2, "track_total_hits": True, "min_score": "0.5", "explain": "true"},
        {"sort": ["_score", {"price": "desc"}, {"a.b": {"order": "asc", "nested": {"path": "a", "filter": ALL}}}]},
        {"aggs": {"a": {"terms": {"field": "brand", "size": 1000}, "aggs": {"b": {"avg": {"field": "price"}}}}}},
        {"aggs": {"a": {"filters": {"filters": {"x": ALL, "y": ALL}}, "meta": {"any": [1]}}}},
        {"aggs": {"a": {"terms": {"field": "brand", "include": ["Acme"]}}}},
        {"highlight": {"fields": {"title": {"highlight_query": ALL}}, "highlight_query": ALL}},
        {"rescore": {"window_size": 50, "query": {"rescore_query": ALL, "query_weight": 0.5}}},
        {"collapse": {"field": "brand", "inner_hits": {"name": "more", "size": 3, "sort": [{"price": "asc"}]}}},
        {"suggest": {"text": "sho", "a": {"term": {"field": "title"}}}},
        {"ext": {"etalage": {"rank": "off"}, "ubi": {"query_id": "1"}}},
        {"search_after": [1, "a"], "sort": ["price", "id"], "from": 0},
        {"search_pipeline": "named", "_source": ["title"], "post_filter": ALL, "timeout": "1s", "profile": False},
    ],
    ids=lambda body: json.dumps(body)[:60],
)
def test_what_a_shop_sends_passes(body: dict[str, Any]) -> None:
    before = json.dumps(body)
    guard.search(body, Limits())
    assert json.dumps(body) == before


# scripts and queries that would pass unseen
PLACES: list[tuple[str, dict[str, Any]]] = [
    ("query", query(HIDDEN)),
    ("query.bool.must[1]", query({"bool": {"must": [ALL, HIDDEN]}})),
    ("query.bool.filter", query({"bool": {"filter": HIDDEN}})),
    ("query.bool.mustNot", query({"bool": {"mustNot": HIDDEN}})),
    ("query.dis_max.queries[0]", query({"dis_max": {"queries": [HIDDEN]}})),
    ("query.boosting.negative", query({"boosting": {"positive": ALL, "negative": HIDDEN}})),
    ("query.constant_score.filter", query({"constant_score": {"filter": HIDDEN}})),
    ("query.constant_score.query", query({"constant_score": {"query": HIDDEN}})),
    ("query.function_score.query", query({"function_score": {"query": HIDDEN}})),
    ("query.function_score.filter", query({"function_score": {"filter": HIDDEN}})),
    (
        "query.function_score.functions[0]",
        query({"function_score": {"functions": [{"filter": HIDDEN, "weight": 2}]}}),
    ),
    ("query.hybrid.queries[0]", query({"hybrid": {"queries": [HIDDEN]}})),
    ("query.hybrid.filter", query({"hybrid": {"queries": [ALL], "filter": HIDDEN}})),
    ("query.nested.query", query({"nested": {"path": "a", "query": HIDDEN}})),
    ("query.nested.filter", query({"nested": {"path": "a", "filter": HIDDEN}})),
    ("query.has_child.query", query({"has_child": {"type": "a", "query": HIDDEN}})),
    ("query.knn.v.filter", query({"knn": {"v": {"vector": [1.0], "k": 1, "filter": HIDDEN}}})),
    ("query.neural.v.filter", query({"neural": {"v": {"query_text": "a", "filter": HIDDEN}}})),
    ("query.span_near.clauses[0]", query({"span_near": {"clauses": [HIDDEN]}})),
    ("query.span_not.exclude[0]", query({"span_not": {"include": {"span_term": {"a": "b"}}, "exclude": HIDDEN}})),
    ("post_filter", {"post_filter": HIDDEN}),
    ("rescore[0].query", {"rescore": {"query": {"rescore_query": HIDDEN}}}),
    ("rescore[1].query", {"rescore": [{"query": {}}, {"query": {"rescore_query": HIDDEN}}]}),
    ("aggs.a.filter", {"aggs": {"a": {"filter": HIDDEN}}}),
    ("aggs.a.filters.filters.x", {"aggs": {"a": {"filters": {"filters": {"x": HIDDEN}}}}}),
    ("aggs.a.filters.filters.0", {"aggs": {"a": {"filters": {"filters": [HIDDEN]}}}}),
    ("aggs.a.adjacency_matrix.filters.x", {"aggs": {"a": {"adjacency_matrix": {"filters": {"x": HIDDEN}}}}}),
    (
        "aggs.a.significant_terms.background_filter",
        {"aggs": {"a": {"significant_terms": {"field": "brand", "background_filter": HIDDEN}}}},
    ),
    ("aggs.a.aggs.b.filter", {"aggs": {"a": {"global": {}, "aggs": {"b": {"filter": HIDDEN}}}}}),
    ("aggregations.a.filter", {"aggregations": {"a": {"filter": HIDDEN}}}),
    (
        "aggs.a.top_hits.sort[0].x.nested.filter",
        {"aggs": {"a": {"top_hits": {"sort": [{"x": {"nested": {"path": "a", "filter": HIDDEN}}}]}}}},
    ),
    ("highlight.highlight_query", {"highlight": {"highlight_query": HIDDEN}}),
    ("highlight.fields.title", {"highlight": {"fields": {"title": {"highlight_query": HIDDEN}}}}),
    ("highlight.fields.title", {"highlight": {"fields": [{"title": {"highlight_query": HIDDEN}}]}}),
    ("collapse.inner_hits", {"collapse": {"field": "a", "inner_hits": {"highlight": {"highlight_query": HIDDEN}}}}),
    ("sort[0].x.nested.filter", {"sort": [{"x": {"nested": {"path": "a", "filter": HIDDEN}}}]}),
    (
        "sort[0].x.nested.nested.filter",
        {"sort": {"x": {"nested": {"path": "a", "nested": {"path": "a.b", "filter": HIDDEN}}}}},
    ),
    ("sort[0].x.nested_filter", {"sort": [{"x": {"nested_filter": HIDDEN}}]}),
]


@pytest.mark.parametrize(("place", "body"), PLACES, ids=[place for place, _ in PLACES])
def test_a_query_is_looked_at_wherever_a_body_may_have_one(place: str, body: dict[str, Any]) -> None:
    refused(body, place.partition("[")[0].rpartition(".")[0])
    # The walk itself finds it too, without the list of names that are refused anywhere.
    unknown = json.loads(json.dumps(body).replace('"wrapper"', '"unheard_of"'))
    refused(unknown, place)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("query.script", query({"script": SCRIPT})),
        ("query.script_score", query({"script_score": {"query": ALL, **SCRIPT}})),
        ("functions[0].script_score", query({"function_score": {"functions": [{"script_score": SCRIPT}]}})),
        ("minimum_should_match_script", query({"terms_set": {"a": {"minimum_should_match_script": {"source": "1"}}}})),
        ("intervals.a.match.filter.script", query({"intervals": {"a": {"match": {"filter": SCRIPT}}}})),
        ("sort[0]._script", {"sort": [{"_script": {"type": "number", **SCRIPT}}]}),
        ("sort._script", {"sort": {"_script": SCRIPT}}),
        ("script_fields", {"script_fields": {"a": SCRIPT}}),
        ("aggs.a.scripted_metric", {"aggs": {"a": {"scripted_metric": {"map_script": "1"}}}}),
        ("aggs.a.terms.script", {"aggs": {"a": {"terms": SCRIPT}}}),
        ("weighted_avg.value.script", {"aggs": {"a": {"weighted_avg": {"value": SCRIPT}}}}),
        ("bucket_script", {"aggs": {"a": {"bucket_script": {"buckets_path": {}, **SCRIPT}}}}),
        ("bucket_selector", {"aggs": {"a": {"bucket_selector": {"buckets_path": {}}}}}),
        ("moving_fn", {"aggs": {"a": {"moving_fn": {"buckets_path": "x"}}}}),
        ("terms.script", {"aggs": {"a": {"composite": {"sources": [{"x": {"terms": SCRIPT}}]}}}}),
        ("top_hits.script_fields", {"aggs": {"a": {"top_hits": {"script_fields": {"x": SCRIPT}}}}}),
        ("collapse.inner_hits.script_fields", {"collapse": {"field": "a", "inner_hits": {"script_fields": {}}}}),
        ("suggest.a.phrase.collate", {"suggest": {"a": {"phrase": {"collate": {"query": {"source": "{}"}}}}}}),
        ("runtime_mappings", {"runtime_mappings": {"a": {"type": "long"}}}),
        ("derived", {"derived": {"a": {"type": "long", **SCRIPT}}}),
        ("pit", {"pit": {"id": "x"}}),
        ("slice", {"slice": {"id": 0, "max": 2}}),
        ("query.percolate", query({"percolate": {"field": "q", "document": {}}})),
        ("query.template", query({"template": {"source": "{}"}})),
        ("indexed_shape", query({"geo_distance": {"a": {"indexed_shape": {"index": "other", "id": "1"}}}})),
    ],
)
def test_scripts_and_what_names_another_request_are_refused(path: str, body: dict[str, Any]) -> None:
    refused(body, path)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (query({"terms": {"brand": {"index": "other", "id": "1", "path": "x"}}}), "query.terms.brand"),
        (query({"more_like_this": {"like": {"_index": "other", "_id": "1"}}}), "query.more_like_this.like"),
        (query({"more_like_this": {"like": ["a", {"_index": "other", "_id": "1"}]}}), "query.more_like_this.like"),
        (query({"more_like_this": {"like": "a", "unlike": {"_index": "o"}}}), "query.more_like_this.unlike"),
        ({"search_pipeline": {"request_processors": []}}, "search_pipeline"),
        ({"ext": {"other": {}}}, "ext.other"),
        ({"size": 5, "indices": ["other"]}, "indices"),
        (query({"wrapper": {"query": "e30="}}), "query.wrapper"),
        (query({"geo_shape": {"a": {}}}), "query.geo_shape"),
        (query({"field_masking_span": {"query": ALL, "field": "a"}}), "query.field_masking_span"),
        (query({"match": {}, "term": {}}), "query"),
        (query({}), "query"),
        (query([]), "query"),
        (query("red"), "query"),
        (query({"bool": []}), "query.bool"),
        (query({"bool": {"must": ["red"]}}), "query.bool.must[0]"),
        ({"aggs": []}, "aggs"),
        ({"aggs": {"a": {"parent": {"type": "x"}}}}, "aggs.a.parent"),
        ({"rescore": {"learning_to_rank": {}}}, "rescore[0].learning_to_rank"),
        ({"highlight": {"fields": "title"}}, "highlight.fields"),
        ({"collapse": "brand"}, "collapse"),
    ],
)
def test_what_is_not_known_is_refused_with_its_path(body: dict[str, Any], path: str) -> None:
    assert f"[{path}]" in refused(body).reason


# cost
def test_a_window_reaches_so_deep() -> None:
    guard.search({"from": 9990}, Limits())
    guard.search({"from": 0, "size": 10_000}, Limits())
    refused({"from": 9991}, "Result window is too large", "[10000]", "[10001]")
    refused({"size": 101}, limits=Limits(window=100))
    refused({"from": 1, "search_after": [1]}, "[from]")


@pytest.mark.parametrize("value", ["x", "²", "--5", "9" * 5000, -1, "-1", 1.5, True, [], {}, 2**31, "", "٣"])
@pytest.mark.parametrize("name", ["size", "from", "terminate_after"])
def test_a_number_is_a_whole_one(name: str, value: Any) -> None:
    refused({name: value}, f"[{name}]")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("track_total_hits", "yes"),
        ("track_total_hits", -1),
        ("track_total_hits", [1]),
        ("min_score", "x"),
        ("min_score", "nan"),
        ("min_score", True),
        ("min_score", {}),
        ("explain", 1),
        ("explain", "yes"),
        ("version", 0),
        ("profile", []),
    ],
)
def test_flags_and_scores_are_what_they_should_be(name: str, value: Any) -> None:
    refused({name: value}, f"[{name}]")


def test_a_body_is_so_deep_and_so_wide() -> None:
    guard.search(query(nested(23)), Limits())
    refused(query(nested(24)), "nested deeper than 50 levels")
    guard.search(query({"bool": {"should": [ALL] * 1023}}), Limits())
    refused(query({"bool": {"should": [ALL] * 1024}}), "more than 1024 clauses", "query.bool.should[1023]")
    refused({"query": ALL, "post_filter": ALL, "aggs": {"a": {"filter": ALL}}}, "clauses", limits=Limits(clauses=2))
    guard.search(query({"terms": {"id": ["a"] * 10_000}}), Limits())
    for clause in (
        {"terms": {"id": ["a"] * 10_001}},
        {"ids": {"values": ["a"] * 10_001}},
        {"terms_set": {"id": {"terms": ["a"] * 10_001}}},
    ):
        refused(query(clause), "more than 10000 values")
    for shown in ({"_source": ["a"] * 1001}, {"_source": {"excludes": ["a"] * 1001}}, {"fields": ["a"] * 1001}):
        refused(shown, "more than 1000 patterns")


def test_aggregations_are_so_many_so_deep_and_so_wide() -> None:
    leaf: dict[str, Any] = {"terms": {"field": "brand"}}
    guard.search({"aggs": {str(n): leaf for n in range(50)}}, Limits())
    refused({"aggs": {str(n): leaf for n in range(51)}}, "more than 50 aggregations", "aggs.50")
    deep: dict[str, Any] = {"a": leaf}
    for _ in range(4):
        deep = {"a": leaf | {"aggs": deep}}
    guard.search({"aggs": deep}, Limits())
    refused({"aggs": {"a": leaf | {"aggs": deep}}}, "nested deeper than 5 levels")
    for name in ("size", "shard_size"):
        refused({"aggs": {"a": {"terms": {"field": "b", name: 1001}}}}, f"[aggs.a.terms.{name}]", "1000 buckets")
    refused({"aggs": {"a": {"top_hits": {"size": 101}}}}, "at most 100")
    refused({"collapse": {"field": "a", "inner_hits": [{"size": 3}, {"size": 101}]}}, "at most 100")


def test_values_without_documents_are_counted_once() -> None:
    zero = {"b": {"terms": {"field": "brand", "min_doc_count": 0}}}
    guard.search({"aggs": zero}, Limits())
    guard.search({"aggs": {"a": {"filter": ALL, "aggs": {"g": {"global": {}, "aggs": zero}}}}}, Limits())
    for outer in (
        {"terms": {"field": "id"}},
        {"histogram": {"field": "price", "interval": 10}},
        {"filters": {"filters": [ALL]}},
    ):
        refused({"aggs": {"a": outer | {"aggs": zero}}}, "aggs.a.aggs.b.terms.min_doc_count")
        refused({"aggs": {"a": outer | {"aggs": {"f": {"filter": ALL, "aggs": zero}}}}}, "terms.min_doc_count")


PATTERNS: list[tuple[dict[str, Any], str]] = [
    ({"regexp": {"title": "a.*"}}, "query.regexp"),
    ({"query_string": {"query": "/a.*/"}}, "query.query_string"),
    ({"query_string": {"query": "title:/a.*/"}}, "query.query_string"),
    ({"query_string": {"query": "a/b.*/"}}, "query.query_string"),
    ({"query_string": {"query": "+/a.*/"}}, "query.query_string"),
    ({"query_string": {"query": '"x"/a.*/'}}, "query.query_string"),
    ({"query_string": {"query": '[a TO b"] /r.*/ [c TO d"]'}}, "query.query_string"),
    ({"query_string": {"query": r"\\/a.*\\/"}}, "query.query_string"),
    ({"span_multi": {"match": {"regexp": {"title": "a.*"}}}}, "query.span_multi.match[0].regexp"),
    ({"span_or": {"clauses": [{"span_multi": {"match": {"regexp": {"a": "b"}}}}]}}, "span_multi.match[0].regexp"),
    ({"intervals": {"title": {"regexp": {"pattern": "a.*"}}}}, "query.intervals.title.regexp"),
    ({"intervals": {"a": {"any_of": {"intervals": [{"regexp": {"pattern": "a"}}]}}}}, "any_of.intervals[0].regexp"),
]
LEADING: list[dict[str, Any]] = [
    {"wildcard": {"title": "*a"}},
    {"wildcard": {"title": {"value": "?a"}}},
    {"wildcard": {"title": {"wildcard": "*a", "case_insensitive": True}}},
    {"intervals": {"title": {"wildcard": {"pattern": "*a"}}}},
    {"span_multi": {"match": {"wildcard": {"title": "*a"}}}},
    *(
        {"query_string": {"query": text}}
        for text in ("*a", " ?a", "title:*a", "(*a)", "+*a", "-*a", "!*a", '"x"*a', "(x)*a", "x^2*a", "x~*a", "x~1*a")
    ),
    *({"query_string": {"query": text}} for text in ("{a TO b}*a", "[a TO b]?a", "x\u3000*a", "**a")),
]


@pytest.mark.parametrize(("clause", "path"), PATTERNS)
def test_regular_expressions_pass_only_when_they_may(clause: dict[str, Any], path: str) -> None:
    assert path in refused(query(clause)).reason
    guard.search(query(clause), Limits(regexp=True))


@pytest.mark.parametrize("clause", LEADING)
def test_a_wildcard_comes_first_only_when_it_may(clause: dict[str, Any]) -> None:
    refused(query(clause), "a wildcard comes first")
    guard.search(query(clause), Limits(leading_wildcard=True))


def test_other_regular_expressions() -> None:
    for part in ("include", "exclude"):
        refused({"aggs": {"a": {"terms": {"field": "brand", part: "A.*"}}}}, f"aggs.a.terms.{part}")
        guard.search({"aggs": {"a": {"terms": {"field": "brand", part: "A.*"}}}}, Limits(regexp=True))
    refused({"suggest": {"a": {"regex": "a.*", "completion": {"field": "x"}}}}, "suggest.a.regex")


def test_a_count_takes_a_query_only() -> None:
    guard.count({"query": ALL, "ext": {"etalage": {}}}, Limits())
    for body in ({"size": 1}, {"aggs": {}}, {"query": HIDDEN}, [], "x"):
        with pytest.raises(QueryError):
            guard.count(body, Limits())


@pytest.mark.parametrize(
    ("value", "found"), [(1, 1.0), ("1.5", 1.5), (True, None), ("inf", None), (10**400, None), ([], None), ("x", None)]
)
def test_numbers(value: Any, found: float | None) -> None:
    assert guard.number(value) == found


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(sorted(clauses.LEAVES | clauses.COMPOUND.keys() | guard.BODY)), inner, max_size=4
        )
    ),
    max_leaves=25,
)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.dictionaries(st.sampled_from(sorted(guard.BODY)), JSON, max_size=4))
def test_whatever_is_sent_passes_or_is_refused(body: dict[str, Any]) -> None:
    try:
        guard.search(body, Limits())
    except QueryError as error:
        assert error.reason and error.remedy


# what takes a node's memory
@pytest.mark.parametrize("many", [10_001, 10**9, 1e9, "1000000000", "1e9"])
@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"highlight": {"fields": {"title": {"type": "plain", "number_of_fragments": 0}}}}, "number_of_fragments"),
        ({"highlight": {"fields": {"title": {}}, "no_match_size": 0}}, "highlight.no_match_size"),
        ({"aggs": {"a": {"percentiles": {"field": "price", "tdigest": {"compression": 0}}}}}, "tdigest.compression"),
        ({"aggs": {"a": {"median_absolute_deviation": {"field": "price", "compression": 0}}}}, "compression"),
        ({"aggs": {"h": {"terms": {"field": "a"}, "aggs": {"d": {"serial_diff": {"buckets_path": "_count", "lag": 0}}}}}}, "lag"),
        (query({"knn": {"v": {"vector": [1.0], "k": 5, "method_parameters": {"ef_search": 0}}}}), "ef_search"),
        ({"suggest": {"a": {"text": "x", "phrase": {"field": "title", "size": 0}}}}, "suggest.a.phrase.size"),
        ({"suggest": {"a": {"text": "x", "phrase": {"field": "title", "gram_size": 0}}}}, "suggest.a.phrase.gram_size"),
        (
            {"suggest": {"a": {"text": "x", "phrase": {"field": "t", "direct_generator": [{"field": "t", "size": 0}]}}}},
            "suggest.a.phrase.direct_generator[0].size",
        ),
    ],
)  # fmt: skip
def test_what_a_node_takes_memory_for_is_limited(body: dict[str, Any], path: str, many: Any) -> None:
    guard.search(body, Limits())
    text = json.dumps(body)
    name = path.rpartition(".")[2]
    refused(json.loads(text.replace(f'"{name}": 0', f'"{name}": {json.dumps(many)}')), path, "Lower it.")


@pytest.mark.parametrize(
    "clause",
    [
        {"term": {"_index": ""}},
        {"term": {"_index": {"value": ""}}},
        {"terms": {"_index": ["a", ""], "boost": 1}},
        {"wildcard": {"_index": {"wildcard": ""}}},
    ],
)
def test_an_index_without_a_name_is_refused(clause: dict[str, Any]) -> None:
    refused(query({"bool": {"filter": [clause]}}), "_index", "Name one")
    guard.search(json.loads(json.dumps(query(clause)).replace('""', '"products"')), Limits())
