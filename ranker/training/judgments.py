"""Read judgments (qrels): CSV `query,docid,rating`, or TREC with a file of queries."""

from __future__ import annotations

import csv
import gzip
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from etalage.core.errors import QueryError
from etalage.core.text import normalize

Qrels = dict[str, dict[str, float]]
"""Query → document id → rating."""

_COLUMNS: Final = ("query", "docid", "rating")


@dataclass(frozen=True, slots=True)
class Judgments:
    """Qrels, the topic number or name of each query, and the hash of the file they came from."""

    qrels: Qrels
    topics: dict[str, str]
    digest: str

    @property
    def documents(self) -> set[str]:
        """Every judged document's id."""
        return {document for ratings in self.qrels.values() for document in ratings}


def read(path: Path, queries: Path | None = None) -> Judgments:
    """Read a qrels file, gzipped or not.

    Args:
        path: CSV with the header `query,docid,rating` (ratings ≥ 0, fractions allowed), or TREC lines
            `topic 0 docid rating` when `queries` is given.
        queries: the TREC topics' text, lines `topic<TAB>text` or `topic,text`.

    Raises:
        QueryError: a file is missing, not text, without judgments, or a line is wrong; it names the line.
    """
    content = _content(path)
    if queries is None:
        qrels = _csv(content, path)
        topics = {query: str(number) for number, query in enumerate(qrels, 1)}
    else:
        named = _topics(_content(queries), queries)
        qrels = _trec(content, path, named)
        topics = {query: topic for topic, query in named.items()}
    if not qrels:
        raise QueryError("the qrels file holds no judgments", value=path, remedy="Lines are query,docid,rating.")
    return Judgments(qrels, topics, sha256(content.encode()).hexdigest()[:16])


def _content(path: Path) -> str:
    try:
        raw = path.read_bytes()
        if raw[:2] == b"\x1f\x8b":
            raw = gzip.decompress(raw)
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise QueryError(
            f"the file cannot be read ({error.strerror or error})", value=path, remedy="Check it."
        ) from None
    except (UnicodeDecodeError, EOFError):
        raise QueryError("the file is not UTF-8 text", value=path, remedy="Give a CSV or TREC qrels file.") from None


def _csv(content: str, path: Path) -> Qrels:
    lines = csv.reader(io.StringIO(content, newline=""))
    header = [name.strip().lower() for name in next(lines, [])]
    if not set(_COLUMNS) <= set(header):
        raise QueryError(
            "the qrels file needs the columns query, docid and rating",
            value=f"{path} has {', '.join(header) or 'none'}",
            remedy="Name them in the first line; for TREC qrels give the topics with --queries.",
        )
    at = [header.index(name) for name in _COLUMNS]
    qrels: Qrels = {}
    for row in lines:
        if not row:
            continue
        if len(row) <= max(at):
            raise _wrong(path, lines.line_num, ",".join(row), "has too few columns")
        query, document, rating = (row[column] for column in at)
        _add(qrels, query, document, rating, path, lines.line_num)
    return qrels


def _trec(content: str, path: Path, topics: dict[str, str]) -> Qrels:
    qrels: Qrels = {}
    for number, line in _lines(content):
        parts = line.split()
        if len(parts) != 4:
            raise _wrong(path, number, line, "is not `topic 0 docid rating`")
        if parts[0] not in topics:
            raise _wrong(path, number, line, "names a topic that --queries does not have")
        _add(qrels, topics[parts[0]], parts[2], parts[3], path, number)
    return qrels


def _topics(content: str, path: Path) -> dict[str, str]:
    topics = {}
    for number, line in _lines(content):
        topic, tab, query = line.partition("\t") if "\t" in line else line.partition(",")
        if not tab or not query.strip():
            raise _wrong(path, number, line, "is not `topic<TAB>query`")
        topics[topic.strip()] = normalize(query)
    return topics


def _lines(content: str) -> Iterator[tuple[int, str]]:
    return ((number, line) for number, line in enumerate(content.splitlines(), 1) if line.strip())


def _add(qrels: Qrels, query: str, document: str, rating: str, path: Path, line: int) -> None:
    try:
        value = float(rating)
    except ValueError:
        raise _wrong(path, line, rating, "has a rating that is not a number") from None
    if not math.isfinite(value) or value < 0:
        raise _wrong(path, line, rating, "has a rating that is not a number ≥ 0")
    if not document.strip():
        raise _wrong(path, line, query, "has no docid")
    qrels.setdefault(normalize(query), {})[document.strip()] = value


def _wrong(path: Path, line: int, value: str, what: str) -> QueryError:
    return QueryError(f"line {line} of {path} {what}", value=value, remedy="Correct the line.")
