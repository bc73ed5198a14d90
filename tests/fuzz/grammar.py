"""Requests as a grammar of the query DSL makes them: valid ones, ones with one thing wrong, and garbage."""

from __future__ import annotations

import copy
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

Body = dict[str, Any]

KEYWORDS: Final = (
    "brand",
    "category",
    "category_path",
    "language",
    "currency",
    "variant_group",
    "tenant",
    "attrs",
    "id",
)
NUMBERS: Final = ("price", "list_price", "stock", "rating", "reviews", "popularity", "created")
DATES: Final = ("created_at", "updated_at")
TEXTS: Final = ("title", "description", "brand.text", "category.text", "model", "attributes_text")
ODD: Final = (
    "attributes.colour",
    "nope",
    "_id",
    "_index",
    "_score",
    "vec_text",
    "record",
    "images",
    "",
    "*",
    "ti*",
    "a.b.c",
    "\u00e9",
)
KNOWN: Final = (*KEYWORDS, *NUMBERS, *DATES, *TEXTS)

WORDS: Final = (
    "red blue running shoe shoes lamp desk chair cotton shirt waterproof jacket men's t-shirt 4k tv usb-c 500gb x1 the"
    " of and rot große caf\u00e9 日本 한국 🦊 ﬁne ½ AB-1234"
).split()
SYNTAX: Final = (
    "AND",
    "OR",
    "NOT",
    "+red",
    "-blue",
    '"red shoe"',
    '"red shoe"~3',
    "shoe~1",
    "sho*",
    "s?oe",
    "(red",
    "blue)",
)
SYNTAX += (
    "brand:Acme",
    "price:[1 TO 500]",
    "price:>=100",
    "_exists_:brand",
    "shoe^2",
    "*",
    "[a TO",
    "\\",
    '"',
    "a/b",
    "{",
)

word = st.sampled_from(WORDS)
text = st.one_of(
    st.lists(word, min_size=1, max_size=4).map(" ".join),
    st.sampled_from(("", " ", "!!!", "\u200b", "a" * 300, "x " * 600, "\u0301" * 20, "%s", "null", "0")),
    st.text(max_size=12),
)
query_text = st.lists(st.one_of(word, st.sampled_from(SYNTAX)), min_size=1, max_size=5).map(" ".join)
pattern = st.sampled_from(
    ("sh*", "s?oe", "*", "*oe", "a*?*?*?*b", "sh\\*", "", "?", "Ac*", "s" * 60 + "*", "a*b*c*d*e*f*z")
)
fields = st.sampled_from(KNOWN) | st.sampled_from(ODD)
text_fields = st.sampled_from(TEXTS)
boosted = st.lists(
    st.tuples(
        st.sampled_from((*TEXTS, *KEYWORDS, "nope", "ti*", "*")), st.sampled_from(("", "^2", "^0.5", "^-1", "^x"))
    ).map("".join),
    max_size=4,
)
small = st.integers(0, 20)
number = st.one_of(
    small,
    st.sampled_from((-1, 1.5, 0, 1e9, 1e15, -1e300, 2**31, 2**53, 2**63, 1e-300, "5", "x", "1e3", None, True)),
)
dates = st.sampled_from(
    (
        "2024-01-01",
        "2024",
        "now",
        "now-1y/d",
        "now/w",
        "2024-01-01||+1M/d",
        "1700000000000",
        "x",
        "",
        "now-99999999y",
        "2024-13-45",
    )
)
value = st.one_of(word, number, dates, st.sampled_from(("Acme", "true", "", "colour=red", "Home > Desks")))
timeouts = st.sampled_from(
    ("0ms", "1ms", "10ms", "50ms", "200ms", "1s", "5m", "-1", "0", "x", 5, "1.5s", "10MS", "1 s")
)
GARBAGE: Final = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    2**63,
    1e300,
    "",
    "x",
    "*",
    [],
    {},
    [[]],
    [None],
    {"": ""},
    {"x": {}},
    ["x", 1],
)
garbage = st.sampled_from(GARBAGE)


def some(**options: SearchStrategy[Any]) -> SearchStrategy[Body]:
    """A few options, each there or not."""
    return st.fixed_dictionaries({}, optional=options)


