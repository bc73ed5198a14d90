"""Integrated gradients in closed form, against numeric integration and against the scores themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etalage.core.artifact import Artifact
from etalage.core.records import Floats
from ranker import attribution
from ranker.attribution import Network
from ranker.features import NAMES
from ranker.rerank import Ranker

FUSED = NAMES.index("fused")
COUNT = len(NAMES)


def small() -> Network:
    """Two features that count, `bm25_title` and `bm25_model`, and two hidden units; the second one switches on the way."""
    none = np.zeros(COUNT, np.float32)
    hidden = np.zeros((2, COUNT), np.float32)
    hidden[:, :2] = [[1.0, 1.0], [1.0, -2.0]]
    linear = none.copy()
    linear[0] = 0.5
    ones = np.ones(COUNT, np.float32)
    threshold, out = np.array([1.0, -1.0], np.float32), np.array([1.0, 2.0], np.float32)
    return Network(3.0, none, ones, -4.0, 4.0, linear, 0.25, hidden, threshold, out)


def drawn(seed: int, units: int) -> Network:
    rng = np.random.default_rng(seed)

    def some(*shape: int) -> Floats:
        return rng.normal(size=shape).astype(np.float32)

    scale = np.abs(some(COUNT))
    return Network(2.0, some(COUNT), scale, -4, 4, some(COUNT), 0.5, some(units, COUNT), some(units), some(units))


def row(first: float, second: float, fused: float = 0.0) -> Floats:
    values = np.zeros(COUNT, np.float32)
    values[[0, 1, FUSED]] = first, second, fused
    return values


def numeric(model: Network, features: Floats, baseline: Floats, steps: int = 20_000) -> Floats:
    """The same by a Riemann sum over the path of the scaled inputs."""
    start, end = model.inputs(baseline[None])[0], model.inputs(features[None])[0]
    along = start + ((np.arange(steps) + 0.5) / steps)[:, None] * (end - start)
    gates = along @ model.hidden.T + model.threshold > 0
    gradient = model.linear + (gates * model.out).mean(axis=0) @ model.hidden
    added = (end - start) * gradient
    added[FUSED] += model.fused * (features[FUSED] - baseline[FUSED])
    return added.astype(np.float32)


def test_a_unit_that_switches_on_the_way_counts_for_the_rest_of_it() -> None:
    added = attribution.shares(small(), row(2.0, 0.0, 1.0)[None], row(0.0, 0.0, 0.5))[0]
    # Linear 0.5 * 2, the first unit 1 * 2, the second one from half of the way on: 2 * 2 / 2.
    assert added[[0, 1, FUSED]].tolist() == pytest.approx([1.0 + 2.0 + 2.0, 0.0, 1.5])
    assert added.sum() == pytest.approx(6.5)


@pytest.mark.parametrize(("first", "second"), [(2.0, 1.0), (-3.0, 0.5), (0.0, 0.0), (9.0, -9.0), (1.0, -1.0)])
def test_the_closed_form_is_what_numeric_integration_gives(first: float, second: float) -> None:
    baseline = row(0.3, -0.2, 0.1)
    added = attribution.shares(small(), row(first, second, 0.7)[None], baseline)[0]
    assert added == pytest.approx(numeric(small(), row(first, second, 0.7), baseline), abs=2e-3)


@given(st.integers(0, 10_000), st.integers(0, 24), st.floats(0.1, 5.0))
def test_contributions_add_up_to_the_score_less_that_of_the_baseline(seed: int, units: int, spread: float) -> None:
    model = drawn(seed, units)
    values = (np.random.default_rng(seed + 1).normal(size=(7, COUNT)) * spread).astype(np.float32)
    mean = values.mean(axis=0)
    gap = model.score(values) - model.score(mean[None])
    assert attribution.shares(model, values, mean).sum(axis=1) == pytest.approx(gap, rel=1e-3, abs=5e-3)


def test_the_baseline_has_no_contributions() -> None:
    model = drawn(1, 8)
    mean = row(0.5, 0.5, 0.5)
    assert not attribution.shares(model, mean[None], mean).any()


def test_what_clips_adds_no_more_than_the_bound() -> None:
    far, bound = (attribution.shares(small(), row(value, 0.0)[None], row(0.0, 0.0)) for value in (50.0, 4.0))
    assert far == pytest.approx(bound)


def test_the_packaged_rankers_network_is_read_from_its_file(ranker: Ranker) -> None:
    model = ranker.network
    assert model is not None and model.hidden.shape[1] == COUNT
    values = np.random.default_rng(0).uniform(0, 1, (50, COUNT)).astype(np.float32)
    told = attribution.attribute(model, values, values.mean(axis=0), ranker.score(values))
    assert told is not None and np.abs(told.rest).max() < attribution.TOLERANCE
    assert told.baseline + told.shares.sum(axis=1) + told.rest == pytest.approx(ranker.score(values), abs=1e-3)


def test_scores_of_another_network_are_not_explained() -> None:
    model, values = small(), np.stack([row(1.0, 0.0), row(0.0, 1.0)])
    served = model.score(values)
    assert attribution.attribute(model, values, row(0.0, 0.0), served) is not None
    assert attribution.attribute(replace(model, bias=model.bias + 1), values, row(0.0, 0.0), served) is None


def test_a_model_of_another_form_has_no_network(starter: Artifact) -> None:
    assert attribution.network(starter.model) is not None
    assert attribution.network(b"") is None
    assert attribution.network(starter.model[:500]) is None
    assert attribution.network(starter.model.replace(b"hidden.3.b", b"hidden.4.b")) is None
