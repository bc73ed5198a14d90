"""One line per request on stderr. What was asked, and by whom, is never in it."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, TextIO

import orjson

from etalage.http.seen import Seen

OFF, TEXT, JSON = "off", "text", "json"
_TIME: Final = "%Y-%m-%dT%H:%M:%S"


def _now() -> datetime:
    return datetime.now(UTC)


class AccessLog:
    """Writes requests as JSON lines or as text.

    Args:
        form: `off`, `text` or `json`.
        stream: where to; stderr when None.
    """

    def __init__(self, form: str, stream: TextIO | None = None, now: Callable[[], datetime] = _now) -> None:
        self._form, self._stream, self._now = form, stream, now

    def write(self, method: str, route: str, status: int, seconds: float, about: Seen) -> None:
        """One line; fields that nothing is known of are left out."""
        if self._form == OFF:
            return
        line: dict[str, Any] = {
            "time": _stamp(self._now()),
            "route": route,
            "method": method,
            "status": status,
            "took_ms": round(seconds * 1000, 3),
            "key": about.key or None,
            "index": about.index or None,
            "hits": about.hits,
            "total": about.total,
            "degraded": about.degraded or None,
            "trace": about.trace or None,
        }
        given = {name: value for name, value in line.items() if value is not None}
        text = orjson.dumps(given).decode() if self._form == JSON else _text(given)
        stream = self._stream or sys.stderr
        stream.write(text + "\n")
        stream.flush()


def _stamp(at: datetime) -> str:
    return f"{at.strftime(_TIME)}.{at.microsecond // 1000:03d}Z"


def _text(line: dict[str, Any]) -> str:
    head = " ".join(str(line.pop(name)) for name in ("time", "method", "route", "status"))
    rest = (f"{name}={','.join(value) if isinstance(value, list) else value}" for name, value in line.items())
    return " ".join([head, *rest])


class JsonFormatter(logging.Formatter):
    """What else is logged, as JSON lines too. Of an exception only the type and the places: its message may quote a query."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        line = {"time": _stamp(at), "level": record.levelname, "logger": record.name, "message": record.getMessage()}
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            line["trace"] = "".join(traceback.format_tb(record.exc_info[2]))
        return orjson.dumps(line).decode()


def configure(form: str) -> None:
    """Let what else is logged on the root logger's handlers take the same form."""
    if form == JSON:
        for handler in logging.getLogger().handlers:
            handler.setFormatter(JsonFormatter())
