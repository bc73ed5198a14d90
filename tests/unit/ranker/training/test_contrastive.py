"""Hard negatives, batches and the loss, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from etalage.core.records import Floats
from ranker.training import contrastive
from ranker.training.contrastive import Batch, Lessons
from ranker.training.residual import Products


def at(*degrees: float) -> Floats:
    """Unit vectors of a plane."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def lessons() -> Lessons:
    """Query 0 at 0° means product 0 at 30°, query 1 at 20° means product 1 there; product 5 at 10° is judged irrelevant to query 0."""
    products = Products([f"p{row}" for row in range(6)], at(30, 20, 33, 40, 90, 10))
    return Lessons(at(0, 20), [{0: 1.0}, {1: 3.0}], [[5], []], products)


def test_the_nearest_relevant_product_sets_the_limit() -> None:
    given = lessons()
    assert given.limit(0) == pytest.approx(np.cos(np.radians(30)) - 0.05)
    both = replace(given, gains=[{0: 1.0, 4: 7.0}, {1: 3.0}])
    assert both.limit(0) == given.limit(0)


def test_negatives_are_judged_irrelevant_or_surely_farther_than_a_relevant_product() -> None:
    # Products 1 (20°) and 2 (33°) are within the margin of the relevant one at 30°.
    assert contrastive.mine(lessons()) == [[5, 3, 4], [3, 4]]


def test_a_batch_has_each_querys_products_and_what_is_unsure_is_left_out() -> None:
    one = contrastive.batch([0, 1], lessons(), [[5, 3], []], np.random.default_rng(0))
    assert (one.queries, one.products) == ([0, 1], [0, 1, 3, 5])
    np.testing.assert_array_equal(one.targets, [[1, 0, 0, 0], [0, 1, 0, 0]])
    # Product 1 is nearer to query 0 than its own; 5 is too, but was judged. For query 1 at 20° the limit is 0.95: 0 and 5, both 10° away.
    np.testing.assert_array_equal(one.unsure, [[0, 1, 0, 0], [1, 0, 0, 1]])


def test_targets_are_shares_of_the_gain() -> None:
    given = replace(lessons(), gains=[{0: 1.0, 4: 3.0}, {1: 3.0}])
    one = contrastive.batch([0], given, [[], []], np.random.default_rng(0))
    np.testing.assert_array_equal(one.products, [0, 4])
    np.testing.assert_allclose(one.targets, [[0.25, 0.75]])


def test_relevant_products_are_drawn_by_gain() -> None:
    given = replace(lessons(), gains=[{0: 1.0, 2: 1.0, 4: 98.0}, {1: 3.0}])
    drawn = [contrastive.batch([0], given, [[], []], np.random.default_rng(seed)).products for seed in range(50)]
    assert all(len(one) == contrastive.POSITIVES for one in drawn)
    assert sum(4 in one for one in drawn) >= 48


def test_the_loss_by_hand() -> None:
    torch = pytest.importorskip("torch")
    queries, products = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.8, 0.6], [0.6, 0.8], [1.0, 0.0]])
    targets, sure = np.array([[0.75, 0.25, 0.0]], np.float32), np.zeros((1, 3), bool)
    whole = np.log(np.exp(16) + np.exp(12) + np.exp(20))
    value = contrastive.loss(queries, products, Batch([0], [0, 1, 2], targets, sure))
    assert float(value) == pytest.approx(0.75 * (whole - 16) + 0.25 * (whole - 12), rel=1e-5)
    without = np.log(np.exp(16) + np.exp(12))
    unsure = np.array([[False, False, True]])
    value = contrastive.loss(queries, products, Batch([0], [0, 1, 2], targets, unsure))
    assert float(value) == pytest.approx(0.75 * (without - 16) + 0.25 * (without - 12), rel=1e-5)
