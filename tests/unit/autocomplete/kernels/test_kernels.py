"""The kernels against plain Python."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autocomplete import keyboard
from autocomplete.index import Columns, Index, _coded, _minima, make
from autocomplete.kernels import best, coding, minima, sieves
from autocomplete.kernels.compiled import Bytes
from autocomplete.kernels.nearness import EDIT, SWAP, TWICE, near, tolerance
from autocomplete.kernels.words import split

LETTERS = st.text("abé手", max_size=6)


def raw(text: str) -> Bytes:
    return np.frombuffer(text.encode(), np.uint8)


def parted(text: str) -> list[str]:
    data = raw(text)
    starts, ends = np.empty(16, np.int64), np.empty(16, np.int64)
    number = split(data, 0, len(data), starts, ends)
    return [data[a:b].tobytes().decode() for a, b in zip(starts[:number], ends[:number], strict=True)]


# words
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("red sofa", ["red", "sofa"]),
        (" red  sofa ", ["red", "sofa"]),
        ("3.5mm jack", ["3.5mm", "jack"]),
        ("1,000 a.b", ["1,000", "a", "b"]),
        ("5.", ["5"]),
        ("红色sofa床", ["红", "色", "sofa", "床"]),
        ("かな 手", ["か", "な", "手"]),
        ("한국 кот", ["한국", "кот"]),
        ("𠀀a🪝", ["𠀀", "a🪝"]),
        ("", []),
        ("!?", []),
    ],
)
def test_words_of_a_text(text: str, words: list[str]) -> None:
    assert parted(text) == words


def test_no_more_words_than_there_is_room_for() -> None:
    assert len(parted("a " * 40)) == len(parted("手" * 40)) == 16


# front coding
@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(LETTERS.filter(bool), unique=True, max_size=40), LETTERS)
def test_texts_are_read_back_and_found(texts: list[str], asked: str) -> None:
    keys = sorted(text.encode() for text in texts)
    data, blocks = _coded(keys)
    out = np.empty(256, np.uint8)
    assert [out[: coding.text(data, blocks, row, out, 0)].tobytes() for row in range(len(keys))] == keys
    q = asked.encode()
    expected = sum(key < q for key in keys)
    assert coding.bound(data, blocks, len(keys), raw(asked), False) == expected
    assert coding.bound(data, blocks, len(keys), raw(asked), True) == expected + sum(key.startswith(q) for key in keys)
    assert coding.find(data, blocks, len(keys), raw(asked)) == (keys.index(q) if q in keys else -1)


# minima
@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.permutations(range(600)), st.integers(0, 599), st.integers(1, 600))
def test_the_least_of_a_stretch(order: list[int], low: int, size: int) -> None:
    values = np.array(order, np.uint32)
    tree, levels = _minima(values)
    high = min(low + size, 600)
    assert minima.least(values, tree, levels, low, high) == low + int(values[low:high].argmin())


def test_the_least_of_few() -> None:
    values = np.array([3, 1, 2], np.uint32)
    tree, levels = _minima(values)
    assert (
        len(tree) == 0
        and minima.least(values, tree, levels, 0, 3) == 1
        and minima.least(values, tree, levels, 2, 3) == 2
    )


# the best so far
@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5)), max_size=30), st.integers(0, 4))
def test_the_best_of_what_is_offered(offered: list[tuple[int, int]], k: int) -> None:
    docs, values = np.empty(k, np.int64), np.empty(k, np.float64)
    found = 0
    for doc, value in offered:
        found = best.offer(docs, values, found, doc, float(value))
    greatest = {doc: max(value for other, value in offered if other == doc) for doc, _ in offered}
    expected = sorted(greatest.items(), key=lambda row: (-row[1], row[0]))[:k]
    if all(sum(other == value for other in greatest.values()) == 1 for value in greatest.values()):
        assert list(zip(docs[:found].tolist(), values[:found].tolist(), strict=True)) == expected
    assert values[:found].tolist() == [value for _, value in expected]


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(st.floats(-9, 9), max_size=40))
def test_a_heap_gives_the_greatest_first(given_keys: list[float]) -> None:
    keys, items = np.empty(41, np.float64), np.empty(41, np.int64)
    size = 0
    for at, key in enumerate(given_keys):
        size = best.push(keys, items, size, key, at)
    taken = []
    while size:
        size = best.pop(keys, items, size)
        taken.append(float(keys[size]))
        assert given_keys[items[size]] == keys[size]
    assert taken == sorted(given_keys, reverse=True)


# nearness
def passes(bits: Bytes, begin: int, shift: int, doc: int) -> bool:
    places = (doc >> shift, sieves.second(doc, doc >> shift) if shift else doc)
    return all((bits[begin + (place >> 3)] >> (place & 7)) & 1 for place in places)


@pytest.mark.parametrize(("total", "size", "shift"), [(700, 600, 0), (9000, 600, 0), (50_000, 600, 3), (50_000, 4000, 0)])
def test_a_sieve_holds_its_list_and_little_else(total: int, size: int, shift: int) -> None:
    generator = np.random.default_rng(size)
    short = np.arange(sieves.LEAST - 1)
    lists = [np.sort(generator.choice(total, size, replace=False)), short, np.sort(generator.choice(total, size, replace=False))]
    starts = np.cumsum([0, *map(len, lists)]).astype(np.uint32)
    begins = np.empty(3, np.int64)
    bits = np.zeros(sieves.places(starts, total, begins), np.uint8)
    sieves.fill(starts, np.concatenate(lists).astype(np.uint32), total, begins, bits)
    assert sieves.blur(total, size) == shift and begins[1] == -1 and len(bits) <= 2 * (sieves.SPARSE * size // 8 + 64)
    for begin, docs in ((int(begins[0]), set(lists[0].tolist())), (int(begins[2]), set(lists[2].tolist()))):
        found = {doc for doc in range(total) if passes(bits, begin, shift, doc)}
        assert docs <= found and len(found - docs) <= (0.06 if shift else 0) * total


def distance(q: bytes, word: bytes, prefix: bool) -> int:
    """Weighted optimal string alignment, row by row, with the whole table."""
    table = [[0] * (len(q) + 1) for _ in range(len(word) + 1)]
    for i in range(1, len(q) + 1):
        table[0][i] = table[0][i - 1] + (TWICE if i > 1 and q[i - 1] == q[i - 2] else EDIT)
    for j in range(1, len(word) + 1):
        table[j][0] = table[j - 1][0] + EDIT
        for i in range(1, len(q) + 1):
            typed, letter = q[i - 1], word[j - 1]
            ascii = typed < 128 and letter < 128
            change = 0 if typed == letter else int(keyboard.COSTS[typed, letter]) if ascii else EDIT
            more = TWICE if i > 1 and typed == q[i - 2] else EDIT
            less = TWICE if j > 1 and letter == word[j - 2] else EDIT
            table[j][i] = min(table[j - 1][i - 1] + change, table[j][i - 1] + more, table[j - 1][i] + less)
            if i > 1 and j > 1 and typed == word[j - 2] and letter == q[i - 2]:
                table[j][i] = min(table[j][i], table[j - 2][i - 2] + SWAP)
    return min(row[-1] for row in table[1:]) if prefix else table[-1][-1]


def index_of(texts: Sequence[str]) -> Index:
    return Index(*make(Columns(texts, np.ones(len(texts), np.float32))))


@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    st.lists(st.text("abc", min_size=1, max_size=8), unique=True, min_size=1, max_size=60),
    st.text("abc", min_size=1, max_size=8),
    st.booleans(),
)
def test_words_within_a_distance(texts: list[str], typed: str, prefix: bool) -> None:
    lists = index_of(texts)._lists
    ranges, costs = np.empty((200, 2), np.int64), np.empty(200, np.int32)
    q = raw(typed)
    number = near(lists, q, keyboard.COSTS, 6, prefix, ranges, costs)
    found = {
        row: int(cost)
        for (a, b), cost in zip(ranges[:number].tolist(), costs[:number], strict=True)
        for row in range(a, b)
    }
    ordered = sorted(texts)
    expected = {
        row: distance(q.tobytes(), word.encode(), prefix) for row, word in enumerate(ordered) if word[0] == typed[0]
    }
    assert found == {row: cost for row, cost in expected.items() if cost <= 6}


def test_where_there_is_no_room_the_dearest_words_give_way() -> None:
    lists = index_of(["abca", "abcc", "abcde", "abc", "abx"])._lists
    ranges, costs = np.empty((1, 2), np.int64), np.empty(1, np.int32)
    assert near(lists, raw("abc"), keyboard.COSTS, 8, False, ranges, costs) == 1
    assert (ranges.tolist(), costs.tolist()) == ([[0, 1]], [0])


def test_how_far_off_a_word_may_be() -> None:
    assert [tolerance(raw(word)) for word in ("ab", "abc", "abcde", "abcdef", "沙发", "🪝🪝")] == [
        0,
        EDIT,
        EDIT,
        2 * EDIT,
        0,
        0,
    ]


def test_neighbouring_keys_cost_less() -> None:
    costs = keyboard.COSTS
    assert costs[ord("a"), ord("a")] == 0 and costs[ord("a"), ord("p")] == EDIT
    assert costs[ord("g"), ord("h")] == costs[ord("t"), ord("z")] == costs[ord("t"), ord("y")] < EDIT
    assert costs[ord("g"), ord("b")] == costs[ord("a"), ord("q")] < EDIT
    assert (costs == costs.T).all()
