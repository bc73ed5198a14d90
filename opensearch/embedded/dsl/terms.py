"""Reads `term`, `terms`, `range`, `exists`, `prefix`, `wildcard`, `ids`, `match_all` and `match_none`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from typing import Any, Final

from opensearch.embedded.dsl import body, dates
from opensearch.embedded.dsl.clauses import All, Clause, Nothing
from opensearch.embedded.dsl.globs import Glob
from opensearch.embedded.dsl.reader import Reader, by_field, named, options
from opensearch.embedded.dsl.schema import FIELDS, Field, Kind, find
from opensearch.embedded.dsl.values import Between, Exists, Pattern, Values

_MAX_VALUES: Final = 65_536
_FORMATS: Final = (
    "strict_date_optional_time", "date_optional_time", "strict_date_time", "date_time", "strict_date", "date",
    "epoch_millis", "yyyy-MM-dd", "yyyy-MM", "yyyy", "strict_year_month_day", "yyyy-MM-dd'T'HH:mm:ss",
)  # fmt: skip


def value_of(reader: Reader, field: Field, value: object, at: str) -> Any:
    """A value of the field as its column holds it: a text, a number, or the first and last millisecond of a time.

    Raises:
        QueryError: the field cannot hold it.
    """
    if field.kind is Kind.NUMBER:
        return body.number(value, at)
    if field.kind is Kind.DATE:
        return moment(reader, value, at, up=False), moment(reader, value, at, up=True)
    return body.scalar(value, at)


def moment(reader: Reader, value: object, at: str, *, up: bool, zone: Any = UTC) -> int:
    """A time in milliseconds. Raises QueryError."""
    found = dates.instant(value, reader.now, up=up, zone=zone)
    if found is None:
        raise body.wrong("a time such as 2026-01-31, 2026-01-31T08:00:00Z or now-7d/d is expected", at, value)
    return found


def formats(value: object, at: str) -> None:
    """Raise QueryError for a format of times that is not known."""
    for one in body.string(value, at).split("||"):
        if one not in _FORMATS:
            raise body.wrong("this format of times is not known", at, one, f"Use one of: {', '.join(_FORMATS)}.")


def term(reader: Reader, value: object, at: str) -> Clause:
    name, found, shared, place = by_field(value, at, "value", ["case_insensitive"])
    field = reader.field(name, at)
    if found["value"] is None or isinstance(found["value"], (list, Mapping)):
        raise body.wrong("one value is expected", place, found["value"], "Use terms for several values.")
    if field is None:
        return Nothing(**shared)
    wanted = value_of(reader, field, found["value"], place)
    if isinstance(wanted, str) and body.flag(found.get("case_insensitive", False), f"{place}.case_insensitive"):
        return Pattern(field=field, prefix="", glob=Glob(plain(wanted), fold=True), **shared)
    return Values(field=field, values=(wanted,), scored=True, **shared)


def terms(reader: Reader, value: object, at: str) -> Clause:
    found = body.mapping(value, at)
    shared = named(found, at)
    name, values = body.single({key: one for key, one in found.items() if key not in ("boost", "_name")}, at)
    place, field = f"{at}.{name}", reader.field(name, at)
    wanted = body.several(values, place)
    if len(wanted) > _MAX_VALUES:
        raise body.wrong(f"at most {_MAX_VALUES} values are allowed", place, len(wanted), "Split the query.")
    if field is None:
        return Nothing(**shared)
    return Values(field=field, values=tuple(value_of(reader, field, one, where) for one, where in wanted), **shared)


def ids(reader: Reader, value: object, at: str) -> Clause:
    found, shared = options(value, at, ["values"])
    wanted = body.several(found.get("values"), f"{at}.values")
    return Values(field=FIELDS["_id"], values=tuple(body.scalar(one, where) for one, where in wanted), **shared)


def exists(reader: Reader, value: object, at: str) -> Clause:
    found, shared = options(value, at, ["field"])
    field = find(body.string(found.get("field"), f"{at}.field"))
    return Nothing(**shared) if field is None else Exists(field=field, **shared)


def between(reader: Reader, value: object, at: str) -> Clause:
    name, inside = body.single(value, at)
    place = f"{at}.{name}"
    known = [
        "gt",
        "gte",
        "lt",
        "lte",
        "from",
        "to",
        "include_lower",
        "include_upper",
        "format",
        "time_zone",
        "relation",
    ]
    found, shared = options(inside, place, known)
    field = reader.field(name, at)
    if "format" in found:
        formats(found["format"], f"{place}.format")
    body.choice(found.get("relation", "intersects"), f"{place}.relation", ("intersects", "contains", "within"))
    zone = dates.zone(body.string(found.get("time_zone", "UTC"), f"{place}.time_zone"))
    if zone is None:
        raise body.wrong("an offset such as +02:00 is expected", f"{place}.time_zone", found["time_zone"])
    open_low = "gt" in found or not body.flag(found.get("include_lower", True), f"{place}.include_lower")
    open_high = "lt" in found or not body.flag(found.get("include_upper", True), f"{place}.include_upper")

    def bound(names: tuple[str, ...], up: bool) -> Any:
        for one in names:
            if (given := found.get(one)) is not None:
                where = f"{place}.{one}"
                if field is None:
                    return None
                if field.kind is Kind.DATE:
                    return moment(reader, given, where, up=up, zone=zone)
                return value_of(reader, field, given, where)
        return None

    low, high = bound(("gt", "gte", "from"), open_low), bound(("lt", "lte", "to"), not open_high)
    if field is None:
        return Nothing(**shared)
    if field.kind is Kind.ATTRIBUTES:
        raise body.wrong("a range needs one attribute", at, name, "Name it: attributes.<name>.")
    return Between(field=field, low=low, high=high, open_low=open_low, open_high=open_high, **shared)


def prefix(reader: Reader, value: object, at: str) -> Clause:
    name, found, shared, place = by_field(value, at, "value", ["case_insensitive"])
    field, wanted = _text(reader, name, found["value"], at, place)
    if field is None:
        return Nothing(**shared)
    if body.flag(found.get("case_insensitive", False), f"{place}.case_insensitive"):
        return Pattern(field=field, prefix="", glob=Glob(plain(wanted) + "*", fold=True), **shared)
    return Pattern(field=field, prefix=wanted, **shared)


def wildcard(reader: Reader, value: object, at: str) -> Clause:
    name, inside = body.single(value, at)
    if isinstance(inside, Mapping) and "wildcard" in inside and "value" not in inside:
        value = {name: {("value" if key == "wildcard" else key): one for key, one in inside.items()}}
    name, found, shared, place = by_field(value, at, "value", ["case_insensitive"])
    field, wanted = _text(reader, name, found["value"], at, place)
    if field is None:
        return Nothing(**shared)
    fold = body.flag(found.get("case_insensitive", False), f"{place}.case_insensitive")
    return wild(field, wanted, fold=fold, **shared)


def wild(field: Field, wanted: str, *, fold: bool = False, **shared: Any) -> Pattern:
    """The clause of a text with `*` and `?`."""
    glob = Glob(wanted, fold=fold)
    return Pattern(field=field, prefix=glob.prefix, glob=glob, **shared)


def plain(text: str) -> str:
    """A text without special characters as a pattern."""
    return re.sub(r"([*?\\])", r"\\\1", text)


def _text(reader: Reader, name: str, value: object, at: str, place: str) -> tuple[Field | None, str]:
    """A field of words or exact values, and a text. Raises QueryError."""
    field, wanted = reader.field(name, at), body.scalar(value, place)
    if field is not None and field.kind in (Kind.NUMBER, Kind.DATE):
        raise body.wrong("this clause is only for text and keyword fields", at, name, "Use term or range.")
    return field, wanted


def match_all(reader: Reader, value: object, at: str) -> Clause:
    return All(**options(value, at, [])[1])


def match_none(reader: Reader, value: object, at: str) -> Clause:
    return Nothing(**options(value, at, [])[1])
