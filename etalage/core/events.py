"""User Behavior Insights, UBI 1.3.0: check queries and events, and read them from files.

The schema: https://github.com/o19s/ubi. A query document has `query_id` and `user_query`; an event has `action_name`. Both
have a `timestamp`.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import orjson

from etalage.core import privacy
from etalage.core.errors import CatalogError, QueryError

QUERIES, EVENTS = "queries", "events"
MAX_FIELD: Final = 2000
_BULK: Final = {"index", "create"}
_QUOTING: Final = ("query", "query_attributes", "message", "message_html")
"""Fields that may repeat what was typed."""
_REMEDY: Final = "Give UBI 1.3.0 documents, one JSON object a line, or an OpenSearch `_bulk` file; gzipped or not."


@dataclass(frozen=True, slots=True)
class Line:
    """One document of a file: its kind (`QUERIES` or `EVENTS`) and content, or why it is refused."""

    number: int
    kind: str = ""
    document: Mapping[str, Any] | None = None
    fault: str = ""


def check(given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The kind of a UBI document, and the document with its `timestamp` as ISO-8601 in UTC with milliseconds and an `id`
    (its content's hash, unless it has one); what of a person is in it is left out (`withheld`). Raises ValueError with the
    reason."""
    document = dict(given)
    kind = EVENTS if "action_name" in document else QUERIES
    if kind == QUERIES and not (isinstance(document.get("user_query"), str) and document.get("query_id")):
        raise ValueError("it is neither an event (`action_name`) nor a query (`query_id` and `user_query`)")
    if kind == EVENTS and not (isinstance(document["action_name"], str) and document["action_name"].strip()):
        raise ValueError("`action_name` is no text")
    for name in ("user_query", "query_id", "client_id", "session_id", "user_id", "application"):
        value = document.get(name)
        if value is not None and not isinstance(value, str):
            raise ValueError(f"`{name}` is no text")
        if value is not None and len(value) > MAX_FIELD:
            raise ValueError(f"`{name}` is longer than {MAX_FIELD} characters")
    document["timestamp"] = _time(document.get("timestamp"))
    _check_ordinal(document)
    document = withheld(document)
    try:
        content = orjson.dumps(document, option=orjson.OPT_SORT_KEYS, default=str)
    except TypeError as error:
        raise ValueError(f"it cannot be stored ({error})") from None
    if not isinstance(document.get("id"), str) or not document["id"]:
        document["id"] = sha256(content).hexdigest()[:32]
    return kind, document


def withheld(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document as it may be kept: without a query that has something of a person in it (`privacy.personal`)."""
    text = document.get("user_query")
    if not isinstance(text, str) or not privacy.personal(text):
        return dict(document)
    return {name: value for name, value in document.items() if name not in _QUOTING} | {"user_query": ""}


def _time(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)) or value == "":
        raise ValueError("`timestamp` is missing")
    try:
        if isinstance(value, str):
            at = datetime.fromisoformat(value)
        else:
            at = datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"`timestamp` is not an ISO-8601 time: {str(value)[:40]}") from None
    return _written(at)


def stamp(days: float) -> str:
    """A moment, in days since 1970, as documents have it."""
    return _written(datetime.fromtimestamp(days * 86400, UTC))


def _written(at: datetime) -> str:
    return at.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _check_ordinal(document: Mapping[str, Any]) -> None:
    attributes = document.get("event_attributes")
    position = attributes.get("position") if isinstance(attributes, Mapping) else None
    ordinal = position.get("ordinal") if isinstance(position, Mapping) else None
    if ordinal is not None and (isinstance(ordinal, bool) or not isinstance(ordinal, int) or ordinal < 1):
        raise ValueError(f"`event_attributes.position.ordinal` is not a position from 1: {str(ordinal)[:40]}")


def sort_out(documents: Iterable[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Queries and events among checked documents. Raises QueryError naming the first that is wrong."""
    found: dict[str, list[dict[str, Any]]] = {QUERIES: [], EVENTS: []}
    for number, given in enumerate(documents, 1):
        try:
            kind, document = check(given)
        except ValueError as error:
            raise QueryError(f"UBI document {number}: {error}", value=dict(given), remedy="Correct it.") from None
        found[kind].append(document)
    return found[QUERIES], found[EVENTS]


def read(path: Path) -> Iterator[Line]:
    """The documents of a file, streaming; `_bulk` action lines are skipped.

    Raises:
        CatalogError: the file is missing, or is no text.
    """
    try:
        with open(path, "rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else open(path, "rb") as file:
            for number, content in enumerate(file, 1):
                if content.strip():
                    line = _line(number, content)
                    if line is not None:
                        yield line
    except OSError as error:
        raise CatalogError(
            f"the file cannot be read ({error.strerror or error})", value=path, remedy="Check the path."
        ) from None
    except (EOFError, zlib.error) as error:
        raise CatalogError(f"the gzipped file cannot be read ({error})", value=path, remedy=_REMEDY) from None


def _line(number: int, content: bytes) -> Line | None:
    try:
        given = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        return Line(number, fault=f"is not JSON ({error})")
    if not isinstance(given, dict):
        return Line(number, fault="is not a JSON object")
    if len(given) == 1 and next(iter(given)) in _BULK:
        return None
    try:
        kind, document = check(given)
    except ValueError as error:
        return Line(number, fault=str(error))
    return Line(number, kind, document)
