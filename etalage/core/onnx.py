"""ONNX: sessions, export from torch, int8 quantization, and how close two versions of a model are.

Serving needs onnxruntime only; torch and onnx (the `train` extra) are imported when a model is exported.
"""

from __future__ import annotations

import importlib
import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from etalage.core.errors import ConfigError, ModelError

Floats = npt.NDArray[np.float32]

OPSET: Final = 17
"""Operator set of exported models: the first with LayerNormalization as one operator."""

TABLE: Final = 100_000
"""Numbers in a lookup table from which on it is quantized."""

NEIGHBOURS: Final = 10
"""Depth of the neighbour overlap in a parity report."""


def session(model: Path | bytes, *, threads: int = 1) -> Any:
    """An `onnxruntime.InferenceSession` on the CPU; its `run` may be called from several threads at once.

    Args:
        model: a file or the bytes of one.
        threads: threads that work on one call; 1 keeps it on the calling thread, without a pool that spins.

    Raises:
        ModelError: the file is missing or is no model that this onnxruntime can run.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Products with int8 weights stay in floating point, as the models were measured, on every version of onnxruntime.
    options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "1")
    try:
        return onnxruntime.InferenceSession(
            model if isinstance(model, bytes) else str(model), options, providers=["CPUExecutionProvider"]
        )
    # onnxruntime raises a class of its own per status code; their only common base is Exception.
    except Exception as error:
        raise ModelError(
            "the ONNX model cannot be loaded",
            value=f"{len(model)} bytes ({error})" if isinstance(model, bytes) else f"{model} ({error})",
            remedy="Export it again, or update onnxruntime.",
        ) from error


def run(session: Any, inputs: Mapping[str, npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
    """All outputs of a session for named inputs.

    Raises:
        ModelError: inputs of another name, type or shape than the model takes, or the run failed.
    """
    try:
        outputs: list[npt.NDArray[Any]] = session.run(None, dict(inputs))
    except Exception as error:
        shapes = ", ".join(f"{name} {array.dtype}{list(array.shape)}" for name, array in inputs.items())
        raise ModelError(
            "the ONNX model failed to run",
            value=f"{shapes} ({error})",
            remedy="Check that the model takes these inputs.",
        ) from error
    return outputs


def extra(module: str) -> Any:
    """Import a module of the `train` extra.

    Raises:
        ConfigError: it is not installed; says what to install.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(
            "this needs a package that is not installed",
            value=f"{module} ({error})",
            remedy="Run: pip install 'etalage[train]'",
        ) from error


def export(
    module: Any,
    example: Sequence[Any],
    path: Path,
    *,
    inputs: Sequence[str],
    outputs: Sequence[str],
    dynamic: Mapping[str, Mapping[int, str]],
) -> None:
    """Write a `torch.nn.Module` in evaluation mode as an fp32 ONNX file of opset `OPSET`.

    Args:
        module: what is traced; its `forward` takes `example` in order.
        example: one tensor per input.
        path: the file to write.
        inputs, outputs: their names, in order.
        dynamic: per name, the axes whose length may differ from the example's, each with a label.

    Raises:
        ConfigError: torch or onnx is not installed.
        ModelError: the module cannot be traced.
    """
    torch = extra("torch")
    extra("onnx")
    with _quiet(), torch.no_grad():
        try:
            torch.onnx.export(
                module.eval(),
                tuple(example),
                str(path),
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_axes={name: dict(axes) for name, axes in dynamic.items()},
                opset_version=OPSET,
                # The tracing exporter: seconds instead of minutes, and no packages beyond torch and onnx.
                dynamo=False,
            )
        except Exception as error:
            raise ModelError(
                "torch could not export the model",
                value=f"{type(module).__name__} ({error})",
                remedy="Only models that can be traced and are below 2 GB are supported.",
            ) from error


