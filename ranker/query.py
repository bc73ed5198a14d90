"""Understand a query: check it, normalise it, take it apart in small steps that are reported, and turn it into the token ids
that the features compare."""

from __future__ import annotations

from collections.abc import Container, Set
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from etalage.core import text
from etalage.core.errors import QueryError
from etalage.core.text import Token
from opensearch.engine import Filter
from ranker import corrections, intents, units
from ranker.synonyms import Synonyms
from ranker.vocabulary import Vocabulary

MAX_CHARACTERS: Final = 1000
MAX_TERMS: Final = 32
"""Longer queries are refused; of a query with more terms only the first ones count."""

PRICE, WITHOUT, SPELLING, UNITS, NAMES, SYNONYMS = "price", "without", "spelling", "units", "names", "synonyms"
STEPS: Final = frozenset((PRICE, WITHOUT, SPELLING, UNITS, NAMES, SYNONYMS))
"""What can be understood, in this order."""

DID_YOU_MEAN, RELAXED, UNMATCHED = "did_you_mean", "relaxed", "unmatched"
"""Besides: a doubtful correction that was not made, filters that were given up since nothing matched under them, and words that no
product has, so that the nearest in meaning are shown."""

_LONGEST_MODEL: Final = 3
_SHORTEST_NUMBER: Final = 3

Ids = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was understood: which step, the words it is about, and what was made of them."""

    step: str
    was: str
    now: str

    def as_dict(self) -> dict[str, str]:
        """The step as answers give it."""
        return {"step": self.step, "from": self.was, "to": self.now}


@dataclass(frozen=True, slots=True)
class Query:
    """An understood query.

    Attributes:
        text: normalised, corrected, without the words that became filters, cut to `MAX_TERMS` terms; empty when the shop is
            browsed.
        stems, surfaces: uint32 [m], ids of its terms in order (`text.token_id`).
        kinds: uint8 [m], `text.NONE`, `NUMBER` or `MODEL`.
        models: uint32, ids of article numbers it may name: up to three adjacent terms with a digit, joined.
        number: the whole query as an article number (`text.compact`), empty when it can't be one.
        more: terms that find the same things, for the lexical query alone.
        filters: what the query asks for besides its words.
        steps: what was understood, in order.
        named: (kind, name) of brands, categories, colours and sizes of the catalog that the query names.
    """

    text: str
    stems: Ids
    surfaces: Ids
    kinds: npt.NDArray[np.uint8]
    models: Ids
    number: str = ""
    more: str = ""
    filters: tuple[Filter, ...] = ()
    steps: tuple[Step, ...] = ()
    named: tuple[tuple[str, str], ...] = ()

    @property
    def lexical(self) -> str:
        """The text of the lexical query, whose terms are alternatives."""
        return f"{self.text} {self.more}" if self.more else self.text


def understand(
    query: str,
    vocabulary: Vocabulary | None = None,
    synonyms: Synonyms | None = None,
    *,
    common: Container[str] = (),
    steps: Set[str] = frozenset(),
) -> Query:
    """Understand what was typed.

    Args:
        vocabulary: the words of the catalog, without which most steps do nothing.
        common: words of the language that are no slips though the catalog lacks them.
        steps: those of `STEPS` that are taken; none takes the query as it was typed.

    Raises:
        QueryError: it is longer than `MAX_CHARACTERS`.
    """
    if len(query) > MAX_CHARACTERS:
        raise QueryError(
            f"the query has {len(query):,} characters, at most {MAX_CHARACTERS:,} are searched",
            value=query,
            remedy="Shorten it.",
        )
    clean, filters, told = _priced(text.normalize(query), vocabulary, steps)
    clean, tokens = _cut(clean)
    more: list[str] = []
    if steps:
        clean, filters, more = _reworded(clean, filters, told, vocabulary, common, steps)
        clean, tokens = _cut(clean)
    named: list[tuple[str, str]] = []
    if NAMES in steps and vocabulary is not None:
        for typed, value in intents.names(tokens, vocabulary):
            told.append(Step(value.kind, typed, value.name))
            named.append((value.kind, value.name))
    if SYNONYMS in steps and synonyms is not None:
        for phrase, other in synonyms.expand([token.stem for token in tokens]):
            told.append(Step("synonym", phrase, other))
            more.append(other)
    return Query(
        clean,
        np.array([text.token_id(token.stem) for token in tokens], np.uint32),
        np.array([text.token_id(token.surface) for token in tokens], np.uint32),
        np.array([token.kind for token in tokens], np.uint8),
        _models([token.surface for token in tokens]),
        _number(clean, len(tokens)),
        _terms(more, tokens),
        filters,
        tuple(told),
        tuple(named),
    )


def _cut(clean: str) -> tuple[str, list[Token]]:
    """A text of at most `MAX_TERMS` terms, and its terms."""
    tokens = text.tokenize(clean)
    if len(tokens) > MAX_TERMS:
        tokens = tokens[:MAX_TERMS]
        clean = " ".join(token.surface for token in tokens)
    return clean, tokens


def _priced(clean: str, vocabulary: Vocabulary | None, steps: Set[str]) -> tuple[str, tuple[Filter, ...], list[Step]]:
    """A text without bounds of the price, wherever in it, the filter that they are, and what was done."""
    bounds = None if vocabulary is None or PRICE not in steps else intents.price(clean, vocabulary.facts)
    if bounds is None:
        return clean, (), []
    return intents.without(clean, [bounds]), (bounds.filter,), [Step(PRICE, bounds.typed, bounds.meant)]


def _reworded(
    clean: str,
    filters: tuple[Filter, ...],
    told: list[Step],
    vocabulary: Vocabulary | None,
    common: Container[str],
    steps: Set[str],
) -> tuple[str, tuple[Filter, ...], list[str]]:
    """The other steps that change the words: the text, filters, and more terms for the lexical query; what was done is added to
    `told`."""
    more: list[str] = []
    if WITHOUT in steps:
        clean, filters = _negated(clean, vocabulary, filters, told)
    if SPELLING in steps and vocabulary is not None:
        corrected = corrections.correct(clean, vocabulary, common)
        clean = corrected.text
        more += corrected.extra
        told += [Step(SPELLING, was, now) for was, now in corrected.applied]
        told += [Step(DID_YOU_MEAN, was, now) for was, now in corrected.doubtful]
        if corrected.applied and WITHOUT in steps:
            clean, filters = _negated(clean, vocabulary, filters, told)
    if UNITS in steps:
        for quantity in units.quantities(clean, () if vocabulary is None else vocabulary.values):
            told.append(Step(UNITS, quantity.typed, " ".join(quantity.others)))
            more += quantity.others
    return clean, filters, more


def _negated(
    clean: str, vocabulary: Vocabulary | None, filters: tuple[Filter, ...], told: list[Step]
) -> tuple[str, tuple[Filter, ...]]:
    """A text without what it does not want, and the filters with it; a text that wants nothing else stays as it is."""
    unwanted = [one for one in intents.negations(clean, vocabulary) if one.filter not in filters]
    rest = intents.without(clean, unwanted)
    if not unwanted or not text.tokenize(rest):
        return clean, filters
    told += [Step(WITHOUT, one.typed, one.meant) for one in unwanted]
    return rest, (*filters, *(one.filter for one in unwanted))


def _terms(more: list[str], tokens: list[Token]) -> str:
    """Terms that the query lacks, each once."""
    known = {token.surface for token in tokens}
    found = dict.fromkeys(token.surface for one in more for token in text.tokenize(one) if token.surface not in known)
    return " ".join(list(found)[:MAX_TERMS])


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
