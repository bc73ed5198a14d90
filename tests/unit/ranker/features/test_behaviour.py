"""What shoppers did before, by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
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


def test_associations_are_thirds_of_logarithms_and_bounded() -> None:
    found = retrieved("x", titles("a", "b", "c"), associated=[1.5, 0, -9])
    assert column(found, "association") == pytest.approx([0.5, 0, -1])


def test_what_is_like_the_clicked_is_near_it() -> None:
    found = retrieved("x", titles("a", "b", "c"), cosines=[1, 1, math.nan], associated=[1, -1, 2])
    rows = np.array([[127, 0], [0, 127], [0, 0]], np.int8)
    found = replace(found, candidates=replace(found.candidates, vectors=rows))
    assert column(found, "associated_likeness") == pytest.approx([1, 0, 0], abs=1e-6)
    assert column(retrieved("x", titles("a", "b")), "associated_likeness") == [0, 0]
