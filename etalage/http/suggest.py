"""`/v1/suggest`: what was typed so far, completed.

A completion takes a tenth of a millisecond, so it is answered on the event loop, and the application hands requests straight to `Front`:
finding the route, reading parameters and writing JSON as FastAPI does would take longer than all else. Keys, limits, log and metrics are
the middleware's, as for every route.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from hashlib import blake2b
from importlib.metadata import version
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from autocomplete.complete import MOST, Completer, Completion, Wanted
from autocomplete.context import Context
from autocomplete.querylog import CATEGORY, PRODUCT, TYPES
from etalage.core.errors import EtalageError, QueryError
from etalage.http import errors

log = logging.getLogger(__name__)

PATH: Final = "/v1/suggest"

MAX_AGE: Final = 30
"""Seconds for which an answer may be kept by whoever carries it."""

_SHORT: Final = 1.0
"""Seconds after which it is said that the kernels are compiled."""

_ETALAGE: Final = version("etalage")
_MAX_PARAMETERS: Final = 200
_MAX_CONTEXT: Final = 100

Texts = tuple[Annotated[str, Field(max_length=1000)], ...]

_COMMAS: Final = ("type", "after", "earlier")
"""Lists that may be written with commas; paths of categories have their own."""
_LISTS: Final = (*_COMMAS, "viewed", "liked")


class Question(BaseModel):
    """What is completed, by URL parameters or as JSON.

    Attributes:
        q: what was typed.
        size: completions, at most.
        category: path of a category (`Home > Sofas`) that they must lead to, or below it.
        type: types of completions (`querylog.TYPES`); all where empty.
        in_stock: whether something that they find must be in stock.
        after, viewed, earlier, liked: the context (`Context`), newest first: what was searched for in this visit, the categories that
            were looked at, and the same of earlier visits.
        explain: whether each completion says what its score is made of.
    """

    model_config = ConfigDict(extra="forbid")

    q: str = ""
    size: int = Field(10, ge=1, le=MOST)
    category: str = Field("", max_length=1000)
    type: Texts = Field((), max_length=len(TYPES))
    in_stock: bool = False
    after: Texts = Field((), max_length=_MAX_CONTEXT)
    viewed: Texts = Field((), max_length=_MAX_CONTEXT)
    earlier: Texts = Field((), max_length=_MAX_CONTEXT)
    liked: Texts = Field((), max_length=_MAX_CONTEXT)
    explain: bool = False

    @field_validator(*_LISTS, mode="before")
    @classmethod
    def _listed(cls, given: object, about: ValidationInfo) -> object:
        return _listed(about.field_name or "", given) if isinstance(given, str) else given

    @property
    def wanted(self) -> Wanted:
        """Which completions are asked for."""
        return Wanted(self.category, self.type, self.in_stock)

    @property
    def context(self) -> Context:
        """What the shopper did before."""
        return Context(self.after, self.viewed, self.earlier, self.liked)


def _listed(name: str, given: str) -> tuple[str, ...]:
    """A list that was written as one text."""
    parts = given.split(",") if name in _COMMAS else [given]
    return tuple(part.strip() for part in parts if part.strip())


class Completions:
    """The completions of one server.

    Args:
        opened: opens the completer; None before completions were built.
    """

    def __init__(self, opened: Callable[[], Completer | None]) -> None:
        self._opened = opened
        self._completer: Completer | None = None
        self._warm = False
        self._warming = asyncio.Lock()

    async def answer(
        self, prefix: str, size: int, wanted: Wanted = Wanted(), context: Context = Context()
    ) -> list[Completion]:
        """The best completions (`Completer.complete`); none before any were built. Raises EngineError, QueryError."""
        completer = self.completer
        if completer is None:
            return []
        if not self._warm:
            await self.warm()
        return completer.complete(prefix, size, wanted, context)

    async def warm(self) -> None:
        """Complete in a thread, so that no shopper waits while the kernels are compiled, which on a new machine takes some twenty seconds.
        Without completions nothing is done. Raises EngineError where they cannot be read."""
        completer = self.completer
        async with self._warming:  # one thread compiles for all who wait
            if completer is None or self._warm:
                return
            done = asyncio.ensure_future(run_in_threadpool(completer.warm))
            _, late = await asyncio.wait({done}, timeout=_SHORT)
            if late:
                log.warning("what completes is compiled, once on this machine: some twenty seconds")
            await done
            self._warm = True

    async def explained(self, question: Question) -> list[tuple[Completion, dict[str, float]]]:
        """The same with what each score is made of (`Completer.explain`); in a thread, since that is for people and takes longer."""
        completer, asked = self.completer, question
        if completer is None:
            return []
        return await run_in_threadpool(completer.explain, asked.q, asked.size, asked.wanted, asked.context)

    @property
    def completer(self) -> Completer | None:
        """What completes; None before completions were built. Raises EngineError where they cannot be read."""
        if self._completer is None:
            self._completer = self._opened()
        return self._completer

    def tag(self, asked: bytes) -> str:
        """The ETag of an answer: of the files that serve and of what is asked. Empty before completions were built."""
        completer = self.completer
        if completer is None:
            return ""
        digest = blake2b(f"{_ETALAGE} {completer.version}\n".encode() + asked, digest_size=12)
        return f'W/"{digest.hexdigest()}"'

    def note(self, one: Completion) -> str:
        """What is told with a completion: of a product its id."""
        return "" if self._completer is None else self._completer.note(one)


router = APIRouter()

_SCHEMA: Final = Question.model_json_schema()
_PARAMETERS: Final = [{"name": name, "in": "query", "schema": one} for name, one in _SCHEMA["properties"].items()]
_BODY: Final = {"required": True, "content": {"application/json": {"schema": _SCHEMA}}}


@router.get(PATH, openapi_extra={"parameters": _PARAMETERS})
@router.post(PATH, openapi_extra={"requestBody": _BODY})
async def suggest(request: Request) -> Response:
    """Complete what was typed so far."""
    completions: Completions = request.app.state.shop.completions
    headers = {}
    if request.method == "GET":
        query = request.scope["query_string"]
        question, tag = read(_parameters(query), "query"), completions.tag(query)
        tag = "" if question.context else tag  # what one shopper is told is not for others, nor to be told twice
        headers = _kept(tag, shared="key" not in request.scope["state"])
        if tag and _matches(tag, request.scope["headers"]):
            return Response(status_code=304, headers=headers)
    else:
        question = read(_document(await request.body()), "body")
        headers["cache-control"] = "private, no-store"
    started = time.perf_counter()
    if question.explain:
        explained = await completions.explained(question)
        found = [one for one, _ in explained]
    else:
        explained, found = [], await completions.answer(question.q, question.size, question.wanted, question.context)
    took = (time.perf_counter() - started) * 1000
    headers["server-timing"] = f"complete;dur={took:.3f}"
    told: dict[str, Any] = shown(found, completions.note)
    for one, (_, parts) in zip(told["completions"], explained, strict=False):
        one["explain"] = parts
    told["took_ms"] = round(took, 3)
    return Response(orjson.dumps(told), headers=headers, media_type="application/json")


class Front:
    """The door as an ASGI application of its own, for an application that does not look for its route first."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await suggest(Request(scope, receive))
        except EtalageError as error:
            response = errors.of(PATH, error)
        except RequestValidationError as error:
            response = errors.invalid(PATH, error)
        await response(scope, receive, send)


