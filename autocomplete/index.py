"""The completion index: made from columns, written as one file, searched by the kernels."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from autocomplete import keyboard, mapped
from autocomplete.forms import SMALL
from autocomplete.kernels import coding, minima, sieves, words
from autocomplete.kernels.compiled import Bytes, Ids, Real, Scores, Whole
from autocomplete.kernels.lists import Lists, Texts
from autocomplete.kernels.matching import exact, show
from autocomplete.kernels.nearness import approximate
from autocomplete.pinyin import aliases
from autocomplete.querylog import TYPES, Entry
from autocomplete.typed import key
from etalage.core.text import stems, token_id

TRAITS: Final = ("popularity", "trend", "clicked", "bought")
"""What is known of a completion, each from 0 to 1 in steps of 1/255; `trend` is 0.5 where nothing changes."""

LEAST: Final = 1e-6
"""The least score of an entry: what was typed long ago counts next to nothing, but logarithms are taken of it."""

SURFACE, SOLD_OUT = 16, 32
"""Flags: it is shown otherwise than it is compared; none of what it finds is in stock."""

_MIX: Final = 0x9E3779B97F4A7C15

ANYTHING: Final = np.zeros(4, np.int64)


@dataclass(frozen=True, slots=True)
class Columns:
    """Completions to index; rows of all columns belong together.

    Attributes:
        texts: as they are shown.
        scores: float32, above 0: what they are ordered by.
        types: uint8, places in `TYPES`; all queries where empty.
        categories: the path of the category that each leads to, "" for none; none at all where empty.
        traits: uint8 [n, len(TRAITS)]; none where empty.
        sold_out: bool; none where empty.
        aliases: other texts that lead to a row.
        notes: row → what is told with it.
    """

    texts: Sequence[str]
    scores: Scores
    types: npt.NDArray[np.uint8] = field(default_factory=lambda: np.empty(0, np.uint8))
    categories: Sequence[str] = ()
    traits: npt.NDArray[np.uint8] = field(default_factory=lambda: np.empty((0, len(TRAITS)), np.uint8))
    sold_out: npt.NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))
    aliases: Sequence[tuple[str, int]] = ()
    notes: Mapping[int, str] = field(default_factory=dict)


def columns(entries: Sequence[Entry]) -> Columns:
    """Entries as columns."""
    traits = np.array([[one.popularity, one.trend, one.clicked, one.bought] for one in entries]).reshape(
        -1, len(TRAITS)
    )
    return Columns(
        [one.text for one in entries],
        np.array([max(one.score, LEAST) for one in entries], np.float32),
        np.array([TYPES.index(one.type) for one in entries], np.uint8),
        [one.category for one in entries],
        np.rint(traits * 255).astype(np.uint8),
        sold_out=np.array([one.sold_out for one in entries], np.bool_),
        aliases=[(alias, row) for row, one in enumerate(entries) for alias in one.aliases],
        notes={row: one.note for row, one in enumerate(entries) if one.note},
    )


def make(given: Columns) -> tuple[mapped.Arrays, dict[str, Any]]:
    """The arrays of an index, and what it says of itself. Of texts that compare alike the best-scored stays."""
    rows, keys = _distinct(given)
    scores = np.asarray(given.scores, np.float32)[rows]
    by_key = np.array(sorted(range(len(keys)), key=keys.__getitem__), np.int64)
    place = np.empty(len(keys), np.int64)
    place[by_key] = np.arange(len(keys))
    order = np.lexsort((place, -scores))
    number = np.empty(len(keys), np.uint32)
    number[order] = np.arange(len(keys), dtype=np.uint32)
    paths = sorted({path for path in given.categories if path}, key=lambda path: path.split(" > "))
    arrays = _texts(keys, by_key, number, _aliases(given, keys, rows, number))
    ordered = [keys[at] for at in order.tolist()]
    arrays |= _words(ordered) | {"scores": scores[order]} | _facts(given, rows[order], ordered, paths)
    return arrays, {"completions": len(keys), "categories": paths}


def _distinct(given: Columns) -> tuple[npt.NDArray[np.int64], list[bytes]]:
    """The rows that stay, and their keys."""
    best: dict[bytes, int] = {}
    for row, shown in enumerate(given.texts):
        compared = key(shown).encode()
        if 0 < len(compared) <= coding.LONGEST:
            other = best.setdefault(compared, row)
            if given.scores[other] < given.scores[row]:
                best[compared] = row
    return np.fromiter(best.values(), np.int64, len(best)), list(best)


def _aliases(
    given: Columns, keys: Sequence[bytes], rows: npt.NDArray[np.int64], number: Ids
) -> list[tuple[bytes, int]]:
    """Other keys, and the number of the completion that each leads to; none that is a completion's own."""
    found: dict[tuple[bytes, int], None] = {}
    numbers = dict(zip(rows.tolist(), number.tolist(), strict=True)) if given.aliases else {}
    for text, row in given.aliases:
        if row in numbers:
            found[key(text).encode(), numbers[row]] = None
    for at, own in enumerate(keys):
        if not own.isascii():
            for other in aliases(own.decode()):
                found[other.encode(), int(number[at])] = None
    taken = set(keys) if found else set()
    return [(text, to) for text, to in found if 0 < len(text) <= coding.LONGEST and text not in taken]


