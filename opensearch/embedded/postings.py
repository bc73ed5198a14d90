"""An inverted index in flat arrays, with positions, scored with BM25 in Lucene's form.

A snapshot never changes, so document frequencies and lengths are known when it is built and each posting holds its
finished BM25 weight; a query only adds them up, per field. One lexicon serves every field: its terms are sorted, so
that those with a prefix lie side by side, and found by 64-bit hashes (100,000 terms collide with a probability of
3e-10). Lengths are rounded as Lucene's one-byte norms are, so that scores agree with a node's.

Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009; Lucene's `BM25Similarity`.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from etalage.core import text
from etalage.core.records import Floats
from opensearch import fields
from opensearch.embedded.arrays import mapped
from opensearch.embedded.columns import Strings

Rows = npt.NDArray[np.int32]

GAP: Final = 100
"""Positions between the values of a field with several, as on a node, so that no phrase reaches from one into the
next."""

_FORM: Final = b"tokens-2"
"""How `analyze` writes; what begins otherwise was written by an older version."""

_FIELD, _VALUE = "\x1f", "\x1e"
_CATEGORY: Final = list(fields.TEXT).index("category")

_ARRAYS: Final = ("hashes", "codes", "offsets", "rows", "weights", "places", "positions", "norms", "present", "facts")


@lru_cache(maxsize=1 << 17)
def term_hash(term: str) -> int:
    """A 64-bit hash of a term."""
    return int.from_bytes(blake2b(term.encode("utf-8", "replace"), digest_size=8).digest(), "little")


def analyze(source: Mapping[str, Any]) -> bytes:
    """The index terms of a document's source: of each text field, each value, in order."""
    found = [" ".join(text.stems(value)) for value in fields.texts(source).values()]
    if len(path := source.get("category", ())) > 1:
        found[_CATEGORY] = _VALUE.join(" ".join(text.stems(level)) for level in path)
    return _FORM + _FIELD.join(found).encode()


def readable(blob: bytes) -> bool:
    """Whether `blob` is what `analyze` makes now."""
    return blob.startswith(_FORM)


def norm_length(lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Lengths as Lucene's one-byte norm keeps them: exact below 40, then four significant bits above 24."""
    above = np.maximum(lengths - 24, 0)
    bits = np.frexp(above.astype(np.float64))[1].astype(np.int64)
    shift = np.maximum(bits - 4, 0)
    kept: npt.NDArray[np.int64] = np.where(lengths < 24, lengths, 24 + ((above >> shift) << shift))
    return kept


def idf(documents: int, frequency: Any) -> Any:
    """The weight of a term that `frequency` of `documents` have."""
    return np.log1p((documents - frequency + 0.5) / (frequency + 0.5))


def build(blobs: Sequence[bytes], folder: Path) -> None:
    """Write the index of documents given as `analyze` made them, in row order, into `folder`."""
    numbers: defaultdict[str, int] = defaultdict()
    numbers.default_factory = numbers.__len__
    texts: tuple[list[str], ...] = tuple([] for _ in fields.TEXT)
    owners = [array("i") for _ in fields.TEXT]
    for row, blob in enumerate(blobs):
        for field, written in enumerate(blob[len(_FORM) :].decode().split(_FIELD)):
            if written:
                values = written.split(_VALUE)
                texts[field].extend(values)
                owners[field].extend([row] * len(values))
    tokens = [_numbered(values, numbers) for values in texts]
    terms = sorted(numbers)
    rank = np.zeros(len(terms), np.int32)
    rank[[numbers[term] for term in terms]] = np.arange(len(terms), dtype=np.int32)
    Strings.build(terms, folder, "terms")
    hashes = np.fromiter(map(term_hash, terms), np.uint64, len(terms))
    order = np.argsort(hashes)
    parts: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in _ARRAYS[2:]}
    postings, places = 0, 0
    for (codes, lengths), owner in zip(tokens, owners, strict=True):
        made = _field(rank[codes], np.frombuffer(owner, np.int32).astype(np.int64), lengths, len(terms), len(blobs))
        shift = {"offsets": postings, "places": places}
        for name, piece in made.items():
            parts[name].append(piece + shift[name] if name in shift else piece)
        postings, places = postings + len(made["rows"]), places + len(made["positions"])
    parts["places"].append(np.array([places], np.int64))
    saved: dict[str, npt.NDArray[Any]] = {"hashes": hashes[order], "codes": order.astype(np.int32)}
    for name, arrays in parts.items():
        saved[name] = np.stack(arrays) if name in ("offsets", "norms", "present", "facts") else np.concatenate(arrays)
    for name, whole in saved.items():
        np.save(folder / f"postings-{name}.npy", whole)


def _numbered(values: Sequence[str], numbers: Mapping[str, int]) -> tuple[Rows, npt.NDArray[np.int64]]:
    """The numbers of the words of all values in a row, and how many words each value has."""
    lengths = np.fromiter((value.count(" ") + 1 if value else 0 for value in values), np.int64, len(values))
    words = " ".join(filter(None, values)).split(" ") if lengths.any() else []
    return np.fromiter(map(numbers.__getitem__, words), np.int32, len(words)), lengths


