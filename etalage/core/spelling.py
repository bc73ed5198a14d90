"""Correct words by a list of known ones, with their counts.

Candidates come from an index of deletions: two words within `d` edits share a form that is made by leaving out at most `d`
letters of each (SymSpell, Garbe 2012), looked for in the first letters alone. They are weighed as a noisy channel does (Kernighan,
Church and Gale 1990): how often a word is met, less what the slip that leads to it costs. A slip to a key nearby, two letters
swapped, a letter doubled or a vowel mistaken cost less than others; a wrong first letter costs more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import log
from typing import Final
from zlib import crc32

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import OSA

from etalage.core.text import stems

SHORTEST: Final = 4
"""Letters of the shortest word that is corrected."""

LONG: Final = 8
"""From this many letters on, a word may have two slips."""

LONGEST: Final = 32

_FIRST: Final = 8
"""Letters of a word in which deletions are indexed."""
_WEIGHED: Final = 8
"""Candidates of which the cost is computed: the nearest, then the most frequent."""

_LEAD: Final = 1.6
"""How far the best candidate must lead the second (natural logarithm: five times as likely)."""
_SURE: Final = {4: 1.5, 5: 0.5, 6: 0.0, 7: 0.0}
"""The least score of a correction that is applied, by the word's letters; `_SURE_LONG` for longer words."""
_SURE_LONG: Final = -1.5
_WORTH: Final = -2.5
"""The least score of one that is worth asking about."""

_ROWS: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_VOWELS: Final = frozenset("aeiouy")
_SWAP, _DOUBLE, _NEAR, _VOWEL, _LETTER, _OTHER, _HEAD = 1.0, 1.0, 1.8, 1.5, 2.2, 3.0, 2.0

Numbers = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Correction:
    """What a word may have been meant to be. It is `certain` when it is likely and no other word is nearly as likely."""

    word: str
    score: float
    certain: bool


def _neighbours() -> frozenset[tuple[str, str]]:
    """Pairs of keys side by side, or one above the other."""
    places = {letter: (at + row * 0.5, row) for row, letters in enumerate(_ROWS) for at, letter in enumerate(letters)}
    return frozenset(
        (a, b)
        for a, (x, y) in places.items()
        for b, (u, v) in places.items()
        if a != b and abs(x - u) <= 1 and abs(y - v) <= 1
    )


_KEYS: Final = _neighbours()


def deletions(word: str) -> set[str]:
    """The start of a word, and what is left of it without one letter; without two, where two slips are allowed."""
    start = word[:_FIRST]
    most = 2 if len(word) >= LONG else 1
    found = {start}
    for count in range(1, most + 1):
        for kept in combinations(start, len(start) - count):
            found.add("".join(kept))
    return found


def index(words: Sequence[str]) -> tuple[Numbers, Numbers]:
    """The index of deletions of words: sorted hashes of forms, and the row of the word that each is of; uint32 [d]."""
    keys: list[int] = []
    rows: list[int] = []
    for row, word in enumerate(words):
        forms = deletions(word)
        keys += [crc32(form.encode()) for form in forms]
        rows += [row] * len(forms)
    order = np.argsort(np.array(keys, np.uint32), kind="stable")
    return np.array(keys, np.uint32)[order], np.array(rows, np.uint32)[order]


class Speller:
    """Corrects words.

    Args:
        words: known words of letters, folded (`text.Token.surface`).
        counts: uint32 [n], how many documents have each, at least 1.
        keys, rows: `index` of `words`.
    """

    def __init__(self, words: Sequence[str], counts: Numbers, keys: Numbers, rows: Numbers) -> None:
        self._words, self._counts, self._keys, self._rows = words, counts, keys, rows

    @classmethod
    def of(cls, counts: dict[str, int]) -> Speller:
        """A speller of words with their counts."""
        words = sorted(counts)
        return cls(words, np.array([counts[word] for word in words], np.uint32), *index(words))

    def correct(self, word: str, fits: Callable[[str], float] = lambda known: 0.0) -> Correction | None:
        """What `word`, which nobody knows, most likely was meant to be; None when nothing is likely.

        `word` is folded. Words of fewer than `SHORTEST` or more than `LONGEST` letters, or with anything but letters, are left
        alone. `fits` is added to the score of a candidate: how well it goes with the words beside it.
        """
        if not SHORTEST <= len(word) <= LONGEST or not word.isalpha():
            return None
        scored = [
            (log(count) - cost(word, known) + fits(known), known)
            for known, count in self._near(word, 2 if len(word) >= LONG else 1)
        ]
        if not scored:
            return None
        scored.sort(key=lambda one: (-one[0], one[1]))
        best, meant = scored[0]
        if best < _WORTH:
            return None
        stem = stems(meant)
        # Another form of the same word is no rival.
        rival = next((score for score, known in scored[1:] if stems(known) != stem), None)
        sure = best >= _SURE.get(len(word), _SURE_LONG) and (rival is None or best - rival >= _LEAD)
        return Correction(meant, best, sure)

    def _near(self, word: str, most: int) -> list[tuple[str, int]]:
        """The nearest known words within `most` edits, two swapped letters counted as one, with their counts."""
        forms = np.array([crc32(form.encode()) for form in deletions(word)], np.uint32)
        low = np.searchsorted(self._keys, forms, "left").tolist()
        high = np.searchsorted(self._keys, forms, "right").tolist()
        rows: set[int] = set()
        for start, end in zip(low, high, strict=True):
            if start < end:
                rows.update(self._rows[start:end].tolist())
        found = []
        for row in rows:
            known = self._words[row]
            if abs(len(known) - len(word)) <= most:
                distance = OSA.distance(word, known, score_cutoff=most)
                if distance <= most:
                    found.append((distance, -int(self._counts[row]), known))
        found.sort()
        return [(known, -count) for _, count, known in found[:_WEIGHED]]


@lru_cache(maxsize=1 << 14)
def cost(typed: str, meant: str) -> float:
    """What it costs to type one word for another: the least sum over slips (optimal string alignment)."""
    if typed == meant:
        return 0.0
    head = 0
    while head < min(len(typed), len(meant)) and typed[head] == meant[head]:
        head += 1
    first = _HEAD if head == 0 else 0.0
    tail = 0
    while tail < min(len(typed), len(meant)) - head and typed[-1 - tail] == meant[-1 - tail]:
        tail += 1
    # One letter of what is alike stays, so that a doubled one is seen.
    start = max(head - 1, 0)
    a, b = typed[start : len(typed) - tail], meant[start : len(meant) - tail]
    table = [[0.0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i in range(len(a) + 1):
        for j in range(len(b) + 1):
            if i or j:
                table[i][j] = min(_ways(table, a, b, i, j))
    return first + table[-1][-1]


def _ways(table: list[list[float]], a: str, b: str, i: int, j: int) -> Iterator[float]:
    if i and j:
        yield table[i - 1][j - 1] + _replaced(a[i - 1], b[j - 1])
    if i:
        yield table[i - 1][j] + (_DOUBLE if i > 1 and a[i - 1] == a[i - 2] else _LETTER)
    if j:
        yield table[i][j - 1] + (_DOUBLE if j > 1 and b[j - 1] == b[j - 2] else _LETTER)
    if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
        yield table[i - 2][j - 2] + _SWAP


def _replaced(typed: str, meant: str) -> float:
    if typed == meant:
        return 0.0
    if typed in _VOWELS and meant in _VOWELS:
        return _VOWEL
    return _NEAR if (typed, meant) in _KEYS else _OTHER
