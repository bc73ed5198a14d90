"""Fit the ranker: a small network on top of the hybrid score, with a listwise loss, kept where validation is best.

The network starts as the hybrid order (a learnt multiple of the fused score plus a linear part) and learns what to change
(residual), so that little data cannot make it much worse than where it starts. The losses are in `losses`.
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from etalage.core import artifact, onnx
from etalage.core.errors import ModelError
from etalage.core.records import Floats
from ranker import metrics
from ranker.features import NAMES, contract_hash
from ranker.scores import by_score
from ranker.training.dataset import Group
from ranker.training.losses import LOSSES

CLIP: Final = 4.0
FUSED: Final = NAMES.index("fused")
_BATCH: Final = 32
_PATIENCE: Final = 10
_EPOCHS: Final = 80


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to fit: hidden units (0: linear), weight decay, dropout, learning rate, whether to go on from the packaged
    starter's weights, the loss (a name of `losses.LOSSES`), the share of what the starter adds that training begins with, after
    how many epochs it ends (0: where validation is best), and the share of what was learnt that is kept (`shrunk`)."""

    hidden: int
    decay: float
    dropout: float = 0.1
    rate: float = 3e-3
    warm: bool = False
    loss: str = "softmax"
    begin: float = 1.0
    epochs: int = 0
    keep: float = 1.0

    def __str__(self) -> str:
        units = f"{self.hidden} units" if self.hidden else "linear"
        begun = f", from {self.begin:.0%} of the starter" if self.warm else ""
        begun += f", {self.epochs} epochs" if self.epochs else ""
        return f"{units}, {self.loss}, decay {self.decay:g}, dropout {self.dropout:g}, rate {self.rate:g}{begun}"


RECIPES: Final = (Recipe(16, 1e-1, 0.3), Recipe(32, 3e-2, 0.2), Recipe(64, 3e-2, 0.2))
WARM: Final = (Recipe(64, 3e-2, 0.2, 3e-4, warm=True), Recipe(64, 3e-2, 0.2, 3e-3, warm=True))
STEADY: Final = Recipe(64, 3e-2, 0.2, 3e-3, warm=True, begin=0.75, epochs=80, keep=0.6)
FEW: Final = 500
"""Judged queries below which none are spared to choose by."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted ranker: the torch module, its recipe, and its nDCG@10 on the validation queries."""

    module: Any
    recipe: Recipe
    validation: float

    def score(self, matrix: Floats) -> Floats:
        """Scores float32 [n] by torch."""
        torch = onnx.extra("torch")
        with torch.no_grad():
            scores: Floats = self.module(torch.from_numpy(matrix)).numpy().reshape(-1)
        return scores


def fit(
    train: Sequence[Group],
    validation: Sequence[Group],
    *,
    minutes: float = 5.0,
    seed: int = 0,
    start: Mapping[str, Any] | None = None,
    recipes: Sequence[Recipe] | None = None,
) -> Fitted:
    """The best of `recipes` (unless told otherwise `RECIPES`), and of `WARM` from the weights `start`, by nDCG@10 on the validation
    queries; stops early when `minutes` are over. Fewer than `FEW` queries choose badly: they all train `STEADY` from `start`, as many
    epochs as it says.

    Raises:
        ConfigError: torch is not installed.
        ModelError: no training query has a relevant candidate.
    """
    useful = _useful(train)
    if not useful or not validation:
        raise ModelError(
            "there are too few judged queries to train on",
            value=f"{len(useful)} with a relevant candidate",
            remedy="Judge more queries, and check that their docids are in the index.",
        )
    if start is not None and recipes is None and len(train) + len(validation) < FEW:
        return fit_one(steady(start), train, validation, minutes=minutes, seed=seed, start=start)
    deadline = time.monotonic() + minutes * 60
    best: Fitted | None = None
    tried = (*(warm(start) if start is not None else ()), *(RECIPES if recipes is None else recipes))
    for number, recipe in enumerate(tried):
        if best is not None and time.monotonic() > deadline:
            break
        share = (deadline - time.monotonic()) / (len(tried) - number)
        fitted = fit_one(recipe, train, validation, minutes=share / 60, seed=seed, start=start)
        if best is None or fitted.validation > best.validation:
            best = fitted
    if best is None:
        raise ModelError("no model was fitted", value=minutes, remedy="Give more --minutes.")
    return best


