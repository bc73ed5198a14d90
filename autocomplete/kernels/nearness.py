"""What was meant where it was mistyped: words within a weighted edit distance, and the completions that have them."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from autocomplete.kernels.coding import bound
from autocomplete.kernels.compiled import Bytes, Real, Whole, compiled, whole
from autocomplete.kernels.conjunction import together
from autocomplete.kernels.lists import WORDS, Lists
from autocomplete.kernels.matching import containing
from autocomplete.kernels.words import split

EDIT: Final = 4
"""What an edit costs: a letter more, less, or another one."""
SWAP: Final = 3
"""What two letters in the wrong order cost."""
TWICE: Final = 2
"""What a letter twice instead of once costs, and the other way round."""

FARTHEST: Final = 2 * EDIT
RANGES: Final = 64
_OPTIONS: Final = 4
_TURNS: Final = 32
_FAR: Final = 1 << 20

Costs = npt.NDArray[np.int32]


@compiled
def tolerance(word: Bytes) -> int:
    """What edits of a word may cost: none below three letters, one below six, two beyond; none in Chinese."""
    if len(word) < 3 or 0xE3 <= word[0] <= 0xE9 or word[0] >= 0xF0:
        return 0
    return EDIT if len(word) < 6 else FARTHEST


@compiled
def _letter(rows: Costs, word: Bytes, j: int, q: Bytes, keys: Costs) -> int:
    """Fill row j: what q[:i] costs against word[:j]; the least of it."""
    letter = word[j - 1]
    rows[j, 0] = rows[j - 1, 0] + EDIT
    low = rows[j, 0]
    for i in range(1, len(q) + 1):
        typed = q[i - 1]
        cost = 0 if typed == letter else EDIT
        if cost and typed < 128 and letter < 128:
            cost = keys[typed, letter]
        value = rows[j - 1, i - 1] + cost
        value = min(value, rows[j, i - 1] + (TWICE if i > 1 and typed == q[i - 2] else EDIT))
        value = min(value, rows[j - 1, i] + (TWICE if j > 1 and letter == word[j - 2] else EDIT))
        if i > 1 and j > 1 and typed == word[j - 2] and letter == q[i - 2]:
            value = min(value, rows[j - 2, i - 2] + SWAP)
        rows[j, i] = value
        low = min(low, value)
    return low


@compiled
def _keep(ranges: Whole, costs: Costs, found: int, row: int, cost: int) -> int:
    """Add a word to the ranges; where they are full, the dearest gives way to a cheaper one."""
    if found and ranges[found - 1, 1] == row and costs[found - 1] == cost:
        ranges[found - 1, 1] = row + 1
        return found
    if found == len(ranges):
        dearest = 0
        for i in range(1, found):
            if costs[i] > costs[dearest]:
                dearest = i
        if costs[dearest] <= cost:
            return found
        for i in range(dearest, found - 1):
            ranges[i, 0], ranges[i, 1], costs[i] = ranges[i + 1, 0], ranges[i + 1, 1], costs[i + 1]
        found -= 1
    ranges[found, 0], ranges[found, 1], costs[found] = row, row + 1, cost
    return found + 1


@compiled
def near(lists: Lists, q: Bytes, keys: Costs, most: int, prefix: bool, ranges: Whole, costs: Costs) -> int:
    """Words that q may be meant as, as ranges of equal cost, at most `most`; how many ranges.

    The cost is the weighted edit distance with transpositions (optimal string alignment), of the word's nearest beginning with
    `prefix`. The first letter is taken as typed. `keys` is what one letter costs for another.
    Words lie in order: rows of letters that a word shares with the one before it stay, and words that begin too far away are
    passed over.
    """
    row = bound(lists.data, lists.blocks, len(lists.firsts), q[:1], False)
    end = bound(lists.data, lists.blocks, len(lists.firsts), q[:1], True)
    if row >= end:
        return 0
    first, row = row, row // 16 * 16
    rows = np.empty((258, len(q) + 1), np.int32)
    nearest = np.empty(258, np.int32)
    word = np.empty(258, np.uint8)
    rows[0, 0], nearest[0] = 0, _FAR
    for i in range(1, len(q) + 1):
        rows[0, i] = rows[0, i - 1] + (TWICE if i > 1 and q[i - 1] == q[i - 2] else EDIT)
    at = whole(lists.blocks[row // 16])
    known, dead, found = 0, _FAR, 0
    while row < end:
        shared = 0
        if row % 16:
            shared = whole(lists.data[at])
            at += 1
        rest = whole(lists.data[at])
        at += 1
        if row % 16 == 0:
            while shared < rest and shared < known and word[shared] == lists.data[at + shared]:
                shared += 1
            at += shared
            rest -= shared
        for i in range(rest):
            word[shared + i] = lists.data[at + i]
        at += rest
        size = shared + rest
        known = min(known, shared) if row >= first else 0
        if row >= first:
            if dead > shared:
                dead = _FAR
            while dead == _FAR and known < size:
                known += 1
                least = _letter(rows, word, known, q, keys)
                nearest[known] = min(nearest[known - 1], rows[known, len(q)])
                if least > most:
                    dead = known
            reached = min(dead, size)
            cost = nearest[reached] if prefix else rows[size, len(q)] if dead == _FAR else _FAR
            if cost <= most:
                found = _keep(ranges, costs, found, row, cost)
        row += 1
    return found


@compiled
def _options(lists: Lists, ranges: Whole, costs: Costs, found: int, penalties: Real, ids: Whole, worth: Real) -> int:
    """The words of the ranges with the greatest worth times best score, at most len(ids), and what each is worth; how many."""
    kept = 0
    ranks = np.empty(len(ids), np.float64)
    for r in range(found):
        for word in range(ranges[r, 0], ranges[r, 1]):
            rank = penalties[costs[r]] * lists.scores[lists.firsts[word]]
            if kept == len(ids) and rank <= ranks[kept - 1]:
                continue
            at = kept if kept < len(ids) else kept - 1
            while at > 0 and ranks[at - 1] < rank:
                ids[at], worth[at], ranks[at] = ids[at - 1], worth[at - 1], ranks[at - 1]
                at -= 1
            ids[at], worth[at], ranks[at] = word, penalties[costs[r]], rank
            kept = min(kept + 1, len(ids))
    return kept


@compiled
def approximate(
    lists: Lists, q: Bytes, wanted: Whole, keys: Costs, penalties: Real, docs: Whole, values: Real, found: int
) -> int:
    """Put the best documents that have words near those of q, the last one as a beginning, among the best `found`; how many.

    A document counts its score times penalties[cost] of each word. Of words that q ends, the most promising are tried in turn.
    """
    starts = np.empty(WORDS, np.int64)
    ends = np.empty(WORDS, np.int64)
    number = split(q, 0, len(q), starts, ends)
    if number == 0:
        return found
    spans = np.empty((RANGES, 2), np.int64)
    costs = np.empty(RANGES, np.int32)
    ranges = np.empty((0, 2), np.int64)
    worth = np.ones(1, np.float64)
    if ends[number - 1] == len(q):
        number -= 1
        part = q[starts[number] :]
        some = near(lists, part, keys, tolerance(part), True, spans, costs)
        if some == 0:
            return found
        ranges = spans[:some].copy()
        worth = np.empty(some, np.float64)
        for i in range(some):
            worth[i] = penalties[costs[i]]
        if number == 0:
            return containing(lists, wanted, ranges, worth, False, docs, values, found)
    options = np.empty((number, _OPTIONS), np.int64)
    worths = np.empty((number, _OPTIONS), np.float64)
    kept = np.empty(number, np.int64)
    for i in range(number):
        part = q[starts[i] : ends[i]]
        some = near(lists, part, keys, tolerance(part), False, spans, costs)
        kept[i] = _options(lists, spans, costs, some, penalties, options[i], worths[i])
        if kept[i] == 0:
            return found
    ids = np.empty(number, np.int64)
    turns = np.zeros(number, np.int64)
    for _ in range(_TURNS):
        factor = 1.0
        for i in range(number):
            ids[i] = options[i, turns[i]]
            factor *= worths[i, turns[i]]
        found = together(lists, wanted, ids, ranges, worth, factor, 1.0, docs, values, found)
        at = 0
        while at < number:
            turns[at] += 1
            if turns[at] < kept[at]:
                break
            turns[at] = 0
            at += 1
        if at == number:
            break
    return found
