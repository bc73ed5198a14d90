"""Vectors and scores as they are worked out by hand."""

from __future__ import annotations

from math import log

import numpy as np
import numpy.typing as npt


def unit(*values: float) -> npt.NDArray[np.float32]:
    vector = np.array(values, np.float32)
    return vector / np.float32(np.linalg.norm(vector))


def bm25(total: int, matching: int, frequency: int, length: int, mean: float) -> float:
    """Lucene's BM25 of one term: idf × f / (f + k1 (1 − b + b length / mean)), k1 1.2, b 0.75."""
    idf = log(1 + (total - matching + 0.5) / (matching + 0.5))
    return idf * frequency / (frequency + 1.2 * (0.25 + 0.75 * length / mean))
