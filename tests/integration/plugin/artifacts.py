"""Artifacts that tests push: small rankers, built of a few operators."""

from __future__ import annotations

import io
import zipfile
from hashlib import sha256
from typing import Any

import orjson
import pytest

from ranker.features import NAMES, contract_hash

onnx = pytest.importorskip("onnx")
helper, FLOAT = onnx.helper, onnx.TensorProto.FLOAT
ANY = {"content-type": "application/*"}


def zipped(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def artifact(model: bytes, **changes: Any) -> dict[str, bytes]:
    """The files of an artifact around a model."""
    told = {
        "name": "own",
        "format": 1,
        "features": NAMES,
        "contract": contract_hash(),
        "model_hash": sha256(model).hexdigest(),
    }
    return {"manifest.json": orjson.dumps(told | changes), "model.onnx": model}


def network(*nodes: Any, columns: int = len(NAMES), weights: tuple[Any, ...] = ()) -> bytes:
    """A model of the shape of a ranker's."""
    ends = (
        [helper.make_tensor_value_info("features", FLOAT, ["n", columns])],
        [helper.make_tensor_value_info("scores", FLOAT, ["n"])],
    )
    graph = helper.make_graph(list(nodes), "own", *ends, list(weights))
    model: bytes = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    ).SerializeToString()
    return model


def largest(output: str) -> Any:
    """The largest number of each row."""
    return helper.make_node("ReduceMax", ["features"], [output], axes=[1], keepdims=0)


def ranking(columns: int = len(NAMES)) -> bytes:
    return network(largest("scores"), columns=columns)


def endless() -> bytes:
    """A loop whose condition stays true."""
    true = helper.make_node("Constant", [], ["go"], value=helper.make_tensor("go", onnx.TensorProto.BOOL, [], [True]))
    body = helper.make_graph(
        [helper.make_node("Identity", ["before"], ["after"]), helper.make_node("Identity", ["held"], ["kept"])],
        "body",
        [
            helper.make_tensor_value_info("turn", onnx.TensorProto.INT64, []),
            helper.make_tensor_value_info("before", onnx.TensorProto.BOOL, []),
            helper.make_tensor_value_info("held", FLOAT, ["n"]),
        ],
        [
            helper.make_tensor_value_info("after", onnx.TensorProto.BOOL, []),
            helper.make_tensor_value_info("kept", FLOAT, ["n"]),
        ],
    )
    return network(true, largest("top"), helper.make_node("Loop", ["", "go", "top"], ["scores"], body=body))


def elsewhere() -> bytes:
    """Weights that lie in another file."""
    weights = onnx.TensorProto(name="w", data_type=FLOAT, dims=[1], data_location=onnx.TensorProto.EXTERNAL)
    weights.external_data.add(key="location", value="../../../../etc/passwd")
    return network(largest("top"), helper.make_node("Add", ["top", "w"], ["scores"]), weights=(weights,))


def hostile(good: bytes) -> dict[str, bytes]:
    """What is no artifact that ranks, by what is wrong with it; `good` is one."""
    model = ranking()
    zero = helper.make_node("Sub", ["top", "top"], ["zero"])
    return {
        "nothing": b" ",
        "no zip": b"hello" * 1000,
        "cut off": good[: len(good) // 2],
        "no model": zipped({"manifest.json": b"{}"}),
        "not ONNX": zipped(artifact(b"not a model")),
        "other hash": zipped(artifact(model, model_hash="0" * 64)),
        "other contract": zipped(artifact(model, contract="0" * 16)),
        "other features": zipped(artifact(model, features=NAMES[::-1])),
        "a path": zipped(artifact(model) | {"../../evil.so": b"x"}),
        "a path in the manifest": zipped({"manifest.json": b'{"name": "../../etc"', "model.onnx": model}),
        "one column less": zipped(artifact(ranking(len(NAMES) - 1))),
        "no output": zipped(artifact(network())),
        "an unknown operator": zipped(artifact(network(helper.make_node("Nonsense", ["features"], ["scores"])))),
        "another domain": zipped(artifact(network(helper.make_node("Op", ["features"], ["scores"], domain="evil")))),
        "an endless loop": zipped(artifact(endless())),
        "weights elsewhere": zipped(artifact(elsewhere())),
        "a bomb": zipped(artifact(model) | {"encoder/model.onnx": bytes(200 << 20)}),
        "not finite": zipped(
            artifact(network(largest("top"), zero, helper.make_node("Div", ["top", "zero"], ["scores"])))
        ),
    }
