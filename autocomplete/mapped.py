"""One file of named arrays: written in one step, checked, mapped into memory by all who read it."""

from __future__ import annotations

import mmap
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from uuid import uuid4
from zlib import crc32

import numpy as np
import numpy.typing as npt
import orjson

from etalage.core.errors import EngineError

MAGIC: Final = b"ETALAGE-COMPLETIONS"
VERSION: Final = 4
CHECKED: Final = 32 << 20
"""Bytes up to which all of a file is checked when it is opened; of larger ones the head and the size are."""

REMEDY: Final = "Build them again with `etalage events import FILE` or `etalage index FILE`."
_ALIGN: Final = 64

Arrays = dict[str, npt.NDArray[Any]]


def write(path: Path, arrays: Mapping[str, npt.NDArray[Any]], meta: Mapping[str, Any]) -> None:
    """Write arrays and `meta` (JSON) as a file, whole or not at all. Raises OSError."""
    at, sections = 0, dict[str, dict[str, Any]]()
    for name, array in arrays.items():
        at = _aligned(at)
        sections[name] = {"at": at, "dtype": array.dtype.str, "shape": array.shape, "crc": crc32(_bytes(array))}
        at += array.nbytes
    head = orjson.dumps({"sections": sections, "meta": meta, "size": at})
    line = b"%s %d %d %08x\n" % (MAGIC, VERSION, len(head), crc32(head))
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        with open(draft, "wb") as file:
            file.write(line + head)
            begin = _aligned(file.tell())
            for name, array in arrays.items():
                file.seek(begin + int(sections[name]["at"]))
                file.write(_bytes(array))
            file.truncate(begin + at)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def read(path: Path) -> tuple[Arrays, dict[str, Any]]:
    """The arrays of a file, mapped and read-only, and its `meta`.

    Raises:
        EngineError: it is missing, damaged, or of another version.
    """
    try:
        with open(path, "rb") as file:
            line = file.readline(128)
            size = _head(path, line)
            head = file.read(size)
            if crc32(head) != int(line.split()[3], 16):
                raise _damaged(path)
            begin = _aligned(len(line) + len(head))
            about = orjson.loads(head)
            if os.fstat(file.fileno()).st_size != begin + about["size"]:
                raise _damaged(path)
            whole = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as error:
        raise EngineError(f"completions cannot be read ({error.strerror})", value=path, remedy=REMEDY) from None
    arrays = {name: _array(whole, begin, one) for name, one in about["sections"].items()}
    if about["size"] <= CHECKED:
        for name, array in arrays.items():
            if crc32(_bytes(array)) != about["sections"][name]["crc"]:
                raise _damaged(path)
    return arrays, about["meta"]


def _head(path: Path, line: bytes) -> int:
    parts = line.split()
    if len(parts) < 3 or parts[0] != MAGIC:
        raise EngineError("this is no file of completions", value=path, remedy=REMEDY)
    if parts[1] != b"%d" % VERSION:
        told = parts[1].decode(errors="replace")
        raise EngineError(f"completions of version {told}, this one reads {VERSION}", value=path, remedy=REMEDY)
    try:
        int(parts[3], 16)
        return int(parts[2])
    except (ValueError, IndexError):
        raise _damaged(path) from None


def _array(whole: memoryview, begin: int, one: Mapping[str, Any]) -> npt.NDArray[Any]:
    count = int(np.prod(one["shape"], dtype=np.int64))
    return np.frombuffer(whole, np.dtype(one["dtype"]), count, begin + one["at"]).reshape(one["shape"])


def _aligned(at: int) -> int:
    return -(-at // _ALIGN) * _ALIGN


def _bytes(array: npt.NDArray[Any]) -> memoryview:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _damaged(path: Path) -> EngineError:
    return EngineError("the file of completions is damaged", value=path, remedy=REMEDY)
