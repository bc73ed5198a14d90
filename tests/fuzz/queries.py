"""Queries as a grammar of the query DSL makes them, and the words that they are made of."""

from __future__ import annotations

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
NUMBERS: Final = ("price", "list_price", "stock", "rating", "reviews", "popularity", "click_rate", "purchase_rate", "created")
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