@st.composite
def few(draw: DrawFn, most: int, **options: SearchStrategy[Any]) -> Body:
    """At most so many of the options: with all of them there would hardly be one without a fault."""
    names = draw(st.lists(st.sampled_from(sorted(options)), unique=True, max_size=most))
    return {name: draw(options[name]) for name in names}


COMMON: Final = {"boost": st.sampled_from((1, 2.5, 0, -1, "2", None)), "_name": st.just("named")}
matching = some(
    operator=st.sampled_from(("and", "or", "AND", "x")),
    minimum_should_match=st.sampled_from((1, "2", "75%", "-25%", "2<75%", "3<-1 5<50%", "x", 0, -100, {})),
    fuzziness=st.sampled_from((0, 1, 2, "AUTO", "AUTO:2,4", "x", 9)),
    prefix_length=small,
    max_expansions=st.sampled_from((1, 50, 0, 10**9)),
    analyzer=st.sampled_from(("standard", "keyword", "nope")),
    lenient=st.booleans(),
    zero_terms_query=st.sampled_from(("all", "none", "x")),
    **COMMON,
)


@st.composite
def on_field(draw: DrawFn, name: str, key: str, values: SearchStrategy[Any], options: SearchStrategy[Body]) -> Body:
    """`{name: {field: value}}`, in its short or long form."""
    field, given = draw(fields), draw(values)
    if draw(st.booleans()):
        return {name: {field: given}}
    return {name: {field: {key: given} | draw(options)}}


@st.composite
def nearest(draw: DrawFn) -> Body:
    size = draw(st.sampled_from((256, 256, 256, 3, 0)))
    told: Body = {
        "vector": [draw(st.sampled_from((0.0, 0.1, 1.0, -1.0)))] * size,
        "k": draw(st.sampled_from((1, 10, 100, 0, 10**6))),
    }
    if draw(st.booleans()):
        told["filter"] = draw(leaves())
    if draw(st.integers(0, 5)) == 0:
        told["min_score"] = told.pop("k")
    return {"knn": {draw(st.sampled_from(("vec_text", "vec_text", "vec_image", "title"))): told}}


def leaves() -> SearchStrategy[Body]:
    """A clause without others in it."""
    return LEAVES


LEAVES: SearchStrategy[Body] = st.one_of(
    on_field("match", "query", text, matching),
    on_field("match", "query", text, matching),
    on_field("match_phrase", "query", text, some(slop=small, **COMMON)),
    on_field("match_phrase_prefix", "query", text, some(max_expansions=small, slop=small)),
    on_field("match_bool_prefix", "query", text, matching),
    on_field("term", "value", value, some(case_insensitive=st.booleans(), **COMMON)),
    on_field("prefix", "value", word, some(case_insensitive=st.booleans(), rewrite=st.just("constant_score"))),
    on_field("wildcard", "value", pattern, some(case_insensitive=st.booleans(), **COMMON)),
    on_field("fuzzy", "value", word, some(fuzziness=st.sampled_from((1, 2, "AUTO")), transpositions=st.booleans())),
    on_field("regexp", "value", pattern, some(flags=st.just("ALL"))),
    st.tuples(
        st.sampled_from(("multi_match",) * 3 + ("combined_fields",)),
        text,
        boosted,
        matching,
        st.sampled_from(
            ("best_fields", "most_fields", "cross_fields", "phrase", "phrase_prefix", "bool_prefix", "x", None)
        ),
    ).map(
        lambda drawn: {
            drawn[0]: {"query": drawn[1], "fields": drawn[2], **drawn[3]} | ({"type": drawn[4]} if drawn[4] else {})
        }
    ),
    st.tuples(st.sampled_from(("query_string", "simple_query_string")), query_text, boosted, st.booleans()).map(
        lambda drawn: {drawn[0]: {"query": drawn[1], **({"fields": drawn[2]} if drawn[3] else {})}}
    ),
    st.tuples(fields, st.lists(value, max_size=4)).map(lambda drawn: {"terms": {drawn[0]: drawn[1]}}),
    st.tuples(
        st.sampled_from((*NUMBERS, *DATES, "brand", "nope")),
        some(
            gte=number, lt=number, gt=dates, lte=dates, format=st.sampled_from(("yyyy", "epoch_millis", "x")), **COMMON
        ),
    ).map(lambda drawn: {"range": {drawn[0]: drawn[1]}}),
    fields.map(lambda name: {"exists": {"field": name}}),
    st.lists(st.sampled_from(("p1", "1", 5, "", None)), max_size=4).map(lambda ids: {"ids": {"values": ids}}),
    st.sampled_from(({"match_all": {}}, {"match_all": {"boost": 2}}, {"match_none": {}})),
    nearest(),
    st.sampled_from(
        (
            {"span_near": {"clauses": [{"span_term": {"title": "red"}}], "slop": 2}},
            {"intervals": {"title": {"match": {"query": "red shoe"}}}},
            {"more_like_this": {"fields": ["title"], "like": "red shoe", "min_term_freq": 1}},
            {"distance_feature": {"field": "created_at", "origin": "now", "pivot": "30d"}},
            {"rank_feature": {"field": "popularity"}},
            {"terms_set": {"brand": {"terms": ["Acme"], "minimum_should_match_field": "stock"}}},
            {"neural": {"vec_text": {"query_text": "red shoe", "k": 5}}},
            {"neural_sparse": {"vec_text": {"query_text": "red shoe"}}},
            {"geo_distance": {"distance": "1km", "place": [0, 0]}},
            {"common": {"title": {"query": "red"}}},
            {"script": {"script": "1"}},
            {"unknown": {}},
        )
    ),
)


