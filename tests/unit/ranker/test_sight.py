"""Where words lie among pictures: at once where the encoders share a space, through an alignment elsewhere."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from etalage.core.encoders import alignment
from etalage.core.encoders.alignment import AlignmentManifest
from etalage.core.errors import FingerprintMismatch, ModelError, ModelNotFound
from opensearch.engine import IndexSpec
from ranker.sight import Sight

PAIRED = IndexSpec("words", "t1", 3, 3, model_image="tower", fingerprint_image="i1")
OTHER = replace(PAIRED, fingerprint_image="i2", dim_image=2)
TEXT = np.array([0, 1, 0], np.float32)


def align(folder: Path, weights: list[list[float]], image: str = "i2") -> None:
    """Write an alignment: a text times the weights [3, 2]."""
    onnx = pytest.importorskip("onnx")
    kind, helper = onnx.TensorProto.FLOAT, onnx.helper
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["text", "weights"], ["picture"])],
        "alignment",
        [helper.make_tensor_value_info("text", kind, ["n", 3])],
        [helper.make_tensor_value_info("picture", kind, ["n", 2])],
        [onnx.numpy_helper.from_array(np.array(weights, np.float32), "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    manifest = AlignmentManifest.model_validate(
        {
            "fingerprint_text": "t1", "fingerprint_image": image, "dim_text": 3, "dim_image": 2, "model": "",
            "sha256": "", "pairs": 9, "groups": 8, "seed": 0, "metrics": {}, "created_by": "",
        }
    )  # fmt: skip
    alignment.save(folder, manifest, model.SerializeToString())


def test_a_shared_space_needs_nothing(tmp_path: Path) -> None:
    assert Sight({"i1": "words"}, tmp_path).vector(PAIRED, TEXT) is TEXT


@pytest.mark.parametrize("pairs", [{}, {"i1": "others"}, {"i2": "words"}])
def test_another_encoder_shares_no_space(tmp_path: Path, pairs: dict[str, str]) -> None:
    sight = Sight(pairs, tmp_path)
    with pytest.raises(ModelNotFound):
        sight.vector(PAIRED, TEXT)
    assert sight.seen(PAIRED, TEXT) is None


def test_without_pictures_there_is_nothing_to_see(tmp_path: Path) -> None:
    assert Sight({"": "words"}, tmp_path).seen(IndexSpec("words", "t1", 3), TEXT) is None


def test_an_alignment_leads_there_and_a_new_one_is_noticed(tmp_path: Path) -> None:
    sight = Sight({}, tmp_path)
    assert sight.seen(OTHER, TEXT) is None
    align(tmp_path, [[0, 0], [3, 4], [0, 0]])
    np.testing.assert_allclose(sight.vector(OTHER, TEXT), [0.6, 0.8], atol=1e-6)
    align(tmp_path, [[0, 0], [0, 1], [0, 0]])
    written = (tmp_path / "manifest.json").stat().st_mtime_ns
    os.utime(tmp_path / "manifest.json", ns=(written + 1, written + 1))
    np.testing.assert_allclose(sight.vector(OTHER, TEXT), [0, 1], atol=1e-6)


def test_one_of_other_pictures_is_refused_and_searched_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    align(tmp_path, [[0, 0], [3, 4], [0, 0]], image="i3")
    sight = Sight({}, tmp_path)
    with pytest.raises(FingerprintMismatch):
        sight.vector(OTHER, TEXT)
    with caplog.at_level(logging.WARNING):
        assert sight.seen(OTHER, TEXT) is None
    assert "other pictures" in caplog.text


def test_a_damaged_one_is_refused_and_searched_without(tmp_path: Path) -> None:
    align(tmp_path, [[0, 0], [3, 4], [0, 0]])
    next(tmp_path.glob("*.onnx")).write_bytes(b"x")
    sight = Sight({}, tmp_path)
    with pytest.raises(ModelError):
        sight.vector(OTHER, TEXT)
    assert sight.seen(OTHER, TEXT) is None
