"""Read a search request: body and URL parameters, Etalage's options and UBI's in `ext`."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

from etalage.core.errors import QueryError
from etalage.http import deadline
from opensearch.dsl import guard

RANK_ON, RANK_OFF = "on", "off"

_PLAIN: Final = frozenset(
    "preference routing request_cache ignore_unavailable ignore_throttled allow_no_indices expand_wildcards search_type"
    " typed_keys rest_total_hits_as_int human ccs_minimize_roundtrips"
    " batched_reduce_size max_concurrent_shard_requests pre_filter_shard_size allow_partial_search_results"
    " include_named_queries_score search_pipeline cancel_after_time_interval phase_took verbose_pipeline lenient analyzer"
    " analyze_wildcard".split()
)
"""URL parameters that go to the engine as they are."""

_NUMBERS: Final = ("size", "from", "terminate_after", "min_score")
_FLAGS: Final = ("explain", "version", "seq_no_primary_term", "track_scores")
_OURS: Final = frozenset(("filter_path", "pretty"))
_SOURCE: Final = frozenset(("_source", "_source_includes", "_source_excludes"))
_OF_TEXT: Final = ("lenient", "analyzer", "analyze_wildcard")
_ACCESS: Final = frozenset(("source", "source_content_type"))
_OPTIONS: Final = frozenset("user session rank explain collapse query understand rules recent language".split())
_UBI: Final = frozenset("query_id user_query client_id application object_id_field query_attributes".split())
_NAME: Final = re.compile(r"(?!\.+$)[\w.@:+-]{1,128}")
_MAX_ATTRIBUTES: Final = 8000
_GRACE: Final = 0.08
"""Seconds past the deadline in which an engine that watches it itself may say so."""


@dataclass(frozen=True, slots=True)
class Options:
    """`ext.etalage` of a request. `given` is whether there was one."""

    rank: str = RANK_ON
    user: str = ""
    session: str = ""
    explain: bool = False
    collapse: str = ""
    query: str | None = None
    understand: bool = True
    rules: bool = True
    recent: tuple[str, ...] = ()
    language: str = ""
    given: bool = False


@dataclass(frozen=True, slots=True)
class Ubi:
    """`ext.ubi` of a request (UBI 1.3.0)."""

    query_id: str
    user_query: str = ""
    client_id: str = ""
    application: str = ""
    object_id_field: str = ""
    query_attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """One search.

    Attributes:
        body: the `_search` body with the URL's parameters in it, without `ext`.
        params: URL parameters for the engine.
        seconds: how long it may take.
        until: the moment (`time.monotonic`) by which it is due.
        chosen: whether the client chose that time.
    """

    index: str
    body: dict[str, Any]
    options: Options
    ubi: Ubi | None
    params: Mapping[str, str]
    seconds: float
    until: float
    chosen: bool

    def left(self) -> float:
        """Seconds for the engine: a little more than until it is due, so that its own word on the time gets through."""
        return max(self.until - time.monotonic(), 0.0) + _GRACE


def read(index: str, body: Any, params: Mapping[str, str], limits: guard.Limits, most: float) -> Asked:
    """Read and check a request.

    Args:
        most: seconds that a request may take.

    Raises:
        QueryError: something in it is not known, not allowed or not valid.
    """
    whole = {} if body is None else body
    if not isinstance(whole, dict):
        raise guard.refusal("the body is not a JSON object", "", whole, "Send a search as OpenSearch takes it.")
    merged = {name: value for name, value in whole.items() if value is not None}
    passed = _merge(merged, params)
    guard.search(merged, limits)
    _known_indexes(index, merged.get("indices_boost"))
    _retype(merged)
    given = merged.pop("ext", {})
    chosen = merged.get("timeout") is not None
    seconds = deadline.seconds(merged.get("timeout"), most)
    return Asked(
        index,
        merged,
        _options(given.get("etalage")),
        _ubi(given.get("ubi")),
        passed,
        seconds,
        time.monotonic() + seconds,
        chosen,
    )


def _known_indexes(index: str, boosts: Any) -> None:
    """Refuse to weigh an index that is not searched: what the engine says to it tells whether there is one."""
    names: list[Any] = []
    for one in boosts if isinstance(boosts, list) else [boosts]:
        names += one if isinstance(one, Mapping) else []
    for name in names:
        if name not in index.split(","):
            raise guard.refusal("this index is not searched", f"indices_boost.{name}", remedy="Name one that is.")


def _retype(body: dict[str, Any]) -> None:
    """Turn numbers and flags that were sent as text, as OpenSearch allows, into what they say."""
    for name in (*_NUMBERS, *_FLAGS, "track_total_hits", "profile"):
        value = body.get(name)
        if isinstance(value, str):
            flags = {"true": True, "false": False}
            body[name] = flags[value] if value in flags else float(value) if name == "min_score" else int(value)


def _merge(body: dict[str, Any], params: Mapping[str, str]) -> dict[str, str]:
    """Put the URL's parameters into the body, as OpenSearch does; those for the engine are returned."""
    passed: dict[str, str] = {}
    for name, value in params.items():
        if name in _PLAIN:
            passed[name] = value
        elif name in _NUMBERS:
            body[name] = _number(name, value)
        elif name in _FLAGS:
            body[name] = _flag(name, value)
        elif name == "timeout":
            body[name] = value
        elif name == "track_total_hits":
            body[name] = _number(name, value) if value.lstrip("-").isdigit() else _flag(name, value)
        elif name == "sort":
            body[name] = [_sort(one) for one in value.split(",") if one]
        elif name in ("stored_fields", "docvalue_fields"):
            body[name] = value.split(",")
        elif name == "format":
            if value != "json":
                raise QueryError("answers are JSON only", value=value, remedy="Leave [format] out.")
        elif name not in ("q", "df", "default_operator", *_OURS, *_SOURCE, *_ACCESS):
            raise QueryError(
                f"request [/_search] contains unrecognized or refused parameter: [{name}]",
                remedy="See the documentation of the gateway for what passes.",
            )
    if _ACCESS & params.keys():
        raise QueryError("a body in the URL is refused", value="source", remedy="Send it as the body.")
    if "q" in params:
        body["query"] = _query_string(params)
        for name in _OF_TEXT:
            passed.pop(name, None)
    _merge_source(body, params)
    return passed


