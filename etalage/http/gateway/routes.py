"""The doors that speak OpenSearch: `_search`, `_msearch`, `_count`, `_doc`, the root and the cluster's health."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from importlib.metadata import version
from typing import Any, Final, ParamSpec, TypeVar

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.routing import Route

from etalage.core.errors import EngineError, EtalageError, QueryError
from etalage.core.settings import Settings
from etalage.http import access, errors
from etalage.http.gateway import asked, completing, flow, reply
from etalage.http.gateway.flow import Gateway
from etalage.http.seen import note
from opensearch.dsl import guard, sources

router = APIRouter(tags=["OpenSearch"])

P = ParamSpec("P")
T = TypeVar("T")
_LONG: Final = 16 * 1024
"""Bytes of a body that is not read on the event loop."""

_MOST_SEARCHES: Final = 100
"""Searches of one `_msearch`."""

_HEADER: Final = frozenset(
    "index preference search_type routing request_cache ignore_unavailable allow_no_indices expand_wildcards"
    " allow_partial_search_results".split()
)
_OF_WHOLE: Final = frozenset("max_concurrent_searches max_concurrent_shard_requests pretty human".split())
_OF_ALL: Final = _OF_WHOLE | frozenset(
    "filter_path rest_total_hits_as_int typed_keys search_type ccs_minimize_roundtrips pre_filter_shard_size".split()
)
"""URL parameters of an `_msearch`; those that are not of the whole hold for each search."""

_BODY: Final = {
    "requestBody": {
        "required": False,
        "content": {"application/json": {"schema": {"type": "object", "additionalProperties": True}}},
    }
}
_LINES: Final = {"requestBody": {"required": True, "content": {"application/x-ndjson": {"schema": {"type": "string"}}}}}
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    code: {"description": what}
    for code, what in {
        400: "The request is not valid, or something in it does not pass.",
        401: "No key, or one that is not known.",
        403: "The key or the server does not offer the index.",
        404: "There is no such index or document.",
        413: "The body is too large.",
        415: "The body is packed in an unknown way.",
        429: "The key's rate is used up.",
        431: "The headers are too large.",
        503: "The engine does not answer, or not in time.",
    }.items()
}


class NotOffered(EtalageError):
    """The server does not offer an index."""

    status = 403

    @property
    def kind(self) -> str:
        return "security_exception"


def limits_of(settings: Settings) -> guard.Limits:
    """What a request may cost, by the settings."""
    return guard.Limits(
        window=settings.max_window,
        buckets=settings.max_buckets,
        clauses=settings.max_clauses,
        regexp=settings.allow_regexp,
        leading_wildcard=settings.allow_leading_wildcard,
    )


@router.get("/{index}/_search", openapi_extra=_BODY, responses=_ANSWERS)
@router.post("/{index}/_search", openapi_extra=_BODY, responses=_ANSWERS)
async def search(request: Request, index: str) -> Response:
    """Search as OpenSearch does, ranked by Etalage."""
    given = await request.body()
    body = await _off_loop(len(given), _parsed, given)
    return await _answered(request, _one(request, index, body, _params(request), len(given)))


def front() -> Route:
    """The door to `search` for the application to try first: finding it and reading its parameters as FastAPI does would
    take longer than everything else in it."""

    async def found(request: Request) -> Response:
        return await search(request, request.path_params["index"])

    route = Route("/{index}/_search", found, methods=["GET", "POST"], include_in_schema=False)
    route.methods = {"GET", "POST"}  # not HEAD, which comes with GET
    return route


@router.get("/{index}/_count", openapi_extra=_BODY, responses=_ANSWERS)
@router.post("/{index}/_count", openapi_extra=_BODY, responses=_ANSWERS)
async def count(request: Request, index: str) -> Response:
    """How many products a query matches, without vectors."""
    content = await request.body()
    given = await _off_loop(len(content), _parsed, content)
    params = _params(request)

    def counted() -> dict[str, Any]:
        gateway = _gateway(request, index)
        limits = limits_of(gateway.settings)
        guard.count({} if given is None else given, limits)
        one = asked.read(index, given, params, limits, gateway.settings.deadline)
        for name in one.body.keys() - {"query"}:
            raise QueryError(f"the parameter [{name}] does not count here", remedy="Leave it out.")
        body = one.body
        with request.app.state.breaker.guard(), gateway.asking(index):
            found = gateway.engine.tally(index, body, timeout=gateway.settings.deadline)
        return _shown(
            {"count": found, "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0}},
            params.get("filter_path"),
        )

    return await _answered(request, run_in_threadpool(counted))


@router.get("/{index}/_doc/{id:path}", responses=_ANSWERS)
@router.head("/{index}/_doc/{id:path}", responses=_ANSWERS)
async def document(request: Request, index: str, id: str) -> Response:
    """One product."""
    params = _params(request)

    def found() -> dict[str, Any]:
        gateway = _gateway(request, index)
        if not id:
            raise QueryError("the document's id is missing", remedy=f"Ask for /{index}/_doc/ID.")
        for name in params:
            if name not in (
                "_source",
                "_source_includes",
                "_source_excludes",
                "preference",
                "realtime",
                "filter_path",
                "pretty",
                "routing",
            ):
                raise QueryError(f"the parameter [{name}] is not known or does not pass", remedy="Leave it out.")
        with request.app.state.breaker.guard(), gateway.asking(index):
            one = gateway.engine.document(index, id, timeout=gateway.settings.deadline)
        if one is None:
            serving = gateway.engine.serving(index)
            return {"_index": serving.name if serving is not None else index, "_id": id, "found": False}
        wanted = asked.source_of(params)
        if wanted is False:
            one.pop("_source", None)
        elif "_source" in one:
            one["_source"] = sources.filtered(one["_source"], reply.source(wanted))
        return _shown(one, params.get("filter_path"))

    return await _answered(request, run_in_threadpool(found))


@router.get("/_msearch", openapi_extra=_LINES, responses=_ANSWERS)
@router.post("/_msearch", openapi_extra=_LINES, responses=_ANSWERS)
async def msearch(request: Request) -> Response:
    """Several searches; each line of a search follows a line that names its index."""
    return await _several(request, "")


@router.get("/{index}/_msearch", openapi_extra=_LINES, responses=_ANSWERS)
@router.post("/{index}/_msearch", openapi_extra=_LINES, responses=_ANSWERS)
async def msearch_of(request: Request, index: str) -> Response:
    """Several searches of one index."""
    return await _several(request, index)


@router.get("/", responses=_ANSWERS)
@router.head("/", responses=_ANSWERS)
async def root(request: Request) -> Response:
    """What OpenSearch says of itself."""

    def about() -> dict[str, Any]:
        shop = request.app.state.gateway
        return {
            "name": "etalage",
            "cluster_name": "etalage",
            "cluster_uuid": "_na_",
            "version": {
                "distribution": "opensearch",
                "number": shop.engine.version(),
                "build_type": "etalage",
                "build_hash": _etalage(),
                "build_date": "1970-01-01T00:00:00Z",
                "build_snapshot": False,
                "lucene_version": "10.4.0",
                "minimum_wire_compatibility_version": "2.19.0",
                "minimum_index_compatibility_version": "2.0.0",
            },
            "tagline": "The OpenSearch Project: https://opensearch.org/",
        }

    return await _answered(request, run_in_threadpool(about))


@router.get("/_cluster/health", responses=_ANSWERS)
async def health(request: Request) -> Response:
    """The health of the engine behind."""
    gateway: Gateway = request.app.state.gateway

    def told() -> dict[str, Any]:
        with request.app.state.breaker.guard():
            return gateway.engine.health()

    return await _answered(request, run_in_threadpool(told))


@router.get("/_cluster/health/{index}", responses=_ANSWERS)
async def health_of(request: Request, index: str) -> Response:
    """The same, for one index that is offered."""

    def told() -> dict[str, Any]:
        gateway = _gateway(request, index)
        with request.app.state.breaker.guard():
            return gateway.engine.health()

    return await _answered(request, run_in_threadpool(told))


@lru_cache(maxsize=1)
def _etalage() -> str:
    return version("etalage")


def _gateway(request: Request, index: str) -> Gateway:
    """The gateway, when it offers every index of a comma list to this request. Raises NotOffered, Forbidden."""
    gateway: Gateway = request.app.state.gateway
    for one in index.split(","):
        if not access.allowed(gateway.settings, one):
            raise NotOffered("this index is not offered here", value=one, remedy="Name it in ETALAGE_INDEXES.")
        access.require(request, one)
    return gateway


def _params(request: Request) -> dict[str, str]:
    """URL parameters, each once. Raises QueryError for a repeated one."""
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in found:
            raise QueryError("a parameter is given twice", value=name, remedy="Give it once.")
        found[name] = value
    return found


async def _off_loop(size: int, read: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """What reads a body of `size` bytes, in a thread when that takes long."""
    return await run_in_threadpool(read, *args, **options) if size > _LONG else read(*args, **options)


def _parsed(body: bytes) -> Any:
    """A body's JSON, None when it is empty. Raises QueryError."""
    if not body.strip():
        return None
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise QueryError(f"the body is not JSON ({error})", remedy="Send a search as OpenSearch takes it.") from None
    # Only the standard library tells of names that stand twice in an object, which readers take differently.
    json.loads(body, object_pairs_hook=_once)
    return parsed


