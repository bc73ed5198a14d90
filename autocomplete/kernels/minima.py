"""Range minima: where the least number of a stretch is, by a tree of the minima of `FAN` numbers, of `FAN` of those, and so on."""

from __future__ import annotations

from typing import Final

import numpy as np

from autocomplete.kernels.compiled import Ids, Whole, compiled

FAN: Final = 16


@compiled
def grow(values: Ids, tree: Ids, levels: Whole) -> None:
    """Fill `tree` with the minima over `values`; level i of it is tree[levels[i]:levels[i + 1]]."""
    for level in range(len(levels) - 1):
        below = levels[level - 1] if level else 0
        size = levels[level] - below if level else len(values)
        for i in range(levels[level + 1] - levels[level]):
            least = np.uint32(0xFFFFFFFF)
            for j in range(i * FAN, min(i * FAN + FAN, size)):
                value = tree[below + j] if level else values[j]
                if value < least:
                    least = value
            tree[levels[level] + i] = least


@compiled
def least(values: Ids, tree: Ids, levels: Whole, low: int, high: int) -> int:
    """Where the least of values[low:high] is; low < high."""
    best, where, height = values[low], low, 0
    level = 0
    while True:
        base = levels[level - 1] if level else 0
        # What does not fill a run is looked at here, the whole runs one level up.
        whole = high - low <= 2 * FAN or level == len(levels) - 1
        stop = high if whole else (low + FAN - 1) // FAN * FAN
        for i in range(low, stop):
            value = tree[base + i] if level else values[i]
            if value < best:
                best, where, height = value, i, level
        if whole:
            break
        for i in range(high // FAN * FAN, high):
            value = tree[base + i] if level else values[i]
            if value < best:
                best, where, height = value, i, level
        low, high, level = stop // FAN, high // FAN, level + 1
    while height > 0:
        height -= 1
        where *= FAN
        if height:
            while tree[levels[height - 1] + where] != best:
                where += 1
        else:
            while values[where] != best:
                where += 1
    return where
