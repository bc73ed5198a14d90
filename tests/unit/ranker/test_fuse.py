"""Fusion of the lexical and the vector score."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranker import fuse


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def flags(*values: int) -> np.ndarray:
    return np.array(values, bool)


def test_min_max_scales_those_inside_and_leaves_the_others_at_zero() -> None:
    scaled = fuse.min_max(floats(0.2, 0.6, 0.4, 9.0), flags(1, 1, 1, 0))
    np.testing.assert_allclose(scaled, [fuse.FLOOR, 1.0, 0.5, 0.0], rtol=1e-6)
    assert scaled.dtype == np.float32


def test_min_max_of_equal_scores_is_one() -> None:
    assert fuse.min_max(floats(0.3, 0.3, 0.1), flags(1, 1, 0)).tolist() == [1.0, 1.0, 0.0]


def test_min_max_of_nobody_is_zero() -> None:
    assert fuse.min_max(floats(0.3, 0.1), flags(0, 0)).tolist() == [0.0, 0.0]
    assert fuse.min_max(floats(), flags()).shape == (0,)


def test_hybrid_is_the_mean_of_both_scaled_scores() -> None:
    # BM25 by its largest: 1, 0.25, 0. Cosines 0.1, 0.5, 0.9 by min-max: FLOOR, 0.5, 1.
    fused = fuse.hybrid(floats(8, 2, 0), floats(0.1, 0.5, 0.9), flags(1, 1, 1))
    np.testing.assert_allclose(fused, [(1 + fuse.FLOOR) / 2, 0.375, 0.5], rtol=1e-6)
    assert fused.dtype == np.float32


def test_without_vectors_hybrid_follows_the_words() -> None:
    assert fuse.hybrid(floats(4, 2, 0), floats(0, 0, 0), flags(0, 0, 0)).tolist() == [0.5, 0.25, 0.0]


def test_without_words_hybrid_follows_the_cosine() -> None:
    fused = fuse.hybrid(floats(0, 0, 0), floats(-0.2, 0.8, 0.3), flags(1, 1, 1))
    np.testing.assert_allclose(fused, [fuse.FLOOR / 2, 0.5, 0.25], rtol=1e-6)


def test_hybrid_of_no_candidates_is_empty() -> None:
    assert fuse.hybrid(floats(), floats(), flags()).shape == (0,)


def test_ranks_start_at_one_and_ties_go_by_position() -> None:
    ranked = fuse.ranks(floats(0.5, 0.9, 0.5, 0.1, 2.0), flags(1, 1, 1, 1, 0))
    assert ranked.tolist() == [2, 1, 3, 4, 0]
    assert fuse.ranks(floats(1, 2), flags(0, 0)).tolist() == [0, 0]


scores = st.floats(-1, 1, width=32)


@given(st.lists(st.tuples(st.floats(0, 1000, width=32), scores, st.booleans()), max_size=30))
def test_hybrid_lies_between_zero_and_one_and_rises_with_either_score(rows: list[tuple[float, float, bool]]) -> None:
    lexical, cosines = floats(*(row[0] for row in rows)), floats(*(row[1] for row in rows))
    encoded = flags(*(row[2] for row in rows))
    fused = fuse.hybrid(lexical, cosines, encoded)
    assert np.isfinite(fused).all()
    assert ((fused >= 0) & (fused <= 1 + 1e-6)).all()
    for a in range(len(rows)):
        for b in range(len(rows)):
            if encoded[a] == encoded[b] and lexical[a] >= lexical[b] and cosines[a] >= cosines[b]:
                assert fused[a] >= fused[b] - 1e-6


@given(st.lists(st.tuples(scores, st.booleans()), max_size=40))
def test_ranks_number_those_inside_without_gap(rows: list[tuple[float, bool]]) -> None:
    among = flags(*(row[1] for row in rows))
    ranked = fuse.ranks(floats(*(row[0] for row in rows)), among)
    assert sorted(ranked[among].tolist()) == list(range(1, int(among.sum()) + 1))
    assert not ranked[~among].any()


@pytest.mark.parametrize("bad", [0.0, 1.0])
def test_a_vector_of_lowest_cosine_still_counts_more_than_none(bad: float) -> None:
    fused = fuse.hybrid(floats(1, 1, 1), floats(bad, bad - 0.5, 0), flags(1, 1, 0))
    assert fused[1] > fused[2]
