"""Answer a search: rank it, browse by popularity, or pass it on."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.concurrency import run_in_threadpool

from etalage.core.errors import EngineError, QueryError
from etalage.core.settings import Settings
from etalage.http.gateway import reply, ubi
from etalage.http.gateway.asked import RANK_ON, Asked
from etalage.http.gateway.plan import Plan, plan
from opensearch.dsl import gaps
from opensearch.dsl.reading import Read
from opensearch.engine import SearchEngine, Shop
from ranker import rerank
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
        """The searcher of an index; all share encoder and ranker."""
        if index == self.searcher.index:
            return self.searcher
        if index not in self._searchers:
            mine = self.searcher
            self._searchers[index] = Searcher(
                self.engine,
                index,
                mine.encoder,
                mine.ranker,
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
    if decided.kind == "rank":
        answered = await run_in_threadpool(_rank, gateway, asked, decided.read)
    elif decided.kind == "browse":
        answered = await _browse(gateway, asked)
    else:
        answered = await _pass(gateway, asked, decided)
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
    """Rank: the shop's query and vectors bring the candidates, the ranker orders them, a last search shows the page."""
    started = time.perf_counter()
    ranker = gateway.ranker_of(asked.options.rank)
    searcher = gateway.searcher_of(asked.index)
    answer = searcher.search(_ask(asked, read, ranker))
    page = _page(gateway, asked, read, answer.generation, [hit.id for hit in answer.hits])
    timings = dict(answer.timings)
    timings["page"] = round((time.perf_counter() - started) * 1000 - answer.took_ms, 3)
    used = ranker or searcher.ranker
    name = used.manifest.name if used is not None else ""
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
        collapse=asked.options.collapse or (body.get("collapse") or {}).get("field", ""),
        until=asked.until,
        ranker=ranker,
        understand=asked.options.understand,
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


async def _browse(gateway: Gateway, asked: Asked) -> Answered:
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
    _explain_passing(asked, answered.response, "browse", "")
    return answered


async def _pass(gateway: Gateway, asked: Asked, decided: Plan) -> Answered:
    answered = await _forward(gateway, asked, asked.body)
    _explain_passing(asked, answered.response, False, decided.why)
    return answered


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


def _explain_passing(asked: Asked, response: dict[str, Any], rank: str | bool, why: str) -> None:
    """Say how it was ranked, to those who asked with options of ours; others get the engine's response as it is."""
    if asked.options.given and asked.options.rank != "off":
        told: dict[str, Any] = {"rank": rank, "degraded": []}
        reply.with_ext(response, "etalage", told | ({"reason": why} if why else {}))
