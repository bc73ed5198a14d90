"""What a log of behaviour says of each product: how popular it is, how often it is clicked where it is seen, and how often it
is bought when it was clicked.

A shopper clicks what stands at the top more often, whatever it is. So a product's clicks are compared with those that were to
be expected at the places where it stood: clicks over expected clicks (COEC; Zhang and Jones, Comparing click logs and editorial
labels for training query rewriting, WWW 2007 workshop on query log analysis; OpenSearch's Search Relevance Workbench derives its
judgments so). Such a ratio of a product that was seen twice says little; it is drawn to the shop's mean by a gamma prior whose
strength is estimated from how much the products differ beyond chance (method of moments; Clayton and Kaldor, Empirical Bayes
estimates of age-standardized relative risks, Biometrics 43, 1987). Purchases among clicks are drawn to their mean alike.

The unit that counts is one client with one product for one query: seeing it, clicking and buying it again adds nothing, so no
client moves a rate by more than the queries that it can think of, and one that acts like no person is left out
(`Policy.actions`, `Policy.seen`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ranker.behaviour import associations
from ranker.behaviour.associations import Associations
from ranker.behaviour.rates import Doubles, Rates, drawn, expected
from ranker.behaviour.sightings import CART, CLICK, DEEPEST, PURCHASE, SEEN, Rows, Sightings, latest

WEIGHTS: Final[Mapping[int, float]] = {CLICK: 1.0, CART: 3.0, PURCHASE: 5.0}
"""What an action counts in the popularity."""

WINDOW: Final = 6.0
"""Half-lives after which what was done is left out: it would count less than 1/64."""

_NO_PLACE: Final = 255


@dataclass(frozen=True, slots=True)
class Policy:
    """How behaviour is counted.

    Attributes:
        half_life: days after which what was done counts half, back from the newest document of the log.
        actions: products that a client may act on (click, put into the cart, buy; once for each query) in a day, in UTC. Of a
            client with more, that day is left out: it is a program, or many people behind one name.
        seen: products that it may see in a day, likewise.
    """

    half_life: float = 30.0
    actions: int = 100
    seen: int = 2000


@dataclass(frozen=True, slots=True)
class Numbers:
    """The signals of a product, to three significant digits.

    Attributes:
        popularity: actions, weighted (`WEIGHTS`) and decayed; 0 for one that was only seen.
        click_rate: share of those who see it who click it, at a place where an average product has the shop's mean; None where
            nobody was logged as seeing it, or no impressions are known at all.
        purchase_rate: share of those who click it who buy it; None where nobody clicked it, or no purchases are logged at all.
    """

    popularity: float
    click_rate: float | None = None
    purchase_rate: float | None = None


@dataclass(frozen=True, slots=True)
class Signals:
    """The numbers of every product in a log, by id, and what they were made from.

    Attributes:
        read: documents that were read; of these, `unusable` events name no product or are dated in the future.
        left_out: days of clients that acted like no person.
        click_rate, purchase_rate: the shop's means, None where not known.
        click_prior, purchase_prior: the strength of the priors, in expected clicks and purchases.
        associations: which products are clicked for which queries.
    """

    numbers: dict[str, Numbers]
    read: int = 0
    unusable: int = 0
    left_out: int = 0
    click_rate: float | None = None
    purchase_rate: float | None = None
    click_prior: float | None = None
    purchase_prior: float | None = None
    associations: Associations = field(default_factory=Associations)


def compute(
    events: Iterable[Mapping[str, Any]],
    queries: Iterable[Mapping[str, Any]],
    policy: Policy | None = None,
    *,
    until: float = float("inf"),
) -> Signals:
    """The signals of a log.

    Args:
        events, queries: checked UBI documents (`etalage.core.events.check`), in any order, each read once, events first.
        until: what is dated later is left out, in days since 1970: one wrong clock would make all else old.
    """
    policy = policy or Policy()
    log = Sightings(WINDOW * policy.half_life, until)
    log.events(events)
    log.queries(queries)
    rows, left_out = _people(log.rows(), policy)
    if not len(rows):
        return Signals({}, log.read, log.unusable, left_out)
    size, newest = len(log.products), float(rows["at"].max())

    def weight(at: Doubles) -> Doubles:
        return np.exp2((at - newest) / policy.half_life)

    units = _units(rows)
    weights = weight(units.at)
    done = latest(rows[rows["action"] != SEEN], "unit", "action")
    counts = np.array([WEIGHTS.get(action, 0.0) for action in range(PURCHASE + 1)])[done["action"]]
    popularity = np.bincount(done["product"], counts * weight(done["at"]), size)
    clicks = _clicks(units, weights, size)
    bought = _purchases(units, weights, size)
    there = np.bincount(rows["product"], minlength=size) > 0
    numbers = {
        id: Numbers(_rounded(popularity[number]), _known(clicks.rates, number), _known(bought.rates, number))
        for id, number in sorted(log.products.items())
        if there[number]
    }
    pairs = _associations(units, weights, log.products)
    return Signals(numbers, log.read, log.unusable, left_out, clicks.mean, bought.mean, clicks.prior, bought.prior, pairs)


def _people(rows: Rows, policy: Policy) -> tuple[Rows, int]:
    """The rows of clients that act like persons, and the number of days of clients that do not."""
    days, at = np.unique(rows["client_day"], return_inverse=True)
    busy = np.zeros(len(days), bool)
    for of, limit in ((rows["action"] != SEEN, policy.actions), (rows["action"] == SEEN, policy.seen)):
        # Once for each query and product, whatever was done how often.
        pairs = np.unique(np.stack([at[of].astype(np.uint64), rows["unit"][of]]), axis=1)
        busy |= np.bincount(pairs[0].astype(np.int64), minlength=len(days)) > limit
    return rows[~busy[at]], int(busy.sum())


@dataclass(frozen=True, slots=True)
class _Units:
    """One client with one product for one query each: [n] arrays. `seen` says whether it is known that, or where, it was seen."""

    query: npt.NDArray[np.uint64]
    product: npt.NDArray[np.uint32]
    seen: npt.NDArray[np.bool_]
    clicked: npt.NDArray[np.bool_]
    bought: npt.NDArray[np.bool_]
    place: npt.NDArray[np.int64]
    at: Doubles


def _units(rows: Rows) -> _Units:
    """The units of rows that are sorted by unit. One that was clicked counts when and where it was clicked last and highest."""
    starts = np.flatnonzero(np.r_[True, rows["unit"][1:] != rows["unit"][:-1]])
    acted = rows["action"] != SEEN
    placed = np.where(rows["place"] > 0, rows["place"], _NO_PLACE)

    def highest(of: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        return np.minimum.reduceat(np.where(of, placed, _NO_PLACE), starts).astype(np.int64)

    def last(of: npt.NDArray[np.bool_]) -> Doubles:
        return np.maximum.reduceat(np.where(of, rows["at"], -np.inf), starts)

    clicked = np.logical_or.reduceat(acted, starts)
    where_clicked, where_seen = highest(acted), highest(~acted)
    place = np.where(where_clicked < _NO_PLACE, where_clicked, where_seen)
    place[place == _NO_PLACE] = 0
    return _Units(
        query=rows["query"][starts],
        product=rows["product"][starts],
        seen=np.logical_or.reduceat(~acted, starts) | (place > 0),
        clicked=clicked,
        bought=np.logical_or.reduceat(rows["action"] == PURCHASE, starts),
        place=place,
        at=np.where(clicked, last(acted), last(~acted)),
    )


def _seen(units: _Units, weights: Doubles) -> tuple[Doubles, Doubles] | None:
    """Clicks and expected clicks of the units that were seen, weighted; None where what was not clicked is not known."""
    of = units.seen
    if not (of & ~units.clicked).any():
        return None
    clicks = weights[of] * units.clicked[of]
    return clicks, weights[of] * expected(units.place[of], clicks, weights[of], DEEPEST)


def _clicks(units: _Units, weights: Doubles, size: int) -> Rates:
    made = _seen(units, weights)
    if made is None:
        return Rates(np.full(size, np.nan))
    clicks, awaited = made
    product, weights = units.product[units.seen], weights[units.seen]
    return drawn(product, clicks, awaited, awaited * (weights - awaited), weights.sum(), size)


def _associations(units: _Units, weights: Doubles, products: Mapping[str, int]) -> Associations:
    made = _seen(units, weights)
    if made is None:
        return Associations()
    of, ids = units.seen, sorted(products, key=lambda id: products[id])
    return associations.compute(units.query[of], units.product[of], *made, weights[of], ids)


def _purchases(units: _Units, weights: Doubles, size: int) -> Rates:
    of = units.clicked
    if not units.bought.any():
        return Rates(np.full(size, np.nan))
    product, weights = units.product[of], weights[of]
    bought = weights * units.bought[of]
    mean = bought.sum() / weights.sum()
    return drawn(product, bought, weights * mean, weights**2 * mean * (1 - mean), weights.sum(), size)


def _known(rates: Doubles, number: int) -> float | None:
    return None if np.isnan(rates[number]) else _rounded(rates[number])


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")
