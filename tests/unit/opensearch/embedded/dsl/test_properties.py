"""Whatever is asked: an answer or an error of Etalage's own, and totals that obey the algebra of sets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etalage.core.errors import EtalageError
from opensearch.embedded import EmbeddedEngine
from opensearch.embedded.dsl.kinds import AGGREGATIONS
from opensearch.embedded.dsl.queries import CLAUSES

Ids = Callable[..., str]
CALM = settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

FIELDS = [
    "title",
    "title.keyword",
    "brand",
    "brand.text",
    "category",
    "category_path",
    "attributes",
    "attributes.color",
    "price",
    "created_at",
    "id",
    "_id",
    "vec_text",
    "vec_image",
    "url",
    "nope",
    "ti*",
    "*",
    "_score",
    "_doc",
]
NAMES = [
    "query",
    "value",
    "values",
    "field",
    "fields",
    "boost",
    "_name",
    "operator",
    "minimum_should_match",
    "fuzziness",
    "gte",
    "lt",
    "must",
    "should",
    "filter",
    "must_not",
    "queries",
    "functions",
    "weight",
    "vector",
    "k",
    "positive",
    "negative",
    "size",
    "negative_boost",
    "type",
    "interval",
    "calendar_interval",
    "ranges",
    "from",
    "to",
    "order",
    "missing",
    "sort",
    "slop",
    "terms",
    "origin",
    "scale",
    "decay",
    "seed",
    "modifier",
    "filters",
    "percents",
    "default_operator",
    "inner_hits",
    "number_of_fragments",
]
WORDS = [
    "red",
    "red shoe",
    "Acme",
    "and",
    "2024-01-01",
    "now-1d/d",
    "75%",
    "2<-1",
    "AUTO",
    "*",
    "sh*",
    '"red shoe"~2',
    "(a OR b) -c",
    "1M",
    "best_fields",
    "cross_fields",
    "phrase",
    "sum",
    "asc",
    "_count",
    "10d",
    "log1p",
    "蓝牙耳机",
    "price:[1 TO *]",
    "",
    "\\",
    "^~:",
]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 12_000),
    st.floats(),
    st.sampled_from(WORDS),
    st.sampled_from(FIELDS),
    st.text(max_size=6),
)
KEYS = st.one_of(
    st.sampled_from(FIELDS),
    st.sampled_from(NAMES),
    st.sampled_from(sorted(CLAUSES)),
    st.sampled_from(sorted(AGGREGATIONS)),
    st.text(max_size=4),
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)
QUERIES = st.recursive(
    st.one_of(
        st.builds(
            lambda name, field, value: {name: {field: value}},
            st.sampled_from(sorted(CLAUSES)),
            st.sampled_from(FIELDS),
            ANYTHING,
        ),
        st.builds(lambda name, value: {name: value}, st.sampled_from(sorted(CLAUSES)), ANYTHING),
        st.builds(
            lambda text, fields: {"query_string": {"query": text, "fields": fields}},
            st.text('ab*?"()+-|~^:[]{}\\ ANDORTO19', max_size=14),
            st.just(["title", "price"]),
        ),
        st.builds(lambda text: {"simple_query_string": {"query": text}}, st.text('ab*"()+-|~\\ 19', max_size=14)),
    ),
    lambda inner: st.one_of(
        st.builds(
            lambda kind, some: {"bool": {kind: some}},
            st.sampled_from(["must", "should", "filter", "must_not"]),
            st.lists(inner, max_size=3),
        ),
        st.builds(
            lambda one, extra: {"function_score": {"query": one, **extra}},
            inner,
            st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=2),
        ),
        st.builds(lambda one: {"constant_score": {"filter": one}}, inner),
    ),
    max_leaves=4,
)
AGGREGATION = st.builds(
    lambda kind, field, more: {kind: {"field": field, **more}},
    st.sampled_from(sorted(AGGREGATIONS)),
    st.sampled_from(FIELDS),
    st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=2),
)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "query": QUERIES,
        "sort": ANYTHING,
        "size": SCALARS,
        "from": SCALARS,
        "aggs": st.dictionaries(st.sampled_from("xy"), AGGREGATION, max_size=2),
        "post_filter": QUERIES,
        "_source": ANYTHING,
        "fields": ANYTHING,
        "docvalue_fields": ANYTHING,
        "highlight": ANYTHING,
        "collapse": ANYTHING,
        "suggest": ANYTHING,
        "search_after": ANYTHING,
        "min_score": SCALARS,
        "track_total_hits": SCALARS,
    },
)


@CALM
@given(BODIES)
def test_a_body_is_answered_or_refused(engine: EmbeddedEngine, body: dict[str, Any]) -> None:
    try:
        found = engine.search("shop", body)
    except EtalageError as error:
        assert error.status in (400, 502)
        return
    assert len(found["hits"]["hits"]) <= 8 and orjson.loads(orjson.dumps(found))["timed_out"] is False


@CALM
@given(ANYTHING)
def test_anything_is_answered_or_refused(engine: EmbeddedEngine, body: Any) -> None:
    for call in (engine.search, engine.tally):
        try:
            call("shop", body)
        except EtalageError:
            continue


LEAVES = st.sampled_from(
    [
        {"match": {"title": "red"}},
        {"match": {"title": "shoe lamp"}},
        {"term": {"brand": "Acme"}},
        {"exists": {"field": "stock"}},
        {"range": {"price": {"gte": 4000}}},
        {"prefix": {"category_path": "Goods"}},
        {"match_all": {}},
        {"match_none": {}},
        {"knn": {"vec_text": {"vector": [1, 0], "k": 2}}},
        {"match_phrase": {"title": "running shoes"}},
        {"ids": {"values": ["a", "h"]}},
    ]
)


@CALM
@given(st.lists(LEAVES, max_size=3), st.lists(LEAVES, max_size=3), st.lists(LEAVES, max_size=2), st.integers(0, 3))
def test_bool_is_the_algebra_of_sets(
    matched: Ids, must: list[Any], should: list[Any], must_not: list[Any], least: int
) -> None:
    every = set("abcdefgh")
    sets = {
        kind: [set(matched(one)) for one in some]
        for kind, some in (("must", must), ("should", should), ("must_not", must_not))
    }
    expected = every.intersection(*sets["must"]).difference(*sets["must_not"])
    needed = max(least, 1) if should and not must else least
    if must or should:
        expected = {one for one in expected if sum(one in some for some in sets["should"]) >= needed}
    query = {"bool": {"must": must, "should": should, "must_not": must_not, "minimum_should_match": least}}
    assert set(matched(query)) == expected
    # A filter decides as must does, and a constant score as its filter.
    assert matched({"bool": {"filter": must, "must_not": must_not}}) == matched(
        {"bool": {"must": must, "must_not": must_not}}
    )
    assert set(matched({"constant_score": {"filter": query}})) == expected


@CALM
@given(LEAVES, LEAVES, st.floats(0, 1))
def test_scores_of_the_best_lie_between_the_highest_and_the_sum(
    scores: Callable[..., dict[str, float]], one: dict[str, Any], other: dict[str, Any], tie: float
) -> None:
    left, right = scores(one), scores(other)
    for key, score in scores({"dis_max": {"queries": [one, other], "tie_breaker": tie}}).items():
        parts = sorted([left.get(key, 0.0), right.get(key, 0.0)])
        assert parts[1] - 1e-5 <= score <= sum(parts) + 1e-5
        assert abs(score - (parts[1] + tie * parts[0])) < 1e-4
