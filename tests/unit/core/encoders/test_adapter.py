"""A loaded adapter, and what it refuses; what is common to maps is tested with alignments. The model is one matrix product."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from etalage.core.encoders import adapter, maps
from etalage.core.encoders.adapter import AdapterManifest
from etalage.core.errors import FingerprintMismatch, ModelError, ModelNotFound

SWAP = np.array([[0, 2], [2, 0]], np.float32)


def model(weights: Any = SWAP) -> bytes:
    """An ONNX model: query float32 [n, d] → adapted float32 [n, d]."""
    onnx = pytest.importorskip("onnx")
    kind, helper = onnx.TensorProto.FLOAT, onnx.helper
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["query", "weights"], ["adapted"])],
        "adapter",
        [helper.make_tensor_value_info("query", kind, ["n", weights.shape[0]])],
        [helper.make_tensor_value_info("adapted", kind, ["n", weights.shape[1]])],
        [onnx.numpy_helper.from_array(weights, "weights")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    content: bytes = made.SerializeToString()
    return content


def manifest(**changes: Any) -> AdapterManifest:
    fields = {
        "fingerprint_text": "t1", "dim_text": 2, "model": "", "sha256": "", "seed": 0, "metrics": {}, "created_by": "",
        "queries": ("aa", "bb"),
    }  # fmt: skip
    return AdapterManifest.model_validate(fields | changes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    adapter.save(tmp_path / "products", manifest(), model())
    return tmp_path / "products"


def test_a_query_is_moved_and_of_unit_length(folder: Path) -> None:
    loaded = adapter.load(folder)
    vector = loaded.query(np.array([0.6, 0.8], np.float32))
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector, [0.8, 0.6], atol=1e-6)


def test_it_is_named_by_its_model(folder: Path) -> None:
    saved = adapter.save(folder, manifest(seed=3), model())
    loaded = adapter.load(folder).manifest
    assert loaded == saved and loaded.queries == ("aa", "bb")
    assert saved.name == f"adapter-{saved.sha256[:12]}"
    assert adapter.save(folder, manifest(), model(2 * SWAP)).name != saved.name


def test_another_encoder_is_refused(folder: Path) -> None:
    adapter.load(folder).check("t1")
    with pytest.raises(FingerprintMismatch, match="etalage train adapter"):
        adapter.load(folder).check("t2")


def test_a_vector_of_another_dimension_is_refused(folder: Path) -> None:
    with pytest.raises(FingerprintMismatch, match="etalage train adapter"):
        adapter.load(folder).query(np.zeros(3, np.float32))


def test_without_one_it_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="etalage train adapter"):
        adapter.load(tmp_path)


def test_a_model_that_was_changed_is_refused(folder: Path) -> None:
    next(folder.glob("*.onnx")).write_bytes(model(-SWAP))
    with pytest.raises(ModelError, match="not what was trained"):
        adapter.load(folder)


def test_an_alignment_is_no_adapter(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"kind": "adapter"', '"kind": "alignment"'))
    with pytest.raises(ModelError, match="kind"):
        adapter.load(folder)


def test_a_new_one_is_noticed(tmp_path: Path) -> None:
    watched = maps.Watched(tmp_path, adapter.load)
    assert watched.now() is None
    first = adapter.save(tmp_path, manifest(), model())
    found = watched.now()
    assert found is not None and found.manifest == first and watched.now() is found
    second = adapter.save(tmp_path, manifest(seed=9), model(3 * SWAP))
    written = (tmp_path / "manifest.json").stat().st_mtime_ns
    os.utime(tmp_path / "manifest.json", ns=(written + 1, written + 1))
    found = watched.now()
    assert found is not None and found.manifest == second
    (tmp_path / "manifest.json").unlink()
    assert watched.now() is None


def test_serving_needs_no_torch() -> None:
    told = "import sys, etalage.core.encoders.adapter; print({'torch', 'onnx'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", told], capture_output=True, text=True).stdout.strip() == "set()"
