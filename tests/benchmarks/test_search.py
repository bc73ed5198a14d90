"""Ranked search, from text to page, beside the bare node's `hybrid` query."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from etalage.core.encoders import Encoder
from etalage.core.settings import Settings
from opensearch.engine import SearchEngine
from ranker import metrics, rerank
from ranker.evaluate import Evaluator
from ranker.search import Ask, Searcher
from ranker.training import judgments

from .conftest import ICECAT, INDEX, Hybrid, interleaved, note

pytestmark = pytest.mark.node


@pytest.fixture(scope="session")
def searchers(
    embedded: SearchEngine, cluster: SearchEngine, encoder: Encoder, settings: Settings
) -> dict[str, Searcher]:
    ranker = rerank.load(settings.home)
    return {one.name: Searcher(one, INDEX, encoder, ranker) for one in (embedded, cluster)}


def test_ranked_search(
    benchmark: Any, searchers: dict[str, Searcher], hybrid: Hybrid, encoder: Encoder, queries: Iterator[str]
) -> None:
    """Ours encodes the query, the peer is given its vector. Every query is asked once, by one of them."""
    stages: dict[str, dict[str, list[float]]] = {name: {} for name in searchers}
    vectors: dict[str, np.ndarray[Any, Any]] = {}
    asked = list[str]()

    def prepared() -> Iterator[str]:
        for query in queries:
            vectors[query] = encoder.encode_query(query)
            yield query

    def ours(name: str, query: str) -> None:
        answer = searchers[name].search(Ask(query, size=10, facets=()))
        asked.append(query)
        for stage, spent in answer.timings.items():
            stages[name].setdefault(stage, []).append(spent)

    calls = [
        lambda query: ours("embedded", query),
        lambda query: ours("cluster", query),
        lambda query: hybrid.search(query, vectors[query]),
    ]
    # The vector is made before the clock starts; the encoder has no cache, so ours makes it again.
    embedded, cluster, bare = interleaved(benchmark, calls, prepared())
    assert len(set(asked)) == len(asked)
    for name, times in (("embedded", embedded), ("cluster", cluster)):
        note(f"ranked_search_{name}", float(np.median(times)), float(np.median(bare)))
        note(f"ranked_search_{name}_p99", float(np.quantile(times, 0.99)), float(np.quantile(bare, 0.99)))
        for stage, spent in stages[name].items():
            note(f"stage_{name}_{stage}", float(np.median(spent)), float(np.median(bare)))


@pytest.mark.data
def test_quality_beside_the_bare_hybrid_query(
    benchmark: Any, cluster: SearchEngine, hybrid: Hybrid, encoder: Encoder, settings: Settings
) -> None:
    """nDCG@10 on Icecat's judged queries, the same vectors and the same words for both."""
    if not ICECAT.exists():
        pytest.skip("no icecat data (ETALAGE_DATA)")
    judged = judgments.read(ICECAT / "ratings.csv")
    evaluator = Evaluator(cluster, INDEX, encoder, rerank.load(settings.home))
    report = benchmark.pedantic(evaluator.evaluate, args=(judged,), rounds=1)
    bare = [
        metrics.ndcg(hybrid.search(query, encoder.encode_query(query), source="id"), ratings)
        for query, ratings in judged.qrels.items()
        if max(ratings.values()) > 0
    ]
    for arm in ("hybrid", "ranked"):
        note(f"quality_{arm}_icecat", report["arms"][arm]["ndcg@10"], float(np.mean(bare)), "nDCG@10")
