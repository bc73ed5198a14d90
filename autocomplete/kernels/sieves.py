"""Which documents a long list may hold: what is not in a list is mostly known by one or two bits.

The sieve of a list has one bit for every document, or, where that would be many more than the list has documents, a bit for some neighbours
together and a second one, by a hash, in the same line of memory (a blocked Bloom filter: Putze, Sanders and Singler, WEA 2007).
"""

from __future__ import annotations

from typing import Final

from autocomplete.kernels.compiled import Bytes, Ids, Whole, compiled, whole

LEAST: Final = 512
"""Documents of the shortest list that has a sieve."""

SPARSE: Final = 16
"""A sieve has less than this many bits for each document of its list, and at least half as many, unless there is one for every document."""

_LINE: Final = 512
_MIX: Final = 0x9E3779B1


@compiled
def blur(total: int, size: int) -> int:
    """How many documents, as a power of two, a bit stands for in the sieve of a list of `size` of `total` documents."""
    found = 0
    while (total >> found) >= SPARSE * size:
        found += 1
    return found


@compiled
def second(doc: int, first: int) -> int:
    """The second bit of a document."""
    return (first & ~(_LINE - 1)) | (((doc * _MIX) >> 16) & (_LINE - 1))


@compiled
def places(starts: Ids, total: int, out: Whole) -> int:
    """Note in `out` where the sieve of each list begins, in bytes; -1 where it has none. How many bytes all take."""
    used = 0
    for word in range(len(starts) - 1):
        size = whole(starts[word + 1]) - whole(starts[word])
        out[word] = -1
        if size >= LEAST:
            out[word] = used
            used += ((total >> blur(total, size)) // _LINE + 1) * (_LINE // 8)
    return used


@compiled
def fill(starts: Ids, docs: Ids, total: int, begins: Whole, out: Bytes) -> None:
    """Set the bits of all lists in `out`, which is zero."""
    for word in range(len(starts) - 1):
        if begins[word] >= 0:
            shift = blur(total, whole(starts[word + 1]) - whole(starts[word]))
            for at in range(starts[word], starts[word + 1]):
                bit = whole(docs[at]) >> shift
                out[begins[word] + (bit >> 3)] |= 1 << (bit & 7)
                if shift:
                    bit = second(whole(docs[at]), bit)
                    out[begins[word] + (bit >> 3)] |= 1 << (bit & 7)
