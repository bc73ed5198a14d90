"""The fields of an index: what each is for, and how the lexical query weighs them. Both engines read this."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from etalage.core import records

SCHEMA_VERSION: Final = 3
"""Raised when documents, analyzers or the mapping change so that an index must be rebuilt."""

K1: Final = 1.2
B: Final = 0.75

TEXT: Final[Mapping[str, float]] = {
    "title": 1.0,
    "model": 0.25,
    "brand": 0.5,
    "category": 0.5,
    "attributes_text": 0.25,
    "description": 0.25,
}
"""Analyzed text fields and their weight in the lexical score, in the order of `Candidates.fields`."""

PATHS: Final[Mapping[str, str]] = {
    "title": "title",
    "model": "model",
    "brand": "brand.text",
    "category": "category.text",
    "attributes_text": "attributes_text",
    "description": "description",
}
"""What each field of `TEXT` is called in an OpenSearch query."""

KEYWORD: Final = ("brand", "category", "language", "currency", "variant_group", "tenant", "attrs")
"""Exact fields, for term filters and facets. `category` holds each level of the path, `attrs` holds `name=value`."""

SINGLE: Final = ("brand", "language", "currency", "variant_group", "tenant")
"""Those of `KEYWORD` that have at most one value, which hits can be collapsed by."""

EXACT: Final[Mapping[str, str]] = {name: name for name in KEYWORD} | {"category": "category_path"}
"""What each field of `KEYWORD` is called in an OpenSearch query; there, `category` holds the names of the path one by one."""

DATES: Final = ("created_at", "updated_at")

UNSEARCHED: Final = ("images", "url")
"""Fields that are only shown."""

DERIVED: Final = ("attrs", "category_path", "model", "attributes_text")
"""Fields of a stored document that are computed from the product."""

INTERNAL: Final = ("content", "encoded", "record", "vec_text", "vec_image")
"""Fields of a stored document that are nobody's but the engine's."""

RATES: Final = ("click_rate", "purchase_rate")
SIGNALS: Final = ("popularity", *RATES)
"""Numbers that are learnt from what shoppers do, where the feed does not give them; no feed is likely to give the rates."""

NUMERIC: Final = ("price", "list_price", "stock", "rating", "reviews", *SIGNALS, "created")
"""Numbers, for ranges and sorting (names of the feature record)."""

FACETS: Final = ("brand", "category")
"""Facets that a search returns unless told otherwise."""

PATH_SEPARATOR: Final = " > "


def texts(source: Mapping[str, Any]) -> dict[str, str]:
    """The analyzed text of each field of `TEXT` for a document's source."""
    attributes: Mapping[str, Sequence[str]] = source.get("attributes") or {}
    return {
        "title": source["title"],
        "model": " ".join(records.model_numbers(source)),
        "brand": source.get("brand", ""),
        "category": " ".join(source.get("category", ())),
        "attributes_text": " ".join(value for values in attributes.values() for value in values),
        "description": source.get("description", ""),
    }


def stored(source: Mapping[str, Any]) -> dict[str, Any]:
    """The product and its derived fields as OpenSearch indexes them."""
    text, exact = texts(source), keywords(source)
    derived: dict[str, Any] = {"model": text["model"], "attributes_text": text["attributes_text"]}
    derived |= {"attrs": exact["attrs"], "category_path": exact["category"]}
    if source.get("created_at"):
        derived["created"] = records.days(source["created_at"])
    return {name: value for name, value in derived.items() if value} | dict(source)


def keywords(source: Mapping[str, Any]) -> dict[str, list[str]]:
    """The exact values of each field of `KEYWORD` for a document's source; empty lists where it has none."""
    attributes: Mapping[str, Sequence[str]] = source.get("attributes") or {}
    path = list(source.get("category", ()))
    single = {name: source.get(name) for name in SINGLE}
    return {name: [value] if value else [] for name, value in single.items()} | {
        "category": [PATH_SEPARATOR.join(path[: i + 1]) for i in range(len(path))],
        "attrs": [f"{name}={value}" for name, values in attributes.items() for value in values],
    }
