"""Read the constants of an ONNX file without the `onnx` package, which serving does without.

An ONNX file is a protocol buffer (`ModelProto`, onnx.proto); only its graph's initializers are looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from etalage.core.errors import ModelError

_GRAPH, _INITIALIZER = 7, 5
_DIMS, _TYPE, _FLOATS, _NAME, _RAW = 1, 2, 4, 8, 9
_TYPES: Final = {1: "<f4", 2: "u1", 3: "i1", 6: "<i4", 7: "<i8"}
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def constants(model: bytes) -> dict[str, npt.NDArray[Any]]:
    """The initializers of a model by name: those of float32, int8, uint8, int32 and int64.

    Raises:
        ModelError: these bytes are no ONNX model.
    """
    found = {}
    try:
        for field, graph in _fields(model):
            for inner, tensor in _fields(graph) if field == _GRAPH and isinstance(graph, bytes) else ():
                if inner == _INITIALIZER and isinstance(tensor, bytes):
                    found.update(_tensor(tensor))
    except (IndexError, ValueError, UnicodeDecodeError) as error:
        raise ModelError(
            "the model's constants cannot be read", value=f"{len(model)} bytes ({error})", remedy="Export it again."
        ) from None
    return found


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message: number, and a varint's value or the bytes. Raises IndexError, ValueError."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        size = {_FIXED64: 8, _FIXED32: 4}.get(kind)
        if kind == _BYTES:
            size, at = _varint(message, at)
        if size is None or at + size > len(message):
            raise ValueError(f"a field of kind {kind} at byte {at}")
        yield key >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _varints(packed: bytes) -> list[int]:
    found, at = [], 0
    while at < len(packed):
        value, at = _varint(packed, at)
        found.append(value)
    return found


def _tensor(message: bytes) -> dict[str, npt.NDArray[Any]]:
    """A tensor by its name; none of a type that is not read, or whose numbers are not in raw form or float32."""
    dims: list[int] = []
    kind, name, values = 0, "", b""
    for field, value in _fields(message):
        if field == _DIMS:
            dims += [value] if isinstance(value, int) else _varints(value)
        elif field == _TYPE and isinstance(value, int):
            kind = value
        elif field == _NAME and isinstance(value, bytes):
            name = value.decode()
        elif field in (_FLOATS, _RAW) and isinstance(value, bytes):
            values += value
    if kind not in _TYPES or not values:
        return {}
    return {name: np.frombuffer(values, _TYPES[kind]).reshape(dims)}
