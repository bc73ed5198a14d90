"""Bring the candidates of a query from the engine, and say how near each is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from etalage.core.encoders import Encoder
from etalage.core.errors import FingerprintMismatch
from etalage.core.records import Floats, rounded_cosine
from opensearch.engine import Candidates, IndexSpec, Lists, Request, SearchEngine, Shop
from ranker import collapse, fuse
from ranker.behaviour.associations import NOTHING, Watched
from ranker.query import PRICE, RELAXED, WITHOUT, Query, Step
from ranker.sight import Sight
from ranker.taste import Taste

DEPICTED: Final = 50
"""Candidates that are brought by their pictures."""


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Candidates with what every later step needs; columns of length n in the engine's order.

    Attributes:
        candidates: what the engine answered.
        cosines: float32 [n], cosine with the query, 0 without a vector.
        fused: float32 [n], the hybrid score.
        looks: float32 [n], cosine of the words with the picture, 0 where either is missing.
        associated: float32 [n], log of how often it is clicked for this query over the mean, 0 where nothing is known.
        taste: what the shopper looked at lately, where that is known.
    """

    query: Query
    candidates: Candidates
    cosines: Floats
    fused: Floats
    looks: Floats
    associated: Floats
    taste: Taste | None = None

    def take(self, rows: Sequence[int]) -> Retrieved:
        """The candidates of `rows` alone, in that order, fused among themselves."""
        at = np.array(rows, np.int64)
        cut = self.candidates.take(rows)
        fused = fuse_candidates(self.query, cut, self.cosines[at], self.looks[at], self.associated[at])
        return replace(fused, taste=self.taste)

    def collapsed(self, window: int, chosen: Collection[str]) -> Retrieved:
        """One candidate of each group, where there are groups, and those that are `chosen`: of the first `window` groups the best by
        the fused score among the candidates up to the last of these groups, so that it is the same however many more follow; of
        others, and of all with a window of 0, the first."""
        groups = self.candidates.groups
        if len(collapse.heads(groups)) == len(groups):
            return self
        top = self.take(range(collapse.depth(groups, window)))
        return self.take(collapse.best(self.candidates, top.fused, chosen))


def verify(index: str, spec: IndexSpec, encoder: Encoder) -> None:
    """Raise FingerprintMismatch when an index's vectors come from another encoder."""
    if spec.fingerprint != encoder.fingerprint:
        raise FingerprintMismatch(
            f"the index was encoded by {spec.model} ({spec.fingerprint}), queries by {encoder.name} ({encoder.fingerprint})",
            value=index,
            remedy="Index the catalog again with `etalage index FILE`, or set ETALAGE_TEXT_MODEL back.",
        )


def candidates(
    engine: SearchEngine,
    index: str,
    query: Query,
    request: Request,
    sight: Sight | None = None,
    words: Floats | None = None,
    clicked: Watched | None = None,
) -> Retrieved:
    """Answer `request`, then compute cosines and the fused score; with `sight`, words are compared with pictures too: the vector
    `words`, where that of the request is an adapted one (`adapt.Meaning`). Products whose pictures are nearest to the words, and those
    `clicked` for the query before, are candidates too.

    The query's own filters are added, and given up where nothing matches under them that would match without; the query of the
    result says so (`RELAXED`).
    """
    if query.filters:
        narrow = replace(request, filters=(*request.filters, *query.filters))
        found = candidates(engine, index, replace(query, filters=()), narrow, sight, words, clicked)
        matched = found.candidates.lexical.any() if request.text else found.candidates.total > 0
        if matched or not _relaxed(engine, index, request, narrow):
            return replace(found, query=query)
        told = [Step(RELAXED, step.now, "") for step in query.steps if step.step in (PRICE, WITHOUT)]
        query = replace(query, filters=(), steps=(*query.steps, *told))
    if query.number and request.lists is Lists.BOTH:
        request = replace(request, shop=numbered(query, request.shop))
    words = (request.vector if words is None else words) if request.vector_field == "vec_text" else None
    known = NOTHING if clicked is None or not query.text else clicked.about(query.stems.tolist())
    request = replace(request, pictures=sight is not None and words is not None)
    if request.lists is Lists.BOTH and query.text and request.sort is None:
        request = replace(request, also=(*request.also, *known.ids[: known.found]))
        depicted = () if sight is None or words is None else _depicted(engine, index, request, sight, words)
        answered = _with(engine, index, request, depicted)
    else:
        answered = collapse.candidates(engine, index, request)
    none = np.zeros(len(answered.ids), np.float32)
    cosines = none if request.vector is None else rounded_cosine(request.vector, answered.vectors)
    seen = None if sight is None or words is None else sight.seen(answered.spec, words)
    looks = none if seen is None else rounded_cosine(seen, answered.pictures)
    return fuse_candidates(query, answered, cosines, looks, known.of(answered.ids))


def _with(engine: SearchEngine, index: str, request: Request, depicted: tuple[str, ...]) -> Candidates:
    """The answer with the products of some pictures; where neither words nor vectors find any, pictures alone say too little."""
    answered = collapse.candidates(engine, index, replace(request, also=(*request.also, *depicted)))
    if depicted and answered.total <= len(request.also) + len(depicted):
        count = replace(request, also=(), start=0, size=0, facets=())
        if not engine.candidates(index, count).total:
            return collapse.candidates(engine, index, request)
    return answered


def _depicted(engine: SearchEngine, index: str, request: Request, sight: Sight, words: Floats) -> tuple[str, ...]:
    """Ids of the products whose pictures are nearest to the words."""
    spec = engine.spec(index)
    seen = None if spec is None else sight.seen(spec, words)
    if seen is None:
        return ()
    shop = None if request.shop is None else replace(request.shop, aggregations={})
    asked = Request("", seen, DEPICTED, 0, DEPICTED, request.filters, lists=Lists.VECTOR, vector_field="vec_image", shop=shop)
    try:
        return tuple(engine.candidates(index, replace(asked, timeout=request.timeout)).ids)
    except FingerprintMismatch:
        # Another generation began to serve in between.
        return ()


def _relaxed(engine: SearchEngine, index: str, request: Request, narrow: Request) -> bool:
    """Whether nothing matches `narrow` while something matches `request`; by the words, where there are any."""

    def matches(one: Request) -> bool:
        count = replace(one, vector=None, lists=Lists.LEXICAL, start=0, size=0, facets=(), sort=None)
        return engine.candidates(index, count).total > 0

    return not matches(narrow) and matches(request)


def numbered(query: Query, shop: Shop | None) -> Shop:
    """A source that also brings products by their id or article number, whatever else the query matches."""
    whole: Mapping[str, Any] = {"multi_match": {"query": query.lexical, "type": "most_fields"}}
    number = {"match": {"model": {"query": query.text, "operator": "and"}}}
    alternatives = [shop.query if shop is not None else whole, {"ids": {"values": [query.text]}}, number]
    return replace(shop or Shop(whole), query={"bool": {"should": alternatives, "minimum_should_match": 1}})


def fuse_candidates(
    query: Query, found: Candidates, cosines: Floats, looks: Floats, associated: Floats
) -> Retrieved:
    """Candidates with their cosines and the hybrid score."""
    encoded = np.any(found.vectors, axis=1) & bool(cosines.any())
    return Retrieved(query, found, cosines, fuse.hybrid(found.lexical, cosines, encoded), looks, associated)