def quantize(source: Path, target: Path, *, exclude: Sequence[str] = ()) -> None:
    """Quantize an fp32 model: int8 weights per output channel, activations uint8 per call, lookup tables int8 per row.

    Weights of matrix products take 7 of their 8 bits, so that no processor's 16-bit intermediate sums saturate and a
    model gives the same vectors with and without VNNI instructions (onnxruntime, "Quantize ONNX models", *reduce_range*).

    Args:
        source: the fp32 file.
        target: the file to write.
        exclude: names of nodes kept in fp32.

    Raises:
        ConfigError: onnx is not installed.
        ModelError: the model cannot be read or quantized.
    """
    onnx = extra("onnx")
    quantization = extra("onnxruntime.quantization")
    with _quiet():
        try:
            model = onnx.load(str(source))
            _quantize_tables(model.graph, frozenset(exclude))
            quantization.quantize_dynamic(
                model,
                target,
                op_types_to_quantize=["MatMul", "Gemm"],
                per_channel=True,
                reduce_range=True,
                nodes_to_exclude=list(exclude),
            )
        except Exception as error:
            raise ModelError(
                "the model could not be quantized", value=f"{source} ({error})", remedy="Check the fp32 model."
            ) from error


def quantize_static(source: Path, target: Path, name: str, sample: Iterable[Floats]) -> None:
    """Quantize an fp32 model of one input: int8 weights per output channel, activations by the ranges that a sample shows.

    Args:
        source: the fp32 file.
        target: the file to write.
        name: the input.
        sample: values of it.

    Raises:
        ConfigError: onnx is not installed.
        ModelError: the model cannot be read or quantized.
    """
    extra("onnx")
    quantization = extra("onnxruntime.quantization")

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self._left = iter(sample)

        def get_next(self) -> dict[str, Floats] | None:
            values = next(self._left, None)
            return None if values is None else {name: values}

    with _quiet():
        try:
            quantization.quantize_static(
                str(source),
                str(target),
                Reader(),
                quant_format=quantization.QuantFormat.QDQ,
                op_types_to_quantize=["MatMul", "Gemm"],
                per_channel=True,
                reduce_range=True,
            )
        except Exception as error:
            raise ModelError(
                "the model could not be quantized", value=f"{source} ({error})", remedy="Check the fp32 model."
            ) from error


def quantize_weights(source: Path, target: Path) -> None:
    """Store the constant matrices of an fp32 model's products as int8 with a scale for each output channel; what is
    computed stays in floating point.

    Raises:
        ConfigError: onnx is not installed.
        ModelError: the model cannot be read.
    """
    onnx = extra("onnx")
    helper, arrays = onnx.helper, extra("onnx.numpy_helper")
    try:
        model = onnx.load(str(source))
    except Exception as error:
        raise ModelError("the model cannot be read", value=f"{source} ({error})", remedy="Export it again.") from error
    graph = model.graph
    constants = {one.name: one for one in graph.initializer}
    turned = []
    for node in list(graph.node):
        known = constants.get(node.input[1]) if node.op_type == "MatMul" else None
        if known is None:
            continue
        values = arrays.to_array(known)
        scale = (np.maximum(np.abs(values).max(axis=0), 1e-12) / 127).astype(np.float32)
        graph.initializer.remove(known)
        graph.initializer.extend(
            [
                arrays.from_array(np.rint(values / scale).astype(np.int8), f"{known.name}.int8"),
                arrays.from_array(scale, f"{known.name}.scale"),
            ]
        )
        turned.append(
            helper.make_node("DequantizeLinear", [f"{known.name}.int8", f"{known.name}.scale"], [known.name], axis=1)
        )
    for number, node in enumerate(turned):
        graph.node.insert(number, node)
    onnx.checker.check_model(model)
    onnx.save(model, str(target))


def _quantize_tables(graph: Any, exclude: frozenset[str]) -> None:
    """Turn each large `Gather` of constant rows into a gather of int8 rows times a gather of their scales.

    onnxruntime's own gives a whole table one scale, which its largest component then spoils for every token.
    """
    helper, arrays = extra("onnx.helper"), extra("onnx.numpy_helper")
    constants = {constant.name: constant for constant in graph.initializer}
    uses = [name for node in graph.node for name in node.input]
    nodes, gone = [], set()
    for node in graph.node:
        table = constants.get(node.input[0]) if node.op_type == "Gather" else None
        axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)
        if table is None or axis != 0 or node.name in exclude or uses.count(table.name) > 1:
            nodes.append(node)
            continue
        rows = arrays.to_array(table)
        if rows.ndim != 2 or rows.dtype != np.float32 or rows.size < TABLE:
            nodes.append(node)
            continue
        peak = np.abs(rows).max(axis=1, keepdims=True)
        scales = np.where(peak > 0, peak / 127, 1).astype(np.float32)
        name, output = table.name, node.output[0]
        graph.initializer.append(arrays.from_array(np.rint(rows / scales).astype(np.int8), f"{name}_int8"))
        graph.initializer.append(arrays.from_array(scales, f"{name}_scales"))
        gone.add(name)
        nodes += [
            helper.make_node("Gather", [f"{name}_int8", node.input[1]], [f"{output}_row_int8"], axis=0),
            helper.make_node("Gather", [f"{name}_scales", node.input[1]], [f"{output}_row_scale"], axis=0),
            helper.make_node(
                "Cast", [f"{output}_row_int8"], [f"{output}_row_float"], to=extra("onnx").TensorProto.FLOAT
            ),
            helper.make_node("Mul", [f"{output}_row_float", f"{output}_row_scale"], [output]),
        ]
    kept = [constant for constant in graph.initializer if constant.name not in gone]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(kept)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporters' deprecation and tracing warnings and advice, which no caller can act on."""

    def mute(record: logging.LogRecord) -> bool:
        return record.levelno > logging.WARNING

    root = logging.getLogger()
    root.addFilter(mute)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.removeFilter(mute)


