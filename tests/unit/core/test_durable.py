"""Files replaced as a whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from etalage.core import durable


def test_the_content_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    for content in (b"old", b"new", b""):
        durable.replace(path, content)
        assert path.read_bytes() == content and os.listdir(path.parent) == ["file"]


def test_where_it_cannot_be_replaced_the_old_one_stays(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.mkdir()
    with pytest.raises(OSError):
        durable.replace(path, b"new")
    assert path.is_dir() and os.listdir(tmp_path) == ["file"]
