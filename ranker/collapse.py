"""Show each value of a field once, such as a jacket that comes in six sizes: the window holds that many values, not copies of few."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from etalage.core.records import Floats
from opensearch.engine import MAX_WINDOW, Candidates, Request, SearchEngine

_SPARE: Final = 1.25
"""How many times as many rows are asked for as the values seen so far let expect."""


def candidates(engine: SearchEngine, index: str, request: Request) -> Candidates:
    """Answer `request`; where it collapses, with as many more rows as `request.size` values of the field take, if there are.

    One request, unless more candidates share a value than some spare rows make up for.
    """
    if not request.collapse:
        return engine.candidates(index, request)
    started, due, wanted = time.monotonic(), request.timeout, request.size
    most = MAX_WINDOW - request.start
    size = max(wanted, min(math.ceil(_SPARE * wanted), most))  # too many are refused by the engine
    while True:
        left = None if due is None else max(due - (time.monotonic() - started), 0.0)
        found = engine.candidates(index, replace(request, size=size, timeout=left))
        values = len(heads(found.groups))
        if values >= wanted or len(found.ids) < size or size >= most:
            return found
        size = min(max(2 * size, math.ceil(_SPARE * size * wanted / values)), most)


def heads(groups: Sequence[str]) -> list[int]:
    """The first row of each value; a row without one stands for itself."""
    return once(groups, range(len(groups)))


def once(groups: Sequence[str], order: Iterable[int]) -> list[int]:
    """The rows of `order` without those of which the value came before."""
    seen: set[str] = set()
    kept = []
    for row in order:
        if not groups[row]:
            kept.append(row)
        elif groups[row] not in seen:
            seen.add(groups[row])
            kept.append(row)
    return kept


def depth(groups: Sequence[str], window: int) -> int:
    """How many rows hold the first `window` values."""
    first = heads(groups)[:window]
    return first[-1] + 1 if first else 0


def best(candidates: Candidates, scores: Floats, chosen: Collection[str]) -> list[int]:
    """A row of each value, in the order of the first ones: among the first len(scores) rows the one that scores best, else the first;
    ids that are `chosen` all stay, in place of others of their value."""
    groups, wanted = candidates.groups, set(chosen)
    shown: dict[str, list[int]] = {}
    for row in [*np.argsort(-scores, kind="stable").tolist(), *range(len(scores), len(groups))]:
        shown.setdefault(groups[row], [row])
    kept: dict[str, list[int]] = {}
    for row, one in enumerate(candidates.ids):
        if one in wanted:
            kept.setdefault(groups[row], []).append(row)
    shown |= kept
    return [one for row in heads(groups) for one in (shown[groups[row]] if groups[row] else [row])]
