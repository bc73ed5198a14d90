"""Prices far from those of their category, titles that say nothing, pictures that are placeholders."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from etalage.core.records import Product
from etalage.core.text import fold
from indexer.quality.rules import Note, Rules
from indexer.quality.sketch import Names, hash64

PRICES: Final = 20
"""Fewest priced products of a category that prices are judged by."""
DEVIATIONS: Final = 6.0
_SIGMA: Final = 1.4826
"""A normal distribution's standard deviation in median absolute deviations."""
_LEAST_SPREAD: Final = 0.1
"""Smallest median deviation of log prices: where nearly all prices are the same, a few percent are no outlier."""
_LETTERS: Final = 3
_IMAGES: Final = 20
_IMAGE_SHARE: Final = 0.01


@dataclass(frozen=True, slots=True)
class Typical:
    """Median and median absolute deviation of a category's log prices."""

    median: float
    spread: float

    def far(self, price: int) -> bool:
        return abs(math.log1p(price) - self.median) > DEVIATIONS * _SIGMA * self.spread


def typical(logs: np.ndarray[tuple[int], np.dtype[np.float32]]) -> Typical:
    """The middle and the spread of log prices."""
    median = float(np.median(logs))
    return Typical(median, max(float(np.median(np.abs(logs - median))), _LEAST_SPREAD))


class Outliers:
    """Sketches for the rules of this family: a category number and a log price, and a hash of every image."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._categories = Names()
        self._category = array("i")
        self._log = array("f")
        self._images = array("Q")
        self._products = 0

    def add(self, product: Product) -> None:
        self._products += 1
        if product.price is not None and product.category and self._rules.on("price_outlier"):
            self._category.append(self._categories.number(_shelf(product)))
            self._log.append(math.log1p(product.price))
        if self._rules.on("placeholder_image"):
            self._images.extend({hash64(image) for image in product.images})

    def close(self) -> Judge:
        category, logs = np.array(self._category, np.int32), np.array(self._log, np.float32)
        order = np.argsort(category, kind="stable")
        names = self._categories.all()
        cuts = np.searchsorted(category[order], np.arange(len(names) + 1))
        prices = {
            name: typical(logs[order[cuts[number] : cuts[number + 1]]])
            for number, name in enumerate(names)
            if cuts[number + 1] - cuts[number] >= PRICES
        }
        images, count = np.unique(np.array(self._images, np.uint64), return_counts=True)
        most = max(_IMAGES, _IMAGE_SHARE * self._products)
        return Judge(self._rules, prices, frozenset(images[count > most].tolist()))


@dataclass(frozen=True, slots=True)
class Judge:
    """What is typical in the catalog; `images` are the hashes of placeholders."""

    rules: Rules
    prices: dict[tuple[str, ...], Typical]
    images: frozenset[int]

    def checked(self, product: Product, category: tuple[str, ...]) -> tuple[Product, list[Note]]:
        """The product without placeholder images, and what was found. `category` is the one that the feed gives."""
        notes: list[Note] = []
        found = self.prices.get(_shelf(replace(product, category=category))) if category else None
        if found and product.price is not None and found.far(product.price):
            usual = round(math.expm1(found.median))
            text = f"price {product.price}, usually about {usual} in {' > '.join(category)}: {product.title}"
            notes.append(Note("price_outlier", "flagged", text))
        if self.rules.on("short_title") and not _says(product.title):
            notes.append(Note("short_title", "flagged", product.title))
        if self.rules.on("repeated_title") and product.description and _same(product.title, product.description):
            notes.append(Note("repeated_title", "flagged", product.title))
        if self.images and product.images:
            kept = tuple(image for image in product.images if hash64(image) not in self.images)
            if kept != product.images:
                dropped = next(image for image in product.images if image not in kept)
                notes.append(Note("placeholder_image", "fixed", dropped))
                product = replace(product, images=kept)
        return product, notes


def _shelf(product: Product) -> tuple[str, ...]:
    """What prices are compared within: a category of one shop in one currency."""
    return (product.tenant, product.currency, *product.category)


def _says(title: str) -> bool:
    """Whether a title has `_LETTERS` letters; a Chinese, Japanese or Korean one says as much as two."""
    letters = 0
    for char in title:
        if char.isalpha():
            letters += 2 if ord(char) >= 0x2E80 else 1
            if letters >= _LETTERS:
                return True
    return False


def _same(title: str, description: str) -> bool:
    return title == description or (
        abs(len(title) - len(description)) < 10 and fold(title).rstrip(".! ") == fold(description).rstrip(".! ")
    )
