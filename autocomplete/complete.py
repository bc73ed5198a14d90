"""Answer a prefix with completions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from autocomplete.context import Context
from autocomplete.features import Floats, features, known
from autocomplete.index import ANYTHING, SOLD_OUT, Index
from autocomplete.kernels.compiled import Real, Whole
from autocomplete.kernels.nearness import EDIT, FARTHEST
from autocomplete.pinyin import is_chinese, romanized
from autocomplete.querylog import TYPES
from autocomplete.rank import POOL, Ranking
from autocomplete.shelf import Shelf
from autocomplete.typed import key, prefix_key
from etalage.core.errors import ModelError, QueryError

MOST: Final = 100
"""Completions of an answer, at most."""

TYPED, NEAR, PARTED, SOUND = "typed", "near", "parted", "pinyin"
"""How a completion was found: as typed, a typing error away, with blanks put elsewhere, by how it is pronounced."""

_KEPT: Final = 0.05
"""What is left of a score after one edit."""
PENALTIES: Final[Real] = _KEPT ** (np.arange(4 * FARTHEST + 1) / EDIT)
_MOVED: Final = 0.5
"""What is left of a score where blanks were put elsewhere."""
_SPOKEN: Final = 0.5
_SHORTEST: Final = 2
"""Letters of the parts of a word that is parted."""

_SPARE: Final = 4
"""Completions that are at hand for those that say the same as a better one."""


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

    def __init__(self, folder: Path, ranking: Ranking | None = None) -> None:
        """Without a `ranking` the order is always that of the index."""
        self._shelf = Shelf(folder)
        self._ranking = ranking

    @classmethod
    def open(cls, folder: Path, ranking: Ranking | None = None) -> Completer:
        """The completer of a folder. Raises EngineError when it holds no completions."""
        completer = cls(folder, ranking)
        completer._shelf.indexes()
        return completer

    def warm(self) -> None:
        """Complete so that every kernel, the model and the dictionaries of Chinese were used once: on a new machine kernels are compiled by
        that, which takes some twenty seconds. Raises EngineError when there are no completions."""
        for prefix in ("", "a b", "zqjxv", "龘"):
            self.complete(prefix, 1)
        with suppress(ModelError):  # those who send a context are told; the others do without the model
            self.complete("", 1, context=Context(("a",)))

    @property
    def version(self) -> str:
        """The files that serve. Raises EngineError when there are no completions."""
        return self._shelf.version()

    def note(self, one: Completion) -> str:
        """What is told with a completion: of a product its id."""
        compared = key(one.text)
        for index in reversed(self._shelf.indexes()):
            number = index.number(compared)
            if number >= 0:
                return index.note(number)
        return ""

    def complete(
        self, prefix: str, k: int = 10, wanted: Wanted = Wanted(), context: Context = Context()
    ) -> list[Completion]:
        """The best `k` completions of what was typed, best first, ties by text.

        A completion matches that starts with the prefix, or has its words in any order, the last one as a beginning. Case, marks and
        punctuation don't matter. An empty prefix gives the best of all. Where nothing matches, words that are a typing error
        away count too, then blanks put elsewhere; Chinese is found by its pinyin. Of completions with the same words one is shown.
        With a context the best by score are ordered by what the shopper did before.

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
        if context and self._ranking:
            pools = _pools(indexes, typed, max(POOL, k + _SPARE), wanted)
            return _apart(_ranked(pools, typed, self._ranking, context, k + _SPARE), k)
        pools = _pools(indexes, typed, k + _SPARE, wanted)
        if len(pools) == 1:
            return pools[0].apart(k).told()
        # What changed since the base was built takes the place of what the base says.
        newest = {one.text: (same, one) for pool in pools for same, one in pool.marked()}
        return _apart(sorted(newest.values(), key=lambda each: (-each[1].score, each[1].text)), k)

    def explain(
        self, prefix: str, k: int = 10, wanted: Wanted = Wanted(), context: Context = Context()
    ) -> list[tuple[Completion, dict[str, float]]]:
        """What `complete` gives, each with what the parts of its score are: with a context what each of `features.FAMILIES` adds,
        against the mean of the completions that it was chosen from; without one the logarithm of what it counts, as `popularity`
        where it starts with the prefix, and what it lost as `match`."""
        found = self.complete(prefix, k, wanted, context)
        if not (context and self._ranking):
            return [(one, self._plain(one)) for one in found]
        typed, shares = prefix_key(prefix), dict[str, dict[str, float]]()
        for pool, rows in _features(
            _pools(self._shelf.indexes(), typed, max(POOL, k + _SPARE), wanted), typed, context
        ):
            added = self._ranking.contributions(rows)
            for at, text in enumerate(pool.source.shown(pool.docs)):
                shares[text] = {name: round(float(values[at]), 4) for name, values in added.items()}
        return [(one, shares[one.text]) for one in found]

    def _plain(self, one: Completion) -> dict[str, float]:
        scores = [
            index.scores[number] for index in self._shelf.indexes() if (number := index.number(key(one.text))) >= 0
        ]
        whole = float(scores[-1]) if scores else one.score
        return {"popularity": round(math.log(whole), 4), "match": round(math.log(one.score / whole), 4)}


