"""What the order of completions is learnt from: features of the best by score, given what the shopper did before."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final

import numpy as np
import numpy.typing as npt

from autocomplete.context import MOST, Context
from autocomplete.index import TRAITS, Index
from autocomplete.kernels.compiled import Ids, Real, Scores, Whole, compiled
from autocomplete.querylog import TYPES
from autocomplete.typed import key

Floats = npt.NDArray[np.float32]

FEATURES: Final = (
    "score", "place", *TRAITS, *TYPES, "inside", "letters", "words",
    "again", "repeated", "shared", "refines", "visit_category", "visit_department",
    "earlier", "earlier_category", "earlier_department",
)  # fmt: skip
"""What is known of a completion, in this order:

- score: natural logarithm of what it counts, less that of the best of the pool; place: 1 / its rank by that.
- the traits of the index, the trend less what it is where nothing changes; its type, one of five.
- inside: logarithm of what is left of its score because the prefix is not its beginning, or was mistyped.
- letters: tenths of letters typed, at most 1; words: tenths of its words.
- again: it is the last query; repeated: it was one of this visit's; earlier: share of earlier visits' queries that are it.
- shared: share of the last query's words that it has; refines: it has all of them, and is another query.
- visit_category, visit_department, earlier_category, earlier_department: share of what was searched and looked at that leads to its
  category, or to the same first part of the path.
Of what was done before the newest counts most.
"""

FAMILIES: Final[Mapping[str, tuple[str, ...]]] = {
    "popularity": ("score", "place", "popularity"),
    "trend": ("trend",),
    "conversion": ("clicked", "bought"),
    "type": TYPES,
    "match": ("inside", "letters", "words"),
    "last query": ("again", "shared", "refines"),
    "visit": ("repeated", "visit_category", "visit_department"),
    "shopper": ("earlier", "earlier_category", "earlier_department"),
}
"""What explanations tell, and the features of each."""

_VISIT, _EARLIER = 0.6, 0.9
"""What each query or category counts of the next newer one's."""

_WORDS: Final = 8
"""Words of a completion that are compared."""

_TRAITS: Final = FEATURES.index("popularity")
_TREND: Final = FEATURES.index("trend")
_TYPES: Final = FEATURES.index(TYPES[0])
_INSIDE: Final = FEATURES.index("inside")
_AGAIN: Final = FEATURES.index("again")
_EARLIER_SIDE: Final = FEATURES.index("earlier")
_REPEATED: Final = FEATURES.index("repeated")
_SHARED: Final = FEATURES.index("shared")
_VISITED: Final = FEATURES.index("visit_category")

_STEADY: Final = 128
"""The trend of what does not change, in steps."""
_LEAST: Final = 1e-9
"""The least score that is told apart."""
_NONE: Final = np.empty(0, np.int64)


