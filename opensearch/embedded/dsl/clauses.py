"""What a clause of a query is, and what it finds: which documents, and with which score."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from etalage.core.errors import EngineTimeout
from etalage.core.records import Floats
from opensearch.embedded.dsl.catalog import Catalog, Mask


@dataclass(frozen=True, slots=True)
class Match:
    """Which documents match (bool [size]) and their scores (float32 [size], 0 elsewhere)."""

    mask: Mask
    scores: Floats


@dataclass(frozen=True, slots=True)
class Mark:
    """What a query looks for in a field, for highlighting: words beside each other, each one of several terms.

    Attributes:
        field: its name.
        words: for each position, the terms that fit; a single position is a word anywhere.
        slop: how far the words may lie apart.
    """

    field: str
    words: tuple[frozenset[str], ...]
    slop: int = 0


class Run:
    """One evaluation of a request.

    Attributes:
        named: what each clause with a `_name` matched.
        name_scores: whether hits show the scores of those clauses.
    """

    def __init__(self, catalog: Catalog, timeout: float | None = None) -> None:
        self.catalog, self.size = catalog, catalog.size
        self.named: dict[str, Match] = {}
        self.name_scores = False
        self._timeout = timeout
        self._deadline = None if timeout is None else time.monotonic() + timeout

    def check(self) -> None:
        """Raise EngineTimeout when the time is over."""
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise EngineTimeout(
                "the search took longer than it may",
                value=f"{self._timeout} s",
                remedy="Ask for less, or allow more time.",
            )

    def none(self) -> Match:
        """No document."""
        return Match(np.zeros(self.size, bool), np.zeros(self.size, np.float32))

    def constant(self, mask: Mask, score: float = 1.0) -> Match:
        """The documents of `mask`, all with one score."""
        return Match(mask, mask * np.float32(score))

    def everything(self) -> Match:
        """Every document, with score 1."""
        return self.constant(np.ones(self.size, bool))


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause(ABC):
    """A clause of a query, read and checked."""

    boost: float = 1.0
    name: str = ""

    def find(self, run: Run) -> Match:
        """What the clause matches. Raises EngineTimeout."""
        run.check()
        found = self.match(run)
        if self.boost != 1.0:
            found = Match(found.mask, found.scores * np.float32(self.boost))
        if self.name:
            before = run.named.get(self.name)
            run.named[self.name] = found if before is None else highest([before, found], 0.0, run)
        return found

    @abstractmethod
    def match(self, run: Run) -> Match:
        """`find` without boost and name."""

    def inner(self) -> Iterable[Clause]:
        """The clauses inside that a document is meant to match."""
        return ()

    def marks(self, catalog: Catalog) -> Iterator[Mark]:
        """What is to be highlighted."""
        for clause in self.inner():
            yield from clause.marks(catalog)


@dataclass(frozen=True, slots=True, kw_only=True)
class All(Clause):
    """`match_all`."""

    def match(self, run: Run) -> Match:
        return run.everything()


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing(Clause):
    """`match_none`, and whatever cannot match."""

    def match(self, run: Run) -> Match:
        return run.none()


def highest(found: Sequence[Match], tie_breaker: float, run: Run) -> Match:
    """The best of several, plus `tie_breaker` times the others."""
    if not found:
        return run.none()
    if len(found) == 1:
        return found[0]
    best = np.maximum.reduce([one.scores for one in found])
    if tie_breaker:
        total = np.add.reduce([one.scores for one in found])
        best = best + np.float32(tie_breaker) * (total - best)
    return Match(np.logical_or.reduce([one.mask for one in found]), best)


def added(found: Sequence[Match], run: Run) -> Match:
    """The sum of several, any of which suffices."""
    if not found:
        return run.none()
    if len(found) == 1:
        return found[0]
    return Match(np.logical_or.reduce([one.mask for one in found]), np.add.reduce([one.scores for one in found]))


def common(body: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters of every clause (`boost`, `_name`), and the rest."""
    shared = {name: body[name] for name in ("boost", "_name") if name in body}
    return shared, {name: value for name, value in body.items() if name not in shared}
