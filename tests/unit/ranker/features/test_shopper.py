"""What a shopper looked at, compared by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from etalage.core.records import RECORD, record_of
from ranker.features import FEATURES, NAMES, matrix
from ranker.retrieve import Retrieved
from ranker.taste import Taste

from .candidates import column, retrieved

SHOPPER = [one.name for one in FEATURES if one.family == "shopper"]


def looked_at(
    sources: Sequence[Mapping[str, Any]], vectors: Sequence[Sequence[int]], weights: Sequence[float]
) -> Taste:
    records = np.array([record_of(one) for one in sources], RECORD)
    return Taste(np.array(vectors, np.int8), records, np.array(weights, np.float32))


def acquainted(sources: Sequence[Mapping[str, Any]], vectors: Sequence[Sequence[int]], taste: Taste) -> Retrieved:
    found = retrieved("x", sources, cosines=[1.0] * len(sources))
    return replace(found, candidates=replace(found.candidates, vectors=np.array(vectors, np.int8)), taste=taste)


def test_vectors_are_compared_with_the_mean_and_the_nearest() -> None:
    taste = looked_at([{"title": "p"}, {"title": "q"}], [[127, 0], [0, 127]], [0.75, 0.25])
    found = acquainted([{"title": "a"}, {"title": "b"}, {"title": "c"}], [[127, 0], [0, 127], [0, 0]], taste)
    length = math.hypot(0.75, 0.25)
    assert column(found, "shopper_likeness") == pytest.approx([0.75 / length, 0.25 / length, 0], abs=1e-4)
    assert column(found, "shopper_nearest") == pytest.approx([1, 1, 0], abs=1e-4)


def test_names_are_shared_by_weight() -> None:
    taste = looked_at(
        [{"title": "p", "brand": "Acme", "attributes": {"color": ["red"]}}, {"title": "q", "brand": "Bolt Works"}],
        [[0, 0], [0, 0]],
        [0.75, 0.25],
    )
    sources = [
        {"title": "a", "brand": "Acme", "attributes": {"color": ["red"]}},
        {"title": "b", "brand": "Bolt"},
        {"title": "c", "brand": "Bolt Tools"},
        {"title": "d"},
    ]
    found = acquainted(sources, [[1, 0]] * 4, taste)
    assert column(found, "shopper_brand") == pytest.approx([0.75, 0.25, 0.125, 0])
    assert column(found, "shopper_attributes") == pytest.approx([0.75, 0, 0, 0])
    assert column(found, "shopper_nearest") == [0, 0, 0, 0]


def test_prices_are_near_or_not() -> None:
    taste = looked_at([{"title": "p", "price": 999}, {"title": "q"}], [[1, 0]] * 2, [0.5, 0.5])
    sources = [{"title": "a", "price": 999}, {"title": "b", "price": round(1000 * math.e) - 1}, {"title": "c", "price": 1}]
    found = acquainted([*sources, {"title": "d"}], [[1, 0]] * 4, taste)
    assert column(found, "shopper_price") == pytest.approx([1, 0.5, 0, 0], abs=1e-3)


def test_of_an_unknown_shopper_nothing_is_said() -> None:
    found = retrieved("x", [{"title": "a", "brand": "Acme", "price": 5}], cosines=[1.0])
    assert not matrix(found)[:, [NAMES.index(name) for name in SHOPPER]].any()
    assert {one.missing for one in FEATURES if one.family == "shopper"} == {0.0}
