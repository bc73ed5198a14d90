"""The signals of products as they were computed last, in one checked file that is replaced as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from zlib import crc32

import orjson

from ranker.behaviour import checked
from ranker.behaviour.signals import Numbers

VERSION: Final = 1
TOLERANCE: Final = 0.05
"""Share by which a number may change before it is taken for another: popularity decays a little every day, and a product would be
written every day for it."""

BEFORE: Final = 3
"""Refreshes whose numbers are remembered once they are replaced: a change of the same moment may have left some of them."""

_MAGIC: Final = b"ETALAGE-SIGNALS"

Row = tuple[float | None, ...]
"""Popularity, click rate and purchase rate, in the order of `opensearch.fields.SIGNALS`."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Numbers of products by id, those that they replaced (latest first; `settled` adds to them, `short` forgets the oldest), and
    the hash that tells the numbers from others."""

    numbers: Mapping[str, Row] = field(default_factory=dict)
    before: Sequence[Mapping[str, Row]] = ()
    digest: str = ""

    def ever(self, id: str) -> Iterator[Row]:
        """The numbers that a product has and had."""
        return (one[id] for one in (self.numbers, *self.before) if id in one)

    def short(self) -> Kept:
        """What is kept once every product has its numbers; before that, one that was killed may have left older ones."""
        return Kept(self.numbers, self.before[:BEFORE], self.digest)


def settled(old: Kept, found: Mapping[str, Numbers]) -> Kept:
    """What is kept after `old`: new numbers, but the old ones where they differ by no more than `TOLERANCE`."""
    numbers = {}
    for id, one in found.items():
        row, had = (one.popularity, one.click_rate, one.purchase_rate), old.numbers.get(id)
        numbers[id] = row if had is None else tuple(map(_settled, had, row))
    replaced = {id: row for id, row in old.numbers.items() if numbers.get(id) != row}
    return Kept(numbers, (replaced, *old.before) if replaced else old.before)


def _settled(old: float | None, new: float | None) -> float | None:
    return old if old is not None and new is not None and abs(new - old) <= TOLERANCE * old else new


def write(path: Path, kept: Kept) -> None:
    """Replace the file, in one step."""
    checked.write(path, _MAGIC, VERSION, orjson.dumps([kept.numbers, list(kept.before)]))


def read(path: Path) -> Kept:
    """What the file holds; nothing where there is none.

    Raises:
        EngineError: it cannot be read, is damaged, or of another version.
    """
    remedy = "Remove it, index the feed, and run `etalage signals refresh`."
    body = checked.read(path, _MAGIC, VERSION, "the file of signals", remedy)
    if body is None:
        return Kept()
    numbers, before = orjson.loads(body)
    rows = [{id: tuple(row) for id, row in one.items()} for one in (numbers, *before)]
    return Kept(rows[0], rows[1:], f"{crc32(orjson.dumps(numbers)):08x}")
