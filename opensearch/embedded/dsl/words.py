"""`match`, `match_bool_prefix` and `fuzzy` on text: words of a field with BM25, alone or expanded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from rapidfuzz import process
from rapidfuzz.distance import OSA, Levenshtein

from etalage.core.records import Floats
from opensearch.embedded.dsl.catalog import Catalog
from opensearch.embedded.dsl.clauses import Clause, Mark, Match, Run
from opensearch.embedded.dsl.compound import least
from opensearch.embedded.dsl.schema import TEXTS
from opensearch.embedded.postings import idf

MAX_EXPANSIONS: Final = 50

Part = tuple[npt.NDArray[np.int32], Floats]
"""The rows that have a word (each once), and their scores."""


@dataclass(frozen=True, slots=True)
class Fuzziness:
    """How far a word may be from the one asked for.

    Attributes:
        edits: edits allowed, or None for AUTO.
        low, high: of AUTO: shorter words than `low` allow none, shorter ones than `high` one, others two.
        prefix: letters at the beginning that must agree.
        swaps: whether a swap of neighbours is one edit.
    """

    edits: int | None = None
    low: int = 3
    high: int = 6
    prefix: int = 0
    expansions: int = MAX_EXPANSIONS
    swaps: bool = True

    def of(self, term: str) -> int:
        """The edits allowed for a term."""
        if self.edits is not None:
            return self.edits
        return 0 if len(term) < self.low else 1 if len(term) < self.high else 2


def similar(values: Sequence[str], term: str, fuzziness: Fuzziness) -> list[tuple[int, float]]:
    """The places in `values` (sorted) of those near `term`, and how near, at most `fuzziness.expansions`, nearest
    first."""
    edits = fuzziness.of(term)
    distance = OSA.distance if fuzziness.swaps else Levenshtein.distance
    if not values:
        return []
    apart = process.cdist([term], values, scorer=distance, score_cutoff=edits, dtype=np.uint8)[0]
    found = []
    for place in np.flatnonzero(apart <= edits).tolist():
        value = values[place]
        if value[: fuzziness.prefix] == term[: fuzziness.prefix]:
            nearness = 1.0 if not apart[place] else 1.0 - int(apart[place]) / max(min(len(value), len(term)), 1)
            if nearness >= 0:
                found.append((place, nearness))
    return sorted(found, key=lambda one: (-one[1], one[0]))[: fuzziness.expansions]


def expanded(catalog: Catalog, field: int, term: str, fuzziness: Fuzziness) -> list[tuple[int, float]]:
    """The codes of the field's terms near `term`, and how near."""
    words = catalog.postings
    low, high = words.prefixed(term[: fuzziness.prefix]) if fuzziness.prefix else (0, len(words.terms))
    alike = np.abs(words.sizes[low:high] - len(term)) <= fuzziness.of(term)
    held = np.flatnonzero(alike & (words.frequencies(field, low, high) > 0)) + low
    terms = words.terms
    near = similar([terms[code] for code in held.tolist()], term, fuzziness)
    return [(int(held[place]), nearness) for place, nearness in near]


def exact(catalog: Catalog, field: int, code: int) -> Part:
    """A term as it is."""
    if code < 0:
        return np.zeros(0, np.int32), np.zeros(0, np.float32)
    return catalog.postings.weights(field, code)


def blended(catalog: Catalog, field: int, found: Sequence[tuple[int, float]]) -> Part:
    """Several terms as one: each counts as frequent as the most frequent, times its nearness."""
    words = catalog.postings
    if not found:
        return exact(catalog, field, -1)
    common = idf(words.documents(field), max(words.frequency(field, code) for code, _ in found))
    scores = np.zeros(catalog.size, np.float32)
    mask = np.zeros(catalog.size, bool)
    for code, nearness in found:
        rows, curve = words.curve(field, code)
        scores[rows] += (nearness * common * curve).astype(np.float32)
        mask[rows] = True
    rows = np.flatnonzero(mask).astype(np.int32)
    return rows, scores[rows]


def prefixed(catalog: Catalog, field: int, prefix: str) -> Part:
    """The documents that have any term with the prefix, each with score 1."""
    rows = np.unique(catalog.postings.rows(field, *catalog.postings.prefixed(prefix)))
    return rows, np.ones(len(rows), np.float32)