def _once(pairs: list[tuple[str, Any]]) -> None:
    """Raise QueryError for a name that stands twice in one object."""
    if len(dict(pairs)) == len(pairs):
        return
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise QueryError("a name stands twice in an object", value=name, remedy="Keep one of them.")
        seen.add(name)


async def _one(request: Request, index: str, body: Any, params: Mapping[str, str], size: int) -> dict[str, Any]:
    """The answer to one search of a request, whose body had `size` bytes."""
    gateway = _gateway(request, index)
    settings = gateway.settings
    one = await _off_loop(size, asked.read, index, body, params, limits_of(settings), settings.deadline)

    async def searched(rest: asked.Asked) -> flow.Answered:
        with request.app.state.breaker.guard(timeouts=not one.chosen):
            return await flow.search(gateway, rest)

    try:
        found = await completing.search(settings, request.app.state.shop.completions, one, searched)
    except EngineError as error:
        await run_in_threadpool(gateway.missing, index, error)
        raise
    note(
        request,
        index=index,
        hits=len(found.hits),
        total=found.total,
        timings=found.timings,
        degraded=found.degraded,
    )
    return _shown(found.response, params.get("filter_path"))


def _shown(response: dict[str, Any], patterns: str | None) -> dict[str, Any]:
    """A response cut to what `filter_path` names."""
    return sources.paths(response, patterns.split(",")) if patterns else response


