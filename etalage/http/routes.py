"""The routes: search, events, changes of products."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Annotated, Any, Final, Literal

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from autocomplete.complete import Completer
from autocomplete.related import Related
from etalage.core import events
from etalage.core.errors import QueryError
from etalage.core.settings import Settings
from etalage.http.breaker import Breaker
from etalage.http.seen import note
from etalage.http.suggest import Completions
from indexer.delta import Result
from opensearch.engine import SearchEngine
from ranker.filters import parse_filters, parse_sort
from ranker.search import Answer, Ask, Searcher
from workers import changes, parts, related
from workers.vision import Vision

router = APIRouter()

MAX_CHANGES: Final = 1000
"""Products in one request."""


@dataclass
class Shop:
    """What the routes serve from."""

    settings: Settings
    engine: SearchEngine
    searcher: Searcher
    _indexing: parts.Indexing | None = None

    @cached_property
    def vision(self) -> Vision:
        """What searches by pictures."""
        return Vision(self.settings, self.engine)

    def indexing(self) -> parts.Indexing:
        """What changes are encoded with. Raises ModelError where that is missing."""
        if self._indexing is None:
            encoder = self.searcher.encoder or parts.encoder_of(self.settings)
            self._indexing = parts.Indexing(encoder, parts.looks_of(self.settings))
        return self._indexing

    @cached_property
    def related(self) -> Related:
        """What knows which queries are related."""
        return parts.related_of(self.settings)

    @cached_property
    def completions(self) -> Completions:
        """What completes prefixes; it is there from when completions were built."""

        def opened() -> Completer | None:
            built = parts.completions_folder(self.settings).exists()
            return parts.completer_of(self.settings) if built else None

        return Completions(opened)


class SearchBody(BaseModel):
    """A search as JSON."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    q: str = ""
    size: int = Field(10, ge=0, le=1000)
    start: int = Field(0, ge=0, alias="from")
    sort: str | None = None
    filter: str | dict[str, Any] | list[str | dict[str, Any]] | None = None
    explain: bool = False
    understand: Literal["on", "off"] = "on"
    rules: Literal["on", "off"] = "on"
    recent: list[str] = Field(default_factory=list, max_length=100)
    language: str = Field("", max_length=200)
    collapse: str = Field("", max_length=100)
    image_vector: list[float] = Field(default_factory=list, max_length=4096)
    image: str = ""
    like: str = Field("", max_length=512)
    looks: str = Field("", max_length=1000)

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
            understand=self.understand == "on",
            rules=self.rules == "on",
            recent=tuple(self.recent),
            language=self.language,
            collapse=self.collapse,
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
    understand: Literal["on", "off"] = "on",
    rules: Literal["on", "off"] = "on",
    recent: str = "",
    language: str = "",
    collapse: str = "",
) -> JSONResponse:
    """Search by query string; an empty `q` browses by popularity."""
    ask = Ask(
        q,
        size,
        start,
        parse_filters(filter),
        parse_sort(sort),
        explain=explain,
        understand=understand == "on",
        rules=rules == "on",
        recent=tuple(recent.split(",")) if recent else (),
        language=language or request.headers.get("accept-language", ""),
        collapse=collapse,
    )
    return _answer(request, ask)


@router.post("/v1/search")
def search_by_body(request: Request, body: SearchBody) -> JSONResponse:
    """Search by JSON body: by words (`q`), a picture (`image`: base64, or a `data:` URI), both, `like` a product, or by words that
    say what it `looks` like."""
    if sum(map(bool, (body.like, body.image, body.image_vector, body.looks))) > 1 or (body.like and body.q):
        raise QueryError(
            "[like], [looks], [image] and [image_vector] exclude each other, and [like] goes without [q]",
            remedy="Keep one.",
        )
    ask = body.ask()
    if not ask.language:
        ask = replace(ask, language=request.headers.get("accept-language", ""))
    shop = _shop(request)
    if body.image:
        ask = replace(ask, image=shop.vision.vector(_picture(body.image)))
    if body.looks:
        ask = replace(ask, image=shop.vision.words(body.looks, shop.searcher.encoder))
    if body.like:
        with _breaker(request).guard():
            found = shop.vision.like(shop.searcher, ask, body.like)
        return _shown(request, found, ask)
    return _answer(request, ask)


def _picture(given: str) -> bytes:
    """The bytes of a picture in a request. Raises QueryError."""
    content = given.partition(",")[2] if given[:5].lower() == "data:" else given
    try:
        return b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        raise QueryError("[image] is not base64", value=given[:40], remedy="Send the file's bytes in base64.") from None


def _answer(request: Request, ask: Ask) -> JSONResponse:
    shop = _shop(request)
    with _breaker(request).guard():
        found = shop.searcher.search(ask)
    return _shown(request, found, ask)


def _shown(request: Request, found: Answer, ask: Ask) -> JSONResponse:
    shop = _shop(request)
    note(
        request,
        index=shop.settings.index,
        hits=len(found.hits),
        total=found.total,
        timings=found.timings,
        degraded=found.degraded,
    )
    return JSONResponse(found.as_dict() | related.beside(shop.related, found, ask.start))


@router.post("/v1/events")
async def take_events(request: Request) -> JSONResponse:
    """Store UBI 1.3.0 queries and events: one object, a list, or one per line. All or none are stored."""
    documents = _documents(
        await request.body(), "UBI document", "Send one UBI document, a list of them, or one per line."
    )
    queries, behaviour = events.sort_out(documents)
    engine = _shop(request).engine

    def store() -> int:
        with _breaker(request).guard():
            return engine.append_events("queries", queries) + engine.append_events("events", behaviour)

    added = await run_in_threadpool(store)
    return JSONResponse({"received": len(documents), "added": added, "duplicates": len(documents) - added})


@router.post("/v1/products")
async def change_products(request: Request) -> JSONResponse:
    """Change single products: one object, a list, or one per line, each with an `id`, the fields that change, and where wanted
    `op` (`upsert`, `patch`, `delete`) and `version`. Each has a result of its own; those that are not refused are stored, and
    found by the next search."""
    rows = _documents(await request.body(), "product", "Send one product, a list of them, or one per line.")
    if len(rows) > MAX_CHANGES:
        raise QueryError(f"there are more than {MAX_CHANGES} products", value=len(rows), remedy="Send fewer at a time.")
    shop = _shop(request)

    def change() -> list[Result]:
        with _breaker(request).guard():
            return changes.apply_rows(shop.engine, shop.settings, rows, shop.indexing())

    results = await run_in_threadpool(change)
    shown = [
        {name: value for name, value in asdict(one).items() if value or name in ("id", "result")} for one in results
    ]
    refused = sum(one.result == "refused" for one in results)
    return JSONResponse({"received": len(rows), "refused": refused, "results": shown})


def _documents(body: bytes, what: str, remedy: str) -> list[Mapping[str, Any]]:
    """The objects in a body. Raises QueryError."""
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
        raise QueryError(f"there is no {what} in the body", value=body[:80].decode("utf-8", "replace"), remedy=remedy)
    return found
