"""Requests to OpenSearch: retries with backoff, and every failure as one of Etalage's errors."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, unquote, urlencode, urlsplit, urlunsplit

import opensearchpy
import orjson
from opensearchpy.serializer import JSONSerializer

from etalage.core.errors import ConfigError, EngineError, EngineUnavailable, shorten
from etalage.core.settings import Settings
from opensearch.cluster.faults import Faults, Missing, Refused
from opensearch.cluster.line import Line
from opensearch.cluster.wire import Address, Wire

__all__ = ["ATTEMPTS", "Client", "Missing", "Refused"]

ATTEMPTS: Final = 4
"""Times that a request is sent before an unreachable or overloaded node is given up."""

_FIRST_PAUSE: Final = 0.1
_LONG: Final = 300.0
_BULK_BYTES: Final = 8 << 20
_PAGE: Final = 1000
_KEEP_ALIVE: Final = "2m"

# The client library logs every refused request; the error that is raised says the same and more.
logging.getLogger("opensearch").addHandler(logging.NullHandler())


class _Orjson(JSONSerializer):  # type: ignore[misc]
    def loads(self, s: str) -> Any:
        try:
            return orjson.loads(s)
        except orjson.JSONDecodeError as error:
            raise opensearchpy.exceptions.SerializationError(shorten(s), error) from None

    def dumps(self, data: Any) -> Any:
        return data if isinstance(data, str | bytes) else orjson.dumps(data, option=orjson.OPT_SERIALIZE_NUMPY)


class Client:
    """A thread-safe connection pool to the node that `settings` names."""

    def __init__(self, settings: Settings) -> None:
        if settings.opensearch_url is None:
            raise ConfigError("no OpenSearch node is set", remedy="Set ETALAGE_OPENSEARCH_URL.")
        parts = urlsplit(settings.opensearch_url)
        self.url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        self.timeout = settings.opensearch_timeout
        self._faults = Faults(self.url)
        options: dict[str, Any] = {}
        if settings.opensearch_user is not None:
            options["http_auth"] = _user(settings)
        if parts.scheme == "https":
            options |= {"verify_certs": settings.opensearch_verify, "ssl_show_warn": False}
            if not settings.opensearch_verify:
                options["ssl_assert_hostname"] = False
            if settings.opensearch_ca is not None:
                if not settings.opensearch_ca.is_file():
                    raise ConfigError(
                        "there is no such certificate bundle",
                        value=settings.opensearch_ca,
                        remedy="Correct ETALAGE_OPENSEARCH_CA.",
                    )
                options["ca_certs"] = str(settings.opensearch_ca)
        try:
            self._client = opensearchpy.OpenSearch(
                [settings.opensearch_url],
                timeout=self.timeout,
                max_retries=0,
                pool_maxsize=32,
                serializer=_Orjson(),
                **options,
            )
            address = Address(settings.opensearch_url, _user(settings), _secure(settings))
        except (OSError, ValueError, opensearchpy.exceptions.ImproperlyConfigured) as error:
            raise self._faults.of(
                EngineError, f"the connection cannot be set up ({error})", "Check the settings."
            ) from None
        self._wire, self._line = Wire(address), Line(address)

    def call(
        self,
        method: str,
        *path: str,
        body: Any = None,
        params: Mapping[str, Any] | None = None,
        long: bool = False,
        lines: bool = False,
        kind: str | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Send a request and return the parsed answer (`bool` for HEAD).

        Args:
            path: the parts of the path, quoted here.
            long: allow the minutes that a refresh or a deletion may take.
            lines: the body is newline-delimited JSON.
            kind: the type of a body that is bytes of something else.
            timeout: seconds for all attempts together; the setting's, each, when None.

        Raises:
            Missing, Refused: the node answers 404 or 400.
            EngineTimeout: no answer in time; not repeated, for the node may be at it still.
            EngineUnavailable: not reached, or overloaded, `ATTEMPTS` times.
            EngineError: anything else.
        """
        kind = "application/x-ndjson" if lines else kind
        headers = {"content-type": kind} if kind else None

        def once(left: float) -> Any:
            try:
                answer = self._client.transport.perform_request(
                    method, _path(path), params=dict(params or {}), body=body, timeout=left, headers=headers
                )
            except opensearchpy.exceptions.OpenSearchException as error:
                raise self._faults.translate(error, left) from None
            return self._theirs(answer)

        return self._patiently(once, max(self.timeout, _LONG) if long else self.timeout, timeout)

    def search(
        self, *path: str, body: Any, params: Mapping[str, Any] | None = None, timeout: float | None = None
    ) -> dict[str, Any]:
        """`call("POST", ...)` for what every search asks, without a client library in between. Raises what it raises."""
        target, content = _target(path, params), orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)

        def once(left: float) -> Any:
            try:
                return self._taken(*self._line.post(target, content, left))
            except OSError as error:
                raise self._broken(error, left) from None

        answer: dict[str, Any] = self._patiently(once, self.timeout, timeout)
        return answer

    def _patiently(self, once: Callable[[float], Any], patience: float, timeout: float | None) -> Any:
        """What `once` answers within the seconds that it is given, called again while the node is away or busy."""
        end = time.monotonic() + timeout if timeout is not None else None
        fault: EngineError = self._faults.late(0.0)
        for pause in _pauses(end):
            if pause:
                time.sleep(pause)
            left = patience if end is None else min(patience, end - time.monotonic())
            if left <= 0:
                break
            try:
                return once(left)
            except EngineUnavailable as error:
                fault = error
        raise fault from None

    async def post(
        self, *path: str, body: Any, params: Mapping[str, Any] | None = None, timeout: float | None = None
    ) -> dict[str, Any]:
        """`call("POST", ...)` on an event loop, where nothing waits in a thread. Raises what it raises."""
        target, content = _target(path, params), orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)
        end = time.monotonic() + (timeout if timeout is not None else self.timeout)
        fault: EngineError = self._faults.late(0.0)
        for pause in _pauses(end):
            if pause:
                await asyncio.sleep(pause)
            left = min(self.timeout, end - time.monotonic())
            if left <= 0:
                break
            try:
                return self._taken(*await self._wire.post(target, content, left))
            except EngineUnavailable as error:
                fault = error
            except OSError as error:
                fault = self._broken(error, left)
                if not isinstance(fault, EngineUnavailable):
                    raise fault from None
        raise fault from None

    def _taken(self, status: int, answer: bytes) -> Any:
        """The parsed body of an answer. Raises what a refusal means."""
        told = _parsed(answer)
        if 200 <= status < 300:
            return self._theirs(told)
        raise self._faults.refusal(status, told, "")

    def _broken(self, error: OSError, waited: float) -> EngineError:
        """What a connection that failed after `waited` seconds means."""
        if isinstance(error, TimeoutError):
            return self._faults.late(waited)
        return self._faults.untrusted(error) if isinstance(error, ssl.SSLError) else self._faults.away()

    def _theirs(self, answer: Any) -> Any:
        """An answer, unless it is a page of words. Raises EngineError."""
        if isinstance(answer, str):
            raise self._faults.foreign()
        return answer

    def bulk(self, actions: Iterable[tuple[Mapping[str, Any], Any]], **params: Any) -> list[dict[str, Any]]:
        """Carry out (action, source) pairs in order, in requests of about 8 MiB; a source may be JSON already, or None.

        One answer each: `{"_id", "status", "result"}`, with an `error` when it failed.
        """
        answers: list[dict[str, Any]] = []
        lines: list[bytes] = []
        size = 0
        for action, source in actions:
            lines.append(orjson.dumps(action))
            if source is not None:
                lines.append(source if isinstance(source, bytes) else orjson.dumps(source))
                size += len(lines[-1])
            if size > _BULK_BYTES:
                answers += self._bulk(lines, params)
                lines, size = [], 0
        return answers + (self._bulk(lines, params) if lines else [])

    def _bulk(self, lines: Sequence[bytes], params: Mapping[str, Any]) -> list[dict[str, Any]]:
        body = b"\n".join(lines) + b"\n"
        answer = self.call("POST", "_bulk", body=body, params=params, long=True, lines=True)
        return [next(iter(item.values())) for item in answer["items"]]

    def documents(
        self, index: str, ids: Sequence[str], source: Any = True, timeout: float | None = None
    ) -> list[dict[str, Any]]:
        """Those of `ids` that exist, read in real time: `{"_id", "_source", "_seq_no", "_primary_term"}`. `timeout` are the seconds of each
        request, of which each brings a thousand."""
        found: list[dict[str, Any]] = []
        for start in range(0, len(ids), _PAGE):
            body = {"docs": [{"_id": one, "_source": source} for one in ids[start : start + _PAGE]]}
            answer = self.call("POST", index, "_mget", body=body, timeout=timeout)
            found += [one for one in answer["docs"] if one.get("found")]
        return found

    def scan(
        self, index: str, query: Mapping[str, Any], sort: Sequence[Any], **body: Any
    ) -> Generator[dict[str, Any], None, None]:
        """All hits of a query as one point in time shows them, in order of `sort`, page by page."""
        opened = self.call("POST", index, "_search", "point_in_time", params={"keep_alive": _KEEP_ALIVE})
        pit = {"id": opened["pit_id"], "keep_alive": _KEEP_ALIVE}
        ask: dict[str, Any] = {
            "size": _PAGE,
            "query": query,
            "sort": list(sort),
            "pit": pit,
            "track_total_hits": False,
        } | body
        try:
            while True:
                hits = self.call("POST", "_search", body=ask)["hits"]["hits"]
                yield from hits
                if len(hits) < ask["size"]:
                    return
                ask["search_after"] = hits[-1]["sort"]
        finally:
            self.call("DELETE", "_search", "point_in_time", body={"pit_id": [pit["id"]]})

    def refresh(self, index: str) -> None:
        """Make what was written to `index` visible to searches."""
        self.call("POST", index, "_refresh", long=True)

    def ensure(self, index: str, body: Mapping[str, Any]) -> None:
        """Create `index` unless it exists."""
        if self.call("HEAD", index):
            return
        try:
            self.call("PUT", index, body=body, long=True)
        except Refused:
            # Another process may have been faster.
            if not self.call("HEAD", index):
                raise

    async def close_async(self) -> None:
        """Close what `post` has open, before its event loop ends."""
        await self._wire.close()

    def close(self) -> None:
        """Close what `call` and `search` have open."""
        self._client.close()
        self._line.close()


