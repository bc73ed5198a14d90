"""The search flow: understand → encode → retrieve → fuse → features → rerank → answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from etalage.core.encoders import Encoder
from etalage.core.errors import ModelError, QueryError
from etalage.core.records import Floats
from etalage.core.text import compact, token_id
from opensearch import fields
from opensearch.engine import Candidates, Filter, Lists, Request, SearchEngine, Shop, Sort
from ranker import adapt, explain, features, retrieve
from ranker.adapt import Adaptation, Meaning
from ranker.query import Query
from ranker.rerank import Ranker
from ranker.retrieve import Retrieved
from ranker.sight import Sight
from ranker.understanding import ALL, NONE, REWORDED, Understanding

log = logging.getLogger(__name__)

Numbers = npt.NDArray[np.floating[Any]]

_RANKING: Final = 0.005
"""Seconds that features and ranker need; with less left, the fused order stays."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One search: what to find and which hits of the answer to return. An empty `q` browses by popularity.

    `image` is a vector to compare with the products' own in `image_field`; then nothing is re-ranked, since the ranker has learnt from
    texts only. With `shop`, that query decides what matches, and `q` is the text in it. `collapse` is a keyword field of
    which each value is shown once, among the candidates that are ranked. `until` is the moment (`time.monotonic`) by which
    the answer is due. `ranker` stands in for the searcher's own. Without `understand`, words are searched as they were typed; with
    `shop`, they are at most corrected.
    """

    q: str
    size: int = 10
    start: int = 0
    filters: tuple[Filter, ...] = ()
    sort: Sort | None = None
    facets: tuple[str, ...] = fields.FACETS
    explain: bool = False
    image: tuple[float, ...] = ()
    image_field: str = "vec_image"
    shop: Shop | None = None
    collapse: str = ""
    until: float | None = None
    ranker: Ranker | None = None
    understand: bool = True

    def left(self) -> float | None:
        """Seconds until the answer is due, or None."""
        return None if self.until is None else max(self.until - time.monotonic(), 0.0)


@dataclass(frozen=True, slots=True)
class Hit:
    """One result. `parts` say where its score comes from (`explain.parts`)."""

    id: str
    score: float
    title: str
    parts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a search. `degraded` names the steps that failed and were done without; `timings` are milliseconds
    per stage. `understood` lists what was made of the query, `{step, from, to}` each; `searched` is the text that was searched
    for."""

    total: int
    hits: list[Hit]
    facets: Mapping[str, list[tuple[str, int]]]
    degraded: tuple[str, ...]
    took_ms: float
    timings: Mapping[str, float] = field(default_factory=dict)
    generation: str = ""
    aggregations: Mapping[str, Any] = field(default_factory=dict)
    understood: tuple[Mapping[str, str], ...] = ()
    searched: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The answer as the command line and HTTP give it."""
        return {
            "total": self.total,
            "hits": [{"id": hit.id, "score": hit.score, "title": hit.title, "parts": hit.parts} for hit in self.hits],
            "facets": {
                name: [{"value": value, "count": count} for value, count in values]
                for name, values in self.facets.items()
            },
            "understood": [dict(one) for one in self.understood],
            "degraded": list(self.degraded),
            "took_ms": self.took_ms,
            "timings": dict(self.timings),
        }


class Searcher:
    """Searches one index. Thread-safe; made once by a door, used for every request.

    Args:
        encoder: of the index's vectors; None searches by words only (`degraded: ["vectors"]`).
        ranker: None keeps the fused order (`degraded: ["rerank"]`).
        sight: compares words with pictures; None does without.
        adaptation: moves query vectors towards what the shop's shoppers mean; None does without.
        understanding: what queries are understood with; None takes them as they were typed.
        window: candidates that are re-ranked.
        neighbours: vector neighbours among them (k).
    """

    def __init__(
        self,
        engine: SearchEngine,
        index: str,
        encoder: Encoder | None,
        ranker: Ranker | None,
        *,
        sight: Sight | None = None,
        adaptation: Adaptation | None = None,
        understanding: Understanding | None = None,
        window: int = 200,
        neighbours: int = 100,
    ) -> None:
        self.engine, self.index, self.encoder, self.ranker, self.sight = engine, index, encoder, ranker, sight
        self.adaptation = adaptation
        self.understanding = understanding or Understanding.plain()
        self.window, self.neighbours = window, neighbours

    def search(self, ask: Ask) -> Answer:
        """Answer a search.

        Raises:
            QueryError: the query is too long, or names an unknown field.
            FingerprintMismatch: the index was built with another encoder.
            EngineError: the engine failed.
        """
        clock = Clock()
        query = self.understanding.read(ask.q, steps=_steps(ask))
        clock.lap("understand")
        degraded: list[str] = []
        meaning = _picture(ask.image) if ask.image else self._encode(query, degraded)
        clock.lap("encode")
        retrieved = self._retrieve(ask, query, meaning)
        clock.lap("retrieve")
        whole = (query.text or ask.image) and ask.sort is None
        ranked = min(self.window, len(retrieved.candidates.ids)) if whole else 0
        head = retrieved if ranked == len(retrieved.candidates.ids) else retrieved.first(ranked)
        matrix, scores = self._rank(ask, head, degraded, clock)
        final = final_scores(head, scores)
        order = self._order(ask, head, final, len(retrieved.candidates.ids))
        hits = self._hits(ask, retrieved, head, order, matrix, scores, final)
        clock.lap("answer")
        found = retrieved.candidates
        return Answer(
            found.total,
            hits,
            found.facets,
            tuple(degraded),
            clock.total(),
            clock.laps,
            found.generation,
            found.aggregations,
            tuple(step.as_dict() for step in retrieved.query.steps),
            query.text,
        )

    def _encode(self, query: Query, degraded: list[str]) -> Meaning | None:
        if not query.text:
            return None
        if self.encoder is None:
            degraded.append("vectors")
            return None
        try:
            words = self.encoder.encode_query(query.text)
        except ModelError as error:
            log.warning("searching without vectors: %s", error)
            degraded.append("vectors")
            return None
        try:
            return adapt.moved(words, self.encoder.fingerprint, self.adaptation)
        except ModelError as error:
            log.warning("searching without the adapter: %s", error)
            degraded.append("adapter")
            return Meaning(words, words)

    def _retrieve(self, ask: Ask, query: Query, meaning: Meaning | None) -> Retrieved:
        """The whole window for a page inside it; past it, just the page, in the engine's order, which continues it."""
        browse = not query.text and not ask.image
        past = ask.start >= self.window or browse or ask.sort is not None
        request = Request(
            query.lexical,
            None if meaning is None else meaning.near,
            self.neighbours,
            start=ask.start if past else 0,
            size=ask.size if past else max(self.window, ask.start + ask.size),
            filters=ask.filters,
            facets=ask.facets,
            sort=ask.sort or (Sort("popularity", descending=True) if browse else None),
            lists=_lists(ask, query),
            vector_field=ask.image_field if ask.image else "vec_text",
            shop=ask.shop,
            timeout=ask.left(),
        )
        words = None if meaning is None else meaning.words
        retrieved = retrieve.candidates(self.engine, self.index, query, request, self.sight, words)
        if ask.sort is not None and words is not None and not retrieved.candidates.total:
            both = replace(request, lists=Lists.BOTH)
            retrieved = retrieve.candidates(self.engine, self.index, query, both, self.sight, words)
        if self.encoder is not None:
            retrieve.verify(self.index, retrieved.candidates.spec, self.encoder)
        return retrieved

    def _rank(
        self, ask: Ask, head: Retrieved, degraded: list[str], clock: Clock
    ) -> tuple[Floats | None, Floats | None]:
        """The feature matrix and the ranker's scores of the window; None when there is nothing to rank, no ranker, or no
        time."""
        if not head.candidates.ids or ask.start >= self.window or ask.image:
            return None, None
        ranker = ask.ranker or self.ranker
        left = ask.left()
        if ranker is None or (left is not None and left < _RANKING):
            degraded.append("rerank")
            return None, None
        matrix = features.matrix(head)
        clock.lap("features")
        try:
            scores = ranker.score(matrix)
        except ModelError as error:
            log.warning("keeping the fused order: %s", error)
            degraded.append("rerank")
            return matrix, None
        clock.lap("rerank")
        return matrix, scores

    def _order(self, ask: Ask, head: Retrieved, final: Numbers, size: int) -> list[int]:
        """Rows of the page, in order."""
        if not head.candidates.ids or ask.start >= self.window:
            return [] if ask.collapse and head.candidates.ids else list(range(min(ask.size, size)))
        order = by_score(final, head.candidates.ids)
        if ask.collapse:
            order = self._collapsed(ask, head, order)
        else:
            order += range(len(head.candidates.ids), size)
        return order[ask.start : ask.start + ask.size]

    def _collapsed(self, ask: Ask, head: Retrieved, order: list[int]) -> list[int]:
        """The best row of each value of the field; rows without a value all stay."""
        found = head.candidates
        body = {"query": {"ids": {"values": found.ids}}, "size": len(found.ids), "_source": False}
        body |= {"docvalue_fields": [ask.collapse]}
        hits = self.engine.search(found.generation, body, timeout=ask.left())["hits"]["hits"]
        groups = {hit["_id"]: hit.get("fields", {}).get(ask.collapse, [None])[0] for hit in hits}
        seen: set[Any] = set()
        kept = []
        for row in order:
            group = groups.get(found.ids[row])
            if group is None or group not in seen:
                kept.append(row)
                seen.add(group)
        return kept

    def _hits(
        self,
        ask: Ask,
        retrieved: Retrieved,
        head: Retrieved,
        order: list[int],
        matrix: Floats | None,
        scores: Floats | None,
        final: Numbers,
    ) -> list[Hit]:
        found, page = retrieved.candidates, []
        ranker = ask.ranker or self.ranker
        described = explain.parts(retrieved, scores, order)
        for row, parts in zip(order, described, strict=True):
            inside = ask.start < self.window and row < len(head.candidates.ids)
            if ask.explain and inside and matrix is not None:
                parts["features"] = explain.features(matrix, row)
                if ranker is not None and scores is not None:
                    parts["families"] = explain.families(ranker, matrix, row)
            page.append(Hit(found.ids[row], round(float(final[row]), 6) if inside else 0.0, found.titles[row], parts))
        return page


