"""Measures of ranked lists against qrels, and the paired test and interval between two systems."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

METRICS: Final = ("ndcg@10", "mrr", "recall@100", "judged@10")

_ROUNDS: Final = 20_000
_RESAMPLED: Final = 10_000


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


def significance(a: Sequence[float], b: Sequence[float], seed: int = 0) -> dict[str, float]:
    """Mean difference a - b over the same queries, its two-sided p by randomization of signs (Smucker, Allan and
    Carterette 2007), and its interval of 95 % (`low` to `high`) by resampling the queries (Efron 1979)."""
    difference = np.asarray(a, np.float64) - np.asarray(b, np.float64)
    mean = float(difference.mean()) if len(difference) else 0.0
    generator = np.random.default_rng(seed)
    extreme = 0
    for _ in range(_ROUNDS // 1000):
        signs = generator.choice((-1.0, 1.0), size=(1000, len(difference)))
        extreme += (
            int((np.abs((signs * difference).mean(axis=1)) >= abs(mean) - 1e-12).sum()) if len(difference) else 1000
        )
    low, high = _interval(difference, generator)
    p = (extreme + 1) / (_ROUNDS + 1)
    return {"difference": round(mean, 4), "p": round(p, 5), "low": round(low, 4), "high": round(high, 4)}


def _interval(difference: npt.NDArray[np.float64], generator: np.random.Generator) -> tuple[float, float]:
    size = len(difference)
    if not size:
        return 0.0, 0.0
    means = [difference[generator.integers(size, size=(100, size))].mean(axis=1) for _ in range(_RESAMPLED // 100)]
    low, high = np.quantile(np.concatenate(means), (0.025, 0.975))
    return float(low), float(high)
