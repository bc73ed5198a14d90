"""Clauses about whole values: `term`, `terms`, `range`, `exists`, `prefix`, `wildcard`, `fuzzy`, `ids`."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from opensearch.embedded.columns import NONE, Exact
from opensearch.embedded.dsl.catalog import Catalog, Mask
from opensearch.embedded.dsl.clauses import Clause, Mark, Match, Run
from opensearch.embedded.dsl.globs import Glob
from opensearch.embedded.dsl.schema import Field, Kind


def span(catalog: Catalog, field: Field, prefix: str = "") -> tuple[Exact, int, int]:
    """A keyword field or an attribute, and the codes [low, high) of its values that begin with `prefix`."""
    exact = catalog.exact["attrs" if field.kind is Kind.ATTRIBUTE else field.column]
    return exact, *exact.prefixed(lead(field) + prefix)


def lead(field: Field) -> str:
    """What a stored value of the field begins with before the value itself."""
    return f"{field.column}=" if field.kind is Kind.ATTRIBUTE else ""


def having(catalog: Catalog, field: Field, values: Sequence[Any]) -> Mask:
    """The documents whose field has any of `values` (numbers or milliseconds for numbers and dates)."""
    mask = np.zeros(catalog.size, bool)
    if field.kind is Kind.ID:
        mask[[row for value in values if (row := catalog.row(value)) is not None]] = True
    elif field.kind is Kind.NUMBER:
        mask = np.isin(catalog.numbers[field.column], values)
    elif field.kind is Kind.DATE:
        moments = catalog.moments[field.column]
        for low, high in values:
            mask |= (moments >= low) & (moments <= high) & (moments != NONE)
    elif field.kind is Kind.TEXT:
        for code in catalog.postings.codes(values):
            if code >= 0:
                mask[catalog.postings.rows(field.number, code, code + 1)] = True
    elif field.kind is Kind.ATTRIBUTES:
        exact = catalog.exact["attrs"]
        for value in values:
            for code in catalog.attribute_values.get(value, ()):
                mask |= exact.span(code, code + 1, catalog.size)
    elif field.kind in (Kind.KEYWORD, Kind.ATTRIBUTE):
        exact = catalog.exact["attrs" if field.kind is Kind.ATTRIBUTE else field.column]
        mask = exact.mask([lead(field) + value for value in values], catalog.size)
    return mask


def present(catalog: Catalog, field: Field) -> Mask:
    """The documents that have any value of the field."""
    if field.kind is Kind.ID:
        return np.ones(catalog.size, bool)
    if field.kind is Kind.NUMBER:
        return ~np.isnan(catalog.numbers[field.column])
    if field.kind is Kind.DATE:
        known: Mask = catalog.moments[field.column] != NONE
        return known
    if field.kind is Kind.TEXT:
        return catalog.postings.present[field.number].copy()
    if field.kind is Kind.VECTOR:
        return catalog.vectors[field.column].known.copy()
    if field.kind is Kind.SHOWN:
        return np.zeros(catalog.size, bool)
    exact, low, high = span(catalog, field)
    return exact.span(low, high, catalog.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Values(Clause):
    """`term`, `terms` and `ids`: one of several values, with one score; a single term of a text field has its BM25."""

    field: Field
    values: tuple[Any, ...]
    scored: bool = False

    def match(self, run: Run) -> Match:
        if self.scored and self.field.kind is Kind.TEXT:
            found = run.none()
            code = run.catalog.postings.codes(self.values[:1])[0]
            if code >= 0:
                rows, weights = run.catalog.postings.weights(self.field.number, code)
                found.mask[rows], found.scores[rows] = True, weights
            return found
        return run.constant(having(run.catalog, self.field, self.values))

    def marks(self, catalog: Catalog) -> Iterator[Mark]:
        if self.field.kind in (Kind.TEXT, Kind.KEYWORD, Kind.ATTRIBUTE):
            yield Mark(self.field.name, (frozenset(self.values),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Exists(Clause):
    """`exists`."""

    field: Field

    def match(self, run: Run) -> Match:
        return run.constant(present(run.catalog, self.field))


@dataclass(frozen=True, slots=True, kw_only=True)
class Between(Clause):
    """`range`; bounds are numbers, milliseconds or texts, None when open."""

    field: Field
    low: Any = None
    high: Any = None
    open_low: bool = False
    open_high: bool = False

    def match(self, run: Run) -> Match:
        if self.field.kind is Kind.NUMBER:
            column = run.catalog.numbers[self.field.column]
            return run.constant(self._inside(column) & ~np.isnan(column))
        if self.field.kind is Kind.DATE:
            moments = run.catalog.moments[self.field.column]
            return run.constant(self._inside(moments) & (moments != NONE))
        if self.field.kind is Kind.ID:
            mask = np.zeros(run.size, bool)
            mask[slice(*self._codes(run.catalog.ids, "", 0, run.size))] = True
            return run.constant(mask)
        if self.field.kind is Kind.TEXT:
            words = run.catalog.postings
            low, high = self._codes(words.terms, "", 0, len(words.terms))
            mask = np.zeros(run.size, bool)
            mask[words.rows(self.field.number, low, max(low, high))] = True
            return run.constant(mask)
        exact, low, high = span(run.catalog, self.field)
        return run.constant(exact.span(*self._codes(exact.values, lead(self.field), low, high), run.size))

    def _inside(self, column: Any) -> Mask:
        inside = np.ones(len(column), bool)
        if self.low is not None:
            inside &= column > self.low if self.open_low else column >= self.low
        if self.high is not None:
            inside &= column < self.high if self.open_high else column <= self.high
        return inside

    def _codes(self, values: list[str], before: str, low: int, high: int) -> tuple[int, int]:
        if self.low is not None:
            low = (bisect_right if self.open_low else bisect_left)(values, before + self.low, low, high)
        if self.high is not None:
            high = (bisect_left if self.open_high else bisect_right)(values, before + self.high, low, high)
        return low, high


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern(Clause):
    """`prefix` and `wildcard`, and `term` in any case.

    Attributes:
        prefix: what every such value begins with.
        glob: what it must fit besides; None when that is all.
    """

    field: Field
    prefix: str
    glob: Glob | None = None

    def match(self, run: Run) -> Match:
        catalog, field = run.catalog, self.field
        if field.kind is Kind.TEXT:
            mask = np.zeros(run.size, bool)
            for low, high in self._terms(catalog):
                mask[catalog.postings.rows(field.number, low, high)] = True
            return run.constant(mask)
        if field.kind is Kind.ID:
            return run.constant(np.fromiter(map(self._fits, catalog.ids), bool, run.size))
        if field.kind is Kind.ATTRIBUTES:
            mask = np.zeros(run.size, bool)
            for value, codes in catalog.attribute_values.items():
                if self._fits(value):
                    for code in codes:
                        mask |= catalog.exact["attrs"].span(code, code + 1, run.size)
            return run.constant(mask)
        exact, low, high = span(catalog, field, self.prefix)
        if self.glob is None:
            return run.constant(exact.span(low, high, run.size))
        before = len(lead(field))
        return run.constant(exact.chosen(lambda value: self._fits(value[before:]), low, high, run.size))

    def _fits(self, value: str) -> bool:
        return value.startswith(self.prefix) and (self.glob is None or self.glob.fits(value))

    def _terms(self, catalog: Catalog) -> Iterator[tuple[int, int]]:
        low, high = catalog.postings.prefixed(self.prefix)
        if self.glob is None:
            yield low, high
        else:
            terms = catalog.postings.terms
            yield from ((code, code + 1) for code in range(low, high) if self._fits(terms[code]))

    def marks(self, catalog: Catalog) -> Iterator[Mark]:
        if self.field.kind is Kind.TEXT:
            terms = catalog.postings.terms
            found = {terms[code] for low, high in self._terms(catalog) for code in range(low, high)}
            yield Mark(self.field.name, (frozenset(found),))
