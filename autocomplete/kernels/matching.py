"""The best completions of a prefix: by the whole text, by a word, and by all words together.

A completion that starts with what was typed counts its whole score, another one `INNER` of it.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from autocomplete.kernels.best import offer, pop, push
from autocomplete.kernels.coding import bound, find, text
from autocomplete.kernels.compiled import Bytes, Ids, Real, Whole, compiled, whole
from autocomplete.kernels.conjunction import together
from autocomplete.kernels.lists import INNER, WORDS, Lists, Texts, allowed
from autocomplete.kernels.minima import least
from autocomplete.kernels.words import split

_BLANK: Final = 32

STEPS: Final = 4096
"""Completions that are looked at, at most, one after the other."""


@compiled
def starting(
    texts: Texts, lists: Lists, wanted: Whole, low: int, high: int, docs: Whole, values: Real, found: int
) -> int:
    """Put the best documents of the texts [low, high) among the best `found`; how many there are."""
    if low >= high:
        return found
    keys = np.empty(STEPS + 2, np.float64)
    items = np.empty(STEPS + 2, np.int64)
    spans = np.empty((STEPS + 2, 3), np.int64)
    at = least(texts.docs, texts.tree, texts.levels, low, high)
    spans[0, 0], spans[0, 1], spans[0, 2] = low, high, at
    size = push(keys, items, 0, -float(texts.docs[at]), 0)
    used = 1
    while size and used < STEPS:
        size = pop(keys, items, size)
        item = items[size]
        first, last, at = spans[item, 0], spans[item, 1], spans[item, 2]
        doc = whole(texts.docs[at])
        if found == len(docs) and lists.scores[doc] <= values[found - 1]:
            break
        if allowed(lists, wanted, doc):
            found = offer(docs, values, found, doc, float(lists.scores[doc]))
        if first < at:
            best = least(texts.docs, texts.tree, texts.levels, first, at)
            spans[item, 0], spans[item, 1], spans[item, 2] = first, at, best
            size = push(keys, items, size, -float(texts.docs[best]), item)
        if at + 1 < last:
            best = least(texts.docs, texts.tree, texts.levels, at + 1, last)
            spans[used, 0], spans[used, 1], spans[used, 2] = at + 1, last, best
            size = push(keys, items, size, -float(texts.docs[best]), used)
            used += 1
    return found


@compiled
def containing(
    lists: Lists, wanted: Whole, ranges: Whole, worth: Real, inner: bool, docs: Whole, values: Real, found: int
) -> int:
    """Put the best documents that have a word of the `ranges` ([r, 2], from and to) among the best `found`; how many there are.

    A document counts its score times the range's `worth`, times `INNER` where the word is not its first; with `inner`, those
    where it is the first are left out.
    """
    most = 3 * STEPS + len(ranges)
    keys = np.empty(most, np.float64)
    items = np.empty(most, np.int64)
    # A stretch of words of range r waits with its best word (from, to, word, -1 - r), a list with its next place (r, 0, word, place).
    spans = np.empty((most, 4), np.int64)
    size, used = 0, 0
    for r in range(len(ranges)):
        if ranges[r, 0] < ranges[r, 1]:
            word = least(lists.firsts, lists.tree, lists.levels, ranges[r, 0], ranges[r, 1])
            spans[used, 0], spans[used, 1], spans[used, 2], spans[used, 3] = ranges[r, 0], ranges[r, 1], word, -1 - r
            size = push(keys, items, size, lists.scores[lists.firsts[word]] * worth[r], used)
            used += 1
    top = INNER if inner else 1.0
    for _ in range(STEPS):
        if size == 0:
            break
        size = pop(keys, items, size)
        key, item = keys[size], items[size]
        if found == len(docs) and key * top <= values[found - 1]:
            break
        word, place = spans[item, 2], spans[item, 3]
        if place < 0:
            r = -1 - place
            low, high = spans[item, 0], spans[item, 1]
            here = whole(lists.starts[word])
            if low < word:
                best = least(lists.firsts, lists.tree, lists.levels, low, word)
                spans[item, 0], spans[item, 1], spans[item, 2] = low, word, best
                size = push(keys, items, size, lists.scores[lists.firsts[best]] * worth[r], item)
            if word + 1 < high:
                best = least(lists.firsts, lists.tree, lists.levels, word + 1, high)
                spans[used, 0], spans[used, 1], spans[used, 2], spans[used, 3] = word + 1, high, best, place
                size = push(keys, items, size, lists.scores[lists.firsts[best]] * worth[r], used)
                used += 1
            item = used
            used += 1
        else:
            r, here = spans[item, 0], place
        doc = whole(lists.docs[here])
        leading = whole(lists.words[lists.begins[doc]]) == word
        if not (inner and leading) and allowed(lists, wanted, doc):
            found = offer(docs, values, found, doc, key * (1.0 if leading else INNER))
        if here + 1 < lists.starts[word + 1]:
            spans[item, 0], spans[item, 2], spans[item, 3] = r, word, here + 1
            size = push(keys, items, size, lists.scores[lists.docs[here + 1]] * worth[r], item)
    return found


@compiled
def exact(texts: Texts, lists: Lists, q: Bytes, wanted: Whole, docs: Whole, values: Real) -> int:
    """The best documents that start with q, or have its words in any order, the last one as a beginning unless q ends it; how many.

    `docs` and `values` are filled, best first, by value, then number.
    """
    low = bound(texts.data, texts.blocks, len(texts.docs), q, False)
    high = bound(texts.data, texts.blocks, len(texts.docs), q, True)
    found = starting(texts, lists, wanted, low, high, docs, values, 0)
    starts = np.empty(WORDS, np.int64)
    ends = np.empty(WORDS, np.int64)
    number = split(q, 0, len(q), starts, ends)
    if number == 0:
        return found
    count = len(lists.firsts)
    if q[len(q) - 1] == _BLANK:
        # What ends where the blank was typed starts with what was typed, too.
        same = find(texts.data, texts.blocks, len(texts.docs), q[: len(q) - 1])
        if same >= 0 and allowed(lists, wanted, whole(texts.docs[same])):
            found = offer(docs, values, found, whole(texts.docs[same]), float(lists.scores[texts.docs[same]]))
    unfinished = ends[number - 1] == len(q)
    ranges = np.empty((1 if unfinished else 0, 2), np.int64)
    worth = np.ones(1, np.float64)
    if unfinished:
        number -= 1
        part = q[starts[number] :]
        ranges[0, 0] = bound(lists.data, lists.blocks, count, part, False)
        ranges[0, 1] = bound(lists.data, lists.blocks, count, part, True)
        if ranges[0, 0] == ranges[0, 1]:
            return found
        if number == 0:
            return containing(lists, wanted, ranges, worth, True, docs, values, found)
    ids = np.empty(number, np.int64)
    for i in range(number):
        ids[i] = find(lists.data, lists.blocks, count, q[starts[i] : ends[i]])
        if ids[i] < 0:
            return found
    return together(lists, wanted, ids, ranges, worth, 1.0, INNER, docs, values, found)


@compiled
def show(data: Bytes, blocks: Ids, rows: Any, out: Bytes, ends: Whole) -> None:
    """Write the texts of `rows` to `out`, one after the other; ends[i] is where the i-th ends."""
    at = 0
    for i in range(len(rows)):
        at += text(data, blocks, whole(rows[i]), out, at)
        ends[i] = at
