"""Read a feed, row by row: CSV, TSV, JSON Lines (gzipped or not) or Parquet, told apart by content."""

from __future__ import annotations

import csv
import gzip
import io
import re
import sys
import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Final

import orjson

from etalage.core.errors import CatalogError
from indexer import parquet

_REMEDY: Final = "Give a CSV, TSV or JSON Lines file in UTF-8, gzipped or not, or a Parquet file."
_SNIFF: Final = 64 * 1024
_GZIP: Final = b"\x1f\x8b"
_ESCAPED: Final = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its line in the file (of a CSV record, the last; of a Parquet file, the row's number), its values by
    column, or why it cannot be read."""

    line: int
    values: dict[str, Any]
    fault: str = ""


def digest(path: Path) -> str:
    """SHA-256 of the file. Raises CatalogError when it cannot be read."""
    total = sha256()
    with _binary(path) as file:
        while block := file.read(1 << 20):
            total.update(block)
    return total.hexdigest()


def read(path: Path) -> Generator[Row, None, None]:
    """The rows of a feed, streaming; close it when not reading to the end.

    Raises:
        CatalogError: the file is missing, empty, binary, damaged or encrypted, its header is not UTF-8, or it is Parquet
            and pyarrow is missing.
    """
    with _binary(path) as raw:
        magic = raw.read(4)
        raw.seek(0)
        if magic in parquet.MAGIC:
            yield from (Row(*one) for one in parquet.read(raw, path))
            return
        stream = gzip.open(raw) if magic[:2] == _GZIP else raw
        try:
            yield from _rows(stream, path)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise CatalogError(f"the gzipped feed is damaged ({error})", value=path, remedy=_REMEDY) from None


def _binary(path: Path) -> IO[bytes]:
    try:
        return open(path, "rb")
    except OSError as error:
        raise CatalogError(
            f"the feed cannot be read ({error.strerror})", value=path, remedy="Check the path."
        ) from None


def _rows(stream: Any, path: Path) -> Iterator[Row]:
    buffered = io.BufferedReader(stream, _SNIFF)
    head = buffered.peek(_SNIFF)[:_SNIFF]
    if head[:4] in parquet.MAGIC:
        raise CatalogError(
            "the Parquet feed is gzipped", value=path, remedy="Unpack it; Parquet is compressed in itself."
        )
    first, _, _ = head.partition(b"\n")
    if b"\x00" in first + head[:64]:
        raise CatalogError("the feed is a binary file", value=path, remedy=_REMEDY)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        raise CatalogError("the feed is empty", value=path, remedy=_REMEDY)
    if start[:1] == b"[":
        raise CatalogError("the feed is one JSON array", value=path, remedy="Write one object a line (JSON Lines).")
    # One row in another encoding spoils no other: its bytes come as lone surrogates.
    with io.TextIOWrapper(buffered, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        yield from _json_lines(text) if start[:1] == b"{" else _delimited(text, start, path)


def _json_lines(text: io.TextIOWrapper) -> Iterator[Row]:
    for line, content in enumerate(text, 1):
        if not content.strip():
            continue
        if _foreign(content):
            yield Row(line, {}, _not_utf8(content))
            continue
        try:
            values = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            yield Row(line, {}, f"is not JSON ({error}): {content.strip()[:80]}")
            continue
        if isinstance(values, dict):
            yield Row(line, values)
        else:
            yield Row(line, {}, f"is not a JSON object: {content.strip()[:80]}")


def _delimited(text: io.TextIOWrapper, start: bytes, path: Path) -> Iterator[Row]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    first = start.split(b"\n", 1)[0]
    delimiter = max("\t,;|", key=lambda one: first.count(one.encode()))
    ended = False

    def to_the_end() -> Iterator[str]:
        nonlocal ended
        yield from text
        ended = True

    lines = csv.reader(to_the_end(), delimiter=delimiter)
    header = [name.strip() for name in next(lines, [])]
    if any(map(_foreign, header)):
        raise CatalogError("the feed is not UTF-8 text", value=f"{path}: {_shown(delimiter.join(header))}", remedy=_REMEDY)
    repeated = {name for name in header if header.count(name) > 1}
    if repeated or not all(header):
        raise CatalogError(
            "the header has a column without a name" if not repeated else "the header names a column twice",
            value=", ".join(sorted(repeated)) or first.decode("utf-8", "replace"),
            remedy="Give each column its own name.",
        )
    while True:
        begin = lines.line_num + 1
        try:
            row = next(lines, None)
        except csv.Error as error:
            yield Row(lines.line_num, {}, f"is not CSV ({error})")
            continue
        if row is None:
            return
        if ended:
            # Only an open quote makes the reader look for another line; it has swallowed every row up to the end.
            raise CatalogError(
                f"a quoted cell of the row that begins on line {begin} is never closed",
                value=path,
                remedy="Close the quote, or double it where it is part of the text; a cut-off download also ends so.",
            )
        if not any(cell.strip() for cell in row):
            continue
        if any(map(_foreign, row)):
            yield Row(lines.line_num, {}, _not_utf8(delimiter.join(row)))
            continue
        if len(row) != len(header):
            yield Row(lines.line_num, {}, f"has {len(row)} cells, the header {len(header)}: {delimiter.join(row)[:80]}")
            continue
        yield Row(lines.line_num, dict(zip(header, row, strict=True)))


def _foreign(text: str) -> bool:
    """Whether a text was read from bytes that are not UTF-8."""
    return not text.isascii() and _ESCAPED.search(text) is not None


def _not_utf8(text: str) -> str:
    return f"is not UTF-8: {_shown(text)}"


def _shown(text: str) -> str:
    """The beginning of a text, with bytes that are not UTF-8 as numbers."""
    return text[:80].strip().encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