def _query_string(params: Mapping[str, str]) -> dict[str, Any]:
    asked: dict[str, Any] = {"query": params["q"]}
    if "df" in params:
        asked["default_field"] = params["df"]
    if "default_operator" in params:
        asked["default_operator"] = params["default_operator"]
    for name in _OF_TEXT:
        if name in params:
            asked[name] = params[name] if name == "analyzer" else _flag(name, params[name])
    return {"query_string": asked}


def _merge_source(body: dict[str, Any], params: Mapping[str, str]) -> None:
    source = source_of(params)
    if source is not None:
        body["_source"] = source


def source_of(params: Mapping[str, str]) -> Any:
    """What the URL says of `_source`, as a body says it; None when it says nothing."""
    whole = params.get("_source")
    if whole == "false":
        return False
    named = None if whole in ("true", "") else whole
    includes = params.get("_source_includes", named)
    excludes = params.get("_source_excludes")
    if includes is None and excludes is None:
        return None if whole is None else True
    found = {"includes": includes.split(",") if includes else [], "excludes": excludes.split(",") if excludes else []}
    return {name: value for name, value in found.items() if value}


def _sort(one: str) -> Any:
    name, colon, order = one.rpartition(":")
    return {name: order} if colon and order in ("asc", "desc") else one


def _number(name: str, value: str) -> int | float:
    try:
        found = float(value) if name == "min_score" else int(value)
        fits = math.isfinite(found)
    except (ValueError, OverflowError):
        fits = False
    if not fits:
        raise QueryError(f"the parameter [{name}] is no number", value=value, remedy="Correct it.")
    return found


