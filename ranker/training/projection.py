"""Linear maps from text vectors to picture vectors: ridge regression, and a contrastive loss that goes on from it.

A map lies on the side of the query. Centring the pictures would subtract the same number from every score of a query, so
their common component needs no removal at search time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from etalage.core import onnx
from etalage.core.records import Floats

Rows = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]
Way = Literal["ridge", "contrastive", "both"]

_EPOCHS, _PATIENCE, _BATCH, _DECAY, _NOISE, _DROPOUT = 20, 3, 256, 1e-2, 0.05, 0.1
_RATE, _FRESH_RATE = 1e-4, 1e-3
_STEPS: Final = 20
"""Fewest steps of an epoch: one pass over few pairs changes too little to tell whether it was good."""

_CHUNK: Final = 1000


@dataclass(frozen=True, slots=True)
class Pairs:
    """Products with both vectors: texts float32 [n, d], images float32 [n, dim], and each one's group of variants."""

    texts: Floats
    images: Floats
    groups: list[str]

    def take(self, rows: Rows) -> Pairs:
        """Those in some rows."""
        return Pairs(self.texts[rows], self.images[rows], [self.groups[row] for row in rows])

    def split(self, share: float, seed: int) -> tuple[Pairs, Pairs]:
        """About `share` of the groups, and the others, at random; no group is in both."""
        names = sorted(set(self.groups))
        Random(seed).shuffle(names)
        chosen = set(names[: round(share * len(names))])
        inside = np.array([group in chosen for group in self.groups], bool)
        return self.take(np.flatnonzero(inside)), self.take(np.flatnonzero(~inside))

    def firsts(self) -> Pairs:
        """Each group's first product only."""
        rows: dict[str, int] = {}
        for row, group in enumerate(self.groups):
            rows.setdefault(group, row)
        return self.take(np.array(list(rows.values()), np.int64))


