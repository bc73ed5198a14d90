"""Measures by hand, and against `ir-measures` where it is installed."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranker.metrics import METRICS, measure, ndcg, significance


def test_ndcg_by_hand_with_fractional_ratings() -> None:
    ratings = {"a": 2.0, "b": 0.5, "c": 0.0}
    half = math.sqrt(2) - 1
    ideal = 3.0 + half / math.log2(3)
    assert ndcg(["a", "b", "c"], ratings) == pytest.approx(1.0)
    assert ndcg(["b", "a"], ratings) == pytest.approx((half + 3.0 / math.log2(3)) / ideal)
    assert ndcg(["x", "c", "b", "a"], ratings) == pytest.approx((half / 2 + 3.0 / math.log2(5)) / ideal)


def test_the_ideal_counts_what_was_not_found() -> None:
    ratings = {"a": 1.0, "b": 1.0}
    assert ndcg(["a"], ratings) == pytest.approx(1.0 / (1.0 + 1.0 / math.log2(3)))


def test_only_the_first_ten_count() -> None:
    ratings = {"late": 3.0}
    assert ndcg([*"0123456789", "late"], ratings) == 0.0
    assert ndcg([*"012345678", "late"], ratings) == pytest.approx(1 / math.log2(11))
    assert ndcg(["x", "late"], ratings, depth=1) == 0.0
    # Eleven relevant documents: ten are as good as it gets.
    many = {str(n): 1.0 for n in range(11)}
    assert ndcg(sorted(many)[:10], many) == pytest.approx(1.0)


def test_ties_in_rating_may_stand_in_any_order() -> None:
    ratings = {"a": 1.0, "b": 1.0, "c": 0.25}
    assert ndcg(["a", "b", "c"], ratings) == ndcg(["b", "a", "c"], ratings) == pytest.approx(1.0)


def test_a_run_of_unjudged_documents_measures_zero() -> None:
    found = measure(["x", "y"], {"a": 1.0})
    assert found == {"ndcg@10": 0.0, "mrr": 0.0, "recall@100": 0.0, "judged@10": 0.0}


def test_without_anything_relevant_every_measure_but_judged_is_zero() -> None:
    assert measure(["a", "x"], {"a": 0.0}) == {"ndcg@10": 0.0, "mrr": 0.0, "recall@100": 0.0, "judged@10": 0.5}


def test_an_empty_run_measures_zero() -> None:
    assert measure([], {"a": 1.0}) == dict.fromkeys(METRICS, 0.0)


def test_measures_by_hand() -> None:
    found = measure(["x", "no", "a", "b"], {"a": 1.0, "b": 0.25, "no": 0.0, "lost": 2.0})
    assert tuple(found) == METRICS
    assert found["mrr"] == pytest.approx(1 / 3)
    assert found["recall@100"] == pytest.approx(2 / 3)
    assert found["judged@10"] == pytest.approx(3 / 4)


def test_recall_looks_at_a_hundred_and_judged_at_ten() -> None:
    run = [f"x{n}" for n in range(99)] + ["a", "b"]
    assert measure(run, {"a": 1.0, "b": 1.0})["recall@100"] == 0.5
    assert measure([*"0123456789", "a"], {"a": 1.0})["judged@10"] == 0.0
    assert measure([*"0123456789", "a"], {"a": 1.0})["mrr"] == pytest.approx(1 / 11)


def test_significance_of_few_queries_by_hand() -> None:
    # Three equal differences: 2 of the 8 sign patterns are as extreme as the observed one, so p = 1/4.
    found = significance([0.6, 0.7, 0.8], [0.5, 0.6, 0.7])
    assert found["difference"] == 0.1
    assert found["p"] == pytest.approx(0.25, abs=0.02)


def test_significance_knows_a_clear_difference_from_none() -> None:
    better = significance([0.9] * 30, [0.4] * 30)
    assert better == {"difference": 0.5, "p": pytest.approx(0.0, abs=1e-4), "low": 0.5, "high": 0.5}
    assert better["p"] > 0
    none = {"difference": 0.0, "p": 1.0, "low": 0.0, "high": 0.0}
    assert significance([0.4] * 30, [0.4] * 30) == significance([], []) == none


def test_the_interval_is_that_of_a_mean() -> None:
    # Half of the queries gain 0.2, half lose nothing: mean 0.1, standard error 0.1 / sqrt(400) = 0.005.
    found = significance([0.2, 0.0] * 200, [0.0] * 400)
    assert found["low"] == pytest.approx(0.1 - 1.96 * 0.005, abs=1e-3)
    assert found["high"] == pytest.approx(0.1 + 1.96 * 0.005, abs=1e-3)


def test_significance_is_repeatable_and_symmetric() -> None:
    a, b = [0.1, 0.5, 0.3, 0.9], [0.2, 0.1, 0.3, 0.4]
    assert significance(a, b, seed=3) == significance(a, b, seed=3)
    turned = significance(b, a, seed=3)
    assert turned["difference"] == -significance(a, b, seed=3)["difference"]
    assert turned["p"] == significance(a, b, seed=3)["p"]


ids = st.sampled_from([f"d{n}" for n in range(15)])


@given(st.lists(ids, unique=True), st.dictionaries(ids, st.sampled_from([0.0, 0.25, 0.5, 1.0, 3.0]), min_size=1))
def test_ndcg_lies_between_zero_and_the_best_order(run: list[str], ratings: dict[str, float]) -> None:
    best = sorted(run, key=lambda one: -ratings.get(one, 0.0))
    assert 0.0 <= ndcg(run, ratings) <= ndcg(best, ratings) + 1e-12 <= 1.0 + 1e-9


@given(st.lists(ids, unique=True, min_size=1), st.dictionaries(ids, st.integers(0, 3), min_size=1))
def test_figures_are_those_of_ir_measures(run: list[str], ratings: dict[str, int]) -> None:
    measures = pytest.importorskip("ir_measures")
    wanted = [measures.parse_measure(name) for name in ("nDCG@10", "RR", "R@100")]
    # Its gain is the rating itself, so it is given the gains.
    qrels = {"q": {one: 2**rating - 1 for one, rating in ratings.items()}}
    scores = {"q": {one: float(-rank) for rank, one in enumerate(run)}}
    theirs = measures.calc_aggregate(wanted, qrels, scores)
    ours = measure(run, {one: float(rating) for one, rating in ratings.items()})
    if not any(ratings.values()):
        return
    assert ours["ndcg@10"] == pytest.approx(theirs[wanted[0]], abs=1e-6)
    assert ours["mrr"] == pytest.approx(theirs[wanted[1]], abs=1e-6)
    assert ours["recall@100"] == pytest.approx(theirs[wanted[2]], abs=1e-6)
