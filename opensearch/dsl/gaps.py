"""Histograms that make buckets without documents: how many, at most.

OpenSearch fills the gaps of a `histogram` before it counts the buckets, so that one with a narrow interval takes all memory
of a node, and a node without memory refuses everybody's requests.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from opensearch.dsl import guard
from opensearch.embedded.dsl import dates

MOST: Final = 65_535
"""Buckets that one histogram may make, as many as a node answers with (`search.max_buckets`)."""

_MILLIS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_FIXED: Final = re.compile(r"([0-9]{1,15})(ms|s|m|h|d)", re.ASCII)
_DAYS: Final = {"d": 1, "w": 7, "M": 28, "q": 90, "y": 365}
_CALENDAR: Final = dict(zip("minute hour day week month quarter year".split(), "mhdwMqy", strict=True))

Ends = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Gaps:
    """A histogram without `min_doc_count`.

    Attributes:
        path: where it stands in the body.
        width: of a bucket, in the field's unit; milliseconds for times, of the shortest month or year.
        bounds: ends of what is filled in any case.
        low, high: ends of what is filled at most.
    """

    path: str
    field: str
    width: float
    bounds: Ends | None = None
    low: float = float("-inf")
    high: float = float("inf")

    def buckets(self, spread: Ends | None) -> float:
        """How many buckets there are at most, over values that lie between two numbers; None: there are no values."""
        ends = [min(max(one, self.low), self.high) for one in spread or ()] + list(self.bounds or ())
        return (max(ends) - min(ends)) / self.width + 1 if ends else 0


def of(aggregations: Any, path: str = "aggs") -> Iterator[Gaps]:
    """The histograms with gaps in aggregations that the guard let pass. Raises QueryError for bounds that cannot be read."""
    for name, given in aggregations.items():
        for kind, inner in given.items():
            here = f"{path}.{name}.{kind}"
            if kind in ("aggs", "aggregations"):
                yield from of(inner, here)
            elif kind in ("histogram", "date_histogram"):
                found = _gaps(kind, inner, here)
                if found is not None:
                    yield found


def refuse(gaps: Gaps, spread: Ends | None) -> None:
    """Raise QueryError when there would be more than `MOST` buckets."""
    many = gaps.buckets(spread)
    if many > MOST:
        raise guard.refusal(
            f"there would be {many:.0f} buckets, at most {MOST} are made",
            gaps.path,
            remedy="Widen the interval, set min_doc_count to 1, or narrow it with hard_bounds.",
        )


def _gaps(kind: str, given: Mapping[str, Any], path: str) -> Gaps | None:
    """None when there are no gaps, or when the engine will not take it anyway."""
    field, width = given.get("field"), _number_width(given) if kind == "histogram" else _time_width(given)
    least = guard.number(given.get("min_doc_count", 0))
    if width is None or not isinstance(field, str) or (least is not None and least >= 1):
        return None
    low, high = _ends(kind, given.get("hard_bounds"), f"{path}.hard_bounds")
    first, last = _ends(kind, given.get("extended_bounds"), f"{path}.extended_bounds")
    ends = [one for one in (first, last) if one is not None]
    missing = _end(kind, given.get("missing"))
    ends += [missing] if missing is not None else []
    return Gaps(
        path,
        field,
        width,
        (min(ends), max(ends)) if ends else None,
        float("-inf") if low is None else low,
        float("inf") if high is None else high,
    )


def _number_width(given: Mapping[str, Any]) -> float | None:
    width = guard.number(given.get("interval"))
    return width if width is not None and width > 0 else None


def _time_width(given: Mapping[str, Any]) -> float | None:
    for name in ("calendar_interval", "fixed_interval", "interval"):
        text = str(given.get(name, ""))
        unit = _CALENDAR.get(text) or text.removeprefix("1")
        if name != "fixed_interval" and unit in _DAYS:
            return float(_DAYS[unit] * _MILLIS["d"])
        if name != "fixed_interval" and unit in _MILLIS:
            return float(_MILLIS[unit])
        found = _FIXED.fullmatch(text)
        if found is not None and int(found[1]) > 0:
            return float(int(found[1]) * _MILLIS[found[2]])
    return None


def _ends(kind: str, given: Any, path: str) -> tuple[float | None, float | None]:
    if not isinstance(given, Mapping):
        return None, None
    ends = []
    for name in ("min", "max"):
        end = _end(kind, given.get(name))
        if end is None and given.get(name) is not None:
            raise guard.refusal("this bound is not read", f"{path}.{name}", given[name], "Give a number or ISO 8601.")
        ends.append(end)
    return ends[0], ends[1]


def _end(kind: str, value: Any) -> float | None:
    if kind == "histogram":
        return guard.number(value)
    moment = dates.instant(value, time.time_ns() // 1_000_000) if value is not None else None
    return None if moment is None else float(moment)
