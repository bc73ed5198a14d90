"""Where the query's words stand in the candidates' token columns, one bit for each place: comparing, counting and finding the first and
the last place then take a few steps over whole columns."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from etalage.core.records import BRAND, CATEGORY

Bits = npt.NDArray[np.uint32]
"""Sets of places: bit p stands for place p of a column."""

WORD: Final = 32
"""Places in one number: the title's, the attributes', and those of brand and category together."""

TITLE_AT, ATTRIBUTES_AT, NAMES_AT = range(3)
"""Which number of a row of `tokens` has the places of the title, of the attributes, and of brand (first) and category."""

BRAND_BITS: Final = np.uint32((1 << BRAND) - 1)
CATEGORY_BITS: Final = np.uint32(((1 << CATEGORY) - 1) << BRAND)

_SPARE: Final = WORD - BRAND - CATEGORY


def tokens(records: npt.NDArray[np.void]) -> npt.NDArray[np.uint32]:
    """The stems of title, attributes, brand and category side by side, 0 = none: uint32 [n, 3 * WORD] of `records.RECORD` [n]."""
    parts = [records[name] for name in ("title", "attributes", "brand", "category")]
    return np.concatenate([*parts, np.zeros((len(records), _SPARE), np.uint32)], axis=1)


def equal(columns: npt.NDArray[np.uint32], ids: npt.NDArray[np.uint32]) -> Bits:
    """Where each of `ids` [m] stands in `columns` [n, k * WORD]: bits [k, m, n], each [m, n] contiguous."""
    return _packed(columns.reshape(-1) == ids[:, None], (len(ids), *columns.shape))


def filled(columns: npt.NDArray[np.uint32]) -> Bits:
    """Which places of `columns` [n, k * WORD] hold a token: bits [k, n]."""
    return _packed(columns.reshape(-1) != 0, (1, *columns.shape))[:, 0]


def packed(flags: npt.NDArray[np.bool_]) -> Bits:
    """Flags of places [n, WORD] as bits [n]."""
    return np.packbits(flags, axis=None, bitorder="little").view("<u4")


def count(places: Bits) -> npt.NDArray[np.int64]:
    """How many places there are in each set."""
    return np.bitwise_count(places).astype(np.int64)


def first(places: Bits) -> npt.NDArray[np.int64]:
    """The first place of each set, `WORD` for an empty one."""
    return count(~places & (places - np.uint32(1)))


def after_last(places: Bits) -> npt.NDArray[np.int64]:
    """One more than the last place of each set, 0 for an empty one."""
    return np.frexp(places.astype(np.float64))[1].astype(np.int64)


def _packed(hits: npt.NDArray[np.bool_], shape: tuple[int, int, int]) -> Bits:
    terms, size, places = shape
    numbers = packed(hits).reshape(terms, size, places // WORD)
    return np.ascontiguousarray(numbers.transpose(2, 0, 1))
