"""Requests as a grammar of the query DSL makes them: valid ones, ones with one thing wrong, and garbage."""

from __future__ import annotations

import copy
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from .queries import (
    DATES,
    LEAVES,
    NUMBERS,
    QUERIES,
    TEXTS,
    Body,
    few,
    fields,
    garbage,
    number,
    query_text,
    small,
    some,
    text,
    timeouts,
    value,
    word,
)

LEAF_AGGREGATIONS: SearchStrategy[Body] = st.one_of(
    st.tuples(
        fields,
        some(
            size=st.sampled_from((1, 10, 1000, 0, 1001, -1, "5")),
            missing=value,
            min_doc_count=small,
            include=st.sampled_from((["Acme"], "A.*", 5)),
            order=st.sampled_from(
                ({"_count": "asc"}, {"_key": "desc"}, [{"x": "asc"}, {"_key": "asc"}], {"x>y": "asc"}, {"x": 5}, "x")
            ),
        ),
    ).map(lambda drawn: {"terms": {"field": drawn[0], **drawn[1]}}),
    st.tuples(
        st.sampled_from(
            (
                "avg",
                "min",
                "max",
                "sum",
                "stats",
                "extended_stats",
                "value_count",
                "cardinality",
                "missing",
                "median_absolute_deviation",
            )
        ),
        fields,
    ).map(lambda drawn: {drawn[0]: {"field": drawn[1]}}),
    st.tuples(fields, st.lists(number, max_size=4)).map(
        lambda drawn: {"percentiles": {"field": drawn[0], "percents": drawn[1]}}
    ),
    st.tuples(fields, st.lists(number, max_size=3)).map(
        lambda drawn: {"percentile_ranks": {"field": drawn[0], "values": drawn[1]}}
    ),
    st.tuples(
        st.sampled_from((*NUMBERS, "brand")),
        st.sampled_from((1, 100, 1000, 0.5, 1e-9, 0, -1, 1e300, "5", None)),
        some(
            min_doc_count=small,
            offset=number,
            extended_bounds=st.sampled_from(({"min": 0, "max": 100}, {"min": 0, "max": 1e12}, {"min": 5, "max": 1}, 5)),
            hard_bounds=st.sampled_from(({"min": 0, "max": 100}, {"min": 1e308, "max": -1e308})),
        ),
    ).map(lambda drawn: {"histogram": {"field": drawn[0], "interval": drawn[1], **drawn[2]}}),
    st.tuples(
        st.sampled_from((*DATES, "price")),
        st.sampled_from(("calendar_interval", "fixed_interval")),
        st.sampled_from(("1d", "month", "1M", "1ms", "year", "0d", "x", "90m", 5)),
        some(
            min_doc_count=small,
            format=st.sampled_from(("yyyy-MM", "x'", "epoch_millis")),
            time_zone=st.sampled_from(("Europe/Berlin", "+05:30", "x")),
            extended_bounds=st.sampled_from(({"min": "1970", "max": "now"}, {"min": "x"})),
            offset=st.sampled_from(("+6h", "x")),
        ),
    ).map(lambda drawn: {"date_histogram": {"field": drawn[0], drawn[1]: drawn[2], **drawn[3]}}),
    st.tuples(
        st.sampled_from(("range", "date_range", "range")),
        st.sampled_from((*NUMBERS, *DATES, "brand")),
        st.lists(some(**{"from": value, "to": value, "key": word}), max_size=3),
        st.booleans(),
    ).map(lambda drawn: {drawn[0]: {"field": drawn[1], "ranges": drawn[2], "keyed": drawn[3]}}),
    QUERIES.map(lambda one: {"filter": one}),
    st.dictionaries(word, LEAVES, max_size=3).map(lambda named: {"filters": {"filters": named, "other_bucket": True}}),
    st.lists(LEAVES, max_size=3).map(lambda several: {"filters": {"filters": several}}),
    st.dictionaries(word, LEAVES, max_size=3).map(lambda named: {"adjacency_matrix": {"filters": named}}),
    some(
        size=small,
        _source=st.sampled_from((False, ["title"], "x")),
        sort=st.sampled_from((["price"], [{"_script": {}}], "x")),
    ).map(lambda options: {"top_hits": options}),
    st.lists(st.tuples(word, fields), max_size=2).map(
        lambda pairs: {
            "composite": {"size": 5, "sources": [{name: {"terms": {"field": field}}} for name, field in pairs]}
        }
    ),
    st.sampled_from(
        (
            {"global": {}},
            {"sampler": {"shard_size": 10}},
            {"multi_terms": {"terms": [{"field": "brand"}, {"field": "language"}]}},
            {"significant_terms": {"field": "brand"}},
            {"rare_terms": {"field": "brand"}},
            {"max_bucket": {"buckets_path": "a>b"}},
            {"bucket_sort": {"size": 2}},
            {"cumulative_sum": {"buckets_path": "x"}},
            {"derivative": {"buckets_path": "_count"}},
            {"scripted_metric": {}},
            {"unknown": {}},
            {"weighted_avg": {"value": {"field": "price"}, "weight": {"field": "stock"}}},
            {"auto_date_histogram": {"field": "created_at", "buckets": 10}},
            {"nested": {"path": "attributes"}},
            {},
            {"variable_width_histogram": {"field": "price", "buckets": 5}},
            {"avg": {"field": "price"}, "min": {"field": "price"}},
        )
    ),
)
SIMPLE: Final = (
    st.lists(word, min_size=1, max_size=4).map(lambda words: {"match": {"title": " ".join(words)}}),
    st.lists(word, min_size=1, max_size=4).map(
        lambda words: {"multi_match": {"query": " ".join(words), "fields": ["title^2", "brand.text"]}}
    ),
)
"""Queries that are ranked."""