@dataclass(frozen=True, slots=True)
class Parity:
    """How close two versions of a model are, from `parity` or `vector_parity`.

    `max_abs` is the largest difference of a component; `rank` Spearman's correlation of the scores; `overlap` the share
    of each query's `NEIGHBOURS` best that both name, averaged.
    """

    max_abs: float
    cosine_min: float
    cosine_mean: float
    rank: float
    overlap: float


def vector_parity(reference: Floats, candidate: Floats, queries: npt.NDArray[np.bool_]) -> Parity:
    """Compare the vectors that two versions of an encoder give to the same texts.

    Args:
        reference, candidate: float32 [n, d].
        queries: bool [n], which rows are queries; the rest are the passages that they are ranked against.

    Raises:
        ModelError: shapes differ, or a vector is not finite.
    """
    _comparable(reference, candidate)
    cosines = row_cosine(reference, candidate)
    scores = reference[queries] @ reference[~queries].T
    others = candidate[queries] @ candidate[~queries].T
    return Parity(
        max_abs=float(np.abs(reference - candidate).max()),
        cosine_min=float(cosines.min()),
        cosine_mean=float(cosines.mean()),
        rank=float(np.mean([rank_correlation(a, b) for a, b in zip(scores, others, strict=True)])),
        overlap=neighbour_overlap(scores, others),
    )


def _comparable(reference: Floats, candidate: Floats) -> None:
    if reference.shape != candidate.shape:
        raise ModelError(
            "the two versions of the model give other shapes",
            value=f"{list(reference.shape)} and {list(candidate.shape)}",
            remedy="Export the model again.",
        )
    if not (np.isfinite(reference).all() and np.isfinite(candidate).all()):
        raise ModelError("the model gives values that are not finite", remedy="Export it again from sound weights.")


def row_cosine(left: Floats, right: Floats) -> Floats:
    """Cosines of the rows of two float32 [n, d]: float32 [n]; 0 where a row is all zero."""
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    dots = np.einsum("ij,ij->i", left, right)
    cosines: Floats = np.divide(dots, norms, out=np.zeros(len(left), np.float32), where=norms > 0)
    return cosines


def rank_correlation(left: Floats, right: Floats) -> float:
    """Spearman's rank correlation of two score lists [n], equal scores sharing their mean rank; 1.0 for constant ones."""
    ranks = [_ranks(scores) - (len(scores) - 1) / 2 for scores in (left, right)]
    norm = float(np.linalg.norm(ranks[0]) * np.linalg.norm(ranks[1]))
    if norm == 0:
        return 1.0 if np.array_equal(ranks[0], ranks[1]) else 0.0
    return float(ranks[0] @ ranks[1]) / norm


def _ranks(scores: Floats) -> npt.NDArray[np.float64]:
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    means: npt.NDArray[np.float64] = ends - (counts + 1) / 2
    return means[inverse]


def neighbour_overlap(left: Floats, right: Floats, k: int = NEIGHBOURS) -> float:
    """Mean share of the k best columns per row that two score matrices [queries, passages] have in common."""
    k = min(k, left.shape[1])
    best = [np.argsort(-scores, axis=1, kind="stable")[:, :k] for scores in (left, right)]
    return float(np.mean([len(np.intersect1d(a, b)) / k for a, b in zip(*best, strict=True)]))
