"""The products whose titles are nearest, and what they vote for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from indexer.quality.sketch import Hashes, Ints, Words, spans, taken

NEAREST: Final = 10
POSTINGS: Final = 256
"""Products kept for one word when candidates are gathered: those of a frequent word say little."""
GATHERED: Final = 2048
"""Postings read for one title, rarest words first."""
CANDIDATES: Final = 48
"""Products that are compared exactly."""
VOTES: Final = 2
"""Fewest neighbours that can decide."""

Values = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Labelled:
    """The number of every row's value, and the values; the empty one is a row without."""

    numbers: npt.NDArray[np.int32]
    values: list[Values]


@dataclass(frozen=True, slots=True)
class Neighbours:
    """An inverted index over the titles of the products that have a value."""

    words: Words
    ends: Ints
    labels: npt.NDArray[np.int32]
    values: list[Values]
    terms: Words
    starts: Ints
    postings: npt.NDArray[np.int32]
    idf: npt.NDArray[np.float32]
    norms: npt.NDArray[np.float32]

    @classmethod
    def of(cls, words: Words, ends: Ints, ids: Hashes, labelled: Labelled) -> Neighbours | None:
        """The index; None when no product has a value. Rows are taken by the hash of their ids, so that the feed's order
        does not matter."""
        blank = next((number for number, value in enumerate(labelled.values) if not value), -1)
        order = np.argsort(ids, kind="stable")
        rows = order[labelled.numbers[order] != blank]
        if not len(rows):
            return None
        words, ends = _once(*taken(words, ends, rows))
        row = np.repeat(np.arange(len(rows), dtype=np.int32), np.diff(ends))
        by_word = np.argsort(words, kind="stable")
        terms, first = np.unique(words[by_word], return_index=True)
        starts = np.append(first, len(words))
        idf = np.log1p(len(rows) / np.diff(starts)).astype(np.float32)
        weights = idf[np.searchsorted(terms, words)].astype(np.float64) ** 2
        norms = np.sqrt(np.bincount(row, weights, len(rows))).astype(np.float32)
        return cls(words, ends, labelled.numbers[rows], labelled.values, terms, starts, row[by_word], idf, norms)

    def vote(self, title: list[int], tenant: str, close: float, agree: float) -> Values:
        """The value that the nearest products agree on, or an empty tuple.

        Args:
            close: the least similarity (cosine of idf weights) of a neighbour that votes.
            agree: the share of the votes, weighted by similarity, that the winner needs.
        """
        asked = np.unique(np.array(title, np.uint32))
        if not len(asked):
            return ()
        at = np.minimum(np.searchsorted(self.terms, asked), len(self.terms) - 1)
        known = self.terms[at] == asked
        at, unknown = at[known], len(asked) - int(known.sum())
        if not len(at):
            return ()
        rows, similar = self._nearest(at, unknown)
        own = np.array([self.values[label][0] == tenant for label in self.labels[rows].tolist()], bool)
        kept = np.flatnonzero(own & (similar >= close))
        # As near as the last that votes is near enough: the order of equals would decide otherwise.
        kept = kept[similar[kept] > similar[kept[:NEAREST]].min(initial=2.0) - 1e-6]
        if len(kept) < VOTES:
            return ()
        votes: dict[Values, float] = {}
        for label, weight in zip(self.labels[rows[kept]].tolist(), similar[kept].tolist(), strict=True):
            votes[self.values[label]] = votes.get(self.values[label], 0.0) + weight
        best = max(votes, key=lambda value: (votes[value], value))
        return best if votes[best] >= agree * sum(votes.values()) else ()

    def _nearest(self, at: Ints, unknown: int) -> tuple[Ints, npt.NDArray[np.float64]]:
        """Rows by falling similarity to a title of these terms and so many words that no other title has."""
        idf = self.idf[at].astype(np.float64)
        rarest = np.lexsort((at, -idf))
        counts = np.minimum(self.starts[at + 1] - self.starts[at], POSTINGS)[rarest]
        used = rarest[: max(1, int(np.searchsorted(np.cumsum(counts), GATHERED, "right")))]
        lengths = counts[: len(used)]
        gathered = self.postings[spans(self.starts[at[used]], lengths)]
        rows, inverse = np.unique(gathered, return_inverse=True)
        partial = np.bincount(inverse, np.repeat(idf[used] ** 2, lengths))
        if len(rows) > CANDIDATES:
            first = np.argsort(-partial / self.norms[rows], kind="stable")[:CANDIDATES]
            rows = rows[np.sort(first)]
        words, ends = taken(self.words, self.ends, rows.astype(np.int64))
        shared = np.isin(words, self.terms[at])
        term = np.searchsorted(self.terms, words[shared])
        row = np.repeat(np.arange(len(rows)), np.diff(ends))[shared]
        dot = np.bincount(row, self.idf[term].astype(np.float64) ** 2, len(rows))
        # A word that is nowhere else, mostly a model number, counts as the title's other words do.
        length = np.sqrt((idf**2).sum() + unknown * (idf**2).mean())
        similar = dot / (self.norms[rows] * length)
        order = np.argsort(-similar, kind="stable")
        return rows[order].astype(np.int64), similar[order]


def _once(words: Words, ends: Ints) -> tuple[Words, Ints]:
    """Bags with every word once a row, sorted."""
    row = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
    keys = np.unique((row.astype(np.uint64) << np.uint64(32)) | words)
    lengths = np.bincount((keys >> np.uint64(32)).astype(np.int64), minlength=len(ends) - 1)
    return keys.astype(np.uint32), np.concatenate([[0], np.cumsum(lengths)])
