"""Plain logs: a query a line, a query and its count, or a table with a header."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Final, TextIO

from etalage.core.errors import CatalogError
from etalage.core.events import MAX_FIELD
from etalage.core.privacy import personal
from etalage.core.text import normalize

QUERY_COLUMNS: Final = ("query", "user_query", "search_term", "search_query", "keyword", "oss_keyword")
COUNT_COLUMNS: Final = ("count", "frequency", "searches", "popularity", "users")
DATE_COLUMNS: Final = ("date", "timestamp", "time", "query_time", "day")
SHOPPER_COLUMNS: Final = ("user", "user_id", "client_id", "client", "session_id", "visitor")
_REMEDY: Final = "Give a query a line, `query<TAB>count`, or CSV whose first line names a column `query` (and `count`, `date`, `user`)."


@dataclass(frozen=True, slots=True)
class Listed:
    """A query of a plain log: how often it was typed, when (in days since 1970, 0 where it is not said), and by whom ("" where it is not said)."""

    text: str
    times: float = 1.0
    at: float = 0.0
    shopper: str = ""


def read(path: Path) -> Iterator[Listed]:
    """The queries of a plain log, streaming. A byte order mark and blank lines are passed over, and lines that were quoted as a whole are read
    again; what of a person is in a query (`privacy.personal`) is left out.

    Raises:
        CatalogError: the file cannot be read, has a header without a query, a count or date that is none, or a text that is too long.
    """
    try:
        with open(path, "rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
        with (
            gzip.open(path) if packed else open(path, "rb") as file,
            io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text,
        ):
            yield from _rows(text, path)
    except OSError as error:
        raise CatalogError(
            f"the file cannot be read ({error.strerror or error})", value=path, remedy="Check the path."
        ) from None
    except UnicodeDecodeError:
        raise CatalogError("the file is no UTF-8 text", value=path, remedy="Convert it to UTF-8.") from None
    except (EOFError, zlib.error, csv.Error) as error:
        raise CatalogError(f"the file cannot be read ({error})", value=path, remedy=_REMEDY) from None


def is_plain(path: Path) -> bool:
    """Whether a file is no JSON Lines. Raises CatalogError when it cannot be read."""
    try:
        with open(path, "rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else open(path, "rb") as file:
            for line in file:
                start = line.lstrip(b"\xef\xbb\xbf \t\r\n")
                if start:
                    return not start.startswith((b"{", b"["))
    except (OSError, EOFError, zlib.error) as error:
        raise CatalogError(f"the file cannot be read ({error})", value=path, remedy="Check the path.") from None
    return False


def _rows(file: TextIO, path: Path) -> Iterator[Listed]:
    lines = ((number, line) for number, line in enumerate(file, 1) if line.strip("\ufeff \t\r\n"))
    first = next(lines, None)
    if first is None:
        return
    mark = "\t" if "\t" in first[1] else ","
    header = [name.strip().lower() for name in _cells(first[1], mark)]
    columns = {
        field: next((header.index(name) for name in names if name in header), -1)
        for field, names in (
            ("query", QUERY_COLUMNS),
            ("count", COUNT_COLUMNS),
            ("date", DATE_COLUMNS),
            ("shopper", SHOPPER_COLUMNS),
        )
    }
    if columns["query"] < 0:
        if set(header) & {*COUNT_COLUMNS, *DATE_COLUMNS, *SHOPPER_COLUMNS}:
            raise CatalogError("the first line names no column of queries", value=", ".join(header), remedy=_REMEDY)
        for number, line in chain([first], lines):
            # Without a header a comma is a part of the query.
            cells = [cell.strip() for cell in line.strip("\ufeff\r\n").split("\t")]
            yield from _listed(cells, {"query": 0, "count": 1 if len(cells) > 1 else -1}, number, path)
        return
    for number, line in lines:
        yield from _listed(_cells(line, mark), columns, number, path)


def _cells(line: str, mark: str) -> Sequence[str]:
    """The cells of a line; once more where the whole line was quoted."""
    cells: list[str] = next(csv.reader([line.strip("\ufeff\r\n")], delimiter=mark), [])
    if len(cells) == 1 and mark in cells[0]:
        cells = next(csv.reader(cells, delimiter=mark), [])
    return cells


def _listed(cells: Sequence[str], columns: Mapping[str, int], number: int, path: Path) -> Iterator[Listed]:
    def cell(name: str) -> str:
        at = columns.get(name, -1)
        return cells[at].strip() if 0 <= at < len(cells) else ""

    text = normalize(cell("query"))
    if text and not personal(text):
        where = f"{path}, line {number}"
        if max(len(text), len(cell("shopper"))) > MAX_FIELD:
            raise CatalogError(
                f"a query or shopper is longer than {MAX_FIELD} characters",
                value=where,
                remedy="Shorten it, or take it out.",
            )
        yield Listed(text, _times(cell("count"), where), _at(cell("date"), where), cell("shopper"))


def _times(text: str, where: str) -> float:
    try:
        times = float(text.replace(",", "")) if text else 1.0
    except ValueError:
        times = -1.0
    if not 0 <= times < 1e15:
        raise CatalogError(
            f"the count is no number of times: {text[:40]}", value=where, remedy="Correct it, or leave it empty."
        )
    return times


def _at(text: str, where: str) -> float:
    if not text:
        return 0.0
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise CatalogError(
            f"the date is not ISO-8601: {text[:40]}", value=where, remedy="Write it as YYYY-MM-DD."
        ) from None
    return (at.replace(tzinfo=UTC) if at.tzinfo is None else at).timestamp() / 86400
