"""A small vocabulary, as a shop of some hundred products would have it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ranker.census import Census
from ranker.vocabulary import Facts, Vocabulary

PRODUCTS: list[Mapping[str, Any]] = [
    {
        "title": title,
        "brand": brand,
        "category": ["Goods", category],
        "price": price,
        "currency": "EUR",
        "attributes": {"Colour": [colour], "size": [size]},
        "description": "Sturdy workmanship. Rechargeable.",
    }
    for title, brand, category, price, colour, size in [
        ("Acme wireless headphones", "Acme", "Headphones", 5000, "Black", "one size"),
        ("Acme wireless headset", "Acme", "Headphones", 6000, "Red", "one size"),
        ("USB cable 2 m", "Volt & Co", "Cables", 900, "White", "2 m"),
        ("USB cable 1 m", "Volt & Co", "Cables", 700, "Black", "1 m"),
        ("USB cable for monitors", "Volt & Co", "Cables", 1900, "Black", "3 m"),
        ("No frost refrigerator", "Kuhl", "Refrigerators", 49900, "White", "200 l"),
        ("No frost refrigerator with freezer", "Kuhl", "Refrigerators", 59900, "Dark Red", "300 l"),
        ("Monitor 27 inch", "Acme", "Monitors", 20000, "Black", "27 in"),
        ("Monitor 24 inch with microphone", "Acme", "Monitors", 15000, "Black", "24 in"),
        ("Desk lamp", "Lumo", "Lamps", 2500, "Red", "small"),
    ]
    for _ in range(6)
]


def vocabulary(**facts: Any) -> Vocabulary:
    """The vocabulary of `PRODUCTS`; some facts may be said to be others."""
    census = Census()
    census.add(PRODUCTS)
    told = {name: getattr(census.facts(), name) for name in Facts.__dataclass_fields__} | facts
    return Vocabulary(Facts(**told), census.words(), census.pairs(), census.values())