def contract_hash() -> str:
    """The hash of the list of features; a model of another one is refused."""
    return sha256("\n".join(FEATURES).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Known:
    """A context as an index knows it.

    Attributes:
        newest, words: the last query's completion (-1: none), and its words.
        docs, shares: what was asked for: completions [q] (-1: none), and float32 [q, 2]: 1 in this visit, and the share of earlier visits.
        places, weights: categories [c] (0: none), and float32 [c, 2]: what share of this visit and of earlier ones each is.
    """

    newest: int
    words: Whole
    docs: Whole
    shares: Floats
    places: Whole
    weights: Floats


def known(index: Index, context: Context, indexes: Sequence[Index] = ()) -> Known:
    """Read a context by an index. What a query leads to is told by the first of `indexes` that knows it, unless this one does."""
    docs, places = list[int](), list[int]()
    tellers = (index, *(other for other in indexes if other is not index))
    for texts in (context.queries, context.earlier):
        for text in texts[:MOST]:
            typed = key(text)
            number = index.number(typed)
            docs.append(number)
            places.append(int(index.categories[number]) if number >= 0 else 0)
            if not places[-1]:
                places[-1] = _place(index.numbers, _path(typed, tellers))
    asked = len(context.queries[:MOST]), len(context.earlier[:MOST])
    looked = len(context.categories[:MOST]), len(context.liked[:MOST])
    places += [_place(index.numbers, path) for some in (context.categories, context.liked) for path in some[:MOST]]
    weights = np.concatenate((_shares(*asked), _shares(*looked)))
    shares = weights[: len(docs)].copy()
    shares[: asked[0], 0] = 1
    for side in (0, 1):
        total = sum(weight for weight, place in zip(weights[:, side].tolist(), places, strict=True) if place)
        weights[:, side] *= 1 / total if total else 0
    words = _NONE
    if asked[0]:
        words = index.words(docs[0]) if docs[0] >= 0 else index.word_numbers(key(context.queries[0]))
    newest = docs[0] if asked[0] else -1
    return Known(newest, words, np.array(docs, np.int64), shares, np.array(places, np.int64), weights)


@lru_cache(maxsize=(MOST + 1) ** 2)
def _shares(visit: int, earlier: int) -> Floats:
    """What share of a visit and of earlier ones each entry is, newest first: float32 [visit + earlier, 2]."""
    found = np.zeros((visit + earlier, 2), np.float32)
    found[:visit, 0] = _VISIT ** np.arange(visit)
    found[visit:, 1] = _EARLIER ** np.arange(earlier)
    return found / np.maximum(found.sum(axis=0), 1e-9)


def _path(typed: str, indexes: Sequence[Index]) -> str:
    """The category that a query leads to: that of its completion, else of the best one that goes on with it; "" for none."""
    for index in indexes:
        number = index.number(typed)
        if number < 0 and typed:
            docs, _ = index.exact(typed, 1)
            number = int(docs[0]) if len(docs) else -1
        if number >= 0 and index.categories[number]:
            return index.paths[index.categories[number] - 1]
    return ""


def _place(numbers: Mapping[str, int], path: str) -> int:
    """The number of a category, or of the nearest one above it; 0 for none."""
    while path and path not in numbers:
        path = path.rpartition(" > ")[0]
    return numbers.get(path, 0)


def features(index: Index, typed: str, docs: Whole, values: Real, best: float, about: Known) -> Floats:
    """Features float32 [n, len(FEATURES)] of completions in order of what they count; `best` is what the pool's best one counts."""
    rows = np.zeros((len(docs), len(FEATURES)), np.float32)
    begins, words = index.worded
    _facts(rows, docs, values, best, min(len(typed), 10) / 10, index.scores, index.traits, index.kinds, begins)
    _relations(
        rows, docs, index.categories, index.departments, begins, words,
        about.newest, about.words, about.docs, about.shares, about.places, about.weights,
    )  # fmt: skip
    return rows


@compiled
def _facts(
    rows: Floats,
    docs: Whole,
    values: Real,
    best: float,
    letters: float,
    scores: Scores,
    traits: npt.NDArray[np.uint8],
    kinds: npt.NDArray[np.uint8],
    begins: Ids,
) -> None:
    """Fill in what does not depend on the context."""
    for at in range(len(docs)):
        doc = docs[at]
        rows[at, 0] = math.log(max(values[at], _LEAST) / best)
        rows[at, 1] = 1 / (at + 1)
        if len(traits):
            for column in range(traits.shape[1]):
                rows[at, _TRAITS + column] = traits[doc, column] / 255
            rows[at, _TREND] = (np.int64(traits[doc, _TREND - _TRAITS]) - _STEADY) / 255
        rows[at, _TYPES + (kinds[doc] & 15)] = 1
        rows[at, _INSIDE] = math.log(max(values[at], _LEAST) / max(scores[doc], _LEAST))
        rows[at, _INSIDE + 1] = letters
        rows[at, _INSIDE + 2] = (np.int64(begins[doc + 1]) - np.int64(begins[doc])) / 10


@compiled
def _relations(
    rows: Floats,
    docs: Whole,
    categories: npt.NDArray[np.uint16],
    departments: Whole,
    begins: Ids,
    words: Ids,
    newest: int,
    last: Whole,
    asked: Whole,
    shares: Floats,
    places: Whole,
    weights: Floats,
) -> None:
    """Fill in what a completion has to do with the context."""
    for at in range(len(docs)):
        doc = docs[at]
        if len(last):
            shared = 0
            low, high = np.int64(begins[doc]), np.int64(begins[doc + 1])
            for one in last:
                for place in range(low, min(high, low + _WORDS)):
                    if words[place] == one:
                        shared += 1
                        break
            rows[at, _AGAIN] = doc == newest
            rows[at, _SHARED] = shared / len(last)
            rows[at, _SHARED + 1] = shared == len(last) and doc != newest
        for one in range(len(asked)):
            if asked[one] == doc:
                rows[at, _REPEATED] = max(rows[at, _REPEATED], shares[one, 0])
                rows[at, _EARLIER_SIDE] += shares[one, 1]
        own = np.int64(categories[doc])
        if own == 0:
            continue
        for one in range(len(places)):
            if places[one]:
                for side in range(2):
                    column = _VISITED if side == 0 else _EARLIER_SIDE + 1
                    if places[one] == own:
                        rows[at, column] += weights[one, side]
                    if departments[places[one]] == departments[own]:
                        rows[at, column + 1] += weights[one, side]
