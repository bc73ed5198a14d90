"""Phrases of a text field: `match_phrase`, `match_phrase_prefix`.

Scores are Lucene's: the sum of the terms' idf times BM25's curve of how often the phrase occurs; with a slop, an
occurrence counts 1 / (1 + its distance).
"""

from __future__ import annotations

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
        rows, frequency = (_exact if self.slop == 0 else _sloppy)(keys, self._groups(codes), self.slop)
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

    def _groups(self, codes: Sequence[Sequence[int]]) -> list[int]:
        """A number for each place; places that share a term have the same."""
        found = list(range(len(codes)))
        for number, some in enumerate(codes):
            for other in range(number):
                if not set(some).isdisjoint(codes[other]):
                    found = [found[other] if one == found[number] else one for one in found]
        return found

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


def _exact(keys: Sequence[Keys], groups: Sequence[int], slop: int) -> tuple[Keys, npt.NDArray[np.float64]]:
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


def _sloppy(keys: Sequence[Keys], groups: Sequence[int], slop: int) -> tuple[Keys, npt.NDArray[np.float64]]:
    """The rows that have the words within the slop, and the sum of their occurrences' weights."""
    held = [np.unique(one >> 32) for one in keys]
    rows = held[0]
    for other in held[1:]:
        rows = np.intersect1d(rows, other, assume_unique=True)
    found, weights = [], []
    for row in rows.tolist():
        ends = [np.searchsorted(one, [row * _ROW, (row + 1) * _ROW]) for one in keys]
        places = [one[low:high] - row * _ROW for one, (low, high) in zip(keys, ends, strict=True)]
        weight = Sloppy([one.tolist() for one in places], groups).weight(slop)
        if weight:
            found.append(row)
            weights.append(weight)
    return np.array(found, np.int64), np.array(weights, np.float64)


class Sloppy:
    """The occurrences of a sloppy phrase in one text, as Lucene's `SloppyPhraseMatcher` finds them.

    Each word has a cursor over its positions; `starts` are the cursors' positions less the words' places in the
    phrase, so that they are equal where the phrase stands as it was asked for. The cursor that lies first moves on.

    Args:
        places: for each word, its positions in the text, rising.
        groups: words of the same number share a term, and never a position.
    """

    def __init__(self, places: Sequence[Sequence[int]], groups: Sequence[int]) -> None:
        self._places, self._groups = places, groups
        self._at = [0] * len(places)
        self._end = 0

    def weight(self, slop: int) -> float:
        """The sum of 1 / (1 + distance) over the occurrences at most `slop` apart."""
        words = range(len(self._places))
        self._end = max(map(self._start, words))
        if not all(self._apart(word) for word in words):
            return 0.0
        weight = 0.0
        while True:
            word = min(words, key=lambda one: (self._start(one), one))
            following = min(self._start(other) for other in words if other != word)
            length = self._end - self._start(word)
            while True:
                if not (self._move(word) and self._apart(word)):
                    return weight + (1.0 / (1.0 + length) if length <= slop else 0.0)
                if self._start(word) > following:
                    break
                length = min(length, self._end - self._start(word))
            if length <= slop:
                weight += 1.0 / (1.0 + length)

    def _start(self, word: int) -> int:
        return self._places[word][self._at[word]] - word

    def _move(self, word: int) -> bool:
        """Move a cursor on; False when it has come to its end."""
        if self._at[word] + 1 >= len(self._places[word]):
            return False
        self._at[word] += 1
        self._end = max(self._end, self._start(word))
        return True

    def _apart(self, word: int) -> bool:
        """Move cursors until none of the word's group stands where another does; False when one came to its end."""
        while (other := self._collision(word)) is not None:
            word = min(word, other, key=lambda one: (self._start(one), one))
            if not self._move(word):
                return False
        return True

    def _collision(self, word: int) -> int | None:
        own = self._places[word][self._at[word]]
        for other, group in enumerate(self._groups):
            if other != word and group == self._groups[word] and self._places[other][self._at[other]] == own:
                return other
        return None
