"""Build completions: from the query log first, then from the catalog, so that a new shop completes too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from autocomplete import querylog, shelf
from autocomplete.index import columns
from autocomplete.querylog import BRAND, CATEGORY, Entry, Policy
from etalage.core.text import fold

_SEED_SHARE: Final = 0.5
"""The best catalog name scores at most this share of the best query's score."""


def build(
    folder: Path,
    queries: Iterable[Mapping[str, Any]],
    events: Iterable[Mapping[str, Any]],
    brands: Sequence[tuple[str, int]],
    categories: Sequence[tuple[str, int]],
    now: datetime,
    policy: Policy,
) -> dict[str, Any]:
    """Write the completions of a shop and let them serve.

    Args:
        brands, categories: names with their number of products.

    Returns:
        `{completions, from_log, from_catalog, dropped: {reason: texts}}`.
    """
    logged, dropped = querylog.count(queries, events, now, policy)
    seeds = seed(brands, categories, max((one.score for one in logged), default=1.0) * _SEED_SHARE)
    typed = {fold(one.text) for one in logged}
    named = [one for one in seeds if fold(one.text) not in typed and not policy.blocks(one.text)]
    shelf.write(folder, columns([*logged, *named]), {})
    return {
        "completions": len(logged) + len(named),
        "from_log": len(logged),
        "from_catalog": len(named),
        "dropped": dropped,
    }


def seed(brands: Sequence[tuple[str, int]], categories: Sequence[tuple[str, int]], peak: float) -> list[Entry]:
    """Completions of the catalog's own names, scored by their share of products, at most `peak`."""
    found: dict[str, Entry] = {}
    for kind, names in ((CATEGORY, categories), (BRAND, brands)):
        most = max((number for _, number in names), default=1)
        for name, number in names:
            text = name.rsplit(" > ", 1)[-1].lower()
            score = round(peak * number / most, 6)
            folded = fold(text)
            if len(folded) > 1 and (folded not in found or found[folded].score < score):
                found[folded] = Entry(text, score, kind)
    return sorted(found.values(), key=lambda one: (-one.score, one.text))
