"""Aggregations with buckets: `terms`, `range`, `date_range`, `filter`, `filters`, `missing`, `global`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np

from opensearch.embedded.columns import Exact
from opensearch.embedded.dsl import body, dates
from opensearch.embedded.dsl.aggregations import (
    MAX_BUCKETS,
    Aggregation,
    AggregationReader,
    Read,
    Tree,
    collected,
    within,
)
from opensearch.embedded.dsl.catalog import Catalog, Mask
from opensearch.embedded.dsl.clauses import Clause, Match, Run
from opensearch.embedded.dsl.functions import column_of
from opensearch.embedded.dsl.schema import Field, Kind
from opensearch.embedded.dsl.terms import formats, moment, value_of
from opensearch.embedded.dsl.values import lead, present, span

Order = tuple[str, bool]
"""What buckets are ordered by (`_count`, `_key` or a metric's path), and whether descending."""

_DEFAULT: Final[tuple[Order, ...]] = (("_count", True), ("_key", False))


def bucket(run: Run, found: Match, inner: Tree) -> dict[str, Any]:
    """The count of a bucket and what is inside."""
    return {"doc_count": int(found.mask.sum())} | collected(inner, run, found)


def metric(answers: Mapping[str, Any], path: str) -> float:
    """The number under a path such as `price`, `price.avg` or `some>price`; the lowest when it is not known."""
    value: Any = answers
    for step in path.replace(">", ".").split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    if isinstance(value, Mapping):
        value = value.get("value", value.get("doc_count"))
    return float(value) if isinstance(value, (int, float)) else float("-inf")


def read_order(value: object, at: str, inner: Tree) -> tuple[Order, ...]:
    """The `order` of buckets, ties by key. Raises QueryError."""
    keys = []
    for one, place in body.listed(value, at):
        name, direction = body.single(one, place)
        way = body.choice(direction, f"{place}.{name}", ("asc", "desc"))
        if name not in ("_count", "_key") and name.replace(">", ".").split(".")[0] not in inner:
            raise body.wrong("buckets are ordered by _count, _key or an aggregation inside", place, name)
        keys.append((name, way == "desc"))
    return (*keys, ("_key", False))


@dataclass(frozen=True, slots=True)
class Group:
    """One bucket before its answer: its key, how to compare it, how many documents it has, and what gives their
    mask."""

    key: Any
    rank: Any
    count: int
    mask: Callable[[], Mask]


@dataclass(frozen=True, slots=True)
class Terms(Aggregation):
    """`terms`."""

    field: Field | None
    size: int
    order: tuple[Order, ...]
    least: int
    include: frozenset[Any] | None
    exclude: frozenset[Any]
    missing: Any
    errors: bool
    inner: Tree

    def collect(self, run: Run, found: Match) -> dict[str, Any]:
        groups = [
            one for one in self._groups(run.catalog, found.mask) if one.count >= self.least and self._wanted(one.key)
        ]
        answers: dict[int, dict[str, Any]] = {}
        if any(name not in ("_count", "_key") for name, _ in self.order):
            if len(groups) > MAX_BUCKETS:
                raise body.wrong(f"at most {MAX_BUCKETS} buckets are allowed", "aggs", len(groups), "Narrow the query.")
            answers = {number: self._inside(run, found, group) for number, group in enumerate(groups)}
        chosen = self._ordered(groups, answers)[: self.size]
        buckets = []
        for number in chosen:
            group = groups[number]
            shown = _key(self.field, group.key) | {"doc_count": group.count}
            if self.errors:
                shown["doc_count_error_upper_bound"] = 0
            buckets.append(shown | (answers[number] if answers else self._inside(run, found, group)))
        rest = sum(group.count for group in groups) - sum(groups[number].count for number in chosen)
        return {"doc_count_error_upper_bound": 0, "sum_other_doc_count": rest, "buckets": buckets}

    def _inside(self, run: Run, found: Match, group: Group) -> dict[str, Any]:
        return collected(self.inner, run, within(found, group.mask())) if self.inner else {}

    def _wanted(self, key: Any) -> bool:
        return (self.include is None or key in self.include) and key not in self.exclude

    def _ordered(self, groups: Sequence[Group], answers: Mapping[int, Mapping[str, Any]]) -> list[int]:
        chosen = list(range(len(groups)))
        for name, descending in reversed(self.order):
            if name == "_count":
                chosen.sort(key=lambda number: groups[number].count, reverse=descending)
            elif name == "_key":
                chosen.sort(key=lambda number: groups[number].rank, reverse=descending)
            else:
                chosen.sort(key=lambda number: metric(answers[number], name), reverse=descending)
        return chosen

    def _groups(self, catalog: Catalog, mask: Mask) -> Iterator[Group]:
        if self.field is None:
            if self.missing is not None and mask.any():
                yield Group(self.missing, self.missing, int(mask.sum()), lambda: np.ones(catalog.size, bool))
        elif self.field.kind in (Kind.NUMBER, Kind.DATE):
            yield from self._numbers(catalog, self.field, mask)
        elif self.field.kind is Kind.ID:
            for row in range(catalog.size) if self.least == 0 else np.flatnonzero(mask).tolist():
                yield Group(catalog.ids[row], row, int(mask[row]), partial(np.equal, np.arange(catalog.size), row))
        else:
            yield from self._values(catalog, self.field, mask)

    def _numbers(self, catalog: Catalog, field: Field, mask: Mask) -> Iterator[Group]:
        column = column_of(catalog, field)
        if self.missing is not None:
            column = np.where(np.isnan(column), self.missing, column)
        keys, counts = np.unique(column[mask & ~np.isnan(column)], return_counts=True)
        if self.least == 0:
            every = np.unique(column[~np.isnan(column)])
            held = dict(zip(keys.tolist(), counts.tolist(), strict=True))
            keys, counts = every, np.array([held.get(key, 0) for key in every.tolist()], np.int64)
        for key, count in zip(keys.tolist(), counts.tolist(), strict=True):
            yield Group(key, key, count, partial(np.equal, column, key))

    def _values(self, catalog: Catalog, field: Field, mask: Mask) -> Iterator[Group]:
        exact, low, high = span(catalog, field)
        codes, rows = exact.pairs(low, high)
        counts = np.bincount(codes[mask[rows]] - low, minlength=high - low)
        before, absent = len(lead(field)), None
        if self.missing is not None:
            absent = ~present(catalog, field)
        used = False
        for place in range(high - low) if self.least == 0 else np.flatnonzero(counts).tolist():
            key, code = exact.values[low + place][before:], low + place
            count = int(counts[place])
            if absent is not None and key == self.missing:
                used = True
                count += int((absent & mask).sum())
                yield Group(key, key, count, partial(_either, exact, code, absent))
            else:
                yield Group(key, key, count, partial(exact.span, code, code + 1, catalog.size))
        if absent is not None and not used and (absent & mask).any():
            yield Group(self.missing, self.missing, int((absent & mask).sum()), lambda: absent)


def _either(exact: Exact, code: int, mask: Mask) -> Mask:
    """The documents that have the value, and those of `mask`."""
    return exact.span(code, code + 1, len(mask)) | mask


def _key(field: Field | None, key: Any) -> dict[str, Any]:
    if field is not None and field.kind is Kind.DATE:
        return {"key": int(key), "key_as_string": dates.written(int(key))}
    return {"key": key}


def read_terms(reader: AggregationReader, found: dict[str, Any], at: str, inner: Tree) -> Aggregation:
    known = [
        "field", "size", "order", "min_doc_count", "include", "exclude", "missing", "show_term_doc_count_error",
        "shard_size", "shard_min_doc_count", "execution_hint", "collect_mode",
    ]  # fmt: skip
    body.only(found, at, known)
    field = reader.field(found, at)

    def one(value: object, place: str) -> Any:
        if field is not None and field.kind is Kind.DATE:
            return moment(reader.queries, value, place, up=False)
        return body.scalar(value, place) if field is None else value_of(reader.queries, field, value, place)

    def several(name: str) -> frozenset[Any]:
        if isinstance(found[name], (str, Mapping)):
            raise body.wrong("a list of values is expected", f"{at}.{name}", found[name], "Patterns are not supported.")
        return frozenset(one(value, place) for value, place in body.several(found[name], f"{at}.{name}"))

    missing = found.get("missing")
    return Terms(
        field=field,
        size=body.whole(found.get("size", 10), f"{at}.size", 1),
        order=read_order(found["order"], f"{at}.order", inner) if found.get("order") else _DEFAULT,
        least=body.whole(found.get("min_doc_count", 1), f"{at}.min_doc_count"),
        include=several("include") if found.get("include") is not None else None,
        exclude=several("exclude") if found.get("exclude") is not None else frozenset(),
        missing=None if missing is None else one(missing, f"{at}.missing"),
        errors=body.flag(found.get("show_term_doc_count_error", False), f"{at}.show_term_doc_count_error"),
        inner=inner,
    )


@dataclass(frozen=True, slots=True)
class Ranges(Aggregation):
    """`range` and `date_range`: from a number (included) to another (excluded)."""

    field: Field | None
    ranges: tuple[tuple[str | None, float | None, float | None], ...]
    times: bool
    keyed: bool
    missing: float | None
    inner: Tree

    def collect(self, run: Run, found: Match) -> dict[str, Any]:
        column = np.full(run.size, np.nan) if self.field is None else column_of(run.catalog, self.field)
        if self.missing is not None:
            column = np.where(np.isnan(column), self.missing, column)
        buckets = []
        for key, low, high in self.ranges:
            inside = ~np.isnan(column)
            shown: dict[str, Any] = {}
            for name, bound in (("from", low), ("to", high)):
                if bound is not None:
                    inside &= column >= bound if name == "from" else column < bound
                    shown[name] = bound
                    if self.times:
                        shown[f"{name}_as_string"] = dates.written(int(bound))
            own = {"key": key or f"{self._end(low)}-{self._end(high)}"}
            buckets.append(own | shown | bucket(run, within(found, inside), self.inner))
        if not self.keyed:
            return {"buckets": buckets}
        return {"buckets": {one.pop("key"): one for one in buckets}}

    def _end(self, bound: float | None) -> str:
        if bound is None:
            return "*"
        return dates.written(int(bound)) if self.times else _java(bound)


def _java(number: float) -> str:
    """A double as Java writes it."""
    if number == 0 or 1e-3 <= abs(number) < 1e7:
        return str(number)
    mantissa, _, exponent = f"{number!r}".partition("e")
    if not exponent:
        digits = f"{number:.17e}"
        mantissa, _, exponent = digits.partition("e")
        mantissa = repr(number / 10.0 ** int(exponent))
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}E{int(exponent)}"


