"""The completion index: sorted starts of words, and the best completions of every crowded prefix, in one checked file."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4
from zlib import crc32

import orjson

from autocomplete.querylog import Entry
from etalage.core.errors import EngineError
from etalage.core.text import fold

VERSION: Final = 1
CURRENT: Final = "CURRENT"
INNER: Final = 0.3
"""What a completion counts when the prefix starts one of its later words."""

_MAGIC: Final = b"ETALAGE-COMPLETIONS"
_CROWDED: Final = 128
_KEPT: Final = 100
_LAST: Final = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Index:
    """Completions ready for lookup.

    Attributes:
        entries: the completions.
        keys: folded text from each word's start to the end, sorted.
        rows: (entry, score) of each key.
        tops: the best rows of prefixes that more than `_CROWDED` keys share.
    """

    entries: list[Entry]
    keys: list[str]
    rows: list[tuple[int, float]]
    tops: dict[str, list[tuple[int, float]]]

    def find(self, prefix: str, k: int) -> list[tuple[int, float]]:
        """The best (entry, score) whose text, or a word in it, starts with a folded prefix; ties by text."""
        found = self.tops.get(prefix)
        if found is None or k > _KEPT:
            low = bisect_left(self.keys, prefix)
            high = bisect_left(self.keys, prefix + _LAST, low)
            found = _best(self.entries, self.rows[low:high], k)
        return found[:k]


def make(entries: Sequence[Entry]) -> Index:
    """The index of completions; of texts that fold alike the best-scored stays."""
    best: dict[str, Entry] = {}
    for entry in entries:
        folded = fold(entry.text)
        if folded and (folded not in best or best[folded].score < entry.score):
            best[folded] = entry
    kept = list(best.values())
    pairs = sorted(
        (folded[start:], number, entry.score * (1.0 if start == 0 else INNER))
        for number, (folded, entry) in enumerate(best.items())
        for start in _starts(folded)
    )
    keys = [key for key, _, _ in pairs]
    rows = [(number, score) for _, number, score in pairs]
    return Index(kept, keys, rows, _tops(kept, keys, rows))


def _starts(folded: str) -> list[int]:
    return [0, *(at + 1 for at, char in enumerate(folded) if char == " ")]


def _tops(entries: list[Entry], keys: list[str], rows: list[tuple[int, float]]) -> dict[str, list[tuple[int, float]]]:
    tops: dict[str, list[tuple[int, float]]] = {}
    pending = [("", 0, len(keys))]
    while pending:
        prefix, low, high = pending.pop()
        if high - low <= _CROWDED:
            continue
        tops[prefix] = _best(entries, rows[low:high], _KEPT)
        while low < high:
            if len(keys[low]) == len(prefix):
                low += 1
                continue
            longer = keys[low][: len(prefix) + 1]
            end = bisect_left(keys, longer + _LAST, low, high)
            pending.append((longer, low, end))
            low = end
    return tops


def _best(entries: list[Entry], rows: Sequence[tuple[int, float]], k: int) -> list[tuple[int, float]]:
    scores: dict[int, float] = {}
    for number, score in rows:
        if score > scores.get(number, -1.0):
            scores[number] = score
    return sorted(scores.items(), key=lambda row: (-row[1], entries[row[0]].text))[:k]


def write(folder: Path, entries: Sequence[Entry]) -> Path:
    """Write completions as a new file of `folder` and let `CURRENT` name it; older files but the last are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    body = orjson.dumps([[one.text, one.score, one.type] for one in entries])
    path = folder / f"completions-{crc32(body):08x}-{uuid4().hex[:8]}.json"
    _durable(path, _MAGIC + b" %d %08x\n" % (VERSION, crc32(body)) + body)
    before = current(folder)
    draft = folder / f"{CURRENT}.{uuid4().hex[:8]}"
    _durable(draft, path.name.encode())
    draft.replace(folder / CURRENT)
    for old in folder.glob("completions-*.json"):
        if old.name not in (path.name, before):
            old.unlink(missing_ok=True)
    return path


def _durable(path: Path, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def current(folder: Path) -> str | None:
    """The name of the current file, or None before any was written."""
    try:
        return (folder / CURRENT).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def load(path: Path) -> Index:
    """Read a file of completions.

    Raises:
        EngineError: it is missing, damaged, or of another version.
    """
    remedy = "Build them again with `etalage events import FILE` or `etalage index FILE`."
    try:
        head, _, body = path.read_bytes().partition(b"\n")
    except OSError as error:
        raise EngineError(f"completions cannot be read ({error.strerror})", value=path, remedy=remedy) from None
    parts = head.split(b" ")
    if len(parts) != 3 or parts[0] != _MAGIC:
        raise EngineError("this is no file of completions", value=path, remedy=remedy)
    if parts[1] != b"%d" % VERSION:
        raise EngineError(
            f"completions of version {parts[1].decode(errors='replace')}, this one reads {VERSION}",
            value=path,
            remedy=remedy,
        )
    if parts[2] != b"%08x" % crc32(body):
        raise EngineError("the file of completions is damaged", value=path, remedy=remedy)
    return make([Entry(text, score, kind) for text, score, kind in orjson.loads(body)])
