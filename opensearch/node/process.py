"""Start and stop a local node. A node is known by its id; stopping makes sure that the process is still that node."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import orjson

from etalage.core.errors import EngineError, EngineUnavailable
from opensearch.node import java
from opensearch.node.assemble import VERSION, assemble

_STATE: Final = "node.json"
_PATIENCE: Final = 120.0
_GRACE: Final = 20.0


@dataclass(frozen=True, slots=True)
class Node:
    """A running node: its id, URL, process id, and the folder that holds its data, logs and settings."""

    id: str
    url: str
    pid: int
    folder: Path


def start(folder: Path, *, heap: str = "1g", java_home: Path | None = None) -> Node:
    """Start a node and wait until it answers; the one that `folder` already runs is returned as it is.

    Args:
        folder: receives the state file; the node's data lie beside it, or, for root, in the temporary folder, where the
            ordinary user that the node runs as can write.
        heap: size of the Java heap.
        java_home: a Java of version 21 or newer; found when None.

    Raises:
        ConfigError: no Java or no Maven.
        EngineUnavailable: parts could not be fetched, or the node did not come up; the end of its log is in the message.
    """
    found = running(folder)
    if found is not None:
        return found
    distribution, command = assemble(), java.find(java_home)
    id = uuid4().hex[:12]
    user = _user()
    run = _run_folder(folder, id, user)
    http, transport = _free_port(), _free_port()
    (run / "config" / "opensearch.yml").write_text(settings(run, id, http, transport), encoding="utf-8")
    log = run / "node.log"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            arguments(command, distribution, run, heap),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=run,
            env={"PATH": os.environ.get("PATH", ""), "OPENSEARCH_PATH_CONF": str(run / "config")},
            start_new_session=True,
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            extra_groups=[] if user else None,
        )
    node = Node(id, f"http://127.0.0.1:{http}", process.pid, run)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _STATE).write_bytes(orjson.dumps(asdict(node) | {"folder": str(run)}))
    try:
        _wait(node, process, log)
    except EngineUnavailable:
        process.kill()
        process.wait()
        (folder / _STATE).unlink(missing_ok=True)
        shutil.rmtree(run, ignore_errors=True)
        raise
    return node


def _user() -> pwd.struct_passwd | None:
    """The ordinary user to run as; None when we are one."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _run_folder(folder: Path, id: str, user: pwd.struct_passwd | None) -> Path:
    base = Path(tempfile.gettempdir()) if user else folder.absolute()
    run = base / f"etalage-node-{id}"
    for name in ("data", "logs", "config", "tmp"):
        (run / name).mkdir(parents=True)
    for path in (assemble() / "config").iterdir():
        shutil.copy2(path, run / "config")
    if user is not None:
        for path in [run, *run.rglob("*")]:
            os.chown(path, user.pw_uid, user.pw_gid)
    return run


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def settings(run: Path, id: str, http: int, transport: int) -> str:
    """`opensearch.yml` of a single node on loopback."""
    values: Mapping[str, Any] = {
        "cluster.name": f"etalage-{id}",
        "node.name": id,
        "discovery.type": "single-node",
        "network.host": "127.0.0.1",
        "http.port": http,
        "transport.port": transport,
        "path.data": run / "data",
        "path.logs": run / "logs",
        # A full disk elsewhere must not turn a test node read-only.
        "cluster.routing.allocation.disk.threshold_enabled": "false",
        "action.auto_create_index": "false",
    }
    return "".join(f"{name}: {value}\n" for name, value in values.items())


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
        f"-Dopensearch.path.conf={run / 'config'}",
        "-Dopensearch.distribution.type=tar",
        "-cp",
        f"{distribution / 'lib'}/*",
        "org.opensearch.bootstrap.OpenSearch",
    ]


def _wait(node: Node, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            answer = httpx.get(f"{node.url}/_cluster/health?wait_for_status=yellow&timeout=1s", timeout=5)
            if answer.status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.25)
    told = log.read_text(errors="replace")[-800:]
    raise EngineUnavailable("the node did not come up", value=told, remedy="Its log says why; free memory or disk.")


def running(folder: Path) -> Node | None:
    """The node that `folder` started, if it still runs."""
    try:
        state = orjson.loads((folder / _STATE).read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return None
    node = Node(state["id"], state["url"], state["pid"], Path(state["folder"]))
    return node if _is_ours(node) else None


def _is_ours(node: Node) -> bool:
    """Whether the process with the node's pid is that node: a pid may since have been given to another."""
    try:
        return str(node.folder).encode() in Path(f"/proc/{node.pid}/cmdline").read_bytes()
    except OSError:
        return False


def stop(folder: Path, id: str | None = None) -> bool:
    """Stop the node of `folder` and remove its data; False when none runs.

    Raises:
        EngineError: the node there has another id than the given one.
    """
    node = running(folder)
    if node is None:
        (folder / _STATE).unlink(missing_ok=True)
        return False
    if id is not None and id != node.id:
        raise EngineError("another node runs here", value=node.id, remedy="Give its id, or none.")
    _end(node)
    (folder / _STATE).unlink(missing_ok=True)
    shutil.rmtree(node.folder, ignore_errors=True)
    return True


def _end(node: Node) -> None:
    os.kill(node.pid, signal.SIGTERM)
    deadline = time.monotonic() + _GRACE
    while time.monotonic() < deadline and _alive(node):
        time.sleep(0.05)
    if _alive(node):
        os.kill(node.pid, signal.SIGKILL)


def _alive(node: Node) -> bool:
    try:
        if os.waitpid(node.pid, os.WNOHANG)[0] == node.pid:
            return False
    except ChildProcessError:
        pass
    return _is_ours(node)
