"""Columns of a snapshot: string lists in one blob, and exact values with their rows, for filters, facets and
sorting."""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from opensearch.embedded.arrays import mapped

NONE: Final = np.iinfo(np.int64).min
"""A time that is not known."""


class Strings:
    """An immutable list of strings, memory-mapped: one blob of UTF-8 and the offsets into it."""

    def __init__(self, folder: Path, name: str) -> None:
        self._blob = mapped(folder / f"{name}-blob.npy")
        self._offsets = mapped(folder / f"{name}-offsets.npy")

    @staticmethod
    def build(values: Iterable[str], folder: Path, name: str) -> None:
        """Write `values` into `folder`."""
        Strings.build_bytes([value.encode("utf-8", "surrogatepass") for value in values], folder, name)

    @staticmethod
    def build_bytes(encoded: Sequence[bytes], folder: Path, name: str) -> None:
        """Write values that are already encoded."""
        offsets = np.zeros(len(encoded) + 1, np.int64)
        np.cumsum([len(value) for value in encoded], out=offsets[1:])
        np.save(folder / f"{name}-blob.npy", np.frombuffer(b"".join(encoded), np.uint8))
        np.save(folder / f"{name}-offsets.npy", offsets)

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, index: int) -> str:
        return self.raw(index).decode("utf-8", "surrogatepass")

    def raw(self, index: int) -> bytes:
        """One string, not decoded."""
        blob: bytes = self._blob[self._offsets[index] : self._offsets[index + 1]].tobytes()
        return blob

    def all(self) -> list[str]:
        """Every string, decoded."""
        return [one.decode("utf-8", "surrogatepass") for one in self.all_bytes()]

    def all_bytes(self) -> list[bytes]:
        """Every string, not decoded."""
        blob, offsets = self._blob.tobytes(), self._offsets.tolist()
        return [blob[a:b] for a, b in itertools.pairwise(offsets)]

    def find(self, value: str) -> int | None:
        """The index of `value`, or None. The strings must be sorted."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self[middle] < value:
                low = middle + 1
            else:
                high = middle
        return low if low < len(self) and self[low] == value else None


class Exact:
    """One keyword field: which documents have which values."""

    def __init__(self, folder: Path, name: str) -> None:
        self.strings = Strings(folder, f"{name}-values")
        self._offsets, self._rows, self._codes = (
            mapped(folder / f"{name}-{part}.npy") for part in ("offsets", "rows", "codes")
        )

    @staticmethod
    def build(lists: Sequence[Sequence[str]], folder: Path, name: str) -> None:
        """Write the field, given each document's values in row order."""
        kept = [list(dict.fromkeys(values)) if len(values) > 1 else values for values in lists]
        flat = [value for values in kept for value in values]
        distinct = sorted(set(flat))
        code = {value: number for number, value in enumerate(distinct)}
        codes = np.fromiter(map(code.__getitem__, flat), np.int32, len(flat))
        rows = np.repeat(np.arange(len(kept), dtype=np.int32), [len(values) for values in kept])
        order = np.argsort(codes, kind="stable")
        codes = codes[order]
        Strings.build(distinct, folder, f"{name}-values")
        np.save(folder / f"{name}-codes.npy", codes)
        np.save(folder / f"{name}-rows.npy", rows[order])
        np.save(folder / f"{name}-offsets.npy", np.searchsorted(codes, np.arange(len(distinct) + 1)))

    def mask(self, values: Iterable[str], size: int) -> npt.NDArray[np.bool_]:
        """Which of `size` documents have any of `values`."""
        mask = np.zeros(size, bool)
        for value in values:
            code = self.strings.find(value)
            if code is not None:
                mask[self._rows[self._offsets[code] : self._offsets[code + 1]]] = True
        return mask

    def counts(self, mask: npt.NDArray[np.bool_], limit: int) -> list[tuple[str, int]]:
        """The most frequent values among the documents of `mask`, ties by value."""
        counts = np.bincount(self._codes[mask[self._rows]], minlength=len(self.strings))
        order = np.argsort(-counts, kind="stable")[:limit]
        return [(self.strings[code], int(counts[code])) for code in order.tolist() if counts[code]]

    @cached_property
    def values(self) -> list[str]:
        """The distinct values, sorted, decoded; a value's code is its place."""
        return self.strings.all()

    def span(self, low: int, high: int, size: int) -> npt.NDArray[np.bool_]:
        """Which of `size` documents have a value whose code is in [low, high)."""
        mask = np.zeros(size, bool)
        if low < high:
            mask[self._rows[self._offsets[low] : self._offsets[high]]] = True
        return mask

    def prefixed(self, prefix: str) -> tuple[int, int]:
        """The codes [low, high) of the values that begin with `prefix`."""
        low = bisect_left(self.values, prefix)
        return low, bisect_left(self.values, prefix + "\U0010ffff", low)

    def chosen(self, wanted: Callable[[str], object], low: int, high: int, size: int) -> npt.NDArray[np.bool_]:
        """Which of `size` documents have a value that `wanted` accepts, of those with codes in [low, high)."""
        mask = np.zeros(size, bool)
        for code in range(low, high):
            if wanted(self.values[code]):
                mask[self._rows[self._offsets[code] : self._offsets[code + 1]]] = True
        return mask

    def pairs(self, low: int = 0, high: int | None = None) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """The codes and rows of every value with a code in [low, high), by code."""
        end = len(self.strings) if high is None else high
        kept = slice(int(self._offsets[low]), int(self._offsets[end]))
        return self._codes[kept], self._rows[kept]

    def edge(self, size: int, *, last: bool, low: int = 0, high: int | None = None) -> npt.NDArray[np.int32]:
        """Each document's first (or last) code in [low, high), -1 where it has none."""
        codes, rows = self.pairs(low, high)
        found = np.full(size, -1, np.int32)
        if last:
            found[rows] = codes  # by code, so that the last one stays
        else:
            found[rows[::-1]] = codes[::-1]
        return found
