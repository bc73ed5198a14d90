"""What the benchmarks share: a catalog on both engines, queries that are never repeated, the peer, the file of results."""

from __future__ import annotations

import gzip
import importlib.util
import itertools
import os
import random
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import numpy as np
import numpy.typing as npt
import orjson
import pytest
import urllib3

from etalage.core.encoders import Encoder, models
from etalage.core.encoders import sources as weights
from etalage.core.records import Document, Floats
from etalage.core.settings import Settings, load
from etalage.demo import make_shop, write_feed
from indexer.reindex import Options
from opensearch import fields
from opensearch.cluster import ClusterEngine
from opensearch.embedded import EmbeddedEngine
from opensearch.engine import SearchEngine
from workers import coordinate

ROUNDS: Final = 5
ROOT: Final = Path(__file__).parents[2]
BUILD: Final = ROOT / "build"
DATA: Final = Path(os.environ.get("ETALAGE_DATA") or ROOT.parent / "shared" / "data")
ICECAT: Final = DATA / "icecat"
INDEX: Final = "bench"
JSON: Final = {"content-type": "application/json"}

Milliseconds = npt.NDArray[np.float64]

_RESULTS: dict[str, dict[str, float | str]] = {}


def note(name: str, ours: float, peer: float, unit: str = "ms") -> None:
    """Keep a result for `build/bench.json`."""
    _RESULTS[name] = {"ours": round(ours, 4), "peer": round(peer, 4), "ratio": round(ours / peer, 4), "unit": unit}


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the results of this run; a run without benchmarks leaves the file of an earlier one."""
    if _RESULTS:
        BUILD.mkdir(exist_ok=True)
        (BUILD / "bench.json").write_bytes(orjson.dumps(_RESULTS, option=orjson.OPT_INDENT_2))


def p50(times: Sequence[float] | Milliseconds) -> float:
    return float(np.median(times))


def p99(times: Sequence[float] | Milliseconds) -> float:
    return float(np.quantile(times, 0.99))


def interleaved(
    benchmark: Any,
    calls: Sequence[Callable[[Any], object]],
    inputs: Sequence[Callable[[], object]],
    per_round: int,
) -> list[Milliseconds]:
    """Milliseconds of every call over `ROUNDS` rounds, one input to each call in turn, after a round to warm up.

    Args:
        calls: what is compared.
        inputs: give the next input of each call; a round's inputs are made before its clock starts.
        per_round: inputs for each call in a round.
    """
    times: list[list[float]] = [[] for _ in calls]

    def setup() -> tuple[tuple[list[list[object]]], dict[str, object]]:
        return ([[make() for make in inputs] for _ in range(per_round)],), {}

    def one_round(rows: list[list[object]]) -> None:
        for row in rows:
            for call, given, spent in zip(calls, row, times, strict=True):
                started = time.perf_counter()
                call(given)
                spent.append((time.perf_counter() - started) * 1000)

    benchmark.pedantic(one_round, setup=setup, rounds=ROUNDS, warmup_rounds=1, iterations=1)
    measured = [np.array(spent[per_round:]) for spent in times]
    benchmark.extra_info["p50 of each round"] = [
        [round(p50(part), 3) for part in np.split(spent, ROUNDS)] for spent in measured
    ]
    return measured


@pytest.fixture(scope="session")
def encoder() -> Encoder:
    return models.ensure(load())


def sampled(path: Path, count: int, *, every: int) -> Path:
    """A feed of products from all over the catalog, so that their texts differ: Icecat where it lies beside the project, else a
    sample shop."""
    whole = ICECAT / "products.jsonl.gz"
    if not whole.exists():
        write_feed(make_shop(7, count), path)
        return path
    with gzip.open(whole) as lines:
        path.write_bytes(b"".join(itertools.islice(itertools.islice(lines, 0, None, every), count)))
    return path


@pytest.fixture(scope="session")
def fp32_model(encoder: Encoder) -> tuple[Any, Any, Any]:
    """torch, and tokenizer and fp32 model that the encoder was made from: the peer of its int8 model."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    if encoder.name != weights.DEFAULT or importlib.util.find_spec(weights.PACKAGED[weights.DEFAULT]) is None:
        pytest.skip("the fp32 model is not installed (extra `train`)")
    folder = weights.resolve(weights.DEFAULT).folder
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        transformers.utils.logging.disable_progress_bar()
        tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        model = transformers.AutoModel.from_pretrained(str(folder), local_files_only=True, dtype=torch.float32).eval()
    return torch, tokenizer, model


@pytest.fixture(scope="session")
def settings() -> Settings:
    return load(home=BUILD / "bench-home", index=INDEX, opensearch_url="")


@pytest.fixture(scope="session")
def embedded(settings: Settings) -> Iterator[SearchEngine]:
    """The embedded engine with the catalog: Icecat where it lies beside the project, else a large sample shop.

    The home stays for the next run, which then only compares the feed with it.
    """
    feed = ICECAT / "products.jsonl.gz"
    if not feed.exists():
        feed = BUILD / "bench-feed.jsonl.gz"
        BUILD.mkdir(exist_ok=True)
        write_feed(make_shop(7, 20_000), feed)
    coordinate.index_feed(settings, feed, Options())
    engine = EmbeddedEngine(settings)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def sources(embedded: SearchEngine) -> list[dict[str, Any]]:
    """The catalog's documents, by id."""
    serving = embedded.serving(INDEX)
    assert serving is not None
    return list(embedded.get(serving.name, sorted(embedded.ids(serving.name))).values())


