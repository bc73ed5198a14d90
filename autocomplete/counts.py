"""A log of queries and events as counts: every form that was typed once, with what followed it."""

from __future__ import annotations

import time
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from autocomplete.typed import key
from etalage.core.privacy import personal
from etalage.core.text import normalize

Real = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

WEIGHTS: Final[Mapping[str, float]] = {"": 1.0, "click": 2.0, "add_to_cart": 3.0, "purchase": 5.0}
"""What a query (empty action) and what each event that followed it counts; other events count nothing."""

CLICKED, CARTED, BOUGHT, EMPTY = 1, 2, 4, 8
_FLAGS: Final = {"click": CLICKED, "add_to_cart": CARTED, "purchase": BOUGHT}

PAUSE: Final = 30 / 1440
"""Days without a query after which a shopper's next one begins another visit."""

TRUSTED, NOBODY = 0, 1
"""Numbers of shoppers: the shop itself, that vouches for a list of queries, and those whom nothing tells apart."""

_DAY: Final = 86400.0
_AHEAD: Final = 1.0
"""Days that a document may be dated ahead of this machine's clock: later ones are a wrong clock's, and no moment to count from."""
_FARTHEST: Final = 100.0
"""Half-lives after the landmark from which all counts alike."""
_PRODUCTS: Final = 200
"""Products of one form whose clicks are counted."""


