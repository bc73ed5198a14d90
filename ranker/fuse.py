"""Fusion of the lexical and the vector list, as OpenSearch's `normalization-processor` does it: min-max, arithmetic mean."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from etalage.core.records import Floats

FLOOR: Final = 0.001
"""What the lowest score of a list becomes, so that being in a list always counts."""

_DEPTH: Final = 100


def min_max(scores: Floats, among: npt.NDArray[np.bool_]) -> Floats:
    """Scores [n] scaled to [FLOOR, 1] over those in `among`; 0 for the others."""
    scaled = np.zeros(len(scores), np.float32)
    if among.any():
        inside = scores[among]
        low, high = inside.min(), inside.max()
        scaled[among] = 1.0 if high == low else np.maximum((inside - low) / (high - low), FLOOR)
    return scaled


def hybrid(lexical: Floats, cosines: Floats, near: npt.NDArray[np.bool_]) -> Floats:
    """The fused score of each candidate, float32 [n] in [0, 1].

    Args:
        lexical: combined BM25 [n], 0 without a match.
        cosines: cosine with the query [n].
        near: which candidates are among the nearest vectors [n].
    """
    return np.float32(0.5) * (min_max(lexical, top_lexical(lexical)) + min_max(cosines, near))


def top_lexical(lexical: Floats, depth: int = _DEPTH) -> npt.NDArray[np.bool_]:
    """Which candidates are in the lexical list: the `depth` best with a score above zero."""
    among = lexical > 0
    if int(among.sum()) > depth:
        cut = np.partition(lexical, len(lexical) - depth)[len(lexical) - depth]
        among &= lexical >= cut
    return among


def ranks(scores: Floats, among: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """1-based rank of each candidate by descending score among those in `among`, ties by position; 0 for the others."""
    order = np.argsort(-scores[among], kind="stable")
    places = np.empty(len(order), np.int32)
    places[order] = np.arange(1, len(order) + 1)
    ranked = np.zeros(len(scores), np.int32)
    ranked[among] = places
    return ranked
