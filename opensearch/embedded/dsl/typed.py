"""`typed_keys`: aggregations and suggestions are named with their kind, `sterms#brands`, for clients that parse by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from opensearch.embedded.dsl import schema
from opensearch.embedded.dsl.schema import Kind

_TERMS: Final = {Kind.NUMBER: "dterms", Kind.DATE: "lterms"}
_OTHERS: Final = {"percentiles": "tdigest_percentiles"}
_INNER: Final = ("aggs", "aggregations")


def aggregations(asked: Mapping[str, Any], answers: Mapping[str, Any]) -> dict[str, Any]:
    """The answers of checked aggregations under their typed names, inside too."""
    named: dict[str, Any] = {}
    for name, answer in answers.items():
        kind = next(one for one in asked[name] if one not in (*_INNER, "meta"))
        inner: Mapping[str, Any] = next((asked[name][one] for one in _INNER if asked[name].get(one)), {})
        named[f"{_typed(kind, asked[name][kind])}#{name}"] = _inside(inner, answer) if inner else answer
    return named


def suggestions(asked: Mapping[str, Any], answers: Mapping[str, Any]) -> dict[str, Any]:
    """The answers of checked suggesters under their typed names."""
    kinds = ("term", "completion", "phrase")
    return {f"{next(one for one in kinds if one in asked[name])}#{name}": found for name, found in answers.items()}


def _typed(kind: str, options: Mapping[str, Any]) -> str:
    if kind == "terms":
        field = schema.find(str(options.get("field")))
        return _TERMS.get(field.kind, "sterms") if field is not None else "sterms"
    return _OTHERS.get(kind, kind)


def _inside(inner: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
    """An answer whose inner aggregations stand in its buckets or, without buckets, beside its count."""
    buckets = answer.get("buckets")
    if isinstance(buckets, list):
        return {**answer, "buckets": [_beside(inner, one) for one in buckets]}
    if isinstance(buckets, Mapping):
        return {**answer, "buckets": {name: _beside(inner, one) for name, one in buckets.items()}}
    return _beside(inner, answer)


def _beside(inner: Mapping[str, Any], bucket: Mapping[str, Any]) -> dict[str, Any]:
    own = {name: value for name, value in bucket.items() if name not in inner}
    return own | aggregations(inner, {name: bucket[name] for name in inner if name in bucket})