def read_ranges(times: bool) -> Read:
    """How to read `range`, or `date_range`."""

    def read(reader: AggregationReader, found: dict[str, Any], at: str, inner: Tree) -> Aggregation:
        body.only(found, at, ["field", "ranges", "keyed", "missing", *(["format", "time_zone"] if times else [])])
        field = reader.field(found, at)
        dated = times or (field is not None and field.kind is Kind.DATE)
        if field is not None and field.kind not in ((Kind.DATE,) if times else (Kind.NUMBER, Kind.DATE)):
            raise body.wrong("a field of numbers or times is expected", f"{at}.field", field.name)
        if "format" in found:
            formats(found["format"], f"{at}.format")
        zone = dates.zone(body.string(found.get("time_zone", "UTC"), f"{at}.time_zone"))
        if zone is None:
            raise body.wrong("an offset such as +02:00 is expected", f"{at}.time_zone", found["time_zone"])

        def bound(value: object, place: str) -> float | None:
            if value is None:
                return None
            if dated:
                return float(moment(reader.queries, value, place, up=False, zone=zone))
            return body.number(value, place)

        ranges = []
        for one, place in body.several(found.get("ranges"), f"{at}.ranges"):
            given = body.mapping(one, place)
            body.only(given, place, ["key", "from", "to"])
            key = None if given.get("key") is None else body.scalar(given["key"], f"{place}.key")
            ranges.append((key, bound(given.get("from"), f"{place}.from"), bound(given.get("to"), f"{place}.to")))
        if not ranges:
            raise body.wrong("at least one range is expected", f"{at}.ranges", found.get("ranges"))
        infinite = float("inf")
        ranges.sort(key=lambda one: (-infinite if one[1] is None else one[1], infinite if one[2] is None else one[2]))
        missing = bound(found.get("missing"), f"{at}.missing")
        keyed = body.flag(found.get("keyed", False), f"{at}.keyed")
        return Ranges(field, tuple(ranges), dated, keyed, missing, inner)

    return read