@st.composite
def functions(draw: DrawFn, inner: SearchStrategy[Body]) -> Body:
    """A function_score."""
    shape = st.sampled_from(("gauss", "linear", "exp"))
    kinds: SearchStrategy[Body] = st.one_of(
        st.builds(lambda weight: {"weight": weight}, number),
        st.builds(
            lambda field, factor, modifier, missing: {
                "field_value_factor": {"field": field, "factor": factor, "modifier": modifier, "missing": missing}
            },
            fields,
            number,
            st.sampled_from(("log1p", "sqrt", "square", "none", "ln", "reciprocal", "x")),
            number,
        ),
        st.builds(
            lambda kind, field, origin, scale: {kind: {field: {"origin": origin, "scale": scale, "decay": 0.5}}},
            shape,
            st.sampled_from((*NUMBERS, *DATES)),
            value,
            st.sampled_from((1, 100, "10d", "0", 0, -1, "x")),
        ),
        st.builds(lambda seed: {"random_score": {"seed": seed, "field": "id"}}, number),
        st.just({"script_score": {"script": {"source": "1"}}}),
    )
    told: Body = draw(
        some(
            boost_mode=st.sampled_from(("multiply", "replace", "sum", "avg", "max", "min", "x")),
            score_mode=st.sampled_from(("multiply", "sum", "avg", "first", "max", "min", "x")),
            max_boost=number,
            min_score=number,
            boost=number,
        )
    )
    if draw(st.booleans()):
        told["query"] = draw(inner)
    if draw(st.booleans()):
        told["functions"] = [
            draw(kinds) | ({"filter": draw(inner)} if draw(st.booleans()) else {})
            for _ in range(draw(st.integers(0, 2)))
        ]
    else:
        told |= draw(kinds)
    return {"function_score": told}


def compound(inner: SearchStrategy[Body]) -> SearchStrategy[Body]:
    """A clause with others in it."""
    several = st.lists(inner, max_size=3) | inner
    return st.one_of(
        some(
            must=several,
            should=several,
            filter=several,
            must_not=several,
            minimum_should_match=st.sampled_from((0, 1, 2, "50%", "x")),
            **COMMON,
        ).map(lambda parts: {"bool": parts}),
        st.tuples(several, number).map(lambda drawn: {"dis_max": {"queries": drawn[0], "tie_breaker": drawn[1]}}),
        st.tuples(inner, inner, number).map(
            lambda drawn: {"boosting": {"positive": drawn[0], "negative": drawn[1], "negative_boost": drawn[2]}}
        ),
        inner.map(lambda one: {"constant_score": {"filter": one, "boost": 2}}),
        functions(inner),
        st.lists(inner, min_size=1, max_size=3).map(lambda queries: {"hybrid": {"queries": queries}}),
        inner.map(lambda one: {"nested": {"path": "attributes", "query": one}}),
    )


QUERIES: SearchStrategy[Body] = st.recursive(LEAVES, compound, max_leaves=6)

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
