"""A `_search` body from end to end: read it whole, find, aggregate, order, show."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from etalage.core.records import Floats
from opensearch.embedded.dsl import body, collapse, fetch, sorting, suggest, typed
from opensearch.embedded.dsl.aggregations import AggregationReader, Tree, collected
from opensearch.embedded.dsl.catalog import Catalog, Mask
from opensearch.embedded.dsl.clauses import All, Clause, Match, Nothing, Run
from opensearch.embedded.dsl.kinds import AGGREGATIONS
from opensearch.embedded.dsl.queries import reader

_KNOWN: Final = (
    *fetch.PART,
    "query",
    "search_after",
    "track_total_hits",
    "min_score",
    "post_filter",
    "aggs",
    "aggregations",
    "collapse",
    "suggest",
    "timeout",
    "ext",
    "terminate_after",
    "stats",
    "profile",
    "verbose_pipeline",
)
_COUNTED: Final = 10_000
"""How many hits a total counts exactly unless told."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A request, read and checked.

    Attributes:
        counted: how far the total is exact; None for all of it, -1 for no total.
        after: the ranks that hits come after.
    """

    query: Clause
    post_filter: Clause | None
    min_score: float | None
    tree: Tree
    hits: fetch.Shown
    after: tuple[float, ...] | None
    collapse: collapse.Collapse | None
    suggest: suggest.Suggesters
    counted: int | None


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def read(catalog: Catalog, given: Mapping[str, Any]) -> Plan:
    """The plan of a body. Raises QueryError."""
    found = body.mapping(given, "")
    body.only(found, "", _KNOWN)
    queries = reader(catalog.dims, now())
    idle = found.get("suggest") and not any(found.get(one) for one in ("query", "aggs", "aggregations"))
    query: Clause = Nothing() if idle else All()
    if found.get("query") is not None:
        query = queries.query(found["query"], "query")
    after = found.get("post_filter")
    low = found.get("min_score")
    hits = fetch.read(queries, found, "", size=10)
    following = sorting.read_after(queries, catalog, hits.keys, found.get("search_after"), "search_after")
    if following is not None and hits.start:
        raise body.wrong("from must be 0 with search_after", "from", hits.start, "Leave it out.")
    asked = collapse.read(queries, found.get("collapse"), "collapse")
    body.whole(found.get("terminate_after", 0), "terminate_after")
    aggregations = AggregationReader(AGGREGATIONS, queries, query)
    name = "aggs" if "aggs" in found else "aggregations"
    return Plan(
        query=query,
        post_filter=None if after is None else queries.query(after, "post_filter"),
        min_score=None if low is None else body.number(low, "min_score"),
        tree=aggregations.tree(found.get(name), name),
        hits=hits,
        after=following,
        collapse=asked,
        suggest=suggest.read(found.get("suggest"), "suggest"),
        counted=_counted(found.get("track_total_hits", _COUNTED), "track_total_hits"),
    )


def _counted(value: object, at: str) -> int | None:
    if isinstance(value, bool) or value in ("true", "false"):
        return None if body.flag(value, at) else -1
    return body.whole(value, at, -1)


# Scores are float32, and a body may have any number: what is too large for one is infinite, as on a node.
@np.errstate(over="ignore", invalid="ignore")
def search(
    catalog: Catalog, given: Mapping[str, Any], timeout: float | None = None, params: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """A node's answer to a `_search` body with the URL's `params`.

    Raises:
        QueryError: the body is not valid, or asks for what is not known.
        EngineTimeout: it took longer than `timeout` seconds.
    """
    started = time.perf_counter()
    run = Run(catalog, timeout)
    run.name_scores = (params or {}).get("include_named_queries_score") == "true"
    asked = merged(given, params or {})
    plan = read(catalog, asked)
    found = above(plan.query.find(run), plan.min_score)
    answers = collected(plan.tree, run, found)
    mask = found.mask if plan.post_filter is None else found.mask & plan.post_filter.find(run).mask
    run.check()
    answer: dict[str, Any] = {
        "timed_out": False,
        "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
        "hits": _total(int(mask.sum()), plan.counted) | _hits(plan, run, mask, found.scores),
    }
    if plan.tree:
        answer["aggregations"] = answers
    if plan.suggest:
        answer["suggest"] = {name: one.suggest(catalog) for name, one in plan.suggest.items()}
    if (params or {}).get("typed_keys", "false") != "false":
        answer |= _typed(asked, answer)
    return {"took": int((time.perf_counter() - started) * 1000)} | answer


def _typed(asked: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of an answer that `typed_keys` names anew."""
    named: dict[str, Any] = {}
    if "aggregations" in answer:
        named["aggregations"] = typed.aggregations(asked.get("aggs") or asked["aggregations"], answer["aggregations"])
    if "suggest" in answer:
        named["suggest"] = typed.suggestions(asked["suggest"], answer["suggest"])
    return named


