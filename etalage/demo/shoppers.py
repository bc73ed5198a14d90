"""Simulated shoppers of the sample shop: what they search for, see, click, put into the cart and buy, as UBI 1.3.0.

Behaviour follows the position-based model (Richardson, Dominowska, Ragno, WWW 2007; Craswell et al., WSDM 2008): a hit
at rank r is examined with probability r^-eta, whatever stands above it, and an examined hit is clicked according to its
relevance and quality, with noise. The order shown is the true relevance with noise, not a search engine's.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import orjson

from etalage.core.errors import QueryError
from etalage.demo.catalogue import KINDS
from etalage.demo.judgments import Query, qrels
from etalage.demo.shop import TODAY, Shop

APPLICATION: Final = "etalage-demo"
PAGE: Final = 10
"""Hits shown per query."""

ETA: Final = 1.0
"""Exponent of position bias."""

ATTRACTION: Final = (0.02, 0.09, 0.24, 0.46)
"""Chance that an examined hit of grade 0 to 3 is clicked, before its quality counts."""

_ROW: Final = 2
_HOURS: Final = (2, 1, 1, 1, 1, 2, 4, 7, 9, 10, 11, 12, 13, 11, 10, 10, 11, 13, 16, 20, 22, 20, 14, 6)
_STRAYS: Final = ("anna.{}.{}@example.com", "order {}-{}", "call 555 {} {}", "my order {} {} where is it")


@dataclass(frozen=True, slots=True)
class _Shopper:
    client: str
    user: str
    department: str


def simulate(
    shop: Shop,
    queries: Sequence[Query],
    seed: int,
    days: int = 30,
    sessions: int = 4100,
    *,
    end: date = TODAY,
    eta: float = ETA,
) -> Iterator[dict[str, Any]]:
    """UBI query documents and events of `sessions` visits over the `days` up to and including `end`, in time order.

    A query document (it has `query_response_hit_ids`) comes before its events. A visit holds one to three queries, the
    later ones about the same kind of product. Some shoppers are signed in (`user_id`), the others have an empty
    `user_id`. One query in 200 is a stray: an address or an order number typed into the wrong box, without hits. Only
    texts from `queries` and strays are typed: leave a query out and no trace of it is written.

    Args:
        shop: the shop.
        queries: distinct queries with frequencies; at least one.
        seed: the same arguments give the same documents.
        days: length of the period, at least 1.
        sessions: number of visits; the default gives about 6,700 queries and 52,000 events.
        end: last day.
        eta: exponent of position bias, 0 for none.

    Raises:
        QueryError: no queries, no days or a negative `eta`.
    """
    if not queries:
        raise QueryError("There are no queries to type", remedy="Pass the result of make_queries.")
    if days < 1 or eta < 0.0:
        raise QueryError("days must be at least 1 and eta at least 0", value=(days, eta), remedy="Use 30 and 1.0.")
    rng = random.Random(f"{shop.seed}:{seed}:shoppers")
    crowd = _crowd(rng, max(1, sessions // 3))
    visits = sorted(_moment(rng, end, days) for _ in range(sessions))
    tables = _Tables(shop, queries, rng)
    documents: list[dict[str, Any]] = []
    for moment in visits:
        elapsed = 1.0 + (moment.date() - end).days / days
        documents.extend(_session(tables, rng.choice(crowd), moment, elapsed, eta, rng))
    # Visits overlap. The sort is stable: a query stays before its events.
    yield from sorted(documents, key=lambda document: str(document["timestamp"]))


class _Tables:
    """What is looked up for each visit: judgments, and queries by frequency, department and kind."""

    def __init__(self, shop: Shop, queries: Sequence[Query], rng: random.Random) -> None:
        self.shop = shop
        self.queries = queries
        self.products = {product.id: product for product in shop.products}
        self.ids = [product.id for product in shop.products]
        self._grades: dict[str, dict[str, int]] = {}
        # A few queries rise or fall over the month.
        self.trend = {query.text: rng.choices((0.0, 1.2, -1.2), (8, 1, 1))[0] for query in queries}
        self._by_department: dict[str, tuple[list[Query], list[float]]] = {}
        self._by_kind: dict[str, tuple[list[Query], list[float]]] = {}
        groups: dict[str, list[Query]] = {"": list(queries)}
        kinds: dict[str, list[Query]] = {}
        for query in queries:
            for department in sorted({KINDS[key].path[0] for key in query.intent.kinds}):
                groups.setdefault(department, []).append(query)
            for key in query.intent.kinds:
                kinds.setdefault(key, []).append(query)
        self._by_department = {name: _weighted(group) for name, group in groups.items()}
        self._by_kind = {name: _weighted(group) for name, group in kinds.items()}

    def grades(self, query: Query) -> dict[str, int]:
        if query.text not in self._grades:
            self._grades[query.text] = qrels(self.shop, query)
        return self._grades[query.text]

    def draw(self, department: str, elapsed: float, rng: random.Random) -> Query:
        group, weights = self._by_department.get(department) or self._by_department[""]
        while True:
            query = rng.choices(group, cum_weights=weights)[0]
            if rng.random() < math.exp(self.trend[query.text] * elapsed - abs(self.trend[query.text])):
                return query

    def next(self, query: Query, rng: random.Random) -> Query:
        group, weights = self._by_kind[rng.choice(query.intent.kinds)]
        return rng.choices(group, cum_weights=weights)[0]


def _weighted(group: list[Query]) -> tuple[list[Query], list[float]]:
    return group, list(accumulate(query.frequency for query in group))


def _crowd(rng: random.Random, count: int) -> list[_Shopper]:
    departments = sorted({kind.path[0] for kind in KINDS.values()})
    return [
        _Shopper(
            client=_uuid(rng),
            user=f"u{number:05d}" if rng.random() < 0.4 else "",
            department=rng.choice(departments) if rng.random() < 0.6 else "",
        )
        for number in range(count)
    ]


def _moment(rng: random.Random, end: date, days: int) -> datetime:
    day = end - timedelta(days=rng.randrange(days))
    hour = rng.choices(range(24), _HOURS)[0]
    start = datetime.combine(day, time(hour), UTC)
    # A visit ends before midnight, so that no event is later than the last day.
    return start + timedelta(milliseconds=rng.randrange(3_600_000 if hour < 23 else 1_800_000))


def _session(
    tables: _Tables, shopper: _Shopper, moment: datetime, elapsed: float, eta: float, rng: random.Random
) -> Iterator[dict[str, Any]]:
    session = _uuid(rng)
    if rng.random() < 0.008:
        stray = rng.choice(_STRAYS).format(rng.randrange(1000, 9999), rng.randrange(1000, 9999))
        yield _query_document(shopper, _uuid(rng), stray, [], moment, rng)
        moment += timedelta(milliseconds=rng.randrange(4000, 15000))
    query = tables.draw(shopper.department if rng.random() < 0.6 else "", elapsed, rng)
    for step in range(rng.choices((1, 2, 3), (55, 28, 17))[0]):
        if step:
            query = tables.next(query, rng)
        identifier = _uuid(rng)
        hits = _shown(tables, query, rng)
        yield _query_document(shopper, identifier, query.text, hits, moment, rng)
        for action, position, wait in _actions(tables, query, hits, eta, rng):
            moment += timedelta(milliseconds=wait)
            yield _event(shopper, session, identifier, query.text, action, hits[position - 1], position, moment)
        moment += timedelta(milliseconds=rng.randrange(3000, 20000))


def _shown(tables: _Tables, query: Query, rng: random.Random) -> list[str]:
    """The page: true grades with a lot of noise, a little popularity, and some hits that do not belong."""
    grades = tables.grades(query)
    scores = {
        identifier: grade + 0.12 * math.log1p(tables.products[identifier].popularity or 0.0) + rng.gauss(0.0, 0.95)
        for identifier, grade in grades.items()
    }
    return sorted(scores, key=lambda identifier: (-scores[identifier], identifier))[:PAGE]


def _actions(
    tables: _Tables, query: Query, hits: Sequence[str], eta: float, rng: random.Random
) -> list[tuple[str, int, int]]:
    """Events on a page in time order: (action, 1-based position, milliseconds since the one before)."""
    grades = tables.grades(query)
    examined = [rank for rank in range(1, len(hits) + 1) if rng.random() < rank**-eta]
    # Whole rows scroll into view, at least two of them.
    seen = min(len(hits), max(2 * _ROW, -(-max(examined, default=1) // _ROW) * _ROW))
    found = [("impression", rank, 120 if rank == 1 else 15) for rank in range(1, seen + 1)]
    for rank in examined:
        identifier = hits[rank - 1]
        quality = tables.shop.latents[identifier].quality
        if rng.random() >= ATTRACTION[grades[identifier]] * (0.75 + 0.4 * quality):
            continue
        found.append(("click", rank, rng.randrange(800, 9000)))
        in_stock = tables.products[identifier].stock != 0
        keen = (0.01, 0.04, 0.12, 0.22)[grades[identifier]] * (0.5 + quality)
        if in_stock and rng.random() < keen:
            found.append(("add_to_cart", rank, rng.randrange(5000, 60000)))
            if rng.random() < 0.35 + 0.2 * quality:
                found.append(("purchase", rank, rng.randrange(20000, 150000)))
    return found


def _query_document(
    shopper: _Shopper, identifier: str, text: str, hits: list[str], moment: datetime, rng: random.Random
) -> dict[str, Any]:
    return {
        "timestamp": stamp(moment),
        "query_id": identifier,
        "query_response_id": _uuid(rng),
        "query_response_hit_ids": hits,
        "user_query": text,
        "query_attributes": {},
        "client_id": shopper.client,
        "application": APPLICATION,
        "query": orjson.dumps({"query": {"match": {"title": text}}, "size": PAGE}).decode(),
    }


def _event(
    shopper: _Shopper,
    session: str,
    identifier: str,
    text: str,
    action: str,
    product: str,
    position: int,
    moment: datetime,
) -> dict[str, Any]:
    return {
        "action_name": action,
        "timestamp": stamp(moment),
        "application": APPLICATION,
        "query_id": identifier,
        "session_id": session,
        "client_id": shopper.client,
        "user_id": shopper.user,
        "message_type": "INFO" if action == "impression" else "CONVERSION" if action == "purchase" else "CLICK",
        "message": f"{action} {product}",
        "user_query": text,
        "event_attributes": {
            "position": {"ordinal": position},
            "object": {"object_id": product, "object_id_type": "product", "object_id_field": "id"},
        },
    }


def stamp(moment: datetime) -> str:
    """ISO-8601 in UTC with milliseconds and `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _uuid(rng: random.Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))


def write_events(path: Path, documents: Iterable[dict[str, Any]]) -> int:
    """Write query documents and events as NDJSON, one object a line; returns the number of lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = 0
    with path.open("wb") as file:
        for document in documents:
            file.write(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE))
            lines += 1
    return lines
