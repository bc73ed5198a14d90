"""Settings, logs and the refusals of a node's start; the processes here are real ones, but no nodes."""

from __future__ import annotations

import signal
import socket
import string
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etalage.core.errors import ConfigError, EngineError
from opensearch.node import process, state
from opensearch.node.state import Node

FAILED = """[2026-11-24T10:00:00,000][WARN ][o.o.n.Node] version [3.6.0]
[2026-11-24T10:00:01,000][ERROR][o.o.b.OpenSearch] uncaught exception in thread [main]
org.opensearch.bootstrap.StartupException: java.lang.IllegalStateException: failed to obtain node locks
\tat org.opensearch.bootstrap.OpenSearch.init(OpenSearch.java:168)
Caused by: java.lang.IllegalStateException: failed to obtain node locks
\t... 6 more
Caused by: java.nio.file.AccessDeniedException: /data/nodes
\t... 9 more
"""


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[tuple[Node, subprocess.Popen[bytes]]]:
    """A process with a node's command line, noted in tmp_path as its node; it waits until its input ends."""
    run = state.place(tmp_path, "abc")
    (run / "config").mkdir(parents=True)
    (run / "config" / "opensearch.yml").touch()
    words = [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()"]
    child = subprocess.Popen(
        [*words, state.configuration(run), state.MAIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with child:
        assert child.stdout is not None and child.stdout.readline() == b"up\n"
        node = Node("abc", "http://127.0.0.1:9", child.pid, run, "etalage-abc", 10)
        state.write(tmp_path, node)
        yield node, child
        child.kill()


def stop_and_wait(folder: Path, child: subprocess.Popen[bytes], id: str | None = None) -> tuple[bool, int]:
    stopped = process.stop(folder, id)
    return stopped, child.wait(timeout=30)


def test_a_process_with_the_nodes_command_line_is_the_running_node(
    tmp_path: Path, stand_in: tuple[Node, subprocess.Popen[bytes]]
) -> None:
    assert process.running(tmp_path) == stand_in[0]
    assert process.start(tmp_path) == stand_in[0], "a second start gets the first one's node"


def test_a_node_is_stopped_by_its_id_and_nothing_is_left(
    tmp_path: Path, stand_in: tuple[Node, subprocess.Popen[bytes]]
) -> None:
    node, child = stand_in
    assert stop_and_wait(tmp_path, child, "abc") == (True, -signal.SIGTERM)
    assert process.running(tmp_path) is None and not node.folder.exists()
    assert not (tmp_path / state.STATE).exists() and process.stop(tmp_path) is False


def test_another_id_stops_nothing(tmp_path: Path, stand_in: tuple[Node, subprocess.Popen[bytes]]) -> None:
    node, child = stand_in
    with pytest.raises(EngineError, match="another node runs here: abc"):
        process.stop(tmp_path, "abd")
    assert child.poll() is None and process.running(tmp_path) == node


def test_a_process_that_took_over_the_pid_is_left_alone(
    tmp_path: Path, stand_in: tuple[Node, subprocess.Popen[bytes]]
) -> None:
    _, child = stand_in
    other = state.place(tmp_path, "other")
    (other / "config").mkdir(parents=True)
    (other / "config" / "opensearch.yml").touch()
    state.write(tmp_path, Node("other", "http://127.0.0.1:9", child.pid, other, "etalage-other", 10))
    assert process.running(tmp_path) is None and process.stop(tmp_path) is False
    assert child.poll() is None
    assert not other.exists(), "what a node that died has left is removed"


def test_stopping_where_nothing_was_started_makes_no_folder(tmp_path: Path) -> None:
    assert process.stop(tmp_path / "none") is False
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("heap", ["", "1", "g", "0g", "1 g", "-1g", "1t", "1.5g", "1g\n", "1g -XX:+Foo", "１g"])
def test_a_heap_that_is_no_size_is_refused(tmp_path: Path, heap: str) -> None:
    with pytest.raises(ConfigError, match="512m or 2g"):
        process.start(tmp_path / "node", heap=heap)
    assert not (tmp_path / "node").exists()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be written"):
        process.start(tmp_path / "file" / "node")


def test_a_home_without_java_is_refused_before_anything_is_fetched(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no Java 21"):
        process.start(tmp_path / "node", java_home=tmp_path)
    assert process.running(tmp_path / "node") is None


def test_free_ports_differ_and_can_be_taken() -> None:
    one, other = process._free_ports()
    assert one != other
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", one))
        assert probe.getsockname()[1] == one


def test_a_path_with_yaml_in_it_is_quoted() -> None:
    made = process.settings(Path("/a: b #c"), "abc", 1, 2, "etalage-abc").splitlines()
    assert 'path.data: "/a: b #c/data"' in made and "node.name: abc" in made


def test_the_first_node_of_a_cluster_founds_it_and_others_find_it_there(tmp_path: Path) -> None:
    alone, first, second = (
        dict(line.split(": ", 1) for line in process.settings(tmp_path, "abc", 1, 2, "etalage-one", beside).splitlines())
        for beside in (None, [], [Node("one", "http://127.0.0.1:8", 7, tmp_path, "etalage-one", 9)])
    )
    founds, seeds = "cluster.initial_cluster_manager_nodes", "discovery.seed_hosts"
    assert alone["discovery.type"] == "single-node" and not {founds, seeds} & alone.keys()
    assert (first[founds], first[seeds]) == ('["abc"]', "[]") and "discovery.type" not in first
    assert second[seeds] == '["127.0.0.1:9"]' and not {founds, "discovery.type"} & second.keys()
    assert first["cluster.name"] == second["cluster.name"] == "etalage-one"


@given(st.text(alphabet=string.ascii_letters + string.digits + "/._- :#'\"\\é{}&*!", min_size=1))
def test_a_quoted_value_is_json_and_a_bare_one_plain(text: str) -> None:
    import json

    made = process._yaml(text)
    if made.startswith('"'):
        assert json.loads(made) == text
    else:
        assert made == text and set(text) <= set(string.ascii_letters + string.digits + "_./-")


@pytest.mark.parametrize(
    ("log", "line"),
    [
        (FAILED, "Caused by: java.nio.file.AccessDeniedException: /data/nodes"),
        ("Invalid initial heap size: -Xmsx\nError: Could not create the Java Virtual Machine.\nbye",
         "Error: Could not create the Java Virtual Machine."),
        ("first\nlast\n\n", "last"),
        ("", "its log is empty"),
    ],
)  # fmt: skip
def test_the_line_that_says_why_a_node_ended(log: str, line: str) -> None:
    assert process.complaint(log) == line
