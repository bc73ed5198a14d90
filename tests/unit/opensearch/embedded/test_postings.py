"""BM25 worked out by hand, with lengths rounded as Lucene rounds them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opensearch import fields
from opensearch.embedded import postings
from opensearch.embedded.postings import Postings

TITLE, MODEL, BRAND = 0, 1, 2


def build(folder: Path, *sources: dict[str, Any]) -> Postings:
    postings.build([postings.analyze(source) for source in sources], folder)
    return Postings(folder, len(sources))


def titled(folder: Path, *titles: str) -> Postings:
    return build(folder, *({"title": title} for title in titles))


def test_three_documents_by_hand(tmp_path: Path) -> None:
    found = titled(tmp_path, "red shoe", "red red lamp", "a chair is a chair")
    scores = found.scores(["red"])[TITLE]
    # N = 3, n = 2: idf = ln(1 + 1.5 / 2.5). Lengths 2, 3, 5, mean 10/3: the norms are 1.2 (0.25 + 0.75 length / mean), so
    # 0.84 and 1.11. Lucene has no factor k1 + 1 in the numerator.
    np.testing.assert_allclose(scores, [math.log(1.6) / 1.84, math.log(1.6) * 2 / 3.11, 0], rtol=1e-6)


def test_terms_add_up_and_repeats_count(tmp_path: Path) -> None:
    found = titled(tmp_path, "red shoe", "red lamp", "blue shoe")
    red, shoe = found.scores(["red"]), found.scores(["shoe"])
    np.testing.assert_allclose(found.scores(["red", "shoe"]), red + shoe, rtol=1e-6)
    np.testing.assert_allclose(found.scores(["shoe", "red", "shoe"]), red + 2 * shoe, rtol=1e-6)


def test_words_are_compared_by_stem_and_folded(tmp_path: Path) -> None:
    found = titled(tmp_path, "Running SHOES", "café")
    assert found.scores(["shoe"])[TITLE].tolist()[1] == 0 and found.scores(["shoe"])[TITLE][0] > 0
    assert found.scores(["run"])[TITLE][0] > 0 and found.scores(["cafe"])[TITLE][1] > 0
    assert not found.scores(["shoes"]).any()


def test_fields_are_apart_each_with_its_own_statistics(tmp_path: Path) -> None:
    found = build(
        tmp_path,
        {"title": "shoe", "brand": "Acme", "attributes": {"mpn": ("AC-100",)}},
        {"title": "acme shoe"},
        {"title": "lamp", "brand": "Bolt", "category": ("Home", "Lamp"), "description": "a lamp"},
    )
    scores = found.scores(["acm"])
    assert (scores[[TITLE, BRAND]] > 0).sum(axis=1).tolist() == [1, 1]
    # Two documents have a brand, both of one word: N = 2, n = 1, length = mean.
    assert scores[BRAND][0] == pytest.approx(math.log(1 + 1.5 / 1.5) / 2.2)
    category, description = list(fields.TEXT).index("category"), list(fields.TEXT).index("description")
    lamp = found.scores(["lamp"])
    assert [lamp[number][2] > 0 for number in (TITLE, category, description)] == [True] * 3
    assert found.scores(["100"])[MODEL][0] > 0


def test_unknown_terms_and_no_terms_score_nothing(tmp_path: Path) -> None:
    found = titled(tmp_path, "red shoe", "blue lamp")
    assert not found.scores(["zebra"]).any() and not found.scores([]).any()
    assert found.scores([]).shape == (len(fields.TEXT), 2)


def test_no_documents_and_documents_without_words(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    assert titled(tmp_path / "none").scores(["red"]).shape == (len(fields.TEXT), 0)
    assert not titled(tmp_path, "!!!", "...").scores(["red"]).any()


def test_a_term_may_occur_very_often(tmp_path: Path) -> None:
    found = titled(tmp_path, "red " * 70_000, "red")
    assert found.scores(["red"])[TITLE][0] > found.scores(["red"])[TITLE][1] > 0


# lexicon and positions
def test_the_lexicon_is_sorted_and_found_by_prefix(tmp_path: Path) -> None:
    found = build(tmp_path, {"title": "red shoe", "brand": "Shop"}, {"title": "shoe rack shine"})
    assert found.terms == ["rack", "red", "shine", "shoe", "shop"] and found.sizes.tolist() == [4, 3, 5, 4, 4]
    assert found.codes(["shoe", "zebra", "rack"]) == [3, -1, 0]
    assert found.prefixed("sh") == (2, 5) and found.prefixed("x") == (5, 5)
    assert found.frequencies(TITLE, 2, 5).tolist() == [1, 2, 0] and found.frequency(BRAND, 4) == 1
    assert sorted(found.rows(TITLE, 2, 4).tolist()) == [0, 1, 1] and found.frequency(TITLE, -1) == 0
    assert found.present[[TITLE, BRAND]].tolist() == [[True, True], [True, False]]


def test_positions_follow_the_text_and_leave_gaps_between_levels(tmp_path: Path) -> None:
    found = build(tmp_path, {"title": "red shoe red"}, {"title": "a red", "category": ("Red shoes", "Red")})
    red = found.codes(["red"])[0]
    rows, starts, positions = found.places(TITLE, red)
    assert (rows.tolist(), starts.tolist(), positions.tolist()) == ([0, 1], [0, 2, 3], [0, 2, 1])
    assert found.total(TITLE, red) == 3
    assert found.places(list(fields.TEXT).index("category"), red)[2].tolist() == [0, 2 + postings.GAP]


# lengths
def test_lengths_are_rounded_as_lucenes_norm_byte_does() -> None:
    # SmallFloat.byte4ToInt(intToByte4(i)) of Lucene, for some i.
    known = {
        0: 0, 1: 1, 23: 23, 24: 24, 39: 39, 40: 40, 41: 40, 42: 42, 43: 42, 55: 54, 56: 56, 57: 56, 59: 56, 60: 60,
        87: 84, 88: 88, 95: 88, 96: 96, 100: 96, 1000: 984, 1048: 1048, 65535: 61464,
    }  # fmt: skip
    found = postings.norm_length(np.array(list(known), np.int64))
    assert found.tolist() == list(known.values())


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(0, 2**31 - 1))
def test_length_rounding_never_rises_and_keeps_four_bits(length: int) -> None:
    kept = int(postings.norm_length(np.array([length], np.int64))[0])
    assert kept <= length
    if length <= 40:
        assert kept == length
    else:
        assert (length - kept) * 8 < length - 24
        assert ((kept - 24) >> max((kept - 24).bit_length() - 4, 0)) << max(
            (kept - 24).bit_length() - 4, 0
        ) == kept - 24


def test_rounded_lengths_score_alike(tmp_path: Path) -> None:
    def words(count: int) -> str:
        return " ".join(["red", *(f"w{number}x" for number in range(count - 1))])

    found = titled(tmp_path, words(40), words(41), words(42), words(60))
    scores = found.scores(["red"])[TITLE]
    assert scores[0] == scores[1] > scores[2] > scores[3]
    # The mean is of the true lengths.
    idf, mean = math.log(1 + 0.5 / 4.5), (40 + 41 + 42 + 60) / 4
    assert scores[1] == pytest.approx(idf / (1 + 1.2 * (0.25 + 0.75 * 40 / mean)), rel=1e-6)


# against the formula
WORDS = ["red", "blue", "shoe", "lamp", "x1"]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(st.lists(st.sampled_from(WORDS), max_size=60), min_size=1, max_size=8),
    st.lists(st.sampled_from([*WORDS, "zebra"]), max_size=4),
)
def test_any_documents_score_as_the_formula_says(
    tmp_path_factory: pytest.TempPathFactory, documents: list[list[str]], query: list[str]
) -> None:
    found = titled(tmp_path_factory.mktemp("any"), *map(" ".join, documents))
    filled = [len(words) for words in documents if words]
    mean = sum(filled) / len(filled) if filled else 1.0

    def score(words: list[str]) -> float:
        total = 0.0
        for term in query:
            n, tf = sum(term in other for other in documents), words.count(term)
            length = int(postings.norm_length(np.array([len(words)], np.int64))[0])
            if tf:
                idf = math.log(1 + (len(filled) - n + 0.5) / (n + 0.5))
                total += idf * tf / (tf + 1.2 * (0.25 + 0.75 * length / mean))
        return total

    np.testing.assert_allclose(found.scores(query)[TITLE], [score(words) for words in documents], rtol=1e-5, atol=1e-7)
