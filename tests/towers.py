"""A tiny image model, made by the tests themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from etalage.core.encoders.image_manifest import Preprocessing

SIDE = 8
SMALL = Preprocessing(size=SIDE, crop=SIDE)


def write_model(
    path: Path,
    *,
    shape: tuple[Any, ...] = ("n", 3, SIDE, SIDE),
    dtype: str = "FLOAT",
    outputs: int = 1,
    pooled: bool = True,
    weight: float = 1.0,
    bias: float = 0.0,
) -> Path:
    """A model whose 6 features are the means of the 3 channels and, times `weight`, of their upper left quarters."""
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, getattr(onnx.TensorProto, dtype)
    half = SIDE // 2

    def constant(name: str, values: list[Any], of: int) -> Any:
        return helper.make_tensor(name, of, [len(values)], values)

    axes = [2, 3] if len(shape) == 4 else [1, 2]
    integers, floats = onnx.TensorProto.INT64, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("Cast", ["picture"], ["pixels"], to=floats),
        helper.make_node("Slice", ["pixels", "starts", "ends", "axes"], ["corner"]),
        helper.make_node("ReduceMean", ["pixels"], ["whole"], axes=axes, keepdims=int(not pooled)),
        helper.make_node("ReduceMean", ["corner"], ["quarter"], axes=axes, keepdims=int(not pooled)),
        helper.make_node("Concat", ["whole", "quarter"], ["both"], axis=1 if len(shape) == 4 else 0),
        helper.make_node("Mul", ["both", "weight"], ["weighted"]),
        helper.make_node("Add", ["weighted", "bias"], ["vector"]),
    ]
    initializers = [
        constant("starts", [0, 0], integers),
        constant("ends", [half, half], integers),
        constant("axes", axes, integers),
        constant("weight", [weight], floats),
        constant("bias", [bias], floats),
    ]
    rank = (2 if pooled else 4) if len(shape) == 4 else 1
    given = [helper.make_tensor_value_info("vector", floats, [None] * rank)]
    if outputs > 1:
        given.append(helper.make_tensor_value_info("whole", floats, [None] * rank))
    graph = helper.make_graph(nodes, "t", [helper.make_tensor_value_info("picture", kind, shape)], given, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(path))
    return path