def above(found: Match, least: float | None) -> Match:
    """The matches with at least a score."""
    return found if least is None else Match(found.mask & (found.scores >= np.float32(least)), found.scores)


def _total(count: int, counted: int | None) -> dict[str, Any]:
    if counted is not None and counted < 0:
        return {}
    if counted is not None and count > counted:
        return {"total": {"value": counted, "relation": "gte"}}
    return {"total": {"value": count, "relation": "eq"}}


def _hits(plan: Plan, run: Run, mask: Mask, scores: Floats) -> dict[str, Any]:
    shown = plan.hits
    if plan.after is not None:
        mask = mask & sorting.beyond([key.ranks(run.catalog, scores) for key in shown.keys], plan.after)
    if plan.collapse is None:
        rows = shown.window(run, mask, scores).tolist()
        hits = shown.hits(run, rows, scores, plan.query)
        return {"max_score": shown.best(mask, scores), "hits": hits}
    ranks = [key.ranks(run.catalog, scores) for key in shown.keys]
    every = plan.collapse.best(run.catalog, ranks, np.flatnonzero(mask))
    rows = every[shown.start : shown.start + shown.size].tolist()
    hits = shown.hits(run, rows, scores, plan.query)
    for hit, row in zip(hits, rows, strict=True):
        if values := plan.collapse.shown(run.catalog, row):
            hit.setdefault("fields", {})[plan.collapse.field.name] = values
        if plan.collapse.inner:
            hit["inner_hits"] = plan.collapse.inside(run, row, mask, scores, plan.query)
    return {"max_score": shown.best(mask, scores), "hits": hits}


@np.errstate(over="ignore", invalid="ignore")
def tally(catalog: Catalog, given: Mapping[str, Any], timeout: float | None = None) -> int:
    """How many documents a `_count` body matches. Raises as `search` does."""
    found = body.mapping(given, "")
    body.only(found, "", ["query"])
    if found.get("query") is None:
        return catalog.size
    run = Run(catalog, timeout)
    return int(reader(catalog.dims, now()).query(found["query"], "query").find(run).mask.sum())


def document(catalog: Catalog, id: str) -> dict[str, Any] | None:
    """One document as `GET /{index}/_doc/{id}` answers it, or None."""
    row = catalog.row(body.clean(id))
    if row is None:
        return None
    return {
        "_index": catalog.generation,
        "_id": catalog.ids[row],
        "_version": 1,
        "_seq_no": 0,
        "_primary_term": 1,
        "found": True,
        "_source": catalog.source(row),
    }


_PARAMS: Final = {
    "from": "from",
    "size": "size",
    "track_total_hits": "track_total_hits",
    "track_scores": "track_scores",
    "terminate_after": "terminate_after",
    "explain": "explain",
    "version": "version",
    "seq_no_primary_term": "seq_no_primary_term",
}
_IGNORED: Final = (
    "preference",
    "routing",
    "request_cache",
    "typed_keys",
    "ignore_unavailable",
    "allow_no_indices",
    "expand_wildcards",
    "rest_total_hits_as_int",
    "search_type",
    "batched_reduce_size",
    "max_concurrent_shard_requests",
    "timeout",
    "pretty",
    "pre_filter_shard_size",
    "allow_partial_search_results",
    "ccs_minimize_roundtrips",
    "human",
    "error_trace",
    "filter_path",
    "include_named_queries_score",
    "cancel_after_time_interval",
    "phase_took",
)


def merged(given: Mapping[str, Any], params: Mapping[str, str]) -> dict[str, Any]:
    """A body with the URL's parameters, which have precedence. Raises QueryError for one that is not known."""
    found = body.mapping(given, "")
    for name, value in params.items():
        if name in _PARAMS:
            found[_PARAMS[name]] = value
        elif name == "sort":
            found["sort"] = [_sort_of(one) for one in value.split(",")]
        elif name == "_source":
            found["_source"] = value if value in ("true", "false") else value.split(",")
        elif name in ("_source_includes", "_source_excludes"):
            source = found.get("_source")
            before = dict(source) if isinstance(source, Mapping) else {}
            found["_source"] = before | {name.removeprefix("_source_"): value.split(",")}
        elif name in ("stored_fields", "docvalue_fields"):
            found[name] = value.split(",")
        elif name == "q":
            asked: dict[str, Any] = {"query": value}
            asked |= {"default_operator": params["default_operator"]} if "default_operator" in params else {}
            asked |= {"fields": [params["df"]]} if "df" in params else {}
            found["query"] = {"query_string": asked}
        elif name not in (*_IGNORED, "default_operator", "df"):
            raise body.unknown("URL parameter", name, "", [*_PARAMS, "sort", "_source", "q", *_IGNORED])
    return found


def _sort_of(text: str) -> Any:
    name, sign, order = text.rpartition(":")
    return {name: order} if sign else text
