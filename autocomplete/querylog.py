"""From counts of what was typed to weighted completions: one for each meaning, of what many typed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from autocomplete import counts, forms
from autocomplete.counts import WEIGHTS, Counts
from autocomplete.shop import Shop
from etalage.core.privacy import unfit
from etalage.core.text import fold

QUERY, BRAND, CATEGORY, PHRASE, PRODUCT = "query", "brand", "category", "phrase", "product"
TYPES: Final = (QUERY, BRAND, CATEGORY, PHRASE, PRODUCT)
"""What a completion is: typed before, or of the catalog (a brand, a category, a phrase of titles and attributes, a product)."""

_PRIOR: Final = 10.0
"""Queries that the shop's mean counts as, in the rates of a completion."""
_STEADY: Final = 3.0
"""Queries that the belief that nothing changes counts as, in the trend."""
_CART: Final = WEIGHTS["add_to_cart"] / WEIGHTS["purchase"]
"""What a query that ended in the cart counts beside one that ended in a purchase."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A completion to index.

    Attributes:
        text: as it is shown.
        score: above 0; what it is ordered by where nothing is known of the shopper.
        type: one of `TYPES`.
        category: path of the category that it leads to (`Home > Sofas`), empty where none is known.
        popularity, trend, clicked, bought: from 0 to 1 (`index.TRAITS`).
        aliases: other texts that lead to it.
        note: what is told with it, for a product its id.
        sold_out: whether nothing that it finds is in stock.
    """

    text: str
    score: float
    type: str = QUERY
    category: str = ""
    popularity: float = 0.0
    trend: float = 0.5
    clicked: float = 0.0
    bought: float = 0.0
    aliases: tuple[str, ...] = ()
    note: str = ""
    sold_out: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """What becomes a completion.

    `half_life` is in days, `recent` too, of what the trend is measured by; `shoppers` is how many different clients must have typed a
    query (privacy: one person's text is never shown to others); `blocked` are texts that never appear, also as part of a
    completion.
    """

    half_life: float = 14.0
    shoppers: int = 5
    blocked: frozenset[str] = frozenset()
    recent: float = 3.5

    def blocks(self, text: str) -> bool:
        """Whether a text holds a blocked one; case and marks are ignored."""
        folded = fold(text)
        return any(one in folded for one in _plain(self.blocked))


@lru_cache(maxsize=4)
def _plain(texts: frozenset[str]) -> tuple[str, ...]:
    """Texts as they are compared, those of marks alone left out."""
    return tuple(folded for one in texts if (folded := fold(one)))


def candidates(given: Counts, policy: Policy, shop: Shop) -> tuple[list[Entry], list[list[int]], dict[str, int]]:
    """The completions of a log, best first; the places of the forms of each, its own first; and how many texts were dropped, by reason.

    Only forms that enough shoppers typed are shown or lead to one that is; the others count for the one that means the same.
    """
    many = given.shoppers() >= policy.shoppers
    scores = given.sums[:, counts.SCORE] + given.sums[:, counts.ACTED]
    refused = [_refused(at, given, bool(many[at]), policy, shop) for at in range(len(given.forms))]
    dropped = Counter(given.personal)
    kept: list[list[int]] = []
    for group in forms.groups(given.forms, scores.tolist(), [not one for one in refused], shop.knows):
        if refused[group[0]]:
            dropped.update(refused[at] for at in group)
        else:
            kept.append(group)
    entries = [
        Entry(
            given.surfaces[group[0]] if given.written[group[0]] >= policy.shoppers else given.forms[group[0]],
            round(float(sum(scores[at] for at in group)), 6),
            popularity=popularity,
            trend=trend,
            clicked=clicked,
            bought=bought,
            aliases=tuple(given.forms[at] for at in group[1:] if not refused[at]),
        )
        for group, (popularity, trend, clicked, bought) in zip(kept, _traits(given, kept), strict=True)
    ]
    order = sorted(range(len(entries)), key=lambda at: (-entries[at].score, entries[at].text))
    return [entries[at] for at in order], [kept[at] for at in order], dict(dropped)


def _refused(at: int, given: Counts, many: bool, policy: Policy, shop: Shop) -> str:
    """Why a form is no completion."""
    if not given.surfaces[at]:
        return "only events"
    return refusal(at, given, policy, shop) if many else "too few shoppers"


def refusal(at: int, given: Counts, policy: Policy, shop: Shop) -> str:
    """Why a form that enough shoppers typed is no completion all the same, or an empty string."""
    surface, sums = given.surfaces[at], given.sums[at]
    if 2 * sums[counts.EMPTIES] > sums[counts.NUMBER]:
        return "no results"
    if policy.blocks(surface):
        return "blocked"
    return unfit(surface, shop.knows)


def trend(score: float, lately: float, total: float, total_lately: float) -> float:
    """From 0 to 1 what was asked lately, beside what the share of the long run makes expect; 0.5 where nothing changes."""
    expected = score * total_lately / max(total, 1e-12)
    return (lately + _STEADY) / (lately + expected + 2 * _STEADY)


def _traits(given: Counts, groups: Sequence[Sequence[int]]) -> list[list[float]]:
    """Popularity, trend, and the rates of clicks and purchases of groups of forms.

    Rates are drawn to the shop's own, as the mean of a beta prior worth `_PRIOR` queries does.
    """
    if not groups:
        return []
    sums = np.array([given.sums[group].sum(0) for group in groups])
    asked, scores = sums[:, counts.ASKED], sums[:, counts.SCORE] + sums[:, counts.ACTED]
    total = given.sums.sum(0)
    trends = [
        trend(score, lately, total[counts.SCORE], total[counts.LATELY])
        for score, lately in sums[:, [counts.SCORE, counts.LATELY]]
    ]
    clicks = sums[:, counts.CLICKS]
    # Most purchases were in the cart before: what is bought counts once.
    bought = sums[:, counts.PURCHASES] + _CART * np.maximum(sums[:, counts.CARTS] - sums[:, counts.PURCHASES], 0)
    mean = max(asked.sum(), 1e-12)
    return (
        np.stack(
            [
                np.log1p(scores) / max(math.log1p(scores.max()), 1e-12),
                np.array(trends),
                (clicks + _PRIOR * clicks.sum() / mean) / (asked + _PRIOR),
                (bought + _PRIOR * bought.sum() / mean) / (asked + _PRIOR),
            ],
            1,
        )
        .clip(0, 1)
        .round(6)
        .tolist()
    )
