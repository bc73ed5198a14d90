"""Answer a search: rank it, browse by popularity, or pass it on."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

from starlette.concurrency import run_in_threadpool

from etalage.core.errors import EngineError, QueryError
from etalage.core.settings import Settings
from etalage.http.gateway import reply, ubi
from etalage.http.gateway.asked import RANK_OFF, RANK_ON, Asked
from etalage.http.gateway.plan import Plan, collapsed, plan
from opensearch.dsl import filters, gaps
from opensearch.dsl.reading import Read
from opensearch.engine import Filter, SearchEngine, Shop
from ranker import placing, rerank
from ranker.floor import Floor
from ranker.merchandising import Said
from ranker.placing import Applied
from ranker.rerank import Ranker
from ranker.search import Ask, Searcher

_LASTS: Final = 60.0
_ORDER: Final = [{"_score": "desc"}, {"id": "asc"}]


@dataclass
class Gateway:
    """What answers OpenSearch's requests: the engine, and a searcher for each index."""

    settings: Settings
    engine: SearchEngine
    searcher: Searcher
    log: ubi.Log
    _searchers: dict[str, Searcher] = field(default_factory=dict)
    _rankers: dict[str, Ranker] = field(default_factory=dict)
    _spreads: dict[tuple[str, str], tuple[float, gaps.Ends]] = field(default_factory=dict)

    def searcher_of(self, index: str) -> Searcher:
        """The searcher of an index; all share encoder and ranker. Merchandising rules are for the index of the settings alone,
        since they name its products."""
        if index == self.searcher.index:
            return self.searcher
        if index not in self._searchers:
            mine = self.searcher
            self._searchers[index] = Searcher(
                self.engine,
                index,
                mine.encoder,
                mine.ranker,
                floor=None if mine.encoder is None else Floor(mine.encoder),
                understanding=mine.understanding.of(index),
                window=mine.window,
                neighbours=mine.neighbours,
            )
        return self._searchers[index]

    def ranker_of(self, name: str) -> Ranker | None:
        """The ranker that a request names; None for the searcher's own. Raises QueryError, ModelError."""
        if name == RANK_ON:
            return None
        if name not in self._rankers:
            self._rankers[name] = rerank.named(self.settings.home, name)
        return self._rankers[name]

    @contextmanager
    def asking(self, index: str) -> Iterator[None]:
        """Let the block ask the engine for an index; where there is none, the error says so as a node does."""
        try:
            yield
        except EngineError as error:
            self.missing(index, error)
            raise

    def missing(self, index: str, error: EngineError) -> None:
        """Let an error of the engine say that there is no such index, when that is why it says nothing else."""
        if not error.retryable and error.answer is None and self.engine.serving(index) is None:
            cause = {"type": "index_not_found_exception", "reason": f"no such index [{index}]", "index": index}
            error.answer = {"error": {"root_cause": [cause], **cause}, "status": 404}

    def spreads(self, index: str, names: set[str], timeout: float) -> dict[str, gaps.Ends]:
        """The least and the greatest value of fields, as they were within the last `_LASTS` seconds; nothing for fields
        without values."""
        now = time.monotonic()
        kept = {name: self._spreads.get((index, name)) for name in names}
        known = {name: one[1] for name, one in kept.items() if one is not None and one[0] > now}
        wanted = sorted(names - known.keys())
        if not wanted:
            return known
        aggs = {f"{end}{at}": {end: {"field": name}} for at, name in enumerate(wanted) for end in ("min", "max")}
        try:
            told = self.engine.search(index, {"size": 0, "track_total_hits": False, "aggs": aggs}, timeout=timeout)
        except EngineError as error:
            if error.retryable:
                raise
            return known  # such as a field of words: the engine says the same to the request itself
        for at, name in enumerate(wanted):
            low, high = (told.get("aggregations", {}).get(f"{end}{at}", {}).get("value") for end in ("min", "max"))
            if low is not None and high is not None:
                known[name] = (float(low), float(high))
                self._spreads[index, name] = (now + _LASTS, known[name])
        return known