@pytest.fixture(scope="session")
def cluster_index() -> str:
    """A name of this run's own, so that runs can share a node."""
    return f"bench-{uuid4().hex[:8]}"


@pytest.fixture(scope="session")
def cluster(embedded: SearchEngine, settings: Settings, node_url: str, cluster_index: str) -> Iterator[SearchEngine]:
    """The same documents and vectors on a node."""
    with copied(embedded, settings, node_url, cluster_index) as engine:
        yield engine


@contextmanager
def copied(embedded: SearchEngine, settings: Settings, node_url: str, cluster_index: str) -> Iterator[SearchEngine]:
    """The embedded engine's documents and vectors on a node, until the end: one shard, merged into one segment."""
    engine = ClusterEngine(settings.model_copy(update={"opensearch_url": node_url, "opensearch_timeout": 120.0}))
    source = embedded.serving(INDEX)
    assert source is not None
    made = engine.create(cluster_index, source.spec)
    try:
        ids = sorted(embedded.ids(source.name))
        for start in range(0, len(ids), 500):
            some = ids[start : start + 500]
            found, vectors = embedded.get(source.name, some), embedded.vectors(source.name, some)
            outcomes = engine.write(made.name, [Document(one, found[one], "c", "e", *vectors[one]) for one in some])
            assert not any(outcome.reason for outcome in outcomes)
        engine.refresh(made.name)
        engine.swap(cluster_index, made.name)
        httpx.post(f"{node_url}/{made.name}/_forcemerge?max_num_segments=1", timeout=300).raise_for_status()
        engine.refresh(made.name)
        yield engine
    finally:
        httpx.delete(f"{node_url}/{made.name}", timeout=60).raise_for_status()
        engine.close()


@pytest.fixture(scope="session")
def queries(sources: list[dict[str, Any]]) -> Iterator[str]:
    """Two to four random words of random titles, every text once in a run."""
    titles = [[word for word in source["title"].split() if any(map(str.isalnum, word))] for source in sources]
    titles = [words for words in titles if len(words) > 1]

    def endless() -> Iterator[str]:
        generator, seen = random.Random(1), set[str]()
        while True:
            words = generator.choice(titles)
            text = " ".join(generator.sample(words, min(generator.randint(2, 4), len(words))))
            if text.lower() not in seen:
                seen.add(text.lower())
                yield text

    return endless()


class Hybrid:
    """The bare node: its own `hybrid` query over the same index, min-max normalized, the query's vector given.

    The client is urllib3, which opensearch-py uses too, with one connection that is kept alive.
    """

    _PIPELINE: Final = "etalage-bench"

    def __init__(self, url: str, index: str) -> None:
        self._pool = urllib3.connection_from_url(url, maxsize=1, retries=False, timeout=30)
        self._path = f"/{index}/_search?search_pipeline={self._PIPELINE}&request_cache=false"
        normalization = {
            "normalization": {"technique": "min_max"},
            "combination": {"technique": "arithmetic_mean", "parameters": {"weights": [0.5, 0.5]}},
        }
        pipeline = {"phase_results_processors": [{"normalization-processor": normalization}]}
        self._send("PUT", f"/_search/pipeline/{self._PIPELINE}", pipeline)

    def _send(self, method: str, path: str, body: object) -> Any:
        content = orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)
        answer = self._pool.request(method, path, body=content, headers=JSON)
        assert answer.status == 200, answer.data[:500]
        return orjson.loads(answer.data)

    def close(self) -> None:
        self._pool.close()

    def search(
        self, text: str, vector: Floats, *, source: str = "title", facets: Sequence[str] = ()
    ) -> list[Mapping[str, Any]]:
        """The ten best hits, with one field of their sources; without `source`, the bare ids from doc values."""
        words = [{"match": {fields.PATHS[name]: {"query": text, "boost": boost}}} for name, boost in fields.TEXT.items()]
        lists = [{"bool": {"should": words}}, {"knn": {"vec_text": {"vector": vector, "k": 100}}}]
        body: dict[str, Any] = {
            "size": 10,
            "query": {"hybrid": {"pagination_depth": 100, "queries": lists}},
        }
        if source:
            body["_source"] = [source]
        else:
            body |= {"_source": False, "stored_fields": "_none_", "docvalue_fields": ["id"]}
        if facets:
            body["aggs"] = {name: {"terms": {"field": name, "size": 10}} for name in facets}
        hits: list[Mapping[str, Any]] = self._send("POST", self._path, body)["hits"]["hits"]
        return hits


@pytest.fixture(scope="session")
def hybrid(cluster: SearchEngine, node_url: str, cluster_index: str) -> Iterator[Hybrid]:
    bare = Hybrid(node_url, cluster_index)
    yield bare
    bare.close()
