"""Who may do what: the key, scope and indexes that a request needs, and the gate that asks for them.

| path | scope |
|---|---|
| `/healthz`, `/v1/suggest.js`, `.css`, `.html` | none, and no key |
| `/v1/search`, `/{index}/_search`, `_msearch`, `_count`, `_doc`, `GET /`, `/_cluster/health` | `search` |
| `/readyz`, `/metrics`, `/openapi.json`, `/docs`, `/redoc` | `search` |
| `/v1/suggest` | `suggest` |
| `/v1/events` | `events` |
| `/v1/products`, `/{index}/_bulk` and the like, any `_doc` that is not read | `index` |
| everything else | none, but a key |
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from etalage.core.errors import EtalageError
from etalage.core.settings import Settings
from etalage.http import errors
from etalage.http.keys import ANY, Key, Keys, Scope
from etalage.http.page import routes as page
from etalage.http.seen import seen

MAX_HEADERS: Final = 16 * 1024
"""Most bytes of headers."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_READ: Final = {"_search", "_msearch", "_count", "_mget", "_source", "_explain", "_mapping", "_settings", "_alias"}
_WRITE: Final = {
    "_bulk",
    "_create",
    "_update",
    "_update_by_query",
    "_delete_by_query",
    "_refresh",
    "_flush",
    "_reindex",
}
_OWN: Final = {"v1/search": Scope.SEARCH, "v1/suggest": Scope.SUGGEST, "v1/events": Scope.EVENTS} | {
    "v1/products": Scope.INDEX
}
_OPERATIONS: Final = {"readyz", "metrics", "openapi.json", "docs", "docs/oauth2-redirect", "redoc"}


@dataclass(frozen=True, slots=True)
class Need:
    """What a request needs: a key (unless `open`), with `scope` and for all `indexes`. `route` is its template."""

    scope: Scope | None
    indexes: tuple[str, ...] = ()
    open: bool = False
    route: str = ""


def need(method: str, path: str, index: str) -> Need:
    """What a request of a decoded `path` needs, on a server of `index`.

    An operation of OpenSearch that names no index means all of them, except `_msearch`, whose body names them: whoever
    answers it calls `require` for each.
    """
    whole = path.strip("/")
    parts = whole.split("/")
    if path == "/healthz" or path in page.PATHS:
        return Need(None, open=True, route=path)
    if whole in _OWN:
        return Need(_OWN[whole], (index,), route=f"/{whole}")
    if whole in _OPERATIONS:
        return Need(Scope.SEARCH, route=f"/{whole}")
    if whole == "":
        return Need(Scope.SEARCH, route="/")
    if parts[0] == "v1":
        return Need(None)
    if parts[:2] == ["_cluster", "health"]:
        return Need(Scope.SEARCH, tuple(parts[2].split(",")) if parts[2:] else (), route="/_cluster/health")
    operation = next((part for part in parts[:2] if part.startswith("_") and part != "_all"), None)
    if operation is None or operation == "_cluster":
        return Need(None)
    named = tuple(parts[0].split(",")) if parts[0] != operation else () if operation == "_msearch" else (ANY,)
    route = f"/{{index}}/{operation}" if parts[0] != operation else f"/{operation}"
    if operation == "_doc":
        read = method in ("GET", "HEAD")
        return Need(Scope.SEARCH if read else Scope.INDEX, named, route="/{index}/_doc/{id}")
    if operation in _READ:
        return Need(Scope.SEARCH, named, route=route)
    return Need(Scope.INDEX, named, route=route) if operation in _WRITE else Need(None, named)


def check_path(raw: bytes) -> None:
    """Look at a path as it was sent, percent-encoded.

    Raises:
        BadRequest: a control character, bytes that are not UTF-8, an empty part, a part `.` or `..`, or a slash hidden in
            a part (only a document's id may have one).
    """
    parts = raw.split(b"?")[0].split(b"/")[1:]
    for place, part in enumerate(parts):
        try:
            text = unquote_to_bytes(part).decode()
        except UnicodeDecodeError:
            raise _bad_path("is not UTF-8") from None
        if _CONTROL.search(text):
            raise _bad_path("has a control character")
        if not text and place < len(parts) - 1:
            raise _bad_path("has an empty part")
        if {".", ".."} & set(re.split(r"[/\\]", text)):
            raise _bad_path("has a part . or ..")
        if re.search(r"[/\\]", text) and not (place == 2 and parts[1] == b"_doc"):
            raise _bad_path("hides a slash")


