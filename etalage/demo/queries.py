"""What shoppers of the sample shop type.

Each query is made around a product: its kind, some of its facets, its brand, its model, what it serves or what it is
good for, in a shopper's words. Those are often not the seller's.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from etalage.core.errors import QueryError
from etalage.demo.assortment import BRANDS, DEALS, VALUES, Kind
from etalage.demo.catalogue import KINDS
from etalage.demo.judgments import Intent, Query, grade
from etalage.demo.shop import Latent, Shop

PER_PRODUCT: Final = 5
"""At most this many distinct queries are made per product; some dozens would be possible."""

_HEAD, _TORSO = 0.1, 0.4

_ROOMS: Final[Mapping[str, tuple[str, str]]] = {
    "Furniture": ("furniture", "家具"), "Shoes": ("shoes|footwear", "鞋子"), "Fashion": ("clothes|clothing", "衣服"),
    "Toys": ("toys", "玩具"), "Lighting": ("lamps|lights", "灯具"), "Pets": ("pet supplies", "宠物用品"),
    "Beauty": ("skincare and beauty", "美妆护肤"), "Bags": ("bags", "箱包"),
}  # fmt: skip
"""Department → what shoppers call it in English and Chinese."""


@dataclass(frozen=True, slots=True)
class _Typed:
    text: str
    intent: Intent
    language: str
    family: str
    pull: float


_Maker = Callable[[Shop, random.Random], _Typed | None]


def make_queries(shop: Shop, n: int = 400) -> list[Query]:
    """`n` distinct queries, most frequent first, each with at least one product of grade 3.

    Frequencies follow Zipf's law; 10 % of the queries are the head, the next 30 % the torso.

    Raises:
        QueryError: `n` is not between 1 and `PER_PRODUCT` times the number of products.
    """
    if not 1 <= n <= PER_PRODUCT * len(shop.products):
        raise QueryError(
            "The sample shop cannot make that many distinct queries",
            value=n,
            remedy=f"Ask for 1 to {PER_PRODUCT * len(shop.products)}, or make a larger shop.",
        )
    rng = random.Random(f"{shop.seed}:queries")
    typed: dict[str, _Typed] = {}
    weights = [weight for _, weight in _FAMILIES]
    while len(typed) < n:
        made = rng.choices(_FAMILIES, weights)[0][0](shop, rng)
        if made is None or made.text in typed or not _answered(shop, made):
            continue
        typed[made.text] = made
        # A twin by a slip of the keys, of the same intent.
        if len(typed) < n and made.language == "en" and rng.random() < 0.055:
            slip = _slip(made.text, rng)
            if slip not in typed:
                typed[slip] = _Typed(slip, made.intent, "en", "typo", made.pull * 0.4)
    order = sorted(typed.values(), key=lambda made: (-made.pull * rng.uniform(0.5, 1.5), made.text))
    bands = ("head", "torso", "tail")
    return [
        Query(
            made.text,
            made.intent,
            round(1000 / (rank + 3) ** 0.85, 3),
            bands[(rank >= _HEAD * n) + (rank >= _TORSO * n)],
            made.language,
            made.family,
        )
        for rank, made in enumerate(order)
    ]


def _answered(shop: Shop, made: _Typed) -> bool:
    return any(
        grade(shop.latents[product.id], product, made.intent, made.language) == 3
        for product in shop.products
        if shop.latents[product.id].kind in made.intent.kinds
    )


# How queries are made: each takes a product as the model of what is wanted.


def _pick(shop: Shop, rng: random.Random) -> tuple[Latent, Kind]:
    while True:
        latent = shop.latents[rng.choice(shop.products).id]
        if not latent.stuffed and not latent.bundle:
            return latent, KINDS[latent.kind]


def _noun(kind: Kind, rng: random.Random) -> str:
    return rng.choice((*kind.names, *kind.asks)).lower()


def _by_kind(shop: Shop, rng: random.Random) -> _Typed:
    kind = rng.choices(list(KINDS.values()), [kind.share for kind in KINDS.values()])[0]
    noun = _noun(kind, rng)
    if kind.accessory_of and rng.random() < 0.6:
        noun = f"{noun} for {_noun(KINDS[kind.accessory_of], rng)}"
    pull = 6.0 * kind.share * (0.4 if kind.accessory_of else 1.0)
    return _Typed(noun, Intent((kind.key,)), "en", "kind", pull)


def _by_facets(shop: Shop, rng: random.Random) -> _Typed | None:
    latent, kind = _pick(shop, rng)
    known = [name for name in latent.facets if latent.facets[name] not in ("plain", "home")]
    if not known:
        return None
    names = rng.sample(known, min(len(known), rng.choices((1, 2, 3), (50, 38, 12))[0]))
    wants = tuple(sorted((name, latent.facets[name]) for name in names))
    text = _sentence(kind, dict(wants), _noun(kind, rng), rng)
    return _Typed(text, Intent((kind.key,), wants), "en", "facets", 1.6 * kind.share / len(names))


def _sentence(kind: Kind, wants: Mapping[str, str], noun: str, rng: random.Random) -> str:
    words = {}
    for name, value in wants.items():
        word = value
        entry = VALUES.get(name, {}).get(value)
        if entry is not None and len(entry.words) > 1 and rng.random() < 0.25:
            word = rng.choice(entry.words[1:])
        elif (entry is None and value.isdigit()) or value in {"S", "M", "L", "XL"}:
            word = f"size {value}"
        elif entry is None and rng.random() < 0.3 and name == "capacity":
            word = value.replace("GB", " gb").replace("TB", " tb")
        words[name] = word.lower()
    if "audience" in words and rng.random() < 0.6:
        words["audience"] = f"{words['audience']}s" if not words["audience"].endswith("s") else words["audience"]
    order = ("audience", "feature", "pattern", "colour", "material", "connectivity")
    front, back = [words[name] for name in order if name in words], list[str]()
    for name in ("size", "capacity"):
        if name in words:
            (front if rng.random() < 0.6 else back).append(words[name])
    text = " ".join([*front, noun, *back])
    if "use" in words:
        short = " " not in words["use"] and rng.random() < 0.4
        text = f"{words['use']} {text}" if short else f"{text} for {words['use']}"
    return text


def _by_brand(shop: Shop, rng: random.Random) -> _Typed:
    latent, kind = _pick(shop, rng)
    wants = [("brand", latent.brand)]
    text = f"{latent.brand.lower()} {_noun(kind, rng)}"
    if "colour" in latent.facets and rng.random() < 0.35:
        wants.append(("colour", latent.facets["colour"]))
        text = f"{text} {latent.facets['colour']}"
    return _Typed(text, Intent((kind.key,), tuple(sorted(wants))), "en", "brand", 2.2 * kind.share / len(wants))


def _by_brand_alone(shop: Shop, rng: random.Random) -> _Typed:
    brand = rng.choice(sorted({name for pool in BRANDS.values() for name in pool.split()}))
    kinds = tuple(sorted({latent.kind for latent in shop.latents.values() if latent.brand == brand}))
    return _Typed(brand.lower(), Intent(kinds, (("brand", brand),)), "en", "brand", 6.0)


def _by_model(shop: Shop, rng: random.Random) -> _Typed | None:
    latent, kind = _pick(shop, rng)
    if not kind.series:
        return None
    wants = [("brand", latent.brand), ("model", latent.model)]
    form = rng.randrange(4)
    text = f"{latent.brand} {latent.model}"
    if form == 1:
        text = f"{text} {_noun(kind, rng)}"
    elif form == 2 and "capacity" in latent.facets:
        wants.append(("capacity", latent.facets["capacity"]))
        text = f"{text} {latent.facets['capacity']}"
    elif form == 3:
        text = f"{latent.brand[:2]}-{''.join(p[0] if p.isalpha() else p for p in latent.model.split())}"
    return _Typed(text.lower(), Intent((kind.key,), tuple(sorted(wants))), "en", "model", 1.2 * kind.share)


def _by_device(shop: Shop, rng: random.Random) -> _Typed | None:
    latent, kind = _pick(shop, rng)
    if not latent.serves:
        return None
    noun, wants = _noun(kind, rng), [("serves", latent.serves)]
    target = latent.serves.lower()
    device = _noun(KINDS[kind.accessory_of], rng)
    text = rng.choice((f"{target} {noun}", f"{noun} for {target}", f"{noun} {target} {device}"))
    if "material" in latent.facets and rng.random() < 0.3:
        wants.append(("material", latent.facets["material"]))
        text = f"{latent.facets['material']} {text}"
    return _Typed(text, Intent((kind.key,), tuple(sorted(wants))), "en", "device", 1.2 * kind.share)


def _by_price(shop: Shop, rng: random.Random) -> _Typed | None:
    latent, kind = _pick(shop, rng)
    if latent.deal not in DEALS:
        return None
    words = ("cheap", "budget", "affordable") if latent.deal == "cheap" else ("premium", "luxury", "high-end")
    wants, text = [("deal", latent.deal)], f"{rng.choice(words)} {_noun(kind, rng)}"
    if latent.facets.get("use", "home") != "home" and rng.random() < 0.4:
        wants.append(("use", latent.facets["use"]))
        text = f"{text} for {latent.facets['use']}"
    return _Typed(text, Intent((kind.key,), tuple(sorted(wants))), "en", "price", 1.5 * kind.share)


def _by_need(shop: Shop, rng: random.Random) -> _Typed | None:
    kind = rng.choice([kind for kind in KINDS.values() if kind.needs])
    return _Typed(rng.choice(kind.needs), Intent((kind.key,)), "en", "need", 0.5)


def _by_department(shop: Shop, rng: random.Random) -> _Typed:
    department = rng.choice(list(_ROOMS))
    english, chinese = _ROOMS[department]
    kinds = tuple(kind.key for kind in KINDS.values() if kind.path[0] == department and not kind.accessory_of)
    if rng.random() < 0.25:
        return _Typed(chinese, Intent(kinds), "zh", "department", 5.0)
    return _Typed(rng.choice(english.split("|")), Intent(kinds), "en", "department", 10.0)


def _by_chinese(shop: Shop, rng: random.Random) -> _Typed:
    latent, kind = _pick(shop, rng)
    noun, wants, text = rng.choice(kind.chinese), [], ""
    names = [name for name in ("colour", "material", "feature", "audience") if name in latent.facets]
    if names and rng.random() < 0.55:
        name = rng.choice(names)
        wants.append((name, latent.facets[name]))
        text = VALUES[name][latent.facets[name]].chinese
    if kind.series and rng.random() < 0.25:
        wants.append(("brand", latent.brand))
        noun = f"{latent.brand.lower()} {text}{noun}"
        text = ""
    return _Typed(text + noun, Intent((kind.key,), tuple(sorted(wants))), "zh", "chinese", 1.5 * kind.share)


_FAMILIES: Final[Sequence[tuple[_Maker, float]]] = (
    (_by_kind, 20.0),
    (_by_facets, 32.0),
    (_by_brand, 9.0),
    (_by_brand_alone, 2.0),
    (_by_model, 36.0),
    (_by_device, 40.0),
    (_by_price, 6.0),
    (_by_need, 6.0),
    (_by_department, 2.5),
    (_by_chinese, 9.0),
)
"""Ways of making a query and how often each is tried (some tries make nothing)."""


def _slip(text: str, rng: random.Random) -> str:
    """`text` with one slip of the keys in its longest word: two letters swapped, one left out or one doubled."""
    words = text.split()
    at = max(range(len(words)), key=lambda i: len(words[i]))
    word = words[at]
    i = rng.randrange(1, max(2, len(word) - 1))
    swapped, dropped, doubled = (
        word[: i - 1] + word[i] + word[i - 1] + word[i + 1 :],
        word[:i] + word[i + 1 :],
        (word[:i] + word[i] + word[i:]),
    )
    words[at] = rng.choice((swapped, dropped, doubled))
    return " ".join(words)


def split(queries: Sequence[Query], held_out: float = 0.3, seed: int = 0) -> tuple[list[Query], list[Query]]:
    """Training and held-out queries. Queries of one intent (synonyms, typos, translations) stay on one side.

    Args:
        queries: distinct queries.
        held_out: share of intents held out, between 0 and 1.
        seed: another seed, another split; a query's side depends on nothing but its intent and the seed.

    Raises:
        QueryError: `held_out` is not between 0 and 1.
    """
    if not 0.0 < held_out < 1.0:
        raise QueryError("held_out must be a share between 0 and 1", value=held_out, remedy="Use for example 0.3.")

    def away(query: Query) -> bool:
        digest = hashlib.blake2b(f"{seed}:{query.intent.key}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64 < held_out

    return [query for query in queries if not away(query)], [query for query in queries if away(query)]