def fit_one(
    recipe: Recipe,
    train: Sequence[Group],
    validation: Sequence[Group],
    *,
    minutes: float,
    seed: int = 0,
    start: Mapping[str, Any] | None = None,
) -> Fitted:
    """The model of one recipe. With `epochs` of its own the validation queries train too, and what is told of them is flattering."""
    deadline = time.monotonic() + minutes * 60
    if recipe.epochs:
        return _fit(recipe, _useful([*train, *validation]), validation, deadline, seed, start)
    return _fit(recipe, _useful(train), validation, deadline, seed, start)


def _useful(groups: Sequence[Group]) -> list[Group]:
    return [group for group in groups if group.gains.max(initial=0) > 0]


def steady(start: Mapping[str, Any]) -> Recipe:
    """`STEADY` with as many hidden units as the weights have."""
    return replace(STEADY, hidden=_units(start))


def warm(start: Mapping[str, Any]) -> list[Recipe]:
    """`WARM` with as many hidden units as the weights have."""
    return [replace(recipe, hidden=_units(start)) for recipe in WARM]


def _units(start: Mapping[str, Any]) -> int:
    return len(start["hidden.0.bias"]) if "hidden.0.bias" in start else 0


def shrunk(fitted: Fitted, trust: float) -> Fitted:
    """The model with what it adds to the hybrid score multiplied by `trust`: a ranker for a shop that it was not trained on
    follows the hybrid order more closely. 1 changes nothing, 0 gives the hybrid order."""
    torch = onnx.extra("torch")
    with torch.no_grad():
        for layer in (fitted.module.linear, *([fitted.module.hidden[-1]] if fitted.module.hidden is not None else [])):
            layer.weight.mul_(trust)
            layer.bias.mul_(trust)
    return fitted


def told(fitted: Fitted, weights: Mapping[str, float]) -> Fitted:
    """The model with weights that are given in place of what it learnt of these features: each adds its weight times its value
    to the score. It must have been trained without them (`dataset.without`)."""
    torch, module = onnx.extra("torch"), fitted.module
    with torch.no_grad():
        for name, weight in weights.items():
            column = NAMES.index(name)
            module.mean[column], module.scale[column] = 0.0, 1.0
            module.linear.weight[:, column] = weight
            if module.hidden is not None:
                module.hidden[0].weight[:, column] = 0.0
    return fitted


def carried(loaded: artifact.Artifact) -> dict[str, Any]:
    """The weights of an artifact, arranged for the present features by their names; new features add nothing.

    Raises:
        ModelError: it keeps no weights, or knows a feature that there is no longer.
    """
    names = loaded.manifest.features
    if not loaded.weights or not set(names) <= set(NAMES):
        raise ModelError(
            "what this ranker learnt cannot be carried over",
            value=loaded.manifest.name,
            remedy="Train anew, without --learnt.",
        )
    with np.load(io.BytesIO(loaded.weights)) as arrays:
        found: dict[str, Any] = dict(arrays)
    columns = [NAMES.index(name) for name in names]
    for name in ("mean", "scale", "linear.weight", "hidden.0.weight"):
        if name in found:
            wide = np.zeros((*found[name].shape[:-1], len(NAMES)), np.float32)
            wide[..., columns] = found[name]
            found[name] = wide
    return found


def given(weights: Mapping[str, Any], validation: Sequence[Group]) -> Fitted:
    """The model of these weights as it is, measured on the validation queries."""
    torch = onnx.extra("torch")
    recipe = Recipe(_units(weights), 0.0, 0.0)
    module = network(recipe, weights["mean"], weights["scale"])
    module.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    fitted = Fitted(module, recipe, 0.0)
    return replace(fitted, validation=mean_ndcg(validation, fitted.score))


def weights_of(fitted: Fitted) -> bytes:
    """The module's weights as npz bytes."""
    buffer = io.BytesIO()
    np.savez(buffer, **{name: tensor.detach().numpy() for name, tensor in fitted.module.state_dict().items()})
    return buffer.getvalue()


def starting_weights(loaded: artifact.Artifact) -> Mapping[str, Any] | None:
    """The weights that an artifact keeps, by name; None when it keeps none or is of another feature list."""
    if not loaded.weights or loaded.manifest.features != NAMES or loaded.manifest.contract != contract_hash():
        return None
    with np.load(io.BytesIO(loaded.weights)) as arrays:
        return dict(arrays)