AGGREGATIONS: SearchStrategy[Body] = st.dictionaries(
    st.sampled_from(("x", "y", "brands", "a>b", "")),
    st.recursive(
        LEAF_AGGREGATIONS,
        lambda inner: st.tuples(LEAF_AGGREGATIONS, inner, st.sampled_from(("aggs", "aggregations"))).map(
            lambda drawn: {**drawn[0], drawn[2]: {"x": drawn[1]}}
        ),
        max_leaves=3,
    ),
    max_size=2,
)

order = st.sampled_from(("asc", "desc", "x", 5))
SORTS: SearchStrategy[Any] = st.one_of(
    fields,
    st.lists(
        st.one_of(
            fields,
            st.just("_score"),
            st.tuples(fields, order).map(lambda drawn: {drawn[0]: drawn[1]}),
            st.tuples(
                fields,
                some(
                    order=order,
                    missing=st.sampled_from(("_last", "_first", 0, "x")),
                    mode=st.sampled_from(("min", "max", "avg", "x")),
                    unmapped_type=st.just("long"),
                ),
            ).map(lambda drawn: {drawn[0]: drawn[1]}),
            garbage,
        ),
        max_size=3,
    ),
)
HIGHLIGHTS: SearchStrategy[Body] = st.tuples(
    st.dictionaries(
        st.sampled_from((*TEXTS, "brand", "*", "nope")),
        some(
            number_of_fragments=st.sampled_from((0, 1, 5, -1, 10**9)),
            fragment_size=st.sampled_from((0, 1, 18, 150, -5, 10**9)),
            type=st.sampled_from(("unified", "plain", "fvh", "x")),
            highlight_query=LEAVES,
            no_match_size=small,
            order=st.sampled_from(("score", "none", "x")),
        ),
        max_size=2,
    ),
    some(
        pre_tags=st.sampled_from((["<b>"], "<b>", [], 5)),
        post_tags=st.just(["</b>"]),
        require_field_match=st.booleans(),
        encoder=st.sampled_from(("html", "default", "x")),
        tags_schema=st.just("styled"),
        boundary_scanner=st.sampled_from(("word", "x")),
    ),
).map(lambda drawn: {"fields": drawn[0], **drawn[1]})
COLLAPSES: SearchStrategy[Body] = st.tuples(
    st.sampled_from(("brand", "variant_group", "price", "title", "nope", 5)),
    some(
        inner_hits=st.sampled_from(
            ({"name": "more", "size": 2}, [{"name": "a"}, {"name": "b", "sort": ["price"]}], {}, 5)
        )
    ),
).map(lambda drawn: {"field": drawn[0], **drawn[1]})
SUGGESTS: SearchStrategy[Body] = st.one_of(
    st.tuples(
        text,
        st.sampled_from(("title", "brand", "nope")),
        some(
            size=small,
            suggest_mode=st.sampled_from(("always", "x")),
            max_edits=small,
            min_word_length=small,
            prefix_length=small,
            sort=st.sampled_from(("frequency", "x")),
        ),
    ).map(lambda drawn: {"fix": {"text": drawn[0], "term": {"field": drawn[1], **drawn[2]}}}),
    text.map(
        lambda one: {
            "text": one,
            "a": {"phrase": {"field": "title"}},
            "b": {"prefix": one, "completion": {"field": "title"}},
        }
    ),
)
SHOWN: SearchStrategy[Any] = st.one_of(
    st.booleans(),
    fields,
    st.lists(fields, max_size=3),
    some(includes=st.lists(fields, max_size=2), excludes=fields),
    garbage,
)
EXTS: SearchStrategy[Body] = some(
    etalage=some(
        rank=st.sampled_from((True, False, "on", "off", "starter", "nope", "../x", 5)),
        user=st.sampled_from(("u1", "", "a b", 5)),
        session=st.just("s1"),
        explain=st.sampled_from((True, False, "x")),
        collapse=st.sampled_from((True, False, "brand", "price", "nope")),
        query=st.one_of(text, st.just(5)),
    ),
    ubi=some(query_id=st.sampled_from(("q1", 5)), query_attributes=st.just({"a": 1}), user_query=text),
    other=st.just({}),
)
REST: SearchStrategy[Body] = few(
    3,
    size=st.sampled_from((0, 1, 10, 50, 10_000, -1, "5", "x", 1.5, 2**31)),
    timeout=timeouts,
    aggs=AGGREGATIONS,
    sort=SORTS,
    highlight=HIGHLIGHTS,
    collapse=COLLAPSES,
    suggest=SUGGESTS,
    _source=SHOWN,
    ext=EXTS,
    post_filter=LEAVES,
    track_total_hits=st.sampled_from((True, False, 5, 0, "true", "x", -1)),
    min_score=number,
    explain=st.sampled_from((True, False, "true", 1)),
    fields=st.lists(
        fields | st.sampled_from(({"field": "price"}, {"field": "created_at", "format": "yyyy"}, {}, 5)), max_size=2
    )
    | garbage,
    docvalue_fields=st.lists(fields, max_size=2),
    stored_fields=st.sampled_from(("_none_", ["title"], "_source", 5)),
    rescore=LEAVES.map(lambda one: {"window_size": 10, "query": {"rescore_query": one}}),
    search_after=st.lists(value, max_size=2),
    version=st.booleans(),
    seq_no_primary_term=st.booleans(),
    track_scores=st.booleans(),
    profile=st.booleans(),
    terminate_after=small,
    indices_boost=st.sampled_from(([{"products": 2}], {"products": 1}, [{"x": 1}], 5)),
    stats=st.just(["a"]),
    unknown=garbage,
    **{"from": st.sampled_from((0, 1, 10, 195, 250, 9_999, -1, "3"))},
)

