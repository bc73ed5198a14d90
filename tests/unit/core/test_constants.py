"""Constants of ONNX files, read without the `onnx` package."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from etalage.core.constants import constants
from etalage.core.errors import ModelError

onnx = pytest.importorskip("onnx")

GIVEN: dict[str, npt.NDArray[Any]] = {
    "floats": np.array([[1.5, -2.0, 0.0], [3.0, 1e-9, -1e9]], np.float32),
    "bytes": np.arange(-128, 128, dtype=np.int8),
    "positive": np.array([0, 255], np.uint8),
    "whole": np.array([-(2**40), 7], np.int64),
    "one": np.array(4.0, np.float32),
}


def model(tensors: list[Any]) -> bytes:
    graph = onnx.helper.make_graph([], "none", [], [], tensors)
    content: bytes = onnx.helper.make_model(graph).SerializeToString()
    return content


def test_constants_are_those_that_were_written() -> None:
    found = constants(model([onnx.numpy_helper.from_array(value, name) for name, value in GIVEN.items()]))
    assert list(found) == list(GIVEN)
    for name, value in GIVEN.items():
        assert found[name].dtype == value.dtype
        assert np.array_equal(found[name], value) and found[name].shape == value.shape


def test_numbers_in_a_list_are_read_too() -> None:
    listed = onnx.helper.make_tensor("listed", onnx.TensorProto.FLOAT, [2, 2], [1.0, 2.0, 3.0, 4.0])
    assert constants(model([listed]))["listed"].tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_types_that_are_not_read_are_left_out() -> None:
    assert constants(model([onnx.numpy_helper.from_array(np.zeros(2, np.float64), "double")])) == {}


@pytest.mark.parametrize("content", [b"\xff", b"no model at all", b"\x3a\x7f"])
def test_other_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        constants(content)
