"""What shops send: requests to OpenSearch as their frontends write them, for the generated shop.

Each is sent as it stands to a bare node and to Etalage. `{index}` in a path, and in a header line of `_msearch`, is the
index.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from etalage.core.encoders.hashing import HashingEncoder

Kind = Literal["rank", "browse", "pass"]

SEED: Final = 2
PRODUCTS: Final = 600


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request.

    Attributes:
        body: JSON; a list is newline-delimited JSON, a text is sent as it is.
        kind: what Etalage does with it unless `ext.etalage.rank` is off: rank, browse by popularity, or pass on.
        status: the status that Etalage answers.
        bare: the status that the bare node answers, where Etalage refuses what the node takes; `status` otherwise.
        own_words: Etalage answers this itself (an error, or about itself): only the shape is the node's.
        embedded: the keys that differ on the embedded engine, as docs/opensearch-dsl.md says.
        refused: the embedded engine does not know it and says so (400).
        within: how far scores may lie apart on the embedded engine, relative.
    """

    name: str
    body: Any = None
    kind: Kind = "rank"
    method: str = "POST"
    path: str = "/{index}/_search"
    params: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    bare: int = 0
    own_words: bool = False
    embedded: tuple[str, ...] = ()
    refused: bool = False
    within: float = 1e-4


FIELDS: Final = ["title^3", "brand.text^2", "category.text", "attributes_text", "description"]
SOURCE: Final = ["id", "title", "brand", "price", "images", "url"]
VECTOR: Final = [round(float(value), 6) for value in HashingEncoder().encode_query("red running shoes")]
TIES: Final = {"id": "asc"}


def multi(text: str, **options: Any) -> dict[str, Any]:
    """The clause that most shops search with."""
    return {"multi_match": {"query": text, "fields": FIELDS, **options}}


def terms(name: str, size: int = 10, **more: Any) -> dict[str, Any]:
    return {"terms": {"field": name, "size": size}, **more}


def get(name: str, path: str, **options: Any) -> Recorded:
    return Recorded(name, None, "pass", "GET", path, **options)


def wrong(name: str, body: Any, status: int = 400, **options: Any) -> Recorded:
    return Recorded(name, body, "pass", status=status, **options)


IN_STOCK: Final = {"range": {"stock": {"gt": 0}}}
CHEAP: Final = {"range": {"price": {"gte": 1000, "lt": 8000}}}


def conditioned(place: str) -> dict[str, Any]:
    """A search for red leather shoes that are in stock and cheap, with the conditions in one of the places where shops have them."""
    text, conditions = multi("red leather shoes"), [IN_STOCK, CHEAP]
    inside = {"bool": {"must": [text], "filter": conditions}}
    bodies: dict[str, dict[str, Any]] = {
        "filter": {"query": inside},
        "must": {"query": {"bool": {"must": [text, *conditions]}}},
        "post_filter": {"query": text, "post_filter": {"bool": {"filter": conditions}}},
        "hybrid": {"query": {"hybrid": {"queries": [inside]}}},
        "dis_max": {"query": {"dis_max": {"queries": [inside] * 2}}},
    }
    return bodies[place]


POPULAR: Final = {"field_value_factor": {"field": "popularity", "modifier": "log1p", "missing": 0}}

WORDS_AND_VECTOR: Final = [{"match": {"title": "red shoes"}}, {"knn": {"vec_text": {"vector": VECTOR, "k": 20}}}]
HYBRID: Final = {"hybrid": {"queries": WORDS_AND_VECTOR}}
PIPELINE: Final = {"phase_results_processors": [{"normalization-processor": {}}]}
"""A search pipeline that makes one score of `hybrid`; each server has it under the name of the index."""

TYPING: Final = [
    *(
        Recorded(f"type-{typed}", {"size": 5, "_source": ["title"],
            "query": {"match_phrase_prefix": {"title": typed}}})
        for typed in ("le", "leath", "leather", "leather b")
    ),
    Recorded("type-bool-prefix", {"size": 8, "_source": SOURCE,
        "query": {"match_bool_prefix": {"title": "phone ca"}}}),
    Recorded(
        "type-multi-prefix",
        {"size": 8, "_source": SOURCE, "query": {"multi_match": {"query": "blue sho", "type": "bool_prefix",
            "fields": ["title", "brand.text"]}}},
    ),
    Recorded("type-brand-prefix", {"size": 0, "query": {"prefix": {"brand": "Ha"}},
        "aggs": {"brands": terms("brand", 5)}}, "pass"),
    Recorded("type-chinese", {"size": 5, "query": {"match_phrase_prefix": {"title": {"query": "办公",
        "max_expansions": 20}}}}),
]  # fmt: skip