def _texts(
    keys: Sequence[bytes], by_key: npt.NDArray[np.int64], number: Ids, others: list[tuple[bytes, int]]
) -> mapped.Arrays:
    """All texts that lead to completions, sorted, and where each completion's own is."""
    entries = [keys[at] for at in by_key.tolist()]
    docs, own = number[by_key], np.ones(len(keys), np.bool_)
    if others:
        merged = sorted(
            [
                *zip(entries, docs.tolist(), [True] * len(entries), strict=True),
                *((text, to, False) for text, to in others),
            ]
        )
        entries = [text for text, _, _ in merged]
        docs = np.array([to for _, to, _ in merged], np.uint32)
        own = np.array([first for _, _, first in merged], np.bool_)
    place = np.empty(len(keys), np.uint32)
    place[docs[own]] = np.flatnonzero(own)
    data, blocks = _coded(entries)
    tree, levels = _minima(docs)
    return {"texts": data, "blocks": blocks, "docs": docs, "tree": tree, "levels": levels, "places": place}


def _words(ordered: Sequence[bytes]) -> mapped.Arrays:
    """The words, the completions of each, and the words of each completion; `ordered` are keys by number."""
    data, offsets = _joined(ordered)
    most = len(data) + 1
    hashes, begins = np.empty(most, np.uint64), np.empty(most, np.int64)
    sizes, numbers = np.empty(most, np.uint8), np.empty(len(ordered), np.uint8)
    total = words.occurrences(data, offsets, hashes, begins, sizes, numbers)
    _, first, which = np.unique(hashes[:total], return_index=True, return_inverse=True)
    del hashes
    texts = [data[begins[at] : begins[at] + sizes[at]].tobytes() for at in first.tolist()]
    by_text = np.array(sorted(range(len(texts)), key=texts.__getitem__), np.int64)
    rank = np.empty(len(texts), np.uint32)
    rank[by_text] = np.arange(len(texts), dtype=np.uint32)
    of_docs = rank[which]
    begin = np.zeros(len(ordered) + 1, np.uint32)
    np.cumsum(numbers, out=begin[1:])
    order = np.argsort(of_docs, kind="stable")
    word, doc = of_docs[order], np.repeat(np.arange(len(ordered), dtype=np.uint32), numbers)[order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (word[1:] != word[:-1]) | (doc[1:] != doc[:-1])
    starts = np.zeros(len(texts) + 1, np.uint32)
    np.cumsum(np.bincount(word[new], minlength=len(texts)), out=starts[1:])
    lists = doc[new]
    data, blocks = _coded([texts[at] for at in by_text.tolist()])
    tree, levels = _minima(lists[starts[:-1]])
    sifts = np.empty(len(texts), np.int64)
    sifted = np.zeros(sieves.places(starts, len(ordered), sifts), np.uint8)
    sieves.fill(starts, lists, len(ordered), sifts, sifted)
    alike = _alike([texts[at] for at in by_text.tolist()], of_docs, begin)
    return {
        "word_texts": data, "word_blocks": blocks, "firsts": lists[starts[:-1]], "word_tree": tree, "word_levels": levels,
        "starts": starts, "lists": lists, "begins": begin, "words": of_docs, "alike": alike,
        "sieves": sifted, "sifts": sifts,
    }  # fmt: skip


def _alike(texts: Sequence[bytes], of_docs: Ids, begins: Ids) -> Ids:
    """What completions have in common that have the same words, but for their forms, order, and small ones: uint32 by number, 0 for small
    words alone. Chinese characters count by their places, since they are no words of their own."""
    stemmed = [[one for one in stems(text.decode()) if one not in SMALL] for text in texts]
    values = np.array([sum(map(token_id, each)) for each in stemmed], np.uint64) * np.uint64(_MIX)
    placed = np.array([text[0] >= 0xE3 for text in texts], np.bool_)[of_docs]
    places = np.arange(len(of_docs), dtype=np.int64) - np.repeat(begins[:-1], np.diff(begins)).astype(np.int64)
    each = values[of_docs] * np.where(placed, 2 * places + 1, 1).astype(np.uint64)
    total = np.zeros(len(of_docs) + 1, np.uint64)
    np.cumsum(each, out=total[1:])
    return ((total[begins[1:]] - total[begins[:-1]]) >> np.uint64(32)).astype(np.uint32)


def _facts(
    given: Columns, rows: npt.NDArray[np.int64], ordered: Sequence[bytes], paths: Sequence[str]
) -> mapped.Arrays:
    """What is known of each completion, by number."""
    count = len(rows)
    kinds = given.types[rows] if len(given.types) else np.zeros(count, np.uint8)
    if len(given.sold_out):
        kinds = kinds | np.where(given.sold_out[rows], np.uint8(SOLD_OUT), np.uint8(0))
    shown = {at: given.texts[row] for at, row in enumerate(rows.tolist()) if given.texts[row] != ordered[at].decode()}
    kinds[list(shown)] |= SURFACE
    number = {path: at for at, path in enumerate(paths, 1)}
    categories = np.zeros(count, np.uint16)
    if given.categories:
        categories[:] = [number.get(given.categories[row], 0) for row in rows.tolist()]
    notes = {at: given.notes[row] for at, row in enumerate(rows.tolist()) if row in given.notes} if given.notes else {}
    traits = given.traits[rows] if len(given.traits) else given.traits
    return {
        "kinds": kinds, "categories": categories, "traits": traits,
        **_sparse("shown", shown), **_sparse("notes", notes),
    }  # fmt: skip


def _sparse(name: str, given: Mapping[int, str]) -> mapped.Arrays:
    """Texts of some completions: which, and where each one's text ends."""
    data, offsets = _joined([text.encode() for text in given.values()])
    return {name: data, f"{name}_docs": np.fromiter(given, np.uint32, len(given)), f"{name}_ends": offsets[1:]}


def _joined(texts: Sequence[bytes]) -> tuple[Bytes, Whole]:
    offsets = np.zeros(len(texts) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)), out=offsets[1:])
    return np.frombuffer(b"".join(texts), np.uint8), offsets


