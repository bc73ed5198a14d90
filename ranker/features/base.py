"""The feature contract: one ordered list, for training and for serving.

A feature is a function of numbers, ranks, token ids and vectors, so that another language can compute the same. Every
value is finite: each feature says what it is when its input is missing. Most are relative to the query's candidate list, so
that a model carries over from one shop to another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from etalage.core.records import Floats, cosine
from ranker import fuse
from ranker.retrieve import Retrieved

Flags = npt.NDArray[np.bool_]

CLIP: Final = 3.0
"""Bound of standardized values."""


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
    def vectored(self) -> Flags:
        """Who has a text vector: bool [n]."""
        return np.any(self.found.vectors, axis=1)

    @cached_property
    def best(self) -> npt.NDArray[np.int64]:
        """Rows by descending fused score, ties in the list's order: int64 [n]."""
        return np.argsort(-self.fused, kind="stable")

    def likeness(self, depth: int) -> Floats:
        """Cosine with the mean vector of the best `depth` candidates: float32 [n], 0 where either is missing."""
        if depth not in self._likeness:
            rows = self.found.vectors[self.best[:depth]].astype(np.float32)
            norms = np.linalg.norm(rows, axis=1, keepdims=True)
            mean = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0).sum(axis=0)
            none = np.zeros(self.size, np.float32)
            self._likeness[depth] = cosine(mean, self.found.vectors) if mean.any() else none
        return self._likeness[depth]

    @cached_property
    def matched(self) -> Flags:
        """Which places of the title hold a query stem: bool [n, TITLE]."""
        return np.any(self.in_title, axis=1)

    @cached_property
    def anywhere(self) -> Flags:
        """Whether title, brand, category or attributes have each query stem: bool [n, m]."""
        return self.stem_in_title | self.stem_in_brand | self.stem_in_category | self.stem_in_attributes

    @cached_property
    def looked(self) -> Flags:
        """Whose pictures were compared with the query: bool [n]."""
        looked: Flags = self.looks != 0
        return looked

    @cached_property
    def title(self) -> npt.NDArray[np.uint32]:
        """Stem ids of the titles, uint32 [n, TITLE], 0 = none."""
        return np.ascontiguousarray(self.records["title"])

    @cached_property
    def in_title(self) -> npt.NDArray[np.bool_]:
        """Where each query stem stands in each title: bool [n, m, TITLE]."""
        hits: npt.NDArray[np.bool_] = self.title[:, None, :] == self.query.stems[None, :, None]
        return hits

    @cached_property
    def stem_in_title(self) -> Flags:
        """Whether each query stem is in each title: bool [n, m]."""
        return np.any(self.in_title, axis=2)

    @cached_property
    def surface_in_title(self) -> Flags:
        """Whether each query surface form is in each title: bool [n, m]."""
        return self._contains("surface", self.query.surfaces)

    @cached_property
    def stem_in_attributes(self) -> Flags:
        """Whether each query stem is among each product's attribute values: bool [n, m]."""
        return self._contains("attributes", self.query.stems)

    @cached_property
    def stem_in_brand(self) -> Flags:
        """Whether each query stem is in each brand: bool [n, m]."""
        return self._contains("brand", self.query.stems)

    @cached_property
    def stem_in_category(self) -> Flags:
        """Whether each query stem is in each category path: bool [n, m]."""
        return self._contains("category", self.query.stems)

    @cached_property
    def rarity(self) -> Floats:
        """How rare each query stem is in the candidates' titles: float32 [m], log(1 + n / (1 + titles with it))."""
        return np.log1p(self.size / (1.0 + self.stem_in_title.sum(axis=0))).astype(np.float32)

    @cached_property
    def brand_named(self) -> Floats:
        """Share of each product's brand words that the query names: float32 [n]."""
        brand = np.ascontiguousarray(self.records["brand"])
        named = np.isin(brand, self.query.stems) & (brand > 0)
        return ratio(named.sum(axis=1), (brand > 0).sum(axis=1))

    @cached_property
    def lexical_rank(self) -> npt.NDArray[np.int32]:
        """1-based rank by BM25, 0 without a match."""
        return fuse.ranks(self.found.lexical, self.found.lexical > 0)

    @cached_property
    def vector_rank(self) -> npt.NDArray[np.int32]:
        """1-based rank by cosine among all candidates that have a vector."""
        return fuse.ranks(self.cosines, self.vectored)

    def _contains(self, name: str, ids: npt.NDArray[np.uint32]) -> Flags:
        column = np.ascontiguousarray(self.records[name])
        found: Flags = (column[:, None, :] == ids[None, :, None]).any(axis=2)
        return found


def ratio(part: npt.NDArray[np.generic], whole: npt.NDArray[np.generic] | float) -> Floats:
    """part / whole as float32, 0 where whole is 0."""
    a = np.asarray(part, np.float32)
    b = np.broadcast_to(np.asarray(whole, np.float32), a.shape)
    return np.divide(a, b, out=np.zeros(a.shape, np.float32), where=b > 0)


def relative(values: Floats) -> Floats:
    """Values divided by the largest of the list; 0 when that is not positive."""
    peak = float(values.max(initial=0.0))
    return (values / np.float32(peak)).astype(np.float32) if peak > 0 else np.zeros(len(values), np.float32)


def standardized(values: Floats, missing: float = 0.0) -> Floats:
    """Values less the list's mean, by its deviation, within ±`CLIP`, scaled to [-1, 1]; NaN becomes `missing`."""
    known = ~np.isnan(values)
    if int(known.sum()) < 2:
        return np.full(len(values), missing, np.float32)
    inside = values[known].astype(np.float64)
    deviation = float(inside.std())
    if deviation < 1e-9:
        return np.full(len(values), missing, np.float32)
    scaled = np.clip((values - inside.mean()) / deviation, -CLIP, CLIP) / CLIP
    return np.where(known, scaled, missing).astype(np.float32)


def reciprocal(ranks: npt.NDArray[np.int32]) -> Floats:
    """1 / log2(1 + rank), 0 for rank 0."""
    return np.where(ranks > 0, 1.0 / np.log2(1.0 + np.maximum(ranks, 1)), 0.0).astype(np.float32)
