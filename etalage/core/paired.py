"""Two systems on the same queries: is their difference more than chance?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

_ROUNDS: Final = 20_000
_RESAMPLED: Final = 10_000


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
