"""Tuning a tiny transformer: steps, checkpoints, mixing."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from etalage.core.encoders import models
from etalage.core.errors import ModelError
from ranker.training import contrastive, tuning
from ranker.training.contrastive import Lessons
from ranker.training.residual import Products
from ranker.training.tuning import Course, Texts

from ....bert import tiny

pytestmark = pytest.mark.usefixtures("one_thread")

COURSE = Course(12, False, 3, "this")
KILLED = 9
"""The step at which training is interrupted."""


def material(module: Any) -> tuple[Texts, Lessons]:
    """Query k, a text of two tokens, means product k, one of three."""
    queries = [[2, 10 + row, 3] for row in range(12)]
    products = [[2, 30 + row, 10 + row // 2, 3] for row in range(16)]
    still = tuning.encode(module, products)
    found = Products([f"p{row}" for row in range(16)], still)
    lessons = Lessons(tuning.encode(module, queries), [{row: 1.0} for row in range(12)], [[15]] * 12, found)
    return Texts(queries, products, products, still), lessons


def train(
    source: Path, checkpoint: Path, *, resume: bool = False, tell: Callable[[str], None] = lambda doing: None
) -> dict[str, Any]:
    """The weights after training."""
    module = models.network(source, "mean")
    texts, lessons = material(module)
    tuning.freeze(module)
    tuning.fit(module, texts, lessons, COURSE, checkpoint, resume=resume, tell=tell, seconds=0.0)
    weights: dict[str, Any] = module.state_dict()
    return weights


def killed(source: Path, checkpoint: Path) -> None:
    """Train in a process that dies."""
    import torch

    torch.set_num_threads(1)

    def tell(doing: str) -> None:
        if doing.startswith(f"step {KILLED} "):
            os.kill(os.getpid(), signal.SIGKILL)

    train(source, checkpoint, tell=tell)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny(tmp_path_factory.mktemp("source") / "tiny")


def test_a_killed_training_goes_on_as_if_it_had_not_been(source: Path, tmp_path: Path) -> None:
    import torch

    process = multiprocessing.get_context("spawn").Process(target=killed, args=(source, tmp_path / "killed"))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert torch.load(tmp_path / "killed", weights_only=True)["step"] == KILLED - 1
    resumed, whole = train(source, tmp_path / "killed", resume=True), train(source, tmp_path / "whole")
    assert all(torch.equal(resumed[name], weights) for name, weights in whole.items())
    original = models.network(source, "mean").state_dict()
    changed = [name for name, weights in whole.items() if not torch.equal(original[name], weights)]
    assert changed and not any("embeddings." in name for name in changed)


def test_what_was_not_of_this_training_is_not_resumed(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no checkpoint to go on from.*without --resume"):
        tuning.saved(tmp_path / "none", "this", 0)
    train(source, tmp_path / "one")
    assert tuning.saved(tmp_path / "one", "this", 3) == COURSE
    with pytest.raises(ModelError, match="of another training: this, not that"):
        tuning.saved(tmp_path / "one", "that", 3)
    (tmp_path / "one").write_bytes(b"no checkpoint")
    with pytest.raises(ModelError, match="cannot be read"):
        tuning.saved(tmp_path / "one", "this", 3)


def test_training_brings_queries_nearer_to_what_they_mean(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "RATE", 3e-3)
    # All vectors of random weights are near each other, nearer than the margin.
    monkeypatch.setattr(contrastive, "MARGIN", -1.0)
    module = models.network(source, "mean")
    texts, lessons = material(module)
    tuning.freeze(module)
    losses = tuning.fit(module, texts, lessons, replace(COURSE, steps=120), tmp_path / "checkpoint")
    assert len(losses) == 10 and losses[-1] < losses[0] - 0.5
    queries, products = tuning.encode(module, texts.queries), tuning.encode(module, texts.products)
    assert (np.argmax(queries @ products.T, axis=1) == np.arange(12)).mean() > 0.7


def test_as_many_steps_as_fit(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = models.network(source, "mean")
    texts, lessons = material(module)
    before = {name: weights.clone() for name, weights in module.state_dict().items()}
    monkeypatch.setattr(tuning, "_pace", lambda *given: 1.0 if given[2] else 2.0)
    # Batches of 3 of 12 queries: 4 steps a pass, 10 passes.
    assert tuning.plan(module, texts, lessons, minutes=0.5, seed=3, about="x") == Course(30, True, 3, "x")
    assert tuning.plan(module, texts, lessons, minutes=5, seed=3, about="x").steps == 40
    monkeypatch.setattr(tuning, "_pace", lambda *given: 1.9 if given[2] else 2.0)
    assert tuning.plan(module, texts, lessons, minutes=0.5, seed=3, about="x") == Course(15, False, 3, "x")
    monkeypatch.undo()
    assert tuning.plan(module, texts, lessons, minutes=0.1, seed=3, about="x").steps >= 1
    assert all((before[name] == weights).all() for name, weights in module.state_dict().items())


def test_the_rate_rises_and_falls() -> None:
    rates = [tuning.rate(step, 100) / tuning.RATE for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == rates[9] == pytest.approx(1.0)
    assert rates[99] == pytest.approx(1 / 90) and sorted(rates[10:], reverse=True) == rates[10:]
    assert tuning.rate(0, 1) == tuning.RATE


def test_every_query_once_in_a_pass() -> None:
    first = [row for step in range(3) for row in tuning.rows(step, 11, 4, 0)]
    second = [row for step in range(3, 6) for row in tuning.rows(step, 11, 4, 0)]
    assert sorted(first) == sorted(second) == list(range(11)) and first != second


def test_mixing_weights() -> None:
    torch = pytest.importorskip("torch")
    before = {"a": torch.tensor([1.0, 2.0]), "n": torch.tensor([7])}
    after = {"a": torch.tensor([3.0, -2.0]), "n": torch.tensor([9])}
    mixed = tuning.mixed(before, after, 0.25)
    assert mixed["a"].tolist() == [1.5, 1.0] and mixed["n"].tolist() == [7]
    assert tuning.mixed(before, after, 0.0)["a"].tolist() == [1.0, 2.0]


def test_a_vector_does_not_depend_on_its_neighbours(source: Path) -> None:
    module = models.network(source, "mean")
    texts = [[2, 9, 3], [2, 9, 10, 11, 12, 3], [2, 30, 3]]
    together, alone = tuning.encode(module, texts), [tuning.encode(module, [one])[0] for one in texts]
    np.testing.assert_allclose(together, np.stack(alone), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
