"""A missing brand or category, from the catalog itself. A price is never filled."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from etalage.core.records import Product
from etalage.core.text import stems, token_id
from indexer.quality.neighbours import Labelled, Neighbours
from indexer.quality.rules import Note, Rules
from indexer.quality.sketch import Bags, Ints, Names, Words, hash64

BRAND_WORDS: Final = 4
"""Most words of a brand that is looked for at the beginning of a title."""
KNOWN: Final = 2
"""Fewest products of a brand that titles may name."""
TRUST: Final = 0.7
"""Share of the titles beginning with a brand's words that must be of that brand: `Black` is a brand, too."""
AGREE: Final = {"missing_brand": 0.8, "missing_category": 0.7}
"""Share of the votes that the winner needs."""
CLOSE: Final = {"missing_brand": 0.6, "missing_category": 0.35}
"""Least similarity of a neighbour that votes."""

Start = tuple[str, tuple[int, ...]]
"""A tenant and the first words of a title."""


class Filling:
    """Sketches for the rules of this family: per product its title's words, a brand number and a category number."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._titles = Bags()
        self._ids = array("Q")
        self._brands, self._categories = Names(), Names()
        self._brand, self._category = array("i"), array("i")
        self._unbranded = self._unsorted = 0

    def add(self, product: Product, title: list[int]) -> None:
        """`title`: the ids of the title's stems."""
        self._unbranded += not product.brand
        self._unsorted += not product.category
        if not product.brand and not product.category:
            return
        self._titles.add(title)
        self._ids.append(hash64(product.id))
        # Shops of one feed do not share brands or categories.
        brand = (product.tenant, product.brand) if product.brand else ()
        category = (product.tenant, *product.category) if product.category else ()
        self._brand.append(self._brands.number(brand))
        self._category.append(self._categories.number(category))

    def close(self) -> Filler:
        words, ends = self._titles.arrays()
        ids = np.array(self._ids, np.uint64)
        brand, category = np.array(self._brand, np.int32), np.array(self._category, np.int32)
        brands = prefixes = shelves = None
        if self._unbranded and self._rules.on("missing_brand"):
            names = self._brands.all()
            prefixes = _prefixes(words, ends, brand, names)
            brands = Neighbours.of(words, ends, ids, Labelled(brand, names))
        if self._unsorted and self._rules.on("missing_category"):
            shelves = Neighbours.of(words, ends, ids, Labelled(category, self._categories.all()))
        return Filler(self._rules, prefixes or {}, brands, shelves)


@dataclass(frozen=True, slots=True)
class Filler:
    """Brands by tenant and first words of a title, and the neighbours that vote."""

    rules: Rules
    prefixes: dict[Start, str]
    brands: Neighbours | None
    shelves: Neighbours | None

    def filled(self, product: Product, title: list[int]) -> tuple[Product, list[Note]]:
        """The product with brand and category filled, where that is safe; its attribute `filled` names them."""
        notes: list[Note] = []
        found: dict[str, str | tuple[str, ...]] = {}
        if not product.brand:
            brand = self._named(product.tenant, title) or "".join(self._voted("missing_brand", product, title))
            if brand:
                found["brand"] = brand
                notes.append(Note("missing_brand", "filled", f"{brand}: {product.title}"))
        if not product.category:
            category = self._voted("missing_category", product, title)
            if category:
                found["category"] = category
                notes.append(Note("missing_category", "filled", f"{' > '.join(category)}: {product.title}"))
        if not found:
            return product, []
        attributes = {**product.attributes, "filled": tuple(found)}
        return replace(product, attributes=attributes, **found), notes  # type: ignore[arg-type]

    def _named(self, tenant: str, title: Sequence[int]) -> str:
        """The longest brand that the title begins with."""
        for length in range(min(BRAND_WORDS, len(title)), 0, -1):
            if brand := self.prefixes.get((tenant, tuple(title[:length]))):
                return brand
        return ""

    def _voted(self, rule: str, product: Product, title: list[int]) -> tuple[str, ...]:
        neighbours = self.brands if rule == "missing_brand" else self.shelves
        if neighbours is None:
            return ()
        value = neighbours.vote(title, product.tenant, CLOSE[rule], AGREE[rule])
        return tuple(value[1:])


def _prefixes(words: Words, ends: Ints, brand: npt.NDArray[np.int32], names: list[tuple[str, ...]]) -> dict[Start, str]:
    """Brands that can be told by the first words of a title: those whose words stand there on their own products, and
    seldom on others'. Of two spellings with the same words the more frequent is taken."""
    count = np.bincount(brand, minlength=len(names))
    spelled = [tuple(token_id(stem) for stem in stems(name[1])) if name else () for name in names]
    spellings: dict[Start, list[int]] = {}
    for number, start in enumerate(spelled):
        if 0 < len(start) <= BRAND_WORDS:
            spellings.setdefault((names[number][0], start), []).append(number)
    own, others = Counter[Start](), Counter[Start]()
    for row, number in enumerate(brand.tolist()):
        if not names[number]:
            continue
        head = tuple(words[ends[row] : min(ends[row] + BRAND_WORDS, ends[row + 1])].tolist())
        for length in range(1, len(head) + 1):
            key = (names[number][0], head[:length])
            if key not in spellings:
                continue
            if spelled[number] == head[:length]:
                own[key] += 1
            # `Acme Pro` does not tell against `Acme`.
            elif spelled[number][:length] != head[:length]:
                others[key] += 1
    return {
        key: max((count[number], names[number][1]) for number in numbers)[1]
        for key, numbers in spellings.items()
        if own[key] >= KNOWN and own[key] >= TRUST * (own[key] + others[key])
    }
