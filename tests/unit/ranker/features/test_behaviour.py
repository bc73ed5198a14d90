"""What shoppers did before, by hand."""

from __future__ import annotations

import pytest

from .candidates import column, retrieved, titles


def test_rates_are_compared_by_their_logarithms() -> None:
    sources = [
        {"title": "a", "click_rate": 0.01, "purchase_rate": 0.1},
        {"title": "b", "click_rate": 0.1, "purchase_rate": 0.1},
        {"title": "c"},
    ]
    found = retrieved("x", sources)
    # Mean ± one deviation, in thirds; the unknown has the mean, and equal rates say nothing.
    assert column(found, "click_rate") == pytest.approx([-1 / 3, 1 / 3, 0], abs=1e-6)
    assert column(found, "purchase_rate") == [0, 0, 0]


def test_a_rate_of_zero_is_a_small_one() -> None:
    found = retrieved("x", [{"title": "a", "click_rate": 0.0}, {"title": "b", "click_rate": 0.5}])
    assert column(found, "click_rate") == pytest.approx([-1 / 3, 1 / 3], abs=1e-6)


def test_without_behaviour_nothing_is_said() -> None:
    assert column(retrieved("x", titles("a", "b")), "click_rate") == [0, 0]
