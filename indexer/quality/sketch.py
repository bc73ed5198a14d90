"""Compact columns that a survey keeps instead of products."""

from __future__ import annotations

from array import array
from hashlib import blake2b
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
Words = npt.NDArray[np.uint32]

_MIX: Final = np.uint64(0x9E3779B97F4A7C15)


def hash64(*texts: str) -> int:
    """A stable 64-bit hash of some texts."""
    joined = "\0".join(texts).encode("utf-8", "replace")
    return int.from_bytes(blake2b(joined, digest_size=8).digest(), "little")


def mixed(values: Hashes) -> Hashes:
    """64-bit values with their bits mixed (the finaliser of splitmix64)."""
    out = values * _MIX
    out ^= out >> np.uint64(32)
    out *= np.uint64(0xBF58476D1CE4E5B9)
    out ^= out >> np.uint64(29)
    return out


class Names:
    """Values numbered in the order they come; each is kept once."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}

    def number(self, value: Any) -> int:
        return self._numbers.setdefault(value, len(self._numbers))

    def all(self) -> list[Any]:
        return list(self._numbers)


class Bags:
    """Rows of word ids of different lengths, end to end."""

    def __init__(self) -> None:
        self._words = array("I")
        self._ends = array("q", [0])

    def __len__(self) -> int:
        return len(self._ends) - 1

    def add(self, words: list[int]) -> None:
        self._words.extend(words)
        self._ends.append(len(self._words))

    def arrays(self) -> tuple[Words, Ints]:
        """All words, and where each row starts and the last one ends [rows + 1]."""
        return np.array(self._words, np.uint32), np.array(self._ends, np.int64)


def taken(words: Words, ends: Ints, chosen: Ints) -> tuple[Words, Ints]:
    """The chosen rows of bags, as bags."""
    lengths = ends[chosen + 1] - ends[chosen]
    return words[spans(ends[chosen], lengths)], np.concatenate([[0], np.cumsum(lengths)])


def spans(starts: Ints, lengths: Ints) -> Ints:
    """The numbers start, start + 1, … of each span, end to end."""
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) - np.repeat(ends - lengths, lengths) + np.repeat(starts, lengths)
