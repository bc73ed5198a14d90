"""`etalage serve` as a process: it drains on TERM, ends in order, logs requests, and refuses a broken key file."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import orjson
import pytest

from autocomplete import shelf
from autocomplete.index import columns
from autocomplete.querylog import Entry

pytestmark = pytest.mark.worker

PATIENCE = 60.0


def start(home: Path, port: int, *words: str, **settings: str) -> subprocess.Popen[bytes]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("ETALAGE_")}
    variables |= {"ETALAGE_TEXT_MODEL": "hashing", "ETALAGE_HOME": str(home)} | settings
    command = [sys.executable, "-m", "etalage", "serve", "--port", str(port), *words]
    return subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def until(url: str, status: int) -> httpx.Response:
    """The first answer of that status. Fails when there is none in time."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            answer = httpx.get(url)
            if answer.status_code == status:
                return answer
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"{url} never answered {status}")


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


def test_it_drains_and_ends(tmp_path: Path, port: int) -> None:
    process = start(tmp_path, port, ETALAGE_DRAIN="600", ETALAGE_LOG="json")
    url = f"http://127.0.0.1:{port}"
    try:
        until(f"{url}/healthz", 200)
        assert "server" not in httpx.get(f"{url}/v1/search?q=hush").headers
        assert until(f"{url}/readyz", 503).json()["error"]["reason"].startswith("the index does not exist")
        process.send_signal(signal.SIGTERM)
        end = time.monotonic() + PATIENCE
        while "stopping" not in httpx.get(f"{url}/readyz").text and time.monotonic() < end:
            time.sleep(0.05)
        assert "stopping" in httpx.get(f"{url}/readyz").text and httpx.get(f"{url}/healthz").status_code == 200
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode in (0, -signal.SIGTERM)
    lines = [orjson.loads(line) for line in told.splitlines()]
    assert {"/healthz", "/readyz", "/v1/search"} <= {line.get("route") for line in lines} and b"hush" not in told


def test_what_completes_is_compiled_before_it_answers(tmp_path: Path, port: int) -> None:
    entries = [Entry("red sofa", 3.0, "query", "Home > Sofas"), Entry("红色沙发", 2.0), Entry("sofa bed", 1.0, "product")]
    shelf.write(tmp_path / "completions" / "products", columns(entries), {})
    cache = tmp_path / "cache"
    process = start(tmp_path, port, XDG_CACHE_HOME=str(cache))
    url = f"http://127.0.0.1:{port}"

    def compiled() -> list[str]:
        return sorted(str(path) for path in cache.rglob("*.nb?"))

    try:
        until(f"{url}/healthz", 200)
        before = compiled()
        assert before
        for asked in ("q=so", "q=sofa+r", "q=sfoa", "q=redsofa", "q=红", "q=hongse", "q=zzzz", "q=so&type=product",
                      "q=s&category=Home", "q=so&in_stock=true", "q=so&after=red+sofa", "q=&explain=true"):  # fmt: skip
            assert httpx.get(f"{url}/v1/suggest?{asked}", timeout=PATIENCE).status_code == 200, asked
        assert compiled() == before
    finally:
        process.kill()
        process.communicate()


def test_open_on_the_network_is_warned_of(tmp_path: Path, port: int) -> None:
    process = start(tmp_path, port, "--host", "0.0.0.0")
    try:
        until(f"http://127.0.0.1:{port}/healthz", 200)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.communicate()
    assert b"everyone who reaches 0.0.0.0 may search: set ETALAGE_KEYS" in told and b"Traceback" not in told


def test_a_broken_key_file_or_a_port_in_use_is_refused(tmp_path: Path, port: int) -> None:
    (tmp_path / "keys.json").write_text("{}")
    process = start(tmp_path, port, ETALAGE_KEYS=str(tmp_path / "keys.json"))
    _, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2 and b"the key file has a wrong entry" in told and b"Traceback" not in told
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        process = start(tmp_path, port)
        _, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1 and b"address already in use" in told