@dataclass
class Tally:
    """The documents of a log, taken in one by one. A query takes 41 bytes beside its `query_id`; each text is kept once.

    `latest` is when the last query was typed, in days since 1970, at most `ahead`.

    What of a person is in a text (`privacy.personal`) is not kept at all: `personal` counts the texts, by reason.
    """

    forms: dict[str, int] = field(default_factory=dict)
    surfaces: dict[str, int] = field(default_factory=dict)
    shoppers: dict[str, int] = field(default_factory=lambda: {"trusted": TRUSTED, "nobody": NOBODY})
    personal: Counter[str] = field(default_factory=Counter)
    latest: float = 0.0
    ahead: float = field(default_factory=lambda: time.time() / _DAY + _AHEAD)
    _form: array[int] = field(default_factory=lambda: array("l"))
    _surface: array[int] = field(default_factory=lambda: array("l"))
    _shopper: array[int] = field(default_factory=lambda: array("l"))
    _at: array[float] = field(default_factory=lambda: array("d"))
    _times: array[float] = field(default_factory=lambda: array("d"))
    _flags: bytearray = field(default_factory=bytearray)
    _row: dict[str, int] = field(default_factory=dict)
    _same: dict[int, int] = field(default_factory=dict)
    _seen: dict[str, tuple[int, int]] = field(default_factory=dict)
    _actions: tuple[array[int], array[float], array[float]] = field(
        default_factory=lambda: (array("l"), array("d"), array("d"))
    )
    _products: dict[int, Counter[str]] = field(default_factory=dict)

    def queries(self, documents: Iterable[Mapping[str, Any]]) -> None:
        """Take in UBI queries."""
        for one in documents:
            form, surface = self._named(one.get("user_query"))
            if form < 0:
                continue
            hits = one.get("query_response_hit_ids")
            self._row[str(one.get("query_id"))] = len(self._form)
            self._append(form, surface, self._who(one), days(one["timestamp"]), 1.0, EMPTY if hits == [] else 0)

    def events(self, documents: Iterable[Mapping[str, Any]]) -> None:
        """Take in UBI events, after all queries."""
        forms, moments, weights = self._actions
        for one in documents:
            flag = _FLAGS.get(one["action_name"], 0)
            if one.get("user_id") and one.get("client_id"):
                self._who(one)
            if not flag:
                continue
            row = self._row.get(str(one.get("query_id")), -1)
            text = one.get("user_query")
            form = self._named(text)[0] if text else self._form[row] if row >= 0 else -1
            if form < 0:
                continue
            if row >= 0 and self._form[row] == form:
                self._flags[row] |= flag
            forms.append(form)
            moments.append(days(one["timestamp"]))
            weights.append(WEIGHTS[one["action_name"]])
            self._note(form, one)

    def listed(self, text: str, times: float, at: float) -> None:
        """Take in a query that the shop vouches for, typed so many times; `at` in days since 1970."""
        form, surface = self._named(text)
        if form >= 0:
            self._append(form, surface, TRUSTED, at, times, 0)

    def _append(self, form: int, surface: int, shopper: int, at: float, times: float, flags: int) -> None:
        self._form.append(form)
        self._surface.append(surface)
        self._shopper.append(shopper)
        self._at.append(at)
        self._times.append(times)
        self._flags.append(flags)
        self.latest = max(self.latest, min(at, self.ahead))

    def _named(self, text: object) -> tuple[int, int]:
        """The numbers of a text's form and of how it is written; -1 for what is too short or personal."""
        raw = text if isinstance(text, str) else ""
        found = self._seen.get(raw)
        if found is None:
            surface, form, written = normalize(raw).lower(), -1, -1
            reason = personal(surface)
            typed = "" if reason else key(surface)
            if reason:
                self.personal[reason] += 1
            elif len(typed) > 1:
                form = self.forms.setdefault(typed, len(self.forms))
                written = self.surfaces.setdefault(surface, len(self.surfaces))
            found = self._seen[raw] = (form, written)
        return found

    def _who(self, document: Mapping[str, Any]) -> int:
        """The number of a document's shopper: a person who is signed in at one time and not at another is one, once both names came together;
        nobody is told apart by the query's own id."""
        user, client = document.get("user_id"), document.get("client_id")
        if user:
            known = self.shoppers.setdefault(f"u{user}", len(self.shoppers))
            if client:
                self._same[self.shoppers.setdefault(f"c{client}", len(self.shoppers))] = known
            return known
        session = document.get("session_id")
        name = f"c{client}" if client else f"s{session}" if session else "nobody"
        return self.shoppers.setdefault(name, len(self.shoppers))

    def _note(self, form: int, event: Mapping[str, Any]) -> None:
        attributes = event.get("event_attributes")
        thing = attributes.get("object") if isinstance(attributes, Mapping) else None
        product = str(thing.get("object_id") or "") if isinstance(thing, Mapping) else ""
        if product:
            clicked = self._products.setdefault(form, Counter())
            if product in clicked or len(clicked) < _PRODUCTS:
                clicked[product] += 1

    def counts(self, landmark: float, now: float, half_life: float, recent: float) -> Counts:
        """What was taken in, counted by forward decay: what happened at t counts 2^((t − landmark) / half-life), so that later counts are
        added to earlier ones of the same landmark (Cormode, Shkapenyuk, Srivastava and Xu, ICDE 2009).

        Args:
            landmark, now: in days since 1970; what is dated after now counts as now.
            half_life, recent: days, of what counts and of what is taken as new.
        """
        size = len(self.forms)
        person = np.arange(len(self.shoppers))
        person[list(self._same)] = list(self._same.values())
        form, shopper = np.array(self._form, np.int64), person[np.array(self._shopper, np.int64)]
        at, times = np.minimum(np.array(self._at), now), np.array(self._times)
        flags = np.frombuffer(bytes(self._flags), np.uint8)

        def decayed(moments: Real, days: float) -> Real:
            return np.exp2(np.minimum((np.minimum(moments, now) - landmark) / days, _FARTHEST))

        weight = decayed(at, half_life) * times
        logged = np.where(shopper != TRUSTED, weight, 0.0)
        acted, moments, worth = (np.array(one) for one in self._actions)

        def total(of: Real, which: Whole = form) -> Real:
            return np.bincount(which, of, size).astype(np.float64)

        sums = [
            total(weight),
            total(decayed(moments, half_life) * worth, acted.astype(np.int64)),
            total(decayed(at, recent) * times),
            total(logged),
            *(total(logged * (flags & bit > 0)) for bit in (CLICKED, CARTED, BOUGHT)),
            total(times * (flags & EMPTY > 0)),
            total(times * (shopper != TRUSTED)),
        ]
        surfaces, written = self._written(form, shopper, times)
        return Counts(
            list(self.forms), surfaces, written, _distinct(form, shopper), list(self.shoppers), np.stack(sums, 1),
            self._products, _followed(form, shopper, at, flags), self.personal, dict(self._same),
            max(self.latest, min(float(moments.max(initial=0.0)), self.ahead)),
        )  # fmt: skip

    def _written(self, form: Whole, shopper: Whole, times: Real) -> tuple[list[str], Whole]:
        """How most shoppers write each form, and how many do."""
        surface, names = np.array(self._surface, np.int64), list(self.surfaces)
        many = _shoppers(_distinct(surface, shopper), len(names))
        often = np.bincount(surface, times, len(names))
        texts, numbers = [""] * len(self.forms), np.zeros(len(self.forms), np.int64)
        pairs = _distinct(form, surface)
        best = sorted(
            pairs.tolist(), key=lambda pair: (many[pair[1]], often[pair[1]], [-ord(char) for char in names[pair[1]]])
        )
        for one, of in best:
            texts[one], numbers[one] = names[of], many[of]
        return texts, numbers