def _user(settings: Settings) -> tuple[str, str] | None:
    """User and password, from the settings or the URL."""
    if settings.opensearch_user is not None:
        return settings.opensearch_user, (
            settings.opensearch_password.get_secret_value() if settings.opensearch_password else ""
        )
    parts = urlsplit(settings.opensearch_url or "")
    return (unquote(parts.username), unquote(parts.password or "")) if parts.username else None


def _secure(settings: Settings) -> ssl.SSLContext | None:
    """How the node proves itself; None for http."""
    if urlsplit(settings.opensearch_url or "").scheme != "https":
        return None
    bundle = str(settings.opensearch_ca) if settings.opensearch_ca else opensearchpy.Connection.default_ca_certs()
    secure = ssl.create_default_context(cafile=bundle)
    if not settings.opensearch_verify:
        secure.check_hostname = False
        secure.verify_mode = ssl.CERT_NONE
    return secure


def _parsed(answer: bytes) -> Any:
    """The JSON of an answer, or its text where it is none."""
    try:
        return orjson.loads(answer)
    except orjson.JSONDecodeError:
        return answer.decode("utf-8", "replace")


def _path(parts: Sequence[str]) -> str:
    """A path of parts, each quoted."""
    return "/" + "/".join(quote(part, safe=",*") for part in parts)


def _target(parts: Sequence[str], params: Mapping[str, Any] | None) -> str:
    """A path of parts with parameters, percent-encoded."""
    return _path(parts) + (f"?{urlencode(params)}" if params else "")


def _pauses(end: float | None) -> Iterator[float]:
    """Seconds to wait before each attempt, none before the first, as long as they end before `end` (`time.monotonic`)."""
    yield 0.0
    for attempt in range(ATTEMPTS - 1):
        pause = _FIRST_PAUSE * 2**attempt * random.uniform(0.5, 1.5)
        if end is not None and time.monotonic() + pause >= end:
            return
        yield pause
