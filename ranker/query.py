"""Understand a query: check it, normalise it, and turn it into the token ids that the features compare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from etalage.core import text
from etalage.core.errors import QueryError

MAX_CHARACTERS: Final = 1000
MAX_TERMS: Final = 32
"""Longer queries are refused; of a query with more terms only the first ones count."""

_LONGEST_MODEL: Final = 3
_SHORTEST_NUMBER: Final = 3

Ids = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Query:
    """An understood query.

    Attributes:
        text: normalised, cut to `MAX_TERMS` terms; empty when the shop is browsed.
        stems, surfaces: uint32 [m], ids of its terms in order (`text.token_id`).
        kinds: uint8 [m], `text.NONE`, `NUMBER` or `MODEL`.
        models: uint32, ids of article numbers it may name: up to three adjacent terms with a digit, joined.
        number: the whole query as an article number (`text.compact`), empty when it can't be one.
    """

    text: str
    stems: Ids
    surfaces: Ids
    kinds: npt.NDArray[np.uint8]
    models: Ids
    number: str = ""


def understand(query: str) -> Query:
    """Understand what was typed. Raises QueryError when it is longer than `MAX_CHARACTERS`."""
    if len(query) > MAX_CHARACTERS:
        raise QueryError(
            f"the query has {len(query):,} characters, at most {MAX_CHARACTERS:,} are searched",
            value=query,
            remedy="Shorten it.",
        )
    clean = text.normalize(query)
    tokens = text.tokenize(clean)
    if len(tokens) > MAX_TERMS:
        tokens = tokens[:MAX_TERMS]
        clean = " ".join(token.surface for token in tokens)
    return Query(
        clean,
        np.array([text.token_id(token.stem) for token in tokens], np.uint32),
        np.array([text.token_id(token.surface) for token in tokens], np.uint32),
        np.array([token.kind for token in tokens], np.uint8),
        _models([token.surface for token in tokens]),
        _number(clean, len(tokens)),
    )


def _number(query: str, terms: int) -> str:
    joined = text.compact(query)
    fits = 0 < terms <= _LONGEST_MODEL and len(joined) > _SHORTEST_NUMBER and any(c.isdigit() for c in joined)
    return joined if fits else ""


def _models(surfaces: list[str]) -> Ids:
    found: dict[int, None] = {}
    for start in range(len(surfaces)):
        for end in range(start + 1, min(start + _LONGEST_MODEL, len(surfaces)) + 1):
            joined = text.compact("".join(surfaces[start:end]))
            if len(joined) > 2 and any(c.isdigit() for c in joined):
                found[text.token_id(joined)] = None
    return np.array(list(found), np.uint32)
