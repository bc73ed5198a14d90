"""The search flow: understand → encode → retrieve → fuse → features → rerank → answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from etalage.core.encoders import Encoder
from etalage.core.errors import EngineTimeout, EngineUnavailable, ModelError, QueryError
from etalage.core.records import Floats
from opensearch import fields
from opensearch.engine import MAX_WINDOW, Filter, Lists, Request, SearchEngine, Shop, Sort
from ranker import adapt, collapse, cross, explain, features, placing, retrieve
from ranker.adapt import Adaptation, Meaning
from ranker.behaviour.associations import Watched
from ranker.cross import Crossing, Read
from ranker.floor import Floor
from ranker.merchandising import Said
from ranker.placing import Applied, Places
from ranker.query import UNMATCHED, Query, Step
from ranker.rerank import Ranker
from ranker.retrieve import Retrieved
from ranker.rulefile import RuleFile
from ranker.scores import Numbers, by_score, final_scores, named
from ranker.sight import Sight
from ranker.taste import check, taste
from ranker.understanding import ALL, NONE, REWORDED, Understanding

log = logging.getLogger(__name__)

_RANKING: Final = 0.005
"""Seconds that features and ranker need; with less left, the fused order stays."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One search: what to find and which hits of the answer to return. An empty `q` browses by popularity.

    `image` is a vector to compare with the products' own in `image_field`; then nothing is re-ranked, since the ranker has learnt from
    texts only. With `shop`, that query decides what matches, and `q` is the text in it. `collapse` is a field of `fields.SINGLE` of
    which each value is shown once, so that the window holds that many values; products without a value all stay. `until` is the
    moment (`time.monotonic`) by which the answer is due. `ranker` stands in for the searcher's own. Without `understand`, words are
    searched as they were typed; with `shop`, they are at most corrected. Without `rules`, the shop's merchandising rules are left out. `recent` are ids of products that
    this shopper looked at, newest first, for the ranker. `language` is a tag or an `Accept-Language` header, in whose words hits say
    why they are there.
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
    rules: bool = True
    recent: tuple[str, ...] = ()
    language: str = ""

    def left(self) -> float | None:
        """Seconds until the answer is due, or None."""
        return None if self.until is None else max(self.until - time.monotonic(), 0.0)


