"""Final scores of candidates, and the order by them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from etalage.core.records import Floats
from etalage.core.text import compact, token_id
from opensearch.engine import Candidates
from ranker.query import Query
from ranker.retrieve import Retrieved

Numbers = npt.NDArray[np.floating[Any]]

_compact: Final = lru_cache(maxsize=1 << 16)(compact)
"""The same products are candidates again and again."""


def final_scores(head: Retrieved, scores: Floats | None) -> Numbers:
    """The score that hits are shown with, [n]: the ranker's in (0, 1), else the fused one; 1 more for products that are named
    by their number."""
    final: Numbers = head.fused.astype(np.float64)
    if scores is not None:
        final = 1.0 / (1.0 + np.exp(-scores.astype(np.float64)))
    return final + named(head.query, head.candidates)


def named(query: Query, found: Candidates) -> npt.NDArray[np.bool_]:
    """Which candidates the query names by id or article number (SKU, EAN, model): bool [n]."""
    if not query.number:
        return np.zeros(len(found.ids), bool)
    models = found.records["models"] == np.uint32(token_id(query.number))
    ids = np.fromiter((_compact(one) == query.number for one in found.ids), bool, len(found.ids))
    exact: npt.NDArray[np.bool_] = models.any(axis=1) | ids
    return exact


def by_score(scores: npt.NDArray[np.floating[Any]], ids: list[str]) -> list[int]:
    """Positions by descending score, ties by id."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    if not np.any(ordered[1:] == ordered[:-1]):
        return order.tolist()
    values = scores.tolist()
    return sorted(range(len(ids)), key=lambda row: (-values[row], ids[row]))
