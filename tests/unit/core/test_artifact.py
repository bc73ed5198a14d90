"""Artifacts written as a whole, read back, and refused when damaged."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etalage.core import artifact
from etalage.core.artifact import Artifact, Manifest, query_hash
from etalage.core.errors import ModelError, ModelNotFound


def manifest(model: bytes, name: str = "ranker-1", **fields: Any) -> Manifest:
    return Manifest(name, ("price", "bm25"), "c0ffee", sha256(model).hexdigest(), ("aa", "bb"), **fields)


def saved(root: Path, model: bytes = b"model", weights: bytes = b"") -> Path:
    return artifact.save(root, manifest(model), model, weights)


def test_what_is_saved_is_current_and_read_back(tmp_path: Path) -> None:
    root = tmp_path / "rankers"
    assert artifact.current(root) is None
    made = manifest(b"model", metrics={"test": {"ranked": 0.5}}, trained_on="a shop")
    folder = artifact.save(root, made, b"model", b"weights")
    assert artifact.current(root) == folder == root / "ranker-1"
    assert artifact.load(folder) == Artifact(made, b"model", b"weights")


def test_weights_may_be_missing(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    assert artifact.load(folder).weights == b""
    assert {path.name for path in folder.iterdir()} == {artifact.MODEL, artifact.MANIFEST}


def test_the_last_saved_is_current_and_those_before_stay(tmp_path: Path) -> None:
    first = artifact.save(tmp_path, manifest(b"1", "one"), b"1")
    second = artifact.save(tmp_path, manifest(b"2", "two"), b"2")
    assert artifact.current(tmp_path) == second
    assert (artifact.load(first).model, artifact.load(second).model) == (b"1", b"2")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["CURRENT", "one", "two"]


def test_one_of_the_same_name_is_replaced_whole(tmp_path: Path) -> None:
    saved(tmp_path, b"old", b"weights")
    folder = saved(tmp_path, b"new")
    assert artifact.load(folder) == Artifact(manifest(b"new"), b"new", b"")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["CURRENT", "ranker-1"]


def test_writing_alone_makes_nothing_current(tmp_path: Path) -> None:
    folder = artifact.write(tmp_path / "new" / "one", manifest(b"m"), b"m")
    assert artifact.current(tmp_path / "new") is None
    assert artifact.load(folder).model == b"m"


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.binary(max_size=50), st.binary(max_size=50), st.lists(st.text(st.characters(exclude_categories=["Cs"]))),
    st.dictionaries(st.text("abc"), st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | st.booleans() | st.none()),
)  # fmt: skip
def test_any_artifact_comes_back(
    tmp_path_factory: pytest.TempPathFactory, model: bytes, weights: bytes, names: list[str], metrics: dict[str, Any]
) -> None:
    made = replace(manifest(model, metrics=metrics), features=tuple(names), queries=tuple(names))
    folder = artifact.write(tmp_path_factory.mktemp("any") / "one", made, model, weights)
    assert artifact.load(folder) == Artifact(made, model, weights)


# damaged
@pytest.mark.parametrize("name", [artifact.MODEL, artifact.MANIFEST])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder = saved(tmp_path)
    (folder / name).unlink()
    with pytest.raises(ModelNotFound, match=f"incomplete.*{name}.*etalage train ranker"):
        artifact.load(folder)


def test_no_artifact_at_all(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="incomplete"):
        artifact.load(tmp_path / "none")


def test_another_model_than_described_is_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    (folder / artifact.MODEL).write_bytes(b"modem")
    with pytest.raises(ModelError, match="differs from what its manifest describes"):
        artifact.load(folder)


def test_another_format_is_refused(tmp_path: Path) -> None:
    folder = artifact.write(tmp_path / "one", manifest(b"m", format=2), b"m")
    with pytest.raises(ModelError, match="format 2, this version reads 1"):
        artifact.load(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"not json"])
def test_a_manifest_that_is_no_json_is_refused(tmp_path: Path, content: bytes) -> None:
    folder = saved(tmp_path)
    (folder / artifact.MANIFEST).write_bytes(content)
    with pytest.raises(ModelError, match="manifest is not JSON"):
        artifact.load(folder)


def described(**changes: Any) -> bytes:
    fields = {"name": "a", "features": ["x"], "contract": "c", "model_hash": "h", "queries": [], "format": 1}
    return orjson.dumps({name: value for name, value in (fields | changes).items() if value != "left out"})


@pytest.mark.parametrize(
    "content",
    [
        b"[]", b"1", b"null", b'"x"', b'{"format": 1}', described(features="left out"), described(queries=None),
        described(contract="left out"), described(more=1), described(features=3),
    ],
)  # fmt: skip
def test_a_manifest_of_another_shape_is_refused(tmp_path: Path, content: bytes) -> None:
    folder = saved(tmp_path)
    (folder / artifact.MANIFEST).write_bytes(content)
    with pytest.raises(ModelError, match=r"etalage train ranker"):
        artifact.load(folder)


# queries
def test_a_querys_hash_ignores_case_and_blanks() -> None:
    assert query_hash(" Red  SHOE ") == query_hash("red shoe") == query_hash("réd shoe")
    assert query_hash("red shoe") != query_hash("red shoes")
    assert len(query_hash("")) == 16
