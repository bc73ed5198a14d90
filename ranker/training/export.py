"""From the trained network to the served model: ONNX, int8 in the form that loses least, behind a parity gate."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from etalage.core import onnx
from etalage.core.errors import ModelError
from etalage.core.records import Floats
from ranker.features import NAMES
from ranker.training import pruning
from ranker.training.dataset import Group
from ranker.training.fit import CLIP, FUSED, Fitted, mean_ndcg

ROWS: Final = (200, 1000)
"""Numbers of candidates that a form is timed with."""

INT8: Final = ("dynamic", "static", "weights")
"""The forms that may serve."""

_MAX_SCORE_GAP: Final = 1e-3
_MIN_RANK: Final = 0.98
_MAX_NDCG_LOSS: Final = 0.002
_SWAPPED: Final = 1 - 1 / math.log2(3)
"""What one query's nDCG@10 loses when its relevant product changes places with the one behind, which scores almost alike: few
queries cannot tell less."""

_PRUNED: Final = 0.5
_CALIBRATION: Final = 4096
_RUNS: Final = 50


def export(
    fitted: Fitted, recorded: Sequence[Group], known: Sequence[Group] = (), *, pruned: bool = False
) -> tuple[bytes, dict[str, Any]]:
    """The int8 ONNX model and the parity figures, after comparing trainer, fp32 and each int8 form on recorded requests.

    Args:
        known: requests by which ranges are scaled; those recorded unless given.
        pruned: also measure smaller networks (`pruning`), which never serve.

    Returns:
        The model's bytes, and `{form, max_abs_fp32, rank_int8, ndcg_fp32, ndcg_int8, forms}`: of the form that is
        served, and `{name: {bytes, rank, ndcg, loss, us, us_1000}}` of all, fp32 first (`loss` of nDCG@10 against fp32; `us`,
        `us_1000`: microseconds for `ROWS` candidates).

    Raises:
        ModelError: scores or nDCG@10 differ by more than the gate allows; the figures are in the message.
    """
    helper = onnx.extra("onnx")
    with TemporaryDirectory() as folder:
        fp32 = Path(folder) / "fp32.onnx"
        helper.save(graph(fitted.module), str(fp32))
        rows = np.concatenate([one.features for one in known or recorded])
        files = {"fp32": fp32, **_forms(fp32, rows), **(_pruned(fitted, fp32.parent, rows) if pruned else {})}
        forms = {name: _figures(path, fp32, recorded, rows) for name, path in files.items()}
        for one in forms.values():
            one["loss"] = round(forms["fp32"]["ndcg"] - one["ndcg"], 6)
        # The one whose order of the candidates is nearest to the trained one's; the faster of equals.
        best = max(INT8, key=lambda name: (forms[name]["rank"], -forms[name]["us"]))
        gaps = [float(np.abs(_by(fp32)(one.features) - fitted.score(one.features)).max(initial=0)) for one in recorded]
        figures = {
            "max_abs_fp32": max(gaps),
            "rank_int8": forms[best]["rank"],
            "ndcg_fp32": forms["fp32"]["ndcg"],
            "ndcg_int8": forms[best]["ndcg"],
        }
        _refuse(figures, len(recorded))
        return files[best].read_bytes(), {"form": best} | {k: round(v, 5) for k, v in figures.items()} | {
            "forms": forms
        }


def _refuse(figures: dict[str, float], queries: int) -> None:
    if (
        figures["max_abs_fp32"] > _MAX_SCORE_GAP
        or figures["rank_int8"] < _MIN_RANK
        or figures["ndcg_fp32"] - figures["ndcg_int8"] > max(_MAX_NDCG_LOSS, _SWAPPED / queries)
    ):
        raise ModelError(
            "the exported ranker does not score as the trained one",
            value=", ".join(f"{name} {value:.4g}" for name, value in figures.items()),
            remedy="Train again with another --seed.",
        )


def _forms(fp32: Path, rows: Floats) -> dict[str, Path]:
    """The int8 forms: activations scaled at each call (`dynamic`), by what was recorded (`static`), or not at all (`weights`:
    only the weights are int8, and products are computed in floating point)."""
    folder = fp32.parent
    made = {name: folder / f"{name}.onnx" for name in INT8}
    onnx.quantize(fp32, made["dynamic"])
    onnx.quantize_static(fp32, made["static"], "features", _sample(rows))
    onnx.quantize_weights(fp32, made["weights"])
    return made


def _sample(rows: Floats) -> Iterator[Floats]:
    """Some rows, in the batches that calibration reads."""
    chosen = rows[np.random.default_rng(0).permutation(len(rows))[:_CALIBRATION]]
    for start in range(0, len(chosen), ROWS[0]):
        yield chosen[start : start + ROWS[0]]


def _pruned(fitted: Fitted, folder: Path, rows: Floats) -> dict[str, Path]:
    """Smaller networks in fp32, and the one with fewer units with int8 weights; none for a linear one."""
    whole = weights_of(fitted.module)
    if "hidden.0.weight" not in whole:
        return {}
    made = {
        f"{_PRUNED:.0%} of the weights at zero": pruning.weights(whole, _PRUNED),
        f"{_PRUNED:.0%} of the units": pruning.units(whole, _PRUNED, rows),
        f"{_PRUNED:.0%} of the features": pruning.features(whole, _PRUNED, rows),
    }
    files = {}
    for number, (name, some) in enumerate(made.items()):
        files[name] = folder / f"pruned-{number}.onnx"
        onnx.extra("onnx").save(graph_of(some), str(files[name]))
        files[f"{name}, int8 weights"] = folder / f"pruned-{number}-int8.onnx"
        onnx.quantize_weights(files[name], files[f"{name}, int8 weights"])
    return files


def _by(model: Path) -> Callable[[Floats], Floats]:
    session = onnx.session(model)
    return lambda matrix: onnx.run(session, {"features": matrix})[0].reshape(-1)


def _figures(path: Path, fp32: Path, recorded: Sequence[Group], rows: Floats) -> dict[str, float]:
    reference, score = _by(fp32), _by(path)
    ranks = [onnx.rank_correlation(reference(one.features), score(one.features)) for one in recorded]
    return {
        "bytes": path.stat().st_size,
        "rank": round(float(np.mean(ranks)), 6),
        "ndcg": round(mean_ndcg(recorded, score), 6),
        "us": _microseconds(score, rows, ROWS[0]),
        "us_1000": _microseconds(score, rows, ROWS[1]),
    }


def _microseconds(score: Callable[[Floats], Floats], rows: Floats, count: int) -> float:
    """The median of what scoring takes, on one thread."""
    some = np.resize(rows, (count, rows.shape[1])) if len(rows) else np.zeros((count, len(NAMES)), np.float32)
    taken = []
    for _ in range(_RUNS):
        started = time.perf_counter()
        score(some)
        taken.append(time.perf_counter() - started)
    return round(float(np.median(taken)) * 1e6, 1)


def weights_of(module: Any) -> pruning.Weights:
    """A module's weights by name."""
    return {name: tensor.detach().numpy() for name, tensor in module.state_dict().items()}