def _coded(texts: Sequence[bytes]) -> tuple[Bytes, Ids]:
    data, offsets = _joined(texts)
    out = np.empty(len(data) + 2 * len(texts), np.uint8)
    blocks = np.empty(-(-len(texts) // coding.BLOCK), np.uint32)
    return out[: coding.encode(data, offsets, out, blocks)].copy(), blocks


def _minima(values: Ids) -> tuple[Ids, Whole]:
    sizes, size = [0], len(values)
    while size > minima.FAN:
        size = -(-size // minima.FAN)
        sizes.append(size)
    levels = np.cumsum(np.array(sizes, np.int64))
    tree = np.empty(int(levels[-1]), np.uint32)
    minima.grow(values, tree, levels)
    return tree, levels


def _departments(paths: Sequence[str]) -> Whole:
    """For each category, the first of all with the same first part of the path; 0 for none."""
    first = dict[str, int]()
    return np.array([0, *(first.setdefault(path.split(" > ", 1)[0], at) for at, path in enumerate(paths, 1))], np.int64)


class Index:
    """A mapped index. Thread-safe; numbers of completions are places in order of score."""

    def __init__(self, arrays: mapped.Arrays, meta: Mapping[str, Any]) -> None:
        self.meta = meta
        self.traits: npt.NDArray[np.uint8] = arrays["traits"]
        self.categories: npt.NDArray[np.uint16] = arrays["categories"]
        self.kinds: npt.NDArray[np.uint8] = arrays["kinds"]
        self.scores: Scores = arrays["scores"]
        # In order of their parts, so that what is below a category comes right after it.
        self.paths: list[str] = meta["categories"]
        self.numbers = {path: at for at, path in enumerate(self.paths, 1)}
        self.departments = _departments(self.paths)
        self.alike: Ids = arrays["alike"]
        self._places: Ids = arrays["places"]
        self._sparse = {
            name: (arrays[f"{name}_docs"], arrays[f"{name}_ends"], arrays[name]) for name in ("shown", "notes")
        }
        self._texts = Texts(*(arrays[name] for name in ("texts", "blocks", "docs", "tree", "levels")))
        self._lists = Lists(
            *(
                arrays[name]
                for name in ("word_texts", "word_blocks", "firsts", "word_tree", "word_levels", "starts", "lists")
            ),
            *(arrays[name] for name in ("begins", "words", "scores", "categories", "kinds", "sieves", "sifts")),
        )

    @classmethod
    def open(cls, path: Path) -> Index:
        """The index of a file. Raises EngineError."""
        return cls(*mapped.read(path))

    def __len__(self) -> int:
        return len(self.scores)

    def exact(self, typed: str, k: int, wanted: Whole = ANYTHING) -> tuple[Whole, Real]:
        """Numbers of the best k completions of a prefix (`typed.prefix_key`) among the `wanted` (`matching.allowed`), and what
        they count; best first."""
        docs, values = np.empty(k, np.int64), np.empty(k, np.float64)
        found = exact(self._texts, self._lists, np.frombuffer(typed.encode(), np.uint8), wanted, docs, values)
        return docs[:found], values[:found]

    def near(self, typed: str, k: int, penalties: Real, wanted: Whole = ANYTHING) -> tuple[Whole, Real]:
        """The same, of prefixes whose words are a typing error away; penalties[cost] is what a completion's score is multiplied with."""
        docs, values = np.empty(k, np.int64), np.empty(k, np.float64)
        q = np.frombuffer(typed.encode(), np.uint8)
        found = approximate(self._lists, q, wanted, keyboard.COSTS, penalties, docs, values, 0)
        return docs[:found], values[:found]

    def word(self, text: str) -> bool:
        """Whether a completion has this word."""
        lists = self._lists
        return coding.find(lists.data, lists.blocks, len(lists.firsts), np.frombuffer(text.encode(), np.uint8)) >= 0

    def number(self, text: str) -> int:
        """The number of the completion of this key, or that it leads to; -1 where there is none."""
        texts = self._texts
        place = coding.find(texts.data, texts.blocks, len(texts.docs), np.frombuffer(text.encode(), np.uint8))
        return int(texts.docs[place]) if place >= 0 else -1

    def words(self, doc: int) -> Whole:
        """The numbers of the words of a completion, in order."""
        return self._lists.words[self._lists.begins[doc] : self._lists.begins[doc + 1]].astype(np.int64)

    def word_numbers(self, text: str) -> Whole:
        """The numbers of the words of a key, as far as completions have them."""
        lists = self._lists
        found = [
            coding.find(lists.data, lists.blocks, len(lists.firsts), np.frombuffer(word.encode(), np.uint8))
            for word in text.split()
        ]
        return np.array([number for number in found if number >= 0], np.int64)

    @property
    def worded(self) -> tuple[Ids, Ids]:
        """The numbers of the words of all completions, in order, and where those of each begin (and one end)."""
        return self._lists.begins, self._lists.words

    def keys(self, docs: Whole) -> list[str]:
        """Completions as they are compared."""
        out, ends = np.empty(256 * len(docs), np.uint8), np.empty(len(docs), np.int64)
        show(self._texts.data, self._texts.blocks, self._places[docs], out, ends)
        data, begin, found = out[: ends[-1] if len(docs) else 0].tobytes(), 0, []
        for end in ends.tolist():
            found.append(data[begin:end].decode())
            begin = end
        return found

    def shown(self, docs: Whole) -> list[str]:
        """Completions as they are shown."""
        found = self.keys(docs)
        for at, (doc, kind) in enumerate(zip(docs.tolist(), self.kinds[docs].tolist(), strict=True)):
            if kind & SURFACE:
                found[at] = self._told("shown", doc)
        return found

    def note(self, doc: int) -> str:
        """What is told with a completion."""
        return self._told("notes", doc)

    def _told(self, name: str, doc: int) -> str:
        docs, ends, data = self._sparse[name]
        at = bisect_left(docs, doc)
        if at == len(docs) or docs[at] != doc:
            return ""
        return data[ends[at - 1] if at else 0 : ends[at]].tobytes().decode()