BODIES: SearchStrategy[Body] = st.one_of(
    st.tuples(QUERIES, REST).map(lambda drawn: {"query": drawn[0], **drawn[1]}),
    st.tuples(st.one_of(SIMPLE), REST).map(lambda drawn: {"query": drawn[0], **drawn[1]}),
    REST,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in a body."""
    found = [path] if path else []
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        found += places(one, (*path, name))
    return found


@st.composite
def nearly(draw: DrawFn) -> Body:
    """A body in which one value is another, one name is another, or one thing stands twice as deep."""
    body = copy.deepcopy(draw(BODIES))
    found = places(body)
    if not found:
        return body
    *way, last = found[draw(st.integers(0, len(found) - 1))]
    holder: Any = body
    for step in way:
        holder = holder[step]
    change = draw(st.integers(0, 3))
    if change == 0:
        holder[last] = draw(garbage)
    elif change == 1 and isinstance(holder, dict):
        holder[draw(st.sampled_from(("query", "field", "x", "filter", "script", "boost", "")))] = holder.pop(last)
    elif change == 2:
        holder[last] = {"bool": {"must": [holder[last]]}}
    else:
        holder[last] = [holder[last], draw(garbage)]
    return body


RUBBISH: SearchStrategy[Any] = st.recursive(
    garbage, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(word | fields, inner, max_size=3), max_leaves=5
)
SEARCHES: SearchStrategy[Any] = st.one_of(BODIES, BODIES, BODIES, nearly(), nearly(), RUBBISH)
PARAMETERS: SearchStrategy[Body] = few(
    2,
    q=query_text,
    size=st.sampled_from(("5", "x", "-1")),
    sort=st.sampled_from(("price:desc", "title", "_score,id:asc", ":")),
    df=fields,
    default_operator=st.sampled_from(("AND", "or", "x")),
    filter_path=st.sampled_from(("hits.hits._id", "**._id", "-hits", "took,*.total", "*" * 50 + "x", "-", "")),
    pretty=st.sampled_from(("", "true", "false")),
    rest_total_hits_as_int=st.sampled_from(("true", "false")),
    typed_keys=st.sampled_from(("true", "x")),
    preference=text,
    routing=word,
    explain=st.sampled_from(("true", "x")),
    _source=st.sampled_from(("false", "title", "true")),
    _source_includes=fields,
    _source_excludes=fields,
    track_total_hits=st.sampled_from(("true", "5", "x")),
    timeout=st.sampled_from(("100ms", "x")),
    stored_fields=fields,
    search_type=st.sampled_from(("dfs_query_then_fetch", "x")),
    unknown=word,
)
