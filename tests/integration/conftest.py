"""Real parts for integration tests: a Redis and a RabbitMQ server of our own, on free ports."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ..conftest import unavailable

PATIENCE = 40.0
"""Seconds in which a server comes up, or ends."""

RABBITMQ = "/usr/lib/rabbitmq/bin/rabbitmq-server"
"""The server itself: the command of that name on Debian's path becomes another user."""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(server: subprocess.Popen[bytes], answers: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not answers():
        if server.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"{server.args} did not come up: {log.read_text(errors='replace')[-2000:]}", pytrace=False)
        time.sleep(0.05)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running Redis server."""
    command = shutil.which("redis-server")
    if command is None:
        unavailable("redis", "redis-server is not installed")
        return
    folder: Path = tmp_path_factory.mktemp("redis")
    port = _free_port()

    def answers() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
        return True

    arguments = [command, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    with open(folder / "server.log", "wb") as log:
        server = subprocess.Popen([*arguments, "--save", "", "--appendonly", "no"], stdout=log, stderr=log)
    try:
        _wait(server, answers, folder / "server.log")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(PATIENCE)


@pytest.fixture(scope="session")
def rabbit_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running RabbitMQ server."""
    command = shutil.which(RABBITMQ) or shutil.which("rabbitmq-server")
    names = shutil.which("epmd")
    if command is None or names is None:
        unavailable("rabbitmq", "rabbitmq-server is not installed")
        return
    folder: Path = tmp_path_factory.mktemp("rabbitmq")
    port, named, peers = _free_port(), _free_port(), _free_port()
    (folder / "plugins").write_text("[].\n")
    variables = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),  # of Erlang's cookie
        "ERL_EPMD_PORT": str(named),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": f"etalage{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(peers),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "logs"),
        "RABBITMQ_CONFIG_FILE": str(folder / "none"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "none.config"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "none.sh"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        # Its schedulers would keep both processors busy while they wait.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
    }

    def answers() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=2) as probe:
                probe.sendall(b"AMQP\x00\x00\x09\x01")
                return probe.recv(1) == b"\x01"  # a method frame: its greeting
        except OSError:
            return False

    with open(folder / "server.log", "wb") as log:
        # Started by us, the name server of Erlang's nodes is also ended by us; left to RabbitMQ it stays for ever.
        directory = subprocess.Popen([names], env=variables, stdout=log, stderr=log)
        server = subprocess.Popen([command], env=variables, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait(server, answers, folder / "server.log")
        yield f"amqp://guest:guest@127.0.0.1:{port}//"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
        directory.terminate()
        directory.wait()
