"""A loaded alignment, and what it refuses. The models are a single matrix product, written with onnx."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from etalage.core.encoders import alignment, maps
from etalage.core.encoders.alignment import Alignment, AlignmentManifest
from etalage.core.errors import FingerprintMismatch, ModelError, ModelNotFound

WEIGHTS = np.array([[3, 0, 0, 4], [0, 1, 0, 0], [0, 0, 0, 0]], np.float32)


def model(weights: Any = WEIGHTS) -> bytes:
    """An ONNX model: text float32 [n, d] → picture float32 [n, dim]."""
    onnx = pytest.importorskip("onnx")
    kind, helper = onnx.TensorProto.FLOAT, onnx.helper
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["text", "weights"], ["picture"])],
        "alignment",
        [helper.make_tensor_value_info("text", kind, ["n", weights.shape[0]])],
        [helper.make_tensor_value_info("picture", kind, ["n", weights.shape[1]])],
        [onnx.numpy_helper.from_array(weights, "weights")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    content: bytes = made.SerializeToString()
    return content


def manifest(**changes: Any) -> AlignmentManifest:
    fields = {
        "fingerprint_text": "t1", "fingerprint_image": "i1", "dim_text": 3, "dim_image": 4, "model": "", "sha256": "",
        "pairs": 9, "groups": 8, "seed": 0, "metrics": {}, "created_by": "",
    }  # fmt: skip
    return AlignmentManifest.model_validate(fields | changes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    alignment.save(tmp_path / "products", manifest(), model())
    return tmp_path / "products"


def test_a_query_is_mapped_and_of_unit_length(folder: Path) -> None:
    loaded = alignment.load(folder)
    vector = loaded.query(np.array([2, 0, 0], np.float32))
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector, [0.6, 0, 0, 0.8], atol=1e-6)
    assert loaded.dim == 4 and loaded.manifest.created_by.startswith("etalage")


def test_a_text_that_points_nowhere_has_a_vector_too(folder: Path) -> None:
    vector = alignment.load(folder).query(np.array([0, 0, 1], np.float32))
    assert np.linalg.norm(vector) == 1


@pytest.mark.parametrize("bad", [np.zeros(4, np.float32), np.zeros((1, 3), np.float32)])
def test_a_vector_of_another_dimension_is_refused(folder: Path, bad: Any) -> None:
    with pytest.raises(FingerprintMismatch, match="etalage train align"):
        alignment.load(folder).query(bad)


def test_a_vector_that_is_not_finite_is_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match="finite"):
        alignment.load(folder).query(np.array([np.nan, 0, 0], np.float32))


@pytest.mark.parametrize("found", [("t2", "i1", 4), ("t1", "i2", 4), ("t1", "", 4), ("t1", "i1", 5)])
def test_other_encoders_are_refused(folder: Path, found: tuple[str, str, int]) -> None:
    loaded = alignment.load(folder)
    loaded.check("t1", "i1", 4)
    with pytest.raises(FingerprintMismatch, match="etalage train align"):
        loaded.check(*found)


def test_without_one_it_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="etalage train align"):
        alignment.load(tmp_path / "nothing")


def test_a_new_one_replaces_the_old(folder: Path) -> None:
    alignment.save(folder, manifest(seed=7), model(-WEIGHTS))
    loaded = alignment.load(folder)
    assert loaded.manifest.seed == 7
    np.testing.assert_allclose(loaded.query(np.array([1, 0, 0], np.float32)), [-0.6, 0, 0, -0.8], atol=1e-6)
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", loaded.manifest.model]


def test_the_same_one_again_stays_readable(folder: Path) -> None:
    alignment.save(folder, manifest(), model())
    alignment.load(folder)


def test_one_put_in_place_while_it_is_read_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stale = alignment.read(folder)
    alignment.save(folder, manifest(seed=7), model(-WEIGHTS))
    answers = iter([stale, alignment.read(folder)])
    monkeypatch.setattr(maps, "read", lambda folder, kind: next(answers))
    assert alignment.load(folder).manifest.seed == 7


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"format": 2}, "Update Etalage"),
        ({"format": 0}, "etalage train align"),
        ({"dim_text": 0}, "dim_text"),
        ({"model": "../model.onnx"}, "names no file"),
        ({"model": "gone.onnx"}, "cannot be read"),
        ({"sha256": "0" * 64}, "not what was trained"),
        ({"dim_image": 5}, "finite vector of its size"),
    ],
)
def test_a_damaged_one_is_refused(folder: Path, changes: dict[str, Any], match: str) -> None:
    known = alignment.read(folder)
    (folder / "manifest.json").write_text(known.model_copy(update=changes).model_dump_json(warnings=False))
    with pytest.raises(ModelError, match=match):
        alignment.load(folder)


def test_a_manifest_that_is_no_json_is_refused(folder: Path) -> None:
    (folder / "manifest.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        alignment.load(folder)


def test_a_model_that_is_none_is_refused() -> None:
    with pytest.raises(ModelError, match="cannot be loaded"):
        Alignment(manifest(), b"none")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="cannot be written"):
        alignment.save(tmp_path / "file" / "products", manifest(), b"model")


def test_serving_needs_no_torch() -> None:
    told = "import sys, etalage.core.encoders.alignment; print({'torch', 'onnx'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", told], capture_output=True, text=True).stdout.strip() == "set()"
