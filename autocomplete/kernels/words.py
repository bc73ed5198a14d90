"""Where the words of a text are."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from autocomplete.kernels.compiled import Bytes, Whole, compiled

MOST_WORDS: Final = 60
"""Words of a completion that count."""

_POINT, _COMMA, _ZERO, _NINE = 46, 44, 48, 57


@compiled
def split(data: Bytes, low: int, high: int, starts: Whole, ends: Whole) -> int:
    """Note where the words of the folded text data[low:high] begin and end; how many, at most len(starts).

    A word is a run of letters and digits, with a point or comma between digits. A Chinese character or a kana is a word of its own
    (U+3040 to U+9FFF and the planes beyond the emoji); other characters beyond ASCII are letters.
    """
    found = 0
    inside = False
    at = low
    while at < high and found < len(starts):
        byte = data[at]
        size = 1 if byte < 0x80 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
        gap, alone = False, False
        if size == 1:
            gap = not (_ZERO <= byte <= _NINE or 97 <= byte <= 122 or 65 <= byte <= 90)
            if gap and inside and data[at] in (_POINT, _COMMA) and at + 1 < high:
                gap = not (_ZERO <= data[at - 1] <= _NINE and _ZERO <= data[at + 1] <= _NINE)
        elif at + 1 < high:
            gap = byte == 0xE3 and data[at + 1] == 0x80
            alone = not gap and ((0xE3 <= byte <= 0xE9) or (byte == 0xF0 and data[at + 1] >= 0xA0))
        if (gap or alone) and inside:
            ends[found] = at
            found += 1
            inside = False
            if found == len(starts):
                return found
        if alone:
            starts[found] = at
            ends[found] = min(at + size, high)
            found += 1
        elif not gap and not inside:
            starts[found] = at
            inside = True
        at += size
    if inside:
        ends[found] = high
        found += 1
    return found


@compiled
def occurrences(
    data: Bytes,
    offsets: Whole,
    hashes: npt.NDArray[np.uint64],
    begins: Whole,
    sizes: npt.NDArray[np.uint8],
    numbers: npt.NDArray[np.uint8],
) -> int:
    """The words of all texts data[offsets[i]:offsets[i + 1]], in order; how many.

    Each word's hash (FNV-1a, 64 bits), where it begins and its bytes are noted, and how many words each text has.
    """
    starts = np.empty(MOST_WORDS, np.int64)
    ends = np.empty(MOST_WORDS, np.int64)
    total = 0
    for row in range(len(offsets) - 1):
        found = split(data, offsets[row], offsets[row + 1], starts, ends)
        numbers[row] = found
        for i in range(found):
            value = np.uint64(14695981039346656037)
            for j in range(starts[i], ends[i]):
                value = (value ^ np.uint64(data[j])) * np.uint64(1099511628211)
            hashes[total] = value
            begins[total] = starts[i]
            sizes[total] = ends[i] - starts[i]
            total += 1
    return total
