"""Put an answer into the shape of OpenSearch's `_search` response."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from etalage.http.gateway.asked import Asked
from opensearch import fields
from ranker.search import Answer, Hit

_ONE_SHARD: Final = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}
_SHOWN: Final = ("fields", "docvalue_fields", "stored_fields", "version", "seq_no_primary_term", "suggest")
_TRACKED: Final = 10_000


def source(wanted: Any) -> Any:
    """A body's `_source` without the fields that are nobody's but the engine's, unless one is named."""
    hidden = list(fields.INTERNAL)
    if wanted is False:
        return False
    if wanted is None or wanted is True:
        return {"excludes": hidden}
    if isinstance(wanted, str | list):
        wanted = {"includes": wanted}
    if not isinstance(wanted, Mapping):
        return wanted
    includes = wanted.get("includes", wanted.get("include", []))
    excludes = wanted.get("excludes", wanted.get("exclude", []))
    named, left = (one if isinstance(one, list) else [one] for one in (includes, excludes))
    left = left + [name for name in hidden if name not in named and name not in left]
    return {"includes": named, "excludes": left} if named else {"excludes": left}


def wanted(body: Mapping[str, Any]) -> Any:
    """`source` for a whole body: without `_source`, `stored_fields` decide whether there is one."""
    stored = body.get("stored_fields", "_source")
    return source(body.get("_source", "_source" in (stored if isinstance(stored, list) else [stored])))


def inner_hits(given: Any) -> Any:
    """`inner_hits`, one or several, with `source` applied."""
    if isinstance(given, list):
        return [inner_hits(one) for one in given]
    return {**given, "_source": wanted(given)}


def aggregations(given: Mapping[str, Any]) -> dict[str, Any]:
    """Aggregations with `source` applied to their `top_hits`."""
    return {name: {kind: _aggregation(kind, inner) for kind, inner in one.items()} for name, one in given.items()}


def _aggregation(kind: str, given: Any) -> Any:
    if kind in ("aggs", "aggregations"):
        return aggregations(given)
    return inner_hits(given) if kind == "top_hits" else given


def forwarded(body: Mapping[str, Any]) -> dict[str, Any]:
    """A body as it goes to the engine, with `source` applied wherever hits are shown."""
    shown = {**body, "_source": wanted(body)}
    for name in ("aggs", "aggregations"):
        if name in shown:
            shown[name] = aggregations(shown[name])
    collapse = shown.get("collapse") or {}
    if "inner_hits" in collapse:
        shown["collapse"] = {**collapse, "inner_hits": inner_hits(collapse["inner_hits"])}
    return shown


def drop_internal(response: Mapping[str, Any], body: Mapping[str, Any]) -> None:
    """Take internal fields out of the `fields` of hits where only a pattern names them."""
    asked = body.get("fields")
    given = [one.get("field") if isinstance(one, Mapping) else one for one in asked] if isinstance(asked, list) else []
    names = [name for name in given if isinstance(name, str)]
    if any("*" in name for name in names):
        for hit in response["hits"]["hits"]:
            for name in set(fields.INTERNAL) - set(names):
                hit.get("fields", {}).pop(name, None)


def page_body(asked: Asked, ids: Sequence[str], query: Mapping[str, Any]) -> dict[str, Any] | None:
    """The search that brings what is shown of a page's hits; None when only ids are wanted."""
    body = asked.body
    shown: dict[str, Any] = {name: body[name] for name in _SHOWN if name in body}
    if shown.get("stored_fields") == "_none_":
        # A hit without an id could not be put into its place.
        del shown["stored_fields"]
    if body.get("collapse"):
        shown["docvalue_fields"] = [*shown.get("docvalue_fields", []), body["collapse"]["field"]]
    if "highlight" in body:
        shown["highlight"] = {"highlight_query": query} | dict(body["highlight"])
    shown_source = wanted(body)
    if shown_source is False and not shown:
        return None
    return {
        "query": {"ids": {"values": list(ids)}},
        "size": len(ids),
        "_source": shown_source,
        "track_total_hits": False,
    } | shown


def ranked(asked: Asked, answer: Answer, page: Mapping[str, Any] | None, model: str, took: int) -> dict[str, Any]:
    """The response to a ranked search; `page` is what the search of `page_body` gave. A hit that it did not bring was removed in between,
    or is on a shard that failed, and is left out."""
    brought = {hit["_id"]: hit for hit in page["hits"]["hits"]} if page is not None else {one.id: {} for one in answer.hits}
    shown = [one for one in answer.hits if one.id in brought]
    hits = [_hit(asked, one, answer.generation, brought[one.id]) for one in shown]
    whole: dict[str, Any] = (
        {} if asked.body.get("track_total_hits") is False else {"total": _total(asked, answer.total)}
    )
    whole |= {"max_score": max((hit["_score"] for hit in hits), default=None), "hits": hits}
    response: dict[str, Any] = {
        "took": took,
        "timed_out": False,
        "_shards": dict(page["_shards"]) if page is not None else dict(_ONE_SHARD),
        "hits": whole,
    }
    if answer.aggregations:
        response["aggregations"] = dict(answer.aggregations)
    if page is not None and "suggest" in page:
        response["suggest"] = page["suggest"]
    response["ext"] = {
        "etalage": {
            "rank": "rerank" not in answer.degraded and model,
            "understood": [dict(one) for one in answer.understood],
            "rules": list(answer.rules),
            "redirect": answer.redirect or None,
            "degraded": list(answer.degraded),
            "timings": dict(answer.timings),
            "hits": [{"_id": one.id, **one.parts} for one in shown],
        }
    }
    return response


def _hit(asked: Asked, hit: Hit, generation: str, brought: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"_index": generation, "_id": hit.id, "_score": hit.score}
    found |= {
        name: value for name, value in brought.items() if name not in found and name not in ("sort", "matched_queries")
    }
    if asked.body.get("explain"):
        found["_explanation"] = _explanation(hit)
    return found


def _explanation(hit: Hit) -> dict[str, Any]:
    """A hit's parts, and what each feature adds, in the shape of OpenSearch's explanations."""
    details: list[dict[str, Any]] = [
        {"value": value, "description": f"{name} of the product", "details": []}
        for name, value in hit.parts.items()
        if isinstance(value, int | float)
    ]
    details += [
        {
            "value": one["contribution"],
            "description": f"added by {one['feature']}, which is {one['value']}",
            "details": [],
        }
        for one in hit.parts.get("contributions", ())
    ]
    return {"value": hit.score, "description": "score by the ranker, computed from:", "details": details}


def _total(asked: Asked, total: int) -> Any:
    limit = asked.body.get("track_total_hits", _TRACKED)
    most = total if limit is True else int(limit)
    if asked.params.get("rest_total_hits_as_int") in ("true", ""):
        return total
    return {"value": min(total, most), "relation": "eq" if total <= most else "gte"}


def total_as_asked(response: Mapping[str, Any], params: Mapping[str, str]) -> None:
    """Make the total a mere number where the URL asks for that, whichever engine answered."""
    hits = response["hits"]
    if params.get("rest_total_hits_as_int") in ("true", "") and isinstance(hits.get("total"), Mapping):
        hits["total"] = hits["total"]["value"]


def with_ext(response: dict[str, Any], name: str, told: Mapping[str, Any]) -> None:
    """Add one part of `ext` to a response."""
    response["ext"] = dict(response.get("ext", {})) | {name: dict(told)}
