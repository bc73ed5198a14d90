"""What a shopper looked at lately, for the ranker to compare candidates with: for one search, kept nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from etalage.core.errors import QueryError
from etalage.core.records import Floats
from opensearch.engine import Ids, Lists, Request, SearchEngine

RECENT: Final = 20
"""Products that count, the latest."""

FADE: Final = 0.8
"""What each product counts of the one looked at after it."""


@dataclass(frozen=True, slots=True)
class Taste:
    """Products that a shopper looked at.

    Attributes:
        vectors: int8 [m, dim], their text vectors, zero rows where there is none.
        records: `records.RECORD` [m].
        weights: float32 [m], what each counts; they sum to 1.
    """

    vectors: npt.NDArray[np.int8]
    records: npt.NDArray[np.void]
    weights: Floats


def check(recent: Sequence[str]) -> tuple[str, ...]:
    """The ids that count, each once, the latest first.

    Raises:
        QueryError: more than a hundred are given, or an id is empty.
    """
    if len(recent) > 100 or not all(recent):
        raise QueryError(
            "at most 100 ids of products that were looked at are taken, none of them empty",
            value=len(recent),
            remedy=f"Send the latest {RECENT}, newest first.",
        )
    return tuple(dict.fromkeys(recent))[:RECENT]


def taste(engine: SearchEngine, index: str, recent: Sequence[str], timeout: float | None = None) -> Taste | None:
    """The taste that products looked at show, newest first; None when the index has none of them.

    Raises:
        EngineError: the engine failed.
    """
    if not recent:
        return None
    asked = Request("", filters=(Ids(tuple(recent)),), size=len(recent), lists=Lists.LEXICAL, timeout=timeout)
    found = engine.candidates(index, asked)
    if not found.ids:
        return None
    at = {id: place for place, id in enumerate(recent)}
    weights = np.array([FADE ** at[id] for id in found.ids], np.float32)
    return Taste(found.vectors, found.records, weights / weights.sum())
