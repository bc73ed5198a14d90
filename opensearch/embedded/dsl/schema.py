"""The fields of an index as a request may name them, and what kind each is; the same as in the node's mapping."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fnmatch import translate
from functools import lru_cache
from re import Pattern, compile
from typing import Final

from opensearch import fields


class Kind(StrEnum):
    """What can be done with a field."""

    TEXT = "text"
    KEYWORD = "keyword"
    ID = "id"
    NUMBER = "double"
    DATE = "date"
    ATTRIBUTES = "flat_object"
    ATTRIBUTE = "attribute"
    VECTOR = "knn_vector"
    SHOWN = "shown"


@dataclass(frozen=True, slots=True)
class Field:
    """One field.

    Attributes:
        name: as the request names it.
        column: what the snapshot calls it; for an attribute, its name.
        number: of a text field, its place in `fields.TEXT`.
    """

    name: str
    kind: Kind
    column: str
    number: int = -1


_MULTI: Final = {"title.keyword": "titles", "brand.keyword": "brand", "category.keyword": "names", "category": "names"}
_META: Final = {"_id": "_id", "id": "_id"}


def _known() -> dict[str, Field]:
    found = [Field(path, Kind.TEXT, name, number) for number, (name, path) in enumerate(fields.PATHS.items())]
    exact = {path: name for name, path in fields.EXACT.items()} | _MULTI
    found += [Field(path, Kind.KEYWORD, column) for path, column in exact.items()]
    found += [Field(name, Kind.ID, column) for name, column in _META.items()]
    found += [Field(name, Kind.NUMBER, name) for name in fields.NUMERIC]
    found += [Field(name, Kind.DATE, name) for name in fields.DATES]
    found += [Field("attributes", Kind.ATTRIBUTES, "attrs")]
    found += [Field(name, Kind.VECTOR, name) for name in ("vec_text", "vec_image")]
    found += [Field(name, Kind.SHOWN, name) for name in (*fields.UNSEARCHED, "content", "encoded", "record")]
    return {field.name: field for field in found}


FIELDS: Final = _known()
TEXTS: Final = tuple(fields.PATHS.values())
"""The name of each text field, in the order of `fields.TEXT`."""

_ATTRIBUTE: Final = "attributes."
_PATTERN_KINDS: Final = (Kind.TEXT, Kind.KEYWORD, Kind.ID, Kind.NUMBER, Kind.DATE, Kind.ATTRIBUTES)


def find(name: str) -> Field | None:
    """The field of a name, or None."""
    found = FIELDS.get(name)
    if found is None and name.startswith(_ATTRIBUTE) and len(name) > len(_ATTRIBUTE):
        return Field(name, Kind.ATTRIBUTE, name.removeprefix(_ATTRIBUTE))
    return found


@lru_cache(maxsize=256)
def pattern(wildcards: str) -> Pattern[str]:
    """Names with `*` for any characters."""
    return compile(translate(wildcards.replace("[", "[[]").replace("?", "[?]")))


def matching(wildcards: str) -> list[Field]:
    """The searchable fields that a pattern with `*` names, in the order of the mapping."""
    return [
        field
        for name, field in FIELDS.items()
        if field.kind in _PATTERN_KINDS and name != "_id" and pattern(wildcards).match(name)
    ]


def weighted() -> list[tuple[Field, float]]:
    """Every text field with its weight: what is searched when a query names no field."""
    return [(FIELDS[path], fields.TEXT[name]) for name, path in fields.PATHS.items()]