@dataclass(frozen=True, slots=True)
class Hit:
    """One result. `parts` say where its score comes from (`explain.page`), and under `rule` which merchandising rules moved it."""

    id: str
    score: float
    title: str
    parts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a search. `degraded` names the steps that failed and were done without; `timings` are milliseconds
    per stage. `understood` lists what was made of the query, `{step, from, to}` each; `searched` is the text that was searched
    for. `rules` are the names of the merchandising rules that held, `redirect` is where they lead to, or empty."""

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
    rules: tuple[str, ...] = ()
    redirect: str = ""

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
            "rules": list(self.rules),
            "redirect": self.redirect or None,
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
        clicked: what was clicked for queries before; None does without.
        floor: how near neighbours must be; None takes them all.
        adaptation: moves query vectors towards what the shop's shoppers mean; None does without.
        crossing: reads the best with the query once more; None does without.
        understanding: what queries are understood with; None takes them as they were typed.
        merchandising: the shop's rules; None does without.
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
        clicked: Watched | None = None,
        floor: Floor | None = None,
        adaptation: Adaptation | None = None,
        crossing: Crossing | None = None,
        understanding: Understanding | None = None,
        merchandising: RuleFile | None = None,
        window: int = 200,
        neighbours: int = 100,
    ) -> None:
        self.engine, self.index, self.encoder, self.ranker, self.sight = engine, index, encoder, ranker, sight
        self.clicked = clicked
        self.adaptation, self.crossing = adaptation, crossing
        self.understanding = understanding or Understanding.plain()
        self.merchandising = merchandising
        self.window, self.neighbours = window, neighbours
        self.floor = floor

    def search(self, ask: Ask) -> Answer:
        """Answer a search.

        Raises:
            QueryError: the query is too long, or names an unknown field.
            FingerprintMismatch: the index was built with another encoder.
            EngineError: the engine failed.
        """
        clock, recent = Clock(), check(ask.recent)
        degraded: list[str] = []
        query = self.understanding.read(ask.q, steps=_steps(ask))
        applied = self._applied(ask, query, degraded)
        clock.lap("understand")
        meaning = _picture(ask.image) if ask.image else self._encode(query, degraded)
        clock.lap("encode")
        alone = self._alone(ask, query, applied)
        request = self._request(ask, query, meaning, applied, alone)
        retrieved, brought = placing.parted(self._retrieve(ask, query, request, meaning), applied)
        clock.lap("retrieve")
        unranked = alone or ask.sort is not None or not (query.text or ask.image)
        if ask.collapse:
            retrieved = retrieved.collapsed(0 if unranked else self.window, applied.pins)
        size = len(retrieved.candidates.ids)
        ranked = 0 if unranked else min(self.window, size)
        if recent and ranked and not ask.image:
            retrieved = self._acquainted(ask, retrieved, recent, degraded)
        head = retrieved if ranked == size else retrieved.take(range(ranked))
        matrix, scores = self._rank(ask, head, degraded, clock)
        read = cross.read(self.crossing, self.engine, head, scores, ask.left(), degraded)
        if read.told:
            clock.lap("cross")
        shown = self._with_pinned(placing.joined(retrieved, brought), request, applied, meaning)
        places = Places()
        if not alone:
            places = placing.places(
                self.engine, applied, shown.candidates, min(self.window, size), ask.left(), scored=ranked > 0
            )
        final = places.raised(final_scores(head, read.scores), named(head.query, head.candidates))
        order = self._order(ask, head, shown, final, size, places) if not alone else list(range(min(ask.size, size)))
        hits = self._hits(ask, shown, head, order, matrix, scores, read, final, places)
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
            tuple(step.as_dict() for step in (*retrieved.query.steps, *_unmatched(ask, retrieved))),
            query.text,
            applied.names,
            applied.redirect,
        )

    def _applied(self, ask: Ask, query: Query, degraded: list[str]) -> Applied:
        """The rules that hold. An explicit order, or pictures alone, leave only those that do not move anything."""
        if self.merchandising is None or not ask.rules:
            return Applied()
        said = Said.of((ask.q, query.text), placing.narrowed(ask.filters, ask.shop))
        still = ask.sort is not None or bool(ask.image and not query.text)
        applied, sound = placing.holding(self.merchandising, said, still=still)
        if not sound:
            degraded.append("rules")
        return applied

    def _alone(self, ask: Ask, query: Query, applied: Applied) -> bool:
        """Whether just the page is brought, in the engine's order: past the window, which that order continues, and where nothing
        is ranked. What was pinned or collapsed moves every later page, so that these are then counted from the first hit on."""
        if ask.collapse:
            return False
        if ask.sort is not None:
            return True
        browse = not query.text and not ask.image
        return (browse and not applied.moves) or (ask.start >= self.window and not applied.pins)

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

    def _request(self, ask: Ask, query: Query, meaning: Meaning | None, applied: Applied, alone: bool) -> Request:
        """What is asked of the engine: the page where it is brought `alone`, else everything from the first hit on, and the whole
        window at least, beside what is pinned."""
        browse, deep = not query.text and not ask.image, max(self.window, ask.start + ask.size)
        return Request(
            query.lexical,
            None if meaning is None else meaning.near,
            self.neighbours,
            start=ask.start if alone else 0,
            size=ask.size if alone else max(deep, min(deep + len(applied.pins), MAX_WINDOW)),
            filters=(*ask.filters, *applied.hidden),
            facets=ask.facets,
            sort=ask.sort or (Sort("popularity", descending=True) if browse else None),
            lists=_lists(ask, query),
            vector_field=ask.image_field if ask.image else "vec_text",
            shop=ask.shop,
            also=tuple(applied.pins) if query.text else (),
            floor=self.floor.now() if self.floor is not None and meaning is not None and not ask.image else None,
            timeout=ask.left(),
            collapse=ask.collapse,
        )

    def _retrieve(self, ask: Ask, query: Query, request: Request, meaning: Meaning | None) -> Retrieved:
        words = None if meaning is None else meaning.words
        retrieved = retrieve.candidates(self.engine, self.index, query, request, self.sight, words, self.clicked)
        if ask.sort is not None and words is not None and not retrieved.candidates.total:
            both = replace(request, lists=Lists.BOTH, timeout=ask.left())
            retrieved = retrieve.candidates(self.engine, self.index, query, both, self.sight, words, self.clicked)
        if self.encoder is not None:
            retrieve.verify(self.index, retrieved.candidates.spec, self.encoder)
        return retrieved

    def _with_pinned(
        self, retrieved: Retrieved, request: Request, applied: Applied, meaning: Meaning | None
    ) -> Retrieved:
        """The candidates, and after them the pinned products that are none."""
        missing = placing.lacking(applied, retrieved, request)
        if missing is None:
            return retrieved
        query, words = replace(retrieved.query, filters=()), None if meaning is None else meaning.words
        generation = retrieved.candidates.generation
        return placing.joined(
            retrieved, retrieve.candidates(self.engine, generation, query, missing, self.sight, words, self.clicked)
        )

    def _acquainted(
        self, ask: Ask, retrieved: Retrieved, recent: tuple[str, ...], degraded: list[str]
    ) -> Retrieved:
        """With what the shopper looked at lately, where the engine tells it in time."""
        try:
            return replace(retrieved, taste=taste(self.engine, retrieved.candidates.generation, recent, ask.left()))
        except (EngineTimeout, EngineUnavailable) as error:
            log.warning("searching without what was looked at: %s", error)
            degraded.append("recent")
            return retrieved

    def _rank(
        self, ask: Ask, head: Retrieved, degraded: list[str], clock: Clock
    ) -> tuple[Floats | None, Floats | None]:
        """The feature matrix and the ranker's scores of the window; None when there is nothing to rank, no ranker, or no
        time."""
        if not head.candidates.ids or ask.image:
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

    def _order(
        self, ask: Ask, head: Retrieved, shown: Retrieved, final: Numbers, size: int, places: Places
    ) -> list[int]:
        """Rows of the page, in order: of the `size` candidates, and of those in `shown` that were pinned."""
        ranked = by_score(final, head.candidates.ids)
        order = places.arranged([*ranked, *range(len(ranked), size)], self.window)
        if ask.collapse:
            order = collapse.once(shown.candidates.groups, order)
        return order[ask.start : ask.start + ask.size]

    def _hits(
        self,
        ask: Ask,
        retrieved: Retrieved,
        head: Retrieved,
        order: list[int],
        matrix: Floats | None,
        scores: Floats | None,
        read: Read,
        final: Numbers,
        places: Places,
    ) -> list[Hit]:
        found, page = retrieved.candidates, []
        described = explain.page(
            explain.Page(
                retrieved,
                order,
                matrix,
                scores,
                ask.ranker or self.ranker,
                full=ask.explain,
                language=ask.language,
                order=_unranked(ask, retrieved.query),
                picture=bool(ask.image),
                moved=places.told,
            )
        )
        for row, parts in zip(order, described, strict=True):
            if row in read.told:
                parts["cross"] = read.told[row]
            if row in places.told:
                parts["rule"] = ", ".join(places.told[row])
            score = round(float(final[row]), 6) if row < len(head.candidates.ids) else 0.0
            page.append(Hit(found.ids[row], score, found.titles[row], parts))
        return page


def _steps(ask: Ask) -> frozenset[str]:
    """What is understood: where another query decides what matches, only the words to compare with may change."""
    if not ask.understand:
        return NONE
    return ALL if ask.shop is None else REWORDED


def _unranked(ask: Ask, query: Query) -> str:
    """How hits are ordered where no score decides (`explain.Page.order`); empty where one does."""
    if ask.sort is not None:
        return "sorted"
    return "" if query.text or ask.image else "browsed"


def _unmatched(ask: Ask, retrieved: Retrieved) -> tuple[Step, ...]:
    """That no product which is found has any of the words; not told where queries are taken as typed, or another one decides."""
    found, told = retrieved.candidates, ask.understand and ask.shop is None and not ask.image
    nearest = told and retrieved.query.text and found.ids and not found.lexical.any()
    return (Step(UNMATCHED, retrieved.query.text, ""),) if nearest else ()


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
