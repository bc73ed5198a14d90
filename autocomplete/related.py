"""What else shoppers look for: queries after which the same products are clicked, and queries that follow one another."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Final

import orjson

from autocomplete.counts import Counts
from autocomplete.querylog import Entry, Policy
from autocomplete.typed import key
from etalage.core import durable
from etalage.core.errors import EngineError

FILE: Final = "related.json"

_KEPT: Final = 10
_LEAST: Final = 0.1
"""What two queries must have in common to be told."""
_COMMON: Final = 500
"""Queries of one product, at most: what is clicked after everything says nothing."""
_PRIOR: Final = 5.0
"""Followers of a query that follow it by chance."""
_LOOK: Final = 1.0
"""Seconds between looks at the file."""


def keep(folder: Path, given: Counts, entries: Sequence[Entry], groups: Sequence[Sequence[int]], policy: Policy) -> int:
    """Write, for each completion of the log, those that are related to it; of how many there are any. Only completions are told, and only
    that one follows another where enough shoppers went that way."""
    scores = _clicked(given, groups)
    for (one, other), share in _followed(given, groups, policy).items():
        scores[one][other] += share
    found = {}
    for row, others in scores.items():
        best = sorted(
            (-score, entries[other].text)
            for other, score in others.items()
            if score >= _LEAST and not entries[other].sold_out
        )
        if best:
            found[key(entries[row].text)] = [text for _, text in best[:_KEPT]]
    durable.replace(folder / FILE, orjson.dumps(found))
    return len(found)


def _clicked(given: Counts, groups: Sequence[Sequence[int]]) -> defaultdict[int, defaultdict[int, float]]:
    """The cosine of what was clicked after two queries, with counts as logarithms."""
    weights: list[dict[str, float]] = []
    by_product: dict[str, list[int]] = {}
    for row, group in enumerate(groups):
        clicked: defaultdict[str, int] = defaultdict(int)
        for form in group:
            for product, number in given.products.get(form, {}).items():
                clicked[product] += number
        length = math.sqrt(sum(math.log1p(number) ** 2 for number in clicked.values())) or 1.0
        weights.append({product: math.log1p(number) / length for product, number in clicked.items()})
        for product in clicked:
            by_product.setdefault(product, []).append(row)
    found: defaultdict[int, defaultdict[int, float]] = defaultdict(lambda: defaultdict(float))
    for product, rows in by_product.items():
        if len(rows) <= _COMMON:
            for one in rows:
                for other in rows:
                    if one != other:
                        found[one][other] += weights[one][product] * weights[other][product]
    return found


def _followed(given: Counts, groups: Sequence[Sequence[int]], policy: Policy) -> dict[tuple[int, int], float]:
    """The share of a query's followers that another one has, where enough shoppers went from the one to the other."""
    row = {form: at for at, group in enumerate(groups) for form in group}
    total: defaultdict[int, int] = defaultdict(int)
    pairs: defaultdict[tuple[int, int], int] = defaultdict(int)
    for (form, then), number in given.followed.items():
        if form in row:
            total[row[form]] += number
            if then in row and row[then] != row[form] and number >= policy.shoppers:
                pairs[row[form], row[then]] += number
    return {pair: number / (total[pair[0]] + _PRIOR) for pair, number in pairs.items()}


class Related:
    """The related queries of a folder of completions, as they are at the moment. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lock = Lock()
        self._found: dict[str, list[str]] = {}
        self._stamp = -1
        self._looked = -math.inf

    def of(self, query: str, k: int = 8) -> list[str]:
        """The best `k` queries related to one, best first; none where it is not known or nothing was built. Raises EngineError."""
        with self._lock:
            if time.monotonic() - self._looked >= _LOOK:
                self._looked = time.monotonic()
                self._read()
            return self._found.get(key(query), [])[:k]

    def _read(self) -> None:
        try:
            stamp = self._path.stat().st_mtime_ns
            if stamp != self._stamp:
                found = orjson.loads(self._path.read_bytes())
                if not isinstance(found, dict):
                    raise EngineError(
                        "related queries are no object", value=self._path, remedy="Build the completions anew."
                    )
                self._found, self._stamp = found, stamp
        except FileNotFoundError:
            self._found, self._stamp = {}, -1
        except (OSError, orjson.JSONDecodeError) as error:
            raise EngineError(
                f"related queries cannot be read ({error})", value=self._path, remedy="Build the completions anew."
            ) from error
