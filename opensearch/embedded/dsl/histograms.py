"""`histogram` and `date_histogram`: buckets of equal width, or of calendar units."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final

import numpy as np

from opensearch.embedded.dsl import body, dates, timeformats
from opensearch.embedded.dsl.aggregations import (
    MAX_BUCKETS,
    Aggregation,
    AggregationReader,
    Doubles,
    Tree,
    collected,
    within,
)
from opensearch.embedded.dsl.buckets import Order, metric, read_order
from opensearch.embedded.dsl.clauses import Match, Run
from opensearch.embedded.dsl.functions import column_of, span
from opensearch.embedded.dsl.schema import Field, Kind
from opensearch.embedded.dsl.terms import moment

_BY_KEY: Final[tuple[Order, ...]] = (("_key", False),)
_CALENDAR: Final[Mapping[str, str]] = {
    "minute": "m", "1m": "m", "hour": "h", "1h": "h", "day": "d", "1d": "d", "week": "w", "1w": "w", "month": "M",
    "1M": "M", "quarter": "q", "1q": "q", "year": "y", "1y": "y",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Histogram(Aggregation):
    """Buckets over a number or a time.

    Attributes:
        floor: the key of the bucket of each value.
        following: the key after a key.
        written: a key as text; None for numbers.
        bounds: keys between which buckets are made even where no document is.
        hard: keys between which buckets are made.
    """

    field: Field | None
    floor: Callable[[Doubles], Doubles]
    following: Callable[[float], float]
    written: Callable[[float], str] | None
    least: int
    order: tuple[Order, ...]
    keyed: bool
    bounds: tuple[float, float] | None
    hard: tuple[float, float] | None
    missing: float | None
    inner: Tree
    at: str

    def collect(self, run: Run, found: Match) -> dict[str, Any]:
        column = np.full(run.size, np.nan) if self.field is None else column_of(run.catalog, self.field)
        if self.missing is not None:
            column = np.where(np.isnan(column), self.missing, column)
        kept = found.mask & ~np.isnan(column)
        keys = np.full(run.size, np.nan)
        keys[kept] = self.floor(column[kept])
        if self.hard is not None:
            kept &= (keys >= self.hard[0]) & (keys <= self.hard[1])
        held, counts = np.unique(keys[kept], return_counts=True)
        by_key = dict(zip(held.tolist(), counts.tolist(), strict=True))
        buckets: list[tuple[float, dict[str, Any]]] = []
        # All empty buckets hold the same, and there may be many.
        empty: dict[str, Any] | None = None
        for key in self._keys(sorted(by_key)):
            count = by_key.get(key, 0)
            if count >= self.least:
                inside = empty if count == 0 else None
                if inside is None:
                    inside = collected(self.inner, run, within(found, keys == key)) if self.inner else {}
                empty = inside if count == 0 else empty
                buckets.append((key, {"doc_count": count} | inside))
        for name, descending in reversed(self.order):
            if name == "_key":
                buckets.sort(key=lambda one: one[0], reverse=descending)
            elif name == "_count":
                buckets.sort(key=lambda one: one[1]["doc_count"], reverse=descending)
            else:
                buckets.sort(key=lambda one: metric(one[1], name), reverse=descending)
        return self._answer(buckets)

    def _answer(self, buckets: Sequence[tuple[float, dict[str, Any]]]) -> dict[str, Any]:
        shown = []
        for key, inside in buckets:
            own: dict[str, Any] = {"key": key}
            if self.written is not None:
                own = {"key_as_string": self.written(key), "key": int(key)}
            shown.append(own | inside)
        if self.keyed:
            return {"buckets": {one.get("key_as_string", str(one["key"])): one for one in shown}}
        return {"buckets": shown}

    def _keys(self, held: Sequence[float]) -> Iterator[float]:
        """The keys of the buckets, rising; those without documents only where they are asked for."""
        if self.least > 0:
            yield from held
            return
        ends = list(held)
        if self.bounds is not None:
            ends += self.floor(np.array(self.bounds)).tolist()
        if not ends:
            return
        key, last, made = min(ends), max(ends), 0
        while key <= last:
            made += 1
            if made > MAX_BUCKETS:
                raise body.wrong(
                    f"at most {MAX_BUCKETS} buckets are allowed",
                    self.at,
                    made,
                    "Widen the interval, or min_doc_count 1.",
                )
            yield key
            key = self.following(key)


def histogram(reader: AggregationReader, found: dict[str, Any], at: str, inner: Tree) -> Aggregation:
    known = [
        "field",
        "interval",
        "offset",
        "min_doc_count",
        "extended_bounds",
        "hard_bounds",
        "keyed",
        "order",
        "missing",
    ]
    body.only(found, at, known)
    field = reader.field(found, at)
    if field is not None and field.kind is not Kind.NUMBER:
        raise body.wrong("a field of numbers is expected", f"{at}.field", field.name, "Use date_histogram for times.")
    interval = body.number(found.get("interval"), f"{at}.interval")
    if not interval > 0:
        raise body.wrong("an interval above zero is expected", f"{at}.interval", interval)
    offset = body.number(found.get("offset", 0), f"{at}.offset")

    def floor(values: Doubles) -> Doubles:
        lower: Doubles = np.floor((values - offset) / interval) * interval + offset
        return lower

    def following(key: float) -> float:
        # Counted from the start, so that errors do not add up and equal keys stay equal.
        return float((np.floor((key - offset) / interval + 0.5) + 1) * interval + offset)

    def number(value: object, place: str) -> float:
        return body.number(value, place)

    return Histogram(
        field,
        floor,
        following,
        None,
        inner=inner,
        at=at,
        missing=None if found.get("missing") is None else body.number(found["missing"], f"{at}.missing"),
        **_common(found, at, inner, number),
    )


def _common(found: Mapping[str, Any], at: str, inner: Tree, value: Callable[[object, str], float]) -> dict[str, Any]:
    """The parameters that both kinds have. Raises QueryError."""

    def ends(name: str) -> tuple[float, float] | None:
        if found.get(name) is None:
            return None
        place = f"{at}.{name}"
        given = body.mapping(found[name], place)
        body.only(given, place, ["min", "max"])
        low, high = value(given.get("min"), f"{place}.min"), value(given.get("max"), f"{place}.max")
        if low > high:
            raise body.wrong("min is above max", place, given)
        return low, high

    return {
        "least": body.whole(found.get("min_doc_count", 0), f"{at}.min_doc_count"),
        "order": read_order(found["order"], f"{at}.order", inner) if found.get("order") else _BY_KEY,
        "keyed": body.flag(found.get("keyed", False), f"{at}.keyed"),
        "bounds": ends("extended_bounds"),
        "hard": ends("hard_bounds"),
    }


def date_histogram(reader: AggregationReader, found: dict[str, Any], at: str, inner: Tree) -> Aggregation:
    known = [
        "field", "calendar_interval", "fixed_interval", "interval", "offset", "min_doc_count", "extended_bounds",
        "hard_bounds", "keyed", "order", "missing", "format", "time_zone",
    ]  # fmt: skip
    body.only(found, at, known)
    field = reader.field(found, at)
    if field is not None and field.kind is not Kind.DATE:
        raise body.wrong("a field of times is expected", f"{at}.field", field.name, "Use histogram for numbers.")
    zone = dates.zone(body.string(found.get("time_zone", "UTC"), f"{at}.time_zone"))
    if zone is None:
        raise body.wrong("an offset such as +02:00 is expected", f"{at}.time_zone", found["time_zone"])
    known_zone: timezone = zone

    def time(value: object, place: str) -> float:
        return float(moment(reader.queries, value, place, up=False, zone=known_zone))

    floor, following = _steps(found, at, known_zone)
    return Histogram(
        field,
        floor,
        following,
        timeformats.writer(found.get("format"), f"{at}.format", known_zone),
        inner=inner,
        at=at,
        missing=None if found.get("missing") is None else time(found["missing"], f"{at}.missing"),
        **_common(found, at, inner, time),
    )


def _steps(
    found: Mapping[str, Any], at: str, zone: timezone
) -> tuple[Callable[[Doubles], Doubles], Callable[[float], float]]:
    """How to find the bucket of times, and the bucket after one. Raises QueryError."""
    given = [name for name in ("calendar_interval", "fixed_interval", "interval") if name in found]
    if len(given) != 1:
        raise body.wrong("exactly one of calendar_interval and fixed_interval is expected", at, given)
    value, place = found[given[0]], f"{at}.{given[0]}"
    offset = 0.0
    if "offset" in found:
        text = body.scalar(found["offset"], f"{at}.offset")
        offset = span(text.lstrip("+-"), f"{at}.offset") * (-1 if text.startswith("-") else 1)
    unit = _CALENDAR.get(value) if isinstance(value, str) and given[0] != "fixed_interval" else None
    if unit is not None:
        return _by_calendar(unit, offset, zone)
    if given[0] == "calendar_interval":
        raise body.wrong(f"one of {', '.join(sorted(_CALENDAR))} is expected", place, value)
    width = span(value, place)
    if isinstance(value, str) and re.search("w$", value):
        raise body.wrong("weeks are a calendar_interval", place, value, "Use 7d.")
    if width < 1:
        raise body.wrong("an interval above zero is expected", place, value)
    shift = _offset(zone)

    def floor(values: Doubles) -> Doubles:
        lower: Doubles = np.floor((values + shift - offset) / width) * width - shift + offset
        return lower

    return floor, lambda key: key + width


def _by_calendar(
    unit: str, offset: float, zone: timezone
) -> tuple[Callable[[Doubles], Doubles], Callable[[float], float]]:
    def local(value: float) -> datetime:
        return dates.of_millis(int(value)).astimezone(zone)

    def floor(values: Doubles) -> Doubles:
        distinct, places = np.unique(values - offset, return_inverse=True)
        keys = [dates.to_millis(dates.floor(local(one), unit)) + offset for one in distinct.tolist()]
        return np.array(keys, np.float64)[places]

    def following(key: float) -> float:
        step = ("M", 3) if unit == "q" else (unit, 1)
        return float(dates.to_millis(dates.add(local(key - offset), *step)) + offset)

    return floor, following


def _offset(zone: timezone) -> float:
    return (zone.utcoffset(None) or timedelta()) / timedelta(milliseconds=1)
