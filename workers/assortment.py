"""What a build of completions asks the shop, answered by the engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import islice
from typing import Any, Final

import numpy as np

from autocomplete.shop import Found, Names, Shop
from opensearch.engine import Lists, Request, SearchEngine

_NAMES: Final = 5000
_PRODUCTS: Final = 20_000
"""Products whose titles and attributes give completions."""
_BATCH: Final = 500
_HITS: Final = 20
_GOOD: Final = 0.5
"""Share of the best hit's score from which a hit is what was meant."""
_AT_ONCE: Final = 4


class Assortment(Shop):
    """The serving catalog of an index; `checked` is how many queries `found` asks it for."""

    def __init__(self, engine: SearchEngine, index: str, checked: int) -> None:
        self._engine = engine
        self._index = index
        self._checked = checked
        serving = engine.serving(index)
        self._generation = serving.name if serving else ""
        self._known: dict[str, bool] = {}

    def knows(self, text: str) -> bool:
        if not self._generation:
            return False
        if text not in self._known:
            self._known[text] = bool(
                self._engine.candidates(self._index, Request(text, size=0, lists=Lists.LEXICAL)).total
            ) or bool(self._engine.get(self._generation, [text]))
        return self._known[text]

    def found(self, texts: Sequence[str]) -> list[Found]:
        if not self._generation:
            return []
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            return list(threads.map(self._found, texts[: self._checked]))

    def _found(self, text: str) -> Found:
        hits = self._engine.candidates(self._index, Request(text, size=_HITS, lists=Lists.LEXICAL))
        if not hits.ids:
            return Found.NOTHING
        meant = hits.lexical >= _GOOD * hits.lexical.max()
        stock = hits.records["stock"][meant]
        return Found.SOMETHING if bool(np.any(np.isnan(stock) | (stock > 0))) else Found.SOLD_OUT

    def told(self, products: Sequence[str]) -> Mapping[str, tuple[Sequence[str], bool]]:
        stored = self._engine.get(self._generation, products) if self._generation else {}
        return {id: (one.get("category") or (), one.get("stock") != 0) for id, one in stored.items()}

    def brands(self) -> Names:
        return self._names.get("brand", ())

    def paths(self) -> Names:
        return self._names.get("category", ())

    def products(self) -> Iterable[Mapping[str, Any]]:
        if self._generation:
            ids = list(islice(self._engine.ids(self._generation), _PRODUCTS))
            for start in range(0, len(ids), _BATCH):
                yield from self._engine.get(self._generation, ids[start : start + _BATCH]).values()

    @cached_property
    def _names(self) -> Mapping[str, list[tuple[str, int]]]:
        if not self._generation:
            return {}
        request = Request("", size=0, facets=("brand", "category"), facet_size=_NAMES, lists=Lists.LEXICAL)
        return self._engine.candidates(self._index, request).facets
