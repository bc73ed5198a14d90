"""Apply merchandising rules to a search: what is left out and brought before ranking, what is moved after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from opensearch import fields
from opensearch.engine import Candidates, Filter, Ids, Lists, Not, Request, SearchEngine, Shop, Term
from ranker.merchandising import Narrowed, Rule, Said
from ranker.retrieve import Retrieved
from ranker.rulefile import RuleFile
from ranker.scores import Numbers

_FIELDS: Final[Mapping[str, str]] = {path: name for name, path in fields.EXACT.items()} | {
    name: name for name in fields.KEYWORD
}


@dataclass(frozen=True, slots=True)
class Applied:
    """The rules that hold for one search, in the order of their file."""

    rules: tuple[Rule, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(rule.name for rule in self.rules)

    @property
    def redirect(self) -> str:
        """Where the first one that redirects leads to; empty where none does."""
        return next((rule.url for rule in self.rules if rule.action == "redirect"), "")

    @property
    def hidden(self) -> tuple[Filter, ...]:
        """Filters that leave out what is hidden."""
        return tuple(
            Not((Ids(rule.ids),) if rule.ids else rule.filters) for rule in self.rules if rule.action == "hide"
        )

    @property
    def pins(self) -> dict[str, str]:
        """Pinned ids in order, each with the name of the first rule that pins it."""
        found: dict[str, str] = {}
        for rule in self.rules:
            if rule.action == "pin":
                found |= {one: rule.name for one in rule.ids if one not in found}
        return found

    @property
    def weighing(self) -> tuple[Rule, ...]:
        """Those that bury or boost."""
        return tuple(rule for rule in self.rules if rule.action in ("bury", "boost"))

    @property
    def burying(self) -> tuple[Rule, ...]:
        """Those that bury."""
        return tuple(rule for rule in self.rules if rule.action == "bury")

    @property
    def moves(self) -> bool:
        """Whether any moves products without needing their scores."""
        return any(rule.action in ("pin", "bury") for rule in self.rules)


@dataclass(frozen=True, slots=True)
class Places:
    """Where rules put candidates.

    Attributes:
        pinned: rows that come first, in order.
        buried: rows that end the window.
        factors: row → what the odds of its score are multiplied with.
        told: row → the names of the rules that moved it.
    """

    pinned: tuple[int, ...] = ()
    buried: frozenset[int] = frozenset()
    factors: Mapping[int, float] = field(default_factory=dict)
    told: Mapping[int, list[str]] = field(default_factory=dict)

    def arranged(self, order: Sequence[int], window: int) -> list[int]:
        """Rows in `order` with the pinned ones first and the buried ones last among the first `window`; past the window none is
        moved, so that its pages go on where the window ends."""
        first = set(self.pinned)
        inside = [row for row in order[:window] if row not in first]
        high = [row for row in inside if row not in self.buried]
        low = [row for row in inside if row in self.buried]
        return [*self.pinned, *high, *low, *(row for row in order[window:] if row not in first)]

    def raised(self, final: Numbers, named: npt.NDArray[np.bool_]) -> Numbers:
        """Final scores [n] with boosts: a score p in [0, 1] becomes f·p / (f·p + 1 - p), which multiplies its odds by f (adds ln f to
        the ranker's score) and so keeps the order of what is boosted alike and the bounds; `named` [n] are the ones with 1 more."""
        factors = np.ones(len(final))
        for row, factor in self.factors.items():
            if row < len(factors):
                factors[row] = factor
        own = np.clip(final - named, 0.0, 1.0)
        odds = factors * own
        raised: Numbers = np.where(factors == 1.0, final, odds / (odds + 1.0 - own) + named)
        return raised


def holding(file: RuleFile, said: Said, *, still: bool) -> tuple[Applied, bool]:
    """The rules of a file that hold for a search, where all is to stay `still` only those that move nothing; and whether they are
    what the file says now."""
    held = file.current()
    rules = tuple(rule for rule in held.rules if rule.when.holds(said))
    return Applied(tuple(rule for rule in rules if not still or rule.action in ("hide", "redirect"))), held.sound


def narrowed(filters: Iterable[Filter], shop: Shop | None) -> Narrowed:
    """What a search was narrowed by: its filters for one value, and those among the clauses of a shop's own query."""
    found = {(one.name, one.values[0]) for one in filters if isinstance(one, Term) and len(one.values) == 1}
    for clause in [] if shop is None else [*shop.constraints, shop.post_filter or {}]:
        for kind in ("term", "terms"):
            body = clause.get(kind)
            if isinstance(body, Mapping):
                found |= {(_FIELDS[name], value) for name, value in _single(body) if name in _FIELDS}
    return frozenset(found)


def _single(body: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for name, given in body.items():
        value = given.get("value") if isinstance(given, Mapping) else given
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if isinstance(value, str):
            yield name, value


def lacking(applied: Applied, found: Retrieved, request: Request) -> Request | None:
    """The request for pinned products that `request` did not bring yet, under the same filters; None when none is missing."""
    there = set(found.candidates.ids)
    missing = tuple(one for one in applied.pins if one not in there)
    if not missing:
        return None
    return replace(
        request,
        start=0,
        size=len(missing),
        filters=(*request.filters, *found.query.filters, Ids(missing)),
        facets=(),
        sort=None,
        lists=Lists.BOTH,
        k=0,
        shop=None if request.shop is None else replace(request.shop, aggregations={}),
    )


def parted(found: Retrieved, applied: Applied) -> tuple[Retrieved, Retrieved | None]:
    """The candidates, and the pinned products that neither words nor vectors brought, which must not weigh in the order of the others."""
    pins, candidates = applied.pins, found.candidates
    alone = (candidates.lexical == 0) & ~candidates.near
    brought = [row for row, one in enumerate(candidates.ids) if one in pins and alone[row]] if pins else []
    if not brought:
        return found, None
    return found.take([row for row in range(len(candidates.ids)) if row not in brought]), found.take(brought)


def joined(found: Retrieved, more: Retrieved | None) -> Retrieved:
    """`found` with the candidates of `more` after its own; those have no fused score, which compares the candidates of one search."""
    if more is None:
        return found
    return Retrieved(
        found.query,
        _rows_joined(found.candidates, more.candidates),
        np.concatenate([found.cosines, more.cosines]),
        np.concatenate([found.fused, np.zeros(len(more.fused), np.float32)]),
        np.concatenate([found.looks, more.looks]),
        np.concatenate([found.associated, more.associated]),
        found.taste,
    )


def _rows_joined(first: Candidates, then: Candidates) -> Candidates:
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(first, name), getattr(then, name)])
        for name in ("near", "lexical", "fields", "vectors", "records", "pictures")
    }
    return replace(
        first,
        ids=[*first.ids, *then.ids],
        titles=[*first.titles, *then.titles],
        groups=[*first.groups, *then.groups],
        **columns,
    )


