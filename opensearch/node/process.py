"""Start and stop a local node. A node is known by its id; stopping makes sure that the process is still that node."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import orjson

from etalage.core.errors import ConfigError, EngineError, EngineUnavailable
from opensearch.node import java, plugin, state
from opensearch.node.assemble import VERSION, assemble, locked
from opensearch.node.state import Node

_PATIENCE: Final = 120.0
_GRACE: Final = 20.0
_TRIES: Final = 3
_TAIL: Final = 12
_ROOTS_RUNS: Final = Path("/var/tmp")
_ORDINARY: Final = "nobody"
_children: Final[dict[int, subprocess.Popen[bytes]]] = {}
"""Nodes that this process started, by pid: a child must be waited for, and a handle that is dropped warns."""


def start(
    folder: Path,
    *,
    heap: str = "1g",
    java_home: Path | None = None,
    with_plugin: Path | None = None,
    beside: Sequence[Node] | None = None,
) -> Node:
    """Start a node and wait until it answers; the one that `folder` already runs is returned as it is.

    Two calls for one folder take turns, and the second gets the first one's node. A node listens on loopback only, has
    no security plugin, and lives on when this process ends.

    Args:
        folder: receives the state file (`node.json`: id, pid, url, folder, ports, start time). The node's data, log and
            settings lie beside it; for root they lie in the system's temporary folder, because a node refuses to run as
            root and the ordinary user that it then runs as (`nobody`) may not enter root's folders.
        heap: size of the Java heap, such as `512m` or `2g`.
        java_home: a Java of version 21 or newer; found when None.
        with_plugin: the zip of a plugin that this node has besides; one that runs already stays as it is.
        beside: the nodes of the cluster that it joins; with none of them, it is the first of a cluster that others may join. None for a
            node that stays alone.

    Raises:
        ConfigError: no Java or no Maven, or a heap, folder or plugin that cannot be used.
        EngineUnavailable: parts could not be fetched, or the node did not answer within 120 s; the end of its log is in
            the message, and the whole of it in `folder`.
    """
    if not re.fullmatch(r"[1-9][0-9]{0,8}[kmgKMG]", heap):
        raise ConfigError("this is no size of a Java heap", value=heap, remedy="Give one such as 512m or 2g.")
    folder = folder.absolute()
    with locked(folder / "node.lock"):
        found = running(folder)
        if found is not None:
            return found
        state.forget(folder)
        user = _user()
        command = java.find(java_home, user=user.pw_uid if user else None)
        distribution = assemble()
        for _ in range(_TRIES - 1):
            try:
                return _launch(folder, command, distribution, heap, user, with_plugin, beside)
            except _PortTaken:
                continue  # Another process took the port after it was found free.
        return _launch(folder, command, distribution, heap, user, with_plugin, beside)


class _PortTaken(EngineUnavailable):
    """The node ended because one of its ports was taken."""


def _launch(
    folder: Path,
    command: java.Java,
    distribution: Path,
    heap: str,
    user: pwd.struct_passwd | None,
    with_plugin: Path | None,
    beside: Sequence[Node] | None,
) -> Node:
    """Start one process and wait until it answers; nothing is left of it when it does not, but its log."""
    id = uuid4().hex[:12]
    http, transport = _free_ports()
    run = state.place(_ROOTS_RUNS if user else folder, id)
    cluster = beside[0].cluster if beside else state.alone(id)
    try:
        _furnish(run, distribution, settings(run, id, http, transport, cluster, beside), user)
        if with_plugin is not None:
            distribution = plugin.overlay(distribution, with_plugin, run / "home")
        with open(run / "node.log", "wb") as output:
            process = subprocess.Popen(
                arguments(command, distribution, run, heap),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=run,
                env={"PATH": os.environ.get("PATH", os.defpath), "OPENSEARCH_PATH_CONF": str(run / "config")},
                start_new_session=True,
                user=user.pw_uid if user else None,
                group=user.pw_gid if user else None,
                extra_groups=[] if user else None,
            )
    except ConfigError:
        shutil.rmtree(run, ignore_errors=True)
        raise
    except OSError as error:
        shutil.rmtree(run, ignore_errors=True)
        raise EngineUnavailable(
            f"the node could not be started ({error.strerror or error})",
            value=run,
            remedy="Free space there, or rights.",
        ) from error
    node = Node(id, f"http://127.0.0.1:{http}", process.pid, run, cluster, transport)
    _children[process.pid] = process
    try:
        state.write(folder, node)
        _wait(node, process, folder)
    except BaseException:  # an interrupt too must not leave a node behind that is half up
        process.kill()
        process.wait()
        del _children[process.pid]
        state.forget(folder)
        shutil.rmtree(run, ignore_errors=True)
        raise
    return node


def _user() -> pwd.struct_passwd | None:
    """The ordinary user to run as; None when we are one."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(_ORDINARY)
    except KeyError:
        raise ConfigError(
            "a node does not run as root, and there is no ordinary user to run it as",
            value=_ORDINARY,
            remedy="Run this as an ordinary user, or make that user.",
        ) from None


def _furnish(run: Path, distribution: Path, configuration: str, user: pwd.struct_passwd | None) -> None:
    """Make the node's folder. The folder itself stays ours, so that its user cannot put a link in the place of its log."""
    run.mkdir(parents=True)
    run.chmod(0o755 if user else 0o700)
    for name in ("data", "logs", "config", "tmp"):
        (run / name).mkdir()
    for path in (distribution / "config").iterdir():
        shutil.copy2(path, run / "config")
    (run / "config" / "opensearch.yml").write_text(configuration, encoding="utf-8")
    if user is not None:
        for path in run.rglob("*"):
            os.chown(path, user.pw_uid, user.pw_gid)