def final_scores(head: Retrieved, scores: Floats | None) -> Numbers:
    """The score that hits are shown with, [n]: the ranker's in (0, 1), else the fused one; 1 more for products that are named
    by their number."""
    final: Numbers = head.fused.astype(np.float64)
    if scores is not None:
        final = 1.0 / (1.0 + np.exp(-scores.astype(np.float64)))
    return final + named(head.query, head.candidates)


def named(query: Query, found: Candidates) -> npt.NDArray[np.bool_]:
    """Which candidates the query names by id or article number (SKU, EAN, model): bool [n]."""
    if not query.number:
        return np.zeros(len(found.ids), bool)
    models = found.records["models"] == np.uint32(token_id(query.number))
    ids = np.fromiter((compact(one) == query.number for one in found.ids), bool, len(found.ids))
    exact: npt.NDArray[np.bool_] = models.any(axis=1) | ids
    return exact


def _steps(ask: Ask) -> frozenset[str]:
    """What is understood: where another query decides what matches, only the words to compare with may change."""
    if not ask.understand:
        return NONE
    return ALL if ask.shop is None else REWORDED


def _lists(ask: Ask, query: Query) -> Lists:
    """Sorted by a number, the farthest neighbour could come first, so only the words decide what is found."""
    if ask.image and not query.text:
        return Lists.VECTOR
    return Lists.LEXICAL if ask.sort is not None or not query.text else Lists.BOTH


def _picture(vector: tuple[float, ...]) -> Meaning:
    array = np.asarray(vector, np.float32)
    norm = float(np.linalg.norm(array))
    if not np.isfinite(array).all() or norm == 0:
        raise QueryError("the image vector has a number that is not finite, or only zeros", remedy="Encode it again.")
    unit: Floats = array / np.float32(norm)
    return Meaning(unit, unit)


class Clock:
    """Milliseconds per stage."""

    def __init__(self) -> None:
        self._start = self._last = time.perf_counter()
        self.laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        """Give the time since the last lap to a stage."""
        now = time.perf_counter()
        self.laps[name] = round((now - self._last) * 1000, 3)
        self._last = now

    def total(self) -> float:
        """Milliseconds since the start."""
        return round((time.perf_counter() - self._start) * 1000, 3)


def by_score(scores: npt.NDArray[np.floating[Any]], ids: list[str]) -> list[int]:
    """Positions by descending score, ties by id."""
    values = scores.tolist()
    return sorted(range(len(ids)), key=lambda row: (-values[row], ids[row]))
