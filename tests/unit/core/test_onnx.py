from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from etalage.core import onnx
from etalage.core.errors import ConfigError, ModelError


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An fp32 file: rows of a table [4000, 32], looked up, times a matrix [32, 8]."""
    torch = pytest.importorskip("torch")

    class Lookup(torch.nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(3)
            self.table = torch.nn.Embedding(4000, 32)
            # One row a thousand times larger: one scale for the whole table would erase the others.
            self.table.weight.data[5] *= 1000
            self.weight = torch.nn.Parameter(torch.randn(32, 8))

        def forward(self, ids: object) -> object:
            return self.table(ids) @ self.weight

    path = tmp_path_factory.mktemp("onnx") / "lookup.onnx"
    onnx.export(
        Lookup(),
        (torch.tensor([[1, 2, 3]]),),
        path,
        inputs=("ids",),
        outputs=("out",),
        dynamic={"ids": {0: "n", 1: "l"}, "out": {0: "n", 1: "l"}},
    )
    return path


def test_an_exported_module_takes_other_shapes_than_its_example(graph: Path) -> None:
    session = onnx.session(graph)
    (out,) = onnx.run(session, {"ids": np.array([[0, 1, 2, 3, 4], [9, 8, 7, 6, 5]])})
    (row,) = onnx.run(session, {"ids": np.array([[9]])})
    assert out.shape == (2, 5, 8) and out.dtype == np.float32
    np.testing.assert_allclose(out[1, 0], row[0, 0], rtol=1e-5)


def test_quantizing_keeps_the_direction_of_every_row_of_a_table(graph: Path, tmp_path: Path) -> None:
    target = tmp_path / "int8.onnx"
    onnx.quantize(graph, target)
    assert target.stat().st_size < graph.stat().st_size / 3
    fp32, int8 = onnx.session(graph), onnx.session(target)
    for ids in (np.array([[7]]), np.array([[5]]), np.array([[3999]])):
        left, right = onnx.run(fp32, {"ids": ids})[0][0], onnx.run(int8, {"ids": ids})[0][0]
        assert onnx.row_cosine(left, right)[0] > 0.999


def test_quantizing_leaves_excluded_nodes_alone(graph: Path, tmp_path: Path) -> None:
    import onnx as library

    names = [node.name for node in library.load(str(graph)).graph.node]
    onnx.quantize(graph, tmp_path / "same.onnx", exclude=names)
    ids = {"ids": np.array([[1, 5]])}
    left, right = onnx.run(onnx.session(graph), ids), onnx.run(onnx.session(tmp_path / "same.onnx"), ids)
    np.testing.assert_array_equal(left[0], right[0])


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a model")
    for model in (path, tmp_path / "missing.onnx", b"not a model"):
        with pytest.raises(ModelError, match="cannot be loaded"):
            onnx.session(model)
    with pytest.raises(ModelError, match=r"could not be quantized: .*broken\.onnx"):
        onnx.quantize(path, tmp_path / "out.onnx")


def test_inputs_that_the_model_does_not_take_are_named(graph: Path) -> None:
    with pytest.raises(ModelError, match=r"ids float32\[1, 2\]"):
        onnx.run(onnx.session(graph), {"ids": np.zeros((1, 2), np.float32)})


def test_a_module_that_cannot_be_traced_is_refused(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")

    class Broken(torch.nn.Module):  # type: ignore[misc,name-defined]
        def forward(self, x: object) -> object:
            raise ValueError("no way")

    with pytest.raises(ModelError, match=r"Broken \(no way\)"):
        onnx.export(Broken(), (torch.ones(1),), tmp_path / "x.onnx", inputs=("x",), outputs=("y",), dynamic={})


def test_exporting_does_not_change_how_warnings_are_treated(graph: Path, tmp_path: Path) -> None:
    before = list(warnings.filters)
    onnx.quantize(graph, tmp_path / "int8.onnx")
    assert list(warnings.filters) == before


def test_a_missing_package_says_what_to_install() -> None:
    with pytest.raises(ConfigError, match=r"no_such_package.*pip install 'etalage\[train\]'"):
        onnx.extra("no_such_package")


def test_rank_correlation_by_hand() -> None:
    a = np.array([1, 2, 3, 4], np.float32)
    assert onnx.rank_correlation(a, a * 10) == pytest.approx(1)
    assert onnx.rank_correlation(a, -a) == pytest.approx(-1)
    # Squared rank differences 0, 1, 1, 0: 1 - 6 * 2 / (4 * 15).
    assert onnx.rank_correlation(a, np.array([1, 3, 2, 4], np.float32)) == pytest.approx(0.8)
    assert onnx.rank_correlation(a, np.ones(4, np.float32)) == 0.0


@settings(deadline=None)
@given(hnp.arrays(np.float32, st.integers(3, 30), elements=st.integers(-5, 5).map(float)), st.integers(0, 10**6))
def test_rank_correlation_agrees_with_scipy(left: onnx.Floats, seed: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    right = np.random.default_rng(seed).integers(-5, 5, len(left)).astype(np.float32)
    if len(set(left)) > 1 and len(set(right)) > 1:
        assert onnx.rank_correlation(left, right) == pytest.approx(stats.spearmanr(left, right).statistic, abs=1e-9)


def test_neighbour_overlap_by_hand() -> None:
    left = np.array([[3, 2, 1, 0], [3, 2, 1, 0]], np.float32)
    right = np.array([[3, 2, 1, 0], [3, 0, 1, 2]], np.float32)
    assert onnx.neighbour_overlap(left, right, k=2) == pytest.approx((1 + 0.5) / 2)
    assert onnx.neighbour_overlap(left, right) == 1.0


def test_vector_parity_by_hand() -> None:
    reference = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    candidate = np.array([[1, 0], [0.8, 0.6], [0, 1]], np.float32)
    parity = onnx.vector_parity(reference, candidate, np.array([True, False, False]))
    assert parity.max_abs == pytest.approx(0.6)
    assert parity.cosine_min == pytest.approx(0.8)
    assert parity.cosine_mean == pytest.approx(2.8 / 3)
    assert parity.rank == pytest.approx(1) and parity.overlap == 1


def test_vectors_of_other_shapes_or_not_finite_are_refused() -> None:
    good, flags = np.ones((2, 3), np.float32), np.array([True, False])
    with pytest.raises(ModelError, match=r"other shapes: \[2, 3\] and \[2, 2\]"):
        onnx.vector_parity(good, good[:, :2], flags)
    with pytest.raises(ModelError, match="not finite"):
        onnx.vector_parity(good, good * np.float32(np.nan), flags)
