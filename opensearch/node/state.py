"""The state file of a local node, and whether the process that it names is still that node."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import orjson

STATE: Final = "node.json"
MAIN: Final = "org.opensearch.bootstrap.OpenSearch"
_PREFIX: Final = "etalage-node-"


@dataclass(frozen=True, slots=True)
class Node:
    """A running node: its id, URL, process id, the folder that holds its data, log and settings, the name of its cluster, and the port on
    which it talks to other nodes."""

    id: str
    url: str
    pid: int
    folder: Path
    cluster: str
    transport: int


def place(base: Path, id: str) -> Path:
    """The folder of the node `id` under `base`."""
    return base / f"{_PREFIX}{id}"


def alone(id: str) -> str:
    """The name of the cluster that the node `id` founds, alone in it at first; that of a file which names none."""
    return f"etalage-{id}"


def configuration(run: Path) -> str:
    """The argument that tells a node where its settings are; no other process has the same."""
    return f"-Dopensearch.path.conf={run / 'config'}"


def write(folder: Path, node: Node) -> None:
    """Note in `folder` which node it runs, on which ports, and since when (UTC, ISO 8601)."""
    document = {
        "id": node.id,
        "pid": node.pid,
        "url": node.url,
        "folder": str(node.folder),
        "cluster": node.cluster,
        "ports": {"http": urlsplit(node.url).port, "transport": node.transport},
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    draft = folder / f"{STATE}.draft"
    draft.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    draft.replace(folder / STATE)


def read(folder: Path) -> Node | None:
    """The node that `folder` notes, running or not; None when there is none or the file is not one of ours."""
    try:
        told = orjson.loads((folder / STATE).read_bytes())
        id, transport = str(told["id"]), int(told["ports"]["transport"])
        cluster = str(told.get("cluster", alone(id)))
        node = Node(id, str(told["url"]), int(told["pid"]), Path(told["folder"]), cluster, transport)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    # Its folder is removed with the node, so only one that we would have made is believed.
    return node if node.pid > 1 and node.folder == place(node.folder.parent, node.id) else None


def alive(node: Node) -> bool:
    """Whether the process with the node's pid is that node: the pid may since have been given to another."""
    told = _command_line(node.pid)
    return MAIN in told and configuration(node.folder) in told


def _command_line(pid: int) -> str:
    """The command line of a process; empty when there is none, or when it has ended and was not yet waited for."""
    if os.path.exists("/proc/self/cmdline"):
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").replace("\0", "\n")
        except OSError:
            return ""
    told = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return told.stdout


def forget(folder: Path) -> None:
    """Remove the state file of `folder`, and what the node that it notes has left on disk."""
    node = read(folder)
    (folder / STATE).unlink(missing_ok=True)
    if node is not None and (node.folder / "config" / "opensearch.yml").is_file():
        shutil.rmtree(node.folder, ignore_errors=True)
