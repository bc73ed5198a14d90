"""`function_score` worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from etalage.core.errors import QueryError

Scores = Callable[..., dict[str, float]]
ACME, CHEAP = {"term": {"brand": "Acme"}}, {"range": {"price": {"lt": 5500}}}


def scored(**more: Any) -> dict[str, Any]:
    return {"function_score": {"query": {"constant_score": {"filter": ACME, "boost": 3}}, **more}}


@pytest.mark.parametrize(
    ("modifier", "expected"),
    [
        ("none", 20),
        ("log", math.log10(20)),
        ("log1p", math.log10(21)),
        ("log2p", math.log10(22)),
        ("ln", math.log(20)),
        ("ln1p", math.log(21)),
        ("ln2p", math.log(22)),
        ("square", 400),
        ("sqrt", math.sqrt(20)),
        ("reciprocal", 1 / 20),
    ],
)
def test_modifiers(scores: Scores, modifier: str, expected: float) -> None:
    factor = {"field": "reviews", "modifier": modifier, "factor": 2, "missing": 1}
    assert scores(scored(field_value_factor=factor))["a"] == pytest.approx(3 * expected, rel=1e-5)


def test_missing_values_need_a_number(scores: Scores) -> None:
    assert scores(scored(field_value_factor={"field": "reviews", "missing": 7}))["h"] == 21
    with pytest.raises(QueryError, match=r"query\.function_score\.field_value_factor: this function is not a number"):
        scores(scored(field_value_factor={"field": "reviews"}))
    with pytest.raises(QueryError, match="not a number"):
        scores(scored(field_value_factor={"field": "price", "modifier": "ln", "factor": 0.0001}))


@pytest.mark.parametrize(
    ("mode", "a", "b"),
    [("multiply", 10, 2), ("sum", 7, 2), ("avg", 1, 1), ("first", 2, 2), ("max", 5, 2), ("min", 2, 2)],
)
def test_score_modes(scores: Scores, mode: str, a: float, b: float) -> None:
    functions = [{"filter": ACME, "weight": 2}, {"filter": CHEAP, "weight": 5}]
    found = scores(scored(functions=functions, score_mode=mode, boost_mode="replace"))
    assert (found["a"], found["b"]) == pytest.approx((a, b))


@pytest.mark.parametrize(
    ("mode", "a", "b"),
    [("multiply", 15, 3), ("replace", 5, 1), ("sum", 8, 4), ("avg", 4, 2), ("max", 5, 3), ("min", 3, 1)],
)
def test_boost_modes_and_documents_without_a_function(scores: Scores, mode: str, a: float, b: float) -> None:
    found = scores(scored(functions=[{"filter": CHEAP, "weight": 5}], boost_mode=mode))
    assert (found["a"], found["b"]) == (a, b)


def test_decays_of_numbers(scores: Scores) -> None:
    def at(kind: str, **more: float) -> dict[str, float]:
        return scores(scored(**{kind: {"price": {"origin": 4000, "scale": 1000, **more}}}, boost_mode="replace"))

    assert at("gauss") == pytest.approx({"h": 1, "a": 0.5, "b": 0.5**4}, rel=1e-5)
    assert at("exp", decay=0.25) == pytest.approx({"h": 1, "a": 0.25, "b": 0.0625}, rel=1e-5)
    assert at("linear") == pytest.approx({"h": 1, "a": 0.5, "b": 0}, abs=1e-6)
    assert at("linear", offset=1000) == pytest.approx({"h": 1, "a": 1, "b": 0.5}, rel=1e-5)


def test_decays_of_times(scores: Scores) -> None:
    decay = {"created_at": {"origin": "2024-01-25T10:00:00Z", "scale": "10d"}}
    assert scores(scored(exp=decay, boost_mode="replace"))["a"] == pytest.approx(0.5, rel=1e-4)


def test_caps_and_floors(scores: Scores) -> None:
    assert set(scores(scored(weight=9, max_boost=2)).values()) == {6}
    assert set(scores(scored(functions=[{"filter": CHEAP, "weight": 5}], min_score=4))) == {"a", "h"}
    assert set(scores(scored(functions=[])).values()) == {3}


def test_random_scores_depend_on_the_seed_alone(scores: Scores) -> None:
    def at(seed: Any) -> dict[str, float]:
        return scores(scored(random_score={"seed": seed, "field": "_seq_no"}, boost_mode="replace"))

    assert at(1) == at(1) != at(2) and all(0 <= one < 1 for one in at("x").values())
