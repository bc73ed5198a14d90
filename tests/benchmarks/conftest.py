"""What the benchmarks share: a catalog on both engines, queries that are never repeated, and the file of results."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson
import pytest

from etalage.core.encoders import Encoder, models
from etalage.core.records import Document
from etalage.core.settings import Settings, load
from etalage.demo import make_shop, write_feed
from indexer.reindex import Options
from opensearch.embedded import EmbeddedEngine
from opensearch.engine import SearchEngine
from workers import coordinate

ROUNDS = 5
PER_ROUND = 60
INDEX = "bench"
BUILD = Path("build")
ICECAT = Path(os.environ.get("ETALAGE_DATA", "../shared/data")) / "icecat"
RESULTS: dict[str, dict[str, float | str]] = {}


def note(name: str, ours: float, peer: float, unit: str = "ms") -> None:
    """Keep a result for `build/bench.json`."""
    ratio = round(ours / peer, 3) if peer else 0.0
    RESULTS[name] = {"ours": round(ours, 4), "peer": round(peer, 4), "ratio": ratio, "unit": unit}


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the results of this run."""
    if RESULTS:
        BUILD.mkdir(exist_ok=True)
        (BUILD / "bench.json").write_bytes(orjson.dumps(RESULTS, option=orjson.OPT_INDENT_2))


def interleaved(benchmark: Any, calls: Sequence[Callable[[str], object]], queries: Iterator[str]) -> list[np.ndarray[Any, Any]]:
    """Milliseconds of each call over `ROUNDS` rounds, one query each in turn, after a round to warm up."""
    times: list[list[float]] = [[] for _ in calls]

    def one_round() -> None:
        for _ in range(PER_ROUND):
            for number, call in enumerate(calls):
                query = next(queries)
                started = time.perf_counter()
                call(query)
                times[number].append((time.perf_counter() - started) * 1000)

    benchmark.pedantic(one_round, rounds=ROUNDS, warmup_rounds=1, iterations=1)
    return [np.array(one[PER_ROUND:]) for one in times]


@pytest.fixture(scope="session")
def encoder() -> Encoder:
    return models.ensure(load())


@pytest.fixture(scope="session")
def settings() -> Settings:
    return load(home=BUILD / "bench-home", index=INDEX, opensearch_url="")


@pytest.fixture(scope="session")
def embedded(settings: Settings) -> Iterator[SearchEngine]:
    """The embedded engine with the catalog: Icecat where it lies beside the project, else a large sample shop."""
    feed = ICECAT / "products.jsonl.gz"
    if not feed.exists():
        feed = BUILD / "bench-feed.jsonl.gz"
        write_feed(make_shop(7, 20_000), feed)
    coordinate.index_feed(settings, feed, Options())
    engine = EmbeddedEngine(settings)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def cluster(embedded: SearchEngine, settings: Settings, node_url: str) -> Iterator[SearchEngine]:
    """The same documents and vectors on a node, one shard, force-merged."""
    from opensearch.cluster import ClusterEngine

    engine = ClusterEngine(settings.model_copy(update={"opensearch_url": node_url, "opensearch_timeout": 120}))
    source = embedded.serving(INDEX)
    assert source is not None
    made = engine.create(INDEX, source.spec)
    ids = sorted(embedded.ids(source.name))
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        sources, vectors = embedded.get(source.name, some), embedded.vectors(source.name, some)
        documents = [Document(one, sources[one], "c", "e", *vectors[one]) for one in some]
        assert not any(outcome.reason for outcome in engine.write(made.name, documents))
    engine.refresh(made.name)
    engine.swap(INDEX, made.name)
    httpx.post(f"{node_url}/{made.name}/_forcemerge?max_num_segments=1", timeout=300).raise_for_status()
    engine.refresh(made.name)
    yield engine
    httpx.delete(f"{node_url}/{made.name}").raise_for_status()
    engine.close()


@pytest.fixture(scope="session")
def titles(embedded: SearchEngine) -> list[str]:
    serving = embedded.serving(INDEX)
    assert serving is not None
    sources = embedded.get(serving.name, sorted(embedded.ids(serving.name)))
    return [source["title"] for source in sources.values()]


@pytest.fixture(scope="session")
def queries(titles: list[str]) -> Iterator[str]:
    """Two to four neighbouring words of random titles, each text once."""

    def endless() -> Iterator[str]:
        generator, seen = random.Random(1), set[str]()
        while True:
            words = generator.choice(titles).split()
            size = generator.randint(2, 4)
            at = generator.randrange(max(len(words) - size, 1))
            text = " ".join(words[at : at + size])
            if len(words) > 1 and text.lower() not in seen:
                seen.add(text.lower())
                yield text

    return endless()


class Hybrid:
    """The bare node: its own `hybrid` query with min-max normalization, the query's vector given."""

    def __init__(self, url: str, index: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=30)
        self._path = f"/{index}/_search?search_pipeline=etalage-bench&request_cache=false"
        pipeline = {
            "phase_results_processors": [
                {
                    "normalization-processor": {
                        "normalization": {"technique": "min_max"},
                        "combination": {"technique": "arithmetic_mean", "parameters": {"weights": [0.5, 0.5]}},
                    }
                }
            ]
        }
        self._client.put("/_search/pipeline/etalage-bench", json=pipeline).raise_for_status()

    def search(self, text: str, vector: np.ndarray[Any, Any], size: int = 10, source: str = "title") -> list[str]:
        """One field of the best hits' sources."""
        from opensearch import fields

        words = [{"match": {f"text.{name}": {"query": text, "boost": boost}}} for name, boost in fields.TEXT.items()]
        queries = [
            {"bool": {"should": words}},
            {"knn": {"vec_text": {"vector": vector.tolist(), "k": 100}}},
        ]
        body = {
            "size": size,
            "_source": [f"source.{source}"],
            "query": {"hybrid": {"pagination_depth": 100, "queries": queries}},
        }
        answer = self._client.post(self._path, content=orjson.dumps(body), headers={"content-type": "application/json"})
        answer.raise_for_status()
        return [hit["_source"]["source"][source] for hit in orjson.loads(answer.content)["hits"]["hits"]]


@pytest.fixture(scope="session")
def hybrid(cluster: SearchEngine, node_url: str) -> Hybrid:
    return Hybrid(node_url, INDEX)
