"""Which line of a feed had an id first, for tens of millions of ids in little memory."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

_HASH: Final = 17
_ARRAYS: Final = 1 << 14
_KEY: Final = 15
_LINE: Final = 6
_RECORD: Final = _KEY + _LINE


class Identities:
    """Ids by the line on which each was seen first, in 21 bytes an id and the slack of growing arrays.

    An id is known by 134 bits of BLAKE2b, at which two ids do not meet by chance nor on purpose. 14 bits choose an array;
    the others lie in it, each followed by its line, and are searched for from the start: ten million ids make arrays of
    12 KB.
    """

    def __init__(self) -> None:
        self._arrays: dict[int, bytearray] = {}
        self._count = 0

    def __len__(self) -> int:
        """How many ids were seen."""
        return self._count

    def first(self, id: str, line: int) -> int:
        """The line on which `id` was seen first: `line` itself when it is new."""
        prefix, key = _split(id)
        array = self._arrays.get(prefix)
        if array is None:
            array = self._arrays[prefix] = bytearray()
        at = _place(array, key)
        if at >= 0:
            return int.from_bytes(array[at + _KEY : at + _RECORD])
        array += key + line.to_bytes(_LINE)
        self._count += 1
        return line

    def __contains__(self, id: str) -> bool:
        """Whether `id` was seen."""
        prefix, key = _split(id)
        return _place(self._arrays.get(prefix, bytearray()), key) >= 0


def _split(id: str) -> tuple[int, bytes]:
    """The array of an id, and its key there."""
    digest = blake2b(id.encode("utf-8", "surrogatepass"), digest_size=_HASH).digest()
    return int.from_bytes(digest[_KEY:]) % _ARRAYS, digest[:_KEY]


def _place(array: bytearray, key: bytes) -> int:
    """Where a key stands in an array; -1 where it does not."""
    at = array.find(key)
    while at % _RECORD and at >= 0:  # across two records, or within a line: not a key
        at = array.find(key, at + 1)
    return at