@dataclass(frozen=True, slots=True)
class Answered:
    """A response, and what is worth noting about it."""

    response: dict[str, Any]
    timings: Mapping[str, float]
    degraded: tuple[str, ...] = ()

    @property
    def hits(self) -> list[dict[str, Any]]:
        """The hits of the response."""
        found: list[dict[str, Any]] = self.response.get("hits", {}).get("hits", [])
        return found

    @property
    def total(self) -> int:
        """How many there are in all, as far as they were counted."""
        total = self.response.get("hits", {}).get("total", 0)
        return int(total["value"] if isinstance(total, Mapping) else total)


async def search(gateway: Gateway, asked: Asked) -> Answered:
    """Answer one search; what computes does so in a thread, what waits for a node waits here.

    Raises:
        QueryError: it cannot be answered as it is.
        EngineError: the engine failed; `answer` is its own word.
    """
    decided = plan(asked)
    await _refuse_gaps(gateway, asked)
    if decided.kind == "rank" or (decided.kind == "browse" and asked.options.collapse):
        answered = await run_in_threadpool(_rank, gateway, asked, decided.read)
    else:
        ruled = await run_in_threadpool(_ruled, gateway, asked, decided)
        shown = replace(asked, body=_without(asked.body, ruled.applied.hidden))
        answered = await (
            _browse(gateway, shown, ruled) if decided.kind == "browse" else _pass(gateway, shown, decided, ruled)
        )
    if asked.ubi is not None:
        ids = [str(hit["_id"]) for hit in answered.hits if "_id" in hit]  # without, after `stored_fields: _none_`
        gateway.log.put(ubi.document(asked, asked.ubi, decided.read.text, ids))
        reply.with_ext(answered.response, "ubi", {"query_id": asked.ubi.query_id})
    return answered


async def _refuse_gaps(gateway: Gateway, asked: Asked) -> None:
    """Refuse histograms that would fill a node's memory with empty buckets; the embedded engine counts them itself."""
    if gateway.settings.embedded:
        return
    found = [one for name in ("aggs", "aggregations") for one in gaps.of(asked.body.get(name, {}), name)]
    if not found:
        return
    spreads = await run_in_threadpool(gateway.spreads, asked.index, {one.field for one in found}, asked.left())
    for one in found:
        gaps.refuse(one, spreads.get(one.field))


def _rank(gateway: Gateway, asked: Asked, read: Read) -> Answered:
    """Rank: the shop's query and vectors bring the candidates, the ranker orders them, or popularity where there is no text, and a
    last search shows the page."""
    started = time.perf_counter()
    ranker = gateway.ranker_of(asked.options.rank)
    searcher = gateway.searcher_of(asked.index)
    answer = searcher.search(_ask(asked, read, ranker))
    page = _page(gateway, asked, read, answer.generation, [hit.id for hit in answer.hits])
    timings = dict(answer.timings)
    timings["page"] = round((time.perf_counter() - started) * 1000 - answer.took_ms, 3)
    used = ranker or searcher.ranker
    name = (used.manifest.name if used is not None else "") if read.text.strip() else "browse"
    took = int((time.perf_counter() - started) * 1000)
    response = reply.ranked(asked, answer, page, name, took)
    response["ext"]["etalage"]["timings"] = timings
    return Answered(response, timings, answer.degraded)


def _ask(asked: Asked, read: Read, ranker: Ranker | None) -> Ask:
    body = asked.body
    shop = Shop(
        read.query,
        read.constraints,
        body.get("post_filter"),
        reply.aggregations(body.get("aggs", body.get("aggregations", {}))),
        body.get("min_score"),
    )
    return Ask(
        read.text,
        int(body.get("size", 10)),
        int(body.get("from", 0)),
        facets=(),
        explain=asked.options.explain or bool(body.get("explain")),
        shop=shop,
        collapse=collapsed(asked),
        until=asked.until,
        ranker=ranker,
        understand=asked.options.understand,
        rules=asked.options.rules,
        recent=asked.options.recent,
        language=asked.options.language,
    )


