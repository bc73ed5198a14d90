"""The feature contract: one ordered list, for training and for serving.

A feature is a function of numbers, ranks, token ids and vectors, so that another language can compute the same. Every
value is finite: each feature says what it is when its input is missing. Most are relative to the query's candidate list, so
that a model carries over from one shop to another.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from etalage.core import text
from etalage.core.records import TITLE, Floats
from ranker import fuse
from ranker.features import bits, naming
from ranker.features.bits import Bits
from ranker.retrieve import Retrieved

Flags = npt.NDArray[np.bool_]
Reals = TypeVar("Reals", npt.NDArray[np.float32], npt.NDArray[np.float64])

CLIP: Final = 3.0
"""Bound of standardized values."""

FEW, MANY = 5, 20
"""How many of the best candidates by the fused score the others are compared with."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of the matrix. `missing` is the value when its input is unknown; `meaning` goes into the docs."""

    name: str
    family: str
    missing: float
    meaning: str
    compute: Callable[[Context], Floats]


class Context:
    """One query's candidates with the intermediate results that several features share."""

    def __init__(self, retrieved: Retrieved) -> None:
        self.query = retrieved.query
        self.found = retrieved.candidates
        self.records = retrieved.candidates.records
        self.cosines = retrieved.cosines
        self.fused = retrieved.fused
        self.looks = retrieved.looks
        self.taste = retrieved.taste
        self.associated = retrieved.associated
        self._likeness: dict[int, Floats] = {}
        self.size = len(retrieved.candidates.ids)

    @cached_property
    def vectors(self) -> npt.NDArray[np.float64]:
        """The text vectors, float64 [n, dim]; zero rows where there is none."""
        return self.found.vectors.astype(np.float64)

    @cached_property
    def lengths(self) -> npt.NDArray[np.float64]:
        """Lengths of `vectors`, float64 [n]."""
        return np.sqrt(np.einsum("ij,ij->i", self.vectors, self.vectors))

    @cached_property
    def vectored(self) -> Flags:
        """Who has a text vector: bool [n]."""
        return self.lengths > 0

    def cosine(self, query: npt.NDArray[np.floating[Any]]) -> Floats:
        """Cosine of a vector [dim] with the text vectors, as `records.rounded_cosine` computes it: float32 [n], 0 without one."""
        wide = query.astype(np.float64)
        norms = self.lengths * max(float(np.linalg.norm(wide)), 1e-12)
        return np.divide(self.vectors @ wide, norms, out=np.zeros(self.size), where=norms > 0).astype(np.float32)

    @cached_property
    def best(self) -> npt.NDArray[np.int64]:
        """Rows by descending fused score, ties in the list's order: int64 [n]."""
        return np.argsort(-self.fused, kind="stable")

    def likeness(self, depth: int) -> Floats:
        """Cosine with the mean vector of the best `depth` candidates, at most `MANY`: float32 [n], 0 where either is missing."""
        if depth not in self._likeness:
            mean = self._directions[:depth].sum(axis=0)
            self._likeness[depth] = self.cosine(mean) if mean.any() else np.zeros(self.size, np.float32)
        return self._likeness[depth]

    @cached_property
    def looked(self) -> Flags:
        """Whose pictures were compared with the query: bool [n]."""
        looked: Flags = self.looks != 0
        return looked

    @cached_property
    def tokens(self) -> npt.NDArray[np.uint32]:
        """Stem ids of title, attributes, brand and category (`bits.tokens`)."""
        return bits.tokens(self.records)

    @cached_property
    def log_price(self) -> Floats:
        """log(1 + price), float32 [n], NaN where it is unknown."""
        return np.log1p(np.maximum(self.records["price"].astype(np.float32), 0))

    @cached_property
    def title(self) -> npt.NDArray[np.uint32]:
        """Stem ids of the titles, uint32 [n, TITLE], 0 = none."""
        return self.tokens[:, :TITLE]

    @cached_property
    def title_roles(self) -> npt.NDArray[np.uint8]:
        """The role of each word of the titles (`naming.roles`), uint8 [n, TITLE]."""
        return naming.roles(self.records["surface"])

    @cached_property
    def title_words(self) -> npt.NDArray[np.int64]:
        """Words of each title: int64 [n]."""
        return bits.count(self._filled[bits.TITLE_AT])

    @cached_property
    def places(self) -> Bits:
        """Where each query stem stands in each title: bits [m, n]."""
        return self._stems[bits.TITLE_AT]

    @cached_property
    def matched(self) -> Bits:
        """Which places of the title hold a query stem: bits [n]."""
        return np.bitwise_or.reduce(self.places, axis=0)

    @cached_property
    def pairs(self) -> Bits:
        """Where each two neighbouring query stems stand side by side, in order, in each title, by the first's place: bits [m - 1, n]."""
        return self.places[:-1] & (self.places[1:] >> np.uint32(1))

    @cached_property
    def numbers(self) -> npt.NDArray[np.int64]:
        """Which of the query's terms are numbers: int64 [at most m]."""
        return np.flatnonzero(self.query.kinds == text.NUMBER)

    @cached_property
    def anywhere(self) -> Flags:
        """Whether title, brand, category or attributes have each query stem: bool [m, n]."""
        return np.bitwise_or.reduce(self._stems, axis=0) != 0

    @cached_property
    def stem_in_title(self) -> Flags:
        """Whether each query stem is in each title: bool [m, n]."""
        return self.places != 0

    @cached_property
    def surface_in_title(self) -> Flags:
        """Whether each query surface form is in each title: bool [m, n]."""
        return bits.equal(np.ascontiguousarray(self.records["surface"]), self.query.surfaces)[0] != 0

    @cached_property
    def stem_in_attributes(self) -> Flags:
        """Whether each query stem is among each product's attribute values: bool [m, n]."""
        return self._stems[bits.ATTRIBUTES_AT] != 0

    @cached_property
    def stem_in_category(self) -> Flags:
        """Whether each query stem is in each category path: bool [m, n]."""
        return (self._stems[bits.NAMES_AT] & bits.CATEGORY_BITS) != 0

    @cached_property
    def rarity(self) -> Floats:
        """How rare each query stem is in the candidates' titles: float32 [m], log(1 + n / (1 + titles with it))."""
        having = np.add.reduce(self.stem_in_title, axis=1, dtype=np.int64)
        return np.log1p(self.size / (1.0 + having)).astype(np.float32)

    @cached_property
    def brand_named(self) -> Floats:
        """Share of each product's brand words that the query names: float32 [n]."""
        named = np.bitwise_or.reduce(self._stems[bits.NAMES_AT], axis=0) & bits.BRAND_BITS
        return ratio(np.bitwise_count(named), np.bitwise_count(self._filled[bits.NAMES_AT] & bits.BRAND_BITS))

    @cached_property
    def lexical_rank(self) -> npt.NDArray[np.int32]:
        """1-based rank by BM25, 0 without a match."""
        return fuse.ranks(self.found.lexical, self.found.lexical > 0)

    @cached_property
    def vector_rank(self) -> npt.NDArray[np.int32]:
        """1-based rank by cosine among all candidates that have a vector."""
        return fuse.ranks(self.cosines, self.vectored)

    @cached_property
    def _directions(self) -> npt.NDArray[np.float64]:
        """Unit vectors of the best candidates, float64 [`MANY` at most, dim]; zero rows where there is none."""
        return normalized(self.vectors[self.best[:MANY]])

    @cached_property
    def _stems(self) -> Bits:
        """Where each query stem stands in `tokens`: bits [3, m, n]."""
        return bits.equal(self.tokens, self.query.stems)

    @cached_property
    def _filled(self) -> Bits:
        """Which places of `tokens` hold one: bits [3, n]."""
        return bits.filled(self.tokens)


