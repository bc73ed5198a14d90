"""Filters and sort orders as people write them: `brand:Acme`, `price:1000..5000`, `without:red`, `in_stock`; `price:desc`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from etalage.core.errors import QueryError
from opensearch import fields
from opensearch.engine import Filter, InStock, Lacks, Range, Sort, Term

_SYNTAX: Final = "Write `field:value`, `field:low..high`, `without:word` or `in_stock`."
_BOUNDS: Final = {"gte": ("low", False), "gt": ("low", True), "lte": ("high", False), "lt": ("high", True)}


def parse_filters(given: object) -> tuple[Filter, ...]:
    """Filters from a string, an object, or a list of them.

    An object is OpenSearch's: `{"term": {"brand": "Acme"}}`, `{"terms": {"brand": ["A", "B"]}}`,
    `{"range": {"price": {"gte": 1000, "lt": 5000}}}`. Prices are minor units.

    Raises:
        QueryError: not one of these, or an unknown field.
    """
    if given is None:
        return ()
    if isinstance(given, str):
        return (_from_text(given),)
    if isinstance(given, Mapping):
        return (_from_object(given),)
    if isinstance(given, Sequence):
        return tuple(one for item in given for one in parse_filters(item))
    raise QueryError("a filter must be text, an object, or a list of them", value=given, remedy=_SYNTAX)


def _from_text(given: str) -> Filter:
    name, colon, value = given.strip().partition(":")
    if name == "in_stock" and not colon:
        return InStock()
    if not colon or not value:
        raise QueryError("this is no filter", value=given, remedy=_SYNTAX)
    if name == "without":
        return Lacks(value)
    if name in fields.KEYWORD:
        return Term(name, (value,))
    if name not in fields.NUMERIC:
        raise _unknown(name, (*fields.KEYWORD, *fields.NUMERIC, "without"))
    low, dots, high = value.partition("..")
    if not dots:
        high = low
    return Range(name, _number(low, given), _number(high, given))


def _from_object(given: Mapping[str, Any]) -> Filter:
    if set(given) == {"in_stock"}:
        return InStock()
    kind, body = next(iter(given.items()), ("", None))
    if len(given) != 1 or kind not in ("term", "terms", "range") or not isinstance(body, Mapping) or len(body) != 1:
        raise QueryError(
            "this is no filter", value=dict(given), remedy="Give one `term`, `terms` or `range` of one field."
        )
    name, value = next(iter(body.items()))
    if kind == "range":
        return _range(str(name), value, given)
    values = value if isinstance(value, list) else [value]
    if name not in fields.KEYWORD:
        raise _unknown(str(name), fields.KEYWORD)
    if not values or not all(isinstance(one, str) for one in values):
        raise QueryError(
            "a term filter takes text", value=dict(given), remedy='For instance {"term": {"brand": "Acme"}}.'
        )
    return Term(str(name), tuple(values))


def _range(name: str, value: object, given: Mapping[str, Any]) -> Range:
    if name not in fields.NUMERIC:
        raise _unknown(name, fields.NUMERIC)
    if not isinstance(value, Mapping) or not value or not set(value) <= set(_BOUNDS):
        raise QueryError("a range takes gte, gt, lte or lt", value=dict(given), remedy="Give at least one of them.")
    bounds: dict[str, Any] = {}
    for key, bound in value.items():
        side, is_open = _BOUNDS[key]
        bounds[side], bounds[f"open_{side}"] = _number(str(bound), dict(given)), is_open
    return Range(name, **bounds)


def _number(text: str, given: object) -> float | None:
    if not text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        raise QueryError("a bound is not a number", value=given, remedy=_SYNTAX) from None
    if math.isnan(value):
        raise QueryError("a bound is not a number", value=given, remedy=_SYNTAX)
    return value


def parse_sort(given: str | None) -> Sort | None:
    """`price`, `price:asc` or `price:desc`; None, empty and `score` keep the ranker's order. Raises QueryError."""
    if not given or given == "score":
        return None
    name, _, direction = given.partition(":")
    if name not in fields.NUMERIC:
        raise _unknown(name, ("score", *fields.NUMERIC))
    if direction not in ("", "asc", "desc"):
        raise QueryError("the order is asc or desc", value=given, remedy="For instance `price:desc`.")
    return Sort(name, direction == "desc")


def _unknown(name: str, known: Sequence[str]) -> QueryError:
    return QueryError("there is no such field", value=name, remedy=f"Use one of: {', '.join(known)}.")
