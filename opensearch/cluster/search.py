"""A retrieval as one `_search`, and the answer as columns.

The query is one `bool`: a k-NN clause whose score is lifted by `LIFT`, so that the nearest vectors come first in the order of
their similarity, and one `match` per text field, weighted and named. Their sum is the lexical score, and the node reports
each named clause's part per hit (`include_named_queries_score`), so that nothing is asked twice. On several shards the
node brings k neighbours from each: there the k best are found first, and a second search puts them in front.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from zlib import crc32

import numpy as np

from etalage.core.text import tokenize
from opensearch import fields
from opensearch.cluster.rows import Fetch, Revision, Rows
from opensearch.dsl import filters
from opensearch.engine import (
    Candidates,
    Generation,
    Lists,
    Request,
    Shop,
    Sort,
)

LIFT: Final = 2.0**34
"""Added to and multiplied with the similarity of a near vector. A float32 of this size has steps of 2048, so a lexical
score beside it changes nothing, and a power of two keeps the similarity's bits."""

MAX_TERMS: Final = 150
"""Terms of a text that count. The node allows 1,024 clauses in a query, and each term is one per text field."""

_MAX_K: Final = 10_000

NAMED: Final = "etalage."
"""What the names of our clauses begin with: a shop's query has names of its own."""

WHISPER: Final = 2.0**-40
"""Boost of the clauses that only report the scores of the fields: added to any score it changes nothing, and a power of two
keeps its bits."""

_BARE: Final[Mapping[str, Any]] = {"_source": False, "stored_fields": "_none_"}
"""Hits without stored fields, which are read from compressed blocks. The last of their sort values is the id."""

ROWS: Final[Mapping[str, Any]] = {**_BARE, "docvalue_fields": ["id", "record"], "seq_no_primary_term": True}
"""Hits with what `Rows` holds of a document."""

_NAMES: Final = tuple(NAMED + name for name in fields.TEXT)


@dataclass(frozen=True, slots=True)
class Near:
    """Neighbours found by an earlier search: ids, nearest first."""

    ids: tuple[str, ...]


def wants_near(request: Request) -> bool:
    """Whether the request asks for neighbours at all."""
    return (
        request.vector is not None
        and request.k > 0
        and request.lists is not Lists.LEXICAL
        and bool(request.vector.any())
    )


def params(request: Request, shards: int) -> dict[str, Any]:
    """URL parameters. The same query goes to the same copies of the shards, so that pages fit together."""
    return {
        "include_named_queries_score": "true",
        "allow_partial_search_results": "false",
        "preference": f"q{crc32(request.text.encode('utf-8', 'replace')):08x}",
        "search_type": "dfs_query_then_fetch" if shards > 1 else "query_then_fetch",
    }


def body(request: Request, near: Near | None) -> dict[str, Any]:
    """The `_search` body. With `near`, those documents stand for the k-NN clause."""
    kept = _kept(request)
    neighbours = _first(request, near, kept)
    query = _own(request, kept, neighbours) if request.shop is None else _shops(request, request.shop, kept, neighbours)
    return {
        "query": {"bool": query},
        "from": request.start,
        "size": request.size,
        "sort": _sort(request.sort),
        "track_scores": request.sort is not None,
        "track_total_hits": True,
        "seq_no_primary_term": True,
        **_BARE,
        **_asked(request),
        "aggs": {
            name: {
                "terms": {
                    "field": fields.EXACT[name],
                    "size": request.facet_size,
                    "shard_size": max(1000, 4 * request.facet_size),
                    "order": [{"_count": "desc"}, {"_key": "asc"}],
                }
            }
            for name in request.facets
            if request.facet_size > 0
        }
        | (dict(request.shop.aggregations) if request.shop is not None else {}),
    }


