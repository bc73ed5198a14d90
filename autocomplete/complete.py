"""Answer a prefix with completions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from autocomplete.index import ANYTHING, SOLD_OUT, Index
from autocomplete.kernels.compiled import Real, Whole
from autocomplete.kernels.nearness import EDIT, FARTHEST
from autocomplete.pinyin import is_chinese, romanized
from autocomplete.querylog import TYPES
from autocomplete.shelf import Shelf
from autocomplete.typed import prefix_key
from etalage.core.errors import QueryError

MOST: Final = 100
"""Completions of an answer, at most."""

TYPED, NEAR, PARTED, SOUND = "typed", "near", "parted", "pinyin"
"""How a completion was found: as typed, a typing error away, with blanks put elsewhere, by how it is pronounced."""

_KEPT: Final = 0.2
"""What is left of a score after one edit."""
PENALTIES: Final[Real] = _KEPT ** (np.arange(4 * FARTHEST + 1) / EDIT)
_MOVED: Final = 0.5
"""What is left of a score where blanks were put elsewhere."""
_SPOKEN: Final = 0.5
_SHORTEST: Final = 2
"""Letters of the parts of a word that is parted."""


class Completion(NamedTuple):
    """A completion: its text as shown, what it counts, its type (`querylog.TYPES`), the category that it leads to, how it was found, and
    its number in the index."""

    text: str
    score: float
    type: str
    category: str = ""
    match: str = TYPED
    number: int = -1


class Wanted(NamedTuple):
    """Which completions are asked for: those that lead to a category or below it, of some types, of what is in stock."""

    category: str = ""
    types: tuple[str, ...] = ()
    in_stock: bool = False

    def mask(self, index: Index) -> Whole | None:
        """For the kernels; None where nothing can be found. Raises QueryError for a type that there is not."""
        unknown = sorted(set(self.types) - set(TYPES))
        if unknown:
            raise QueryError(
                "there is no such type of completion", value=unknown[0], remedy=f"Use some of: {', '.join(TYPES)}."
            )
        if not any(self):
            return ANYTHING
        low = high = 0
        if self.category:
            inside = [at for at, path in enumerate(index.paths, 1) if f"{path} > ".startswith(f"{self.category} > ")]
            if not inside:
                return None
            low, high = inside[0], inside[-1] + 1
        types = sum(1 << TYPES.index(one) for one in set(self.types))
        return np.array([low, high, types, SOLD_OUT if self.in_stock else 0], np.int64)


class Completer:
    """The completions of one folder; newer files serve within a fifth of a second. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._shelf = Shelf(folder)

    @classmethod
    def open(cls, folder: Path) -> Completer:
        """The completer of a folder. Raises EngineError when it holds no completions."""
        completer = cls(folder)
        completer._shelf.indexes()
        return completer

    def complete(self, prefix: str, k: int = 10, wanted: Wanted = Wanted()) -> list[Completion]:
        """The best `k` completions of what was typed, best first, ties by text.

        A completion matches that starts with the prefix, or has its words in any order, the last one as a beginning. Case, marks and
        punctuation don't matter. An empty prefix gives the best of all. Where nothing matches, words that are a typing error
        away count too, then blanks put elsewhere; Chinese is found by its pinyin.

        Raises:
            EngineError: there are no completions.
            QueryError: k or the type is out of range.
        """
        if not 0 <= k <= MOST:
            raise QueryError("the number of completions is out of range", value=k, remedy=f"Ask for 0 to {MOST}.")
        typed = prefix_key(prefix)
        indexes = self._shelf.indexes()
        if not k or (not typed and prefix.strip()):
            return []
        if len(indexes) == 1:
            return _found(indexes[0], typed, k, wanted)
        # What changed since the base was built takes the place of what the base says.
        newest = {one.text: one for index in indexes for one in _found(index, typed, k, wanted)}
        return sorted(newest.values(), key=lambda one: (-one.score, one.text))[:k]


def _found(index: Index, typed: str, k: int, wanted: Wanted) -> list[Completion]:
    """The best completions of one index."""
    mask = wanted.mask(index)
    if mask is None:
        return []
    docs, values = index.exact(typed, k, mask)
    how = {}
    if not len(docs) and typed:
        best = dict[int, float]()
        for match, others, counts in _further(index, typed, k, mask):
            for doc, value in zip(others.tolist(), counts.tolist(), strict=True):
                if doc not in best:
                    how[doc] = match
                best[doc] = max(best.get(doc, 0.0), value)
        order = sorted(best, key=lambda doc: (-best[doc], doc))[:k]
        docs, values = np.array(order, np.int64), np.array([best[doc] for doc in order])
    texts, kinds, paths = index.shown(docs), index.kinds[docs].tolist(), index.categories[docs].tolist()
    return [
        Completion(text, value, TYPES[kind & 15], index.paths[path - 1] if path else "", how.get(doc, TYPED), doc)
        for text, value, kind, path, doc in zip(texts, values.tolist(), kinds, paths, docs.tolist(), strict=True)
    ]


def _further(index: Index, typed: str, k: int, mask: Whole) -> Iterator[tuple[str, Whole, Real]]:
    """What may have been meant."""
    yield NEAR, *index.near(typed, k, PENALTIES, mask)
    for other in _parted(index, typed):
        docs, values = index.exact(other, k, mask)
        yield PARTED, docs, values * _MOVED
    if is_chinese(typed):
        docs, values = index.exact(romanized(typed), k, mask)
        yield SOUND, docs, values * _SPOKEN


def _parted(index: Index, typed: str) -> Iterator[str]:
    """The same letters with a blank less or more, where that gives words."""
    words, end = typed.rstrip().split(" "), " " if typed.endswith(" ") else ""
    for at in range(len(words) - 1):
        joined = words[at] + words[at + 1]
        if at + 2 == len(words) or index.word(joined):
            yield " ".join([*words[:at], joined, *words[at + 2 :]]) + end
    for at, word in enumerate(words):
        for cut in range(_SHORTEST, len(word) - _SHORTEST + 1):
            left, right = word[:cut], word[cut:]
            if index.word(left) and ((at + 1 == len(words) and not end) or index.word(right)):
                yield " ".join([*words[:at], left, right, *words[at + 1 :]]) + end
