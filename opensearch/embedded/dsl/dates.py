"""Times as OpenSearch reads and writes them: ISO-8601, milliseconds since 1970, and sums such as `now-30d/d`."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ISO: Final = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d{2})(?:-(?P<day>\d{2})"
    r"(?:T(?:(?P<hour>\d{2})(?::(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<part>\d{1,9}))?)?)?"
    r"(?P<zone>Z|[+-]\d{2}(?::?\d{2})?)?)?)?)?)?",
    re.ASCII,
)
_SUM: Final = re.compile(r"(?:([+-])(\d{0,6})|(/))([yMwdhHms])", re.ASCII)
_MAX_MILLIS: Final = 253402300799999
"""The end of the year 9999."""

_UNITS: Final = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "H": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}


def of_millis(value: int) -> datetime:
    """The time of `value` milliseconds since 1970."""
    return _EPOCH + timedelta(milliseconds=value)


def to_millis(moment: datetime) -> int:
    """Milliseconds since 1970, rounded down."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def written(value: int) -> str:
    """Milliseconds as the node writes them, e.g. `2026-01-31T00:00:00.000Z`; years beyond 9999 as a number."""
    if not -62135596800000 <= value <= _MAX_MILLIS:
        return str(value)
    return of_millis(value).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def millis(value: object, *, up: bool = False, zone: timezone = UTC) -> int | None:
    """An ISO-8601 time or milliseconds since 1970 as milliseconds; None for anything else. Four digits are a year.

    `up` fills the time of day that the text leaves out with its end instead of its beginning, as a node does (`2026`
    is then the last millisecond of January 1st). A text without a zone is in `zone`.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return int(value) if -_MAX_MILLIS <= value <= _MAX_MILLIS else None
    if not isinstance(value, str):
        return None
    found = _ISO.fullmatch(value)
    if found is None or (found["hour"] is None and value.endswith("T")):
        return _count(value)
    part = ((found["part"] or "") + "000")[:3] if found["part"] else ("999" if up else "0")
    try:
        moment = datetime(
            int(found["year"]),
            int(found["month"] or 1),
            int(found["day"] or 1),
            int(found["hour"] or (23 if up else 0)),
            int(found["minute"] or (59 if up else 0)),
            int(found["second"] or (59 if up else 0)),
            int(part) * 1000,
            tzinfo=_zone(found["zone"], zone),
        )
        return to_millis(moment)
    except (ValueError, OverflowError):
        return None


def _count(value: str) -> int | None:
    return int(value) if re.fullmatch(r"-?\d{1,15}", value, re.ASCII) else None


def _zone(text: str | None, default: timezone) -> timezone:
    if text is None:
        return default
    if text == "Z":
        return UTC
    hours, minutes = int(text[1:3]), int(text[-2:]) if len(text) > 3 else 0
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


def zone(text: str) -> timezone | None:
    """The zone of an offset such as `+02:00`, or of `UTC`; None for anything else."""
    if text in ("UTC", "Z"):
        return UTC
    if re.fullmatch(r"[+-](0\d|1[0-8]):?[0-5]\d", text, re.ASCII):
        return _zone(text, UTC)
    return None


def instant(text: object, now: int, *, up: bool = False, zone: timezone = UTC) -> int | None:
    """A time with date math (`now-30d/d`, `2026-01-01||+1M`) as milliseconds, or None when it is none.

    `up` rounds up to the last millisecond of the rounded unit, as `gt` and `lte` do.
    """
    if not isinstance(text, str):
        return millis(text, up=up, zone=zone)
    if text.startswith("now"):
        start: int | None = now
        rest = text[3:]
    else:
        base, separator, rest = text.partition("||")
        start = millis(base, up=up and not separator, zone=zone)
    if start is None or not rest:
        return start
    moment = of_millis(start).astimezone(zone)
    at = 0
    while at < len(rest):
        found = _SUM.match(rest, at)
        if found is None:
            return None
        at = found.end()
        try:
            if found[3]:
                moment = floor(moment, found[4])
                if up:
                    moment = add(moment, found[4], 1) - timedelta(milliseconds=1)
            else:
                count = int(found[2] or 1)
                moment = add(moment, found[4], -count if found[1] == "-" else count)
        except (ValueError, OverflowError):
            return None
    return to_millis(moment)


def add(moment: datetime, unit: str, count: int) -> datetime:
    """`moment` and `count` units (`y M w d h m s`); a day that the month lacks becomes its last."""
    if unit in _UNITS:
        return moment + count * _UNITS[unit]
    months = moment.year * 12 + moment.month - 1 + count * (12 if unit == "y" else 1)
    year, month = months // 12, months % 12 + 1
    if not 1 <= year <= 9999:
        raise ValueError(year)
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))


def floor(moment: datetime, unit: str) -> datetime:
    """The beginning of the unit that `moment` lies in; weeks begin on Monday. `q` is a quarter."""
    if unit in "sS":
        return moment.replace(microsecond=0)
    if unit == "m":
        return moment.replace(second=0, microsecond=0)
    if unit in "hH":
        return moment.replace(minute=0, second=0, microsecond=0)
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "w":
        return day - timedelta(days=day.weekday())
    if unit == "M":
        return day.replace(day=1)
    if unit == "q":
        return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    return day.replace(month=1, day=1) if unit == "y" else day