def combined(parts: Sequence[Part], needed: int, run: Run) -> Match:
    """The sum of the parts of each document that has at least `needed` of them."""
    scores = np.zeros(run.size, np.float32)
    if needed <= 1:
        mask = np.zeros(run.size, bool)
        for rows, weights in parts:
            scores[rows] += weights
            mask[rows] = True
        return Match(mask, scores)
    counts = np.zeros(run.size, np.int32)
    for rows, weights in parts:
        scores[rows] += weights
        counts[rows] += 1
    mask = counts >= needed
    return Match(mask, np.where(mask, scores, np.float32(0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Words(Clause):
    """Words of one text field.

    Attributes:
        field: its place in `fields.TEXT`.
        terms: the analyzed words, in order.
        every: whether each must be there.
        minimum: a `minimum_should_match`, ignored for a single word.
        open_end: whether the last word is a prefix, which scores 1.
    """

    field: int
    terms: tuple[str, ...]
    every: bool = False
    minimum: str | None = None
    fuzziness: Fuzziness | None = None
    open_end: bool = False

    def match(self, run: Run) -> Match:
        catalog = run.catalog
        parts = []
        whole = self.terms[:-1] if self.open_end else self.terms
        for term, code in zip(whole, catalog.postings.codes(whole), strict=True):
            if self.fuzziness is not None and self.fuzziness.of(term):
                parts.append(blended(catalog, self.field, expanded(catalog, self.field, term, self.fuzziness)))
            else:
                parts.append(exact(catalog, self.field, code))
        if self.open_end:
            parts.append(prefixed(catalog, self.field, self.terms[-1]))
        return combined(parts, needed(len(self.terms), self.every, self.minimum), run)

    def marks(self, catalog: Catalog) -> Iterator[Mark]:
        terms = catalog.postings.terms
        for number, term in enumerate(self.terms):
            if self.open_end and number == len(self.terms) - 1:
                low, high = catalog.postings.prefixed(term)
                yield Mark(TEXTS[self.field], (frozenset(terms[low:high]),))
            elif self.fuzziness is not None and self.fuzziness.of(term):
                near = expanded(catalog, self.field, term, self.fuzziness)
                yield Mark(TEXTS[self.field], (frozenset(terms[code] for code, _ in near),))
            else:
                yield Mark(TEXTS[self.field], (frozenset([term]),))


def needed(words: int, every: bool, minimum: str | None) -> int:
    """How many of so many words a document must have."""
    if every:
        return words
    return max(least(minimum, words), 1) if words > 1 else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Across(Clause):
    """`multi_match` of type `cross_fields`: each word in any of several text fields, as if they were one.

    Attributes:
        fields: places in `fields.TEXT` with their weights.
    """

    fields: tuple[tuple[int, float], ...]
    terms: tuple[str, ...]
    every: bool = False
    minimum: str | None = None
    tie_breaker: float = 0.0

    def match(self, run: Run) -> Match:
        codes = run.catalog.postings.codes(self.terms)
        parts = [self._word(run, code) for code in codes]
        return combined(parts, needed(len(self.terms), self.every, self.minimum), run)

    def _word(self, run: Run, code: int) -> Part:
        """The best field's score of a word, with document frequencies blended over the fields."""
        words = run.catalog.postings
        held = [(words.frequency(field, code), field, weight) for field, weight in self.fields]
        held = sorted((one for one in held if one[0]), key=lambda one: -one[0])
        if not held:
            return exact(run.catalog, 0, -1)
        best, total = np.zeros(run.size, np.float32), np.zeros(run.size, np.float32)
        mask = np.zeros(run.size, bool)
        frequency = before = held[0][0]
        for own, field, weight in held:
            # Fields in which the word is rarer are told apart by one document each.
            frequency, before = frequency + (before > own), own
            documents = words.documents(field)
            rows, curve = words.curve(field, code)
            scores = (weight * idf(documents, min(frequency, documents)) * curve).astype(np.float32)
            best[rows] = np.maximum(best[rows], scores)
            total[rows] += scores
            mask[rows] = True
        rows = np.flatnonzero(mask).astype(np.int32)
        return rows, best[rows] + np.float32(self.tie_breaker) * (total[rows] - best[rows])

    def marks(self, catalog: Catalog) -> Iterator[Mark]:
        for term in self.terms:
            for field, _ in self.fields:
                yield Mark(TEXTS[field], (frozenset([term]),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Near(Clause):
    """`fuzzy` on a text field: terms near one that is not analyzed."""

    field: int
    term: str
    fuzziness: Fuzziness

    def match(self, run: Run) -> Match:
        return combined([blended(run.catalog, self.field, self._found(run.catalog))], 1, run)

    def _found(self, catalog: Catalog) -> list[tuple[int, float]]:
        return expanded(catalog, self.field, self.term, self.fuzziness)

    def marks(self, catalog: Catalog) -> Iterator[Mark]:
        terms = catalog.postings.terms
        yield Mark(TEXTS[self.field], (frozenset(terms[code] for code, _ in self._found(catalog)),))
