"""The state file of a node."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from opensearch.node import state
from opensearch.node.state import Node


def test_a_node_is_read_back_with_its_ports_and_start_beside_it(tmp_path: Path) -> None:
    node = Node("abc", "http://127.0.0.1:9201", 4_000_000, state.place(tmp_path, "abc"), "etalage-abc", 9301)
    before = datetime.now(UTC).replace(microsecond=0)
    state.write(tmp_path, node)
    assert state.read(tmp_path) == node
    told = orjson.loads((tmp_path / state.STATE).read_bytes())
    assert told["ports"] == {"http": 9201, "transport": 9301}
    assert before <= datetime.fromisoformat(told["started"]) <= datetime.now(UTC)
    assert [path.name for path in tmp_path.iterdir()] == [state.STATE]


def test_a_node_whose_file_names_no_cluster_is_alone_in_its_own(tmp_path: Path) -> None:
    run = state.place(tmp_path, "abc")
    told = {"id": "abc", "url": "http://127.0.0.1:9201", "pid": 7, "folder": str(run), "ports": {"transport": 9301}}
    (tmp_path / state.STATE).write_bytes(orjson.dumps(told))
    assert state.read(tmp_path) == Node("abc", "http://127.0.0.1:9201", 7, run, "etalage-abc", 9301)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{broken",
        "[]",
        "null",
        '"text"',
        "{}",
        '{"id": "x", "url": "u", "pid": 7}',
        '{"id": "x", "url": "u", "pid": 7, "folder": "/t/etalage-node-x"}',
        '{"id": "x", "url": "u", "pid": 7, "folder": "/t/etalage-node-x", "cluster": "c", "ports": []}',
        '{"id": "x", "url": "u", "pid": "seven", "folder": "/t/etalage-node-x", "cluster": "c", "ports": {"transport": 2}}',
        '{"id": "x", "url": "u", "pid": null, "folder": "/t/etalage-node-x", "cluster": "c", "ports": {"transport": 2}}',
        '{"id": "x", "url": "u", "pid": 7, "folder": 3, "cluster": "c", "ports": {"transport": 2}}',
        '{"id": "x", "url": "u", "pid": 0, "folder": "/t/etalage-node-x", "cluster": "c", "ports": {"transport": 2}}',
        '{"id": "x", "url": "u", "pid": -1, "folder": "/t/etalage-node-x", "cluster": "c", "ports": {"transport": 2}}',
        '{"id": "x", "url": "u", "pid": 7, "folder": "/", "cluster": "c", "ports": {"transport": 2}}',
        '{"id": "x", "url": "u", "pid": 7, "folder": "/t/etalage-node-y", "cluster": "c", "ports": {"transport": 2}}',
    ],
)
def test_a_file_that_is_not_ours_is_not_believed(tmp_path: Path, text: str) -> None:
    (tmp_path / state.STATE).write_text(text, encoding="utf-8")
    assert state.read(tmp_path) is None
    state.forget(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_our_own_process_is_no_node(tmp_path: Path) -> None:
    assert not state.alive(Node("abc", "u", os.getpid(), state.place(tmp_path, "abc"), "c", 2))


def test_forgetting_removes_a_nodes_folder_but_no_folder_that_is_none(tmp_path: Path) -> None:
    real, other = state.place(tmp_path, "real"), state.place(tmp_path, "other")
    (real / "config").mkdir(parents=True)
    (real / "config" / "opensearch.yml").touch()
    other.mkdir()
    for name, run in (("real", real), ("other", other)):
        state.write(tmp_path, Node(name, "http://127.0.0.1:1", 4_000_000, run, "c", 2))
        state.forget(tmp_path)
    assert not real.exists() and other.exists()
    assert not (tmp_path / state.STATE).exists()
