"""The shape of the list, by hand."""

from __future__ import annotations

import math

import pytest

from .candidates import column, retrieved, titles


def test_deviations_are_among_those_that_have_a_score() -> None:
    found = retrieved("x", titles(*"abc"), bm25=[[1.0], [3.0], [0.0]], cosines=[0.2, 0.4, math.nan])
    # Mean ± one deviation, in thirds; without a score the mean.
    assert column(found, "bm25_deviation") == pytest.approx([-1 / 3, 1 / 3, 0], abs=1e-6)
    assert column(found, "bm25_title_deviation") == pytest.approx([-1 / 3, 1 / 3, 0], abs=1e-6)
    assert column(found, "cosine_deviation") == pytest.approx([-1 / 3, 1 / 3, 0], abs=1e-5)
    assert column(found, "cosine_below_best") == pytest.approx([0.1, 0, 0.2])
    assert column(found, "best_cosine") == pytest.approx([0.4] * 3)
    # Half BM25 by its largest plus half the relative cosine: b, a, c.
    assert column(found, "fused_rank") == pytest.approx([1 / math.log2(3), 1, 0.5])
    assert column(found, "reciprocal_fusion") == pytest.approx([61 / 62, 1, 0])
    assert column(found, "bm25_cosine") == pytest.approx([0.2 / 3, 0.4, 0])


def test_what_kind_of_query_it_is() -> None:
    found = retrieved("12 volt drill x200", titles("drill", "12 volt lamp"))
    assert column(found, "has_number") == [1, 1] and column(found, "has_model") == [1, 1]
    assert column(found, "best_coverage") == pytest.approx([0.5, 0.5])
    plain = retrieved("drill", titles("drill"))
    assert column(plain, "has_number") == [0] and column(plain, "has_model") == [0]
