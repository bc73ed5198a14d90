"""The routes: search, completion, events."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from autocomplete.complete import Completer
from etalage.core import events
from etalage.core.errors import QueryError
from etalage.core.settings import Settings
from etalage.http.breaker import Breaker
from etalage.http.seen import note
from opensearch.engine import SearchEngine
from ranker.filters import parse_filters, parse_sort
from ranker.search import Ask, Searcher
from workers import parts

router = APIRouter()


@dataclass
class Shop:
    """What the routes serve from."""

    settings: Settings
    engine: SearchEngine
    searcher: Searcher
    completer: Completer | None = None

    def complete(self, prefix: str, size: int) -> list[dict[str, Any]]:
        """Completions of a prefix; none before any were built."""
        if self.completer is None:
            if not parts.completions_folder(self.settings).exists():
                return []
            self.completer = parts.completer_of(self.settings)
        found = self.completer.complete(prefix, size)
        return [{"text": one.text, "score": round(float(one.score), 4), "type": one.type} for one in found]


class SearchBody(BaseModel):
    """A search as JSON."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    q: str = ""
    size: int = Field(10, ge=0, le=1000)
    start: int = Field(0, ge=0, alias="from")
    sort: str | None = None
    filter: str | dict[str, Any] | list[str | dict[str, Any]] | None = None
    explain: bool = False
    image_vector: list[float] = Field(default_factory=list, max_length=4096)

    def ask(self) -> Ask:
        """The search that it describes."""
        return Ask(
            self.q,
            self.size,
            self.start,
            parse_filters(self.filter),
            parse_sort(self.sort),
            explain=self.explain,
            image=tuple(self.image_vector),
        )


def _shop(request: Request) -> Shop:
    shop: Shop = request.app.state.shop
    return shop


def _breaker(request: Request) -> Breaker:
    breaker: Breaker = request.app.state.breaker
    return breaker


@router.get("/v1/search")
def search(
    request: Request,
    q: str = "",
    size: Annotated[int, Query(ge=0, le=1000)] = 10,
    start: Annotated[int, Query(ge=0, alias="from")] = 0,
    sort: str | None = None,
    filter: Annotated[list[str] | None, Query()] = None,
    explain: bool = False,
) -> JSONResponse:
    """Search by query string; an empty `q` browses by popularity."""
    ask = Ask(q, size, start, parse_filters(filter), parse_sort(sort), explain=explain)
    return _answer(request, ask)


@router.post("/v1/search")
def search_by_body(request: Request, body: SearchBody) -> JSONResponse:
    """Search by JSON body."""
    return _answer(request, body.ask())


def _answer(request: Request, ask: Ask) -> JSONResponse:
    shop = _shop(request)
    with _breaker(request).guard():
        found = shop.searcher.search(ask)
    note(
        request,
        index=shop.settings.index,
        hits=len(found.hits),
        total=found.total,
        timings=found.timings,
        degraded=found.degraded,
    )
    return JSONResponse(found.as_dict())


@router.get("/v1/suggest")
def suggest(request: Request, q: str = "", size: Annotated[int, Query(ge=1, le=100)] = 10) -> JSONResponse:
    """Complete what was typed so far."""
    started = time.perf_counter()
    completions = _shop(request).complete(q, size)
    return JSONResponse({"completions": completions, "took_ms": round((time.perf_counter() - started) * 1000, 3)})


@router.post("/v1/events")
async def take_events(request: Request) -> JSONResponse:
    """Store UBI 1.3.0 queries and events: one object, a list, or one per line. All or none are stored."""
    documents = _documents(await request.body())
    queries, behaviour = events.sort_out(documents)
    engine = _shop(request).engine

    def store() -> int:
        with _breaker(request).guard():
            return engine.append_events("queries", queries) + engine.append_events("events", behaviour)

    added = await run_in_threadpool(store)
    return JSONResponse({"received": len(documents), "added": added, "duplicates": len(documents) - added})


def _documents(body: bytes) -> list[Mapping[str, Any]]:
    remedy = "Send one UBI document, a list of them, or one per line."
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            given = [orjson.loads(line) for line in body.splitlines() if line.strip()]
        except orjson.JSONDecodeError as error:
            raise QueryError(
                f"the body is not JSON ({error})", value=body[:80].decode("utf-8", "replace"), remedy=remedy
            ) from None
    found = given if isinstance(given, list) else [given]
    if not found or not all(isinstance(one, dict) for one in found):
        raise QueryError(
            "there is no UBI document in the body", value=body[:80].decode("utf-8", "replace"), remedy=remedy
        )
    return found