TEXT: Final = [
    Recorded("match", {"query": {"match": {"title": "leather boots"}}}),
    Recorded("match-and", {"query": {"match": {"title": {"query": "leather boots", "operator": "and"}}}}),
    Recorded("match-most", {"query": {"match": {"description": {"query": "guarded against heat circuits",
        "minimum_should_match": "75%"}}}}),
    Recorded("match-fuzzy", {"query": {"match": {"title": {"query": "lether boot", "fuzziness": "AUTO",
        "prefix_length": 1}}}}),
    Recorded("match-chinese", {"query": {"match": {"title": "办公桌"}}}),
    Recorded("match-keyword", {"query": {"match": {"brand": "Halvion"}}}),
    Recorded("best-fields", {"query": multi("waterproof phone case", type="best_fields", tie_breaker=0.3)}),
    Recorded("best-fields-fuzzy", {"query": multi("wirless headphnes", fuzziness="AUTO")}),
    Recorded("most-fields", {"query": multi("cotton dress", type="most_fields")}),
    Recorded("cross-fields", {"query": {"multi_match": {"query": "halvion phone", "type": "cross_fields",
        "fields": ["title", "brand.text"], "operator": "and"}}}),
    Recorded("phrase-fields", {"query": multi("faux leather", type="phrase")}),
    Recorded("phrase-prefix-fields", {"query": multi("faux leath", type="phrase_prefix")}),
    Recorded("default-fields", {"query": {"multi_match": {"query": "office chair"}}}),
    Recorded("match-phrase", {"query": {"match_phrase": {"description": "short circuits"}}}),
    Recorded("match-phrase-slop", {"query": {"match_phrase": {"description": {"query": "replacement take",
        "slop": 5}}}}),
    Recorded("simple-query-string", {"query": {"simple_query_string": {"query": 'leather + (boots | sofa)',
        "fields": ["title", "description"]}}}),
    Recorded("simple-query-string-without", {"query": {"simple_query_string": {"query": 'leather +boots -"phone case"',
        "fields": ["title", "description"]}}}, "pass"),
    Recorded("query-string", {"query": {"query_string": {"query": "leather AND (boots OR sofa)",
        "fields": ["title", "description"]}}}),
    Recorded("query-string-field", {"query": {"query_string": {"query": "brand:Halvion AND title:phone"}}}, "pass"),
    Recorded("uri-search", None, "rank", "GET", params={"q": "leather boots", "size": "5"}),
    Recorded("uri-search-field", None, "rank", "GET", params={"q": "boots", "df": "title", "default_operator": "AND",
        "_source_includes": "id,title"}),
    Recorded("uri-search-sorted", None, "pass", "GET", params={"q": "leather", "sort": "price:asc,id:asc",
        "_source": "title,price", "from": "2"}),
    Recorded("uri-browse", None, "browse", "GET", params={"size": "3"}),
    Recorded("fuzzy", {"query": {"fuzzy": {"title": {"value": "lether", "fuzziness": 1}}}}, "pass"),
    Recorded("wildcard", {"query": {"wildcard": {"title.keyword": {"value": "Halvion*", "case_insensitive": True}}}},
        "browse"),
    Recorded("model-number", {"query": multi("NO-51673")}),
    Recorded("nothing-found", {"query": {"match": {"title": {"query": "zzyzx qqqq", "operator": "and"}}}}),
    Recorded("stop-words", {"query": {"match": {"title": "for by with"}}}),
    Recorded("constant-score", {"query": {"constant_score": {"filter": {"match": {"title": "sofa"}}, "boost": 2}}}),
    Recorded("dis-max", {"query": {"dis_max": {"tie_breaker": 0.2,
        "queries": [{"match": {"title": "chair"}}, {"match": {"category.text": "chair"}}]}}}),
    Recorded("boosting", {"query": {"boosting": {"positive": {"match": {"title": "phone"}},
        "negative": {"match": {"title": "case"}}, "negative_boost": 0.2}}}),
    Recorded("named-queries", {"query": {"bool": {"should": [{"match": {"title": {"query": "boots",
        "_name": "title"}}}, {"match": {"description": {"query": "walking", "_name": "text"}}}]}}}),
]  # fmt: skip