def normalized(rows: Reals) -> Reals:
    """Rows [m, dim] divided by their lengths; a zero row stays one."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)


def share(hits: Flags) -> Floats:
    """Of flags [m, n], the share of the m that each of the n has: float32 [n], 0 where m is 0."""
    return ratio(np.add.reduce(hits, axis=0, dtype=np.float32), float(len(hits)))


def ratio(part: npt.NDArray[np.generic], whole: npt.NDArray[np.generic] | float) -> Floats:
    """part / whole as float32, 0 where whole is 0."""
    a = np.asarray(part, np.float32)
    if isinstance(whole, float):
        return a / np.float32(whole) if whole > 0 else np.zeros(a.shape, np.float32)
    b = np.asarray(whole, np.float32)
    return np.divide(a, b, out=np.zeros(a.shape, np.float32), where=b > 0)


def relative(values: Floats) -> Floats:
    """Values divided by the largest of the list; 0 when that is not positive."""
    peak = float(values.max(initial=0.0))
    return (values / np.float32(peak)).astype(np.float32) if peak > 0 else np.zeros(len(values), np.float32)


def standardized(values: Floats, missing: float = 0.0) -> Floats:
    """Values less the list's mean, by its deviation, within ±`CLIP`, scaled to [-1, 1]; NaN becomes `missing`."""
    known = values == values
    count = np.count_nonzero(known)
    scaled = np.full(len(values), missing, np.float32)
    if count < 2:
        return scaled
    inside = (values if count == len(values) else values[known]).astype(np.float64)
    away = inside - np.add.reduce(inside) / count
    deviation = math.sqrt(np.add.reduce(away * away) / count)
    if deviation < 1e-9:
        return scaled
    scaled[known] = np.minimum(np.maximum(away / deviation, -CLIP), CLIP) / CLIP
    return scaled


def reciprocal(ranks: npt.NDArray[np.int32]) -> Floats:
    """1 / log2(1 + rank), 0 for rank 0, of ranks in a list: none is above their number."""
    found: Floats = _reciprocals(1 << len(ranks).bit_length())[ranks]
    return found


@lru_cache(maxsize=16)
def _reciprocals(size: int) -> Floats:
    """`reciprocal` of all ranks below `size`."""
    ranks = np.arange(size)
    values = np.where(ranks > 0, 1.0 / np.log2(1.0 + np.maximum(ranks, 1)), 0.0).astype(np.float32)
    values.setflags(write=False)
    return values
