"""Learn the order of completions from visits: which of the pool was typed in the end, at every letter, in its context.

A linear part and a few hidden units, with a listwise loss (softmax cross entropy, Cao et al., ICML 2007). Needs the `train` extra.
"""

from __future__ import annotations

import io
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple, cast

import numpy as np

from autocomplete.context import Context
from autocomplete.features import FEATURES, Floats, contract_hash, features, known
from autocomplete.index import Index
from autocomplete.rank import POOL
from autocomplete.replay import Asked
from autocomplete.typed import key, prefix_key
from etalage.core import onnx
from etalage.core.artifact import Artifact, Manifest
from etalage.core.errors import ModelError

FEW: Final = 200
"""Samples below which nothing is learnt."""

_LENGTHS: Final = 6
"""Beginnings of a query that are learnt from, drawn from all."""
_HIDDEN: Final = 16
_EPOCHS: Final = 20
_BATCH: Final = 128
_RATE: Final = 1e-2
_DECAY: Final = 1e-3
_LEAST_SCALE: Final = 0.05
"""A feature that varies less is not blown up further."""
_TIMED: Final = 1000

_MAX_GAP: Final = 1e-4
_MIN_RANK: Final = 0.98
"""Parity gate: how far fp32 scores may be from the trainer's, and how alike (Spearman) int8 scores must order them."""


class Sample(NamedTuple):
    """One beginning of a query: features float32 [n, F] of the pool, and the row that was typed in the end."""

    rows: Floats
    place: int


def samples(index: Index, asked: Iterable[Asked], seed: int = 0) -> list[Sample]:
    """Samples of the queries that have a context and are completions of an index that does not know of them yet.

    Every second one is told less than was known, since not every shop knows as much: only the queries of the visit, or only what
    was looked at, or only earlier visits.
    """
    rng = random.Random(seed)
    found = []
    for one in asked:
        text = key(one.text)
        goal = index.number(text)
        if goal < 0 or len(text) < 2 or not one.context:
            continue
        for size in rng.sample(range(1, len(text)), min(_LENGTHS, len(text) - 1)):
            typed = prefix_key(text[:size])
            docs, values = index.exact(typed, POOL)
            places = np.flatnonzero(docs == goal)
            if len(places) and len(docs) > 1:
                about = known(index, _less(one.context, rng))
                found.append(Sample(features(index, typed, docs, values, float(values[0]), about), int(places[0])))
    return found


def _less(context: Context, rng: random.Random) -> Context:
    chosen = rng.randrange(6)
    if chosen == 0:
        return Context(queries=context.queries)
    if chosen == 1:
        return Context(categories=context.categories, liked=context.liked)
    if chosen == 2:
        return replace(context, queries=(), categories=())
    return context


def train(
    learnt: Sequence[Sample], spared: Sequence[Sample], trained_on: str, seed: int = 0
) -> tuple[Artifact, dict[str, Any]]:
    """The model of some samples as an artifact, and its figures: the mean reciprocal rank of the samples that were spared by the order
    of the index and by the model, and those of its export.

    Raises:
        ConfigError: torch or onnx is not installed.
        ModelError: there are too few samples, or the export does not score as what was learnt.
    """
    if len(learnt) < FEW or not spared:
        raise ModelError(
            "there are too few visits to learn from",
            value=f"{len(learnt)} prefixes",
            remedy="Collect more events, with clients and more than one query a visit.",
        )
    score, weights = fit(learnt, seed)
    model, figures = export(weights, score, spared)
    figures = {
        "samples": len(learnt),
        "mrr_index": round(mean_rank(spared, lambda rows: -np.arange(len(rows), dtype=np.float32)), 4),
        "mrr": round(mean_rank(spared, score), 4),
    } | figures
    digest = sha256(model).hexdigest()
    name = f"{datetime.now(UTC):%Y%m%d}-{digest[:8]}"
    kept = io.BytesIO()
    np.savez(kept, **cast(dict[str, Any], weights))
    manifest = Manifest(name, FEATURES, contract_hash(), digest, (), figures, trained_on)
    return Artifact(manifest, model, kept.getvalue()), figures


def mean_rank(some: Sequence[Sample], score: Callable[[Floats], Floats]) -> float:
    """The mean reciprocal rank of what was typed; equal scores in the order of the pool."""
    ranks = []
    for one in some:
        scores = score(one.rows)
        own = scores[one.place]
        ranks.append(1 + int((scores > own).sum()) + int((scores[: one.place] == own).sum()))
    return float(np.mean(1 / np.array(ranks)))