def _flag(name: str, value: str) -> bool:
    if value not in ("true", "false", ""):
        raise QueryError(f"the parameter [{name}] is neither true nor false", value=value, remedy="Correct it.")
    return value != "false"


def _options(given: Any) -> Options:
    path = "ext.etalage"
    if given is None:
        return Options()
    named = _known(given, path, _OPTIONS)
    rank = named.get("rank", RANK_ON)
    if isinstance(rank, bool):
        rank = RANK_ON if rank else RANK_OFF
    query = named.get("query")
    if query is not None and not isinstance(query, str):
        raise guard.refusal("this must be a text", f"{path}.query", query, "Correct it.")
    explain = named.get("explain", False)
    if not isinstance(explain, bool):
        raise guard.refusal("this must be true or false", f"{path}.explain", explain, "Correct it.")
    collapse = named.get("collapse", "")
    if isinstance(collapse, bool):
        collapse = "variant_group" if collapse else ""
    understand, rules = _switch(named, path, "understand"), _switch(named, path, "rules")
    texts = {"rank": rank, "user": named.get("user", ""), "session": named.get("session", ""), "collapse": collapse}
    texts["language"] = named.get("language", "")
    for name, value in texts.items():
        if not isinstance(value, str) or (value and not _NAME.fullmatch(value)):
            raise guard.refusal(
                "this must be a name of up to 128 letters, digits and . _ - : @ +",
                f"{path}.{name}",
                value,
                "Correct it.",
            )
    return Options(
        rank,
        texts["user"],
        texts["session"],
        explain,
        collapse,
        query,
        understand,
        rules,
        _recent(named, path),
        language=texts["language"],
        given=True,
    )


def _recent(named: Mapping[str, Any], path: str) -> tuple[str, ...]:
    """Ids of products that the shopper looked at."""
    value = named.get("recent", [])
    if not isinstance(value, list) or len(value) > 100 or not all(isinstance(one, str) and one for one in value):
        raise guard.refusal(
            "this must be a list of up to 100 ids of products, newest first", f"{path}.recent", value, "Correct it."
        )
    return tuple(value)


def _switch(named: Mapping[str, Any], path: str, name: str) -> bool:
    """An option that is on or off, on where it is not given."""
    value = named.get(name, "on")
    value = {"on": True, "off": False}.get(value, value) if isinstance(value, str) else value
    if not isinstance(value, bool):
        raise guard.refusal('this must be "on" or "off"', f"{path}.{name}", value, "Correct it.")
    return value


def _ubi(given: Any) -> Ubi | None:
    path = "ext.ubi"
    if given is None:
        return None
    named = _known(given, path, _UBI)
    texts = {}
    for name in _UBI - {"query_attributes"}:
        value = named.get(name) or ""
        if not isinstance(value, str) or len(value) > 2000:
            raise guard.refusal("this must be a text of up to 2,000 characters", f"{path}.{name}", value, "Correct it.")
        texts[name] = value
    attributes = named.get("query_attributes") or {}
    if not isinstance(attributes, Mapping) or len(str(attributes)) > _MAX_ATTRIBUTES:
        raise guard.refusal("this must be a small JSON object", f"{path}.query_attributes", attributes, "Correct it.")
    texts["query_id"] = texts["query_id"] or str(uuid4())
    return Ubi(**texts, query_attributes=attributes)


def _known(given: Any, path: str, names: frozenset[str]) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise guard.refusal("a JSON object is expected", path, given, "Correct it.")
    for name in given:
        if name not in names:
            raise guard.refusal(
                f"[{name}] is not known", f"{path}.{name}", remedy=f"Known: {', '.join(sorted(names))}."
            )
    return given
