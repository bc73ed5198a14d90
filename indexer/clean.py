"""Turn a raw row into a product, or say why it cannot be one."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from etalage.core.records import Product
from etalage.core.text import normalize
from indexer.mapping import FeedMapping, attribute_of

MAX_ID: Final = 512
MAX_TITLE: Final = 2000
MAX_DESCRIPTION: Final = 20_000
MAX_VALUES: Final = 2000
"""An id has at most so many bytes; longer titles and descriptions are cut to so many characters, and a product keeps so
many attributes."""

_SHORT: Final = 64
"""Characters of the longest value that is remembered as it was cleaned: values of attributes, brands and categories repeat."""

_TAG: Final = re.compile(r"<(?:script|style)\b.*?</(?:script|style)>|</?[a-z!][^<>]*>", re.IGNORECASE | re.DOTALL)
_NUMBER: Final = re.compile(r"[-+]?\d[\d.,'\s\u00a0]*(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf|infinity)", re.IGNORECASE)
_STOCK_WORDS: Final = {
    "in stock": 1, "in_stock": 1, "instock": 1, "available": 1, "true": 1, "yes": 1,
    "out of stock": 0, "out_of_stock": 0, "outofstock": 0, "sold out": 0, "unavailable": 0, "false": 0, "no": 0,
}  # fmt: skip


class BadRow(ValueError):
    """Why a row is quarantined."""


def product(row: Mapping[str, Any], mapping: FeedMapping) -> Product:
    """The product of a row. Raises BadRow with the reason."""
    found = {name: _cell(name, row.get(column), mapping) for name, column in mapping.columns.items()}
    # What is missing is said of these.
    found |= {name: _cell(name, None, mapping) for name in ("id", "title") if name not in found}
    return Product(**found | {"attributes": _attributes(row, mapping)})


def patch(row: Mapping[str, Any], mapping: FeedMapping) -> dict[str, Any]:
    """The fields that a row has cells for, cleaned as in a product; `attributes` has those that are named, empty ones with
    an empty value. Raises BadRow with the reason."""
    found = {
        name: _cell(name, row[column], mapping)
        for name, column in mapping.columns.items()
        if column in row and name != "attributes"
    }
    found |= {} if "id" in found else {"id": _id(None)}
    given = {name: () for column, name in mapping.attributes.items() if column in row}
    attributes: dict[str, tuple[str, ...]] = given | _attributes(row, mapping)
    return found | ({"attributes": attributes} if attributes else {})


def _cell(name: str, value: Any, mapping: FeedMapping) -> Any:
    """The value of a field (other than `attributes`, which are read from several columns)."""
    if name in _PRICES:
        return _price(name, value, 100 if mapping.price_unit == "major" else 1)
    read = _CELLS.get(name)
    return read(value) if read else _NAMED[name](name, value) if name in _NAMED else _word(value)


def _id(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise BadRow("the id is missing" if value is None else f"the id is no text or number: {value}")
    text = normalize(str(value))
    if not text:
        raise BadRow("the id is missing")
    if len(text.encode("utf-8", "replace")) > MAX_ID:
        raise BadRow(f"the id is longer than {MAX_ID} bytes: {text[:60]}…")
    return text


def _title(value: Any) -> str:
    title = _plain(value)
    if not title:
        raise BadRow("the title is missing")
    return title[:MAX_TITLE]


def _plain(value: Any) -> str:
    """Text without markup."""
    text = " ".join(_words(value)) if isinstance(value, (list, tuple)) else _word(value)
    if "<" in text and ">" in text:
        text = _TAG.sub(" ", text)
    return normalize(html.unescape(text)) if "&" in text or "<" in text else normalize(text)


def _word(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return next(iter(_words(value)), "")
    if isinstance(value, dict):
        return ""
    text = value if type(value) is str else str(value)
    return _known(text) if len(text) <= _SHORT else _sound(text)


def _sound(text: str) -> str:
    # Halves of surrogate pairs cannot be stored.
    return normalize(text if text.isascii() else text.encode("utf-8", "replace").decode())


_known = lru_cache(maxsize=1 << 16)(_sound)


def _words(value: Any) -> tuple[str, ...]:
    """Every word in a value, lists in lists included."""
    if not isinstance(value, (list, tuple)):
        return (word,) if (word := _word(value)) else ()
    found: list[str] = []
    waiting: list[Any] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, (list, tuple)):
            waiting += reversed(item)
        elif word := _word(item):
            found.append(word)
    return tuple(found)


def _path(value: Any) -> tuple[str, ...]:
    if isinstance(value, (list, tuple)):
        return _words(value)
    text = _word(value)
    for separator in (" > ", ">", "|", " / ", "/"):
        if separator in text:
            return tuple(part for piece in text.split(separator) if (part := piece.strip()))
    return (text,) if text else ()


def _number(name: str, value: Any) -> float | None:
    """A finite number ≥ 0, or None for an empty cell."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise BadRow(f"the {name} is not a number: {value}")
    number = _parse(value) if isinstance(value, str) else float(value)
    if number is None or not math.isfinite(number):
        raise BadRow(f"the {name} is not a number: {str(value)[:40]}")
    if number < 0:
        raise BadRow(f"the {name} is below zero: {str(value)[:40]}")
    if number > 2**53:
        raise BadRow(f"the {name} is too large: {str(value)[:40]}")
    return number


