"""What "the same answer" means: exactly, up to ties and rounding, or in shape only."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any, Final

from opensearch import fields

TIMES: Final = ("took",)
"""What no two answers share."""


SHOWN: Final = ("_source", "fields")
"""Where a hit shows a product's fields."""


def visible(value: Any, without: Container[str] = ()) -> Any:
    """An answer without times, without the keys `without`, and, wherever hits stand, without the fields that Etalage
    keeps to itself."""
    if isinstance(value, list):
        return [visible(one, without) for one in value]
    if not isinstance(value, Mapping):
        return value
    kept = {name: visible(one, without) for name, one in value.items() if name not in TIMES and name not in without}
    if isinstance(kept.get("matched_queries"), list):
        kept["matched_queries"] = sorted(kept["matched_queries"])
    for place in SHOWN:
        if isinstance(kept.get(place), Mapping):
            kept[place] = {name: one for name, one in kept[place].items() if name not in fields.INTERNAL}
    return kept


def hidden(value: Any) -> list[str]:
    """The internal fields that an answer shows after all."""
    if isinstance(value, list):
        return [name for one in value for name in hidden(one)]
    if not isinstance(value, Mapping):
        return []
    own = [name for place in SHOWN for name in _names(value.get(place)) if name in fields.INTERNAL]
    return own + [name for one in value.values() for name in hidden(one)]


def _names(value: Any) -> list[str]:
    return list(value) if isinstance(value, Mapping) else []


def parts(answer: Any) -> list[Any]:
    """The answers in one: those of an `_msearch`, or itself."""
    found: list[Any] = answer.get("responses", [answer])
    return found


def ids(answer: Mapping[str, Any]) -> list[str]:
    return [hit["_id"] for hit in answer["hits"]["hits"]]


def alike(ours: Any, theirs: Any, within: float, at: str = "") -> Iterator[str]:
    """What differs between two answers. Numbers may differ by `within`, and hits that score or sort alike stand in any
    order; of those at the end of a page, any may be shown."""
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        if set(ours) != set(theirs):
            yield f"{at}: keys {sorted(set(ours) ^ set(theirs))} are in one only"
        for name in ours.keys() & theirs.keys():
            if name == "hits" and _listed(ours[name]) and _listed(theirs[name]):
                yield from _hits(ours[name], theirs[name], within, f"{at}.hits")
            else:
                yield from alike(ours[name], theirs[name], within, f"{at}.{name}")
    elif isinstance(ours, list) and isinstance(theirs, list):
        if len(ours) != len(theirs):
            yield f"{at}: {len(ours)} instead of {len(theirs)}"
        for number, (one, other) in enumerate(zip(ours, theirs, strict=False)):
            yield from alike(one, other, within, f"{at}[{number}]")
    elif not _same(ours, theirs, within):
        yield f"{at}: {ours!r} instead of {theirs!r}"


def _listed(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, Mapping) and "_id" in one for one in value)


def _same(ours: Any, theirs: Any, within: float) -> bool:
    if type(ours) is type(theirs) is bool or ours is None or theirs is None:
        return ours is theirs
    if isinstance(ours, int | float) and isinstance(theirs, int | float):
        return math.isclose(ours, theirs, rel_tol=within, abs_tol=1e-6)
    return type(ours) is type(theirs) and ours == theirs


def _hits(ours: Sequence[Any], theirs: Sequence[Any], within: float, at: str) -> Iterator[str]:
    if len(ours) != len(theirs):
        yield f"{at}: {len(ours)} instead of {len(theirs)}"
        return
    for number, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        yield from alike(_key(one), _key(other), within, f"{at}[{number}] (what orders it)")
    for start, end in _runs(theirs, within):
        mine, wanted = ({hit["_id"] for hit in some[start:end]} for some in (ours, theirs))
        if mine != wanted and end < len(theirs):
            yield f"{at}[{start}:{end}]: {sorted(mine)} instead of {sorted(wanted)}"
    known = {hit["_id"]: hit for hit in theirs}
    for hit in ours:
        if hit["_id"] in known:
            yield from alike(hit, known[hit["_id"]], within, f"{at}[{hit['_id']}]")


def _key(hit: Mapping[str, Any]) -> list[Any]:
    """What a hit is ordered by; the tie-breaking id is no number and needs no tolerance."""
    return list(hit["sort"]) if "sort" in hit else [hit.get("_score")]


def _runs(hits: Sequence[Any], within: float) -> Iterator[tuple[int, int]]:
    """Ranges of hits that are ordered alike."""
    start = 0
    for at in range(1, len(hits) + 1):
        if at == len(hits) or not all(
            _same(one, other, within) for one, other in zip(_key(hits[at]), _key(hits[at - 1]), strict=True)
        ):
            yield start, at
            start = at


def shape(value: Any) -> Any:
    """The keys and kinds of an answer; lists by their first element."""
    if isinstance(value, Mapping):
        return {name: shape(one) for name, one in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def buckets(value: Any, at: str = "") -> dict[str, int]:
    """The counts of every bucket of aggregations, by where they stand."""
    found: dict[str, int] = {}
    if isinstance(value, Mapping):
        if isinstance(value.get("doc_count"), int):
            found[at] = value["doc_count"]
        for name, one in value.items():
            if name != "hits":
                found |= buckets(one, f"{at}.{name}")
    elif isinstance(value, list):
        for one in value:
            found |= buckets(one, f"{at}[{one['key']}]") if isinstance(one, Mapping) and "key" in one else {}
    return found
