"""Which of the query's words the product has: exactly, by stem, in order, as numbers and as article numbers."""

from __future__ import annotations

import numpy as np

from etalage.core import text
from etalage.core.records import Floats
from ranker.features import bits
from ranker.features.base import Context, Feature, Flags, ratio, share


def _coverage(c: Context) -> Floats:
    return share(c.stem_in_title)


def _coverage_exact(c: Context) -> Floats:
    return share(c.surface_in_title)


def _coverage_rare(c: Context) -> Floats:
    if not len(c.rarity):
        return np.zeros(c.size, np.float32)
    return ratio(c.stem_in_title.T.astype(np.float32, order="C") @ c.rarity, float(c.rarity.sum()))


def _coverage_anywhere(c: Context) -> Floats:
    return share(c.anywhere)


def _complete(c: Context) -> Floats:
    return (_coverage_anywhere(c) >= 1).astype(np.float32)


def _precision(c: Context) -> Floats:
    return ratio(bits.count(c.matched), c.title_words)


def _ordered(c: Context) -> Floats:
    """Share of neighbouring query words that stand side by side, in order, in the title."""
    return share(c.pairs != 0) if len(c.places) > 1 else _coverage(c)


def _first(c: Context) -> Floats:
    """1 at the title's start, falling to 0 at its end or without a match."""
    early = 1.0 - bits.first(c.matched) / np.maximum(c.title_words, 1)
    return np.maximum(early, 0.0).astype(np.float32)


def _head(c: Context) -> Floats:
    """English names put the noun last: whether the title has the query's last word."""
    return c.stem_in_title[-1].astype(np.float32) if len(c.stem_in_title) else np.zeros(c.size, np.float32)


def _numbers(c: Context) -> Floats:
    return share(c.surface_in_title[c.numbers] | c.stem_in_attributes[c.numbers])


def _number_gap(c: Context) -> Floats:
    """Share of the query's numbers that the product lacks; 0 when the query has none."""
    return 1 - _numbers(c) if len(c.numbers) else np.zeros(c.size, np.float32)


def _models(c: Context) -> Floats:
    """Whether an article number of the query is one of the product's, or a word of its title."""
    if not len(c.query.models):
        return np.zeros(c.size, np.float32)
    models = np.ascontiguousarray(c.records["models"].T)
    own = np.any((models.reshape(-1) == c.query.models[:, None]).reshape(-1, c.size), axis=0)
    named = np.any(c.surface_in_title[c.query.kinds == text.MODEL], axis=0)
    return np.logical_or(own, named).astype(np.float32)


def _brand(c: Context) -> Floats:
    return c.brand_named


def _brand_conflict(c: Context) -> Floats:
    """Whether the query names a brand of the list, and this product is of another."""
    known: Flags = c.records["brand"][:, 0] > 0
    return ((c.brand_named < 1) & known & bool((c.brand_named >= 1).any())).astype(np.float32)


def _category(c: Context) -> Floats:
    return share(c.stem_in_category)


def _attributes(c: Context) -> Floats:
    return share(c.stem_in_attributes > c.stem_in_title)


def _title_length(c: Context) -> Floats:
    return (np.log1p(c.records["title_length"].astype(np.float32)) / np.float32(np.log(64))).astype(np.float32)


def _description(c: Context) -> Floats:
    return np.minimum(np.log1p(c.records["description_length"].astype(np.float32)) / 7.0, 1.0).astype(np.float32)


def _query_length(c: Context) -> Floats:
    return np.full(c.size, min(len(c.query.stems), 10) / 10, np.float32)


FEATURES = (
    Feature("title_coverage", "overlap", 0.0, "share of the query's stems in the title", _coverage),
    Feature(
        "title_coverage_exact", "overlap", 0.0, "share of the query's words in the title as typed", _coverage_exact
    ),
    Feature(
        "title_coverage_rare", "overlap", 0.0, "the coverage, rare words of the list counting more", _coverage_rare
    ),
    Feature(
        "coverage",
        "overlap",
        0.0,
        "share of the query's stems in title, brand, category or attributes",
        _coverage_anywhere,
    ),
    Feature("complete", "overlap", 0.0, "whether all of them are there", _complete),
    Feature("title_precision", "overlap", 0.0, "share of the title's words that the query has", _precision),
    Feature("title_ordered", "overlap", 0.0, "share of the query's word pairs side by side in the title", _ordered),
    Feature("title_first", "overlap", 0.0, "how early in the title a query word stands", _first),
    Feature("title_head", "overlap", 0.0, "whether the title has the query's last word", _head),
    Feature("numbers", "overlap", 0.0, "share of the query's numbers that the product has", _numbers),
    Feature("number_gap", "overlap", 0.0, "share of the query's numbers that the product lacks", _number_gap),
    Feature("models", "overlap", 0.0, "whether an article number matches", _models),
    Feature("brand_named", "overlap", 0.0, "share of the brand's words in the query", _brand),
    Feature("brand_conflict", "overlap", 0.0, "the query names another brand of the list", _brand_conflict),
    Feature("category_coverage", "overlap", 0.0, "share of the query's stems in the category path", _category),
    Feature(
        "attribute_coverage",
        "overlap",
        0.0,
        "share of the query's stems in the attributes but not the title",
        _attributes,
    ),
    Feature("title_length", "overlap", 0.0, "log length of the title", _title_length),
    Feature("description_length", "overlap", 0.0, "log length of the description", _description),
    Feature("query_length", "overlap", 0.0, "terms in the query, in tens (same for the list)", _query_length),
)
