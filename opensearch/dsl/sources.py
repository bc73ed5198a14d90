"""Cut documents down: `_source` filtering and `filter_path`, by patterns as OpenSearch writes them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any


def filtered(source: Mapping[str, Any], wanted: Any) -> dict[str, Any]:
    """A document's source with the fields that `_source` asks for.

    Args:
        wanted: True, a pattern, a list of patterns, or `{"includes", "excludes"}`. A pattern is a dotted path in which `*`
            stands for anything; naming an object means all in it.
    """
    if isinstance(wanted, Mapping):
        includes, excludes = _list(wanted.get("includes", [])), _list(wanted.get("excludes", []))
    else:
        includes, excludes = ([], []) if isinstance(wanted, bool) or wanted is None else (_list(wanted), [])
    return _kept(source, "", includes, excludes)


def _list(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _kept(source: Mapping[str, Any], prefix: str, includes: list[str], excludes: list[str]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in source.items():
        path = f"{prefix}{name}"
        if any(_matches(pattern, path) for pattern in excludes):
            continue
        whole = not includes or any(_matches(pattern, path) for pattern in includes)
        if isinstance(value, Mapping):
            inner = _kept(value, f"{path}.", [] if whole else includes, excludes)
            if inner or (whole and not value):
                kept[name] = inner
        elif whole:
            kept[name] = value
    return kept


@lru_cache(maxsize=1024)
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in pattern.split("*")) + r"(?:\..*)?", re.DOTALL)


def _matches(pattern: str, path: str) -> bool:
    return _pattern(pattern).fullmatch(path) is not None


def paths(document: Mapping[str, Any], patterns: Sequence[str]) -> dict[str, Any]:
    """A response cut to `filter_path`: dotted paths, `*` for one name or a part of it, `**` for any depth, `-` to leave
    out. Lists are looked into without a step of their own."""
    drop = [tuple(one[1:].split(".")) for one in patterns if one.startswith("-")]
    keep = [tuple(one.split(".")) for one in patterns if one and not one.startswith("-")]
    found: Any = _cut(document, keep) if keep else document
    return dict(_without(found, drop)) if found is not None else {}


def _cut(value: Any, keep: Iterable[tuple[str, ...]]) -> Any:
    """What is left of a value, or None."""
    steps = list(keep)
    if any(not one or one == ("**",) for one in steps):
        return value
    if isinstance(value, list):
        inner = [cut for one in value if (cut := _cut(one, steps)) is not None]
        return inner or None
    if not isinstance(value, Mapping):
        return None
    kept = {name: cut for name, one in value.items() if (cut := _cut_at(name, one, steps)) is not None}
    return kept or None


def _cut_at(name: str, value: Any, steps: list[tuple[str, ...]]) -> Any:
    onward = list(_onward(name, steps))
    return _cut(value, onward) if onward else None


def _without(value: Any, drop: list[tuple[str, ...]]) -> Any:
    if not drop:
        return value
    if isinstance(value, list):
        return [_without(one, drop) for one in value]
    if not isinstance(value, Mapping):
        return value
    kept = {}
    for name, one in value.items():
        onward = list(_onward(name, drop))
        if not any(not rest for rest in onward):
            kept[name] = _without(one, onward)
    return kept


def _onward(name: str, steps: Iterable[tuple[str, ...]]) -> Iterable[tuple[str, ...]]:
    """What is left of each path after a step to `name`."""
    for first, *rest in steps:
        if first == "**":
            yield (first, *rest)
            if rest and _name(rest[0]).fullmatch(name):
                yield tuple(rest[1:])
        elif _name(first).fullmatch(name):
            yield tuple(rest)


@lru_cache(maxsize=1024)
def _name(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in pattern.split("*")), re.DOTALL)
