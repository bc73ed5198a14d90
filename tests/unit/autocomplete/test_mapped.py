"""Files of arrays: read back, or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from autocomplete import mapped
from etalage.core.errors import EngineError

ARRAYS = {
    "numbers": np.arange(5, dtype=np.uint32),
    "table": np.arange(6, dtype=np.int8).reshape(3, 2),
    "none": np.empty((0, 4), np.uint8),
}


def test_arrays_and_meta_are_read_back(tmp_path: Path) -> None:
    mapped.write(tmp_path / "new" / "a.etg", ARRAYS, {"completions": 5})
    arrays, meta = mapped.read(tmp_path / "new" / "a.etg")
    assert meta == {"completions": 5} and list(arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype and np.array_equal(arrays[name], array)
        assert not arrays[name].flags.writeable
    assert [one.name for one in (tmp_path / "new").iterdir()] == ["a.etg"]


def test_any_damaged_byte_that_counts_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.etg"
    mapped.write(path, ARRAYS, {"completions": 5})
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
        try:
            arrays, meta = mapped.read(path)
        except EngineError as error:
            assert "etalage index FILE" in error.remedy
        else:
            # Between the arrays.
            assert meta == {"completions": 5} and all(np.array_equal(arrays[name], ARRAYS[name]) for name in ARRAYS)
    for end in range(0, len(whole), 7):
        path.write_bytes(whole[:end])
        with pytest.raises(EngineError):
            mapped.read(path)


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.etg"
    mapped.write(path, ARRAYS, {})
    path.write_bytes(path.read_bytes().replace(b" %d " % mapped.VERSION, b" 99 ", 1))
    with pytest.raises(EngineError, match=f"completions of version 99, this one reads {mapped.VERSION}"):
        mapped.read(path)
    path.write_bytes(b"[]\n")
    with pytest.raises(EngineError, match="no file of completions"):
        mapped.read(path)
    with pytest.raises(EngineError, match="cannot be read .*No such file"):
        mapped.read(tmp_path / "none.etg")
