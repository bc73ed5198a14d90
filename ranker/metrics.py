"""Measures of ranked lists against qrels, and the paired test and interval between two systems."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from etalage.core.paired import significance as significance

METRICS: Final = ("ndcg@10", "mrr", "recall@100", "judged@10")


def ndcg(run: Sequence[str], ratings: Mapping[str, float], depth: int = 10) -> float:
    """nDCG: gain 2^rating - 1, discount log2(1 + rank), ideal over all judged, unjudged 0 (Järvelin and Kekäläinen 2002,
    with the gain of Burges et al. 2005)."""
    ideal = sorted((_gain(rating) for rating in ratings.values()), reverse=True)[:depth]
    best = sum(gain / math.log2(rank + 2) for rank, gain in enumerate(ideal))
    found = sum(_gain(ratings.get(one, 0.0)) / math.log2(rank + 2) for rank, one in enumerate(run[:depth]))
    return found / best if best > 0 else 0.0


def _gain(rating: float) -> float:
    return float(2.0**rating - 1.0)


def measure(run: Sequence[str], ratings: Mapping[str, float]) -> dict[str, float]:
    """The `METRICS` of one query's ranked ids; relevant = rating > 0."""
    relevant = {one for one, rating in ratings.items() if rating > 0}
    first = next((rank for rank, one in enumerate(run, 1) if one in relevant), 0)
    top = run[:10]
    return {
        "ndcg@10": ndcg(run, ratings),
        "mrr": 1.0 / first if first else 0.0,
        "recall@100": len(relevant.intersection(run[:100])) / len(relevant) if relevant else 0.0,
        "judged@10": sum(one in ratings for one in top) / len(top) if top else 0.0,
    }
