"""The words of a catalog, in one checked file: what spelling, intents and negation know about a shop."""

from __future__ import annotations

import logging
import mmap
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import numpy as np
import numpy.typing as npt
import orjson

from etalage.core import durable
from etalage.core.errors import EngineError
from etalage.core.spelling import LONGEST, Speller, index
from etalage.core.text import stems, token_id

log = logging.getLogger(__name__)

VERSION: Final = 1
_MAGIC: Final = b"ETALAGE-VOCABULARY"
_MIX: Final = 0x9E3779B1
_SHORTEST: Final = 3

Ids = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a vocabulary says of the catalog.

    Attributes:
        generation, mark: what it was counted from (`SearchEngine.mark`).
        documents: how many there were.
        currency: of most prices, empty where none is named.
        priced: share of documents with a price.
        low, high: the 5th and the 95th percentile of prices, in minor units.
    """

    generation: str = ""
    mark: str = ""
    documents: int = 0
    currency: str = ""
    priced: float = 0.0
    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True, slots=True)
class Value:
    """A name that the catalog uses: of a `brand`, a `category`, or `colour` or `size` as an attribute; in `count` documents."""

    kind: str
    name: str
    count: int


def pair(first: int | Ids, second: int | Ids) -> Any:
    """The hash of two terms side by side, from their ids."""
    if isinstance(first, np.ndarray):
        return first * np.uint32(_MIX) + second
    return (first * _MIX + int(second)) & 0xFFFFFFFF


class Vocabulary:
    """Words of a catalog.

    Args:
        words: word → number of documents that have it in title, brand, category or attributes; 0 when it stands in descriptions
            alone.
        pairs: sorted hashes (`pair`) of stems that stand side by side in at least two titles, and in how many; uint32 [p].
        values: stems joined by blanks → what they name.
        speller: corrects words; made from `words` when None.
    """

    def __init__(
        self,
        facts: Facts,
        words: Mapping[str, int],
        pairs: tuple[Ids, Ids] | None = None,
        values: Mapping[str, Value] | None = None,
        speller: Speller | None = None,
    ) -> None:
        none = np.zeros(0, np.uint32)
        self.facts, self._words, self.values = facts, words, values or {}
        self._pairs, self._pair_counts = pairs or (none, none)
        self._given = speller
        self._stems = {stem for word in words for stem in stems(word)}

    def __contains__(self, word: str) -> bool:
        """Whether the catalog has a folded word, or another form of it."""
        return word in self._words or any(stem in self._stems for stem in stems(word))

    def count(self, word: str) -> int:
        """How many documents have a folded word, but for descriptions."""
        return self._words.get(word, 0)

    def together(self, first: str, second: str) -> int:
        """In how many titles two words stand side by side, in any form; 0 below two."""
        a, b = stems(first), stems(second)
        if not a or not b:
            return 0
        wanted = pair(token_id(a[-1]), token_id(b[0]))
        at = int(np.searchsorted(self._pairs, wanted))
        return int(self._pair_counts[at]) if at < len(self._pairs) and self._pairs[at] == wanted else 0

    @cached_property
    def speller(self) -> Speller:
        """What corrects words."""
        return self._given or Speller.of(offered(self._words, self.facts.documents))


def offered(words: Mapping[str, int], documents: int) -> dict[str, int]:
    """The words that others are corrected to; one that a single product of many has may be a slip itself."""
    least = 1 if documents < 10_000 else 2
    return {
        word: count
        for word, count in words.items()
        if count >= least and _SHORTEST <= len(word) <= LONGEST and word.isalpha()
    }


def write(
    path: Path, facts: Facts, words: Mapping[str, int], pairs: tuple[Ids, Ids], values: Mapping[str, Value]
) -> None:
    """Write a vocabulary, replacing the one of that path in one step."""
    known = sorted(words)
    good = sorted(offered(words, facts.documents))
    keys, rows = index(good)
    columns = {
        "counts": np.array([words[word] for word in known], np.uint32),
        "good": np.array([words[word] for word in good], np.uint32),
        "pairs": pairs[0],
        "pair_counts": pairs[1],
        "keys": keys,
        "rows": rows,
    }
    texts = {"words": "\n".join(known), "offered": "\n".join(good)}
    told = orjson.dumps(
        {
            "facts": asdict(facts),
            "texts": texts,
            "values": {key: [one.kind, one.name, one.count] for key, one in values.items()},
            "columns": {name: len(column) for name, column in columns.items()},
        }
    )
    body = told + b" " * (-len(told) % 4) + b"".join(column.astype("<u4").tobytes() for column in columns.values())
    head = _MAGIC + b" %d %08x %d" % (VERSION, crc32(body), len(told) + -len(told) % 4)
    head += b" " * (-(len(head) + 1) % 4) + b"\n"
    durable.replace(path, head + body)


def _mapped(path: Path) -> tuple[memoryview, int, int]:
    """A checked file in memory, where its JSON starts, and where its columns do. Raises EngineError."""
    remedy = "Index the catalog again with `etalage index FILE`."
    try:
        with open(path, "rb") as file:
            content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as error:
        raise EngineError(f"the vocabulary cannot be read ({error})", value=path, remedy=remedy) from None
    head = bytes(content[:256]).partition(b"\n")[0]
    parts = head.split()
    if len(parts) != 4 or parts[0] != _MAGIC or parts[1] != b"%d" % VERSION:
        raise EngineError("this is no vocabulary that this version reads", value=path, remedy=remedy)
    start = len(head) + 1
    if parts[2] != b"%08x" % crc32(content[start:]):
        raise EngineError("the vocabulary is damaged", value=path, remedy=remedy)
    return content, start, start + int(parts[3])


def facts_of(path: Path) -> Facts | None:
    """What a file was counted from; None when there is none that can be read."""
    try:
        content, start, end = _mapped(path)
    except EngineError:
        return None
    return Facts(**orjson.loads(content[start:end])["facts"])


def load(path: Path) -> Vocabulary:
    """Read a vocabulary. Raises EngineError when it is missing, damaged, or of another version."""
    content, start, end = _mapped(path)
    told = orjson.loads(content[start:end])
    columns: dict[str, Ids] = {}
    for name, size in told["columns"].items():
        columns[name] = np.frombuffer(content, "<u4", size, end)
        end += 4 * size
    words = _lines(told["texts"]["words"])
    return Vocabulary(
        Facts(**told["facts"]),
        dict(zip(words, columns["counts"].tolist(), strict=True)),
        (columns["pairs"], columns["pair_counts"]),
        {key: Value(*one) for key, one in told["values"].items()},
        Speller(_lines(told["texts"]["offered"]), columns["good"], columns["keys"], columns["rows"]),
    )


def _lines(joined: str) -> Sequence[str]:
    return joined.split("\n") if joined else []


class Kept:
    """The vocabulary of a path: read when it is first asked for, and again once the file changed. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._loaded: tuple[tuple[int, int], Vocabulary | None] | None = None

    def get(self) -> Vocabulary | None:
        """The vocabulary, or None where there is none that can be read, with a warning in the log."""
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            return None
        stamp = (stat.st_mtime_ns, stat.st_ino)
        loaded = self._loaded
        if loaded is None or loaded[0] != stamp:
            try:
                loaded = (stamp, load(self._path))
            except EngineError as error:
                log.warning("queries are taken as typed: %s", error)
                loaded = (stamp, None)
            self._loaded = loaded
        return loaded[1]