@dataclass(frozen=True, slots=True)
class Filter(Aggregation):
    """`filter`."""

    clause: Clause
    inner: Tree

    def collect(self, run: Run, found: Match) -> dict[str, Any]:
        return bucket(run, within(found, self.clause.find(run).mask), self.inner)


def read_filter(reader: AggregationReader, found: dict[str, Any], at: str, inner: Tree) -> Aggregation:
    return Filter(reader.queries.query(found, at), inner)


@dataclass(frozen=True, slots=True)
class Filters(Aggregation):
    """`filters`; without names the buckets are a list."""

    clauses: tuple[tuple[str | None, Clause], ...]
    other: str | None
    inner: Tree

    def collect(self, run: Run, found: Match) -> dict[str, Any]:
        rest = found.mask.copy()
        answers: list[tuple[str | None, dict[str, Any]]] = []
        for name, clause in self.clauses:
            mask = clause.find(run).mask
            rest &= ~mask
            answers.append((name, bucket(run, within(found, mask), self.inner)))
        if self.other is not None:
            answers.append((self.other, bucket(run, within(found, rest), self.inner)))
        if any(name is not None for name, _ in self.clauses):
            return {"buckets": dict(answers)}
        return {"buckets": [one for _, one in answers]}


def read_filters(reader: AggregationReader, found: dict[str, Any], at: str, inner: Tree) -> Aggregation:
    body.only(found, at, ["filters", "other_bucket", "other_bucket_key"])
    given, place = found.get("filters"), f"{at}.filters"
    clauses: list[tuple[str | None, Clause]] = []
    if isinstance(given, Mapping):
        named = sorted(body.mapping(given, place).items())
        clauses = [(name, reader.queries.query(one, f"{place}.{name}")) for name, one in named]
    else:
        clauses = [(None, reader.queries.query(one, where)) for one, where in body.several(given, place)]
    if not clauses:
        raise body.wrong("at least one filter is expected", place, given)
    other = None
    if found.get("other_bucket_key") is not None:
        other = body.string(found["other_bucket_key"], f"{at}.other_bucket_key")
    elif body.flag(found.get("other_bucket", False), f"{at}.other_bucket"):
        other = "_other_"
    return Filters(tuple(clauses), other, inner)


@dataclass(frozen=True, slots=True)
class Missing(Aggregation):
    """`missing`."""

    field: Field | None
    inner: Tree

    def collect(self, run: Run, found: Match) -> dict[str, Any]:
        lacking = np.ones(run.size, bool) if self.field is None else ~present(run.catalog, self.field)
        return bucket(run, within(found, lacking), self.inner)


def read_missing(reader: AggregationReader, found: dict[str, Any], at: str, inner: Tree) -> Aggregation:
    body.only(found, at, ["field"])
    return Missing(reader.field(found, at), inner)


@dataclass(frozen=True, slots=True)
class Global(Aggregation):
    """`global`: every document, whatever the query."""

    inner: Tree

    def collect(self, run: Run, found: Match) -> dict[str, Any]:
        return bucket(run, run.everything(), self.inner)


def read_global(reader: AggregationReader, found: dict[str, Any], at: str, inner: Tree) -> Aggregation:
    body.only(found, at, [])
    return Global(inner)