def shown(found: list[Completion], note: Callable[[Completion], str]) -> dict[str, list[dict[str, Any]]]:
    """Completions as JSON has them; beside them the categories and the products that are among them."""
    completions, categories, products = [], [], []
    for one in found:
        told: dict[str, Any] = {"text": one.text, "score": round(one.score, 4), "type": one.type, "match": one.match}
        if one.category:
            told["category"] = one.category
        completions.append(told)
        if one.type == CATEGORY:
            categories.append({"text": one.text, "category": one.category})
        elif one.type == PRODUCT:
            products.append({"id": note(one), "title": one.text})
    return {"completions": completions, "categories": categories, "products": products}


def read(given: object, where: str) -> Question:
    """What is asked. Raises RequestValidationError, which says what is wrong with it."""
    try:
        return Question.model_validate(given)
    except ValidationError as error:
        told = [{**one, "loc": (where, *one["loc"])} for one in error.errors(include_url=False)]
        raise RequestValidationError(told) from None


def _parameters(query: bytes) -> dict[str, object]:
    """URL parameters that are known; of one that is repeated the last holds, but those of a list add up."""
    try:
        pairs = parse_qsl(query.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MAX_PARAMETERS)
    except ValueError:
        raise QueryError(f"there are more than {_MAX_PARAMETERS} parameters", remedy="Send fewer.") from None
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in _LISTS:
            found[name] = (*found.get(name, ()), *_listed(name, value))
        elif name in Question.model_fields:
            found[name] = value
    return found


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise QueryError(f"the body is not JSON ({error})", remedy='Send such as {"q": "sofa"}.') from None
    if not isinstance(given, dict):
        raise QueryError("the body is not a JSON object", remedy='Send such as {"q": "sofa"}.')
    return given


def _kept(tag: str, *, shared: bool) -> dict[str, str]:
    """How long an answer may be kept, and by whom: behind keys by nobody who would hand it to others."""
    if not tag:
        return {"cache-control": "private, no-store"}
    return {"cache-control": f"{'public' if shared else 'private'}, max-age={MAX_AGE}", "etag": tag}


def _matches(tag: str, headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether `If-None-Match` has a tag; weakly compared (RFC 9110, 13.1.2)."""
    for name, value in headers:
        if name == b"if-none-match":
            wanted = [one.strip().removeprefix("W/") for one in value.decode("latin-1").split(",")]
            return tag.removeprefix("W/") in wanted or wanted == ["*"]
    return False