def _bad_path(fault: str) -> errors.BadRequest:
    return errors.BadRequest(f"the path {fault}", remedy="See the reference for paths.")


def allowed(settings: Settings, index: str) -> bool:
    """Whether the server offers `index` at all: it is in `ETALAGE_INDEXES`, or, without that, `ETALAGE_INDEX`."""
    return index in (settings.indexes or settings.index).split(",")


def require(request: HTTPConnection, index: str) -> None:
    """Refuse an index that the request's key does not cover; for indexes that a body names.

    Raises:
        Forbidden: the key is for other indexes.
    """
    key: Key | None = request.scope.get("state", {}).get("key")
    if key is not None:
        _cover(key, index)


def charge(request: HTTPConnection, searches: int) -> None:
    """Count each search of a request against its key's rate, beyond the first; for `_msearch`. It passes, but the key waits
    the longer for its next request."""
    state = request.scope.get("state", {})
    if state.get("key") is not None and searches > 1:
        state["keys"].spend(state["key"], searches - 1)


def _cover(key: Key, index: str) -> None:
    if not key.covers(index):
        what = "all indexes" if index == ANY else index
        raise errors.Forbidden("the key is not for this index", value=what, remedy="Use a key that lists it.")


def credentials(headers: list[tuple[bytes, bytes]]) -> bytes | None:
    """The key that a request carries: `Authorization: ApiKey KEY`, `Bearer KEY`, Basic authentication's password, or
    `X-Api-Key: KEY`; None without any."""
    named = {name.lower(): value.strip() for name, value in reversed(headers)}
    scheme, _, value = named.get(b"authorization", b"").partition(b" ")
    if scheme.lower() in (b"apikey", b"bearer"):
        return value.strip()
    if scheme.lower() == b"basic":
        try:
            return base64.b64decode(value.strip(), validate=True).partition(b":")[2]
        except binascii.Error:
            return None
    return named.get(b"x-api-key")


class Gate:
    """Middleware that refuses headers above the limit (431) and crooked paths (400), and, when there are keys, requests
    without one (401), outside its scope or indexes (403), or faster than it allows (429)."""

    def __init__(self, app: ASGIApp, keys: Keys | None, index: str) -> None:
        self._app, self._keys, self._index = app, keys, index

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                self._check(scope)
            except EtalageError as error:
                await errors.of(scope["path"], error)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, scope: Connection) -> None:
        if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEADERS:
            raise errors.HeadersTooLarge(f"the headers are larger than {MAX_HEADERS // 1024} KiB", remedy="Send less.")
        check_path(scope.get("raw_path") or scope["path"].encode("utf-8", "surrogatepass"))
        wanted = need(scope["method"], scope["path"], self._index)
        about = seen(scope)
        about.route = wanted.route
        if self._keys is None or wanted.open:
            return
        given = credentials(scope["headers"])
        if not given:
            raise errors.Unauthorized("no API key was sent", remedy="Send `Authorization: ApiKey KEY`.")
        key = self._keys.find(given)
        if key is None:
            raise errors.Unauthorized("the API key is not known", remedy="Check the key.")
        about.key = key.name
        wait = self._keys.take(key)
        if wait:
            error = errors.TooManyRequests("the key's rate is used up", value=key.name, remedy="Send fewer requests.")
            error.retry_after = wait
            raise error
        if wanted.scope is not None and wanted.scope not in key.scopes:
            raise errors.Forbidden(
                f"the key lacks the scope {wanted.scope}", value=key.name, remedy="Use a key that has it."
            )
        for index in wanted.indexes:
            _cover(key, index)
        scope["state"] |= {"key": key, "keys": self._keys}
