"""Ranked search, from text to page, beside the bare node's `hybrid` query."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from etalage.core.encoders import Encoder
from etalage.core.records import Floats
from etalage.core.settings import Settings
from opensearch import fields
from opensearch.engine import SearchEngine
from ranker import rerank
from ranker.search import Ask, Searcher

from .conftest import INDEX, Hybrid, interleaved, note, p50, p99

PER_ROUND = 300
PER_ROUND_VARIANT = 100


@dataclass
class Searches:
    """Searches through one engine, counting what each stage takes."""

    searcher: Searcher
    stages: dict[str, list[float]] = field(default_factory=dict)

    def ask(self, query: str, facets: tuple[str, ...] = ()) -> None:
        answer = self.searcher.search(Ask(query, size=10, facets=facets))
        assert not answer.degraded
        assert answer.hits
        for stage, spent in answer.timings.items():
            self.stages.setdefault(stage, []).append(spent)


@pytest.fixture(scope="session")
def searchers(
    embedded: SearchEngine, cluster: SearchEngine, cluster_index: str, encoder: Encoder, settings: Settings
) -> dict[str, Searcher]:
    """One per engine, with the ranker that is packaged."""
    ranker = rerank.load(settings.home)
    return {
        "embedded": Searcher(embedded, INDEX, encoder, ranker),
        "cluster": Searcher(cluster, cluster_index, encoder, ranker),
    }


def with_vector(encoder: Encoder, queries: Iterator[str]) -> tuple[str, Floats]:
    query = next(queries)
    return query, encoder.encode_query(query)


@pytest.mark.parametrize("engine", ["embedded", "cluster"])
def test_ranked_search(
    benchmark: Any,
    searchers: dict[str, Searcher],
    hybrid: Hybrid,
    encoder: Encoder,
    queries: Iterator[str],
    engine: str,
) -> None:
    """Ours encodes its query; the peer's vector is made before the clock starts. No query is asked twice."""
    mine = Searches(searchers[engine])

    def peer(given: tuple[str, Floats]) -> None:
        assert hybrid.search(*given)

    ours, bare = interleaved(
        benchmark, [mine.ask, peer], [lambda: next(queries), lambda: with_vector(encoder, queries)], PER_ROUND
    )
    note(f"ranked_search_{engine}", p50(ours), p50(bare))
    note(f"ranked_search_{engine}_p99", p99(ours), p99(bare))
    for stage, spent in mine.stages.items():
        note(f"stage_{engine}_{stage}", p50(spent[PER_ROUND:]), p50(bare))


@pytest.mark.parametrize("engine", ["embedded", "cluster"])
def test_ranked_search_with_facets(
    benchmark: Any,
    searchers: dict[str, Searcher],
    hybrid: Hybrid,
    encoder: Encoder,
    queries: Iterator[str],
    engine: str,
) -> None:
    """The same, both counting the facets that a search returns unless told otherwise."""
    mine = Searches(searchers[engine])

    def peer(given: tuple[str, Floats]) -> None:
        assert hybrid.search(*given, facets=fields.FACETS)

    ours, bare = interleaved(
        benchmark,
        [lambda query: mine.ask(query, fields.FACETS), peer],
        [lambda: next(queries), lambda: with_vector(encoder, queries)],
        PER_ROUND_VARIANT,
    )
    note(f"ranked_search_{engine}_facets", p50(ours), p50(bare))


@pytest.mark.parametrize("engine", ["embedded", "cluster"])
def test_ranked_search_beside_bare_ids(
    benchmark: Any,
    searchers: dict[str, Searcher],
    hybrid: Hybrid,
    encoder: Encoder,
    queries: Iterator[str],
    engine: str,
) -> None:
    """The same beside the least that the peer can be asked for: ids, without reading a source."""
    mine = Searches(searchers[engine])

    def peer(given: tuple[str, Floats]) -> None:
        assert hybrid.search(*given, source="")

    ours, bare = interleaved(
        benchmark, [mine.ask, peer], [lambda: next(queries), lambda: with_vector(encoder, queries)], PER_ROUND_VARIANT
    )
    note(f"ranked_search_{engine}_ids", p50(ours), p50(bare))
