"""`etalage plugin`, with stand-ins for Maven and the node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from opensearch.node import plugin as built
from workers import plugin

from .conftest import Run, refused

MODEL = {
    "name": "products",
    "version": 3,
    "current": {"title": "ranker-1", "encoder": "abcd", "size": 2_000_000},
    "previous": None,
}
STATS = {
    "node": "n1",
    "counts": {"searches": 1200},
    "stages": {"rank": {"count": 1200, "p50_us": 310.4, "p99_us": 900.0}},
    "degraded": {"late": 2},
    "models": {"products": {"title": "ranker-1"}, "other": {"trouble": "there is no model of this name"}},
}


def test_building_hands_over_what_the_tests_compare_with(
    etalage: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    zipped = tmp_path / "one.zip"
    zipped.write_bytes(b"x" * 1_500_000)
    monkeypatch.setattr(built, "build", lambda properties, tests: seen.append((properties, tests)) or zipped)
    assert etalage("plugin", "build", "--golden", "/g.gz", "--json").document == {
        "zip": str(zipped),
        "bytes": 1_500_000,
    }
    assert b"1.5 MB" in etalage("plugin", "build", "--no-tests", "--golden-text", "/t").stdout
    assert seen == [({"golden": "/g.gz"}, True), ({"golden.text": "/t"}, False)]


def test_installing_names_the_folder(etalage: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(built, "built", lambda: tmp_path / "built.zip")
    monkeypatch.setattr(built, "install", lambda archive, home: home / archive.name)
    assert etalage("plugin", "install", tmp_path, "--json").document == {"folder": str(tmp_path / "built.zip")}
    given = etalage("plugin", "install", tmp_path, "--zip", tmp_path / "own.zip")
    assert b"own.zip; restart the node" in given.stdout


def test_a_model_is_pushed_and_rolled_back_by_the_indexs_name_or_its_own(
    etalage: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    for name in ("push", "rollback"):
        monkeypatch.setattr(plugin, name, lambda settings, model, name=name: seen.append((name, model)) or MODEL)
    assert etalage("plugin", "push", "--json").document == MODEL
    told = etalage("plugin", "rollback", "--name", "shop").stdout
    assert told == b"products is ranker-1, encoder abcd (2.0 MB, change 3)\n"
    assert seen == [("push", "products"), ("rollback", "shop")]


def test_status_is_told(etalage: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin, "status", lambda settings: {"models": [MODEL], "stats": STATS})
    assert etalage("plugin", "status", "--json").document == {"models": [MODEL], "stats": STATS}
    told = etalage("plugin", "status").stdout.decode()
    for one in (
        "products is ranker-1",
        "loaded on n1",
        "other (there is no model",
        "1,200 searches",
        "310",
        "2 times: late",
    ):
        assert one in told


def test_without_a_node_it_is_said(etalage: Run) -> None:
    refused(etalage("plugin", "push", "--json"), "config_error", "none is set", "ETALAGE_OPENSEARCH_URL", code=2)
