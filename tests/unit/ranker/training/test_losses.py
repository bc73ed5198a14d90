"""Losses by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest

from ranker.training.losses import LOSSES, lambdaloss, listmle, softmax

torch = pytest.importorskip("torch")


def lists(*rows: list[float]) -> Any:
    return torch.tensor(rows, dtype=torch.float32)


ALL = torch.ones(1, 2, dtype=torch.bool)


def test_softmax_by_hand() -> None:
    # Shares 3/4 and 1/4; equal scores give each half.
    assert softmax(lists([0, 0]), lists([3, 1]), ALL).item() == pytest.approx(math.log(2))
    certain = softmax(lists([math.log(3), 0]), lists([3, 1]), ALL).item()
    assert certain == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))


def test_lambdaloss_by_hand() -> None:
    # One pair, of the first two ranks: nDCG gains 1 - 1/log2(3) by its order, and so do neighbours.
    weight = (1 - 1 / math.log2(3)) * 11
    found = lambdaloss(lists([1, 0]), lists([1, 0]), ALL).item()
    assert found == pytest.approx(weight * math.log1p(math.exp(-1)), rel=1e-4)
    assert lambdaloss(lists([0, 1]), lists([1, 0]), ALL).item() == pytest.approx(weight * math.log1p(math.e), rel=1e-4)


def test_listmle_by_hand() -> None:
    # Only the first place has a gain: its softmax. With two, the second is then chosen among what is left.
    three = torch.ones(1, 3, dtype=torch.bool)
    assert listmle(lists([0, 0, 0]), lists([1, 0, 0]), three).item() == pytest.approx(math.log(3))
    assert listmle(lists([0, 0, 0]), lists([1, 3, 0]), three).item() == pytest.approx((math.log(3) + math.log(2)) / 2)


@pytest.mark.parametrize("name", LOSSES)
def test_padding_counts_for_nothing_and_the_right_order_costs_less(name: str) -> None:
    loss, gains = LOSSES[name], lists([3, 1, 0])
    every = torch.ones(1, 3, dtype=torch.bool)
    right, wrong = loss(lists([2, 1, 0]), gains, every).item(), loss(lists([0, 1, 2]), gains, every).item()
    assert 0 < right < wrong
    padded = torch.tensor([[True, True, True, False]])
    assert loss(lists([2, 1, 0, 9]), lists([3, 1, 0, 0]), padded).item() == pytest.approx(right, rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_finite_and_push_the_better_up(name: str) -> None:
    scores = lists([0, 0, 0, 0]).requires_grad_()
    mask = torch.tensor([[True, True, True, False]])
    LOSSES[name](scores, lists([0, 3, 0, 0]), mask).backward()
    assert torch.isfinite(scores.grad).all()
    assert scores.grad[0, 1] < 0 < scores.grad[0, 0] and scores.grad[0, 3] == 0
