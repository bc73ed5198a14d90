"""Residual linear maps of query vectors, trained on judged queries: normalize(x + xW + b), from W = b = 0.

Starting as the identity, little data cannot lead far from it. Loss: softmax cross-entropy of the products' cosines against graded
gains (ListNet, Cao et al. 2007) over the relevant products of a batch, random ones, and hard negatives: those that the map itself
puts near a query (Xiong et al. 2021, arXiv:2007.00808). An anchor loss keeps texts that nobody judged near where they are.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from etalage.core import onnx
from etalage.core.records import Floats
from ranker import metrics

DEPTH: Final = 100
_EPOCHS, _BATCH, _RATE, _DECAY = 6, 256, 1e-3, 1.0
_STEPS: Final = 20
"""Fewest steps of an epoch: one pass over few queries changes too little to tell whether it was good."""

_HEAT: Final = 20.0
_ANCHOR: Final = 1.0
_RANDOM, _NEAREST, _HARD, _EVERY = 4096, 60, 10, 3
_SHARES: Final = (0.25, 0.5, 0.75, 1.0)
_CHUNK: Final = 256


@dataclass(frozen=True, slots=True)
class Products:
    """What is searched: n ids and text vectors float32 [n, d], unit length."""

    ids: list[str]
    vectors: Floats


@dataclass(frozen=True, slots=True)
class Judged:
    """Queries: texts, vectors float32 [n, d], each one's ratings, and the gain 2^rating - 1 of each relevant product's row."""

    texts: list[str]
    vectors: Floats
    ratings: list[Mapping[str, float]]
    gains: list[dict[int, float]]

    def take(self, rows: Sequence[int]) -> Judged:
        """Those in some rows."""
        return Judged(
            [self.texts[row] for row in rows],
            self.vectors[list(rows)],
            [self.ratings[row] for row in rows],
            [self.gains[row] for row in rows],
        )


@dataclass(frozen=True, slots=True)
class Residual:
    """x → normalize(x + xW + b): float32 [d, d] and [d]."""

    weights: Floats
    bias: Floats

    def __call__(self, vectors: Floats) -> Floats:
        """Vectors float32 [n, d] of unit length."""
        moved = vectors + vectors @ self.weights + self.bias
        return (moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-12)).astype(np.float32)

    def part(self, share: float) -> Residual:
        """The map that goes `share` of the way."""
        return Residual(self.weights * np.float32(share), self.bias * np.float32(share))


@dataclass(frozen=True, slots=True)
class Found:
    """What the vectors alone find, per query: nDCG@10 and recall@100."""

    ndcg: list[float]
    recall: list[float]

    @property
    def quality(self) -> float:
        """What is chosen by: the mean of both means."""
        return float(np.mean(self.ndcg) + np.mean(self.recall)) / 2


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted map, the epochs and the share of the way that led to it (0 epochs: nothing was better than no map), and what each
    epoch found on validation queries (`Found.quality`, that of no map first)."""

    residual: Residual
    epochs: int
    share: float
    trace: list[float]


def measure(vectors: Floats, judged: Judged, products: Products) -> Found:
    """Compare vectors float32 [n, d], one per judged query, with all products, and measure the `DEPTH` nearest."""
    found = Found([], [])
    for start in range(0, len(vectors), _CHUNK):
        close = nearest(vectors[start : start + _CHUNK], products, DEPTH)
        for rows, ratings in zip(close, judged.ratings[start : start + _CHUNK], strict=True):
            measured = metrics.measure([products.ids[row] for row in rows], ratings)
            found.ndcg.append(measured["ndcg@10"])
            found.recall.append(measured["recall@100"])
    return found


def nearest(vectors: Floats, products: Products, depth: int) -> list[list[int]]:
    """Rows of the nearest products of each vector, nearest first."""
    scores = vectors @ products.vectors.T
    depth = min(depth, scores.shape[1])
    rows = np.argpartition(-scores, depth - 1, axis=1)[:, :depth]
    order = np.argsort(-np.take_along_axis(scores, rows, axis=1), axis=1, kind="stable")
    ordered: list[list[int]] = np.take_along_axis(rows, order, axis=1).tolist()
    return ordered


