"""Merchandising rules: what a shop's merchandiser wants for some searches (`rulefile` reads them, `placing` applies them)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from etalage.core.text import normalize, tokenize
from opensearch.engine import Filter

Action = Literal["pin", "bury", "hide", "boost", "redirect"]
ACTIONS: Final[tuple[Action, ...]] = ("pin", "bury", "hide", "boost", "redirect")

Narrowed = frozenset[tuple[str, str]]
"""(field, value) of the filters that a shopper has narrowed a search by."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a search says, as rules compare it: its text in one or several versions (typed, corrected), and its filters.

    Attributes:
        texts: the folded words of each version, joined by blanks; empty when the shop is browsed.
        stems: the stems of each version, in order.
    """

    texts: tuple[str, ...]
    stems: tuple[tuple[str, ...], ...]
    narrowed: Narrowed = frozenset()

    @classmethod
    def of(cls, versions: Sequence[str], narrowed: Narrowed = frozenset()) -> Said:
        """What a search with these versions of its text says."""
        cut = [tokenize(normalize(one)) for one in dict.fromkeys(versions)]
        return cls(
            tuple(" ".join(token.surface for token in tokens) for tokens in cut),
            tuple(tuple(token.stem for token in tokens) for tokens in cut),
            narrowed,
        )


@dataclass(frozen=True, slots=True)
class When:
    """Which searches a rule is for: any that one of its texts fits (all, where it has none) and that was narrowed by all of
    `narrowed`.

    Attributes:
        queries: whole queries, folded.
        words: stems that a query must all have, in any order.
        phrases: stems that it must have side by side.
    """

    queries: frozenset[str] = frozenset()
    words: tuple[frozenset[str], ...] = ()
    phrases: tuple[tuple[str, ...], ...] = ()
    narrowed: Narrowed = frozenset()

    def holds(self, said: Said) -> bool:
        """Whether a search is one of them."""
        if not self.narrowed <= said.narrowed:
            return False
        if not (self.queries or self.words or self.phrases):
            return True
        return not self.queries.isdisjoint(said.texts) or any(map(self._fits, said.stems))

    def _fits(self, stems: tuple[str, ...]) -> bool:
        has = frozenset(stems)
        return any(words <= has for words in self.words) or any(_contains(stems, one) for one in self.phrases)

    def shares(self, other: When) -> bool:
        """Whether a pattern of both is the same, so that both hold for one search."""
        mine, theirs = ({*one.queries, *one.words, *one.phrases} for one in (self, other))
        return self.narrowed == other.narrowed and (not (mine or theirs) or not mine.isdisjoint(theirs))


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: `action` for the searches of `when`, from `start` on and before `end`.

    Attributes:
        ids: the products that it is about, for `pin` in their order.
        filters: or the products that all of these keep.
        factor: of `boost`, what the odds of the score are multiplied with.
        url: of `redirect`.
    """

    name: str
    action: Action
    when: When
    ids: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    factor: float = 1.0
    url: str = ""
    start: datetime | None = None
    end: datetime | None = None
    enabled: bool = True

    def active(self, moment: datetime) -> bool:
        """Whether it holds at a moment."""
        begun = self.start is None or self.start <= moment
        return self.enabled and begun and (self.end is None or moment < self.end)

    def meets(self, other: Rule) -> bool:
        """Whether both can be active at one moment."""
        first = self.end is None or other.start is None or other.start < self.end
        second = other.end is None or self.start is None or self.start < other.end
        return self.enabled and other.enabled and first and second


def doubts(rules: Sequence[Rule], known: Collection[str] | None = None) -> list[str]:
    """What is allowed and yet looks wrong: pins to one position, and ids that are not among the `known` ones."""
    told = []
    pins = [rule for rule in rules if rule.action == "pin"]
    for at, rule in enumerate(pins):
        for other in pins[at + 1 :]:
            if rule.when.shares(other.when) and rule.meets(other):
                told.append(f"{rule.name} and {other.name} both pin from position 1: those of {other.name} come after")
    for rule in rules:
        lacking = [] if known is None else [one for one in rule.ids if one not in known]
        if lacking:
            told.append(f"{rule.name}: not in the index: {', '.join(lacking)}")
    return told


def _contains(stems: tuple[str, ...], phrase: tuple[str, ...]) -> bool:
    size = len(phrase)
    return any(stems[at : at + size] == phrase for at in range(len(stems) - size + 1))
