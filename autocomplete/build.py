"""Build completions: from the query log first, then from the catalog, so that a new shop completes too."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from autocomplete import catalog, querylog, recent, related, shelf
from autocomplete.counts import Counts, Tally
from autocomplete.index import columns
from autocomplete.plain import Listed
from autocomplete.querylog import Entry, Policy
from autocomplete.shop import Found, Shop
from autocomplete.typed import key

_NAMES: Final = 1 / 32
"""The best name of the catalog scores at most this share of the best query's score: of what is typed, little is a name that nobody typed."""
_PHRASES: Final = 0.9
"""The best phrase of the catalog scores at most this share of the last query's score: all queries come before."""
_ASKED: Final = 1000
"""Products that the shop is asked for at once."""


def build(
    folder: Path,
    queries: Iterable[Mapping[str, Any]],
    events: Iterable[Mapping[str, Any]],
    listed: Iterable[Listed],
    shop: Shop,
    policy: Policy,
    now: datetime | None = None,
) -> dict[str, Any]:
    """Write the completions of a shop and let them serve.

    Args:
        queries, events: UBI documents.
        listed: queries that the shop vouches for.
        now: the moment that decay counts from; the last query's where it is None (a log imported late ages from its own end).

    Returns:
        `{completions, from_log, from_catalog, dropped: {reason: texts}}`.
    """
    counts, moment = count(queries, events, listed, policy, now)
    logged, groups, dropped = querylog.candidates(counts, policy, shop)
    logged, states = lead(logged, groups, counts, shop)
    logged, groups, empty = answered(logged, groups, states, shop)
    named = seeds(logged, shop, policy)
    recent.keep(folder, counts, logged, groups, policy, moment)
    related.keep(folder, counts, logged, groups, policy)
    shelf.write(folder, columns([*logged, *named]), {"moment": moment})
    return {
        "completions": len(logged) + len(named),
        "from_log": len(logged),
        "from_catalog": len(named),
        "dropped": dict(Counter(dropped) + Counter({"no results": empty})),
    }


def count(
    queries: Iterable[Mapping[str, Any]],
    events: Iterable[Mapping[str, Any]],
    listed: Iterable[Listed],
    policy: Policy,
    now: datetime | None,
) -> tuple[Counts, float]:
    """What was typed, and the moment that it is counted at, in days since 1970."""
    tally = Tally()
    tally.queries(queries)
    tally.events(events)
    moment = now.timestamp() / 86400 if now else tally.latest or time.time() / 86400
    for one in listed:
        tally.listed(one.text, one.times, one.at or moment)
    return tally.counts(moment, moment, policy.half_life, policy.recent), moment


def lead(
    entries: Sequence[Entry], groups: Sequence[Sequence[int]], counts: Counts, shop: Shop
) -> tuple[list[Entry], list[Found]]:
    """The entries with the category of most of the products that were clicked after each, and whether there are such products and any of
    them is in stock."""
    clicked = [sum((counts.products.get(form, Counter()) for form in group), Counter[str]()) for group in groups]
    products = sorted({product for one in clicked for product in one})
    told: dict[str, tuple[Sequence[str], bool]] = {}
    for start in range(0, len(products), _ASKED):
        told |= shop.told(products[start : start + _ASKED])
    made, states = [], []
    for entry, some in zip(entries, clicked, strict=True):
        weights: Counter[str] = Counter()
        known = [product for product in some if product in told]
        for product in known:
            weights[" > ".join(told[product][0])] += some[product]
        made.append(replace(entry, category=catalog.shared(weights)))
        stock = any(told[product][1] for product in known)
        states.append(Found.SOMETHING if stock else Found.SOLD_OUT if known else Found.NOTHING)
    return made, states


def answered(
    entries: Sequence[Entry], groups: Sequence[list[int]], states: Sequence[Found], shop: Shop
) -> tuple[list[Entry], list[list[int]], int]:
    """The entries, and their forms, without those that find nothing, and how many those were; those that find only what is sold out are
    marked so. The shop is asked for those after which nothing was clicked that is in stock."""
    asked = [at for at, state in enumerate(states) if state is not Found.SOMETHING]
    found = dict(zip(asked, shop.found([entries[at].text for at in asked]), strict=False))
    final = [Found(max(state.value, found.get(at, Found.SOMETHING).value)) for at, state in enumerate(states)]
    kept = [at for at, state in enumerate(final) if state is not Found.NOTHING]
    marked = [replace(entries[at], sold_out=final[at] is Found.SOLD_OUT) for at in kept]
    return marked, [groups[at] for at in kept], len(entries) - len(kept)


def seeds(logged: Sequence[Entry], shop: Shop, policy: Policy) -> list[Entry]:
    """Completions of the catalog that nobody typed: its names among the queries, its phrases behind them."""
    best = max((one.score for one in logged), default=1.0)
    last = min((one.score for one in logged), default=1.0)
    named = catalog.names(shop.brands(), shop.paths(), best * _NAMES)
    last = min([last, *(one.score for one in named)])
    taken = {key(text) for one in logged for text in (one.text, *one.aliases)}
    made = []
    for one in [*named, *catalog.phrases(shop.products(), last * _PHRASES)]:
        compared = key(one.text)
        if compared not in taken and not policy.blocks(one.text):
            taken.add(compared)
            made.append(one)
    return made
