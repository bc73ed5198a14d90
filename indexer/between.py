"""The rows of a feed as its first pass left them, on disk, so that the second need not read and clean them again."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import IO, Any, Final

from etalage.core.records import Product
from indexer import sources
from indexer.quality import Note

LIMIT: Final = 256 << 20
"""Bytes that are kept; the rows of a larger feed are read again, for a temporary folder may lie in memory."""

_BATCH: Final = 256

Mended = tuple[Product, list[Note]]
"""A product with its text repaired, and what was done."""

_given = attrgetter(*(one.name for one in fields(Product)))


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A row, the product that it became or why it did not, and that product as the survey mended it, where it was surveyed."""

    row: sources.Row
    product: Product | None
    reason: str
    mended: Mended | None = None


class Between:
    """Cleaned rows in a temporary file without a name: it is gone when the process is.

    Attributes:
        whole: whether every row that was added can be read back; it cannot when they were too many, the disk is full or a
            value cannot be written.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self.whole = True
        self._limit = limit
        self._file: IO[bytes] | None = None
        self._batch: list[tuple[Any, ...]] = []

    def add(self, one: Cleaned, *, raw: bool) -> None:
        """Keep a row; its values, as the feed has them, only with `raw`."""
        if not self.whole:
            return
        values = one.row.values if raw else None
        product = None if one.product is None else _given(one.product)
        mended = (_given(one.mended[0]), one.mended[1]) if one.mended is not None and one.mended[1] else None
        self._batch.append((one.row.line, values, one.reason, product, mended))
        if len(self._batch) == _BATCH:
            self._write()

    def _write(self) -> None:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="etalage-feed-")
            self._file.write(pickle.dumps(self._batch, 5))
            self._file.flush()
            self.whole = self._file.tell() <= self._limit
        except (OSError, RecursionError, pickle.PicklingError, TypeError, AttributeError):
            self.whole = False
        self._batch = []
        if not self.whole:
            self.close()

    def rows(self) -> Iterator[Cleaned]:
        """What was added, in order, once. Only where it is `whole`."""
        rest, self._batch = self._batch, []
        if self._file is not None:
            end = self._file.tell()
            self._file.seek(0)
            while self._file.tell() < end:
                yield from map(_restored, pickle.load(self._file))
        yield from map(_restored, rest)

    def close(self) -> None:
        """Remove the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _restored(kept: tuple[Any, ...]) -> Cleaned:
    line, values, reason, given, mended = kept
    row = sources.Row(line, {} if values is None else values)
    if given is None:
        return Cleaned(row, None, reason)
    product = Product(*given)
    return Cleaned(row, product, reason, (product, []) if mended is None else (Product(*mended[0]), mended[1]))
