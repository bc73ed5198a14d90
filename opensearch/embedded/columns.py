"""Columns of a snapshot: string lists in one blob, and exact values with their rows, for filters and facets."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from opensearch.embedded.arrays import mapped


class Strings:
    """An immutable list of strings, memory-mapped: one blob of UTF-8 and the offsets into it."""

    def __init__(self, folder: Path, name: str) -> None:
        self._blob = mapped(folder / f"{name}-blob.npy")
        self._offsets = mapped(folder / f"{name}-offsets.npy")

    @staticmethod
    def build(values: Iterable[str], folder: Path, name: str) -> None:
        """Write `values` into `folder`."""
        encoded = [value.encode("utf-8", "surrogatepass") for value in values]
        offsets = np.zeros(len(encoded) + 1, np.int64)
        np.cumsum([len(value) for value in encoded], out=offsets[1:])
        np.save(folder / f"{name}-blob.npy", np.frombuffer(b"".join(encoded), np.uint8))
        np.save(folder / f"{name}-offsets.npy", offsets)

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, index: int) -> str:
        blob: bytes = self._blob[self._offsets[index] : self._offsets[index + 1]].tobytes()
        return blob.decode("utf-8", "surrogatepass")

    def all(self) -> list[str]:
        """Every string, decoded."""
        blob, offsets = self._blob.tobytes(), self._offsets.tolist()
        return [blob[a:b].decode("utf-8", "surrogatepass") for a, b in itertools.pairwise(offsets)]

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
        self.values = Strings(folder, f"{name}-values")
        self._offsets, self._rows, self._codes = (
            mapped(folder / f"{name}-{part}.npy") for part in ("offsets", "rows", "codes")
        )

    @staticmethod
    def build(lists: Sequence[Sequence[str]], folder: Path, name: str) -> None:
        """Write the field, given each document's values in row order."""
        distinct = sorted({value for values in lists for value in values})
        code = {value: number for number, value in enumerate(distinct)}
        pairs = np.array(
            [(code[value], row) for row, values in enumerate(lists) for value in dict.fromkeys(values)], np.int32
        ).reshape(-1, 2)
        pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
        Strings.build(distinct, folder, f"{name}-values")
        np.save(folder / f"{name}-codes.npy", np.ascontiguousarray(pairs[:, 0]))
        np.save(folder / f"{name}-rows.npy", np.ascontiguousarray(pairs[:, 1]))
        np.save(folder / f"{name}-offsets.npy", np.searchsorted(pairs[:, 0], np.arange(len(distinct) + 1)))

    def mask(self, values: Iterable[str], size: int) -> npt.NDArray[np.bool_]:
        """Which of `size` documents have any of `values`."""
        mask = np.zeros(size, bool)
        for value in values:
            code = self.values.find(value)
            if code is not None:
                mask[self._rows[self._offsets[code] : self._offsets[code + 1]]] = True
        return mask

    def counts(self, mask: npt.NDArray[np.bool_], limit: int) -> list[tuple[str, int]]:
        """The most frequent values among the documents of `mask`, ties by value."""
        counts = np.bincount(self._codes[mask[self._rows]], minlength=len(self.values))
        order = np.argsort(-counts, kind="stable")[:limit]
        return [(self.values[code], int(counts[code])) for code in order.tolist() if counts[code]]