def _field(
    codes: Rows, owners: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64], terms: int, size: int
) -> dict[str, npt.NDArray[Any]]:
    """The arrays of one field, given the codes of its tokens in order and each value's owner and length."""
    documents = np.repeat(owners, lengths)
    per_document = np.bincount(owners, weights=lengths, minlength=size).astype(np.int64)
    starts = np.cumsum(per_document) - per_document
    ordinal = np.arange(len(owners)) - np.searchsorted(owners, owners)
    positions = np.arange(len(codes)) - starts[documents] + GAP * np.repeat(ordinal, lengths)
    order = np.argsort(codes, kind="stable")
    by_term, by_row = codes[order], documents[order]
    first = np.flatnonzero(np.diff(by_term, prepend=-1) | np.diff(by_row, prepend=-1))
    rows, term = by_row[first], by_term[first]
    tf = np.diff(first, append=len(codes)).astype(np.float64)
    frequency = np.bincount(term, minlength=terms)
    present = max(int((per_document > 0).sum()), 1)
    average = max(float(len(codes)) / present, 1e-9)
    norms = fields.K1 * (1 - fields.B + fields.B * norm_length(per_document) / average)
    known = np.zeros(size, bool)
    known[owners] = True
    return {
        "offsets": np.concatenate([[0], np.cumsum(frequency)]).astype(np.int64),
        "rows": rows.astype(np.int32),
        "weights": (idf(present, frequency[term]) * tf / (tf + norms[rows])).astype(np.float32),
        "places": first.astype(np.int64),
        "positions": positions[order].astype(np.int32),
        "norms": norms.astype(np.float32),
        "present": known,
        "facts": np.array([present, len(codes)], np.int64),
    }


class Postings:
    """The index of one snapshot, memory-mapped.

    Attributes:
        size: number of documents.
        lexicon: the terms, sorted; a term's code is its place.
        norms: float32 [fields, size], what BM25 adds to a term's frequency in its denominator.
        present: bool [fields, size], which documents have a value.
    """

    def __init__(self, folder: Path, size: int) -> None:
        self.size = size
        self.lexicon = Strings(folder, "terms")
        (
            self._hashes, self._codes, self._offsets, self._rows, self._weights, self._places, self._positions,
            self.norms, self.present, self._facts,
        ) = (mapped(folder / f"postings-{name}.npy") for name in _ARRAYS)  # fmt: skip

    @cached_property
    def terms(self) -> list[str]:
        """The lexicon, decoded."""
        return self.lexicon.all()

    @cached_property
    def sizes(self) -> npt.NDArray[np.int64]:
        """How many characters each term has."""
        return np.fromiter(map(len, self.terms), np.int64, len(self.terms))

    def codes(self, terms: Sequence[str]) -> list[int]:
        """The code of each term, -1 for one that no document has."""
        if not len(self._hashes):
            return [-1] * len(terms)
        wanted = np.fromiter(map(term_hash, terms), np.uint64, len(terms))
        at = np.minimum(np.searchsorted(self._hashes, wanted), len(self._hashes) - 1)
        found: list[int] = np.where(self._hashes[at] == wanted, self._codes[at], -1).tolist()
        return found

    def prefixed(self, prefix: str) -> tuple[int, int]:
        """The codes [low, high) of the terms that begin with `prefix`."""
        low = bisect_left(self.terms, prefix)
        return low, bisect_left(self.terms, prefix + "\U0010ffff", low)

    def documents(self, field: int) -> int:
        """How many documents have a term in the field."""
        return int(self._facts[field, 0])

    def frequency(self, field: int, code: int) -> int:
        """How many documents have the term in the field."""
        return 0 if code < 0 else int(self._offsets[field, code + 1] - self._offsets[field, code])

    def frequencies(self, field: int, low: int, high: int) -> npt.NDArray[np.int64]:
        """`frequency` of each code in [low, high)."""
        found: npt.NDArray[np.int64] = np.diff(self._offsets[field, low : high + 1])
        return found

    def total(self, field: int, code: int) -> int:
        """How often the term occurs in the field."""
        low, high = self._span(field, code)
        return int(self._places[high] - self._places[low]) if code >= 0 else 0

    def idf(self, field: int, code: int) -> float:
        """The weight of the term in the field."""
        return float(idf(self.documents(field), self.frequency(field, code)))

    def _span(self, field: int, code: int) -> tuple[int, int]:
        return int(self._offsets[field, code]), int(self._offsets[field, code + 1])

    def rows(self, field: int, low: int, high: int) -> Rows:
        """The documents that have a term whose code is in [low, high), repeated where they have several."""
        found: Rows = self._rows[int(self._offsets[field, low]) : int(self._offsets[field, high])]
        return found

    def weights(self, field: int, code: int) -> tuple[Rows, Floats]:
        """The documents of a known term, and its BM25 in each."""
        low, high = self._span(field, code)
        return self._rows[low:high], self._weights[low:high]

    def curve(self, field: int, code: int) -> tuple[Rows, npt.NDArray[np.float64]]:
        """The documents of a known term, and its BM25 in each without idf."""
        low, high = self._span(field, code)
        rows = self._rows[low:high]
        tf = np.diff(self._places[low : high + 1]).astype(np.float64)
        return rows, tf / (tf + self.norms[field][rows])

    def places(self, field: int, code: int) -> tuple[Rows, npt.NDArray[np.int64], Rows]:
        """The documents of a known term, where the positions of each begin, and all its positions in that order."""
        low, high = self._span(field, code)
        starts = self._places[low : high + 1]
        return self._rows[low:high], starts - starts[0], self._positions[int(starts[0]) : int(starts[-1])]

    def scores(self, stems: Sequence[str]) -> Floats:
        """BM25 per field of every document for query stems (repeats count): float32 [len(fields.TEXT), size]."""
        scores = np.zeros((len(fields.TEXT), self.size), np.float32)
        counts = Counter(stems)
        found = [
            (code, count) for code, count in zip(self.codes(list(counts)), counts.values(), strict=True) if code >= 0
        ]
        for field, row in enumerate(scores):
            for code, repeat in found:
                rows, weights = self.weights(field, code)
                if len(rows):
                    row[rows] += weights if repeat == 1 else weights * np.float32(repeat)
        return scores
