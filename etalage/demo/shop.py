"""The project's sample shop: some thousands of believable products, made from a seed.

Every product is made from latent facts (`Latent`): what it truly is, its facets, its quality. Listings are written from
them the way sellers write: half of the words are synonyms and shades, facets are left out of title or attributes,
titles are stuffed, accessories name the device that they serve, descriptions mention other goods. Relevance
(`etalage.demo.judgments`) is judged on the latent facts alone, so a ranker has to infer them from the listing.
"""

from __future__ import annotations

import gzip
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import orjson

from etalage.core.errors import ConfigError
from etalage.core.records import Product
from etalage.demo import copywriting
from etalage.demo.assortment import BRANDS, LINES, Kind
from etalage.demo.catalogue import ACCESSORIES, KINDS

TODAY: Final = date(2026, 6, 30)
"""The day on which the shop is looked at, unless told otherwise: no product is newer."""

CURRENCY: Final = "EUR"
CHINESE: Final = 0.15
"""Share of listings written in Chinese."""

FEED_KEYS: Final = (
    "id", "title", "description", "brand", "category", "price", "currency", "list_price", "stock", "images", "url",
    "attributes", "variant_group", "language", "rating", "reviews", "popularity", "created_at", "updated_at",
)  # fmt: skip
"""Keys of a feed line, in order."""

