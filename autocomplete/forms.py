"""Which forms that were typed mean the same: other order or form of words, and slips of the keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from rapidfuzz.distance import OSA

from etalage.core.spelling import deletions
from etalage.core.text import stems

Known = Callable[[str], bool]

_SLIP: Final = 5
"""Letters of the shortest word that is taken for a slip."""
_COMMON: Final = 3
"""A word in so many forms is no slip."""
_LEAD: Final = 10.0
"""How much more the form that was meant must count."""


SMALL: Final = frozenset(
    stems("a an the and of in on to by or with for from der die das und mit de la le les et pour el los y con para")
)
"""Words that change nothing, as stems. "für" is not among them: folded it is "fur", which a coat can be of."""


def same(text: str) -> tuple[str, ...]:
    """What forms of the same words have in common: their stems, in whatever order."""
    return tuple(sorted(stems(text)))


def groups(texts: Sequence[str], weights: Sequence[float], fit: Sequence[bool], known: Known) -> list[list[int]]:
    """Places of forms that mean the same, together: first the one that is shown, which is the one that counts most of those that are
    `fit`. Groups without a fit form come too, each with the one that counts most first.

    Args:
        known: whether the catalog knows a word; one that it knows is no slip.
    """
    found: dict[tuple[str, ...], list[int]] = {}
    for at, text in enumerate(texts):
        found.setdefault(same(text) or (text,), []).append(at)
    made = [sorted(one, key=lambda at: (not fit[at], -weights[at], texts[at])) for one in found.values()]
    leads = [one for one in made if fit[one[0]]]
    meant = slips([texts[one[0]] for one in leads], [sum(weights[at] for at in one) for one in leads], known)
    for slip, other in meant.items():
        leads[other] += leads[slip]
    gone = {id(leads[slip]) for slip in meant}
    return [one for one in made if id(one) not in gone]


def slips(texts: Sequence[str], weights: Sequence[float], known: Known) -> dict[int, int]:
    """Places of texts with a slip → the place of what was meant: a text that counts ten times as much and differs in one edit of a word that
    is rare and not known, not in its first letter."""
    parted = [text.split() for text in texts]
    used = Counter(word for words in parted for word in set(words))

    def rare(word: str) -> bool:
        return len(word) >= _SLIP and word.isalpha() and used[word] < _COMMON

    wanted: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for at, words in enumerate(parted):
        for around, word in _places(words):
            if rare(word):
                wanted.setdefault((around, ""), []).append((at, word))
    by_part: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for at, words in enumerate(parted):
        for around, word in _places(words):
            if (around, "") in wanted and len(word) >= _SLIP - 1:
                for part in deletions(word):
                    by_part.setdefault((around, part), []).append((at, word))
    meant: dict[int, int] = {}
    for (around, _), some in wanted.items():
        for at, word in some:
            others = {other for part in deletions(word) for other in by_part.get((around, part), ())}
            better = [
                (-weights[to], texts[to], to)
                for to, right in others
                if weights[to] >= _LEAD * weights[at]
                and right[0] == word[0]
                and OSA.distance(word, right, score_cutoff=1) == 1
            ]
            if better and not known(word):
                meant[at] = min(better)[2]
    # What was meant by a slip may be one itself, of something still more common.
    return {at: _last(meant, to) for at, to in meant.items()}


def _last(meant: dict[int, int], at: int) -> int:
    while at in meant:
        at = meant[at]
    return at


def _places(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each word, and what stands around it."""
    for at, word in enumerate(words):
        yield " ".join([*words[:at], "*", *words[at + 1 :]]), word
