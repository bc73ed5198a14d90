"""The texts on which two versions of an encoder are compared: shop queries, titles, descriptions, and odd ones."""

from __future__ import annotations

from itertools import cycle, islice
from typing import Final

_THINGS: Final = (
    "wireless mouse", "27 inch monitor", "USB-C cable 2 m", "toner cartridge black", "running shoes", "linen dress",
    "cordless drill 18V", "espresso machine", "office chair", "wool sweater", "garden hose", "kids bicycle 20 inch",
    "noise cancelling headphones", "memory card 128GB", "desk lamp", "frying pan 28 cm", "yoga mat", "winter jacket",
    "dog food grain free", "shampoo for dry hair", "board game for families", "hiking backpack 40L", "ceiling fan",
    "LED bulb E27 9W", "laptop sleeve", "pressure washer", "baby stroller", "sunglasses polarized", "wall clock",
    "mechanical keyboard", "inkjet printer", "throw pillow", "screwdriver set", "leather wallet", "rain boots",
)  # fmt: skip
_BRANDS: Final = (
    "Acme",
    "Northwind",
    "HP",
    "Samsung",
    "Bosch",
    "Umbra",
    "Kestrel",
    "Lumen & Co.",
    "3M",
    "Vårlid",
    "Ōtori",
)
_TRAITS: Final = (
    "black", "water resistant", "stainless steel", "with 2 year warranty", "pack of 6", "size XL", "refurbished",
    "energy class A+++", "for indoor and outdoor use", "machine washable", "1920 x 1080 pixels", "ergonomic",
    "gift boxed", "rechargeable", "made from recycled polyester", "ultra slim",
)  # fmt: skip
_QUERIES: Final = (
    "laptop", "cheap tv 55", "gift for dad", "iphone 13 case", "usb c hub", "mens shoes size 44", "ssd 1tb", "red dress",
    "wirless keybord", "something to keep coffee hot", "xerox 006R90321", "dv7-1211ea", "lamp", "vacuum cleaner pet hair",
    "chaussures de course", "Kühlschrank mit Gefrierfach", "zapatillas mujer", "tagliaerba elettrico", "красное платье",
    "红色连衣裙", "ノートパソコン", "무선 이어폰", "حذاء رياضي", "ชุดเดรส",
)  # fmt: skip
_FOREIGN: Final = (
    "Drahtlose Maus, ergonomisch, mit USB-Empfänger und drei Jahren Garantie",
    "Robe d'été en lin, coupe droite, manches courtes, lavable en machine",
    "Cafetera espresso de acero inoxidable, 15 bares, depósito de 1,2 litros",
    "Беспроводные наушники с шумоподавлением, до 30 часов работы",
    "不锈钢保温杯 500毫升 男女通用 便携",
    "折りたたみ自転車 20インチ 6段変速",
    "스테인리스 프라이팬 28cm 인덕션 겸용",
    "حقيبة ظهر للرحلات مقاومة للماء سعة 40 لترا",
)
_ODD: Final = (
    "", " ", "?", "x", "0", "!!!", "™®©", "👟👟👟", "a" * 400, "1234567890123", "C:\\temp\\file.txt", "<b>Bold</b> &amp; co",
    "12 x 3,5 mm / 1/2\"", "N/A", "n.v.t.", "lorem ipsum dolor sit amet",
)  # fmt: skip


def texts() -> tuple[list[str], list[bool]]:
    """The probe texts and which of them are queries; about 200, the same at every call."""
    queries = [*_QUERIES, *_THINGS]
    titles = [
        f"{brand} {thing} {trait}"
        for brand, thing, trait in islice(zip(cycle(_BRANDS), cycle(_THINGS), cycle(_TRAITS)), 70)
    ]
    descriptions = [
        f"{title}. {_TRAITS[(3 * i) % 16].capitalize()}, {_TRAITS[(5 * i + 1) % 16]}; goes well with our "
        f"{_THINGS[(7 * i + 2) % 35]}. Weight {i + 1}.{i % 10} kg, dimensions {10 + i} x {20 + i} x {5 + i} cm."
        for i, title in enumerate(titles[:45])
    ]
    # One beyond every encoder's length, so that cutting is compared too.
    passages = [*titles, *descriptions, *_FOREIGN, *_ODD, " ".join(descriptions)]
    return queries + passages, [True] * len(queries) + [False] * len(passages)