def places(
    engine: SearchEngine,
    applied: Applied,
    found: Candidates,
    window: int,
    timeout: float | None = None,
    *,
    scored: bool = True,
) -> Places:
    """Where the rules put candidates: pins wherever they are, what is buried or boosted among the first `window`; boosts do nothing
    where nothing is `scored`."""
    if not applied.rules:
        return Places()
    rows = {one: row for row, one in enumerate(found.ids)}
    inside = dict(list(rows.items())[:window])
    told: dict[int, list[str]] = {rows[one]: [name] for one, name in applied.pins.items() if one in rows}
    pinned, factors, buried = tuple(told), dict[int, float](), set[int]()
    for rule in applied.weighing if scored else applied.burying:
        about = rule.ids if rule.ids else _fitting(engine, rule, found.generation, list(inside), timeout)
        for row in (inside[one] for one in about if one in inside):
            if row in pinned:
                continue
            told.setdefault(row, []).append(rule.name)
            if rule.action == "bury":
                buried.add(row)
            else:
                factors[row] = factors.get(row, 1.0) * rule.factor
    return Places(pinned, frozenset(buried), factors, told)


def _fitting(engine: SearchEngine, rule: Rule, generation: str, ids: list[str], timeout: float | None) -> Sequence[str]:
    """Those of `ids` that a rule's filters keep."""
    if not ids:
        return ()
    kept = (*rule.filters, Ids(tuple(ids)))
    return engine.candidates(generation, Request("", size=len(ids), filters=kept, timeout=timeout)).ids
