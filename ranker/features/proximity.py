"""How close together the query's words stand in the title, and which of them are missing."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from etalage.core.records import Floats
from ranker.features import bits
from ranker.features.base import Context, Feature, ratio, share


def _span(c: Context) -> Floats:
    """Words that match by the width of the window from the first to the last match: 1 when they stand together."""
    return ratio(bits.count(c.matched), bits.after_last(c.matched) - bits.first(c.matched))


def _run(c: Context) -> Floats:
    """Length of the longest run of query words in the query's order, by the number of query words."""
    if not len(c.places):
        return np.zeros(c.size, np.float32)
    longest = (c.matched != 0).astype(np.int64)
    runs, length = c.pairs, 2
    while (has := np.bitwise_or.reduce(runs, axis=0) != 0).any():
        longest[has] = length
        runs, length = runs[:-1] & (runs[1:] >> np.uint32(1)), length + 1
    return ratio(longest, float(len(c.places)))


def _pairs(c: Context) -> Floats:
    """Share of all pairs of query words that stand within three places of each other in the title (where each stands first), in
    any order."""
    terms = len(c.places)
    if terms < 2:
        return _lead(c)
    first, second = _two_of(terms)
    place, has = np.bitwise_count(~c.places & (c.places - np.uint32(1))).astype(np.int8), c.stem_in_title
    near = has[first] & has[second] & (np.abs(place[first] - place[second]) <= 3)
    return share(near)


@lru_cache(maxsize=64)
def _two_of(terms: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """All pairs of numbers below `terms`: the smaller ones, and the larger."""
    first, second = np.triu_indices(terms, 1)
    return first, second


def _last(c: Context) -> Floats:
    """How late the last match stands: 1 at the title's end, where English names have their noun; 0 without a match."""
    return np.minimum(bits.after_last(c.matched) / np.maximum(c.title_words, 1), 1.0).astype(np.float32)


def _lead(c: Context) -> Floats:
    """Whether the title has the query's first word."""
    return c.stem_in_title[0].astype(np.float32) if len(c.stem_in_title) else np.zeros(c.size, np.float32)


def _missing_rare(c: Context) -> Floats:
    """The rarity of the rarest query word that the product lacks, by that of the rarest word."""
    if not len(c.rarity):
        return np.zeros(c.size, np.float32)
    lacking = np.where(c.anywhere, np.float32(0), c.rarity[:, None])
    return ratio(lacking.max(axis=0), float(c.rarity.max()))


def _missing_words(c: Context) -> Floats:
    """Query words that the product has nowhere, in fives, at most 1."""
    return np.minimum(np.add.reduce(~c.anywhere, axis=0, dtype=np.float64) / 5.0, 1.0).astype(np.float32)


def _measured(c: Context) -> Floats:
    """Share of the query's numbers that stand before the same word in the title as in the query (`12 gauge`, `5 gal`)."""
    return share(c.pairs[c.numbers[c.numbers < len(c.pairs)]] != 0)


FEATURES = (
    Feature("title_span", "proximity", 0.0, "matching title words by the width of their window", _span),
    Feature("title_run", "proximity", 0.0, "longest run of query words in order in the title", _run),
    Feature("title_pairs", "proximity", 0.0, "share of word pairs within three places of each other", _pairs),
    Feature("title_last", "proximity", 0.0, "how late in the title the last match stands", _last),
    Feature("title_lead", "proximity", 0.0, "whether the title has the query's first word", _lead),
    Feature("missing_rare", "proximity", 0.0, "rarity of the rarest word that is missing", _missing_rare),
    Feature("missing_words", "proximity", 0.0, "query words that are missing, in fives", _missing_words),
    Feature("measured", "proximity", 0.0, "share of numbers before the same word in the title as in the query", _measured),
)
