"""Each family of features on candidates small enough to check by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opensearch import fields
from ranker import features, fuse
from ranker.features import FEATURES, NAMES, contract_hash, matrix
from ranker.features.base import ratio, reciprocal, relative, standardized

from .candidates import column, retrieved, titles

FAMILIES = (
    "lexical",
    "semantic",
    "looks",
    "overlap",
    "proximity",
    "shape",
    "consensus",
    "head",
    "product",
    "behaviour",
    "shopper",
)


# the contract
def test_names_are_unique_and_enough() -> None:
    assert len(set(NAMES)) == len(NAMES) >= 25
    assert all(name.replace("_", "").isalnum() and name == name.lower() for name in NAMES)
    assert all(feature.meaning for feature in FEATURES)


def test_families_stand_together_in_order() -> None:
    order = [feature.family for feature in FEATURES]
    assert tuple(dict.fromkeys(order)) == FAMILIES
    assert order == sorted(order, key=FAMILIES.index)


def test_the_contract_hash_changes_with_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    before = contract_hash()
    assert before == contract_hash()
    assert len(before) == 16
    first = FEATURES[0]
    seen = {before}
    for changed in (
        FEATURES[:-1],
        (*FEATURES[1:], first),
        (replace(first, name="other"), *FEATURES[1:]),
        (replace(first, family="other"), *FEATURES[1:]),
        (replace(first, missing=0.5), *FEATURES[1:]),
    ):
        monkeypatch.setattr(features, "FEATURES", changed)
        seen.add(contract_hash())
    monkeypatch.setattr(features, "FEATURES", FEATURES)
    monkeypatch.setattr(features, "CONTRACT_VERSION", features.CONTRACT_VERSION + 1)
    seen.add(contract_hash())
    assert len(seen) == 7


def test_words_about_a_feature_are_no_part_of_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    before = contract_hash()
    monkeypatch.setattr(features, "FEATURES", (replace(FEATURES[0], meaning="said otherwise"), *FEATURES[1:]))
    assert contract_hash() == before


def test_the_matrix_has_a_column_per_feature() -> None:
    made = matrix(retrieved("shoe", titles("shoe", "lamp")))
    assert made.shape == (2, len(FEATURES))
    assert made.dtype == np.float32
    assert matrix(retrieved("shoe", [])).shape == (0, len(FEATURES))


# arithmetic
def test_ratio_is_zero_where_nothing_divides() -> None:
    assert ratio(np.array([1, 2, 3]), np.array([2, 0, 4])).tolist() == [0.5, 0.0, 0.75]
    assert ratio(np.array([1.0]), 0.0).tolist() == [0.0]


def test_relative_is_by_the_largest() -> None:
    assert relative(np.array([1, 4, 0], np.float32)).tolist() == [0.25, 1.0, 0.0]
    assert relative(np.zeros(2, np.float32)).tolist() == [0.0, 0.0]


def test_standardized_by_hand() -> None:
    # Mean 2, deviation 1; scaled by CLIP = 3.
    values = standardized(np.array([1, 3, np.nan], np.float32))
    assert values.tolist() == pytest.approx([-1 / 3, 1 / 3, 0.0])
    assert standardized(np.array([5, 5, 5], np.float32)).tolist() == [0.0] * 3
    assert standardized(np.array([5, np.nan], np.float32), missing=0.25).tolist() == [0.25] * 2
    far = standardized(np.array([0] * 99 + [1000], np.float32))
    assert far.max() == 1.0


@given(st.lists(st.floats(-1e6, 1e6, width=32) | st.just(math.nan), max_size=40))
def test_standardized_is_what_numpy_computes(drawn: list[float]) -> None:
    values = np.array(drawn, np.float32)
    known = values[~np.isnan(values)].astype(np.float64)
    expected = np.zeros(len(values), np.float32)
    if len(known) > 1 and known.std() >= 1e-9:
        expected = np.nan_to_num(np.clip((values - known.mean()) / known.std(), -3, 3) / 3).astype(np.float32)
    assert standardized(values).tobytes() == expected.tobytes()


def test_reciprocal_falls_with_the_logarithm_of_the_rank() -> None:
    assert reciprocal(np.array([1, 3, 0], np.int32)).tolist() == [1.0, 0.5, 0.0]
    assert reciprocal(np.arange(1, 1025, dtype=np.int32))[-1] == np.float32(1 / math.log2(1025))


# looks
def test_looks_family_by_hand() -> None:
    found = retrieved("red shoe", titles("a", "b", "c"), looks=[0.2, 0.0, 0.4])
    assert column(found, "looks") == pytest.approx([0.2, 0.0, 0.4])
    assert column(found, "looks_relative") == pytest.approx([fuse.FLOOR, 0.0, 1.0])
    # Mean 0.3, deviation 0.1; scaled by CLIP = 3. Without a picture: the mean.
    assert column(found, "looks_deviation") == pytest.approx([-1 / 3, 0.0, 1 / 3], abs=1e-6)
    assert column(found, "looks_rank") == pytest.approx([1 / math.log2(3), 0.0, 1.0])


def test_without_pictures_looks_are_missing() -> None:
    made = matrix(retrieved("red shoe", titles("a", "b")))
    columns = [number for number, feature in enumerate(FEATURES) if feature.family == "looks"]
    assert len(columns) == 4
    assert not made[:, columns].any()


# lexical
def test_lexical_family_by_hand() -> None:
    # Weighted: 4 + 0.25 * 4 = 5 (title, model); 2 * 0.5 = 1 (brand); nothing.
    found = retrieved("shoe", titles("a", "b", "c"), bm25=[[4, 4], [0, 0, 2], []])
    assert found.candidates.lexical.tolist() == [5.0, 1.0, 0.0]
    assert column(found, "bm25") == pytest.approx([1.0, 0.2, 0.0])
    assert column(found, "bm25_title") == [1.0, 0.0, 0.0]
    assert column(found, "bm25_brand") == [0.0, 1.0, 0.0]
    assert column(found, "bm25_title_share") == pytest.approx([0.8, 0.0, 0.0])
    assert column(found, "lexical_rank") == pytest.approx([1.0, 1 / math.log2(3), 0.0])
    assert column(found, "matched_share") == pytest.approx([2 / 3] * 3)
    assert {f"bm25_{name}" for name in fields.TEXT} < set(NAMES)


# semantic
def test_semantic_family_by_hand() -> None:
    found = retrieved(
        "shoe",
        titles("a", "b", "c", "d"),
        bm25=[[2], [1], [], []],
        cosines=[0.2, 0.8, 0.5, math.nan],
        near=[False, True, True, False],
    )
    assert column(found, "cosine") == pytest.approx([0.2, 0.8, 0.5, 0.0])
    assert column(found, "cosine_relative") == pytest.approx([0.001, 1.0, 0.5, 0.0])
    assert column(found, "near") == [0.0, 1.0, 1.0, 0.0]
    assert column(found, "vector_rank") == pytest.approx([0.5, 1.0, 1 / math.log2(3), 0.0])
    assert column(found, "both_lists") == [0.0, 1.0, 0.0, 0.0]
    assert column(found, "fused") == pytest.approx([0.5005, 0.75, 0.25, 0.0])


def test_semantic_family_without_vectors() -> None:
    found = retrieved("shoe", titles("a", "b"), bm25=[[2], [1]])
    for name in ("cosine", "cosine_relative", "near", "vector_rank", "both_lists"):
        assert column(found, name) == [0.0, 0.0]
    assert column(found, "fused") == [0.5, 0.25]


# overlap
def test_coverage_of_the_title() -> None:
    found = retrieved("running shoes red", titles("red running shoes", "run shoe", "desk lamp"))
    assert column(found, "title_coverage") == pytest.approx([1.0, 2 / 3, 0.0])
    # As typed, without stemming.
    assert column(found, "title_coverage_exact") == pytest.approx([1.0, 0.0, 0.0])
    assert column(found, "title_precision") == [1.0, 1.0, 0.0]
    assert column(found, "query_length") == pytest.approx([0.3] * 3)


def test_rare_words_count_more() -> None:
    found = retrieved("red shoe", titles("red lamp", "shoe", "shoe rack"))
    # log(1 + 3 / 2) for `red`, in one title; log(1 + 3 / 3) for `shoe`, in two.
    red, shoe = math.log(2.5), math.log(2)
    assert column(found, "title_coverage_rare") == pytest.approx(
        [red / (red + shoe), shoe / (red + shoe), shoe / (red + shoe)]
    )


def test_coverage_anywhere() -> None:
    found = retrieved(
        "acme red shoe",
        [
            {"title": "shoe", "brand": "Acme", "attributes": {"colour": ["red"]}},
            {"title": "shoe", "category": ["Red things"]},
            {"title": "red shoe by Acme"},
        ],
    )
    assert column(found, "coverage") == pytest.approx([1.0, 2 / 3, 1.0])
    assert column(found, "complete") == [1.0, 0.0, 1.0]
    assert column(found, "attribute_coverage") == pytest.approx([1 / 3, 0.0, 0.0])
    assert column(found, "category_coverage") == pytest.approx([0.0, 1 / 3, 0.0])


def test_order_start_and_end_of_the_title() -> None:
    found = retrieved("red running shoe", titles("red running shoe", "shoe running red", "big red running bag", "lamp"))
    # Pairs side by side and in order: both, none, one.
    assert column(found, "title_ordered") == pytest.approx([1.0, 0.0, 0.5, 0.0])
    # The first match at word 0 of 3, 0 of 3, 1 of 4, nowhere.
    assert column(found, "title_first") == pytest.approx([1.0, 1.0, 0.75, 0.0])
    assert column(found, "title_head") == [1.0, 1.0, 0.0, 0.0]
    assert column(retrieved("shoe", titles("red shoe", "lamp")), "title_ordered") == [1.0, 0.0]


def test_numbers_and_article_numbers() -> None:
    found = retrieved(
        "mx 500 drill 18",
        [
            {"title": "drill 18 V", "attributes": {"model": ["MX500"]}},
            {"title": "drill 500", "attributes": {"voltage": ["18"]}},
            {"title": "drill"},
        ],
    )
    assert column(found, "numbers") == pytest.approx([0.5, 1.0, 0.0])
    assert column(found, "number_gap") == pytest.approx([0.5, 0.0, 1.0])
    assert column(found, "models") == [1.0, 0.0, 0.0]
    named = retrieved("MX500", titles("drill MX500", "drill MX600"))
    assert column(named, "models") == [1.0, 0.0]
    plain = retrieved("drill", titles("drill 18", "drill"))
    assert column(plain, "numbers") == column(plain, "number_gap") == column(plain, "models") == [0.0, 0.0]


def test_brands() -> None:
    sources = [{"title": "shoe", "brand": brand} for brand in ("New Balance", "Acme", "")]
    found = retrieved("new balance shoe", sources)
    assert column(found, "brand_named") == [1.0, 0.0, 0.0]
    assert column(found, "brand_conflict") == [0.0, 1.0, 0.0]
    half = retrieved("new shoe", sources)
    assert column(half, "brand_named") == [0.5, 0.0, 0.0]
    assert column(half, "brand_conflict") == [0.0, 0.0, 0.0]


def test_lengths() -> None:
    found = retrieved("x", [{"title": "one two three", "description": "four words are here"}, {"title": "one"}])
    assert column(found, "title_length") == pytest.approx([math.log(4) / math.log(64), math.log(2) / math.log(64)])
    assert column(found, "description_length") == pytest.approx([math.log(5) / 7, 0.0])
    long = retrieved("x", [{"title": "one", "description": "word " * 50_000}])
    assert column(long, "description_length") == [1.0]


def test_a_query_without_terms_overlaps_nothing() -> None:
    found = retrieved("?!", titles("red shoe", "lamp"))
    for feature in FEATURES:
        if feature.family == "overlap" and feature.name not in ("title_length", "description_length"):
            assert column(found, feature.name) == [0.0, 0.0], feature.name


# product
def test_product_family_by_hand() -> None:
    found = retrieved(
        "x",
        [
            {"title": "a", "price": 0, "rating": 1.0, "popularity": 0.0, "reviews": 0, "created_at": "2024-01-01"},
            {
                "title": "b",
                "price": 300,
                "list_price": 400,
                "rating": 3.0,
                "popularity": 9.0,
                "reviews": 9,
                "stock": 0,
                "created_at": "2024-01-03",
            },
            {"title": "c", "stock": 2, "price": 500, "list_price": 400},
        ],
    )
    third = 1 / 3
    assert column(found, "rating") == pytest.approx([-third, third, 0.0])
    assert column(found, "popularity") == pytest.approx([-third, third, 0.0])
    assert column(found, "reviews") == pytest.approx([-third, third, 0.0])
    assert column(found, "freshness") == pytest.approx([-third, third, 0.0])
    assert column(found, "in_stock") == [1.0, 0.0, 1.0]
    # A list price below the price is no discount.
    assert column(found, "discount") == pytest.approx([0.0, 0.25, 0.0])
    vast = retrieved("x", [{"title": "x", "price": 2**53, "list_price": 1e-38}, {"title": "x"}])
    assert column(vast, "discount") == [0.0, 0.0]
    price = np.log1p([0.0, 300.0, 500.0])
    assert column(found, "price") == pytest.approx(((price - price.mean()) / price.std() / 3).tolist(), abs=1e-5)


def test_unknown_inputs_give_the_missing_value() -> None:
    found = retrieved("x", titles("a", "b", "c"))
    for feature in FEATURES:
        if feature.family == "product":
            assert column(found, feature.name) == [feature.missing] * 3, feature.name


# whatever comes
words = st.sampled_from(["red", "shoes", "running", "42", "mx500", "3.5", "日本酒", "Acme", "?", "ünï"])
phrases = st.lists(words, max_size=40).map(" ".join)
numbers = st.none() | st.floats(-1e6, 1e9, allow_nan=False) | st.just(0)
sources = st.fixed_dictionaries(
    {"title": phrases},
    optional={
        "description": phrases,
        "brand": phrases,
        "category": st.lists(phrases, max_size=4),
        "attributes": st.dictionaries(st.sampled_from(["colour", "mpn"]), st.lists(phrases, max_size=3)),
        "price": numbers,
        "list_price": numbers,
        "stock": numbers,
        "rating": numbers,
        "reviews": numbers,
        "popularity": numbers,
        "created_at": st.sampled_from(["", "1969-12-31", "2024-05-06T07:08:09+02:00"]),
    },
)
rows = st.lists(
    st.tuples(
        sources,
        st.lists(st.floats(0, 1e4, width=32), max_size=len(fields.TEXT)),
        st.floats(-1, 1, width=32) | st.just(math.nan),
        st.booleans(),
    ),
    max_size=8,
)


@settings(deadline=None, max_examples=150)
@given(phrases, rows)
def test_every_feature_is_finite_and_small(
    query: str, given_rows: list[tuple[dict[str, Any], list[float], float, bool]]
) -> None:
    found = retrieved(
        query,
        [row[0] for row in given_rows],
        bm25=[row[1] for row in given_rows],
        cosines=[row[2] for row in given_rows],
        near=[row[3] for row in given_rows],
    )
    made = matrix(found)
    assert np.isfinite(made).all()
    # Title lengths are the only feature that may pass 1, and they are cut at 65,535 tokens.
    assert (np.abs(made) <= math.log(65_536) / math.log(64) + 1e-5).all()
    others = [at for at, name in enumerate(NAMES) if name != "title_length"]
    assert (np.abs(made[:, others]) <= 1 + 1e-5).all()


@settings(deadline=None, max_examples=50)
@given(phrases, rows, st.randoms(use_true_random=False))
def test_features_do_not_depend_on_the_order_of_candidates(
    query: str, given_rows: list[tuple[dict[str, Any], list[float], float, bool]], random: Any
) -> None:
    turned = list(range(len(given_rows)))
    random.shuffle(turned)

    def made(order: Sequence[int]) -> np.ndarray[Any, np.dtype[np.float32]]:
        chosen = [given_rows[at] for at in order]
        return matrix(
            retrieved(
                query,
                [row[0] for row in chosen],
                bm25=[row[1] for row in chosen],
                cosines=[row[2] for row in chosen],
                near=[row[3] for row in chosen],
            )
        )

    # Ranks break ties by position, and so does who is among the best; they are left out.
    ranks = ("lexical_rank", "vector_rank", "fused_rank", "reciprocal_fusion")
    kept = [at for at, one in enumerate(FEATURES) if one.name not in ranks and one.family != "consensus"]
    straight = made(range(len(given_rows)))
    np.testing.assert_allclose(made(turned)[:, kept], straight[turned][:, kept], rtol=1e-4, atol=1e-5)