@dataclass(frozen=True, slots=True)
class Linear:
    """text → (text - mean) @ weights: float32 [d] and [d, dim]."""

    mean: Floats
    weights: Floats

    def __call__(self, texts: Floats) -> Floats:
        """Vectors float32 [n, dim] of unit length."""
        return _unit((texts - self.mean) @ self.weights)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to fit: `strength` of the ridge (multiples of the mean variance of a text component), `power` by which the
    pictures are whitened, and `epochs` of the contrastive loss."""

    way: Way
    strength: float = 10.0
    power: float = 0.0
    epochs: int = 0


def ridge(pairs: Pairs, recipe: Recipe) -> Linear:
    """Ridge regression from centred texts to centred pictures, of `recipe.strength` and `recipe.power`."""
    return Moments(pairs).solve(recipe.strength, recipe.power)


class Moments:
    """Means, covariances and their eigenvectors: what ridges of every strength have in common."""

    def __init__(self, pairs: Pairs) -> None:
        self._mean = pairs.texts.mean(axis=0, dtype=np.float64)
        texts = pairs.texts - self._mean
        images = pairs.images - pairs.images.mean(axis=0, dtype=np.float64)
        self._texts = texts
        self._values, self._basis = np.linalg.eigh(texts.T @ texts / len(texts))
        self._cross = self._basis.T @ (texts.T @ images / len(texts))
        self._spread, self._axes = np.linalg.eigh(images.T @ images / len(images))

    def solve(self, strength: float, power: float) -> Linear:
        penalty = strength * max(float(self._values.mean()), 1e-12)
        weights = self._basis @ (self._cross / (np.maximum(self._values, 0) + penalty)[:, None])
        if power:
            # The mean variance is added, so that directions in which pictures hardly differ are not blown up.
            spread = np.maximum(self._spread, 0) + max(float(self._spread.mean()), 1e-12)
            weights = weights @ (self._axes * spread**-power) @ self._axes.T
        lengths = np.linalg.norm(self._texts[:_CHUNK] @ weights, axis=1)
        weights /= max(float(lengths.mean()), 1e-12)
        return Linear(self._mean.astype(np.float32), weights.astype(np.float32))


def contrast(
    pairs: Pairs,
    start: Linear,
    seed: int,
    *,
    fresh: bool = False,
    validation: Pairs | None = None,
    epochs: int = _EPOCHS,
) -> tuple[Linear, int]:
    """Go on from `start` (or from random weights, if `fresh`) with the contrastive loss in both directions.

    Other products of a group are no negatives. Weight decay pulls towards `start`. With `validation`, the best epoch by its
    mean reciprocal rank is kept, epoch 0 being `start`; else the last.

    Returns:
        The map, and the number of epochs that led to it.
    """
    torch = onnx.extra("torch")
    generator = torch.Generator().manual_seed(seed)
    centre = pairs.images.mean(axis=0)
    texts, images = torch.from_numpy(pairs.texts - start.mean), torch.from_numpy(pairs.images - centre)
    owners = torch.from_numpy(np.unique(pairs.groups, return_inverse=True)[1].astype(np.int64))
    origin = torch.from_numpy(start.weights) * (0.0 if fresh else 1.0)
    spread = len(start.mean) ** -0.5 if fresh else 0.0
    change = (torch.randn(origin.shape, generator=generator) * spread).requires_grad_()
    heat = torch.tensor(3.0, requires_grad=True)
    optimizer = torch.optim.AdamW(
        [{"params": [change], "weight_decay": _DECAY}, {"params": [heat], "weight_decay": 0.0}],
        lr=_FRESH_RATE if fresh else _RATE,
    )
    loss_of, noise = torch.nn.functional.cross_entropy, _NOISE * texts.shape[1] ** -0.5

    def now() -> Linear:
        return Linear(start.mean, (origin + change).detach().numpy().copy())

    best, kept, waited = -1.0 if validation is None else _mrr(now(), validation), (now(), 0), 0
    for epoch in range(1, epochs + 1):
        passes = math.ceil(_STEPS / math.ceil(len(texts) / _BATCH))
        orders = [torch.randperm(len(texts), generator=generator) for _ in range(passes)]
        for batch in (rows for order in orders for rows in order.split(_BATCH)):
            inputs = texts[batch] + noise * torch.randn((len(batch), texts.shape[1]), generator=generator)
            inputs = inputs * (torch.rand(inputs.shape, generator=generator) >= _DROPOUT)
            found = torch.nn.functional.normalize(inputs @ (origin + change), dim=1)
            siblings = owners[batch][:, None] == owners[batch][None, :]
            siblings.fill_diagonal_(False)
            scores = (heat.clamp(max=4.6).exp() * found @ images[batch].T).masked_fill(siblings, -1e9)
            target = torch.arange(len(batch))
            optimizer.zero_grad()
            ((loss_of(scores, target) + loss_of(scores.T, target)) / 2).backward()
            optimizer.step()
        value = float(epoch) if validation is None else _mrr(now(), validation)
        waited = 0 if value > best else waited + 1
        if value > best:
            best, kept = value, (now(), epoch)
        if waited >= _PATIENCE:
            break
    return kept


def _mrr(project: Callable[[Floats], Floats], pairs: Pairs) -> float:
    return float((1 / ranks(project, pairs)).mean())


def network(linear: Linear) -> Any:
    """The torch module of a map: texts float32 [n, d] → pictures float32 [n, dim], unit length."""
    torch = onnx.extra("torch")

    class Projection(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("mean", torch.from_numpy(linear.mean))
            self.weights = torch.nn.Parameter(torch.from_numpy(linear.weights))

        def forward(self, texts: Any) -> Any:
            return torch.nn.functional.normalize((texts - self.mean) @ self.weights, dim=1)

    return Projection().eval()


def ranks(project: Callable[[Floats], Floats], pairs: Pairs) -> Doubles:
    """The rank from 1 of each text's own picture among those of all pairs; equal scores share their mean rank."""
    found: list[Doubles] = []
    for start in range(0, len(pairs.texts), _CHUNK):
        scores = project(pairs.texts[start : start + _CHUNK]) @ pairs.images.T
        own = scores[np.arange(len(scores)), np.arange(start, start + len(scores))][:, None]
        found.append((scores > own).sum(axis=1) + ((scores == own).sum(axis=1) + 1) / 2)
    return np.concatenate(found) if found else np.zeros(0)


def _unit(vectors: npt.NDArray[np.floating[Any]]) -> Floats:
    return (vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)).astype(np.float32)
