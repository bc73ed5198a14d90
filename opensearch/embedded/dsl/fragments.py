"""Cuts a text into the fragments that a highlighter shows, as OpenSearch's unified highlighter does.

Fragments follow sentences, up to a number of characters; a longer sentence is cut between words. The best ones by the
score of Lucene's `PassageScorer` are kept, in the order of the text unless told otherwise.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_SENTENCE: Final = re.compile(
    r"[.!?。！？．]+(?P<quotes>[\"'”’»]*)(?P<closed>[)\]}」』]*)(?P<blank>\s*)|[\n\r\u2028\u2029]+"
)
_WORD: Final = re.compile(r"(?:[^\W\d_]+(?:[-‐‑'’.\"](?=[^\W\d_])[^\W\d_]+)*|\d+(?:[.,](?=\d)\d+)*|_)+| +|.", re.DOTALL)
_GOES_ON: Final = "-,:;"
_CUTS: Final = "<>&*+=/|#@$%~^`"
_K1, _B, _PIVOT = 1.2, 0.75, 87.0


@dataclass(frozen=True, slots=True)
class Spot:
    """A word to mark: its characters [start, end) and its term."""

    start: int
    end: int
    term: str


@dataclass(frozen=True, slots=True)
class Fragment:
    """A part of a text, with the words to mark in it."""

    start: int
    end: int
    spots: tuple[Spot, ...]


def sentences(text: str) -> list[int]:
    """Where sentences begin and the text ends, as Java's `BreakIterator` finds them."""
    return _bounds(text, [found.end() for found in _SENTENCE.finditer(text) if _ends(text, found)])


def _ends(text: str, found: re.Match[str]) -> bool:
    """Whether a sentence ends with these signs."""
    end = found.end()
    after = text[end : end + 1]
    if found["blank"] is None or not after:
        return True
    if any(sign in "!?。！？" for sign in found.group()):
        return bool(found["blank"]) or not after.isdigit()
    if found["quotes"] and not found["closed"]:
        return True
    if found["blank"]:
        opened = text[end:].lstrip("([{")[:1] if after in "([{" else after
        return not (after.islower() or opened.isdigit() or after in _GOES_ON)
    return after in _CUTS


def words(text: str) -> list[int]:
    """Where words, blanks and signs begin and the text ends."""
    return _bounds(text, [found.end() for found in _WORD.finditer(text)])


def _bounds(text: str, ends: Sequence[int]) -> list[int]:
    return sorted({0, len(text), *ends})


def _preceding(bounds: Sequence[int], offset: int) -> int:
    return bounds[max(bisect_left(bounds, offset) - 1, 0)]


def _following(bounds: Sequence[int], offset: int) -> int | None:
    at = bisect_right(bounds, offset)
    return bounds[at] if at < len(bounds) else None


class _Cutter:
    """Finds the fragment around an offset, offsets rising."""

    def __init__(self, text: str, size: int) -> None:
        self._sentences, self._words, self._size, self._length = sentences(text), words(text), size, len(text)
        self._window = (-1, -1)
        self._inner = (-1, -1)

    def around(self, offset: int) -> tuple[int, int]:
        """The fragment that holds the character before `offset`."""
        if self._window[0] < offset < self._window[1]:
            start, end = self._inner[1], self._window[1]
        else:
            start = _preceding(self._sentences, offset)
            end = _following(self._sentences, offset - 1) or self._length
            while end - start < self._size:
                further = _following(self._sentences, end)
                if further is None or further - start > self._size:
                    break
                end = further
            self._window = (start, end)
        if end - start > self._size:
            if offset - self._size > start:
                start = max(start, _preceding(self._words, offset - self._size))
            remaining = max(0, self._size - (offset - start))
            if offset + remaining < self._window[1]:
                end = min(self._window[1], _following(self._words, offset + remaining) or self._length)
        self._inner = (start, end)
        return start, end


def cut(text: str, spots: Sequence[Spot], size: int, count: int, *, best_first: bool) -> list[Fragment]:
    """At most `count` fragments of about `size` characters around `spots` (in order of the text)."""
    totals = Counter(spot.term for spot in spots)
    cutter, found, last = _Cutter(text, size), [], 0
    current: list[Spot] = []
    start, end = -1, -1
    for spot in spots:
        if spot.start >= end:
            if current:
                found.append(Fragment(start, end, tuple(current)))
            start, end = cutter.around(spot.start + 1)
            start, end = max(start, last), max(end, last)
            last, current = end, []
        current.append(spot)
    if current:
        found.append(Fragment(start, end, tuple(current)))
    scores = {one: _score(one, len(text), totals) for one in found}
    best = sorted(found, key=lambda one: (-scores[one], one.start))[:count]
    return best if best_first else sorted(best, key=lambda one: one.start)


def _score(fragment: Fragment, length: int, totals: Mapping[str, int]) -> float:
    """How much a fragment says: rarer words more, repeats less, those near the beginning a little more."""
    documents = 1 + length / _PIVOT
    norm = _K1 * ((1 - _B) + _B * ((fragment.end - fragment.start) / _PIVOT))
    score = 0.0
    for term, count in Counter(spot.term for spot in fragment.spots).items():
        weight = (_K1 + 1) * math.log(1 + (documents + 0.5) / (totals[term] + 0.5))
        score += weight * count / (count + norm)
    return score * (1 + 1 / math.log(_PIVOT + fragment.start))


def beginning(text: str, size: int) -> str:
    """The first `size` characters and the rest of the word there."""
    if size >= len(text):
        return text
    return text[: _following(words(text), size) or len(text)]
