"""Count the words of a catalog, for its vocabulary."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from etalage.core.text import NONE, token_id, tokenize
from opensearch.engine import SearchEngine
from ranker import vocabulary
from ranker.vocabulary import Facts, Value, pair

_BATCH: Final = 1000
_NAMES: Final = 20_000
"""Most names that are kept, the most frequent first."""
_LONGEST_NAME: Final = 4
_KINDS: Final = {
    "colour": re.compile(r"(?:colou?rs?|couleur|farbe)(?:[ _]name)?$|颜色", re.IGNORECASE),
    "size": re.compile(r"(?<![a-z])(?:shoe |clothing )?size|größe|taille|尺码|尺寸", re.IGNORECASE),
}
"""Attributes whose values are reported."""
_SHORTEST_VALUE: Final = 3


@lru_cache(1 << 12)
def _kind(attribute: str) -> str | None:
    return next((kind for kind, names in _KINDS.items() if names.search(attribute)), None)


@lru_cache(1 << 16)
def _plain(text: str) -> frozenset[str]:
    """The words of a name or value, remembered since they repeat."""
    return frozenset(token.surface for token in tokenize(text) if token.kind == NONE)


class Census:
    """Counts documents one by one; `write` keeps the result."""

    def __init__(self) -> None:
        self.documents = 0
        self._words: Counter[str] = Counter()
        self._described: set[str] = set()
        self._pairs: list[np.ndarray[Any, np.dtype[np.uint32]]] = []
        self._names: Counter[tuple[str, str]] = Counter()
        self._prices: list[float] = []
        self._currencies: Counter[str] = Counter()

    def add(self, sources: Iterable[Mapping[str, Any]]) -> None:
        """Count documents, as the engine stores them."""
        first: list[int] = []
        second: list[int] = []
        for source in sources:
            self.documents += 1
            title = tokenize(source["title"])
            ids = [token_id(token.stem) for token in title]
            first += ids[:-1]
            second += ids[1:]
            self._words.update({token.surface for token in title if token.kind == NONE} | self._rest(source))
            self._described.update(t.surface for t in tokenize(source.get("description") or "") if t.kind == NONE)
            if source.get("price") is not None:
                self._prices.append(source["price"])
            self._currencies[source.get("currency") or ""] += 1
        if first:
            self._pairs.append(pair(np.array(first, np.uint32), np.array(second, np.uint32)))

    def _rest(self, source: Mapping[str, Any]) -> set[str]:
        """The words of brand, category and attributes; their names are counted on the way."""
        path = source.get("category") or ()
        attributes: Mapping[str, Iterable[str]] = source.get("attributes") or {}
        named = [("brand", source.get("brand") or ""), *(("category", name) for name in path)]
        texts = {name for _, name in named}
        for key, values in attributes.items():
            kind = _kind(key)
            texts.update(values)
            if kind is not None:
                named += [(kind, value) for value in values]
        self._names.update({one for one in named if one[1] and len(one[1]) <= 60})
        return set[str]().union(*map(_plain, texts))

    def facts(self, generation: str = "", mark: str = "") -> Facts:
        """What was counted, as a whole."""
        low, high = np.quantile(self._prices, (0.05, 0.95)).tolist() if self._prices else (0.0, 0.0)
        currency = max(self._currencies, key=lambda one: (self._currencies[one], one), default="")
        priced = len(self._prices) / max(self.documents, 1)
        return Facts(generation, mark, self.documents, currency, priced, low, high)

    def words(self) -> dict[str, int]:
        """Word → number of documents, 0 for those of descriptions alone."""
        return dict.fromkeys(self._described, 0) | dict(self._words)

    def pairs(self) -> tuple[vocabulary.Ids, vocabulary.Ids]:
        """Pairs of at least two titles, sorted, and in how many they are."""
        if not self._pairs:
            return np.zeros(0, np.uint32), np.zeros(0, np.uint32)
        found, counts = np.unique(np.concatenate(self._pairs), return_counts=True)
        often = counts > 1
        return found[often], counts[often].astype(np.uint32)

    def values(self) -> dict[str, Value]:
        """Stems → the name that they most often are."""
        found: dict[str, Value] = {}
        for (kind, name), count in self._names.most_common(_NAMES):
            terms = [token.stem for token in tokenize(name)]
            if not 0 < len(terms) <= _LONGEST_NAME or (kind in _KINDS and len(name) < _SHORTEST_VALUE):
                continue
            if not any(c.isalpha() for c in name):
                continue
            found.setdefault(" ".join(terms), Value(kind, name, count))
        return found

    def write(self, path: Path, generation: str, mark: str) -> None:
        """Keep the vocabulary."""
        vocabulary.write(path, self.facts(generation, mark), self.words(), self.pairs(), self.values())


def rebuild(engine: SearchEngine, index: str, path: Path) -> dict[str, Any]:
    """Count the serving generation of `index` and write its vocabulary, unless nothing changed since the last time.

    Returns:
        `{documents, words, counted}`; nothing is written where no generation serves.
    """
    serving = engine.serving(index)
    if serving is None:
        return {"documents": 0, "counted": False}
    mark = engine.mark(serving.name)
    known = vocabulary.facts_of(path)
    if known is not None and (known.generation, known.mark) == (serving.name, mark):
        return {"documents": known.documents, "counted": False}
    census = Census()
    for batch in _batches(engine.ids(serving.name)):
        census.add(engine.get(serving.name, batch).values())
    census.write(path, serving.name, mark)
    return {"documents": census.documents, "counted": True}


def _batches(ids: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(islice(ids, _BATCH)):
        yield batch
