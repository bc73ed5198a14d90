"""Requests to OpenSearch: retries with backoff, and every failure as one of Etalage's errors."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

import opensearchpy
import orjson
from opensearchpy.serializer import JSONSerializer

from etalage.core.errors import ConfigError, EngineError, EngineTimeout, EngineUnavailable, shorten
from etalage.core.settings import Settings

ATTEMPTS: Final = 4
"""Times that a request is sent before an unreachable or overloaded node is given up."""

_FIRST_PAUSE: Final = 0.1
_BUSY: Final = (429, 502, 503, 504)
_TOO_MANY: Final = "too_many_buckets_exception"
_LONG: Final = 300.0
_BULK_BYTES: Final = 8 << 20
_PAGE: Final = 1000
_KEEP_ALIVE: Final = "2m"

# The client library logs every refused request; the error that is raised says the same and more.
logging.getLogger("opensearch").addHandler(logging.NullHandler())


class Missing(EngineError):
    """The index or document does not exist (404)."""


class Refused(EngineError):
    """The node does not accept the request (400)."""


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
        options: dict[str, Any] = {}
        if settings.opensearch_user is not None:
            password = settings.opensearch_password.get_secret_value() if settings.opensearch_password else ""
            options["http_auth"] = (settings.opensearch_user, password)
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
        except (OSError, ValueError, opensearchpy.exceptions.ImproperlyConfigured) as error:
            raise self._fault(
                EngineError, f"the connection cannot be set up ({error})", "Check the settings."
            ) from None

    def call(
        self,
        method: str,
        *path: str,
        body: Any = None,
        params: Mapping[str, Any] | None = None,
        long: bool = False,
        lines: bool = False,
        timeout: float | None = None,
    ) -> Any:
        """Send a request and return the parsed answer (`bool` for HEAD).

        Args:
            path: the parts of the path, quoted here.
            long: allow the minutes that a refresh or a deletion may take.
            lines: the body is newline-delimited JSON.
            timeout: seconds for all attempts together; the setting's, each, when None.

        Raises:
            Missing, Refused: the node answers 404 or 400.
            EngineTimeout: no answer in time; not repeated, for the node may be at it still.
            EngineUnavailable: not reached, or overloaded, `ATTEMPTS` times.
            EngineError: anything else.
        """
        url = "/" + "/".join(quote(part, safe=",*") for part in path)
        headers = {"content-type": "application/x-ndjson"} if lines else None
        patience = max(self.timeout, _LONG) if long else self.timeout
        end = time.monotonic() + timeout if timeout is not None else None
        fault: EngineError = self._fault(EngineTimeout, "no time is left for OpenSearch", "Allow more time.")
        for attempt in range(ATTEMPTS):
            if attempt:
                pause = _FIRST_PAUSE * 2 ** (attempt - 1) * random.uniform(0.5, 1.5)
                if end is not None and time.monotonic() + pause >= end:
                    break
                time.sleep(pause)
            left = patience if end is None else min(patience, end - time.monotonic())
            if left <= 0:
                break
            try:
                answer = self._client.transport.perform_request(
                    method,
                    url,
                    params=dict(params or {}),
                    body=body,
                    timeout=left,
                    headers=headers,
                )
            except opensearchpy.exceptions.OpenSearchException as error:
                fault = self._translate(error, left)
                if not isinstance(fault, EngineUnavailable):
                    raise fault from None
            else:
                if isinstance(answer, str):
                    raise self._fault(EngineError, "the answer is not OpenSearch's", "Correct ETALAGE_OPENSEARCH_URL.")
                return answer
        raise fault from None

    def _translate(self, error: Exception, waited: float) -> EngineError:
        if isinstance(error, opensearchpy.exceptions.ConnectionTimeout):
            return self._fault(
                EngineTimeout,
                f"OpenSearch did not answer within {waited:.3g} s",
                "Look at the node's load, or raise ETALAGE_OPENSEARCH_TIMEOUT.",
            )
        if isinstance(error, opensearchpy.exceptions.SSLError):
            return self._fault(
                EngineError,
                f"no trusted connection to OpenSearch ({shorten(str(error.error))})",
                "Name the certificate bundle in ETALAGE_OPENSEARCH_CA, or check the URL.",
            )
        if isinstance(error, opensearchpy.exceptions.ConnectionError):
            return self._fault(
                EngineUnavailable, "OpenSearch cannot be reached", "Start the node, or correct ETALAGE_OPENSEARCH_URL."
            )
        if not isinstance(error, opensearchpy.exceptions.TransportError):
            return self._fault(EngineError, f"OpenSearch cannot be asked ({shorten(str(error))})", "Check the URL.")
        status, reason = error.status_code, _reason(error.info) or str(error.error)
        if status == 503 and _kind(error.info) == _TOO_MANY:
            # It is not away: the request asks for too much, and would again.
            refused = self._fault(Refused, f"OpenSearch answers {status} ({shorten(reason)})", "Ask for fewer buckets.")
            refused.answer = {**error.info, "status": 400}
            return refused
        if status in _BUSY:
            return self._fault(EngineUnavailable, f"OpenSearch is overloaded or starting ({reason})", "Try again.")
        if status == 401:
            return self._fault(
                EngineError,
                "OpenSearch refuses the user or the password",
                "Check ETALAGE_OPENSEARCH_USER and ETALAGE_OPENSEARCH_PASSWORD.",
            )
        if status == 413:
            return self._fault(EngineError, "a request is too large for OpenSearch", "Lower ETALAGE_CHUNK.")
        kind = {400: Refused, 404: Missing}.get(int(status), EngineError)
        fault = self._fault(kind, f"OpenSearch answers {status} ({shorten(reason)})", "See the node's log.")
        fault.answer = dict(error.info) if isinstance(error.info, Mapping) else None
        return fault

    def _fault(self, kind: type[EngineError], reason: str, remedy: str) -> EngineError:
        return kind(reason, value=self.url, remedy=remedy)

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

    def documents(self, index: str, ids: Sequence[str], source: Any = True) -> list[dict[str, Any]]:
        """Those of `ids` that exist, read in real time: `{"_id", "_source", "_seq_no", "_primary_term"}`."""
        found: list[dict[str, Any]] = []
        for start in range(0, len(ids), _PAGE):
            body = {"docs": [{"_id": one, "_source": source} for one in ids[start : start + _PAGE]]}
            answer = self.call("POST", index, "_mget", body=body)
            found += [one for one in answer["docs"] if one.get("found")]
        return found

    def scan(self, index: str, query: Mapping[str, Any], sort: Sequence[Any], **body: Any) -> Iterator[dict[str, Any]]:
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

    def close(self) -> None:
        self._client.close()


def _kind(info: Any) -> str:
    """The type of the error that caused a node's refusal."""
    error = info.get("error") if isinstance(info, Mapping) else None
    cause = error.get("caused_by", error) if isinstance(error, Mapping) else {}
    return str(cause.get("type", "")) if isinstance(cause, Mapping) else ""


def _reason(info: Any) -> str:
    """The cause that the node gives, deepest first."""
    error = info.get("error") if isinstance(info, Mapping) else info
    if not isinstance(error, Mapping):
        return str(error or "")
    deepest = error if "caused_by" in error else (error.get("root_cause") or [error])[0]
    while isinstance(deepest.get("caused_by"), Mapping):
        deepest = deepest["caused_by"]
    return str(deepest.get("reason") or error.get("reason") or error.get("type") or "")
