"""The completion index against a plain search."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autocomplete.index import TRAITS, Columns, Index, columns, make
from autocomplete.kernels.lists import INNER
from autocomplete.querylog import BRAND, TYPES, Entry
from autocomplete.typed import key, prefix_key

SAME = ("desk lamp", "lamps for the desk", "desk lamp red", "手机", "机手", "手", "for the", "and")
SHOP = [Entry("red shoe", 3.0), Entry("Red Lamp", 5.0), Entry("shoe rack", 2.0), Entry("Réd", 1.0, BRAND)]


def index_of(entries: Sequence[Entry]) -> Index:
    return Index(*make(columns(entries)))


def find(entries: Sequence[Entry], prefix: str, k: int = 10) -> list[tuple[str, float]]:
    index = index_of(entries)
    docs, values = index.exact(prefix_key(prefix), k)
    return [(text, round(value, 4)) for text, value in zip(index.shown(docs), values.tolist(), strict=True)]


def plain(entries: Sequence[Entry], prefix: str, k: int) -> list[tuple[str, float]]:
    """The same by looking at every entry; their keys must differ. Words are parted by blanks."""
    typed = prefix_key(prefix)
    unfinished = "" if typed.endswith(" ") else typed.split(" ")[-1]
    whole = typed.split() if typed.endswith(" ") else typed.split(" ")[:-1]
    found = []
    for one in entries:
        words = key(one.text).split()
        left = list(words)
        lacks = False
        for word in whole:
            if word in left:
                left.remove(word)
            else:
                lacks = True
        if key(one.text).startswith(typed) or f"{key(one.text)} " == typed:
            found.append((one.text, one.score))
        elif typed and not lacks and (typed.endswith(" ") or any(word.startswith(unfinished) for word in left)):
            found.append((one.text, round(float(np.float32(one.score)) * INNER, 4)))
    scores = {one.text: one.score for one in entries}
    return sorted(found, key=lambda row: (-row[1], -scores[row[0]], key(row[0])))[:k]


def test_the_best_whose_text_starts_with_the_prefix() -> None:
    assert find(SHOP, "red") == [("Red Lamp", 5.0), ("red shoe", 3.0), ("Réd", 1.0)]
    assert find(SHOP, "red s") == [("red shoe", 3.0)]
    assert find(SHOP, "red", 2) == [("Red Lamp", 5.0), ("red shoe", 3.0)]
    assert find(SHOP, "red", 0) == find(SHOP, "zebra") == find(SHOP, "ed") == []


def test_a_later_word_counts_less() -> None:
    assert find(SHOP, "shoe") == [("shoe rack", 2.0), ("red shoe", 0.9)]
    assert find([Entry("red red", 2.0)], "red") == [("red red", 2.0)]


def test_what_is_far_better_comes_first_wherever_the_word_stands() -> None:
    entries = [Entry("red", 10.0), Entry("red sofa", 8.0), Entry("big red", 60.0), Entry("big red sofa", 40.0)]
    assert find(entries, "red", 1) == [("big red", 18.0)]
    assert find(entries, "red", 3) == [("big red", 18.0), ("big red sofa", 12.0), ("red", 10.0)]
    assert find(entries, "red so", 1) == find(entries, "sofa red ", 1) == [("big red sofa", 12.0)]
    assert find([*entries, Entry("a red sofa", 50.0)], "red sof", 2) == [("a red sofa", 15.0), ("big red sofa", 12.0)]


def test_words_in_any_order_the_last_as_a_beginning() -> None:
    assert find(SHOP, "shoe re") == [("red shoe", 0.9)]
    assert find(SHOP, "shoe red ") == [("red shoe", 0.9)]
    assert find(SHOP, "sho red ") == find(SHOP, "shoe shoe") == find(SHOP, "shoe r red x") == []
    assert find([Entry("sofa sofa bed", 1.0), Entry("red sofa", 2.0)], "sofa s") == [("sofa sofa bed", 1.0)]


def test_nothing_typed_gives_the_best_of_all() -> None:
    assert [text for text, _ in find(SHOP, "", 3)] == ["Red Lamp", "red shoe", "shoe rack"]


def test_ties_are_broken_by_text() -> None:
    assert find([Entry("rug", 1.0), Entry("rag", 1.0), Entry("rig", 1.0)], "r") == [
        ("rag", 1.0), ("rig", 1.0), ("rug", 1.0)
    ]  # fmt: skip


def test_of_texts_that_compare_alike_the_best_stays() -> None:
    assert find([Entry("cafe", 1.0), Entry("Café", 2.0), Entry("CAFE!", 1.5)], "ca") == [("Café", 2.0)]


def test_no_entries_and_blank_ones() -> None:
    assert find([], "") == find([], "a") == find([Entry("  ", 1.0)], "") == find([Entry("🪝", 1.0)], "") == []


def test_chinese_is_found_by_characters_pinyin_and_initials() -> None:
    entries = [Entry("红色布艺沙发", 2.0), Entry("沙发", 5.0), Entry("沙滩椅", 1.0)]
    assert find(entries, "沙") == [("沙发", 5.0), ("沙滩椅", 1.0), ("红色布艺沙发", 0.6)]
    assert [text for text, _ in find(entries, "沙发")] == ["沙发", "红色布艺沙发"]
    for typed in ("shafa", "shaf", "sf"):
        assert [text for text, _ in find(entries, typed)] == ["沙发", "红色布艺沙发"], typed
    assert [text for text, _ in find(entries, "sha")] == ["沙发", "红色布艺沙发", "沙滩椅"]
    assert [text for text, _ in find(entries, "hongsebu")] == ["红色布艺沙发"]


def test_other_texts_lead_to_a_completion() -> None:
    index = Index(
        *make(Columns(["ceiling fan", "sofa"], np.array([1, 2], np.float32), aliases=[("cieling fan", 0), ("sofa", 0)]))
    )
    docs, _ = index.exact("ciel", 5)
    assert index.shown(docs) == ["ceiling fan"]
    assert index.shown(index.exact("sofa", 5)[0]) == ["sofa"]
    assert (index.number("cieling fan"), index.number("sofa"), index.number("sof")) == (1, 0, -1)


def test_what_is_known_of_completions_stays_with_them() -> None:
    traits = np.arange(2 * len(TRAITS), dtype=np.uint8).reshape(2, -1)
    given_columns = Columns(
        ["b", "A!"], np.array([1, 2], np.float32), np.array([1, 4], np.uint8), ["", "Home > Sofas"], traits,
        np.array([True, False]), notes={0: "told", 1: "P1"},
    )  # fmt: skip
    index = Index(*make(given_columns))
    assert index.shown(np.arange(2)) == ["A!", "b"] and index.keys(np.arange(2)) == ["a", "b"]
    assert index.traits.tolist() == traits[::-1].tolist()
    assert [index.note(0), index.note(1)] == ["P1", "told"]
    assert index.paths == ["Home > Sofas"] and index.categories.tolist() == [1, 0]
    assert [TYPES[kind & 15] for kind in index.kinds.tolist()] == ["product", "brand"]


@pytest.mark.parametrize("k", [1, 10, 100])
@pytest.mark.parametrize("count", [300, 3000])
def test_many_completions_are_looked_up_alike(k: int, count: int) -> None:
    random = Random(5)
    vocabulary = ["red", "rug", "rack", "lamp", "reed", "é", "r", "la"]
    texts = {" ".join(random.choices(vocabulary, k=random.randint(1, 4))) + f" {number % 97}" for number in range(count)}
    entries = [
        Entry(text, float(score))
        for text, score in zip(sorted(texts), random.sample(range(1, 9000), len(texts)), strict=True)
    ]
    index = index_of(entries)
    for prefix in (
        "",
        "r",
        "re",
        "red",
        "red ",
        "red r",
        "red rug",
        "e",
        "l",
        "5",
        "z",
        "red rug lamp",
        "rug red 9",
        "5 rug red ",
        "rack lamp rug ",
        "rack rug l",
        "lamp la",
        "la lamp ",
        "r r r",
    ):
        docs, values = index.exact(prefix_key(prefix), k)
        got = [(text, round(value, 4)) for text, value in zip(index.shown(docs), values.tolist(), strict=True)]
        want = plain(entries, prefix, k)
        assert [value for _, value in got] == [value for _, value in want], prefix
        assert set(got[:-1]) <= set(plain(entries, prefix, k + 50)), prefix


@pytest.mark.parametrize("k", [1, 10, 300])
def test_words_of_long_lists_are_looked_up_alike(k: int) -> None:
    """Lists that have sieves of one bit for every completion ("big"), and of one for some together (the others)."""
    random = Random(6)
    colours = [f"{letter}{vowel}" for letter in "rgbmpst" for vowel in "aeiou"]
    texts = {f"big {random.choice(colours)} {random.choice(colours)} {number}" for number in range(10_000)}
    texts |= {f"{random.choice(colours)} {number}" for number in range(2_000)}
    scores = random.sample(range(1, 99_000), len(texts))
    entries = [Entry(text, float(score)) for text, score in zip(sorted(texts), scores, strict=True)]
    index = index_of(entries)
    for prefix in ("big ra ", "ra bo r", "ra bo big", "ge big 99", "bu bu ", "ra re ri ", "ba 7", "big g", "ga 1234"):
        docs, values = index.exact(prefix_key(prefix), k)
        got = [(text, round(value, 4)) for text, value in zip(index.shown(docs), values.tolist(), strict=True)]
        want = plain(entries, prefix, k + 50)
        assert [value for _, value in got] == [value for _, value in want[:k]], prefix
        assert set(got[:-1]) <= set(want), prefix


TEXT = st.text("abé B", min_size=1, max_size=8).filter(lambda text: bool(key(text)))
ENTRIES = st.lists(TEXT, max_size=15, unique_by=key)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(ENTRIES, st.text("ab e", max_size=4), st.integers(0, 6), st.randoms(use_true_random=False))
def test_any_lookup_is_that_of_a_plain_search(texts: list[str], prefix: str, k: int, random: Random) -> None:
    scores = random.sample(range(1, 1000), len(texts))
    entries = [Entry(text, float(score)) for text, score in zip(texts, scores, strict=True)]
    assert [value for _, value in find(entries, prefix, k)] == [value for _, value in plain(entries, prefix, k)]
    assert set(find(entries, prefix, 20)) == set(plain(entries, prefix, 20))


def test_completions_of_the_same_words_have_a_mark_in_common() -> None:
    index = index_of([Entry(text, 9.0 - at) for at, text in enumerate(SAME)])
    marks = dict(zip(index.shown(np.arange(len(index))), index.alike.tolist(), strict=True))
    assert marks["desk lamp"] == marks["lamps for the desk"] != marks["desk lamp red"] != 0
    # Characters are no words: their order tells.
    assert len({marks["手机"], marks["机手"], marks["手"]}) == 3
    # Small words alone say nothing that could be the same.
    assert marks["for the"] == marks["and"] == 0
