"""Clauses made of clauses: `bool`, `constant_score`, `dis_max`, `boosting`, `hybrid`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from opensearch.embedded.dsl import body
from opensearch.embedded.dsl.clauses import All, Clause, Match, Run, highest
from opensearch.embedded.dsl.reader import Reader, options

_MIN_SHARE: Final = 0.001
"""What min-max leaves of the lowest score, so that a match is not mistaken for none."""


def least(spec: str | None, clauses: int) -> int:
    """How many of `clauses` optional clauses must match after a `minimum_should_match` that `checked_least`
    accepted."""
    if spec is None:
        return 0
    found = clauses
    if "<" in spec:
        for one in spec.split():
            bound, _, then = one.partition("<")
            if clauses <= int(bound):
                return found
            found = least(then, clauses)
        return found
    if spec.endswith("%"):
        share = clauses * int(spec[:-1]) / 100
        found = clauses + int(share) if share < 0 else int(share)
    else:
        found = clauses + int(spec) if int(spec) < 0 else int(spec)
    return max(found, 0)


def checked_least(value: object, at: str) -> str:
    """A `minimum_should_match`: a number, a percentage, or `2<75% 5<-1`. Raises QueryError."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    spec = re.sub(r"\s*<\s*", "<", body.string(value, at).strip())
    one = r"[+-]?\d{1,6}%?"
    if re.fullmatch(rf"{one}|\d{{1,6}}<{one}(\s+\d{{1,6}}<{one})*", spec, re.ASCII) is None:
        raise body.wrong("a number, a percentage or a list such as 2<75% 5<-1 is expected", at, value)
    return spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Bool(Clause):
    """`bool`."""

    must: tuple[Clause, ...] = ()
    should: tuple[Clause, ...] = ()
    filter: tuple[Clause, ...] = ()
    must_not: tuple[Clause, ...] = ()
    minimum: str | None = None

    def inner(self) -> Iterable[Clause]:
        return (*self.must, *self.should, *self.filter)

    def match(self, run: Run) -> Match:
        if not (self.must or self.should or self.filter or self.must_not):
            return run.everything()
        mask = np.ones(run.size, bool)
        scores = np.zeros(run.size, np.float32)
        for clause in self.must:
            found = clause.find(run)
            mask &= found.mask
            scores += found.scores
        for clause in self.filter:
            mask &= clause.find(run).mask
        # With nothing but exclusions, everything else matches.
        needed = least(self.minimum, len(self.should)) if self.must or self.should or self.filter else 0
        if self.should and not self.must and not self.filter:
            needed = max(needed, 1)
        counts = np.zeros(run.size, np.int32)
        for clause in self.should:
            found = clause.find(run)
            scores += found.scores
            counts += found.mask
        if needed:
            mask &= counts >= needed
        for clause in self.must_not:
            mask &= ~clause.find(run).mask
        return Match(mask, np.where(mask, scores, np.float32(0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant(Clause):
    """`constant_score`."""

    filter: Clause

    def inner(self) -> Iterable[Clause]:
        return (self.filter,)

    def match(self, run: Run) -> Match:
        return run.constant(self.filter.find(run).mask)


@dataclass(frozen=True, slots=True, kw_only=True)
class Best(Clause):
    """`dis_max`."""

    queries: tuple[Clause, ...]
    tie_breaker: float = 0.0

    def inner(self) -> Iterable[Clause]:
        return self.queries

    def match(self, run: Run) -> Match:
        return highest([clause.find(run) for clause in self.queries], self.tie_breaker, run)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lowered(Clause):
    """`boosting`."""

    positive: Clause
    negative: Clause
    factor: float

    def inner(self) -> Iterable[Clause]:
        return (self.positive,)

    def match(self, run: Run) -> Match:
        found, lowered = self.positive.find(run), self.negative.find(run)
        return Match(found.mask, np.where(lowered.mask, found.scores * np.float32(self.factor), found.scores))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hybrid(Clause):
    """`hybrid`: the mean of the queries' scores, each brought to 0…1 by its lowest and highest."""

    queries: tuple[Clause, ...]

    def inner(self) -> Iterable[Clause]:
        return self.queries

    def match(self, run: Run) -> Match:
        total = np.zeros(run.size, np.float32)
        mask = np.zeros(run.size, bool)
        for clause in self.queries:
            found = clause.find(run)
            mask |= found.mask
            scores = found.scores[found.mask]
            if not len(scores):
                continue
            low, high = scores.min(), scores.max()
            share = np.ones_like(scores) if low == high else np.maximum((scores - low) / (high - low), _MIN_SHARE)
            total[found.mask] += share.astype(np.float32)
        return Match(mask, total / np.float32(max(len(self.queries), 1)))


def read_bool(reader: Reader, value: object, at: str) -> Clause:
    kinds = ("must", "should", "filter", "must_not")
    found, shared = options(value, at, [*kinds, "mustNot", "minimum_should_match", "adjust_pure_negative"])
    if "mustNot" in found:
        found.setdefault("must_not", found["mustNot"])
    body.flag(found.get("adjust_pure_negative", True), f"{at}.adjust_pure_negative")
    clauses: dict[str, Any] = {
        kind: reader.queries(found[kind], f"{at}.{kind}") for kind in kinds if found.get(kind) is not None
    }
    if found.get("minimum_should_match") is not None:
        clauses["minimum"] = checked_least(found["minimum_should_match"], f"{at}.minimum_should_match")
    return Bool(**clauses, **shared)


def read_constant(reader: Reader, value: object, at: str) -> Clause:
    found, shared = options(value, at, ["filter"])
    return Constant(filter=reader.query(found.get("filter"), f"{at}.filter"), **shared)


def read_best(reader: Reader, value: object, at: str) -> Clause:
    found, shared = options(value, at, ["queries", "tie_breaker"])
    clauses = reader.queries(found.get("queries"), f"{at}.queries")
    if not clauses:
        raise body.wrong("at least one query is expected", f"{at}.queries", found["queries"])
    tie = body.boost(found.get("tie_breaker", 0), f"{at}.tie_breaker")
    return Best(queries=clauses, tie_breaker=tie, **shared)


def read_lowered(reader: Reader, value: object, at: str) -> Clause:
    found, shared = options(value, at, ["positive", "negative", "negative_boost"])
    return Lowered(
        positive=reader.query(found.get("positive"), f"{at}.positive"),
        negative=reader.query(found.get("negative"), f"{at}.negative"),
        factor=body.boost(found.get("negative_boost"), f"{at}.negative_boost"),
        **shared,
    )


def read_hybrid(reader: Reader, value: object, at: str) -> Clause:
    found, shared = options(value, at, ["queries", "pagination_depth"])
    body.several(found.get("queries"), f"{at}.queries")
    clauses = reader.queries(found["queries"], f"{at}.queries")
    if not 1 <= len(clauses) <= 5:
        raise body.wrong("one to five queries are expected", f"{at}.queries", len(clauses))
    body.whole(found.get("pagination_depth", 10), f"{at}.pagination_depth", 1, 10_000)
    return Hybrid(queries=clauses, **shared)


def wrapped(clause: Clause | None) -> Clause:
    """The clause, or `match_all` for none."""
    return All() if clause is None else clause
