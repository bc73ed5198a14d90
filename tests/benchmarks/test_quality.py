"""Quality beside speed: nDCG@10 on judged queries, ours and the bare node's `hybrid` query."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from etalage.core.encoders import Encoder
from etalage.core.settings import Settings
from opensearch.engine import SearchEngine
from ranker import metrics, rerank
from ranker.evaluate import Evaluator
from ranker.training import judgments

from .conftest import ICECAT, Hybrid, note


def test_quality_on_icecat(
    benchmark: Any, cluster: SearchEngine, cluster_index: str, hybrid: Hybrid, encoder: Encoder, settings: Settings
) -> None:
    """The same index, words and vectors for both; queries without a rating above zero are left out of both."""
    if not (ICECAT / "ratings.csv").exists():
        pytest.skip("no icecat data (ETALAGE_DATA)")
    judged = judgments.read(ICECAT / "ratings.csv")
    evaluator = Evaluator(cluster, cluster_index, encoder, rerank.load(settings.home))
    report = benchmark.pedantic(evaluator.evaluate, args=(judged,), rounds=1)
    kept = {query: ratings for query, ratings in judged.qrels.items() if max(ratings.values()) > 0}
    assert len(kept) == report["queries"]
    bare = [
        metrics.ndcg(
            [hit["_source"]["id"] for hit in hybrid.search(query, encoder.encode_query(query), source="id")],
            ratings,
        )
        for query, ratings in kept.items()
    ]
    for arm in ("bm25", "vector", "hybrid", "ranked"):
        note(f"quality_{arm}_icecat", report["arms"][arm]["ndcg@10"], float(np.mean(bare)), "nDCG@10")