COMPOUND: Final = [
    Recorded("bool-filtered", {"query": {"bool": {"must": [multi("leather")], "filter": [IN_STOCK, CHEAP]}}}),
    Recorded("bool-nested", {"query": {"bool": {
        "must": [{"bool": {"should": [multi("jacket"), multi("coat")], "minimum_should_match": 1}}],
        "should": [{"term": {"brand": {"value": "Veltana", "boost": 2}}}],
        "must_not": [{"term": {"attributes.gender": "Kids"}}],
        "filter": {"bool": {"should": [{"term": {"currency": "EUR"}},
            {"bool": {"must_not": {"exists": {"field": "currency"}}}}]}},
    }}}),
    Recorded("bool-minimum", {"query": {"bool": {"should": [{"match": {"title": "red"}},
        {"match": {"title": "shoes"}}, {"match": {"title": "leather"}}], "minimum_should_match": 2}}}),
    Recorded("bool-boosted", {"query": {"bool": {"must": {"match": {"title": {"query": "phone", "boost": 3}}},
        "should": {"range": {"rating": {"gte": 4.5, "boost": 1.5}}}}}}),
    Recorded("bool-text-filter", {"query": {"bool": {"filter": [{"match": {"title": "leather"}}]}}}),
    Recorded("popular", {"query": {"function_score": {"query": multi("phone case"), **POPULAR}}}),
    Recorded("popular-sum", {"query": {"function_score": {"query": {"match": {"title": "phone"}}, "functions": [
        {"filter": {"range": {"rating": {"gte": 4}}}, "weight": 2}, POPULAR], "score_mode": "sum",
            "boost_mode": "sum", "max_boost": 10}}}),
    Recorded("popular-recent", {"query": {"function_score": {"query": {"match": {"title": "phone"}}, "functions": [
        {"gauss": {"created_at": {"origin": "2026-06-30", "scale": "365d", "decay": 0.5}}}]}}}),
    Recorded("popular-all", {"query": {"function_score": {"query": {"match_all": {}}, **POPULAR,
        "boost_mode": "replace"}}}, "pass"),
    Recorded("min-score", {"min_score": 2.5, "query": {"match": {"title": "leather boots"}}}),
    Recorded("rescore", {"query": {"match": {"title": "leather boots"}}, "rescore": {"window_size": 20, "query": {
        "rescore_query": {"match_phrase": {"title": {"query": "leather boots", "slop": 2}}}, "query_weight": 0.7,
            "rescore_query_weight": 1.2}}}, "pass", refused=True),
    Recorded("knn", {"size": 10, "query": {"knn": {"vec_text": {"vector": VECTOR, "k": 10}}}}, "pass", within=5e-3),
    Recorded("knn-filtered", {"size": 5, "query": {"knn": {"vec_text": {"vector": VECTOR, "k": 5,
        "filter": {"bool": {"filter": [IN_STOCK]}}}}}}, "pass", within=5e-3),
    Recorded("knn-and-words", {"query": {"bool": {"should": WORDS_AND_VECTOR}}}, within=5e-3),
    Recorded("hybrid", {"query": HYBRID, "size": 50}, embedded=("hits",)),
    Recorded("hybrid-normalized", {"query": HYBRID, "size": 50}, "pass", params={"search_pipeline": "{index}"},
        refused=True, within=5e-3),
]  # fmt: skip

