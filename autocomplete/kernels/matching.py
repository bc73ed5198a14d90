"""The best completions of a prefix: by the whole text, by a word, and by all words together.

A completion that starts with what was typed counts its whole score, another one `INNER` of it.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from autocomplete.kernels.best import offer, pop, push
from autocomplete.kernels.coding import bound, find, text
from autocomplete.kernels.compiled import Bytes, Ids, Real, Scores, Whole, compiled, whole
from autocomplete.kernels.minima import least
from autocomplete.kernels.words import split

INNER: Final = 0.3
WORDS: Final = 16
"""Words of a prefix that count."""

_BLANK: Final = 32

STEPS: Final = 4096
"""Completions that are looked at, at most, one after the other."""


class Texts(NamedTuple):
    """The sorted texts: front-coded bytes, where blocks begin, the document of each (some have several), and minima of those."""

    data: Bytes
    blocks: Ids
    docs: Ids
    tree: Ids
    levels: Whole


class Lists(NamedTuple):
    """The words.

    Attributes:
        data, blocks: the sorted words, front-coded.
        firsts, tree, levels: the best document of each word, and minima of those.
        starts, docs: the documents of word w are docs[starts[w]:starts[w + 1]], ascending.
        begins, words: the words of document d, in order, are words[begins[d]:begins[d + 1]].
        scores: float32 by document, descending.
        categories: uint16 by document, 0 for none.
        kinds: uint8 by document: the type, and flags from 16 on.
    """

    data: Bytes
    blocks: Ids
    firsts: Ids
    tree: Ids
    levels: Whole
    starts: Ids
    docs: Ids
    begins: Ids
    words: Ids
    scores: Scores
    categories: npt.NDArray[np.uint16]
    kinds: npt.NDArray[np.uint8]


@compiled
def allowed(lists: Lists, wanted: Whole, doc: int) -> bool:
    """Whether a document is among the `wanted`: [categories from, categories to (0: all), types as bits (0: all), flags refused]."""
    if wanted[1] and not wanted[0] <= lists.categories[doc] < wanted[1]:
        return False
    kind = whole(lists.kinds[doc])
    return (wanted[2] == 0 or (wanted[2] >> (kind & 15)) & 1 == 1) and kind & wanted[3] == 0


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
def _held(words: Ids, begin: int, end: int, ids: Whole, ranges: Whole, worth: Real, leading: float) -> float:
    """What it is worth that a document with words[begin:end] has all of `ids`, and another word of the `ranges` where there are any: 0
    when it lacks one, `leading` of its worth where they begin it in that order, else `INNER` of it."""
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
def _onward(docs: Ids, at: int, end: int, doc: int) -> int:
    """The first place in docs[at:end], which ascend, that is not before `doc`; by steps that double (Bentley and Yao 1976)."""
    step = 1
    while at + step < end and docs[at + step] < doc:
        at += step
        step *= 2
    high = min(at + step, end)
    while at < high:
        middle = (at + high) >> 1
        if docs[middle] < doc:
            at = middle + 1
        else:
            high = middle
    return at


@compiled
def _read(
    lists: Lists,
    wanted: Whole,
    word: int,
    other: int,
    ids: Whole,
    ranges: Whole,
    worth: Real,
    factor: float,
    leading: float,
    docs: Whole,
    values: Real,
    found: int,
) -> int:
    """Put the best documents of one word's list that hold what `together` asks for among the best `found`; how many there are. Those
    that are not in the list of the word `other` (-1: none) are passed over: both lists ascend."""
    top = factor * max(leading, INNER)
    at, end = whole(0), whole(0)
    if other >= 0:
        at, end = whole(lists.starts[other]), whole(lists.starts[other + 1])
    for place in range(whole(lists.starts[word]), whole(lists.starts[word + 1])):
        doc = whole(lists.docs[place])
        if found == len(docs) and lists.scores[doc] * top <= values[found - 1]:
            break
        if other >= 0:
            at = _onward(lists.docs, at, end, doc)
            if at == end:
                break
            if lists.docs[at] != doc:
                continue
        share = _held(lists.words, whole(lists.begins[doc]), whole(lists.begins[doc + 1]), ids, ranges, worth, leading)
        if share > 0 and allowed(lists, wanted, doc):
            found = offer(docs, values, found, doc, lists.scores[doc] * share * factor)
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

    One list of documents is read in order of score until nothing better can come: that of the word, or those of the ranges, where
    the end should be reached first, if words stood in documents independently of each other.
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
    driver, least_steps = 0, math.inf
    for i in range(len(ids)):
        size = float(whole(lists.starts[ids[i] + 1] - lists.starts[ids[i]]))
        steps = min(size, size * wait)
        if steps < least_steps:
            driver, least_steps = i, steps
    if len(ranges) and min(float(others), others * wait) + number < least_steps:
        driver = -1
    other, shortest = -1, total + 1.0
    for i in range(len(ids)):
        size = float(whole(lists.starts[ids[i] + 1] - lists.starts[ids[i]]))
        if i != driver and size < shortest:
            other, shortest = ids[i], size
    if driver >= 0:
        return _read(lists, wanted, ids[driver], other, ids, ranges, worth, factor, leading, docs, values, found)
    for r in range(len(ranges)):
        for word in range(ranges[r, 0], ranges[r, 1]):
            found = _read(lists, wanted, word, other, ids, ranges, worth, factor, leading, docs, values, found)
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
