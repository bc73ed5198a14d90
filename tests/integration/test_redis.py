"""Indexing through a real Redis and a real `etalage worker` process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from etalage.demo import make_shop, write_feed

pytestmark = [pytest.mark.redis, pytest.mark.worker]


def run(variables: dict[str, str], *words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "etalage", *words, "--json"], env=variables, capture_output=True, timeout=120, check=False
    )


def test_a_worker_behind_redis_indexes_a_feed(redis_url: str, tmp_path: Path) -> None:
    home, feed = tmp_path / "home", tmp_path / "feed.jsonl"
    write_feed(make_shop(2, 600), feed)
    variables = {
        **os.environ,
        "ETALAGE_HOME": str(home),
        "ETALAGE_BROKER": redis_url,
        "ETALAGE_TEXT_MODEL": "hashing",
        "ETALAGE_CHUNK": "100",
    }
    variables.pop("ETALAGE_OPENSEARCH_URL", None)
    worker = subprocess.Popen([sys.executable, "-m", "etalage", "worker"], env=variables, stderr=subprocess.DEVNULL)
    try:
        first = run(variables, "index", str(feed))
        assert first.returncode == 0, first.stderr.decode()
        assert orjson.loads(first.stdout)["indexed"] == 600
        second = orjson.loads(run(variables, "index", str(feed)).stdout)
        assert (second["indexed"], second["unchanged"], second["encoded"]["text"]) == (0, 600, 0)
        found = orjson.loads(run(variables, "search", "shoes").stdout)
        assert found["total"] > 0 and found["degraded"] == []
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(20)
