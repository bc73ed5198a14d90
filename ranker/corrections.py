"""Correct the spelling of a query by the words of a catalog, and write words apart or together as the catalog does."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from typing import Final

from etalage.core.spelling import LONGEST, SHORTEST
from etalage.core.text import tokenize
from ranker.vocabulary import Vocabulary

_WORD: Final = re.compile(r"(?<![\w.'’&/@#-])[^\W\d_]+(?![\w'’&/@#-]|\.\w)")
"""Words of letters alone; what touches a digit or a mark may be a number, a name or an address."""

_PART: Final = 3
"""Letters of the shortest part of a word that is written apart or together."""
_BESIDE: Final = 1.5
"""What it adds to a candidate that titles have it beside the word that is beside it here."""
_APART: Final = 3
"""Titles that must have both parts side by side."""
_TOGETHER: Final = 5.0
"""How many times more frequent one word must be than its parts side by side."""
_RARE: Final = 5
"""Documents that must have the word that two are put together to."""
_ENDINGS: Final = ("er", "ers", "or", "y", "ed", "ly", "able", "less", "ish")
"""With one of these, a known word makes another that is none of the catalog's, and no slip either."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """A corrected query.

    Attributes:
        text: the query with its corrections.
        applied, doubtful: (from, to) of what was corrected, and of what was left and may be asked about.
        extra: words as they were typed that the text lost, though the catalog knows them.
    """

    text: str
    applied: list[tuple[str, str]]
    doubtful: list[tuple[str, str]]
    extra: list[str]


def correct(query: str, vocabulary: Vocabulary, common: Container[str] = ()) -> Corrected:
    """Correct a query. A word that the catalog has, in any form, stays as it is, but for two that it writes as one; one that is
    `common` in the language is at most asked about."""
    found = list(_WORD.finditer(query))
    words = [_folded(match.group()) for match in found]
    result = Corrected(query, [], [], [])
    pieces: list[str] = []
    at = end = 0
    while at < len(found):
        first = found[at]
        taken, new = 1, None
        if at + 1 < len(found) and query[first.end() : found[at + 1].start()] == " ":
            new = _joined(words[at], words[at + 1], vocabulary)
        if new is not None:
            taken = 2
            result.extra.extend(words[at : at + 2])
        elif SHORTEST <= len(words[at]) <= LONGEST and not _abbreviation(first.group(), query):
            new = _one(words, at, vocabulary, common, result)
        last = found[at + taken - 1]
        if new is not None:
            result.applied.append((query[first.start() : last.end()], new))
            pieces += [query[end : first.start()], new]
            end = last.end()
        at += taken
    pieces.append(query[end:])
    return Corrected("".join(pieces), result.applied, result.doubtful, result.extra)


def _folded(word: str) -> str:
    tokens = tokenize(word)
    return tokens[0].surface if len(tokens) == 1 else ""


def _abbreviation(word: str, query: str) -> bool:
    """Whether a word is written in capitals, and the query is not."""
    return word.isupper() and not query.isupper()


def _one(words: list[str], at: int, vocabulary: Vocabulary, common: Container[str], result: Corrected) -> str | None:
    """The correction of one word where it is certain; doubtful ones are noted."""
    word = words[at]
    if word in vocabulary:
        return None
    before, after = words[at - 1] if at else "", words[at + 1] if at + 1 < len(words) else ""
    apart = _split(word, vocabulary)
    if apart is not None:
        return apart

    def fits(known: str) -> float:
        beside = vocabulary.together(before, known) or vocabulary.together(known, after)
        return _BESIDE if beside else 0.0

    found = vocabulary.speller.correct(word, fits)
    known = word in common or _derived(word, vocabulary)
    if found is None or (known and not found.certain):
        return None
    if known or not found.certain:
        result.doubtful.append((word, found.word))
        return None
    return found.word


def _derived(word: str, vocabulary: Vocabulary) -> bool:
    return any(
        word.endswith(ending)
        and len(stem := word.removesuffix(ending)) >= _PART
        and (stem in vocabulary or stem + "e" in vocabulary)
        for ending in _ENDINGS
    )


def _split(word: str, vocabulary: Vocabulary) -> str | None:
    """An unknown word as two, where titles have them side by side."""
    best, apart = _APART - 1, None
    for at in range(_PART, len(word) - _PART + 1):
        first, second = word[:at], word[at:]
        if vocabulary.count(first) and vocabulary.count(second):
            together = vocabulary.together(first, second)
            if together > best:
                best, apart = together, f"{first} {second}"
    return apart


def _joined(first: str, second: str, vocabulary: Vocabulary) -> str | None:
    """Two words as one, where the catalog clearly prefers that."""
    if min(len(first), len(second)) < _PART:
        return None
    whole = first + second
    count = vocabulary.count(whole)
    return whole if count >= _RARE and count > _TOGETHER * vocabulary.together(first, second) else None