CATEGORY: Final = [
    Recorded("browse", {"query": {"match_all": {}}, "size": 12}, "browse"),
    Recorded("browse-empty-body", {}, "browse"),
    Recorded("category-page", {"size": 24, "_source": SOURCE,
        "query": {"bool": {"filter": [{"term": {"category_path": "Electronics > Phones"}}]}},
        "aggs": {"brand": terms("brand"), "category": terms("category_path", 30),
            "price": {"stats": {"field": "price"}}}}, "browse"),
    Recorded("category-sorted", {"size": 24, "_source": SOURCE, "query": {"term": {"category": "Shoes"}},
        "sort": [{"price": "asc"}, TIES]}, "pass"),
    Recorded("category-terms", {"query": {"terms": {"category_path": ["Shoes", "Fashion"]}},
        "track_total_hits": True}, "browse"),
    Recorded("attributes", {"query": {"bool": {"filter": [{"term": {"attributes.colour": "Red"}}]}}}, "browse"),
    Recorded("attribute-pairs", {"query": {"bool": {"filter": [{"terms": {"attrs": ["colour=Red", "colour=Blue"]}},
        {"exists": {"field": "variant_group"}}]}}}, "browse"),
    Recorded("ids", {"query": {"ids": {"values": ["E10001", "E10006", "nope"]}}}, "browse"),
    Recorded("exists", {"query": {"exists": {"field": "list_price"}}, "size": 3}, "browse"),
    Recorded("not-rated", {"query": {"bool": {"must_not": {"exists": {"field": "rating"}}}}}, "browse"),
    Recorded("new-products", {"query": {"range": {"created_at": {"gte": "2026-01-01", "lte": "2026-06-30||/M",
        "format": "yyyy-MM-dd"}}}, "sort": [{"created_at": "desc"}, TIES]}, "pass"),
    Recorded("match-none", {"query": {"match_none": {}}}, "browse"),
]  # fmt: skip

FACETS: Final = [
    Recorded("facets", {"query": multi("leather"), "aggs": {
        "brand": terms("brand"), "category": terms("category_path"), "attribute": terms("attrs", 20),
            "lang": terms("language"),
    }}),
    Recorded("facets-only", {"size": 0, "query": multi("phone"), "aggs": {"brand": terms("brand", 5)}}),
    Recorded("facets-none-shown", {"size": 0, "aggs": {"brand": terms("brand", 100),
        "price": {"histogram": {"field": "price", "interval": 10000}}}}, "pass"),
    Recorded("multi-select", {"size": 10, "query": multi("phone"),
        "post_filter": {"bool": {"filter": [{"terms": {"brand": ["Halvion", "Kestrix"]}}, CHEAP]}},
        "aggs": {
            "brand": {"filter": CHEAP, "aggs": {"values": terms("brand", 20)}},
            "price": {"filter": {"terms": {"brand": ["Halvion", "Kestrix"]}},
                "aggs": {"range": {"stats": {"field": "price"}}}},
        }}),
    Recorded("price-ranges", {"query": multi("chair"), "aggs": {"price": {"range": {"field": "price", "ranges": [
        {"to": 5000}, {"from": 5000, "to": 20000, "key": "middle"}, {"from": 20000}]}}}}),
    Recorded("price-histogram", {"query": multi("phone"), "aggs": {"price": {"histogram": {"field": "price",
        "interval": 5000, "min_doc_count": 1}}}}),
    Recorded("price-percentiles", {"size": 0, "query": {"term": {"category": "Shoes"}},
        "aggs": {"price": {"percentiles": {"field": "price", "percents": [25, 50, 75]}}}}, "pass", within=0.05),
    Recorded("stats", {"query": multi("table"), "aggs": {"price": {"stats": {"field": "price"}},
        "rating": {"avg": {"field": "rating"}},
        "cheapest": {"min": {"field": "price"}}, "dearest": {"max": {"field": "price"}},
            "all": {"value_count": {"field": "id"}}, "stock": {"sum": {"field": "stock"}}}}),
    Recorded("extended-stats", {"size": 0, "aggs": {"price": {"extended_stats": {"field": "price"}}}}, "pass"),
    Recorded("cardinality", {"query": multi("leather"), "aggs": {"brands": {"cardinality": {"field": "brand"}},
        "groups": {"cardinality": {"field": "variant_group"}}}}),
    Recorded("filters", {"query": multi("phone"), "aggs": {"offers": {"filters": {"filters": {"stock": IN_STOCK,
        "reduced": {"exists": {"field": "list_price"}}}}}}}),
    Recorded("filters-other", {"size": 0, "aggs": {"offers": {"filters": {"other_bucket_key": "rest",
        "filters": {"cheap": CHEAP}}}}}, "pass"),
    Recorded("global", {"query": multi("sofa"), "aggs": {"shop": {"global": {},
        "aggs": {"brand": terms("brand", 3)}}}}),
    Recorded("missing", {"query": multi("phone"), "aggs": {"unrated": {"missing": {"field": "rating"}}}}),
    Recorded("terms-ordered", {"size": 0, "query": {"term": {"category": "Electronics"}},
        "aggs": {"brand": {"terms": {
        "field": "brand", "size": 5, "order": {"price": "desc"}}, "aggs": {"price": {"avg": {"field": "price"}}}}}},
            "pass",
        embedded=("doc_count_error_upper_bound",)),
    Recorded("terms-missing", {"size": 0, "aggs": {"group": {"terms": {"field": "variant_group", "missing": "none",
        "size": 3, "min_doc_count": 1}},
        "lang": {"terms": {"field": "language", "include": ["zh"], "order": {"_key": "asc"}}}}}, "pass"),
    Recorded("terms-hits", {"size": 0, "query": {"match": {"title": "phone"}},
        "aggs": {"brand": terms("brand", 3, aggs={
        "best": {"top_hits": {"size": 2, "sort": [{"price": "asc"}, TIES], "_source": ["title", "price"]}}})}}),
    Recorded("terms-hits-whole", {"size": 0, "query": {"term": {"category": "Shoes"}},
        "aggs": {"brand": terms("brand", 2, aggs={
        "best": {"top_hits": {"size": 1, "sort": [{"popularity": "desc"}, TIES]}}})}}, "pass"),
    Recorded("date-histogram", {"size": 0, "aggs": {"when": {"date_histogram": {"field": "created_at",
        "calendar_interval": "year", "format": "yyyy"}}}}, "pass"),
    Recorded("aggregations-spelled-out", {"query": multi("lamp"),
        "aggregations": {"brand": terms("brand", 3, meta={"title": "Marke"})}}),
]  # fmt: skip

