"""Completions over HTTP beside the node's `completion` suggester: the same candidates, the same machine, by turns."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import orjson
import pytest
import urllib3

from autocomplete import shelf
from autocomplete.index import columns
from autocomplete.querylog import Entry

from ..load import Load, get, post
from ..process import serving
from .conftest import INDEX, interleaved, note, p50, p99
from .test_parts import Suggester, phrases, prefixes

PER_ROUND = 1000
CLIENTS = 8
SECONDS, TURNS = 3.0, 5


class Completions:
    """Etalage's `/v1/suggest`, over one connection that is kept alive."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._pool = urllib3.connection_from_url(url, maxsize=1, retries=False, timeout=30)

    @staticmethod
    def path(prefix: str) -> str:
        return f"/v1/suggest?size=10&q={quote(prefix)}"

    def complete(self, prefix: str) -> list[str]:
        answer = self._pool.request("GET", self.path(prefix))
        assert answer.status == 200, answer.data[:500]
        return [one["text"] for one in orjson.loads(answer.data)["completions"]]


@pytest.fixture(scope="module")
def texts(sources: list[dict[str, Any]]) -> list[str]:
    return phrases([source["title"] for source in sources])


@pytest.fixture(scope="module")
def peers(texts: list[str], node_url: str, tmp_path_factory: Any) -> Iterator[tuple[Completions, Suggester]]:
    """A process of `etalage serve` and the node, with the same completions and weights."""
    generator = random.Random(4)
    entries = [Entry(text, float(generator.randint(1, 1000))) for text in texts]
    home: Path = tmp_path_factory.mktemp("suggest")
    shelf.write(home / "completions" / INDEX, columns(entries), {})
    suggester = Suggester(node_url, entries)
    try:
        with serving(home, "--index", INDEX) as served:
            yield Completions(served.url), suggester
    finally:
        suggester.close()


def test_one_client(benchmark: Any, peers: tuple[Completions, Suggester], texts: list[str]) -> None:
    """Keystrokes one after the other."""
    ours, peer = peers
    typed = prefixes(texts)
    mine, theirs = interleaved(
        benchmark, [ours.complete, peer.complete], [lambda: next(typed), lambda: next(typed)], PER_ROUND
    )
    note("suggest_http", p50(mine), p50(theirs))
    note("suggest_http_p99", p99(mine), p99(theirs))


def test_many_clients(benchmark: Any, peers: tuple[Completions, Suggester], texts: list[str]) -> None:
    """Eight clients as fast as they are answered, by turns: answers a second."""
    ours, peer = peers
    typed = prefixes(texts)
    some = [next(typed) for _ in range(8000)]
    mine = [get(ours.path(prefix)) for prefix in some]
    theirs = [post(peer.search_path, peer.body(prefix)) for prefix in some]
    rates: list[tuple[float, float]] = []

    def turn() -> None:
        both = [
            Load(url, requests, seconds=SECONDS, clients=CLIENTS).seen()
            for url, requests in ((ours.url, mine), (peer.url, theirs))
        ]
        assert not [error for one in both for error in one.errors]
        rates.append((both[0].rate, both[1].rate))

    benchmark.pedantic(turn, rounds=TURNS, warmup_rounds=1, iterations=1)
    own, other = np.median(np.array(rates[1:]), axis=0)
    benchmark.extra_info["answers a second, by turns"] = rates
    note("suggest_http_8_clients", float(own), float(other), "answers/s")
