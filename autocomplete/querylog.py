"""From a log of queries and events to weighted completions: clean, count with time decay, keep what many typed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from etalage.core.privacy import unfit
from etalage.core.text import fold, normalize

QUERY, BRAND, CATEGORY, PHRASE, PRODUCT = "query", "brand", "category", "phrase", "product"
TYPES: Final = (QUERY, BRAND, CATEGORY, PHRASE, PRODUCT)
"""What a completion is: typed before, or of the catalog (a brand, a category, a phrase of titles and attributes, a product)."""

WEIGHTS: Final[Mapping[str, float]] = {"": 1.0, "click": 2.0, "add_to_cart": 3.0, "purchase": 5.0}
"""What a query (empty action) and what each event that followed it counts; other events count nothing."""


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


@dataclass
class _Count:
    weight: float = 0.0
    shoppers: set[str] = field(default_factory=set)
    surfaces: Counter[str] = field(default_factory=Counter)
    empty: int = 0
    asked: int = 0


@dataclass(frozen=True, slots=True)
class Policy:
    """What becomes a completion.

    `half_life` is in days; `shoppers` is how many different clients must have typed a query (privacy: one person's text is
    never shown to others); `blocked` are texts that never appear, also as part of a completion.
    """

    half_life: float = 14.0
    shoppers: int = 3
    blocked: frozenset[str] = frozenset()

    def blocks(self, text: str) -> bool:
        """Whether a text holds a blocked one; case and marks are ignored."""
        folded = fold(text)
        return any(fold(one) in folded for one in self.blocked)


def count(
    queries: Iterable[Mapping[str, Any]], events: Iterable[Mapping[str, Any]], now: datetime, policy: Policy
) -> tuple[list[Entry], dict[str, int]]:
    """Completions from UBI documents, best first, and how many query texts were dropped, by reason.

    A query counts 2^(-age / half_life); so do the events that name it. Texts that found nothing are dropped.
    """
    counts: dict[str, _Count] = {}
    for document in queries:
        one = _add(counts, document, now, policy, "")
        if one is not None:
            one.asked += 1
            one.empty += document.get("query_response_hit_ids") == []
            one.shoppers.add(_shopper(document))
    for document in events:
        if document.get("action_name") in WEIGHTS:
            _add(counts, document, now, policy, document["action_name"])
    kept, dropped = [], Counter[str]()
    for folded, one in counts.items():
        reason = _refused(folded, one, policy)
        if reason:
            dropped[reason] += 1
            continue
        # The form typed most often; of equals, the first in order.
        surface = min(one.surfaces, key=lambda text: (-one.surfaces[text], text))
        kept.append(Entry(surface, round(one.weight, 6)))
    return sorted(kept, key=lambda entry: (-entry.score, entry.text)), dict(dropped)


def _add(
    counts: dict[str, _Count], document: Mapping[str, Any], now: datetime, policy: Policy, action: str
) -> _Count | None:
    surface = normalize(str(document.get("user_query") or ""))
    folded = fold(surface)
    if len(folded) < 2:
        return None
    age = max((now - datetime.fromisoformat(document["timestamp"])).total_seconds() / 86400, 0.0)
    one = counts.setdefault(folded, _Count())
    one.weight += WEIGHTS[action] * math.exp2(-age / policy.half_life)
    if not action:
        one.surfaces[surface.lower()] += 1
    return one


def _shopper(document: Mapping[str, Any]) -> str:
    return str(document.get("client_id") or document.get("session_id") or document.get("query_id"))


def _refused(folded: str, one: _Count, policy: Policy) -> str:
    if not one.asked:
        return "only events"
    if len(one.shoppers) < policy.shoppers:
        return "too few shoppers"
    if 2 * one.empty > one.asked:
        return "no results"
    if policy.blocks(folded):
        return "blocked"
    return unfit(folded)