ORDER: Final = [
    Recorded("sort-price", {"query": multi("phone"), "sort": [{"price": {"order": "asc"}}]}, "pass"),
    Recorded("sort-price-down", {"query": multi("phone"), "sort": [{"price": {"order": "desc", "missing": "_last"}},
        TIES], "track_scores": True}, "pass"),
    Recorded("sort-rating", {"query": multi("leather"), "sort": [{"rating": {"order": "desc", "missing": "_last"}},
        {"reviews": {"order": "desc", "missing": "_last"}}, TIES]}, "pass"),
    Recorded("sort-rating-first", {"query": multi("leather"),
        "sort": [{"rating": {"order": "asc", "missing": "_first"}}, TIES]}, "pass"),
    Recorded("sort-title", {"query": {"term": {"category": "Shoes"}}, "sort": ["title.keyword"], "size": 5}, "pass"),
    Recorded("sort-score", {"query": multi("phone"), "sort": ["_score", TIES]}, "pass"),
    Recorded("page-2", {"from": 10, "size": 10, "query": {"match": {"title": "phone"}}}),
    Recorded("search-after-1", {"size": 5, "query": {"term": {"category": "Shoes"}},
        "sort": [{"price": "asc"}, TIES]}, "pass"),
    Recorded("search-after-2", {"size": 5, "query": {"term": {"category": "Shoes"}}, "sort": [{"price": "asc"}, TIES],
        "search_after": [4995, "E10300"]}, "pass"),
    Recorded("past-the-end", {"from": 5000, "size": 10, "query": {"match": {"title": "phone"}}}),
    Recorded("size-0", {"size": 0, "query": {"match": {"title": "phone"}}}),
    Recorded("collapse", {"query": {"match": {"title": "leather"}}, "collapse": {"field": "variant_group"}}),
    Recorded("collapse-inner-hits", {"size": 5, "query": {"match": {"title": "leather"}},
        "collapse": {"field": "variant_group", "inner_hits": {
        "name": "variants", "size": 3, "sort": [{"price": "asc"}, TIES], "_source": ["title", "price"]}}}, "pass"),
    Recorded("collapse-inner-hits-whole", {"size": 3, "query": {"match": {"title": "shoes"}},
        "collapse": {"field": "variant_group", "inner_hits": [
        {"name": "cheapest", "size": 1, "sort": [{"price": "asc"}, TIES]}]}}, "pass"),
    Recorded("collapse-sorted", {"size": 5, "query": {"term": {"category": "Shoes"}},
        "collapse": {"field": "variant_group"}, "sort": [{"price": "asc"}, TIES]}, "pass"),
]  # fmt: skip

