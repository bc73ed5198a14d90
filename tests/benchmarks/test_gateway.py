"""What the gateway costs: the same request to it, with ranking off, and to the node behind it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import urllib3

from opensearch.engine import SearchEngine

from .conftest import JSON, interleaved, note, p50, p99

PER_ROUND = 300
PATIENCE = 60.0


@pytest.fixture(scope="module")
def gateway_url(cluster: SearchEngine, node_url: str, cluster_index: str, tmp_path_factory: Any) -> Iterator[str]:
    """A process of `etalage serve` over the node."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home: Path = tmp_path_factory.mktemp("gateway")
    variables = os.environ | {"ETALAGE_OPENSEARCH_URL": node_url, "ETALAGE_HOME": str(home)}
    command = [sys.executable, "-m", "etalage", "serve", "--port", str(port), "--index", cluster_index]
    process = subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                if httpx.get(f"{url}/readyz").status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(20)


class Client:
    """One kept-alive connection, as a shop's frontend has it."""

    def __init__(self, url: str, index: str) -> None:
        self._pool = urllib3.connection_from_url(url, maxsize=1, retries=False, timeout=30)
        self._path = f"/{index}/_search?request_cache=false"

    def search(self, body: dict[str, Any]) -> None:
        answer = self._pool.request("POST", self._path, body=orjson.dumps(body), headers=JSON)
        assert answer.status == 200, answer.data[:500]
        assert orjson.loads(answer.data)["hits"]["hits"]


def body(query: str) -> dict[str, Any]:
    """A request as a shop's frontend sends it."""
    return {
        "query": {"multi_match": {"query": query, "fields": ["title^2", "description", "brand.text"]}},
        "aggs": {"brands": {"terms": {"field": "brand"}}},
        "_source": ["title", "price", "brand"],
        "size": 10,
    }


def test_passing_through(
    benchmark: Any, gateway_url: str, node_url: str, cluster_index: str, queries: Iterator[str]
) -> None:
    """The same text to both, in turns, so that the node works alike; what differs is the gateway."""
    ours, bare = Client(gateway_url, cluster_index), Client(node_url, cluster_index)
    off = {"ext": {"etalage": {"rank": "off"}}}
    shared: list[dict[str, Any]] = []

    def first() -> dict[str, Any]:
        shared.append(body(next(queries)))
        return shared[-1] | off

    mine, theirs = interleaved(benchmark, [ours.search, bare.search], [first, lambda: shared[-1]], PER_ROUND)
    note("gateway_pass_through", p50(mine), p50(theirs))
    note("gateway_pass_through_p99", p99(mine), p99(theirs))


def test_ranking(benchmark: Any, gateway_url: str, node_url: str, cluster_index: str, queries: Iterator[str]) -> None:
    """The same request ranked by the gateway beside the node's own answer to it."""
    ours, bare = Client(gateway_url, cluster_index), Client(node_url, cluster_index)
    ask = [lambda: body(next(queries)), lambda: body(next(queries))]
    mine, theirs = interleaved(benchmark, [ours.search, bare.search], ask, PER_ROUND // 3)
    note("gateway_ranked", p50(mine), p50(theirs))
