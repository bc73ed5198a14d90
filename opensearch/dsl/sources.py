"""Cut documents down: `_source` filtering and `filter_path`, by patterns as OpenSearch writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

_GONE: Final = object()


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
    return _kept(source, "", [one for one in includes if one] or None, [one for one in excludes if one])


def _list(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _kept(source: Mapping[str, Any], prefix: str, includes: list[str] | None, excludes: list[str]) -> dict[str, Any]:
    """What is left of an object; `includes` is None inside of one that is included itself."""
    kept: dict[str, Any] = {}
    for name, value in source.items():
        path = f"{prefix}{name}"
        if any(_matches(pattern, path) for pattern in excludes):
            continue
        whole = includes is None or any(_matches(pattern, path) for pattern in includes)
        wanted = None if whole else includes
        if isinstance(value, Mapping):
            inner = _kept(value, f"{path}.", wanted, excludes)
            if inner or whole:
                kept[name] = inner
        elif isinstance(value, list):
            left = _listed(value, f"{path}.", wanted, excludes)
            if left or whole:
                kept[name] = left
        elif whole:
            kept[name] = value
    return kept


def _listed(values: list[Any], prefix: str, includes: list[str] | None, excludes: list[str]) -> list[Any]:
    """What is left of a list: objects are cut down like the one that holds it, and left out when nothing is left."""
    kept: list[Any] = []
    for one in values:
        if isinstance(one, Mapping):
            inner = _kept(one, prefix, includes, excludes)
            if inner or (not one and includes is None):
                kept.append(inner)
        elif isinstance(one, list):
            left = _listed(one, prefix, includes, excludes)
            if left or includes is None:
                kept.append(left)
        elif includes is None:
            kept.append(one)
    return kept


def glob(pattern: str, text: str) -> bool:
    """Whether a pattern, in which `*` stands for anything, is a text. Each part is looked for once, so that no pattern takes
    long."""
    first, *rest = pattern.split("*")
    if not rest:
        return first == text
    *middle, last = rest
    end = len(text) - len(last)
    if end < len(first) or not text.startswith(first) or not text.endswith(last):
        return False
    at = len(first)
    for part in middle:
        at = text.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


def _matches(pattern: str, path: str) -> bool:
    """Whether a pattern names a path, or an object that it lies in."""
    return glob(pattern, path) or glob(f"{pattern}.*", path)


def paths(document: Mapping[str, Any], patterns: Sequence[str]) -> dict[str, Any]:
    """A response cut to `filter_path`: dotted paths, `*` for one name or a part of it, `**` for one name or more, `-` to
    leave out. Lists are looked into without a step of their own. An object of which nothing is left goes too."""
    named = [one.strip() for one in patterns]
    drop = [tuple(one[1:].split(".")) for one in named if one.startswith("-")]
    keep = [tuple(one.split(".")) for one in named if one and not one.startswith("-")]
    found: Any = _cut(document, keep) if keep else document
    left: Any = _without(found, drop) if found is not None else _GONE
    return {} if left is _GONE else dict(left)


def _cut(value: Any, keep: Iterable[tuple[str, ...]]) -> Any:
    """What is left of a value, or None."""
    steps = list(keep)
    if any(not one for one in steps):
        return value
    if isinstance(value, list):
        inner = [cut for one in value if (cut := _cut(one, steps)) is not None]
        return inner or None
    if not isinstance(value, Mapping):
        return None
    kept = {name: cut for name, one in value.items() if (cut := _cut(one, _onward(name, steps))) is not None}
    return kept or None


def _without(value: Any, drop: Iterable[tuple[str, ...]]) -> Any:
    """A value without what is dropped; `_GONE` when that leaves nothing of it."""
    steps = list(drop)
    if any(not one for one in steps):
        return _GONE
    if not steps or not value:
        return value
    if isinstance(value, list):
        return [left for one in value if (left := _without(one, steps)) is not _GONE] or _GONE
    if not isinstance(value, Mapping):
        return value
    kept = {name: left for name, one in value.items() if (left := _without(one, _onward(name, steps))) is not _GONE}
    return kept or _GONE


def _onward(name: str, steps: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """What is left of each path after a step to `name`, each once."""
    left: dict[tuple[str, ...], None] = {}
    for first, *rest in steps:
        if first == "**":
            left[(first, *rest)] = None
            left[tuple(rest)] = None
        elif glob(first, name):
            left[tuple(rest)] = None
    return list(left)
