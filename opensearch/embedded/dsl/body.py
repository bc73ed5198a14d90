"""Values of a request's body, read with their place in it, so that a refusal can name both."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from etalage.core.errors import QueryError

_DOCS: Final = "See docs/opensearch-dsl.md for what the embedded engine knows."
_MAX_NUMBER: Final = 1e15
_SHORT: Final = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxstring = 4, 100


def wrong(reason: str, at: str, value: object, remedy: str = "") -> QueryError:
    """What is wrong with the value that stands at `at`."""
    return QueryError(f"{at or 'the body'}: {reason}", value=_shown(value), remedy=remedy or _DOCS)


def _shown(value: object) -> object:
    """A value for a message; deep ones are cut, because writing them whole may go too deep."""
    if isinstance(value, (Mapping, list, tuple)):
        return _SHORT.repr(value)
    return "null" if value is None else value


def unknown(what: str, name: object, at: str, known: Sequence[str]) -> QueryError:
    """A name that is none of `known`."""
    place = f"{at}.{name}" if at else str(name)
    return QueryError(
        f"this engine has no {what} of this name (at {place})",
        value=name,
        remedy=f"Use one of: {', '.join(sorted(known))}. {_DOCS}",
    )


def mapping(value: object, at: str) -> dict[str, Any]:
    """A JSON object. Raises QueryError."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise wrong("an object is expected", at, value)
    return dict(value)


def only(value: Mapping[str, Any], at: str, known: Sequence[str]) -> None:
    """Raise QueryError for a parameter that is none of `known`."""
    for name in value:
        if name not in known:
            raise unknown("parameter", name, at, known)


def single(value: object, at: str) -> tuple[str, Any]:
    """The only name of an object, and what it stands for. Raises QueryError."""
    found = mapping(value, at)
    if len(found) != 1:
        raise wrong("an object with exactly one name is expected", at, value)
    return next(iter(found.items()))


def listed(value: object, at: str) -> list[tuple[Any, str]]:
    """The elements of a list, or the value itself, each with its place."""
    if isinstance(value, (list, tuple)):
        return [(one, f"{at}[{number}]") for number, one in enumerate(value)]
    return [(value, at)]


def several(value: object, at: str) -> list[tuple[Any, str]]:
    """The elements of a list, each with its place. Raises QueryError."""
    if not isinstance(value, (list, tuple)):
        raise wrong("a list is expected", at, value)
    return listed(value, at)


def string(value: object, at: str) -> str:
    """A text. Raises QueryError."""
    if not isinstance(value, str):
        raise wrong("a text is expected", at, value)
    return clean(value)


def scalar(value: object, at: str) -> str:
    """A text, number or boolean as OpenSearch writes it in a term. Raises QueryError."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    return string(value, at)


def clean(value: str) -> str:
    """`value` without halves of surrogate pairs, which cannot be compared with anything stored."""
    return value.encode("utf-8", "replace").decode() if not value.isascii() else value


def flag(value: object, at: str) -> bool:
    """A boolean, or `"true"` or `"false"`. Raises QueryError."""
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    raise wrong("true or false is expected", at, value)


def number(value: object, at: str) -> float:
    """A finite number, also as text. Raises QueryError."""
    found = numeric(value)
    if found is None:
        raise wrong("a number is expected", at, value)
    return found


def numeric(value: object) -> float | None:
    """A finite number, also as text, or None."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def whole(value: object, at: str, low: int = 0, high: int = 2**31 - 1) -> int:
    """A whole number in [low, high]. Raises QueryError."""
    found = number(value, at)
    if found != int(found) or not low <= found <= high:
        raise wrong(f"a whole number from {low} to {high} is expected", at, value)
    return int(found)


def boost(value: object, at: str) -> float:
    """A factor of a score, not below zero. Raises QueryError."""
    found = number(value, at)
    if not 0 <= found <= _MAX_NUMBER:
        raise wrong("a boost from 0 to 1e15 is expected", at, value)
    return found


def choice(value: object, at: str, known: Sequence[str]) -> str:
    """One of `known`, in any case. Raises QueryError."""
    if isinstance(value, str) and value.lower() in known:
        return value.lower()
    raise wrong(f"one of {', '.join(known)} is expected", at, value)