def _first(request: Request, near: Near | None, kept: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The clause of what comes before the lexical matches: neighbours, then further candidates; a product that is both is a
    neighbour."""
    clauses = []
    if near is not None:
        clauses = [_constant(near.ids, LIFT)] if near.ids else []
    elif wants_near(request):
        clauses = [_lifted(request, kept)]
    if request.also and request.lists is not Lists.LEXICAL:
        clauses.append(_constant(request.also, LIFT / 2))
    return [{"dis_max": {"queries": clauses}}] if len(clauses) > 1 else clauses


def _constant(ids: Sequence[str], score: float) -> dict[str, Any]:
    return {"constant_score": {"filter": {"terms": {"id": ids}}, "boost": score}}


def _own(request: Request, kept: Sequence[Any], neighbours: Sequence[Any]) -> dict[str, Any]:
    """What matches by Etalage's own lexical query."""
    words = _lexical(request.text, 1.0)
    if request.lists is Lists.VECTOR:
        # Words score the neighbours but bring nobody.
        return {"filter": kept, "must": neighbours or [{"match_none": {}}], "should": words}
    everything = [] if request.text else [{"constant_score": {"filter": {"match_all": {}}, "boost": 0}}]
    query: dict[str, Any] = {"filter": kept, "should": [*neighbours, *words, *everything], "minimum_should_match": 1}
    if not query["should"]:
        query["must"] = [{"match_none": {}}]
    return query


def _shops(request: Request, shop: Shop, kept: Sequence[Any], neighbours: Sequence[Any]) -> dict[str, Any]:
    """What matches by the shop's query, with the scores of the fields beside it."""
    theirs: Mapping[str, Any] = shop.query
    if shop.min_score is not None:
        theirs = {"function_score": {"query": theirs, "min_score": shop.min_score}}
    sources = neighbours if request.lists is Lists.VECTOR else [*neighbours, theirs]
    return {
        "filter": kept,
        "must": [{"bool": {"should": sources, "minimum_should_match": 1}}] if sources else [{"match_none": {}}],
        "should": _lexical(request.text, WHISPER),
    }


def _asked(request: Request) -> dict[str, Any]:
    """Parts of the body that only some requests have."""
    more: dict[str, Any] = {}
    if request.collapse:
        more["docvalue_fields"] = [request.collapse]
    if request.shop is not None and request.shop.post_filter is not None:
        more["post_filter"] = request.shop.post_filter
    if request.timeout is not None:
        more["timeout"] = f"{max(int(request.timeout * 1000), 1)}ms"
    return more


def near_body(request: Request) -> dict[str, Any]:
    """The search for the k nearest alone."""
    return {
        "query": _knn(request, _kept(request)),
        "size": min(request.k, _MAX_K),
        "sort": _sort(None),
        "track_total_hits": False,
        **_BARE,
    }


def rows_body(ids: Sequence[str]) -> dict[str, Any]:
    """The search for the `record` values of documents."""
    return {
        "query": {"terms": {"id": ids}},
        "size": len(ids),
        "sort": ["_doc"],
        "track_total_hits": False,
        **ROWS,
    }


def rows_found(hits: Iterable[Mapping[str, Any]]) -> list[tuple[str, Revision]]:
    """The values of hits that were asked for with `ROWS`."""
    return [
        (given["record"][0], Revision(given["id"][0], hit["_seq_no"], hit["_primary_term"]))
        for hit in hits
        for given in (hit["fields"],)
    ]


def revisions(hits: Iterable[Mapping[str, Any]]) -> list[Revision]:
    """Which revision of which document each hit of `body` is."""
    return [Revision(hit["sort"][-1], hit["_seq_no"], hit["_primary_term"]) for hit in hits]


def similarity(cosine: float) -> float:
    """What a node gives a vector for its cosine."""
    return (1 + cosine) / 2


def near_ids(answer: Mapping[str, Any], floor: float | None) -> Near:
    """The ids that `near_body` found, as near as `floor` at least."""
    least = 0.0 if floor is None else similarity(floor)
    return Near(tuple(hit["sort"][-1] for hit in answer["hits"]["hits"] if hit["_score"] >= least))


def _kept(request: Request) -> list[Mapping[str, Any]]:
    """The conditions that hold for every candidate."""
    kept: list[Mapping[str, Any]] = [filters.clause(one) for one in request.filters]
    return kept + list(request.shop.constraints) if request.shop is not None else kept


def _knn(request: Request, kept: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    clause: dict[str, Any] = {"vector": request.vector, "k": min(request.k, _MAX_K)}
    if kept:
        clause["filter"] = {"bool": {"filter": kept}}
    return {"knn": {request.vector_field: clause}}


def _lifted(request: Request, kept: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "function_score": {
            "query": _knn(request, kept),
            "boost": LIFT,
            "functions": [{"weight": LIFT}],
            "boost_mode": "sum",
            **({} if request.floor is None else {"min_score": LIFT * (1 + similarity(request.floor))}),
        }
    }


def _lexical(text: str, boost: float) -> list[dict[str, Any]]:
    """One named clause per text field."""
    text = text.encode("utf-8", "replace").decode()
    if len(text) > MAX_TERMS:
        tokens = tokenize(text)
        text = " ".join(token.surface for token in tokens[:MAX_TERMS]) if len(tokens) > MAX_TERMS else text
    if not text.strip():
        return []
    return [
        {"match": {fields.PATHS[name]: {"query": text, "boost": weight * boost, "_name": NAMED + name}}}
        for name, weight in fields.TEXT.items()
    ]


def _sort(sort: Sort | None) -> list[Any]:
    ties = {"id": "asc"}
    if sort is None:
        return [{"_score": "desc"}, ties]
    return [{sort.name: {"order": "desc" if sort.descending else "asc", "missing": "_last"}}, ties]


def columns(
    answer: Mapping[str, Any], request: Request, generation: Generation, rows: Rows, fetch: Fetch
) -> Candidates:
    """The answer of the node as candidates."""
    wanted = revisions(answer["hits"]["hits"])
    found, titles, known = rows.read(wanted, fetch)
    hits = [answer["hits"]["hits"][number] for number in known]
    parts = [hit.get("matched_queries", {}) for hit in hits]
    flat = (part.get(name, 0.0) for part in parts for name in _NAMES)
    scores = np.fromiter(flat, np.float32, len(parts) * len(_NAMES)).reshape(len(parts), len(_NAMES))
    weights = np.fromiter(fields.TEXT.values(), np.float32)
    if request.shop is not None:
        scores *= np.float32(1 / WHISPER)
    lexical = scores.sum(axis=1) if request.lists is not Lists.VECTOR else np.zeros(len(hits), np.float32)
    return Candidates(
        ids=[wanted[number].id for number in known],
        near=np.fromiter((hit["_score"] >= 0.75 * LIFT for hit in hits), bool, len(hits)),
        lexical=lexical,
        fields=scores / weights,
        vectors=np.ascontiguousarray(found[request.vector_field]),
        records=np.ascontiguousarray(found["record"]),
        titles=titles,
        total=answer["hits"]["total"]["value"],
        generation=generation.name,
        spec=generation.spec,
        facets={
            name: [(one["key"], one["doc_count"]) for one in answer["aggregations"][name]["buckets"]]
            if request.facet_size > 0
            else []
            for name in request.facets
        },
        timings={"engine": float(answer["took"])},
        aggregations={
            name: value
            for name, value in answer.get("aggregations", {}).items()
            if name.split("#")[-1] not in request.facets
        },
        groups=[hit.get("fields", {}).get(request.collapse, [""])[0] for hit in hits] if request.collapse else (),
        pictures=np.ascontiguousarray(found["vec_image"][:, : None if request.pictures else 0]),
    )


def reorder(found: Candidates, near: Near) -> Candidates:
    """`found`, which begins at the first hit, with its neighbours in the order of `near`."""
    rank = {one: number for number, one in enumerate(near.ids)}
    order = sorted(range(len(found.ids)), key=lambda row: rank.get(found.ids[row], len(rank)))
    return found.take(order)