class Pool(NamedTuple):
    """The best completions of one index: their numbers, what they count, and how those were found that do not match as typed."""

    source: Index
    docs: Whole
    values: Real
    how: dict[int, str]

    def told(self) -> list[Completion]:
        """As completions."""
        index, docs = self.source, self.docs
        texts, kinds, paths = index.shown(docs), index.kinds[docs].tolist(), index.categories[docs].tolist()
        return [
            Completion(
                text, value, TYPES[kind & 15], index.paths[path - 1] if path else "", self.how.get(doc, TYPED), doc
            )
            for text, value, kind, path, doc in zip(
                texts, self.values.tolist(), kinds, paths, docs.tolist(), strict=True
            )
        ]

    def marked(self) -> list[tuple[int, Completion]]:
        """As completions, each with what it has in common with those of the same words (`Index.alike`)."""
        return list(zip(self.source.alike[self.docs].tolist(), self.told(), strict=True))

    def rows(self, order: Whole) -> Pool:
        """Some of them."""
        return self._replace(docs=self.docs[order], values=self.values[order])

    def apart(self, k: int) -> Pool:
        """The first k of those that do not have the same words as a better one."""
        rows = _distinct(self.source.alike[self.docs].tolist(), k)
        return self if len(rows) == len(self.docs) else self.rows(np.array(rows, np.int64))


def _pools(indexes: Sequence[Index], typed: str, k: int, wanted: Wanted) -> list[Pool]:
    """The best completions of each index that has some of what is wanted."""
    masks = [(index, wanted.mask(index)) for index in indexes]
    return [_pool(index, typed, k, mask) for index, mask in masks if mask is not None]


def _pool(index: Index, typed: str, k: int, mask: Whole) -> Pool:
    docs, values = index.exact(typed, k, mask)
    how = dict[int, str]()
    if not len(docs) and typed:
        best = dict[int, float]()
        for match, others, counts in _further(index, typed, k, mask):
            for doc, value in zip(others.tolist(), counts.tolist(), strict=True):
                if doc not in best:
                    how[doc] = match
                best[doc] = max(best.get(doc, 0.0), value)
        order = sorted(best, key=lambda doc: (-best[doc], doc))[:k]
        docs, values = np.array(order, np.int64), np.array([best[doc] for doc in order])
    return Pool(index, docs, values, how)


def _ranked(
    pools: Sequence[Pool], typed: str, ranking: Ranking, context: Context, k: int
) -> list[tuple[int, Completion]]:
    """The best k of the pools by the model, as `Pool.marked`; ties in the order of the pools."""
    found = dict[str, tuple[float, int, Completion]]()
    for pool, rows in _features(pools, typed, context):
        scores = ranking.score(rows)
        order = np.argsort(-scores, kind="stable")[:k]
        for score, (same, one) in zip(scores[order].tolist(), pool.rows(order).marked(), strict=True):
            found[one.text] = score, same, one
    return [(same, one) for _, same, one in sorted(found.values(), key=lambda each: -each[0])]


def _features(pools: Sequence[Pool], typed: str, context: Context) -> Iterator[tuple[Pool, Floats]]:
    """The pools that are not empty, with the features of their completions."""
    indexes = [pool.source for pool in pools]
    best = max((float(pool.values[0]) for pool in pools if len(pool.docs)), default=1.0) or 1.0
    for pool in pools:
        if len(pool.docs):
            about = known(pool.source, context, indexes)
            yield pool, features(pool.source, typed, pool.docs, pool.values, best, about)


def _apart(found: Sequence[tuple[int, Completion]], k: int) -> list[Completion]:
    """The first k that do not have the same words as a better one (`Pool.marked`)."""
    return [found[row][1] for row in _distinct([same for same, _ in found], k)]


def _distinct(marks: Sequence[int], k: int) -> list[int]:
    """Where the first k marks are that did not come before; 0 is no mark."""
    seen, rows = set[int](), list[int]()
    for row, mark in enumerate(marks):
        if len(rows) == k:
            break
        if not mark or mark not in seen:
            seen.add(mark)
            rows.append(row)
    return rows


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
