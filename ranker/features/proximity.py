"""How close together the query's words stand in the title, and which of them are missing."""

from __future__ import annotations

import numpy as np

from etalage.core import text
from etalage.core.records import Floats
from ranker.features.base import Context, Feature, ratio


def _span(c: Context) -> Floats:
    """Words that match by the width of the window from the first to the last match: 1 when they stand together."""
    places = c.matched
    many = places.sum(axis=1)
    first = places.argmax(axis=1)
    last = places.shape[1] - 1 - places[:, ::-1].argmax(axis=1)
    return ratio(many, np.where(many > 0, last - first + 1, 0))


def _run(c: Context) -> Floats:
    """Length of the longest run of query words in the query's order, by the number of query words."""
    size, terms, width = c.in_title.shape
    if not terms:
        return np.zeros(size, np.float32)
    run = np.zeros((size, width), np.int32)
    best = np.zeros(size, np.int32)
    for term in range(terms):
        shifted = np.concatenate([np.zeros((size, 1), np.int32), run[:, :-1]], axis=1)
        run = np.where(c.in_title[:, term], shifted + 1, 0)
        best = np.maximum(best, run.max(axis=1))
    return ratio(best, float(terms))


def _pairs(c: Context) -> Floats:
    """Share of all pairs of query words that stand within three places of each other in the title (where each stands first), in
    any order."""
    terms = c.in_title.shape[1]
    if terms < 2:
        return _lead(c)
    first, second = np.triu_indices(terms, 1)
    place, has = c.in_title.argmax(axis=2), c.stem_in_title
    near = has[:, first] & has[:, second] & (np.abs(place[:, first] - place[:, second]) <= 3)
    return ratio(near.sum(axis=1), float(len(first)))


def _last(c: Context) -> Floats:
    """How late the last match stands: 1 at the title's end, where English names have their noun; 0 without a match."""
    places = c.matched
    last = places.shape[1] - places[:, ::-1].argmax(axis=1)
    length = np.maximum((c.title > 0).sum(axis=1), 1)
    return np.where(places.any(axis=1), np.minimum(last / length, 1.0), 0.0).astype(np.float32)


def _lead(c: Context) -> Floats:
    """Whether the title has the query's first word."""
    return c.stem_in_title[:, 0].astype(np.float32) if c.stem_in_title.shape[1] else np.zeros(c.size, np.float32)


def _missing_rare(c: Context) -> Floats:
    """The rarity of the rarest query word that the product lacks, by that of the rarest word."""
    if not len(c.rarity):
        return np.zeros(c.size, np.float32)
    lacking = np.where(c.anywhere, np.float32(0), c.rarity[None, :])
    return ratio(lacking.max(axis=1), float(c.rarity.max()))


def _missing_words(c: Context) -> Floats:
    """Query words that the product has nowhere, in fives, at most 1."""
    return np.minimum((~c.anywhere).sum(axis=1) / 5.0, 1.0).astype(np.float32)


def _measured(c: Context) -> Floats:
    """Share of the query's numbers that stand before the same word in the title as in the query (`12 gauge`, `5 gal`)."""
    numbers = [at for at in np.flatnonzero(c.query.kinds == text.NUMBER) if at + 1 < len(c.query.stems)]
    if not numbers:
        return np.zeros(c.size, np.float32)
    together = [np.any(c.in_title[:, at, :-1] & c.in_title[:, at + 1, 1:], axis=1) for at in numbers]
    return ratio(np.sum(together, axis=0), float(len(numbers)))


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
