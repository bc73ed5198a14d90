"""A product as the engines store it: plain JSON, the text that is encoded, and the hashes of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields as dataclass_fields
from hashlib import sha256
from typing import Any, Final

import numpy as np
import orjson

from etalage.core import records
from etalage.core.records import Document, Floats, Product

_DESCRIPTION: Final = 200
"""Characters of the description that are encoded: what a product is stands at its beginning."""


def source(product: Product) -> dict[str, Any]:
    """The product as plain JSON values; what is empty is left out, as is the image vector."""
    values = {one.name: getattr(product, one.name) for one in dataclass_fields(product) if one.name != "vec_image"}
    kept = {name: value for name, value in values.items() if value is not None and value != "" and len_of(value)}
    if "created_at" in kept:
        kept["created"] = round(records.days(product.created_at), 4)
    return kept


def len_of(value: object) -> bool:
    """Whether a value says something: a number always does, a collection when it holds anything."""
    return bool(value) if isinstance(value, (tuple, dict)) else True


def passage(values: Mapping[str, Any]) -> str:
    """The text of a document that is encoded: title, brand unless the title has it, category, start of the description."""
    title, brand = values["title"], values.get("brand", "")
    parts = [title]
    if brand and brand.lower() not in title.lower():
        parts.append(brand)
    if values.get("category"):
        parts.append(" ".join(values["category"][-2:]))
    if values.get("description"):
        parts.append(values["description"][:_DESCRIPTION])
    return ". ".join(parts)


def hashes(
    values: Mapping[str, Any], fingerprint: str, image: bytes, kept: str | None = None
) -> tuple[str, str]:
    """The document's hashes: `content` of everything, `encoded` of what its vectors are computed from (see `parts`).

    Args:
        fingerprint: the text encoder's.
        image: by which another picture is told; empty without one.
        kept: the hash of the image that is stored, where that one stays.
    """
    text = _digest(b"\0".join([passage(values).encode(), fingerprint.encode()]))
    encoded = f"{text}.{kept if kept is not None else _digest(image) if image else ''}"
    return _digest(orjson.dumps(values, option=orjson.OPT_SORT_KEYS) + encoded.encode()), encoded


def parts(encoded: str) -> tuple[str, str]:
    """The hashes of text and image in `encoded`; that of the image is empty without one."""
    text, _, image = encoded.partition(".")
    return text, image


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()[:20]


def document(
    values: Mapping[str, Any], content: str, encoded: str, text: Floats | None, image: Floats | None, version: int = 0
) -> Document:
    """The document of a source with its vectors."""
    return Document(values["id"], values, content, encoded, text, image, version)


def unit(vector: tuple[float, ...] | list[float]) -> Floats | None:
    """A vector scaled to unit length, float32; None when it is empty."""
    if not vector:
        return None
    array = np.asarray(vector, np.float64)
    # Squares of very small or large numbers would not fit; a power of two changes no digit.
    array = np.ldexp(array, -np.frexp(np.abs(array).max())[1])
    scaled: Floats = (array / np.linalg.norm(array)).astype(np.float32)
    return scaled
