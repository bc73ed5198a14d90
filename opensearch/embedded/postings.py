"""An inverted index in flat arrays, scored with BM25 in Lucene's form.

A snapshot never changes, so document frequencies and lengths are known when it is built and each posting holds its finished
BM25 weight; a query only adds them up, per field. Terms are 64-bit hashes: 100,000 terms collide with a probability of
3e-10. Lengths are rounded as Lucene's one-byte norms are, so that scores agree with a node's.

Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009; Lucene's `BM25Similarity`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from etalage.core import text
from etalage.core.records import Floats
from opensearch import fields
from opensearch.embedded.arrays import mapped

TERM: Final = np.dtype([("term", "<u8"), ("field", "u1"), ("count", "<u2")])
"""One distinct term of one field of a document, and how often it occurs."""

_ARRAYS: Final = ("terms", "starts", "offsets", "rows", "weights")


@lru_cache(maxsize=1 << 17)
def term_hash(term: str) -> int:
    """A 64-bit hash of a term."""
    return int.from_bytes(blake2b(term.encode(), digest_size=8).digest(), "little")


def analyze(source: Mapping[str, Any]) -> bytes:
    """The terms of a document's source: a `TERM` array as bytes."""
    rows = [
        (term_hash(stem), number, min(count, 65535))
        for number, value in enumerate(fields.texts(source).values())
        if value
        for stem, count in Counter(text.stems(value)).items()
    ]
    return np.array(rows, TERM).tobytes()


def norm_length(lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Lengths as Lucene's one-byte norm keeps them: exact below 40, then four significant bits above 24."""
    above = np.maximum(lengths - 24, 0)
    bits = np.frexp(above.astype(np.float64))[1].astype(np.int64)
    shift = np.maximum(bits - 4, 0)
    kept: npt.NDArray[np.int64] = np.where(lengths < 24, lengths, 24 + ((above >> shift) << shift))
    return kept


def build(blobs: Sequence[bytes], folder: Path) -> None:
    """Write the index of documents given as `analyze` made them, in row order, into `folder`."""
    entries = np.frombuffer(b"".join(blobs), TERM)
    documents = np.repeat(np.arange(len(blobs), dtype=np.int32), [len(blob) // TERM.itemsize for blob in blobs])
    terms: list[npt.NDArray[Any]] = []
    offsets: list[npt.NDArray[Any]] = [np.zeros(1, np.int64)]
    rows: list[npt.NDArray[Any]] = []
    weights: list[npt.NDArray[Any]] = []
    starts = np.zeros(len(fields.TEXT) + 1, np.int64)
    for number in range(len(fields.TEXT)):
        mine = entries["field"] == number
        found, at, docs, scores = _field(entries["term"][mine], entries["count"][mine], documents[mine], len(blobs))
        terms.append(found)
        offsets.append(at[1:] + sum(len(some) for some in rows))
        rows.append(docs)
        weights.append(scores)
        starts[number + 1] = starts[number] + len(found)
    parts: tuple[list[npt.NDArray[Any]], ...] = (terms, [starts], offsets, rows, weights)
    for name, arrays in zip(_ARRAYS, parts, strict=True):
        np.save(folder / f"postings-{name}.npy", np.concatenate(arrays))


def _field(
    terms: npt.NDArray[np.uint64], counts: npt.NDArray[np.uint16], documents: npt.NDArray[np.int32], size: int
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64], npt.NDArray[np.int32], Floats]:
    """Distinct terms, their posting offsets, and each posting's row and BM25 weight."""
    order = np.argsort(terms, kind="stable")
    docs, tf = documents[order], counts[order].astype(np.float64)
    found, first, frequency = np.unique(terms[order], return_index=True, return_counts=True)
    lengths = np.bincount(documents, weights=counts, minlength=size).astype(np.int64)
    present = max(int((lengths > 0).sum()), 1)
    average = max(float(lengths.sum()) / present, 1e-9)
    idf = np.log1p((present - frequency + 0.5) / (frequency + 0.5))
    norms = fields.K1 * (1 - fields.B + fields.B * norm_length(lengths) / average)
    weights = np.repeat(idf, frequency) * tf / (tf + norms[docs])
    return found, np.append(first, len(docs)).astype(np.int64), docs, weights.astype(np.float32)


class Postings:
    """The index of one snapshot, memory-mapped.

    Attributes:
        size: number of documents.
    """

    def __init__(self, folder: Path, size: int) -> None:
        self.size = size
        self._terms, self._starts, self._offsets, self._rows, self._weights = (
            mapped(folder / f"postings-{name}.npy") for name in _ARRAYS
        )

    def scores(self, stems: Sequence[str]) -> Floats:
        """BM25 per field of every document for query stems (repeats count): float32 [len(fields.TEXT), size]."""
        scores = np.zeros((len(fields.TEXT), self.size), np.float32)
        counts = Counter(stems)
        wanted = np.fromiter(map(term_hash, counts), np.uint64, len(counts))
        times = list(counts.values())
        for number, row in enumerate(scores):
            start, end = int(self._starts[number]), int(self._starts[number + 1])
            slots = start + np.searchsorted(self._terms[start:end], wanted)
            for slot, term, repeat in zip(slots.tolist(), wanted.tolist(), times, strict=True):
                if slot < end and int(self._terms[slot]) == term:
                    low, high = int(self._offsets[slot]), int(self._offsets[slot + 1])
                    weights = self._weights[low:high]
                    row[self._rows[low:high]] += weights if repeat == 1 else weights * np.float32(repeat)
        return scores