SHOWN: Final = [
    Recorded("highlight", {"query": multi("leather boots"), "highlight": {"fields": {"title": {},
        "description": {"fragment_size": 80, "number_of_fragments": 1}}}}),
    Recorded("highlight-tags", {"query": {"match": {"title": "phone case"}},
        "highlight": {"pre_tags": ["<b>"], "post_tags": ["</b>"], "fields": {"title": {"number_of_fragments": 0}}}}),
    Recorded("highlight-chinese", {"query": {"match": {"title": "办公桌"}},
        "highlight": {"fields": {"title": {"number_of_fragments": 0}}}}),
    Recorded("highlight-any-field", {"query": {"match": {"title": "sofa"}},
        "highlight": {"require_field_match": False, "fields": {"title": {}, "category.text": {},
        "description": {}}}}),
    Recorded("source-off", {"_source": False, "query": {"match": {"title": "sofa"}}}),
    Recorded("source-includes", {"_source": {"includes": ["title", "attributes.*"], "excludes": ["attributes.ean"]},
        "query": {"match": {"title": "sofa"}}}),
    Recorded("source-excludes", {"_source": {"excludes": ["description", "attr*"]},
        "query": {"match": {"title": "sofa"}}}),
    Recorded("source-in-url", {"query": {"match": {"title": "sofa"}}},
        params={"_source_includes": "title,brand", "_source_excludes": "brand"}),
    Recorded("source-off-in-url", {"query": {"match": {"title": "sofa"}}}, params={"_source": "false"}),
    Recorded("docvalue-fields", {"_source": False, "docvalue_fields": ["price",
        {"field": "created_at", "format": "yyyy-MM-dd"}, "brand"], "query": {"match": {"title": "sofa"}}}),
    Recorded("fields", {"_source": False, "fields": ["title", "price", "attributes"],
        "query": {"match": {"title": "sofa"}}, "size": 3}, embedded=("attributes",)),
    Recorded("fields-all", {"_source": ["id"], "fields": ["*"], "query": {"match": {"title": "sofa"}}, "size": 2},
        embedded=("attributes",)),
    Recorded("stored-source", {"stored_fields": ["_source"], "query": {"match": {"title": "sofa"}}, "size": 2}),
    Recorded("stored-nothing", {"stored_fields": "_none_", "query": {"match": {"title": "sofa"}}, "size": 2}),
    Recorded("version", {"version": True, "seq_no_primary_term": True, "query": {"term": {"brand": "Halvion"}},
        "sort": [TIES], "size": 3}, "pass", embedded=("_seq_no",)),
    Recorded("explain", {"explain": True, "size": 3, "query": {"match": {"title": "leather boots"}}},
        embedded=("_explanation", "_shard", "_node")),
    Recorded("total-off", {"track_total_hits": False, "query": {"match": {"title": "leather"}}}),
    Recorded("total-limit", {"track_total_hits": 10, "query": {"match": {"title": "for"}}}),
    Recorded("total-exact", {"track_total_hits": True, "query": {"match": {"title": "for"}}}),
    Recorded("total-as-number", {"query": {"match": {"title": "leather"}}},
        params={"rest_total_hits_as_int": "true"}),
    Recorded("filter-path", {"query": {"match": {"title": "leather"}}},
        params={"filter_path": "hits.hits._source.title,hits.total"}),
    Recorded("filter-path-off", {"query": {"match": {"title": "leather"}}, "_source": ["title"]},
        params={"filter_path": "-_shards,-hits.hits._index"}),
    Recorded("typed-keys", {"query": {"match": {"title": "leather"}}, "aggs": {"brand": terms("brand", 3)}}, "pass",
        params={"typed_keys": "true"}),
    Recorded("timeout", {"timeout": "5s", "query": {"match": {"title": "leather"}}}),
    Recorded("preference", {"query": {"match": {"title": "leather"}}},
        params={"preference": "shopper-7", "request_cache": "false"}),
    Recorded("suggest-words", {"size": 0, "suggest": {"text": "lether bots", "words": {"term": {"field": "title"}}}},
        "pass"),
    Recorded("suggest-phrase", {"size": 0, "suggest": {"text": "fux leather",
        "phrase": {"phrase": {"field": "title", "size": 1}}}}, "pass", refused=True),
    Recorded("suggest-beside", {"size": 2, "query": {"match": {"title": "leather"}},
        "suggest": {"words": {"text": "lether", "term": {"field": "title", "suggest_mode": "always"}}}}),
]  # fmt: skip