def _page(gateway: Gateway, asked: Asked, read: Read, generation: str, ids: list[str]) -> dict[str, Any] | None:
    if not ids and "suggest" not in asked.body:
        return None
    wanted = reply.page_body(asked, ids, read.query)
    if wanted is None:
        return None
    page = gateway.engine.search(generation, wanted, timeout=asked.left())
    reply.drop_internal(page, asked.body)
    return page


@dataclass(frozen=True, slots=True)
class _Ruled:
    """The merchandising rules that hold for a request that is not ranked: those that hide, and those that redirect. `sound` is
    whether they are what their file says now."""

    applied: Applied = field(default_factory=Applied)
    sound: bool = True


def _ruled(gateway: Gateway, asked: Asked, decided: Plan) -> _Ruled:
    rules, read = gateway.searcher.merchandising, decided.read
    passed = asked.options.rank == RANK_OFF or not asked.options.rules or asked.index != gateway.searcher.index
    if rules is None or passed:
        return _Ruled()
    shop = Shop(read.query, read.constraints, asked.body.get("post_filter"))
    said = Said.of((read.text,), placing.narrowed((), shop))
    return _Ruled(*placing.holding(rules, said, still=True))


def _without(body: dict[str, Any], hidden: tuple[Filter, ...]) -> dict[str, Any]:
    """A body that finds the same products in the same order without those that are hidden. A node takes `hybrid` only by
    itself, so there they are a filter of it."""
    if not hidden:
        return body
    query, kept = body.get("query") or {"match_all": {}}, [filters.clause(one) for one in hidden]
    if "hybrid" in query:
        inner = query["hybrid"]
        given = [inner["filter"]] if inner.get("filter") else []
        return body | {"query": {"hybrid": inner | {"filter": {"bool": {"filter": [*given, *kept]}}}}}
    return body | {"query": {"bool": {"must": [query], "filter": kept}}}


async def _browse(gateway: Gateway, asked: Asked, ruled: _Ruled) -> Answered:
    """No text and no order of its own: the most popular first, ties by id."""
    popular = {"field": "popularity", "missing": 0}
    query = {
        "function_score": {
            "query": asked.body.get("query", {"match_all": {}}),
            "field_value_factor": popular,
            "boost_mode": "replace",
        }
    }
    body = asked.body | {"query": query, "sort": _ORDER, "track_scores": True}
    answered = await _forward(gateway, asked, body)
    for hit in answered.hits:
        hit.pop("sort", None)
    return _told(asked, answered, "browse", "", ruled)


async def _pass(gateway: Gateway, asked: Asked, decided: Plan, ruled: _Ruled) -> Answered:
    answered = await _forward(gateway, asked, asked.body)
    return _told(asked, answered, False, decided.why, ruled)


async def _forward(gateway: Gateway, asked: Asked, body: Mapping[str, Any]) -> Answered:
    started = time.perf_counter()
    if gateway.settings.embedded and "," in asked.index:
        raise QueryError(
            "the embedded engine searches one index at a time",
            value=asked.index,
            remedy="Send one search each, by _msearch.",
        )
    shown = reply.forwarded(body)
    response = await gateway.engine.search_async(asked.index, shown, timeout=asked.left(), params=asked.params)
    reply.drop_internal(response, body)
    reply.total_as_asked(response, asked.params)
    return Answered(response, {"engine": round((time.perf_counter() - started) * 1000, 3)})


def _told(asked: Asked, answered: Answered, rank: str | bool, why: str, ruled: _Ruled) -> Answered:
    """An answer that says how it was ranked and ruled, to those who asked with options of ours; others get the engine's response
    as it is, unless a rule leads elsewhere."""
    degraded = () if ruled.sound else ("rules",)
    applied = ruled.applied
    if (asked.options.given or applied.redirect) and asked.options.rank != RANK_OFF:
        told: dict[str, Any] = {"rank": rank, "degraded": list(degraded)}
        told |= {"rules": list(applied.names), "redirect": applied.redirect or None}
        reply.with_ext(answered.response, "etalage", told | ({"reason": why} if why else {}))
    return replace(answered, degraded=degraded)