_FORMS: Final = ("", "", "", " Pro", " Lite", " Plus", " Max")
_OPTIONAL: Final[Mapping[str, float]] = {"feature": 0.75, "use": 0.7, "audience": 0.92, "connectivity": 0.95}
_COLOUR_CODES: Final[Mapping[str, str]] = {
    "black": "BK", "white": "WH", "grey": "GY", "red": "RD", "blue": "BL", "green": "GN", "yellow": "YE", "pink": "PK",
    "purple": "PU", "orange": "OR", "brown": "BR", "beige": "BE", "silver": "SI", "gold": "GD",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Latent:
    """What a product truly is. None of it is written to the feed.

    `facets` are canonical values. `deal` is "cheap", "" or "premium": the third of its kind's prices. `quality` is in
    [0, 1]. `serves` names the brand and model an accessory is for. `seed` varies its picture.
    """

    kind: str
    facets: Mapping[str, str]
    brand: str
    model: str
    quality: float
    serves: str = ""
    serves_brand: str = ""
    stuffed: bool = False
    bundle: bool = False
    deal: str = ""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop: its products in feed order, and the latent facts of each by product id."""

    seed: int
    today: date
    products: tuple[Product, ...]
    latents: Mapping[str, Latent]


@dataclass(frozen=True, slots=True)
class _Listing:
    latent: Latent
    price: int
    group: str
    rng_key: str


def make_shop(seed: int, products: int = 2400, *, today: date = TODAY) -> Shop:
    """The shop of a seed: the same seed, size and day give the same products.

    Args:
        seed: any integer.
        products: how many products, at least one per kind (`len(KINDS)`).
        today: the day on which the shop is looked at.

    Raises:
        ConfigError: fewer products than kinds.
    """
    if products < len(KINDS):
        raise ConfigError(
            "The sample shop needs at least one product of each kind",
            value=products,
            remedy=f"Ask for {len(KINDS)} products or more.",
        )
    listings: list[_Listing] = []
    devices: dict[str, list[Latent]] = {}
    # What accessories serve has to exist before them.
    for kind in sorted(KINDS.values(), key=lambda kind: bool(kind.accessory_of)):
        made = list(_listings(kind, _counts(products)[kind.key], devices.get(kind.accessory_of, []), seed))
        devices[kind.key] = [listing.latent for listing in made if not listing.latent.stuffed]
        listings += _with_deals(made)
    random.Random(f"{seed}:order").shuffle(listings)
    made_products, latents = [], {}
    for number, listing in enumerate(listings):
        product = _product(f"E{10000 + number}", listing, seed, today)
        made_products.append(product)
        latents[product.id] = replace(listing.latent, seed=number)
    return Shop(seed, today, tuple(made_products), latents)


def _counts(products: int) -> dict[str, int]:
    """Products per kind by their shares, at least one each, summing to `products` (largest remainders)."""
    total = sum(kind.share for kind in KINDS.values())
    exact = {kind.key: 1 + (products - len(KINDS)) * kind.share / total for kind in KINDS.values()}
    counts = {key: int(value) for key, value in exact.items()}
    by_remainder = sorted(exact, key=lambda key: (counts[key] - exact[key], key))
    for key in by_remainder[: products - sum(counts.values())]:
        counts[key] += 1
    return counts


def _listings(kind: Kind, count: int, devices: list[Latent], seed: int) -> Iterator[_Listing]:
    rng = random.Random(f"{seed}:{kind.key}")
    brands = list(dict.fromkeys(name for pool in kind.brands.split("|") for name in BRANDS[pool].split()))
    left, serial = count, 0
    while left > 0:
        serial += 1
        design = _design(kind, brands, devices, rng)
        price = _price(kind, design, rng)
        axes = [name for name in ("colour", "size", "capacity") if len(kind.facets.get(name, ())) > 1]
        axis = rng.choice(axes) if axes and not design.stuffed and not design.bundle else ""
        values = [design.facets[axis]] if axis else [""]
        if axis:
            rest = [value for value in kind.facets[axis] if value != values[0]]
            values += rng.sample(rest, min(len(rest), rng.choices((0, 1, 2, 3), (40, 27, 20, 13))[0]))
        key = f"{seed}:{kind.key}:{serial}"
        # Opaque: the group must not tell the kind.
        group = f"G{blake2b(key.encode(), digest_size=5).hexdigest()}" if len(values) > 1 else ""
        for value in values[:left]:
            facets = {**design.facets, axis: value} if axis else design.facets
            yield _Listing(replace(design, facets=facets), _stepped(price, kind, axis, value), group, key)
        left -= len(values)
        if left > 0 and not design.stuffed and rng.random() < 0.14:
            # Another seller lists the same thing: its own words, service and price.
            quality = rng.betavariate(1.2, 1.6)
            other = replace(design, quality=quality, bundle=False)
            yield _Listing(other, _charm(price * rng.uniform(0.82, 1.15) / 100), "", f"{key}:again")
            left -= 1


def _design(kind: Kind, brands: list[str], devices: list[Latent], rng: random.Random) -> Latent:
    facets = {}
    for name, values in kind.facets.items():
        if rng.random() >= _OPTIONAL.get(name, 1.0):
            continue
        facets[name] = "plain" if name == "pattern" and rng.random() < 0.4 else rng.choice(values)
    brand = rng.choice(brands)
    stuffed = rng.random() < 0.07
    quality = rng.betavariate(1.1, 6.0) if stuffed else rng.betavariate(2.2, 1.8)
    if brand in BRANDS["budget"].split():
        quality *= 0.85
    if kind.series:
        # Few letters and round numbers, so that a brand's models are easily mixed up.
        letter = kind.series[sum(map(ord, brand)) % len(kind.series)]
        model = f"{letter}{rng.randrange(1, 10)}{rng.choice('0005')}{rng.choice(_FORMS)}"
    else:
        model = "" if kind.accessory_of else rng.choice(LINES)
    device = rng.choice(devices) if devices and rng.random() < 0.85 else None
    serves = serves_brand = ""
    if device is not None:
        if KINDS[device.kind].series:
            serves, serves_brand = f"{device.brand} {device.model}", device.brand
        if "size" in facets and device.facets.get("size") in kind.facets["size"]:
            facets["size"] = device.facets["size"]
    bundle = bool(ACCESSORIES[kind.key]) and not stuffed and rng.random() < 0.12
    return Latent(kind.key, facets, brand, model, round(quality, 4), serves, serves_brand, stuffed, bundle)


def _price(kind: Kind, design: Latent, rng: random.Random) -> int:
    low, high = kind.price
    reach = rng.betavariate(1.5, 2.4) * 0.75 + 0.25 * design.quality
    if design.facets.get("material") in {"leather", "cashmere", "silk", "carbon", "down"}:
        reach = min(1.0, reach + 0.15)
    return _charm(math.exp(math.log(low) + reach * math.log(high / low)) * (1.15 if design.bundle else 1.0))


def _stepped(price: int, kind: Kind, axis: str, value: str) -> int:
    """Price of a variant: each step of capacity costs 9 % more."""
    step = kind.facets["capacity"].index(value) if axis == "capacity" else 0
    return _charm(price / 100 * 1.09**step) if step else price


def _charm(euros: float) -> int:
    """A price as shops write it, in cents: 12.49, 39.95, 899.00."""
    if euros >= 200:
        return round(euros / 10) * 1000 - 100
    return int(euros) * 100 + (95 if euros >= 40 else 49 if euros % 1 < 0.5 else 99)


def _with_deals(listings: list[_Listing]) -> list[_Listing]:
    prices = sorted(listing.price for listing in listings)
    low, high = prices[len(prices) // 3], prices[len(prices) * 2 // 3]
    return [
        replace(
            listing,
            latent=replace(
                listing.latent, deal="cheap" if listing.price < low else "premium" if listing.price > high else ""
            ),
        )
        for listing in listings
    ]


def _product(identifier: str, listing: _Listing, seed: int, today: date) -> Product:
    """The listing as its seller writes it. Variants share the wording (same key), not the stock."""
    latent, kind = listing.latent, KINDS[listing.latent.kind]
    words_rng = random.Random(f"{listing.rng_key}:words")
    own = random.Random(f"{seed}:{identifier}")
    chinese = words_rng.random() < CHINESE
    noun = words_rng.choice(kind.names)
    serves_noun = words_rng.choice(KINDS[kind.accessory_of].names) if kind.accessory_of else ""
    style = words_rng.getrandbits(64)
    pairs = {
        name: copywriting.phrase(kind, name, value, random.Random(f"{style}:{name}"))
        for name, value in latent.facets.items()
    }
    draft = copywriting.Draft(
        kind=kind,
        noun=noun,
        brand=latent.brand,
        model=latent.model,
        words={name: pair[0] for name, pair in pairs.items()},
        chinese={name: pair[1] for name, pair in pairs.items()},
        serves=latent.serves,
        serves_noun=serves_noun,
        stuffed=latent.stuffed,
        bundle=latent.bundle,
        quality=latent.quality,
    )
    shown = [n for n in latent.facets if words_rng.random() < copywriting.IN_TITLE[n] and latent.facets[n] != "plain"]
    filled = [n for n in latent.facets if n != "use" and words_rng.random() < copywriting.IN_ATTRIBUTES]
    # Every facet is said at least once, else nobody could judge it.
    told = [n for n in latent.facets if (n not in shown and n not in filled) or words_rng.random() < 0.3]
    attributes = copywriting.attributes(draft, filled, chinese)
    if chinese:
        title = copywriting.chinese_title(draft, shown, random.Random(style))
        text = copywriting.chinese_description(draft, told, random.Random(style + 1))
    else:
        title = copywriting.title(draft, shown, random.Random(style))
        text = copywriting.description(draft, told, random.Random(style + 1))
        if words_rng.random() < 0.12:
            attributes["title_zh"] = (copywriting.chinese_title(draft, shown, random.Random(style + 2)),)
    attributes.update(_numbers(latent, own, words_rng))
    reviews, rating, popularity = _reception(latent.quality, random.Random(f"{listing.rng_key}:reception"), own)
    created = today - timedelta(days=own.randrange(3, 1100))
    return Product(
        id=identifier,
        title=title,
        description=text,
        brand=latent.brand,
        category=kind.path,
        price=listing.price,
        currency=CURRENCY,
        list_price=_charm(listing.price / 100 * own.uniform(1.1, 1.5)) if own.random() < 0.3 else None,
        stock=None if own.random() < 0.1 else 0 if own.random() < 0.09 else 1 + int(own.expovariate(1 / 40)),
        images=(f"pictures/{identifier}.png",) if own.random() < 0.98 else (),
        url=f"https://shop.example/p/{identifier.lower()}",
        attributes=attributes,
        variant_group=listing.group,
        language="zh" if chinese else "en",
        rating=rating,
        reviews=reviews,
        popularity=popularity,
        created_at=created.isoformat(),
        updated_at=(created + timedelta(days=own.randrange(0, (today - created).days + 1))).isoformat(),
    )


def _numbers(latent: Latent, own: random.Random, shared: random.Random) -> dict[str, tuple[str, ...]]:
    """Article numbers and the like, as attributes."""
    found: dict[str, tuple[str, ...]] = {}
    prefix = latent.brand[:2].upper()
    if KINDS[latent.kind].series:
        short = "".join(part[0] if part.isalpha() else part for part in latent.model.split())
        capacity = "".join(c for c in latent.facets.get("capacity", "") if c.isdigit())
        code = _COLOUR_CODES.get(latent.facets.get("colour", ""), "")
        found["model"] = (latent.model,)
        found["mpn"] = ("-".join(part for part in (prefix, short, f"{capacity}{code}") if part),)
    elif shared.random() < 0.4:
        found["sku"] = (f"{prefix}-{own.randrange(10000, 100000)}",)
    if shared.random() < 0.5:
        found["ean"] = (f"40{own.randrange(10**10, 10**11)}",)
    if shared.random() < 0.3:
        found["warranty"] = (f"{shared.choice((2, 2, 3, 5))} years",)
    return found


def _reception(
    quality: float, shared: random.Random, own: random.Random
) -> tuple[int | None, float | None, float | None]:
    """Reviews, mean rating and units sold in 30 days: they follow quality, with noise."""
    sold = math.exp(shared.gauss(0.6 + 3.6 * quality, 0.75))
    popularity = float(round(sold * own.uniform(0.6, 1.4)))
    reviews = round(sold * shared.uniform(0.3, 2.5))
    if own.random() < 0.04:
        return None, None, None
    if reviews == 0:
        return 0, None, popularity
    stars = 2.2 + 2.6 * quality + shared.gauss(0.0, 0.35 + 0.5 / math.sqrt(reviews))
    return reviews, round(min(5.0, max(1.0, stars)), 1), popularity


def feed_line(product: Product) -> dict[str, Any]:
    """A product as one feed object with the keys of `FEED_KEYS`; prices in minor units."""
    line: dict[str, Any] = {key: getattr(product, key) for key in FEED_KEYS}
    line["category"] = list(product.category)
    line["images"] = list(product.images)
    line["attributes"] = {name: list(values) for name, values in product.attributes.items()}
    return line


def write_feed(shop: Shop, path: Path) -> int:
    """Write the shop as JSON Lines, compressed if the name ends in `.gz`; the same shop gives the same bytes.

    Returns:
        The number of products written.
    """
    data = b"".join(orjson.dumps(feed_line(product), option=orjson.OPT_APPEND_NEWLINE) for product in shop.products)
    if path.suffix == ".gz":
        # No time in the header.
        data = gzip.compress(data, 6, mtime=0)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return len(shop.products)
