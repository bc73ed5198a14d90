"""Completions of a shop that nothing was typed in yet: of its catalog's own names and words, which find something by construction."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from autocomplete.forms import SMALL, same
from autocomplete.querylog import BRAND, CATEGORY, PHRASE, Entry
from autocomplete.shop import Names
from autocomplete.typed import key
from etalage.core.text import normalize, stems

_LEAST: Final = 3
"""Products that a phrase must be of."""
_MOST: Final = 5000
"""Phrases that are kept, those of most products."""
_HEAD: Final = re.compile(r"\s[-–—|]\s|[,;:(\[/|]|\s(?:with|for|mit|für|avec|pour|con|para)\s")
"""What ends the part of a title that says what it is."""
_VALUE: Final = re.compile(r"[^\W\d_]+(?:[ -][^\W\d_]+)?")
_WORDS: Final = 4
"""Words of the longest phrase."""


def names(brands: Names, categories: Names, peak: float) -> list[Entry]:
    """Completions of the catalog's own names, scored by their share of products, at most `peak`; a category leads to itself."""
    found: dict[str, Entry] = {}
    for kind, some in ((CATEGORY, categories), (BRAND, brands)):
        most = max((number for _, number in some), default=1)
        for name, number in some:
            text = name.rsplit(" > ", 1)[-1].lower()
            share = number / most
            entry = Entry(text, round(peak * share, 6), kind, name if kind == CATEGORY else "", share)
            compared = key(text)
            if len(compared) > 1 and (compared not in found or found[compared].score < entry.score):
                found[compared] = entry
    return sorted(found.values(), key=lambda one: (-one.score, one.text))


def phrases(products: Iterable[Mapping[str, Any]], peak: float) -> list[Entry]:
    """Completions of words that several products share, scored by how many do, at most `peak`: a value of an attribute before the name of
    a category (`red sofas`), and ends of the first parts of titles (`walnut desk lamp`)."""
    numbers: Counter[str] = Counter()
    paths: dict[str, Counter[str]] = defaultdict(Counter)
    for source in products:
        path = " > ".join(source.get("category") or ())
        for phrase in set(_of(source)):
            numbers[phrase] += 1
            if path:
                paths[phrase][path] += 1
    kept: dict[tuple[str, ...], str] = {}
    for phrase, number in sorted(numbers.items(), key=lambda one: (-one[1], one[0])):
        if number < _LEAST or len(kept) == _MOST:
            break
        kept.setdefault(same(phrase), phrase)
    most = max((numbers[phrase] for phrase in kept.values()), default=1)
    return [
        Entry(phrase, max(peak * numbers[phrase] / most, 1e-6), PHRASE, shared(paths[phrase]), numbers[phrase] / most)
        for phrase in kept.values()
    ]


def _of(source: Mapping[str, Any]) -> Iterator[str]:
    """The phrases of a product."""
    category = source.get("category") or ()
    attributes: Mapping[str, Sequence[str]] = source.get("attributes") or {}
    if category:
        noun = normalize(category[-1]).lower()
        for values in attributes.values():
            for value in values:
                if len(value) <= 20 and _VALUE.fullmatch(value):
                    yield f"{normalize(value).lower()} {noun}"
    words = normalize(_HEAD.split(source["title"], maxsplit=1)[0]).lower().split()
    for length in range(2, min(_WORDS, len(words)) + 1):
        phrase = words[-length:]
        if SMALL.isdisjoint(stems(f"{phrase[0]} {phrase[-1]}")) and all(len(word) > 1 for word in phrase):
            yield " ".join(phrase)


def shared(paths: Mapping[str, float]) -> str:
    """The deepest category that more than half of the weight of these paths is in or below; empty where there is none.

    Paths are written `Home > Sofas`.
    """
    total = sum(paths.values())
    inside: Counter[str] = Counter()
    for path, weight in paths.items():
        levels = path.split(" > ") if path else []
        for depth in range(1, len(levels) + 1):
            inside[" > ".join(levels[:depth])] += weight  # type: ignore[assignment]  # weights may be parts
    most = [path for path, weight in inside.items() if 2 * weight > total]
    return max(most, key=lambda path: path.count(" > "), default="")
