"""A catalog of eight products whose answers can be told by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

SHOP: Sequence[Mapping[str, Any]] = (
    {
        "id": "a",
        "title": "Red running shoes",
        "brand": "Acme",
        "category": ["Goods", "Shoes"],
        "price": 5000,
        "stock": 3,
        "rating": 4.5,
        "reviews": 10,
        "created_at": "2024-01-15T10:00:00.000Z",
        "variant_group": "g1",
        "attributes": {"color": ["red"], "size": ["42"]},
        "description": "A shoe to run in. It is red.",
    },
    {
        "id": "b",
        "title": "Blue running shoes",
        "brand": "Acme",
        "category": ["Goods", "Shoes"],
        "price": 6000,
        "stock": 0,
        "rating": 4.0,
        "reviews": 200,
        "created_at": "2024-06-01T00:00:00.000Z",
        "variant_group": "g1",
        "attributes": {"color": ["blue"]},
    },
    {
        "id": "c",
        "title": "Red desk lamp",
        "brand": "Bolt",
        "category": ["Goods", "Lamps"],
        "price": 2000,
        "stock": 7,
        "created_at": "2025-03-10T08:00:00.000Z",
        "attributes": {"color": ["red"]},
        "description": "A lamp for the desk. The red lamp shines.",
    },
    {
        "id": "d",
        "title": "Green chair",
        "brand": "Bolt",
        "category": ["Goods", "Chairs"],
        "price": 8000,
        "rating": 3.0,
        "created_at": "2025-03-20T00:00:00.000Z",
        "description": "A chair to sit on",
    },
    {
        "id": "e",
        "title": "Wireless mouse MX-500",
        "brand": "Café Noir",
        "category": ["Electronics"],
        "price": 2500,
        "stock": 12,
        "reviews": 3,
        "attributes": {"mpn": ["MX-500"], "color": ["black", "dark grey"]},
    },
    {"id": "f", "title": "蓝牙耳机 无线", "category": ["Electronics", "Phones"], "price": 9900, "language": "zh"},
    {"id": "g", "title": "Red shoe rack", "category": ["Goods"], "description": "Holds ten pairs of shoes"},
    {
        "id": "h",
        "title": "Keyboard",
        "brand": "Acme",
        "category": ["Electronics"],
        "price": 4000,
        "created_at": "2026-01-01T00:00:00.000Z",
    },
)
