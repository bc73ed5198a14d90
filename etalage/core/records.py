"""The records that travel between the layers: the product, its document, and its feature record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from struct import Struct
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from etalage.core import text

Floats = npt.NDArray[np.float32]

TITLE, BRAND, CATEGORY, ATTRIBUTES, MODELS = 32, 4, 12, 32, 6
"""Tokens kept per document in the feature record; what is longer is cut."""

RECORD: Final = np.dtype(
    [
        ("title", "<u4", TITLE),
        ("surface", "<u4", TITLE),
        ("kind", "u1", TITLE),
        ("brand", "<u4", BRAND),
        ("category", "<u4", CATEGORY),
        ("attributes", "<u4", ATTRIBUTES),
        ("models", "<u4", MODELS),
        ("title_length", "<u2"),
        ("description_length", "<u2"),
        ("price", "<f4"),
        ("list_price", "<f4"),
        ("stock", "<f4"),
        ("rating", "<f4"),
        ("reviews", "<f4"),
        ("popularity", "<f4"),
        ("click_rate", "<f4"),
        ("purchase_rate", "<f4"),
        ("created", "<f4"),
    ]
)
"""A document's fixed-size feature record: token ids (`text.token_id`, 0 = none) of stems and surface forms, token kinds,
lengths in tokens, and numerics: price and list price in minor units, stock in pieces, rating, counts, shares of clicks and
purchases, days since 1970; NaN = unknown."""

_PACKED: Final = Struct(
    f"<{TITLE}I{TITLE}I{TITLE}B{BRAND}I{CATEGORY}I{ATTRIBUTES}I{MODELS}I2H"
)
"""`RECORD` up to its numerics: numpy takes longer to set fields one by one."""

RECORD_VERSION: Final = 2


@dataclass(frozen=True, slots=True)
class Product:
    """One product of a catalog, canonical fields. Prices in minor units (cents); `stock` None = unknown."""

    id: str
    title: str
    description: str = ""
    brand: str = ""
    category: tuple[str, ...] = ()
    price: int | None = None
    currency: str = ""
    list_price: int | None = None
    stock: int | None = None
    images: tuple[str, ...] = ()
    url: str = ""
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    variant_group: str = ""
    language: str = ""
    rating: float | None = None
    reviews: int | None = None
    popularity: float | None = None
    click_rate: float | None = None
    purchase_rate: float | None = None
    created_at: str = ""
    updated_at: str = ""
    tenant: str = ""
    vec_image: tuple[float, ...] = ()


MODEL_NAMES: Final = ("model", "mpn", "sku", "part_number", "model_number", "gtin", "ean")
"""Attribute names whose values are article numbers, matched without punctuation."""


@dataclass(frozen=True, slots=True)
class Document:
    """What an engine stores for a product.

    `source` is the product as plain JSON values. `encoded` is the hash of what the vectors were computed from, `content`
    the hash of everything; the ledger compares them. `vec_text` and `vec_image` are float32, unit length, or None.
    `version` is when the product was so, in milliseconds since 1970: the engines keep the higher one. 0 is no version.
    """

    id: str
    source: Mapping[str, Any]
    content: str
    encoded: str
    vec_text: Floats | None = None
    vec_image: Floats | None = None
    version: int = 0


def record_of(source: Mapping[str, Any]) -> np.ndarray[Any, np.dtype[np.void]]:
    """The feature record of a document's source: `RECORD` scalar array, shape []."""
    tokens = text.tokenize(source["title"])
    kept = tokens[:TITLE]
    blank = (0,) * (TITLE - len(kept))
    # The leaf of the path says most, so it comes first.
    category = (stem for part in reversed(source.get("category", ())) for stem in text.stems(part))
    attributes: Mapping[str, Sequence[str]] = source.get("attributes") or {}
    values = (stem for name in attributes for value in attributes[name] for stem in text.stems(value))
    names = ("price", "list_price", "stock", "rating", "reviews", "popularity", "click_rate", "purchase_rate")
    numbers = [np.nan if (value := source.get(name)) is None else value for name in names]
    packed = _PACKED.pack(
        *(text.token_id(token.stem) for token in kept), *blank,
        *(text.token_id(token.surface) for token in kept), *blank,
        *(token.kind for token in kept), *blank,
        *_slots(BRAND, text.stems(source.get("brand", ""))),
        *_slots(CATEGORY, category),
        *_slots(ATTRIBUTES, values),
        *_slots(MODELS, map(text.compact, model_numbers(source))),
        min(len(tokens), 65535),
        min(len(source.get("description", "").split()), 65535),
    )  # fmt: skip
    numerics = np.array([*numbers, days(source.get("created_at", ""))], np.float32)
    return np.frombuffer(packed + numerics.tobytes(), RECORD).reshape(())


def model_numbers(source: Mapping[str, Any]) -> list[str]:
    """The article numbers among a document's attributes, without repeats, in order."""
    attributes: Mapping[str, Sequence[str]] = source.get("attributes") or {}
    found = {n: None for name in MODEL_NAMES for n in attributes.get(name, ()) if any(c.isdigit() for c in n)}
    return list(found)


def _slots(size: int, terms: Iterable[str]) -> list[int]:
    """The ids of the first terms, each once, and zeros up to `size`."""
    kept: dict[str, None] = {}
    for term in terms:
        kept[term] = None
        if len(kept) == size:
            break
    return list(map(text.token_id, kept)) + [0] * (size - len(kept))


def days(moment: str) -> float:
    """An ISO-8601 time as days since 1970-01-01 UTC; NaN for an empty string."""
    if not moment:
        return float("nan")
    at = datetime.fromisoformat(moment)
    return (at.replace(tzinfo=None) - datetime(1970, 1, 1)).total_seconds() / 86400 - (
        at.utcoffset().total_seconds() / 86400 if at.utcoffset() else 0.0  # type: ignore[union-attr]
    )


def to_int8(vectors: Floats) -> npt.NDArray[np.int8]:
    """Unit vectors [.., d] as int8, each scaled so that its largest component is ±127 (cosine is scale-free)."""
    peak = np.abs(vectors).max(axis=-1, keepdims=True)
    scaled: npt.NDArray[np.int8] = np.rint(vectors * (127.0 / np.maximum(peak, 1e-12))).astype(np.int8)
    return scaled


def cosine(query: Floats, vectors: npt.NDArray[np.int8]) -> Floats:
    """Cosine of a float32 query [d] with int8 rows [n, d]; 0 for an all-zero row."""
    rows = vectors.astype(np.float32)
    norms = np.sqrt(np.einsum("ij,ij->i", rows, rows)) * max(float(np.linalg.norm(query)), 1e-12)
    cosines: Floats = np.divide(rows @ query, norms, out=np.zeros(len(rows), np.float32), where=norms > 0)
    return cosines


def rounded_cosine(query: npt.NDArray[np.floating[Any]], vectors: npt.NDArray[np.floating[Any] | np.int8]) -> Floats:
    """`cosine` in float64 and rounded once: equal vectors have equal ones wherever they stand, and on every machine, so that ranks by
    it are the same."""
    rows, wide = vectors.astype(np.float64), query.astype(np.float64)
    norms = np.sqrt(np.einsum("ij,ij->i", rows, rows)) * max(float(np.linalg.norm(wide)), 1e-12)
    return np.divide(rows @ wide, norms, out=np.zeros(len(rows)), where=norms > 0).astype(np.float32)