OTHERS: Final = [
    Recorded("count", {"query": {"match": {"title": "leather"}}}, "pass", path="/{index}/_count"),
    Recorded("count-all", None, "pass", "GET", "/{index}/_count"),
    Recorded("count-uri", None, "pass", "GET", "/{index}/_count", params={"q": "title:leather"}),
    get("document", "/{index}/_doc/E10001", embedded=("_seq_no",)),
    get("document-source", "/{index}/_doc/E10001", params={"_source_includes": "title,price"}, embedded=("_seq_no",)),
    get("document-source-off", "/{index}/_doc/E10001", params={"_source": "false"}, embedded=("_seq_no",)),
    get("document-missing", "/{index}/_doc/nope", status=404),
    get("root", "/", own_words=True),
    get("health", "/_cluster/health", own_words=True),
    Recorded("msearch", [
        {"index": "{index}"}, {"query": {"match": {"title": "leather"}}, "size": 3},
        {"index": "{index}"}, {"query": {"match_all": {}}, "size": 0, "aggs": {"brand": terms("brand", 3)}},
        {"index": "{index}"}, {"query": {"term": {"category": "Shoes"}}, "sort": [{"price": "asc"}, TIES], "size": 2},
    ], "rank", path="/_msearch"),
    Recorded("msearch-one-bad", [
        {}, {"query": {"match": {"title": "sofa"}}, "size": 3},
        {}, {"query": {"match": {"title": "sofa"}}, "sort": ["prize"]},
        {}, {"query": {"match": {"title": "lamp"}}, "size": 1},
    ], "rank", path="/{index}/_msearch"),
    Recorded("msearch-one-unread", [
        {}, {"query": {"match": {"title": "sofa"}}, "size": 3},
        {}, {"query": {"match": {"title": {"query": "sofa", "operator": "maybe"}}}},
    ], "rank", path="/{index}/_msearch", bare=400),
]  # fmt: skip

WRONG: Final = [
    wrong("unknown-clause", {"query": {"matches": {"title": "sofa"}}}, own_words=True),
    wrong("unknown-key", {"quary": {"match_all": {}}}, own_words=True),
    wrong("two-clauses", {"query": {"match": {"title": "sofa"}, "term": {"brand": "Lumo"}}}, own_words=True),
    wrong("broken-json", '{"query": {"match": {"title": "sofa"}', own_words=True),
    wrong("not-an-object", '["sofa"]', own_words=True),
    wrong("unknown-sort", {"query": {"match_all": {}}, "sort": [{"prize": "asc"}]}),
    wrong("text-sort", {"query": {"match_all": {}}, "sort": ["title"]}),
    wrong("window-too-large", {"from": 9995, "size": 10, "query": {"match_all": {}}}, own_words=True),
    wrong("negative-size", {"size": -1}, own_words=True),
    wrong("unknown-aggregation", {"size": 0, "aggs": {"brand": {"termz": {"field": "brand"}}}}, own_words=True),
    wrong("aggregated-text", {"size": 0, "aggs": {"title": terms("title")}}),
    wrong("not-a-number", {"query": {"range": {"price": {"gte": "cheap"}}}, "sort": ["price"]}),
    wrong("bad-operator", {"query": {"match": {"title": {"query": "sofa", "operator": "maybe"}}}, "sort": ["price"]}),
    wrong("vector-too-short", {"query": {"knn": {"vec_text": {"vector": [0.1, 0.2], "k": 3}}}}),
    wrong("unknown-parameter", {"query": {"match_all": {}}}, params={"sizes": "3"}, own_words=True),
    wrong("script", {"query": {"function_score": {"query": {"match_all": {}}, "script_score": {"script": "1"}}}},
        bare=200),
    wrong("regexp", {"query": {"regexp": {"brand": "H.*"}}}, bare=200),
    wrong("leading-wildcard", {"query": {"wildcard": {"brand": "*on"}}}, bare=200),
    wrong("no-such-index", {"query": {"match": {"title": "sofa"}}}, 404, path="/{index}-none/_search"),
    wrong("no-such-index-sorted", {"query": {"match": {"title": "sofa"}}, "sort": ["price"]}, 404,
        path="/{index}-none/_search"),
    get("no-such-index-document", "/{index}-none/_doc/E10001", status=404),
    wrong("another-index", {"query": {"match_all": {}}}, 403, path="/other/_search", bare=404, own_words=True),
]  # fmt: skip

REQUESTS: Final = [*TYPING, *TEXT, *COMPOUND, *CATEGORY, *FACETS, *ORDER, *SHOWN, *OTHERS, *WRONG]
