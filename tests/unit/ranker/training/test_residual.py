"""Residual maps of query vectors on a shop whose queries are turned."""

from __future__ import annotations

import numpy as np
import pytest

from etalage.core import onnx
from ranker.training import residual
from ranker.training.residual import Judged, Products, Residual

from .turned import DIM, Shop, unit

pytestmark = pytest.mark.usefixtures("one_thread")


def judged(shop: Shop, first: int, last: int) -> Judged:
    texts = [f"q{row}" for row in range(first, last)]
    ratings = [shop.judged.qrels[text] for text in texts]
    return Judged(texts, shop.encode(texts, kind="query"), list(ratings), [{row: 1.0} for row in range(first, last)])


def products(shop: Shop) -> Products:
    return Products([f"p{row}" for row in range(len(shop.products))], shop.products)


def test_a_map_that_knows_nothing_moves_nothing() -> None:
    vectors = unit(np.random.default_rng(1).standard_normal((5, DIM)))
    same = Residual(np.zeros((DIM, DIM), np.float32), np.zeros(DIM, np.float32))
    np.testing.assert_allclose(same(vectors), vectors, atol=1e-6)


def test_a_part_of_the_way() -> None:
    whole = Residual(np.eye(2, dtype=np.float32)[::-1].copy(), np.array([0, 2], np.float32))
    np.testing.assert_allclose(whole.part(0.5).weights, [[0, 0.5], [0.5, 0]])
    np.testing.assert_allclose(whole(np.array([[1, 0]], np.float32)), unit(np.array([[1, 3]])), atol=1e-6)


def test_what_vectors_find_by_hand() -> None:
    found = Products(["a", "b", "c"], np.eye(3, dtype=np.float32))
    one = Judged(["q"], np.zeros((1, 3), np.float32), [{"b": 1.0, "gone": 1.0}], [{1: 1.0}])
    measured = residual.measure(np.array([[0.1, 0.9, 0.2]], np.float32), one, found)
    assert measured.recall == [0.5]
    assert measured.ndcg == pytest.approx([1 / (1 + 1 / np.log2(3))])
    assert measured.quality == pytest.approx((0.5 + measured.ndcg[0]) / 2)


def test_hard_negatives_are_the_nearest() -> None:
    rows = residual.nearest(
        np.array([[0.1, 0.9, 0.2]], np.float32), Products(list("abc"), np.eye(3, dtype=np.float32)), 2
    )
    assert rows == [[1, 2]]


def test_a_batch_is_compared_with_its_relevant_products() -> None:
    one = Judged(["q"], np.zeros((1, 2), np.float32), [{}], [{7: 3.0, 9000: 1.0}])
    columns, targets = residual._sample([0], one, [[5, 6]], 10_000, np.random.default_rng(0))
    assert {5, 6, 7, 9000} <= set(columns) and len(columns) <= 4100
    assert targets[0, columns.index(7)] == 0.75 and targets[0, columns.index(9000)] == 0.25
    assert targets.sum() == pytest.approx(1)


def test_a_rotation_is_learnt_and_other_texts_stay_near() -> None:
    shop = Shop(angle=1.2)
    found = products(shop)
    validation, test = judged(shop, 130, 160), judged(shop, 160, 200)
    fitted = residual.fit(judged(shop, 0, 130), validation, found, shop.products[200:300], seed=1)
    before, after = (residual.measure(one, test, found) for one in (test.vectors, fitted.residual(test.vectors)))
    assert np.mean(after.ndcg) > np.mean(before.ndcg) + 0.05
    assert fitted.epochs > 0 and fitted.trace[-1] > fitted.trace[0]
    others = shop.products[300:]
    assert onnx.row_cosine(others, fitted.residual(others)).mean() > 0.95


def test_where_nothing_is_to_be_learnt_nothing_is_moved() -> None:
    shop = Shop(angle=0.0)
    fitted = residual.fit(judged(shop, 0, 130), judged(shop, 130, 160), products(shop), shop.products[200:300])
    assert fitted.epochs == 0 and not fitted.residual.weights.any()


def test_time_that_is_over_ends_training() -> None:
    shop = Shop(angle=1.2)
    fitted = residual.fit(judged(shop, 0, 130), judged(shop, 130, 160), products(shop), shop.products, minutes=0.0)
    assert fitted.epochs == 0 and len(fitted.trace) == 3


def test_the_network_computes_the_same() -> None:
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(3)
    weights = (0.1 * random.standard_normal((DIM, DIM))).astype(np.float32)
    made = Residual(weights, weights[0].copy())
    vectors = unit(random.standard_normal((4, DIM)))
    with torch.no_grad():
        np.testing.assert_allclose(residual.network(made)(torch.from_numpy(vectors)).numpy(), made(vectors), atol=1e-5)
