"""Sorted texts, front-coded in blocks of `BLOCK`: the first text of a block whole, each other one as the number of bytes that it
shares with the text before it, and the rest (Witten, Moffat and Bell, Managing Gigabytes, 2nd ed., 4.1)."""

from __future__ import annotations

from typing import Final

import numpy as np

from autocomplete.kernels.compiled import Bytes, Ids, Whole, compiled, whole

BLOCK: Final = 16
LONGEST: Final = 240
"""Bytes of the longest text."""


@compiled
def encode(data: Bytes, offsets: Whole, out: Bytes, blocks: Ids) -> int:
    """Write the sorted texts data[offsets[i]:offsets[i + 1]] to `out`, and where each block begins; bytes written."""
    at = 0
    for row in range(len(offsets) - 1):
        low, high = offsets[row], offsets[row + 1]
        shared = 0
        if row % BLOCK == 0:
            blocks[row // BLOCK] = at
        else:
            before = offsets[row - 1]
            while shared < high - low and before + shared < low and data[before + shared] == data[low + shared]:
                shared += 1
            out[at] = shared
            at += 1
        out[at] = high - low - shared
        at += 1
        for i in range(low + shared, high):
            out[at] = data[i]
            at += 1
    return at


@compiled
def _compare(data: Bytes, at: int, q: Bytes, after: bool) -> int:
    """Order of the whole text at `at` and q, -1, 0 or 1; with `after`, a text that starts with q is before it."""
    size = whole(data[at])
    for i in range(min(size, len(q))):
        byte = data[at + 1 + i]
        if byte != q[i]:
            return -1 if byte < q[i] else 1
    if size < len(q) or after:
        return -1
    return 1 if size > len(q) else 0


@compiled
def bound(data: Bytes, blocks: Ids, count: int, q: Bytes, after: bool) -> int:
    """The first of `count` texts that is not before q; with `after`, the first beyond all that start with q."""
    low, high = 0, len(blocks)
    while low < high:
        middle = (low + high) >> 1
        if _compare(data, whole(blocks[middle]), q, after) < 0:
            low = middle + 1
        else:
            high = middle
    if low == 0:
        return 0
    first = (low - 1) * BLOCK
    last = min(first + BLOCK, count)
    at = whole(blocks[low - 1])
    size = whole(data[at])
    at += 1
    # The text that is looked at is before the bound, and its first `same` bytes are those of q.
    same = 0
    while same < size and same < len(q) and data[at + same] == q[same]:
        same += 1
    at += size
    for row in range(first + 1, last):
        shared = whole(data[at])
        rest = whole(data[at + 1])
        at += 2
        if shared < same:
            return row
        if shared == same and same < len(q):
            i = 0
            while i < rest and same < len(q) and data[at + i] == q[same]:
                same += 1
                i += 1
            if same == len(q):
                if not after:
                    return row
            elif i < rest and data[at + i] > q[same]:
                return row
        at += rest
    return last


@compiled
def text(data: Bytes, blocks: Ids, row: int, out: Bytes, to: int) -> int:
    """Write a text to out[to:]; its bytes."""
    at = whole(blocks[row // BLOCK])
    size = whole(data[at])
    at += 1
    for i in range(size):
        out[to + i] = data[at + i]
    at += size
    for _ in range(row % BLOCK):
        shared = whole(data[at])
        rest = whole(data[at + 1])
        at += 2
        for i in range(rest):
            out[to + shared + i] = data[at + i]
        at += rest
        size = shared + rest
    return size


@compiled
def find(data: Bytes, blocks: Ids, count: int, q: Bytes) -> int:
    """The row of the text that is q, or -1."""
    row = bound(data, blocks, count, q, False)
    if row == count:
        return -1
    out = np.empty(256, np.uint8)
    size = text(data, blocks, row, out, 0)
    if size != len(q):
        return -1
    for i in range(size):
        if out[i] != q[i]:
            return -1
    return row