def fit(
    training: Judged,
    validation: Judged,
    products: Products,
    anchors: Floats,
    *,
    minutes: float = 5.0,
    seed: int = 0,
) -> Fitted:
    """Train, and keep the epoch, and the share of the way, that find most for the validation queries.

    Args:
        training, validation: judged queries; those of `training` have a relevant product each.
        anchors: float32 [m, d], unit length, vectors of texts that are to stay where they are.
        minutes: after these the best so far is taken.

    Raises:
        ConfigError: torch is not installed.
    """
    torch = onnx.extra("torch")
    until = time.monotonic() + 60 * minutes
    size = training.vectors.shape[1]
    batch = min(_BATCH, max(8, len(training.texts) // 4))
    passes = math.ceil(_STEPS / math.ceil(len(training.texts) / batch))
    steps = _EPOCHS * passes * math.ceil(len(training.texts) / batch)
    generator = np.random.default_rng(seed)
    weights, bias = torch.zeros((size, size), requires_grad=True), torch.zeros(size, requires_grad=True)
    optimizer = torch.optim.AdamW([weights, bias], lr=_RATE, weight_decay=_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps + 1)
    known, fixed = torch.from_numpy(products.vectors), torch.from_numpy(anchors)
    asked = torch.from_numpy(training.vectors)

    def move(vectors: Any) -> Any:
        return torch.nn.functional.normalize(vectors + vectors @ weights + bias, dim=1)

    def now() -> Residual:
        return Residual(weights.detach().numpy().copy(), bias.detach().numpy().copy())

    trace = [measure(validation.vectors, validation, products).quality]
    best, kept, hard = trace[0], (now(), 0), [[0]]
    for epoch in range(1, _EPOCHS + 1):
        if (epoch - 1) % _EVERY == 0:
            hard = _hard(now(), training, products)
        orders = [generator.permutation(len(training.texts)) for _ in range(passes)]
        for rows in (order[at : at + batch] for order in orders for at in range(0, len(order), batch)):
            if time.monotonic() > until:
                break
            columns, targets = _sample(rows.tolist(), training, hard, len(products.ids), generator)
            scores = _HEAT * move(asked[rows]) @ known[columns].T
            loss = -(torch.from_numpy(targets) * torch.log_softmax(scores, 1)).sum(1).mean()
            still = fixed[generator.integers(0, len(fixed), batch)]
            loss = loss + _ANCHOR * (1 - (move(still) * still).sum(1)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        trace.append(measure(now()(validation.vectors), validation, products).quality)
        if trace[-1] > best:
            best, kept = trace[-1], (now(), epoch)
        if time.monotonic() > until:
            break
    residual, epochs = kept
    return _shortened(residual, epochs, trace, validation, products)


def _shortened(residual: Residual, epochs: int, trace: list[float], validation: Judged, products: Products) -> Fitted:
    """The share of the way that finds most; the shortest of equals."""
    parts = {share: residual.part(share) for share in _SHARES}
    worth = {share: measure(part(validation.vectors), validation, products).quality for share, part in parts.items()}
    share = max(worth, key=lambda one: worth[one])
    return Fitted(parts[share], epochs, share, [*trace, worth[share]])


def _hard(residual: Residual, training: Judged, products: Products) -> list[list[int]]:
    """The nearest products of each training query as it is mapped now."""
    found: list[list[int]] = []
    for start in range(0, len(training.vectors), _CHUNK):
        found += nearest(residual(training.vectors[start : start + _CHUNK]), products, _NEAREST)
    return found


def _sample(
    rows: list[int], training: Judged, hard: list[list[int]], size: int, generator: np.random.Generator
) -> tuple[list[int], Floats]:
    """Products that a batch is compared with, m rows, and what share of each query's gain each has, float32 [n, m]."""
    chosen = set(generator.choice(size, min(_RANDOM, size), replace=False).tolist())
    for row in rows:
        chosen.update(training.gains[row])
        chosen.update(generator.choice(hard[row], min(_HARD, len(hard[row])), replace=False).tolist())
    columns = sorted(chosen)
    place = {column: number for number, column in enumerate(columns)}
    targets = np.zeros((len(rows), len(columns)), np.float32)
    for number, row in enumerate(rows):
        for column, gain in training.gains[row].items():
            targets[number, place[column]] = gain
    return columns, targets / targets.sum(axis=1, keepdims=True)


def network(residual: Residual) -> Any:
    """The torch module of a map: float32 [n, d] → [n, d], unit length."""
    torch = onnx.extra("torch")

    class Module(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.weights = torch.nn.Parameter(torch.from_numpy(residual.weights))
            self.bias = torch.nn.Parameter(torch.from_numpy(residual.bias))

        def forward(self, vectors: Any) -> Any:
            return torch.nn.functional.normalize(vectors + (vectors @ self.weights + self.bias), dim=1)

    return Module().eval()
