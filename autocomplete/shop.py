"""What a build asks the shop: which products there are, and what a query finds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

Names = Sequence[tuple[str, int]]
"""Names, each with its number of products."""


class Found(Enum):
    """What a query finds: nothing, nothing that is in stock, or something."""

    NOTHING = 0
    SOLD_OUT = 1
    SOMETHING = 2


class Shop:
    """A shop without a catalog; one that has some says more."""

    def knows(self, text: str) -> bool:
        """Whether a word or number is in the catalog."""
        return False

    def found(self, texts: Sequence[str]) -> list[Found]:
        """What these queries find: of the first of them, as many as the shop wants to look for."""
        return []

    def told(self, products: Sequence[str]) -> Mapping[str, tuple[Sequence[str], bool]]:
        """The category path of those of these products that there are, and whether each is in stock."""
        return {}

    def categories(self, products: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """The category path of those of these products that have one."""
        return {product: path for product, (path, _) in self.told(products).items() if path}

    def brands(self) -> Names:
        """The brands."""
        return ()

    def paths(self) -> Names:
        """The categories (`Home > Sofas`)."""
        return ()

    def products(self) -> Iterable[Mapping[str, Any]]:
        """Sources of products, as many as completions are made of."""
        return ()
