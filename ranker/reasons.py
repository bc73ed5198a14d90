"""Why a hit is shown, as a sentence for shoppers: the words that it has, then what adds most to its score."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from etalage.core import text
from etalage.core.records import Floats
from opensearch import fields
from ranker.features import NAMES, bits
from ranker.phrases import LANGUAGES, Phrases
from ranker.retrieve import Retrieved

MOST: Final = 3
"""Reasons beside the words."""

LEAST: Final = 0.01
"""What a reason must add to the score to be said."""

_QUOTED: Final = 4


@dataclass(frozen=True, slots=True)
class Reason:
    """What may be said of a hit: when its `features` add to the score, and the first of them is above `floor` (None: the list's
    mean), or below where `below`."""

    name: str
    features: tuple[str, ...]
    floor: float | None = 0.0
    below: bool = False


REASONS: Final = (
    Reason("number", ("models",)),
    Reason(
        "meaning", ("cosine_relative", "cosine", "near", "vector_rank", "cosine_deviation", "cosine_below_best"), None
    ),
    Reason("looks", ("looks_relative", "looks", "looks_deviation", "looks_rank"), None),
    Reason(
        "alike", ("centroid_20", "centroid_5", "centroid_5_relative", "centroid_20_deviation", "words_of_best"), None
    ),
    Reason("popular", ("popularity",)),
    Reason("clicked", ("click_rate",)),
    Reason("bought", ("purchase_rate",)),
    Reason("rated", ("rating",)),
    Reason("reviewed", ("reviews",)),
    Reason("new", ("freshness",)),
    Reason("reduced", ("discount",)),
    Reason("cheap", ("price",), below=True),
    Reason("stock", ("in_stock",)),
)

PLAIN: Final = ("picture", "description", "typed", "browsed", "sorted", "moved")
"""What is said without numbers of the ranker."""

_STOCK: Final = [reason.name for reason in REASONS].index("stock")
_FIELDS: Final = ("title", "brand", "category", "attributes")
_DESCRIPTION: Final = list(fields.TEXT).index("description")
_KEYS: Final = np.array([NAMES.index(reason.features[0]) for reason in REASONS])
_FLOORS: Final = np.array([reason.floor or 0.0 for reason in REASONS], np.float32)
_BY_MEAN: Final = np.array([reason.floor is None for reason in REASONS])
_SIGNS: Final = np.array([-1.0 if reason.below else 1.0 for reason in REASONS], np.float32)
_SUMS: Final = np.zeros((len(NAMES), len(REASONS)), np.float32)
for _number, _reason in enumerate(REASONS):
    _SUMS[[NAMES.index(name) for name in _reason.features], _number] = 1.0


@dataclass(frozen=True, slots=True)
class Shares:
    """What features add to the scores of the page's hits that the ranker scored.

    Attributes:
        rows: those hits, as rows of the candidates.
        values: features, float32 [n, F].
        added: what each adds, float32 [n, F].
        mean: of the list's features, [F].
    """

    rows: Sequence[int]
    values: Floats
    added: Floats
    mean: Floats


def sentences(
    retrieved: Retrieved,
    rows: Sequence[int],
    shares: Shares | None,
    language: str,
    *,
    order: str = "",
    picture: bool = False,
    moved: Container[int] = (),
) -> list[str]:
    """One sentence for each of `rows`.

    Args:
        shares: None where they are not known.
        language: a key of `LANGUAGES`.
        order: `browsed` or `sorted` where no score decides.
        picture: the vector that is compared is a picture's.
        moved: rows that rules of the shop moved.
    """
    phrases = LANGUAGES[language]
    found = retrieved.candidates
    words = _words(retrieved, rows, phrases)
    strong = {} if shares is None else _strong(found.records["stock"], shares)
    chosen = list(rows)
    near, described = found.near[chosen].tolist(), (found.fields[chosen, _DESCRIPTION] > 0).tolist()
    said = []
    for at, row in enumerate(rows):
        brought = [("picture" if picture else "meaning")] if near[at] and not order else []
        names = [*strong[row]] if row in strong else brought
        if not words[at] and described[at]:
            names.insert(0, "description")
        elif not words[at] and not names:
            names = ["typed"] if found.lexical[row] > 0 else brought
        names += [order] if order else []
        names += ["moved"] if row in moved else []
        clauses = [phrases.reasons[name] for name in names]
        said.append(phrases.sentence([words[at], *clauses] if words[at] else clauses))
    return said


def _strong(stock: Floats, shares: Shares) -> dict[int, list[str]]:
    """By row, the names of the reasons that add most to its score, and that its own numbers bear out."""
    added = shares.added @ _SUMS
    floors = np.where(_BY_MEAN, shares.mean[_KEYS], _FLOORS)
    true = (shares.values[:, _KEYS] - floors) * _SIGNS > 1e-4
    # A stock that is not known counts as being in stock for the ranker, which is not to be promised.
    true[:, _STOCK] &= stock[list(shares.rows)] > 0
    weighed = np.where(true, added, 0.0)
    best = np.argsort(-weighed, axis=1, kind="stable")[:, :MOST].tolist()
    return {
        row: [REASONS[at].name for at in first if values[at] > LEAST]
        for row, first, values in zip(shares.rows, best, weighed.tolist(), strict=True)
    }


def _words(retrieved: Retrieved, rows: Sequence[int], phrases: Phrases) -> list[str]:
    """What of the query each hit has, in the first field that has it; empty for nothing."""
    query = retrieved.query
    spans = text.located(query.text)[: len(query.stems)]
    if not spans or not rows:
        return [""] * len(rows)
    title, attributes, names = bits.equal(bits.tokens(retrieved.candidates.records.take(rows)), query.stems)
    has = np.array([title, names & bits.BRAND_BITS, names & bits.CATEGORY_BITS, attributes]) != 0
    has[1:] &= ~np.logical_or.accumulate(has, axis=0)[:-1]
    size, flags = has.shape[0] * has.shape[1], has.transpose(2, 0, 1).tobytes()
    keys = [flags[start : start + size] for start in range(0, len(flags), size)]
    # Hits of a page have much the same words in the same fields.
    said = {key: _told(query.text, spans, key, phrases) for key in set(keys)}
    return [said[key] for key in keys]


def _told(query: str, spans: list[tuple[str, int, int]], flags: bytes, phrases: Phrases) -> str:
    """Which words stand in which of `_FIELDS`, by a flag for each word in each of them; empty for none."""
    parts, size = [], len(flags) // len(_FIELDS)
    for number, name in enumerate(_FIELDS):
        here = flags[number * size : (number + 1) * size]
        if any(here):
            parts.append(phrases.inside[name].format(words=_quoted(query, spans, here, phrases)))
    return phrases.matches.format(phrases.between[1].join(parts)) if parts else ""


def _quoted(query: str, spans: list[tuple[str, int, int]], flags: bytes, phrases: Phrases) -> str:
    """The parts of a query that `flags` name, adjacent words together."""
    pieces: list[list[int]] = []
    last = -2
    for at, (_, start, end) in enumerate(spans):
        if flags[at]:
            if last == at - 1:
                pieces[-1][1] = end
            else:
                pieces.append([start, end])
            last = at
    before, after = phrases.quotes
    return phrases.between[0].join(f"{before}{query[start:end]}{after}" for start, end in pieces[:_QUOTED])