async def _answered(request: Request, answer: Awaitable[dict[str, Any]]) -> Response:
    """The JSON of an answer; what the node refused is answered in its own words."""
    try:
        document = await answer
    except EngineError as error:
        return _refused(request, error)
    return _json(request, document)


def _json(request: Request, document: Mapping[str, Any]) -> Response:
    pretty = "pretty" in request.query_params and request.query_params["pretty"] != "false"
    option = orjson.OPT_SERIALIZE_NUMPY | (orjson.OPT_INDENT_2 if pretty else 0)
    status = 404 if document.get("found") is False else 200
    return Response(orjson.dumps(document, option=option), status_code=status, media_type="application/json")


def _refused(request: Request, error: EngineError) -> Response:
    status, document = _told(request.scope["path"], error)
    if document is None:
        ours = errors.of(request.scope["path"], error)
        told = orjson.loads(ours.body) | {"status": status}
        headers = {name: value for name, value in ours.headers.items() if name != "content-length"}
        return Response(orjson.dumps(told), status_code=status, headers=headers)
    return Response(orjson.dumps(document), status_code=status, media_type="application/json")


def _told(path: str, error: EtalageError) -> tuple[int, dict[str, Any] | None]:
    """Status and document for an error: the node's own where it refused, None for ours."""
    theirs = error.answer if isinstance(error, EngineError) else None
    if theirs is not None and isinstance(theirs.get("status"), int) and theirs["status"] < 500:
        return theirs["status"], dict(theirs)
    if theirs is not None and "error" in theirs:
        return 503, {**theirs, "status": 503}
    return (503 if error.status >= 500 else error.status), None


