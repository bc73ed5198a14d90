"""Checked files: what is written is read, and what was harmed is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etalage.core.errors import EngineError
from ranker.behaviour import checked


@given(st.binary(max_size=200))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, body: bytes) -> None:
    path = tmp_path_factory.mktemp("checked") / "file"
    checked.write(path, b"MAGIC", 3, body)
    assert checked.read(path, b"MAGIC", 3, "it", "Do so.") == body


def test_a_file_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert checked.read(tmp_path / "file", b"MAGIC", 3, "it", "Do so.") is None


@pytest.mark.parametrize(
    ("magic", "version", "harm", "said"),
    [
        (b"OTHER", 3, b"", "it is of another version, or none at all"),
        (b"MAGIC", 4, b"", "it is of another version, or none at all"),
        (b"MAGIC", 3, b"!", "it is damaged"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, magic: bytes, version: int, harm: bytes, said: str) -> None:
    path = tmp_path / "file"
    checked.write(path, b"MAGIC", 3, b"body")
    path.write_bytes(path.read_bytes() + harm)
    with pytest.raises(EngineError, match=said):
        checked.read(path, magic, version, "it", "Do so.")


def test_a_folder_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="it cannot be read"):
        checked.read(tmp_path, b"MAGIC", 3, "it", "Do so.")
