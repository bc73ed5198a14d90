"""What is known of the moment and of the shopper when a prefix is completed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MOST: Final = 10
"""Entries of each part of a context that count, the newest."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a shopper did before, newest first. It is read while one prefix is completed, and nothing of it is kept.

    Attributes:
        queries: what was searched for in this visit.
        categories: paths (`Home > Sofas`) of categories, or of products, that were looked at in this visit.
        earlier: what the same shopper searched for in earlier visits.
        liked: categories that the same shopper looked at in earlier visits.
    """

    queries: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()
    liked: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.queries or self.categories or self.earlier or self.liked)
