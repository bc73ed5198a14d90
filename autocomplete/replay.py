"""A log as the visits that it tells of: what was typed, and what was known of the shopper at that moment."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from autocomplete.context import MOST, Context
from autocomplete.plain import Listed
from autocomplete.shop import Shop
from autocomplete.typed import key
from etalage.core.errors import QueryError

GAP: Final = 1800.0
"""Seconds without a query or event that end a visit (the usual half hour, as Jones and Klinkner name it, CIKM 2008)."""

HELD_OUT: Final = 0.2
"""Share of the queries, the last ones, that completions are measured with."""

_DAY: Final = 86400.0
_MANY: Final = 1000
"""Times from which on the share itself is taken."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A query that was typed: its text, how often, when (0 where that is not known), and the context it was typed in."""

    text: str
    count: float = 1.0
    at: float = 0.0
    context: Context = field(default_factory=Context)


@dataclass
class _Shopper:
    """What one client did so far, newest first."""

    last: float = float("-inf")
    queries: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    earlier: list[str] = field(default_factory=list)
    liked: list[str] = field(default_factory=list)

    def begin(self) -> None:
        """Another visit: what was of this one is of an earlier one."""
        self.earlier = [*self.queries, *self.earlier][:MOST]
        self.liked = [*self.categories, *self.liked][:MOST]
        self.queries, self.categories = [], []


@dataclass(frozen=True, slots=True)
class Log:
    """A log that is parted: what completions are made of, and the queries after that.

    Attributes:
        queries, events, listed: what is known, as `build.build` takes it.
        before, after: the queries of both parts.
        parted: how, for people.
    """

    queries: Sequence[Mapping[str, Any]]
    events: Sequence[Mapping[str, Any]]
    listed: Sequence[Listed]
    before: Sequence[Asked]
    after: Sequence[Asked]
    parted: str

    def sampled(self, most: int) -> Log:
        """The log with at most `most` queries of the second part, evenly drawn."""
        return replace(self, after=self.after[:: max(1, -(-len(self.after) // most))])


def by_time(documents: Sequence[Mapping[str, Any]], shop: Shop, share: float = HELD_OUT) -> Log:
    """UBI documents, parted at the moment after which `share` of the queries were typed. Raises QueryError where there are too few."""
    ordered = sorted(documents, key=lambda one: _moment(one))
    products = sorted({_product(one) for one in ordered if "action_name" in one} - {""})
    paths = {product: " > ".join(path) for product, (path, _) in shop.told(products).items()}
    typed = asked(ordered, paths)
    cut = typed[int(len(typed) * (1 - share))].at if typed else 0.0
    past = [one for one in ordered if _moment(one) < cut]
    return Log(
        [one for one in past if "action_name" not in one],
        [one for one in past if "action_name" in one],
        (),
        *_sides(typed, [one.at < cut for one in typed]),
        "by time",
    )


def by_count(listed: Sequence[Listed], share: float = HELD_OUT, seed: int = 0) -> Log:
    """The queries of a plain log, parted by time where all say when, else each time that a query was typed by chance. Raises QueryError where
    there are too few."""
    if listed and all(one.at for one in listed):
        cut = sorted(one.at for one in listed)[int(len(listed) * (1 - share))]
        known, later = [one for one in listed if one.at < cut], [one for one in listed if one.at >= cut]
        parted = "by time"
    else:
        generator = random.Random(seed)
        later, known, parted = [], [], "by chance"
        for one in listed:
            held = (
                sum(generator.random() < share for _ in range(round(one.times)))
                if one.times < _MANY
                else round(one.times * share)
            )
            later += [replace(one, times=float(held))] if held else []
            known += [replace(one, times=one.times - held)] if one.times > held else []
    before, after = ([Asked(one.text, one.times, one.at * _DAY) for one in side] for side in (known, later))
    _check(before, after)
    return Log((), (), known, before, after, parted)


def _sides(typed: Sequence[Asked], early: Sequence[bool]) -> tuple[list[Asked], list[Asked]]:
    before = [one for one, first in zip(typed, early, strict=True) if first]
    after = [one for one, first in zip(typed, early, strict=True) if not first]
    _check(before, after)
    return before, after


def _check(before: Sequence[Asked], after: Sequence[Asked]) -> None:
    if not before or not after:
        raise QueryError(
            "there are too few queries to part them", value=len(before) + len(after), remedy="Give a log of more days."
        )


def asked(documents: Iterable[Mapping[str, Any]], paths: Mapping[str, str] | None = None) -> list[Asked]:
    """The queries of UBI documents that are in order of time, each with the context of its client's visit and earlier visits.

    Args:
        paths: the category of each product; what was clicked tells nothing without.
    """
    shoppers: dict[str, _Shopper] = {}
    found = []
    for document in documents:
        text, moment = str(document.get("user_query") or ""), _moment(document)
        shopper = shoppers.setdefault(str(document.get("client_id") or document.get("query_id")), _Shopper())
        if moment - shopper.last > GAP:
            shopper.begin()
        shopper.last = max(moment, shopper.last)
        if "action_name" in document:
            path = (paths or {}).get(_product(document), "")
            if path and document["action_name"] != "impression":
                shopper.categories = [path, *shopper.categories][:MOST]
        elif key(text):
            found.append(Asked(text, 1.0, moment, Context(
                tuple(shopper.queries), tuple(shopper.categories), tuple(shopper.earlier), tuple(shopper.liked)
            )))  # fmt: skip
            shopper.queries = [text, *shopper.queries][:MOST]
    return found


def _moment(document: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(document["timestamp"]).timestamp()


def _product(document: Mapping[str, Any]) -> str:
    attributes = document.get("event_attributes")
    shown = attributes.get("object") if isinstance(attributes, dict) else None
    return str(shown.get("object_id") or "") if isinstance(shown, dict) else ""
