"""Who saw, clicked, put into the cart and bought what: a UBI log as rows of numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from struct import Struct
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from etalage.core.text import fold, normalize, stems, token_id

SEEN, CLICK, CART, PURCHASE = 0, 1, 2, 3
ACTIONS: Final = {"impression": SEEN, "click": CLICK, "add_to_cart": CART, "purchase": PURCHASE}
"""UBI's actions that count; others say nothing of a product."""

PAGE: Final = 10
"""Hits that a shopper is taken to have seen where no impressions are logged."""

DEEPEST: Final = 50
"""The last place that is told apart; it stands for deeper ones too. 0 is an unknown place."""

ROW: Final = np.dtype(
    [
        ("unit", "<u8"),
        ("client_day", "<u8"),
        ("query", "<u8"),
        ("product", "<u4"),
        ("action", "u1"),
        ("place", "u1"),
        ("at", "<f8"),
    ]
)
"""A row: hashes of (client, query, product), of (client, day) and of the query's words (`words`), the product's number, what was done at which place, and when,
in days since 1970."""

Rows = npt.NDArray[np.void]

_PACKED: Final = Struct("<QQQIBBd")
_LEAST: Final = 1 << 20
"""Rows that are gathered before repeats are removed."""


@dataclass
class Sightings:
    """The rows of a log, each document read once, in any order.

    Of a client that does the same with the same product at the same place for the same query on one day, the last time is
    kept; what is more than `window` days older than the newest row is not: 38 bytes for each row that is left,
    and some five times that while rows are sorted.

    Attributes:
        window: days that are kept.
        until: what is dated later, in days since 1970, is a wrong clock's and left out.
        products: the number of each product id.
        read: documents that were read.
        unusable: events of a kind that counts that name no product, and documents that are dated too late.
    """

    window: float
    until: float = float("inf")
    products: dict[str, int] = field(default_factory=dict)
    read: int = 0
    unusable: int = 0
    _rows: Rows = field(default_factory=lambda: np.zeros(0, ROW))
    _waiting: bytearray = field(default_factory=bytearray)
    _logged: set[int] = field(default_factory=set)
    _deepest: dict[int, dict[str, int]] = field(default_factory=dict)

    def events(self, documents: Iterable[Mapping[str, Any]]) -> None:
        """Take in events."""
        for one in documents:
            self.read += 1
            action = ACTIONS.get(one["action_name"])
            if action is None:
                continue
            product, place, at = _product(one), _place(one), _days(one["timestamp"])
            if not product or at > self.until:
                self.unusable += 1
                continue
            self._add(one, product, action, place, at)
            day = int(at)
            if action == SEEN:
                self._logged.add(day)
                self._deepest.pop(day, None)
            elif day not in self._logged and one.get("query_id"):
                deepest = self._deepest.setdefault(day, {})
                deepest[one["query_id"]] = max(place, deepest.get(one["query_id"], 0))

    def queries(self, documents: Iterable[Mapping[str, Any]]) -> None:
        """Take in queries, after all events: on days without a logged impression, the first hits count as seen, down to the
        deepest that was clicked."""
        deepest: dict[str, int] = {}
        for one in self._deepest.values():
            deepest |= {query: max(place, deepest.get(query, 0)) for query, place in one.items()}
        for document in documents:
            self.read += 1
            at, hits = _days(document["timestamp"]), document.get("query_response_hit_ids")
            if at > self.until:
                self.unusable += 1
            elif int(at) not in self._logged and isinstance(hits, list):
                shown = max(PAGE, deepest.get(document["query_id"], 0))
                for place, hit in enumerate(hits[:shown], 1):
                    if isinstance(hit, str) and hit:
                        self._add(document, hit, SEEN, min(place, DEEPEST), at)

    def _add(self, one: Mapping[str, Any], product: str, action: int, place: int, at: float) -> None:
        # Without any name, everybody is one client.
        client = next((str(one[name]) for name in ("client_id", "session_id", "user_id", "query_id") if one.get(name)), "")
        number = self.products.setdefault(product, len(self.products))
        query = str(one.get("user_query") or "")
        unit, day = _hash(client, fold(query), product), _hash(client, str(int(at)))
        self._waiting += _PACKED.pack(unit, day, words(query), number, action, place, at)
        if len(self._waiting) >= ROW.itemsize * max(_LEAST, len(self._rows)):
            self.rows()

    def rows(self) -> Rows:
        """What was taken in so far, `ROW` [n], sorted; the same for any order of the documents, but for product numbers."""
        rows = np.concatenate([self._rows, np.frombuffer(bytes(self._waiting), ROW)])
        self._waiting = bytearray()
        if len(rows):
            rows = rows[rows["at"] >= rows["at"].max() - self.window]
        self._rows = latest(rows, "unit", "client_day", "action", "place")
        return self._rows


def latest(rows: Rows, *names: str) -> Rows:
    """Of rows that are alike in the named columns the latest, sorted by those."""
    rows = rows[np.lexsort((rows["at"], *(rows[name] for name in reversed(names))))]
    last = np.ones(len(rows), bool)
    if len(rows):
        last[:-1] = np.any([rows[name][1:] != rows[name][:-1] for name in names], axis=0)
    return rows[last]


@lru_cache(maxsize=1 << 16)
def words(query: str) -> int:
    """A hash of a query's different stems, in whatever order; 0 for one without words."""
    return bag([token_id(stem) for stem in stems(normalize(query))])


def bag(stems: Iterable[int]) -> int:
    """A hash of different stem ids (`text.token_id`), in whatever order; 0 for none."""
    ids = sorted({int(one) for one in stems})
    return _hash(*map(str, ids)) if ids else 0


def _hash(*parts: str) -> int:
    # The same in every process, so that sums are made in the same order.
    return int.from_bytes(blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=8).digest(), "little")


def _days(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp() / 86400


def _attribute(event: Mapping[str, Any], group: str, name: str) -> Any:
    attributes = event.get("event_attributes")
    found = attributes.get(group) if isinstance(attributes, Mapping) else None
    return found.get(name) if isinstance(found, Mapping) else None


def _product(event: Mapping[str, Any]) -> str:
    value = _attribute(event, "object", "object_id")
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def _place(event: Mapping[str, Any]) -> int:
    value = _attribute(event, "position", "ordinal")
    return min(value, DEEPEST) if isinstance(value, int) and value > 0 else 0
