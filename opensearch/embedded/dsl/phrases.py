"""Phrases of a text field: `match_phrase`, `match_phrase_prefix`.

Scores are Lucene's: the sum of the terms' idf times BM25's curve of how often the phrase occurs; with a slop, an occurrence
counts 1 / (1 + its distance).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from opensearch.embedded.dsl.catalog import Catalog
from opensearch.embedded.dsl.clauses import Clause, Mark, Match, Run
from opensearch.embedded.dsl.schema import TEXTS
from opensearch.embedded.dsl.words import MAX_EXPANSIONS, combined, exact
from opensearch.embedded.postings import Postings

_ROW: Final = 1 << 32
"""Row and position as one number: row * _ROW + position."""

Keys = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase(Clause):
    """Words of a text field beside each other, in order.

    Attributes:
        field: its place in `fields.TEXT`.
        terms: the analyzed words.
        slop: how many places words may be moved.
        open_end: whether the last word is a prefix, of which `expansions` terms are tried.
    """

    field: int
    terms: tuple[str, ...]
    slop: int = 0
    open_end: bool = False
    expansions: int = MAX_EXPANSIONS

    def match(self, run: Run) -> Match:
        words = run.catalog.postings
        codes = self._codes(run.catalog)
        if not codes or not all(codes):
            return run.none()
        if len(codes) == 1:
            return combined([exact(run.catalog, self.field, code) for code in codes[0]], 1, run)
        keys = [_keys(words, self.field, some) for some in codes]
        rows, frequency = (_exact if self.slop == 0 else _sloppy)(keys, self._same(codes), self.slop)
        weight = sum(words.idf(self.field, code) for some in codes for code in some)
        found = run.none()
        found.mask[rows] = True
        found.scores[rows] = weight * frequency / (frequency + words.norms[self.field][rows])
        return found

    def _codes(self, catalog: Catalog) -> list[list[int]]:
        """The codes that fit at each place."""
        words = catalog.postings
        found = [[code] for code in words.codes(self.terms)]
        if self.open_end:
            low, high = words.prefixed(self.terms[-1])
            held = np.flatnonzero(words.frequencies(self.field, low, high)) + low
            found[-1] = held[: self.expansions].tolist()
        return [[code for code in some if words.frequency(self.field, code)] for some in found]

    def _same(self, codes: Sequence[Sequence[int]]) -> list[int]:
        """For each place, the first place of the same word."""
        return [list(codes).index(some) for some in codes]

    def marks(self, catalog: Catalog) -> Iterator[Mark]:
        terms = catalog.postings.terms
        words = [frozenset([term]) for term in self.terms]
        if self.open_end:
            low, high = catalog.postings.prefixed(self.terms[-1])
            words[-1] = frozenset(terms[low:high])
        yield Mark(TEXTS[self.field], tuple(words), self.slop)


def _keys(words: Postings, field: int, codes: Sequence[int]) -> Keys:
    """Every place of any of the terms, sorted."""
    found = []
    for code in codes:
        rows, starts, positions = words.places(field, code)
        found.append(np.repeat(rows.astype(np.int64), np.diff(starts)) * _ROW + positions)
    return found[0] if len(found) == 1 else np.unique(np.concatenate(found))


def _exact(keys: Sequence[Keys], same: Sequence[int], slop: int) -> tuple[Keys, npt.NDArray[np.float64]]:
    """The rows that have the phrase, and how often."""
    starts = [one - place for place, one in enumerate(keys)]
    order = sorted(range(len(starts)), key=lambda place: len(starts[place]))
    found = starts[order[0]]
    for place in order[1:]:
        other = starts[place]
        at = np.searchsorted(other, found)
        at[at == len(other)] = 0
        found = found[other[at] == found]
    # A start before the text's beginning belongs to the row before it; no word is there.
    rows, counts = np.unique(found >> 32, return_counts=True)
    return rows, counts.astype(np.float64)


def _sloppy(keys: Sequence[Keys], same: Sequence[int], slop: int) -> tuple[Keys, npt.NDArray[np.float64]]:
    """The rows that have the words within the slop, and the sum of their occurrences' weights."""
    held = [np.unique(one >> 32) for one in keys]
    rows = held[0]
    for other in held[1:]:
        rows = np.intersect1d(rows, other, assume_unique=True)
    found, weights = [], []
    for row in rows.tolist():
        places = [
            one[np.searchsorted(one, row * _ROW) : np.searchsorted(one, (row + 1) * _ROW)] - row * _ROW for one in keys
        ]
        weight = occurrences([one.tolist() for one in places], same, slop)
        if weight:
            found.append(row)
            weights.append(weight)
    return np.array(found, np.int64), np.array(weights, np.float64)


def occurrences(places: Sequence[Sequence[int]], same: Sequence[int], slop: int) -> float:
    """The weight of a sloppy phrase in one text: the sum of 1 / (1 + distance), as Lucene's `SloppyPhraseMatcher` finds them.

    Args:
        places: for each word, its positions in the text, rising.
        same: for each word, the first place in the phrase of the same word; two of them never share a position.
    """
    count = len(places)
    at = [0] * count
    repeated = {one for one in same if list(same).count(one) > 1}
    for number in range(count):
        # The same word again begins one position later.
        at[number] = sum(1 for other in range(number) if same[other] == same[number]) if same[number] in repeated else 0
        if at[number] >= len(places[number]):
            return 0.0

    def position(number: int) -> int:
        return places[number][at[number]] - number

    def advance(number: int) -> bool:
        at[number] += 1
        while at[number] < len(places[number]) and any(
            other != number and same[other] == same[number] and places[other][at[other]] == places[number][at[number]]
            for other in range(count)
        ):
            at[number] += 1
        return at[number] < len(places[number])

    queue = [(position(number), number) for number in range(count)]
    heapq.heapify(queue)
    end = max(one for one, _ in queue)
    weight = 0.0
    while True:
        place, number = heapq.heappop(queue)
        length = end - place
        following = queue[0][0]
        while True:
            if not advance(number):
                return weight + (1.0 / (1.0 + length) if length <= slop else 0.0)
            place = position(number)
            end = max(end, place)
            if place > following:
                break
            length = min(length, end - place)
        if length <= slop:
            weight += 1.0 / (1.0 + length)
        heapq.heappush(queue, (place, number))
