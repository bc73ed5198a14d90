"""What a request may cost, and how a part of it is read or refused."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from etalage.core.errors import QueryError

_MOST: Final = 2**31 - 1
_DIGITS: Final = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_REMEDY: Final = "See the documentation of the gateway for what passes."


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may cost.

    Attributes:
        window: deepest hit (`from` + `size`).
        clauses: clauses of all queries together.
        depth: levels of a body.
        buckets: `size` of one aggregation; and how many aggregations (`aggregations`), how deep (`levels`).
        regexp: whether `regexp` passes.
        leading_wildcard: whether a wildcard may come first.
        values: values of one `terms` or `ids` clause.
    """

    window: int = 10_000
    clauses: int = 1024
    depth: int = 50
    buckets: int = 1000
    aggregations: int = 50
    levels: int = 5
    values: int = 10_000
    regexp: bool = False
    leading_wildcard: bool = False


def refusal(reason: str, path: str, value: object = None, remedy: str = _REMEDY) -> QueryError:
    """The error for something at `path` of a body."""
    return QueryError(f"{reason} at [{path}]" if path else reason, value=value, remedy=remedy)


def number(value: Any) -> float | None:
    """A finite number, also as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def whole(value: Any, path: str, default: int) -> int:
    """A whole number from 0, also as text; `default` for None. Raises QueryError."""
    if value is None:
        return default
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST:
        raise refusal("this must be a whole number from 0", path, value, "Correct it.")
    return value


def mapping(value: Any, path: str) -> Mapping[str, Any]:
    """A JSON object. Raises QueryError."""
    if not isinstance(value, Mapping):
        raise refusal("a JSON object is expected", path, value, "Correct it.")
    return value


def several(value: Any) -> list[Any]:
    """A list, of one when it is none."""
    return value if isinstance(value, list) else [value]
