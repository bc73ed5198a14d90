"""Every clause that this engine knows, by its name in the query DSL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from opensearch.embedded.dsl import compound, functions, matching, nearest, querystring, simplestring, terms
from opensearch.embedded.dsl.reader import Read, Reader

CLAUSES: Final[Mapping[str, Read]] = {
    "match_all": terms.match_all,
    "match_none": terms.match_none,
    "match": matching.match,
    "match_phrase": matching.match_phrase,
    "match_phrase_prefix": matching.match_phrase_prefix,
    "match_bool_prefix": matching.match_bool_prefix,
    "multi_match": matching.multi_match,
    "query_string": querystring.query_string,
    "simple_query_string": simplestring.simple_query_string,
    "fuzzy": matching.fuzzy,
    "term": terms.term,
    "terms": terms.terms,
    "range": terms.between,
    "exists": terms.exists,
    "prefix": terms.prefix,
    "wildcard": terms.wildcard,
    "ids": terms.ids,
    "bool": compound.read_bool,
    "constant_score": compound.read_constant,
    "dis_max": compound.read_best,
    "boosting": compound.read_lowered,
    "hybrid": compound.read_hybrid,
    "function_score": functions.function_score,
    "knn": nearest.knn,
}


def reader(dims: Mapping[str, int], now: int) -> Reader:
    """A reader of one request's queries at the time `now` (milliseconds since 1970)."""
    return Reader(CLAUSES, dims, now)
