"""What leaves as ONNX: the graph, its int8 forms and the gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from etalage.core import onnx
from etalage.core.errors import ModelError
from ranker.training import export, fit
from ranker.training.dataset import Group
from ranker.training.fit import Recipe

from .networks import matrix, untrained

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

Groups = Callable[..., list[Group]]


@pytest.fixture(autouse=True)
def seeded(one_thread: None) -> None:
    """The same random weights in every test."""
    torch.manual_seed(3)


@pytest.mark.parametrize("hidden", [0, 8])
def test_the_graph_scores_as_the_network(hidden: int) -> None:
    fitted = untrained(Recipe(hidden, 0.0))
    session = onnx.session(export.graph(fitted.module).SerializeToString())
    rows = matrix(30) * 4 - 1.5  # beyond what is clipped
    scores = onnx.run(session, {"features": rows})[0]
    assert scores.shape == (30, 1) and scores.dtype == np.float32
    np.testing.assert_allclose(scores.reshape(-1), fitted.score(rows), atol=1e-4)


@pytest.mark.parametrize("hidden", [0, 16])
def test_the_int8_model_orders_alike(groups: Groups, hidden: int) -> None:
    fitted = untrained(Recipe(hidden, 0.0))
    recorded = groups(10, size=20)
    model, figures = export.export(fitted, recorded)
    assert set(figures) == {"form", "max_abs_fp32", "rank_int8", "ndcg_fp32", "ndcg_int8", "forms"}
    assert set(figures["forms"]) == {"fp32", "dynamic", "static", "weights"}
    assert all(set(one) == {"bytes", "rank", "ndcg", "loss", "us", "us_1000"} for one in figures["forms"].values())
    assert figures["rank_int8"] == pytest.approx(
        max(figures["forms"][name]["rank"] for name in ("dynamic", "static", "weights")), abs=1e-5
    )
    assert figures["max_abs_fp32"] <= 1e-3 and figures["rank_int8"] >= 0.98
    assert figures["ndcg_fp32"] == pytest.approx(fit.mean_ndcg(recorded, fitted.score), abs=1e-5)
    scores = onnx.run(onnx.session(model), {"features": matrix(20)})[0].reshape(-1)
    assert onnx.rank_correlation(scores, fitted.score(matrix(20))) > 0.95


def test_smaller_networks_are_measured_and_never_served(groups: Groups) -> None:
    fitted = untrained(Recipe(8, 0.0))
    figures = export.export(fitted, groups(3), groups(5, seed=1), pruned=True)[1]
    assert figures["form"] in export.INT8
    forms = figures["forms"]
    for kind in ("weights at zero", "units", "features"):
        assert {f"50% of the {kind}", f"50% of the {kind}, int8 weights"} < set(forms)
    for kind in ("units", "features"):
        assert forms[f"50% of the {kind}"]["bytes"] < forms["50% of the weights at zero"]["bytes"]
    assert all(one["loss"] == pytest.approx(forms["fp32"]["ndcg"] - one["ndcg"], abs=2e-6) for one in forms.values())
    linear = export.export(untrained(Recipe(0, 0.0)), groups(3), pruned=True)[1]
    assert set(linear["forms"]) == {"fp32", *export.INT8}


def test_int8_may_lose_what_few_queries_cannot_tell(groups: Groups, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted, given = untrained(Recipe(4, 0.0)), export._figures

    def lossy(path: Any, *others: Any) -> dict[str, float]:
        return given(path, *others) | {"ndcg": 0.5 if path.name == "fp32.onnx" else 0.495}

    monkeypatch.setattr(export, "_figures", lossy)
    export.export(fitted, groups(20))
    with pytest.raises(ModelError, match=r"ndcg_fp32 0\.5, ndcg_int8 0\.495"):
        export.export(fitted, groups(80))


def test_a_model_that_scores_otherwise_does_not_leave(groups: Groups) -> None:
    fitted = untrained(Recipe(0, 0.0))

    class Shifted:
        """Scores higher than its weights say."""

        def __call__(self, rows: Any) -> Any:
            return fitted.module(rows) + 0.01

        def state_dict(self) -> Any:
            return fitted.module.state_dict()

    with pytest.raises(ModelError, match=r"does not score as the trained one: max_abs_fp32 0\.01.*--seed"):
        export.export(replace(fitted, module=Shifted()), groups(3))


def test_requests_without_candidates_compare_as_equal(groups: Groups) -> None:
    fitted = untrained(Recipe(0, 0.0))
    (one,) = groups(1)
    none = np.zeros(0, np.float32)
    empty = Group("nothing", [], one.features[:0], none, none, none, {"gone": 1.0})
    _, figures = export.export(fitted, [one, empty])
    assert figures["max_abs_fp32"] <= 1e-3


def test_int8_weights_are_smaller_and_exact_but_for_rounding(tmp_path: Any) -> None:
    fitted = untrained(Recipe(64, 0.0))
    helper = pytest.importorskip("onnx")
    fp32, weights = tmp_path / "fp32.onnx", tmp_path / "weights.onnx"
    helper.save(export.graph(fitted.module), str(fp32))
    onnx.quantize_weights(fp32, weights)
    assert weights.stat().st_size < 0.6 * fp32.stat().st_size
    rows = matrix(50)
    scores = [onnx.run(onnx.session(path), {"features": rows})[0] for path in (fp32, weights)]
    assert 0 < np.abs(scores[0] - scores[1]).max() < 0.1
    with pytest.raises(ModelError, match="cannot be read"):
        onnx.quantize_weights(tmp_path / "none.onnx", weights)


def test_static_ranges_come_from_the_sample(tmp_path: Any) -> None:
    fitted = untrained(Recipe(8, 0.0))
    helper = pytest.importorskip("onnx")
    fp32, static = tmp_path / "fp32.onnx", tmp_path / "static.onnx"
    helper.save(export.graph(fitted.module), str(fp32))
    onnx.quantize_static(fp32, static, "features", iter([matrix(100)]))
    rows = matrix(50, seed=1)
    scores = [onnx.run(onnx.session(path), {"features": rows})[0].reshape(-1) for path in (fp32, static)]
    assert onnx.rank_correlation(*scores) > 0.95