async def _several(request: Request, default: str) -> Response:
    started = time.perf_counter()
    shared = _params(request)
    for name in shared.keys() - _OF_ALL:
        raise QueryError(
            f"request [/_msearch] contains unrecognized or refused parameter: [{name}]",
            remedy="Write it on the line before a search.",
        )
    patterns = shared.pop("filter_path", None)
    content = await request.body()
    pairs = await _off_loop(len(content), _pairs, content, default)
    access.charge(request, len(pairs))
    each = {name: value for name, value in shared.items() if name not in _OF_WHOLE}
    responses = []
    for index, header, body in pairs:
        params = each | {name: _text(value) for name, value in header.items() if name != "index" and value is not None}
        responses.append(await _each(request, index, body, params, len(content)))
    took = int((time.perf_counter() - started) * 1000)

    return _json(request, _shown({"took": took, "responses": responses}, patterns))


def _text(value: Any) -> str:
    """A value of a header line as a URL has it."""
    if isinstance(value, list):
        return ",".join(_text(one) for one in value)
    return value if isinstance(value, str) else orjson.dumps(value).decode()


async def _each(request: Request, index: str, body: Any, params: Mapping[str, str], size: int) -> dict[str, Any]:
    """One response of an `_msearch`, or its error in the same place."""
    path = "/_msearch"
    try:
        if not index:
            raise QueryError("a search names no index", remedy='Write {"index": "NAME"} on the line before it.')
        return await _one(request, index, body, params, size) | {"status": 200}
    except EtalageError as error:
        status, document = _told(path, error)
        if document is None:
            told: dict[str, Any] = orjson.loads(errors.of(path, error).body)
            return told | {"status": status}
        return {"error": document["error"], "status": status}


def _pairs(content: bytes, default: str) -> list[tuple[str, Mapping[str, Any], Any]]:
    """(index, header, body) of each search. Raises QueryError."""
    lines = content.split(b"\n")
    while lines and not lines[-1].strip():
        lines.pop()
    if len(lines) % 2 or not lines:
        raise QueryError(
            "a header line and a body line are expected for each search", remedy="See OpenSearch's _msearch."
        )
    if len(lines) // 2 > _MOST_SEARCHES:
        raise QueryError(f"there are more than {_MOST_SEARCHES} searches", value=len(lines) // 2, remedy="Send fewer.")
    pairs: list[tuple[str, Mapping[str, Any], Any]] = []
    for at in range(0, len(lines), 2):
        header = _parsed(lines[at])
        header = {} if header is None else header
        if not isinstance(header, dict) or not set(header) <= _HEADER:
            raise QueryError(
                f"line {at + 1} is no header of a search",
                value=lines[at][:80].decode("utf-8", "replace"),
                remedy="Correct it.",
            )
        index = header.get("index") or default
        if isinstance(index, list):
            index = ",".join(str(one) for one in index)
        pairs.append((str(index), header, _parsed(lines[at + 1])))
    return pairs
