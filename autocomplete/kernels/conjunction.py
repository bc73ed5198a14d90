"""The best completions that have several words together."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from autocomplete.kernels.best import offer
from autocomplete.kernels.compiled import Ids, Real, Scores, Whole, compiled, whole
from autocomplete.kernels.lists import INNER, Lists, allowed
from autocomplete.kernels.sieves import blur, second

_SIFTED: Final = 0.1
"""About what it takes to pass over a completion by a sieve, where it takes 1 to read a completion's words. What is found does not depend
on it, nor on `_OPENED`."""

_OPENED: Final = 0.3
"""About what it takes to begin with a list."""

_AHEAD: Final = 16
"""Completions whose words are fetched before the first of them is looked at."""


class Sought(NamedTuple):
    """What `together` looks for, and with what.

    Attributes:
        ids, ranges, worth, factor, leading: as given.
        sieves: [n, 2], of the words of `ids` whose lists are not read and have one: where each begins, and how many documents one bit stands
            for, as a power of two.
        limit: [1], the first document that cannot be among the best any more.
        fetched, fronts: room for what is fetched at once.
    """

    ids: Whole
    ranges: Whole
    worth: Real
    factor: float
    leading: float
    sieves: Whole
    limit: Whole
    fetched: Whole
    fronts: Whole


@compiled
def _held(words: Ids, begin: int, end: int, sought: Sought) -> float:
    """What it is worth that a document with words[begin:end] has all of `ids`, and another word of the `ranges` where there are any: 0
    when it lacks one, `leading` of its worth where they begin it in that order, else `INNER` of it."""
    ids, ranges, worth, leading = sought.ids, sought.ranges, sought.worth, sought.leading
    taken = 0
    ordered = True
    for i in range(len(ids)):
        at = begin
        while at < end and (words[at] != ids[i] or (taken >> (at - begin)) & 1):
            at += 1
        if at == end:
            return 0.0
        taken |= 1 << (at - begin)
        ordered &= at - begin == i
    if len(ranges) == 0:
        return leading if ordered else INNER
    best = 0.0
    for at in range(begin, end):
        word = words[at]
        for r in range(len(ranges)):
            if ranges[r, 0] <= word < ranges[r, 1] and (taken >> (at - begin)) & 1 == 0:
                best = max(best, worth[r] * (leading if ordered and at - begin == len(ids) else INNER))
    return best


@compiled
def _read(lists: Lists, wanted: Whole, word: int, sought: Sought, docs: Whole, values: Real, found: int) -> int:
    """Put the best documents of one word's list that hold what is sought among the best `found`; how many there are. Those that the
    sieves do not let through are passed over."""
    fetched, fronts = sought.fetched, sought.fronts
    place, stop = whole(lists.starts[word]), whole(lists.starts[word + 1])
    while place < stop:
        some = 0
        while place < stop and some < _AHEAD:
            doc = whole(lists.docs[place])
            place += 1
            if doc >= sought.limit[0]:
                stop = place
                break
            held = True
            for i in range(len(sought.sieves)):
                begin, shift = sought.sieves[i, 0], sought.sieves[i, 1]
                bit = doc >> shift
                held = (lists.sieves[begin + (bit >> 3)] >> (bit & 7)) & 1 == 1
                if held and shift:
                    bit = second(doc, bit)
                    held = (lists.sieves[begin + (bit >> 3)] >> (bit & 7)) & 1 == 1
                if not held:
                    break
            if held:
                fetched[some] = doc
                some += 1
        # Both reads of all of them at once: memory is waited for twice, not for each.
        for i in range(some):
            fronts[i, 0] = lists.begins[fetched[i]]
        for i in range(some):
            fronts[i, 1] = lists.words[fronts[i, 0]]
        for i in range(some):
            doc = fetched[i]
            share = _held(lists.words, fronts[i, 0], whole(lists.begins[doc + 1]), sought)
            if share > 0 and allowed(lists, wanted, doc):
                found = offer(docs, values, found, doc, lists.scores[doc] * share * sought.factor)
                sought.limit[0] = _limit(lists.scores, sought.factor * max(sought.leading, INNER), values, found)
    return found


@compiled
def _limit(scores: Scores, top: float, values: Real, found: int) -> int:
    """The first document that cannot be among the best any more, when each counts at most `top` of its score."""
    low, high = 0, len(scores)
    if found < len(values):
        return high
    while low < high:
        middle = (low + high) >> 1
        if scores[middle] * top <= values[found - 1]:
            high = middle
        else:
            low = middle + 1
    return low


@compiled
def _sieves(lists: Lists, words: Whole) -> Whole:
    """The sieves of those words that have one, as `Sought` has them."""
    found, sieves = 0, np.empty((len(words), 2), np.int64)
    for word in words:
        if lists.sifts[word] >= 0:
            sieves[found, 0] = lists.sifts[word]
            sieves[found, 1] = blur(len(lists.scores), whole(lists.starts[word + 1]) - whole(lists.starts[word]))
            found += 1
    return sieves[:found]


@compiled
def _order(lists: Lists, ids: Whole) -> Whole:
    """The words, that of the shortest list first."""
    found = ids.copy()
    for i in range(1, len(found)):
        at, word = i, found[i]
        size = lists.starts[word + 1] - lists.starts[word]
        while at > 0 and lists.starts[found[at - 1] + 1] - lists.starts[found[at - 1]] > size:
            found[at] = found[at - 1]
            at -= 1
        found[at] = word
    return found


@compiled
def together(
    lists: Lists,
    wanted: Whole,
    ids: Whole,
    ranges: Whole,
    worth: Real,
    factor: float,
    leading: float,
    docs: Whole,
    values: Real,
    found: int,
) -> int:
    """Put the best documents that have all words `ids` and, where there are `ranges`, another word of them, among the best
    `found`; how many there are. A document counts its score, times `factor`, times the range's `worth` (at most 1), times `leading`
    where it starts with the words in that order, else times `INNER`.

    Lists are read in order of score until nothing better can come: that of the rarest word, or those of the ranges, whatever should
    take less, if words stood in documents independently of each other.
    """
    total = float(len(lists.scores))
    share, others, number = 1.0, 0, 0
    for r in range(len(ranges)):
        others += whole(lists.starts[ranges[r, 1]]) - whole(lists.starts[ranges[r, 0]])
        number += ranges[r, 1] - ranges[r, 0]
    if len(ranges):
        share = others / total
    for i in range(len(ids)):
        share *= whole(lists.starts[ids[i] + 1] - lists.starts[ids[i]]) / total
    if share == 0.0:
        return found
    wait = len(docs) / share / total
    rising = _order(lists, ids)
    first = 1
    if len(ranges) and lists.sifts[rising[0]] >= 0:
        rarest = float(whole(lists.starts[rising[0] + 1] - lists.starts[rising[0]]))
        # With no other word, the words of each document are read, whose places in memory are far apart.
        reading = min(rarest, rarest * wait) * (_SIFTED if len(ids) > 1 else 1.0)
        if min(float(others), others * wait) * _SIFTED + number * _OPENED < reading:
            first = 0
    limit = np.full(1, _limit(lists.scores, factor * max(leading, INNER), values, found), np.int64)
    fetched, fronts = np.empty(_AHEAD, np.int64), np.empty((_AHEAD, 2), np.int64)
    sought = Sought(ids, ranges, worth, factor, leading, _sieves(lists, rising[first:]), limit, fetched, fronts)
    if first:
        return _read(lists, wanted, rising[0], sought, docs, values, found)
    for r in range(len(ranges)):
        for word in range(ranges[r, 0], ranges[r, 1]):
            found = _read(lists, wanted, word, sought, docs, values, found)
    return found