def _fit(
    recipe: Recipe,
    train: Sequence[Group],
    validation: Sequence[Group],
    deadline: float,
    seed: int,
    start: Mapping[str, Any] | None = None,
) -> Fitted:
    torch = onnx.extra("torch")
    torch.manual_seed(seed)
    rows = np.concatenate([group.features for group in train])
    module = network(recipe, rows.mean(axis=0), rows.std(axis=0))
    if recipe.warm and start is not None:
        module.load_state_dict({name: torch.from_numpy(array) for name, array in start.items()})
        shrunk(Fitted(module, recipe, 0.0), recipe.begin)
    epochs = recipe.epochs or _EPOCHS
    steps = math.ceil(len(train) / _BATCH)
    optimizer = torch.optim.AdamW(module.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=recipe.rate, total_steps=steps * epochs + 1)
    batches, loss = _Batches(train, torch), LOSSES[recipe.loss]
    fitted = Fitted(module, recipe, 0.0)
    best, state, waited = mean_ndcg(validation, fitted.score), _copy(module), 0
    for epoch in range(epochs):
        module.train()
        for features, gains, mask in batches.epoch(seed + epoch):
            optimizer.zero_grad()
            loss(module(features).squeeze(-1), gains, mask).backward()
            optimizer.step()
            schedule.step()
        module.eval()
        if not recipe.epochs:
            found = mean_ndcg(validation, fitted.score)
            waited = 0 if found > best else waited + 1
            if found > best:
                best, state = found, _copy(module)
        if waited >= _PATIENCE or time.monotonic() > deadline:
            break
    if not recipe.epochs:
        module.load_state_dict(state)
    shrunk(fitted, recipe.keep)
    return Fitted(module, recipe, mean_ndcg(validation, fitted.score))


def network(recipe: Recipe, mean: Floats, deviation: Floats) -> Any:
    """The torch module: features float32 [.., F] → scores [.., 1]."""
    torch = onnx.extra("torch")
    nn = torch.nn

    class Residual(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("mean", torch.from_numpy(mean.astype(np.float32)))
            self.register_buffer("scale", torch.from_numpy((1 / np.maximum(deviation, 0.05)).astype(np.float32)))
            self.fused = nn.Parameter(torch.tensor(6.0))
            self.linear = nn.Linear(len(NAMES), 1)
            nn.init.zeros_(self.linear.weight)
            nn.init.zeros_(self.linear.bias)
            self.hidden = None
            if recipe.hidden:
                last = nn.Linear(recipe.hidden, 1)
                nn.init.zeros_(last.weight)
                self.hidden = nn.Sequential(
                    nn.Linear(len(NAMES), recipe.hidden), nn.ReLU(), nn.Dropout(recipe.dropout), last
                )

        def forward(self, features: Any) -> Any:
            scaled = ((features - self.mean) * self.scale).clamp(-CLIP, CLIP)
            scores = self.fused * features[..., FUSED : FUSED + 1] + self.linear(scaled)
            return scores if self.hidden is None else scores + self.hidden(scaled)

    return Residual().eval()


class _Batches:
    """Padded batches of groups."""

    def __init__(self, groups: Sequence[Group], torch: Any) -> None:
        self._groups, self._torch = groups, torch

    def epoch(self, seed: int) -> Any:
        """Batches (features [b, n, F], gains [b, n], mask [b, n]) in random order."""
        order = np.random.default_rng(seed).permutation(len(self._groups))
        for start in range(0, len(order), _BATCH):
            chosen = [self._groups[at] for at in order[start : start + _BATCH]]
            longest = max(len(group.ids) for group in chosen)
            features = np.zeros((len(chosen), longest, len(NAMES)), np.float32)
            gains = np.zeros((len(chosen), longest), np.float32)
            mask = np.zeros((len(chosen), longest), bool)
            for row, group in enumerate(chosen):
                size = len(group.ids)
                features[row, :size], gains[row, :size], mask[row, :size] = group.features, group.gains, True
            yield tuple(self._torch.from_numpy(array) for array in (features, gains, mask))


def _copy(module: Any) -> dict[str, Any]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def mean_ndcg(groups: Sequence[Group], score: Callable[[Floats], Floats]) -> float:
    """Mean nDCG@10 of the groups' candidates ordered by a scorer."""
    return float(np.mean([ndcg_of(group, score(group.features)) for group in groups])) if groups else 0.0


def ndcg_of(group: Group, scores: Floats) -> float:
    """nDCG@10 of a group's candidates in the order of `scores`, ties by id."""
    return metrics.ndcg([group.ids[row] for row in by_score(scores, group.ids)[:10]], group.ratings)