SCORE, ACTED, LATELY, ASKED, CLICKS, CARTS, PURCHASES, EMPTIES, NUMBER = range(9)
"""Columns of `Counts.sums`: the decayed weight of queries; of what followed; of queries by the short half-life; of queries in the log; of those
of them that a click, a cart or a purchase followed; how many found nothing; how many there were."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What a log says of each form (`typed.key`).

    Attributes:
        forms: the forms; the other columns go by their places.
        surfaces: how most shoppers write each, in lower case; "" where it was not typed.
        written: how many do.
        pairs: int64 [m, 2], sorted and distinct: form and shopper who typed it.
        names: the shoppers.
        sums: float64 [n, 9], see `SCORE`.
        products: form → product → how often it was clicked, put into the cart or bought after it.
        followed: (form, next form of the same visit) → how many shoppers went that way.
        personal: texts that were not kept, by reason.
        same: client → the user who was signed in there, both places in `names`.
        until: the last query or event that counts, in days since 1970.
    """

    forms: list[str]
    surfaces: list[str]
    written: Whole
    pairs: Whole
    names: list[str]
    sums: Real
    products: Mapping[int, Counter[str]]
    followed: Mapping[tuple[int, int], int]
    personal: Mapping[str, int]
    same: Mapping[int, int]
    until: float

    def shoppers(self) -> Whole:
        """How many different shoppers typed each form; what the shop vouches for counts as typed by all."""
        return _shoppers(self.pairs, len(self.forms))


def _distinct(first: Whole, second: Whole) -> Whole:
    """The pairs of two columns, sorted."""
    return np.unique(np.stack([first, second], 1), axis=0)


def _shoppers(pairs: Whole, size: int) -> Whole:
    found = np.bincount(pairs[:, 0], minlength=size)
    found[pairs[pairs[:, 1] == TRUSTED, 0]] = np.iinfo(np.int64).max
    return found


def _followed(form: Whole, shopper: Whole, at: Real, flags: npt.NDArray[np.uint8]) -> dict[tuple[int, int], int]:
    """How many shoppers went from each form right to another, in one visit."""
    order = np.lexsort((at, shopper))
    order = order[shopper[order] > NOBODY]
    first, then = order[:-1], order[1:]
    near = (shopper[first] == shopper[then]) & (at[then] - at[first] < PAUSE) & (form[first] != form[then])
    near &= flags[then] & EMPTY == 0
    ways = np.unique(np.stack([form[first[near]], form[then[near]], shopper[first[near]]], 1), axis=0)
    pairs, numbers = np.unique(ways[:, :2], axis=0, return_counts=True)
    return {(int(a), int(b)): int(number) for (a, b), number in zip(pairs, numbers, strict=True)}


def days(timestamp: str) -> float:
    """A moment as days since 1970."""
    return datetime.fromisoformat(timestamp).timestamp() / _DAY