def fit(learnt: Sequence[Sample], seed: int = 0) -> tuple[Callable[[Floats], Floats], dict[str, Floats]]:
    """The scores of a network fitted to samples, and its weights by name."""
    torch = onnx.extra("torch")
    torch.manual_seed(seed)
    # Steps are too small to be shared.
    torch.set_num_threads(1)
    count, width = len(learnt), len(FEATURES)
    rows, mask = np.zeros((count, POOL, width), np.float32), np.zeros((count, POOL), bool)
    for at, one in enumerate(learnt):
        rows[at, : len(one.rows)], mask[at, : len(one.rows)] = one.rows, True
    flat = rows[mask]
    mean, scale = flat.mean(axis=0), 1 / np.maximum(flat.std(axis=0), _LEAST_SCALE)
    inputs, real = torch.from_numpy((rows - mean) * scale), torch.from_numpy(mask)
    places = torch.tensor([one.place for one in learnt])
    linear, hidden, out = torch.nn.Linear(width, 1), torch.nn.Linear(width, _HIDDEN), torch.nn.Linear(_HIDDEN, 1)
    for layer in (linear, out):
        torch.nn.init.zeros_(layer.weight)
    # It begins with the order of the index.
    with torch.no_grad():
        linear.weight[0, 0] = 1 / float(scale[0])

    def forward(batch: Any) -> Any:
        return (linear(batch) + out(torch.relu(hidden(batch)))).squeeze(-1)

    parameters = [tensor for layer in (linear, hidden, out) for tensor in layer.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=_RATE, weight_decay=_DECAY)
    steps = _EPOCHS * -(-count // _BATCH)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
    for _ in range(_EPOCHS):
        for chosen in torch.randperm(count).split(_BATCH):
            optimizer.zero_grad()
            scores = forward(inputs[chosen]).masked_fill(~real[chosen], -1e9)
            torch.nn.functional.cross_entropy(scores, places[chosen]).backward()
            optimizer.step()
            schedule.step()

    def score(some: Floats) -> Floats:
        with torch.no_grad():
            scores: Floats = forward(torch.from_numpy((some - mean) * scale)).numpy()
        return scores

    weights = {"mean": mean.astype(np.float32), "scale": scale.astype(np.float32)}
    for name, layer in (("linear", linear), ("hidden", hidden), ("out", out)):
        weights[f"{name}.w"] = np.ascontiguousarray(layer.weight.detach().numpy().T)
        weights[f"{name}.b"] = layer.bias.detach().numpy()
    return score, weights


def export(
    weights: Mapping[str, Floats], score: Callable[[Floats], Floats], some: Sequence[Sample]
) -> tuple[bytes, dict[str, Any]]:
    """The ONNX model that is faster, fp32 or with int8 products, and the figures of both: `{form, max_abs_fp32, forms: {name: {bytes, rank,
    us}}}`, `us` being microseconds for `POOL` completions on one thread. Raises ModelError where a form does not score as it should."""
    with TemporaryDirectory() as folder:
        files = {name: Path(folder) / f"{name}.onnx" for name in ("fp32", "int8")}
        onnx.extra("onnx").save(graph(weights), str(files["fp32"]))
        onnx.quantize(files["fp32"], files["int8"])
        runs = {name: _scores(onnx.session(path)) for name, path in files.items()}
        gap = max(float(np.abs(runs["fp32"](one.rows) - score(one.rows)).max()) for one in some)
        taken = _microseconds(runs)
        forms = {
            name: {
                "bytes": files[name].stat().st_size,
                "rank": round(
                    float(np.mean([onnx.rank_correlation(score(one.rows), run(one.rows)) for one in some])), 5
                ),
                "us": taken[name],
            }
            for name, run in runs.items()
        }
        fit_ones = [name for name, one in forms.items() if one["rank"] >= _MIN_RANK]
        if gap > _MAX_GAP or not fit_ones:
            raise ModelError(
                "the exported model does not score as the trained one",
                value=f"{gap:.4g}, {forms}",
                remedy="Train again.",
            )
        best = min(fit_ones, key=lambda name: forms[name]["us"])
        return files[best].read_bytes(), {"form": best, "max_abs_fp32": round(gap, 7), "forms": forms}


def _scores(session: Any) -> Callable[[Floats], Floats]:
    return lambda rows: onnx.run(session, {"features": rows})[0].reshape(-1)


def _microseconds(runs: Mapping[str, Callable[[Floats], Floats]]) -> dict[str, float]:
    """The median of what scoring a pool takes by each form, in turn, so that what else the machine does falls on all alike."""
    rows, taken = np.zeros((POOL, len(FEATURES)), np.float32), {name: list[float]() for name in runs}
    for _ in range(_TIMED):
        for name, run in runs.items():
            started = time.perf_counter()
            run(rows)
            taken[name].append(time.perf_counter() - started)
    return {name: round(float(np.median(some)) * 1e6, 1) for name, some in taken.items()}


def graph(weights: Mapping[str, Floats]) -> Any:
    """The ONNX model of a network's weights: `features` float32 [n, F] → `scores` float32 [n, 1]."""
    helper, arrays = onnx.extra("onnx.helper"), onnx.extra("onnx.numpy_helper")
    nodes = [
        helper.make_node("Sub", ["features", "mean"], ["centred"]),
        helper.make_node("Mul", ["centred", "scale"], ["inputs"]),
        *_dense(helper, "linear", "inputs", "straight"),
        *_dense(helper, "hidden", "inputs", "layer"),
        helper.make_node("Relu", ["layer"], ["active"]),
        *_dense(helper, "out", "active", "bent"),
        helper.make_node("Add", ["straight", "bent"], ["scores"]),
    ]
    kind = onnx.extra("onnx").TensorProto.FLOAT
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "completions",
            [helper.make_tensor_value_info("features", kind, ["n", len(FEATURES)])],
            [helper.make_tensor_value_info("scores", kind, ["n", 1])],
            [arrays.from_array(np.asarray(value), name) for name, value in weights.items()],
        ),
        opset_imports=[helper.make_opsetid("", onnx.OPSET)],
        ir_version=8,
    )
    onnx.extra("onnx.checker").check_model(model)
    return model


def _dense(helper: Any, name: str, source: str, target: str) -> list[Any]:
    return [
        helper.make_node("MatMul", [source, f"{name}.w"], [f"{name}.product"], name=name),
        helper.make_node("Add", [f"{name}.product", f"{name}.b"], [target]),
    ]
