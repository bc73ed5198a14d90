"""Words, phrases and several fields: what matches, and BM25 worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opensearch.embedded.dsl.compound import least
from opensearch.embedded.dsl.phrases import Sloppy
from opensearch.embedded.dsl.words import Fuzziness, similar

Ids = Callable[..., str]
Scores = Callable[..., dict[str, float]]

# Titles have 3 3 3 2 4 4 3 1 words (蓝牙耳机 无线 gives 蓝牙 牙耳 耳机 无线).
MEAN = 23 / 8


def curve(tf: float, length: int, mean: float = MEAN) -> float:
    return tf / (tf + 1.2 * (0.25 + 0.75 * length / mean))


def idf(n: int, documents: int = 8) -> float:
    return math.log(1 + (documents - n + 0.5) / (n + 0.5))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("red shoe", "abcg"),
        ({"query": "red shoe", "operator": "and"}, "ag"),
        ({"query": "RED Shoes", "operator": "AND"}, "ag"),
        ({"query": "red shoe rack", "minimum_should_match": 2}, "ag"),
        ({"query": "red shoe rack", "minimum_should_match": "67%"}, "ag"),
        ({"query": "red red lamp", "minimum_should_match": 3}, "c"),
        ({"query": "red red", "minimum_should_match": 2}, "acg"),
        ({"query": "red", "minimum_should_match": 5}, "acg"),
        ("zebra", ""),
        ("!!!", ""),
        ("", ""),
        ({"query": "!!!", "zero_terms_query": "all"}, "abcdefgh"),
        ("mx-500", "e"),
        ("500", "e"),
        ("蓝牙", "f"),
        ("牙", ""),
        ({"query": "lmap", "fuzziness": "AUTO"}, "c"),
        ({"query": "lmap", "fuzziness": 0}, ""),
        ({"query": "lmap", "fuzziness": 1, "fuzzy_transpositions": False}, ""),
        ({"query": "lmap", "fuzziness": "AUTO:5,9"}, ""),
        ({"query": "kezboard grean", "fuzziness": "auto"}, "dh"),
        ({"query": "xed", "fuzziness": 1}, "acg"),
        ({"query": "xed", "fuzziness": 1, "prefix_length": 1}, ""),
        (12, ""),
        (True, ""),
    ],
)
def test_match(matched: Ids, query: Any, expected: str) -> None:
    assert matched({"match": {"title": query}}) == expected


@pytest.mark.parametrize(
    ("clause", "query", "expected"),
    [
        ("match_phrase", {"title": "running shoes"}, "ab"),
        ("match_phrase", {"title": "shoes running"}, ""),
        ("match_phrase", {"title": "red shoes"}, "g"),
        ("match_phrase", {"title": {"query": "red shoes", "slop": 1}}, "ag"),
        ("match_phrase", {"title": {"query": "shoes red", "slop": 2}}, "g"),
        ("match_phrase", {"title": "red"}, "acg"),
        ("match_phrase", {"title": {"query": "shoes red", "slop": 3}}, "ag"),
        ("match_phrase", {"title": "red zebra"}, ""),
        ("match_phrase", {"title": "蓝牙耳机"}, "f"),
        ("match_phrase", {"title": "耳机蓝牙"}, ""),
        ("match_phrase", {"title": ""}, ""),
        ("match_phrase", {"category.text": "goods shoes"}, ""),
        ("match_phrase", {"category_path": "Goods > Shoes"}, "ab"),
        ("match_phrase_prefix", {"title": "red ru"}, "a"),
        ("match_phrase_prefix", {"title": "ru"}, "ab"),
        ("match_phrase_prefix", {"title": "red s"}, "g"),
        ("match_phrase_prefix", {"title": "red zz"}, ""),
        ("match_phrase_prefix", {"title": {"query": "red r", "max_expansions": 1}}, ""),
        ("match_bool_prefix", {"title": "lamp ru"}, "abc"),
        ("match_bool_prefix", {"title": "ru"}, "ab"),
        ("match_bool_prefix", {"title": {"query": "red ru", "operator": "and"}}, "a"),
        ("match_bool_prefix", {"brand": "Ac"}, "abh"),
        ("match_bool_prefix", {"title": "ru "}, ""),
        ("match_phrase_prefix", {"title": "red ru "}, "a"),
    ],
)
def test_phrases_and_prefixes(matched: Ids, clause: str, query: Any, expected: str) -> None:
    assert matched({clause: query}) == expected


def test_scores_by_hand(scores: Scores) -> None:
    # red is in three titles, shoe in three.
    found = scores({"match": {"title": "red shoes"}})
    assert found["a"] == pytest.approx(2 * idf(3) * curve(1, 3), rel=1e-5)
    assert found["b"] == found["c"] == pytest.approx(idf(3) * curve(1, 3), rel=1e-5)
    phrase = scores({"match_phrase": {"title": "running shoes"}})
    assert phrase == pytest.approx(dict.fromkeys("ab", (idf(2) + idf(3)) * curve(1, 3)), rel=1e-5)
    # One word between: the phrase counts half.
    sloppy = scores({"match_phrase": {"title": {"query": "red shoes", "slop": 1}}})
    assert sloppy["a"] == pytest.approx(2 * idf(3) * curve(0.5, 3), rel=1e-5)
    assert scores({"term": {"title": {"value": "chair", "boost": 2}}})["d"] == pytest.approx(
        2 * idf(1) * curve(1, 2), rel=1e-5
    )
    assert scores({"match_bool_prefix": {"title": "lamp ru"}})["a"] == 1


def test_fuzzy_words_count_by_nearness(scores: Scores) -> None:
    exact, near = (
        scores({"match": {"title": "chair"}})["d"],
        scores({"match": {"title": {"query": "chaix", "fuzziness": 1}}}),
    )
    assert near["d"] == pytest.approx(exact * (1 - 1 / 5), rel=1e-5)


def test_several_fields(matched: Ids, scores: Scores) -> None:
    def multi(**more: Any) -> dict[str, Any]:
        return {"multi_match": {"query": "red shoes", "fields": ["title^3", "description"], **more}}

    title, text = scores({"match": {"title": "red shoes"}}), scores({"match": {"description": "red shoes"}})
    assert scores(multi())["a"] == pytest.approx(max(3 * title["a"], text["a"]), rel=1e-5)
    tied = scores(multi(tie_breaker=0.5))
    assert tied["a"] == pytest.approx(3 * title["a"] + 0.5 * text["a"], rel=1e-5)
    assert scores(multi(type="most_fields"))["g"] == pytest.approx(3 * title["g"] + text["g"], rel=1e-5)
    assert matched({"multi_match": {"query": "red shoes"}}) == "abcg"
    assert matched({"multi_match": {"query": "acme keyboard", "type": "cross_fields", "operator": "and"}}) == "h"
    assert matched({"multi_match": {"query": "acme keyboard", "operator": "and"}}) == ""
    assert matched({"multi_match": {"query": "Acme", "fields": ["bra*", "nope"]}}) == "abh"
    assert matched({"multi_match": {"query": "for the", "type": "phrase", "fields": ["title", "description"]}}) == "c"
    assert (
        matched({"multi_match": {"query": "desk sh", "type": "phrase_prefix", "fields": ["description", "title"]}})
        == ""
    )
    assert (
        matched({"multi_match": {"query": "red l", "type": "bool_prefix", "operator": "and", "fields": ["title"]}})
        == "c"
    )
    assert matched({"multi_match": {"query": "5000", "fields": ["title", "price"]}}) == "a"
    assert matched({"multi_match": {"query": "red", "fields": ["title", "price"], "lenient": True}}) == "acg"
    assert matched({"multi_match": {"query": "red", "fields": ["nope"]}}) == ""


def test_cross_fields_take_frequencies_from_the_field_where_a_word_is_commonest(scores: Scores) -> None:
    found = scores({"multi_match": {"query": "red", "type": "cross_fields", "fields": ["title", "description"]}})
    # Three titles and two of four descriptions have it; there it counts as one more frequent than in titles.
    assert found["g"] == pytest.approx(idf(3) * curve(1, 3), rel=1e-5)
    lengths = {"a": 8, "c": 9, "d": 5, "g": 5}
    description = idf(4, 4) * curve(1, lengths["a"], sum(lengths.values()) / 4)
    assert found["a"] == pytest.approx(max(idf(3) * curve(1, 3), description), rel=1e-5)


# parts
def test_how_many_must_match() -> None:
    known = {
        "3": 3,
        "-1": 3,
        "75%": 3,
        "-25%": 3,
        "0": 0,
        "-9": 0,
        "9": 9,
        "99%": 3,
        "-99%": 1,
        "3<90%": 3,
        "4<90%": 4,
        "2<-25% 9<-3": 3,
    }
    assert {spec: least(spec, 4) for spec in known} == known and least(None, 4) == 0


def test_sloppy_occurrences() -> None:
    def weight(places: list[list[int]], slop: int, groups: list[int] | None = None) -> float:
        return Sloppy(places, groups or list(range(len(places)))).weight(slop)

    assert weight([[0, 5], [1, 9]], 0) == 1
    assert weight([[0], [2]], 0) == 0 and weight([[0], [2]], 1) == 0.5
    assert weight([[1], [0]], 1) == 0 and weight([[1], [0]], 2) == pytest.approx(1 / 3)
    # The same word twice never stands for both.
    assert weight([[4], [4]], 5, [0, 0]) == 0 and weight([[4, 5], [4, 5]], 5, [0, 0]) == 1


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(st.text("abc", min_size=1, max_size=5), unique=True, max_size=20), st.text("abc", min_size=1, max_size=5)
)
def test_similar_values_are_those_within_the_edits(values: list[str], term: str) -> None:
    def apart(a: str, b: str) -> int:
        rows = [[i + j if i * j == 0 else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
        for i in range(1, len(a) + 1):
            for j in range(1, len(b) + 1):
                rows[i][j] = min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]))
                if i > 1 and j > 1 and a[i - 2 : i] == b[j - 2 : j][::-1]:
                    rows[i][j] = min(rows[i][j], rows[i - 2][j - 2] + 1)
        return rows[-1][-1]

    found = similar(sorted(values), term, Fuzziness(edits=1))
    assert {sorted(values)[place] for place, _ in found} == {one for one in values if apart(one, term) <= 1}