def graph(module: Any) -> Any:
    """The ONNX model of a fitted network (`graph_of`)."""
    return graph_of(weights_of(module))


def graph_of(weights: Mapping[str, Any]) -> Any:
    """The ONNX model of a network's weights: `features` float32 [n, F] → `scores` float32 [n, 1].

    The fused score's own path stays in floating point; the matrix products are what quantization turns to int8.
    """
    helper, numpy_helper = onnx.extra("onnx.helper"), onnx.extra("onnx.numpy_helper")
    constants: dict[str, Any] = {
        "mean": weights["mean"],
        "scale": weights["scale"],
        "low": np.float32(-CLIP),
        "high": np.float32(CLIP),
        "column": np.array([FUSED], np.int64),
        "multiple": weights["fused"].reshape(1),
    }
    nodes = [
        helper.make_node("Sub", ["features", "mean"], ["centred"]),
        helper.make_node("Mul", ["centred", "scale"], ["scaled"]),
        helper.make_node("Clip", ["scaled", "low", "high"], ["inputs"]),
        helper.make_node("Gather", ["features", "column"], ["hybrid"], axis=1),
        helper.make_node("Mul", ["hybrid", "multiple"], ["base"]),
    ]

    def dense(name: str, source: str, target: str) -> None:
        constants[f"{name}.w"] = np.ascontiguousarray(weights[f"{name}.weight"].T)
        constants[f"{name}.b"] = weights[f"{name}.bias"]
        nodes.append(helper.make_node("MatMul", [source, f"{name}.w"], [f"{name}.product"], name=name))
        nodes.append(helper.make_node("Add", [f"{name}.product", f"{name}.b"], [target]))

    dense("linear", "inputs", "straight")
    sums = ["base", "straight"]
    if "hidden.0.weight" in weights:
        source = "inputs"
        if pruning.KEPT in weights:
            constants["kept"], source = weights[pruning.KEPT], "few"
            nodes.append(helper.make_node("Gather", ["inputs", "kept"], [source], axis=1))
        dense("hidden.0", source, "layer")
        nodes.append(helper.make_node("Relu", ["layer"], ["active"]))
        dense("hidden.3", "active", "bent")
        sums.append("bent")
    nodes.append(helper.make_node("Sum", sums, ["scores"]))
    kind = onnx.extra("onnx").TensorProto.FLOAT
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "ranker",
            [helper.make_tensor_value_info("features", kind, ["n", len(NAMES)])],
            [helper.make_tensor_value_info("scores", kind, ["n", 1])],
            [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", onnx.OPSET)],
        ir_version=8,
    )
    onnx.extra("onnx.checker").check_model(model)
    return model
