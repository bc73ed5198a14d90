"""Quantities as shops write them in other ways: `5ft` and `5 feet`, `3-1/2"` and `3.5 in`, `1 TB` and `1000 GB`, `2x4` and `2 in. x 4 in.`."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

_UNITS: Final[dict[str, tuple[str, ...]]] = {
    "in": ("in", "inch", "inches", '"', "″", "”", "''"),
    "ft": ("ft", "feet", "foot", "'", "′", "’"),
    "yd": ("yd", "yard", "yards"),
    "mm": ("mm", "millimeter", "millimeters", "millimetre", "millimetres"),
    "cm": ("cm", "centimeter", "centimeters", "centimetre", "centimetres"),
    "m": ("m", "meter", "meters", "metre", "metres"),
    "lb": ("lb", "lbs", "pound", "pounds"),
    "oz": ("oz", "ounce", "ounces"),
    "g": ("g", "gram", "grams", "gramme"),
    "kg": ("kg", "kilo", "kilos", "kilogram", "kilograms"),
    "gal": ("gal", "gallon", "gallons"),
    "l": ("l", "liter", "liters", "litre", "litres"),
    "ml": ("ml", "milliliter", "millilitre"),
    "mb": ("mb", "megabyte", "megabytes"),
    "gb": ("gb", "gig", "gigs", "gigabyte", "gigabytes"),
    "tb": ("tb", "terabyte", "terabytes"),
    "hz": ("hz", "hertz"),
    "ghz": ("ghz", "gigahertz"),
    "v": ("v", "volt", "volts"),
    "w": ("w", "watt", "watts"),
    "amp": ("amp", "amps", "ampere", "amperes", "a"),
    "mah": ("mah", "milliamp hour"),
    "mp": ("mp", "megapixel", "megapixels"),
}
"""Unit → how it is written, the first two ways most often."""

_LARGER: Final = {"gb": ("tb", 1000), "mb": ("gb", 1000), "g": ("kg", 1000), "ml": ("l", 1000), "cm": ("m", 100)}
_SMALLER: Final = {larger: (unit, times) for unit, (larger, times) in _LARGER.items()}
_CONVERTED_AT_MOST: Final = 20_000

_BY_FORM: Final = {form: unit for unit, forms in _UNITS.items() for form in forms}
_FORMS: Final = "|".join(sorted(map(re.escape, _BY_FORM), key=len, reverse=True))
_QUANTITY: Final = re.compile(
    r"(?<![\w./,-])(?:(?P<whole>\d{1,3})[ -])?(?P<over>\d{1,2})/(?P<under>2|3|4|8|16|32|64)"
    rf"(?:[ -]?(?P<part_unit>{_FORMS})(?![\w])\.?)?(?![\w/])"
    rf"|(?<![\w./,-])(?P<number>\d{{1,6}}(?:\.\d{{1,3}})?)(?P<gap>[ -]?)(?P<unit>{_FORMS})(?!\w)",
    re.IGNORECASE,
)
_SIDES: Final = re.compile(
    r"(?<![\w./,-])\d{1,4}(?:\.\d{1,2})?(?:[x×]\d{1,4}(?:\.\d{1,2})?){1,2}(?![\w./]|-[^\W\d])", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A quantity in a query, and words that others write for it, without those that were typed."""

    typed: str
    others: tuple[str, ...]


def quantities(query: str, named: Container[str] = ()) -> list[Quantity]:
    """The quantities of a query that are also written otherwise; what is `named` so is none, as the brand `3m`."""
    found = []
    for match in _QUANTITY.finditer(query):
        if match.group().lower() in named:
            continue
        if match["over"] and int(match["over"]) >= int(match["under"]):
            continue
        others = _fraction(match) if match["over"] else _plain(match)
        typed = match.group().lower().split()
        words = tuple(dict.fromkeys(word for other in others for word in other.split() if word not in typed))
        if words:
            found.append(Quantity(match.group(), words))
    return found + [_sides(match.group()) for match in _SIDES.finditer(query) if match.group().lower() not in named]


def _sides(typed: str) -> Quantity:
    """`2x4x8`: its numbers one by one, which others write with units between them."""
    return Quantity(typed, tuple(dict.fromkeys(re.split("[x×]", typed.lower()))))


def _fraction(match: re.Match[str]) -> list[str]:
    """`3 1/2 in`: `3.5`, and the other word for the unit. A fraction alone is found by its digits already."""
    unit = _unit(match["part_unit"])
    others = [*_ways(unit)] if unit else []
    if match["whole"]:
        value = Fraction(int(match["over"]), int(match["under"])) + int(match["whole"])
        others.append(_decimal(value))
    return others


def _plain(match: re.Match[str]) -> list[str]:
    unit, number = _unit(match["unit"]), match["number"]
    if unit is None or (unit == "amp" and match["gap"] and match["unit"].lower() == "a"):
        return []  # `5 a` is no quantity
    value = Fraction(number)
    plain = _decimal(value)
    others = [plain, *_ways(unit), f"{plain}{_short(unit)}"]
    for table, up in ((_LARGER, True), (_SMALLER, False)):
        if unit in table:
            other, times = table[unit]
            turned = value / times if up else value * times
            if turned.denominator == 1 and 0 < turned <= _CONVERTED_AT_MOST:
                others += [f"{turned}{other}", f"{turned}"]
    return others


def _unit(typed: str | None) -> str | None:
    return _BY_FORM.get(typed.lower()) if typed else None


def _short(unit: str) -> str:
    return _UNITS[unit][0]


def _ways(unit: str) -> tuple[str, ...]:
    return tuple(way for way in _UNITS[unit][:2] if way.isalpha())


def _decimal(value: Fraction) -> str:
    return f"{float(value):.4f}".rstrip("0").rstrip(".")
