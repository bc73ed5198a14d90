"""How well each product of the sample shop answers a query.

A query has a latent intent: kinds of product and wishes (colour, brand, capacity, price, ...). Judgments compare the
intent with the latent facts of a product, never with its text:

    3  the right kind, every wish met
    2  the right kind, at least half of the wishes (by weight) met
    1  the right kind, fewer met; or something related: an accessory of it, its device, a neighbouring kind
    0  everything else

A poor or keyword-stuffed product, and one whose title is not in the shopper's language, is judged one grade lower.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from etalage.core.records import Product
from etalage.demo.assortment import Kind
from etalage.demo.catalogue import KINDS
from etalage.demo.shop import Latent, Shop

POOR: Final = 0.33
"""Products below this quality are judged one grade lower."""

_WEIGHTS: Final[Mapping[str, float]] = {"brand": 1.5, "serves": 2.0}


@dataclass(frozen=True, slots=True)
class Intent:
    """What a shopper wants: any of `kinds`, with the `wants` (facet or "brand", "model", "serves", "deal" → value)."""

    kinds: tuple[str, ...]
    wants: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> str:
        """One string per intent, the same for every way of typing it."""
        return ",".join(self.kinds) + "".join(f"|{name}={value}" for name, value in self.wants)


@dataclass(frozen=True, slots=True)
class Query:
    """A distinct query text.

    `frequency` is how often it is typed relative to the others, `band` "head", "torso" or "tail", `language` "en" or
    "zh"; `family` is how it was made (e.g. "kind", "facets", "model", "typo").
    """

    text: str
    intent: Intent
    frequency: float
    band: str
    language: str
    family: str


def grade(latent: Latent, product: Product, intent: Intent, language: str) -> int:
    """Relevance of a product for an intent typed in `language`, 0 to 3 (see the module's docstring)."""
    kind = KINDS[latent.kind]
    wants = dict(intent.wants)
    if latent.kind in intent.kinds:
        found = _own_kind(latent, wants)
        # A brand typed alone asks for that brand, not for its rivals' goods.
        found = 0 if found == 1 and len(intent.kinds) > 1 and wants else found
    elif kind.accessory_of in intent.kinds:
        found = _as_accessory(latent, wants)
    else:
        found = _as_neighbour(latent, kind, intent, wants)
    if found >= 2:
        found -= latent.stuffed or latent.quality < POOR
    if found >= 2:
        found -= product.language != language and (language == "en" or "title_zh" not in product.attributes)
    return found


def _own_kind(latent: Latent, wants: Mapping[str, str]) -> int:
    if "model" in wants:
        if latent.brand != wants["brand"]:
            return 0
        if latent.model.split()[0] != wants["model"].split()[0]:
            return 1
        exact = latent.model == wants["model"] and _meets(latent, "capacity", wants.get("capacity", ""))
        return 3 if exact else 2
    if "serves" in wants and latent.serves != wants["serves"]:
        # What fits another device is of no use, save to show that there are such things.
        return 1 if latent.serves_brand == wants["serves"].split()[0] or not latent.serves else 0
    if not wants:
        return 3
    met = sum(_WEIGHTS.get(name, 1.0) for name, value in wants.items() if _meets(latent, name, value))
    share = met / sum(_WEIGHTS.get(name, 1.0) for name in wants)
    return 3 if share == 1.0 else 2 if share >= 0.5 else 1


def _meets(latent: Latent, name: str, value: str) -> bool:
    if name == "brand":
        return latent.brand == value
    if name == "serves":
        return latent.serves == value
    if name == "deal":
        return latent.deal == value
    return not value or latent.facets.get(name) == value


def _as_accessory(latent: Latent, wants: Mapping[str, str]) -> int:
    if "model" in wants:
        return int(latent.serves == f"{wants['brand']} {wants['model']}")
    if "brand" in wants:
        return int(latent.serves_brand == wants["brand"])
    return int(not wants)


def _as_neighbour(latent: Latent, kind: Kind, intent: Intent, wants: Mapping[str, str]) -> int:
    if "serves" in wants:
        # The device itself, when an accessory is asked for.
        served = KINDS[intent.kinds[0]].accessory_of
        return int(latent.kind == served and f"{latent.brand} {latent.model}" == wants["serves"])
    if "model" in wants or len(intent.kinds) > 1:
        return 0
    near = latent.kind in KINDS[intent.kinds[0]].related
    return int(near and all(_meets(latent, name, value) for name, value in wants.items()))


def qrels(shop: Shop, query: Query, zeros: int = 20) -> dict[str, int]:
    """Judgments of a query: every product of grade 1 to 3, and a sample of `zeros` products of grade 0.

    Half of the zeros are taken from the wanted departments, where there are any: they are the harder ones.
    """
    grades = {
        product.id: grade(shop.latents[product.id], product, query.intent, query.language) for product in shop.products
    }
    found = {identifier: value for identifier, value in grades.items() if value > 0}
    departments = {KINDS[key].path[0] for key in query.intent.kinds}
    near = [p.id for p in shop.products if not grades[p.id] and p.category[0] in departments]
    rng = random.Random(f"{shop.seed}:{query.text}")
    picked = rng.sample(near, min(len(near), zeros // 2))
    far = [p.id for p in shop.products if not grades[p.id] and p.category[0] not in departments]
    picked += rng.sample(far, min(len(far), zeros - len(picked)))
    return found | dict.fromkeys(picked, 0)


def write_qrels(path: Path, shop: Shop, queries: Iterable[Query], zeros: int = 20) -> int:
    """Write judgments as CSV with the header `query,docid,rating`; returns the number of rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("query", "docid", "rating"))
        for row in _rows(shop, queries, zeros):
            writer.writerow(row)
            rows += 1
    return rows


def _rows(shop: Shop, queries: Iterable[Query], zeros: int) -> Iterator[tuple[str, str, int]]:
    for query in queries:
        for identifier, value in qrels(shop, query, zeros).items():
            yield query.text, identifier, value
