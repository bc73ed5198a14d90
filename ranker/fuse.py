"""Fusion of the lexical and the vector score: normalized over the candidates, arithmetic mean."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from etalage.core.records import Floats

FLOOR: Final = 0.001
"""What the lowest score becomes, so that having one always counts (as OpenSearch's `normalization-processor` does)."""


def min_max(scores: Floats, among: npt.NDArray[np.bool_]) -> Floats:
    """Scores [n] scaled to [FLOOR, 1] over those in `among`; 0 for the others."""
    scaled = np.zeros(len(scores), np.float32)
    if among.any():
        inside = scores[among]
        low, high = inside.min(), inside.max()
        scaled[among] = 1.0 if high == low else np.maximum((inside - low) / (high - low), FLOOR)
    return scaled


def hybrid(lexical: Floats, cosines: Floats, encoded: npt.NDArray[np.bool_]) -> Floats:
    """The fused score of each candidate, float32 [n] in [0, 1]: half BM25 by its largest, half min-max cosine.

    Both scores of every candidate are known, so that each counts in full, whichever list brought the candidate; a node's
    `hybrid` query counts a score as 0 where the other list's top did not hold the document.

    Args:
        lexical: combined BM25 [n], 0 without a match.
        cosines: cosine with the query [n].
        encoded: which candidates have a vector [n].
    """
    peak = float(lexical.max(initial=0.0))
    words = lexical / np.float32(peak) if peak > 0 else lexical
    return np.float32(0.5) * (words + min_max(cosines, encoded))


def ranks(scores: Floats, among: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """1-based rank of each candidate by descending score among those in `among`, ties by position; 0 for the others."""
    order = np.argsort(-scores[among], kind="stable")
    places = np.empty(len(order), np.int32)
    places[order] = np.arange(1, len(order) + 1)
    ranked = np.zeros(len(scores), np.int32)
    ranked[among] = places
    return ranked
