"""`etalage train ranker --folds`, `--ablate` and `--compare`: what is measured, and that nothing is kept."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from ranker.features import FEATURES

from .conftest import Run, process, refused

COLOURS, THINGS = ("red", "blue", "green", "black"), ("couch", "lamp", "rug", "mug")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for module in ("torch", "onnx", "lightgbm"):
        pytest.importorskip(module)
    folder = tmp_path_factory.mktemp("shop")
    names = [f"{colour} {thing}" for colour in COLOURS for thing in THINGS]
    rows = [f"{name.replace(' ', '-')},{name}" for name in names]
    (folder / "feed.csv").write_text("\n".join(["sku,name", *rows]) + "\n")
    judged = [f"{name},{name.replace(' ', '-')},1" for name in names]
    (folder / "qrels.csv").write_text("\n".join(["query,docid,rating", *judged]) + "\n")
    assert process("index", folder / "feed.csv", "--json", home=folder / "home").code == 0
    return folder


def test_studies_are_told_and_nothing_is_kept(etalage: Run, home: Path) -> None:
    words = ("train", "ranker", "--qrels", home / "qrels.csv", "--minutes", 0.1, "--folds", 2, "--ablate", "--compare")
    result = etalage(*words, "--json", home=home / "home")
    assert result.code == 0, result.stderr
    found = orjson.loads(result.stdout)
    assert list(found) == ["folds", "ablation", "recipes"]
    assert (found["folds"]["queries"], found["folds"]["folds"]) == (16, 2)
    # A judged product alone is always in its place.
    assert found["folds"]["judged_only"]["test"]["hybrid"] == 1.0
    assert set(found["ablation"]["without"]) == {"", *(one.family for one in FEATURES)}
    assert any(name.startswith("LightGBM") for name in found["recipes"]["models"])
    assert not (home / "home" / "rankers").exists()


def test_people_get_tables(etalage: Run, home: Path) -> None:
    result = etalage(
        "train", "ranker", "--qrels", home / "qrels.csv", "--minutes", 0.1, "--folds", 2, home=home / "home"
    )
    assert result.code == 0, result.stderr
    told = result.stdout.decode()
    assert "judged products only" in told and "95 % interval" in told and "16 queries" in told


def test_more_folds_than_queries_are_refused(etalage: Run, home: Path) -> None:
    result = etalage("train", "ranker", "--qrels", home / "qrels.csv", "--folds", 40, "--json", home=home / "home")
    refused(result, "model_error", "too few judged queries for so many folds", "--folds")


def test_nothing_that_is_only_measured_can_be_forced(etalage: Run, home: Path) -> None:
    words = ("train", "ranker", "--qrels", home / "qrels.csv", "--force")
    for study in (("--folds", 2), ("--ablate",), ("--compare",)):
        result = etalage(*words, *study, home=home / "home")
        assert result.code == 2 and "keep nothing" in " ".join(result.stderr.split())
