"""Read the rows of a Parquet file as JSON Lines of the same table would give them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, Final

from etalage.core.errors import CatalogError

_LOCKED: Final = b"PARE"
MAGIC: Final = (b"PAR1", _LOCKED)
"""How a Parquet file begins, and one whose footer is encrypted."""

_BATCH: Final = 1000
_BUFFER: Final = 1 << 20
_INDEX: Final = re.compile(r"__index_level_\d+__")
"""Columns in which pandas keeps its row labels."""

_DAMAGED: Final = "Write or download it anew; a cut-off download also reads so."


def read(raw: IO[bytes], path: Path) -> Iterator[tuple[int, dict[str, Any], str]]:
    """Number (from 1), values by column, and fault of each row, streaming. `raw` is the open file at `path`.

    Times are ISO-8601 texts, decimals numbers, maps objects, bytes the text that they are, or nothing. NaN, which JSON
    lacks, is no value.

    Raises:
        CatalogError: the file is empty, damaged or encrypted, a column has no name of its own, or pyarrow is missing.
    """
    try:
        import pyarrow as arrow
        import pyarrow.parquet
    except ImportError as error:
        raise CatalogError(
            f"Parquet needs pyarrow, which cannot be loaded ({error})",
            value=path,
            remedy="Install it with: pip install 'etalage[parquet]'",
        ) from None
    if raw.read(4) == _LOCKED:
        raise _encrypted(path)
    number = 0
    try:
        # Column chunks are read through a buffer: a row group may be as large as the file.
        with arrow.parquet.ParquetFile(
            raw,
            pre_buffer=False,
            buffer_size=_BUFFER,
            coerce_int96_timestamp_unit="us",
            page_checksum_verification=True,
        ) as file:
            _refuse_columns(file.schema_arrow.names, path)
            if not file.metadata.num_rows:
                raise CatalogError("the feed is empty", value=path, remedy="Check that it is the right file.")
            for batch in file.iter_batches(_BATCH, use_threads=False):
                yield from _rows(_coarse(batch), number + 1)
                number += batch.num_rows
    except (arrow.ArrowException, OSError) as error:
        if "crypt" in str(error):
            raise _encrypted(path) from None
        where = f"after row {number}" if number else "before its first row"
        raise CatalogError(f"the Parquet feed is damaged {where} ({error})", value=path, remedy=_DAMAGED) from None


def _encrypted(path: Path) -> CatalogError:
    return CatalogError("the Parquet feed is encrypted", value=path, remedy="Write it without encryption.")


def _refuse_columns(names: list[str], path: Path) -> None:
    repeated = {name for name in names if names.count(name) > 1}
    if repeated or not all(names):
        raise CatalogError(
            "the feed names a column twice" if repeated else "the feed has a column without a name",
            value=", ".join(sorted(repeated)) or path,
            remedy="Give each column its own name.",
        )


def _rows(batch: Any, first: int) -> Iterator[tuple[int, dict[str, Any], str]]:
    """The rows of a record batch. One that Python cannot hold (no UTF-8, a year past 9999) is a fault of its own."""
    try:
        rows = batch.to_pylist()
    except (ValueError, OverflowError) as error:
        if batch.num_rows == 1:
            yield first, {}, f"cannot be read ({error})"
            return
        for at in range(batch.num_rows):
            yield from _rows(batch.slice(at, 1), first + at)
        return
    for number, row in enumerate(rows, first):
        yield number, {name: _plain(value) for name, value in row.items() if not _INDEX.fullmatch(name)}, ""


def _coarse(batch: Any) -> Any:
    """The batch with microseconds for nanoseconds, which Python's times do not have."""
    import pyarrow as arrow

    kinds = [_coarser(one.type) for one in batch.schema]
    if kinds == batch.schema.types:
        return batch
    columns = [
        column if column.type == kind else column.cast(kind, safe=False)
        for column, kind in zip(batch.columns, kinds, strict=True)
    ]
    return arrow.record_batch(columns, names=batch.schema.names)


def _coarser(kind: Any) -> Any:
    """A type with microseconds where it has nanoseconds, at any depth; else the type itself."""
    import pyarrow as arrow

    types = arrow.types
    if types.is_timestamp(kind) and kind.unit == "ns":
        return arrow.timestamp("us", kind.tz)
    if types.is_time64(kind) and kind.unit == "ns":
        return arrow.time64("us")
    if types.is_duration(kind) and kind.unit == "ns":
        return arrow.duration("us")
    if types.is_list(kind) or types.is_large_list(kind):
        inner = _coarser(kind.value_type)
        return kind if inner == kind.value_type else arrow.large_list(inner)
    if types.is_struct(kind):
        fields = [(one.name, _coarser(one.type)) for one in kind]
        return kind if [one.type for one in kind] == [inner for _, inner in fields] else arrow.struct(fields)
    if types.is_map(kind):
        inner = _coarser(kind.item_type)
        return kind if inner == kind.item_type else arrow.map_(kind.key_type, inner)
    return kind


def _plain(value: Any) -> Any:
    """The JSON value of what pyarrow gives."""
    match value:
        case None | str() | int():
            return value
        case float():
            return None if math.isnan(value) else value
        case list() if value and isinstance(value[0], tuple):  # only a map is a list of pairs
            return {str(_plain(name)): _plain(one) for name, one in value}
        case list() | tuple():
            return [_plain(one) for one in value]
        case dict():
            return {name: _plain(one) for name, one in value.items()}
        case date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Decimal():
            return _number(value)
        case bytes():
            return _text(value)
    return str(value)


def _number(value: Decimal) -> int | float | str:
    """A whole number as it is (a text where JSON readers would round it), else the nearest float."""
    if value != value.to_integral_value():
        return float(value)
    return int(value) if abs(value) < 2**63 else f"{value:f}"


def _text(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None
