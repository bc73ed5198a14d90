"""What a shop's query says: the text that was typed, and the conditions that hold for every product found.

A query is text clauses, which score, inside of others. `read` finds the text, and what is left when text is taken away:
clauses that products found by their vectors have to fulfil as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

TEXT: Final = frozenset(
    "match match_phrase match_phrase_prefix match_bool_prefix multi_match combined_fields query_string simple_query_string"
    " neural".split()
)
"""Clauses with a text that somebody typed."""

VECTOR: Final = frozenset(("knn", "neural", "neural_sparse"))

SCORING: Final = frozenset(
    "function_score boosting distance_feature rank_feature fuzzy more_like_this intervals common".split()
)
"""Other clauses that order by a score worth keeping, besides `span_…`."""

_SYNTAX: Final = re.compile(r'\b(?:AND|OR|NOT)\b|[\w.*]+:(?=\S)|[~^]\d*\.?\d*|[+\-!(){}\[\]"*?\\/|]')
_FIELDED: Final = re.compile(r"(?:^|[\s(+\-!])[\w.*]+:\S")
_NEGATED: Final = re.compile(r"(?:^|[\s(|+])[-!](?=\S)|\bNOT\b")


@dataclass(frozen=True, slots=True)
class Read:
    """What a query says.

    Attributes:
        text: what was typed; empty when the query has no text.
        constraints: clauses that hold for every product, whichever source brings it.
        query: the query as one that can stand inside another (`hybrid` becomes alternatives).
    """

    text: str
    constraints: tuple[Mapping[str, Any], ...]
    query: Mapping[str, Any]


def read(query: Mapping[str, Any] | None) -> Read:
    """Read a query that `guard.search` let pass."""
    if not query:
        return Read("", (), {"match_all": {}})
    texts = list(dict.fromkeys(text for text in _texts(query) if text.strip()))
    return Read(max(texts, key=len, default=""), tuple(_constraints(query)), _inner(query))


def _texts(query: Mapping[str, Any]) -> Iterator[str]:
    """The texts of scoring clauses."""
    name, inner = next(iter(query.items()))
    if name in TEXT:
        yield _typed(name, inner)
    elif name == "bool":
        for part in ("must", "should"):
            for one in _several(inner.get(part, [])):
                yield from _texts(one)
        # A text that only filters is a text nevertheless, where nothing scores.
        if not any(inner.get(part) for part in ("must", "should")):
            for one in _several(inner.get("filter", [])):
                yield from _texts(one)
    else:
        for one in _inside(name, inner):
            yield from _texts(one)


def _inside(name: str, inner: Mapping[str, Any]) -> list[Any]:
    """The scoring clauses of a compound clause other than `bool`."""
    part = {
        "dis_max": "queries",
        "hybrid": "queries",
        "constant_score": "filter",
        "function_score": "query",
        "boosting": "positive",
        "nested": "query",
    }.get(name)
    return _several(inner[part]) if part is not None and inner.get(part) else []


def _typed(name: str, inner: Mapping[str, Any]) -> str:
    """The text of a text clause, without the syntax of query strings; empty when that names fields, or words that must not
    be there: products found by their vectors could have them."""
    if name in ("multi_match", "combined_fields"):
        return str(inner.get("query", ""))
    if name in ("query_string", "simple_query_string"):
        text = str(inner.get("query", ""))
        if _NEGATED.search(text) or (name == "query_string" and _FIELDED.search(text)):
            return ""
        return " ".join(_SYNTAX.sub(" ", text).split())
    value = next(iter(inner.values()), "")
    if isinstance(value, Mapping):
        value = value.get("query_text" if name == "neural" else "query", "")
    return value if isinstance(value, str) else ""


def scores(query: Mapping[str, Any] | None) -> bool:
    """Whether a query orders by text, vectors or functions of its own; `match_all` and mere conditions do not."""
    if not query:
        return False
    name, inner = next(iter(query.items()))
    if name in TEXT or name in VECTOR or name in SCORING or name.startswith("span_"):
        return True
    if name == "bool":
        return any(scores(one) for part in ("must", "should") for one in _several(inner.get(part, [])))
    return any(scores(one) for one in _inside(name, inner))


def _scores(query: Mapping[str, Any]) -> bool:
    """Whether a clause holds text or vectors, so that it is a source and no condition."""
    name, inner = next(iter(query.items()))
    if name in TEXT or name in VECTOR:
        return True
    if name == "bool":
        return any(_scores(one) for part in ("must", "should") for one in _several(inner.get(part, [])))
    return any(_scores(one) for one in _inside(name, inner))


def _constraints(query: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The conditions of a query besides its text."""
    name, inner = next(iter(query.items()))
    if name == "bool":
        yield from _of_bool(inner)
    elif name == "hybrid":
        yield from _several(inner.get("filter", []))
        yield from _shared([list(_constraints(one)) for one in _several(inner.get("queries", []))])
    elif not _scores(query):
        if name != "match_all":
            yield query
    elif name == "dis_max":
        yield from _shared([list(_constraints(one)) for one in _several(inner.get("queries", []))])
    elif name in ("function_score", "constant_score", "boosting"):
        for one in _inside(name, inner):
            yield from _constraints(one)
    elif name == "knn":
        yield from (
            options["filter"] for options in inner.values() if isinstance(options, Mapping) and options.get("filter")
        )


def _of_bool(inner: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    alone = not any(inner.get(part) for part in ("must", "should"))
    for one in _several(inner.get("filter", [])):
        # A text in a filter is a hard condition, unless it is all that the query has.
        if alone and _scores(one):
            yield from _constraints(one)
        else:
            yield one
    yield from ({"bool": {"must_not": one}} for one in _several(inner.get("must_not", [])))
    for one in _several(inner.get("must", [])):
        yield from _constraints(one)
    options = _several(inner.get("should", []))
    required = inner.get("minimum_should_match", 0 if inner.get("must") or inner.get("filter") else 1)
    if options and str(required) != "0" and not any(_scores(one) for one in options):
        yield {"bool": {"should": options, "minimum_should_match": required}}


def _shared(lists: Sequence[list[Mapping[str, Any]]]) -> list[Mapping[str, Any]]:
    """The conditions that all alternatives have."""
    return [one for one in lists[0] if all(one in other for other in lists[1:])] if lists else []


def _inner(query: Mapping[str, Any]) -> Mapping[str, Any]:
    """The query as part of another: a node takes `hybrid` only by itself, and models of its own are not ours to run."""
    name, inner = next(iter(query.items()))
    if name in ("neural", "neural_sparse"):
        return {"match_none": {}}
    if name == "hybrid":
        alternatives: dict[str, Any] = {
            "should": [_inner(one) for one in _several(inner.get("queries", []))],
            "minimum_should_match": 1,
        }
        if inner.get("filter"):
            alternatives["filter"] = inner["filter"]
        return {"bool": alternatives}
    if name == "bool":
        parts = {part: [_inner(one) for one in _several(inner[part])] for part in ("must", "should") if inner.get(part)}
        return {"bool": {**inner, **parts}}
    return query


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
