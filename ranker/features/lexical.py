"""How well the words match: BM25 by field and together, and ranks in each list."""

from __future__ import annotations

import numpy as np

from etalage.core.records import Floats
from opensearch import fields
from ranker.features.base import Context, Feature, ratio, reciprocal, relative


def _by_field(number: int, name: str) -> Feature:
    def compute(c: Context) -> Floats:
        return relative(c.found.fields[:, number])

    return Feature(f"bm25_{name}", "lexical", 0.0, f"BM25 of the field `{name}`, by the list's largest", compute)


def _bm25(c: Context) -> Floats:
    return relative(c.found.lexical)


def _title_share(c: Context) -> Floats:
    return ratio(c.found.fields[:, 0], c.found.lexical)


def _lexical_rank(c: Context) -> Floats:
    return reciprocal(c.lexical_rank)


def _matched_share(c: Context) -> Floats:
    return np.full(c.size, np.count_nonzero(c.found.lexical) / max(c.size, 1), np.float32)


FEATURES = (
    *(_by_field(number, name) for number, name in enumerate(fields.TEXT)),
    Feature("bm25", "lexical", 0.0, "combined BM25, by the list's largest", _bm25),
    Feature("bm25_title_share", "lexical", 0.0, "the title's part of the combined BM25", _title_share),
    Feature("lexical_rank", "lexical", 0.0, "1 / log2(1 + rank by BM25)", _lexical_rank),
    Feature(
        "matched_share", "lexical", 0.0, "share of candidates with a lexical match (same for the list)", _matched_share
    ),
)