def _parse(text: str) -> float | None:
    """The number in a text such as `€ 1.299,00`, `1,299.00 USD` or `12`; None when there is not exactly one."""
    found = _NUMBER.findall(text)
    if len(found) != 1:
        return None
    digits = re.sub(r"['\s\u00a0]", "", found[0]).rstrip(".,")
    comma, point = digits.rfind(","), digits.rfind(".")
    if comma > point:
        grouped = point >= 0 or digits.count(",") > 1 or len(digits) - comma == 4
        decimal = point >= 0 or not grouped
        digits = digits.replace(".", "")
        digits = digits.replace(",", ".") if decimal and digits.count(",") == 1 else digits.replace(",", "")
    else:
        digits = digits.replace(",", "")
        if digits.count(".") > 1:
            digits = digits.replace(".", "")
    try:
        return float(digits)
    except ValueError:
        return None


def _price(name: str, value: Any, scale: int) -> int | None:
    number = _number(name, value)
    if number is None:
        return None
    if number * scale > 2**53:
        raise BadRow(f"the {name} is too large: {str(value)[:40]}")
    return round(number * scale)


def _count(name: str, value: Any) -> int | None:
    number = _number(name, value)
    return None if number is None else round(number)


def _stock(value: Any) -> int | None:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str) and value.strip().lower() in _STOCK_WORDS:
        return _STOCK_WORDS[value.strip().lower()]
    if (isinstance(value, str) and value.strip().startswith("-")) or (isinstance(value, (int, float)) and value < 0):
        return 0  # Shops book back-orders as negative stock.
    return _count("stock", value)


def _moment(name: str, value: Any) -> str:
    """A time as ISO-8601 in UTC with milliseconds; a number is seconds (or milliseconds) since 1970."""
    if value is None or value == "":
        return ""
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            at = datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC)
        else:
            at = datetime.fromisoformat(str(value).strip())
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise BadRow(f"{name} is not an ISO-8601 time: {str(value)[:40]}") from None
    return at.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _attributes(row: Mapping[str, Any], mapping: FeedMapping) -> dict[str, tuple[str, ...]]:
    given = row.get(mapping.columns.get("attributes", ""))
    found: dict[str, tuple[str, ...]] = {}
    if isinstance(given, dict):
        found = {_word(name): _words(value) for name, value in given.items()}
    taken, named = set(mapping.columns.values()), mapping.attributes
    for column, value in row.items():
        if value is None or value == "" or column in taken:
            continue
        name = named.get(column) or attribute_of(column)
        if not name:
            continue
        if type(value) is str and len(value) <= _SHORT:
            word = _known(value)  # what `_words` would give, for most cells at half the time
            words: tuple[str, ...] = (word,) if word else ()
        else:
            words = _words(value)
        found[name] = found[name] + words if name in found else words
    kept = ((name, values) for name, values in found.items() if name and values)
    return dict(list(kept)[:MAX_VALUES])


def vector(value: Any) -> tuple[float, ...]:
    if value is None or value == "" or value == []:
        return ()
    items = value
    if isinstance(value, str):
        items = [piece for piece in re.split(r"[\s,;\[\]]+", value) if piece]
    try:
        numbers = tuple(float(item) for item in items)
    except (TypeError, ValueError):
        raise BadRow(f"the image vector is no list of numbers: {str(value)[:40]}") from None
    if not all(map(math.isfinite, numbers)) or not any(numbers):
        raise BadRow("the image vector has a number that is not finite, or only zeros")
    return numbers


_PRICES: Final = ("price", "list_price")
_CELLS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "id": _id,
    "title": _title,
    "description": lambda value: _plain(value)[:MAX_DESCRIPTION],
    "category": _path,
    "currency": lambda value: _word(value).upper(),
    "stock": _stock,
    "images": _words,
    "vec_image": vector,
}
_NAMED: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "rating": _number,
    "reviews": _count,
    "popularity": _number,
    "click_rate": _number,
    "purchase_rate": _number,
    "created_at": _moment,
    "updated_at": _moment,
}
"""How fields are read; every other is a word."""
