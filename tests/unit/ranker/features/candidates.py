"""Candidates small enough to check by hand, and the value of a feature for each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from etalage.core.records import RECORD, record_of
from opensearch import fields
from opensearch.engine import Candidates, IndexSpec
from ranker.features import NAMES, matrix
from ranker.query import understand
from ranker.retrieve import Retrieved, fuse_candidates


def retrieved(
    query: str,
    sources: Sequence[Mapping[str, Any]],
    *,
    bm25: Sequence[Sequence[float]] | None = None,
    cosines: Sequence[float] | None = None,
    near: Sequence[bool] | None = None,
    looks: Sequence[float] | None = None,
    associated: Sequence[float] | None = None,
) -> Retrieved:
    """Candidates of a query. `bm25` holds one row per candidate in the order of `fields.TEXT` (shorter rows are filled
    with zeros); a cosine of NaN stands for a product without a vector."""
    size = len(sources)
    by_field = np.zeros((size, len(fields.TEXT)), np.float32)
    for row, values in enumerate(bm25 or []):
        by_field[row, : len(values)] = values
    given = np.array([math.nan] * size if cosines is None else cosines, np.float32)
    vectors = np.where(np.isnan(given), 0, 1).astype(np.int8)[:, None].repeat(2, axis=1)
    records = np.array([record_of(source) for source in sources], RECORD) if size else np.zeros(0, RECORD)
    found = Candidates(
        ids=[f"p{row}" for row in range(size)],
        near=np.array([False] * size if near is None else near, bool),
        lexical=by_field @ np.array(list(fields.TEXT.values()), np.float32),
        fields=by_field,
        vectors=vectors,
        records=records,
        titles=[source["title"] for source in sources],
        total=size,
        generation="g",
        spec=IndexSpec("m", "f", 2),
    )
    seen = np.array([0] * size if looks is None else looks, np.float32)
    clicked = np.array([0] * size if associated is None else associated, np.float32)
    return fuse_candidates(understand(query), found, np.nan_to_num(given), seen, clicked)


def column(found: Retrieved, name: str) -> list[float]:
    values: list[float] = matrix(found)[:, NAMES.index(name)].tolist()
    return values


def titles(*given: str) -> list[dict[str, Any]]:
    return [{"title": one} for one in given]