def _free_ports() -> tuple[int, int]:
    """Two ports of loopback that nobody listens on now."""
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1]), int(other.getsockname()[1])


def settings(
    run: Path, id: str, http: int, transport: int, cluster: str, beside: Sequence[Node] | None = None
) -> str:
    """`opensearch.yml` of a node on loopback; of `beside`, see `start`."""
    found: Mapping[str, Any] = {"discovery.type": "single-node"}
    if beside is not None:
        found = {"discovery.seed_hosts": [f"127.0.0.1:{one.transport}" for one in beside]}
        if not beside:  # A node that joins others must not found a cluster of its own.
            found = found | {"cluster.initial_cluster_manager_nodes": [id]}
    values: Mapping[str, Any] = {
        "cluster.name": cluster,
        "node.name": id,
        **found,
        "network.host": "127.0.0.1",
        "http.port": http,
        "transport.port": transport,
        "path.data": run / "data",
        "path.logs": run / "logs",
        # A full disk elsewhere must not turn a test node read-only.
        "cluster.routing.allocation.disk.threshold_enabled": "false",
        "action.auto_create_index": "false",
    }
    return "".join(f"{name}: {_yaml(value)}\n" for name, value in values.items())


def _yaml(value: Any) -> str:
    """A list, or a text, as YAML reads it back: a text is in quotes when it holds more than a plain path does."""
    if isinstance(value, list):
        return orjson.dumps(value).decode()
    text = str(value)
    return text if re.fullmatch(r"[\w./-]+", text, re.ASCII) else orjson.dumps(text).decode()


def arguments(command: java.Java, distribution: Path, run: Path, heap: str) -> list[str]:
    """The command line of a node."""
    return [
        str(command.command),
        f"-javaagent:{distribution / 'agent' / f'opensearch-agent-{VERSION}.jar'}",
        f"-Xms{heap}",
        f"-Xmx{heap}",
        *(["--add-modules=jdk.incubator.vector"] if command.vector else []),
        "--enable-native-access=ALL-UNNAMED",
        f"-Djava.io.tmpdir={run / 'tmp'}",
        f"-Dopensearch.path.home={distribution}",
        state.configuration(run),
        "-Dopensearch.distribution.type=tar",
        "-cp",
        f"{distribution / 'lib'}/*",
        state.MAIN,
    ]


def _wait(node: Node, process: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait until the node is one of its cluster, whose health is at least yellow."""
    deadline = time.monotonic() + _PATIENCE
    with httpx.Client(trust_env=False, timeout=5) as client:  # a proxy does not lead to our loopback
        while time.monotonic() < deadline and process.poll() is None:
            try:
                answer = client.get(f"{node.url}/_cluster/health?wait_for_status=yellow&timeout=1s")
                if answer.status_code == 200 and answer.json()["cluster_name"] == node.cluster:
                    return
            except (httpx.HTTPError, ValueError, KeyError):
                pass
            time.sleep(0.25)
    status = process.poll()
    why = f"did not answer within {_PATIENCE:.0f} s" if status is None else f"ended with status {status}"
    kept = folder / "node.log"
    shutil.copyfile(node.folder / "node.log", kept)
    told = kept.read_text(errors="replace")
    kind = _PortTaken if "Address already in use" in told or "BindHttpException" in told else EngineUnavailable
    tail = "\n".join(told.splitlines()[-_TAIL:])
    raise kind(f"the node {why}", value=complaint(told), remedy=f"Its log is {kept} and ends with:\n{tail}")


def complaint(log: str) -> str:
    """The line of a node's log that says best why it ended: its last cause, else its first error, else its last line."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    for pattern, found in (
        (r"^(Caused by|Likely root cause): ", reversed(lines)),
        (r"(?i)\b\w*(error|exception)\b", lines),
    ):
        for line in found:
            if re.search(pattern, line):
                return line
    return lines[-1] if lines else "its log is empty"


def running(folder: Path) -> Node | None:
    """The node that `folder` started, if it still runs."""
    node = state.read(folder)
    return node if node is not None and _alive(node) else None


def stop(folder: Path, id: str | None = None) -> bool:
    """Stop the node of `folder` and remove its data; False when none runs. The node is asked to end (TERM), and made to
    (KILL) after 20 s.

    Raises:
        EngineError: the node there has another id than the given one, is another user's, or does not end.
    """
    folder = folder.absolute()
    if not (folder / state.STATE).exists():
        return False
    with locked(folder / "node.lock"):
        node = running(folder)
        if node is None:
            state.forget(folder)
            return False
        if id is not None and id != node.id:
            raise EngineError("another node runs here", value=node.id, remedy="Give its id, or none.")
        _end(node)
        state.forget(folder)
    return True


def _end(node: Node) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(node.pid, sign)
        except ProcessLookupError:
            return
        except PermissionError:
            raise EngineError("the node is another user's", value=node.pid, remedy="Stop it as that user.") from None
        deadline = time.monotonic() + _GRACE
        while time.monotonic() < deadline:
            if not _alive(node):
                return
            time.sleep(0.05)
    raise EngineError("the node does not end", value=node.pid, remedy="Its disk may hang; see what it waits for.")


def _alive(node: Node) -> bool:
    """Whether the node still runs; one of our children runs until it was waited for."""
    child = _children.get(node.pid)
    if child is None:
        return state.alive(node)
    if child.poll() is None:
        return True
    del _children[node.pid]
    return False
