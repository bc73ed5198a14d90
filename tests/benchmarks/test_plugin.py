"""A search that the node's plugin ranks, beside the node's own `hybrid` query and the search flow of Python on the same node."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson
import pytest
import urllib3

from etalage.core.encoders import Encoder
from etalage.core.records import Floats
from etalage.core.settings import Settings
from opensearch import fields, node
from opensearch.cluster import plugin
from opensearch.cluster.client import Client
from opensearch.engine import SearchEngine, Shop
from ranker import metrics, rerank
from ranker.search import Ask, Searcher
from ranker.training import judgments
from workers.plugin import push

from ..integration.plugin.conftest import RANK, RETRIEVE, SLOW, node_of, plugin_url
from .conftest import ICECAT, JSON, Hybrid, copied, interleaved, note, p50, p99
from .test_search import with_vector

__all__ = ["plugin_url"]

PER_ROUND = 300


@pytest.fixture(scope="module")
def engine(plugin_url: str, embedded: SearchEngine, settings: Settings, cluster_index: str) -> Iterator[SearchEngine]:
    with copied(embedded, settings, plugin_url, cluster_index) as made:
        pipeline = {"request_processors": [{RETRIEVE: {"deadline_ms": SLOW}}], "response_processors": [{RANK: {}}]}
        httpx.put(f"{plugin_url}/_search/pipeline/{cluster_index}", json=pipeline).raise_for_status()
        push(settings.model_copy(update={"opensearch_url": plugin_url, "opensearch_timeout": 120.0}), cluster_index)
        yield made


@pytest.fixture(scope="module")
def pool(plugin_url: str) -> Iterator[urllib3.HTTPConnectionPool]:
    made = urllib3.connection_from_url(plugin_url, maxsize=1, retries=False, timeout=30)
    yield made
    made.close()


def path_of(index: str) -> str:
    return f"/{index}/_search?search_pipeline={index}&request_cache=false"


def body(text: str) -> bytes:
    """A search as a shop's frontend sends it."""
    weighted = [f"{fields.PATHS[name]}^{boost}" for name, boost in fields.TEXT.items()]
    query = {"multi_match": {"query": text, "fields": weighted, "type": "most_fields"}}
    return orjson.dumps({"query": query, "_source": ["title"]})


def ready(pool: urllib3.HTTPConnectionPool, path: str) -> None:
    """Search until the model is loaded: a node loads one when it is first asked for."""
    for _ in range(5000):
        answer = pool.request("POST", path, body=orjson.dumps({"query": {"match": {"title": "warm"}}}), headers=JSON)
        if orjson.loads(answer.data)["ext"]["etalage"]["degraded"] == []:
            return
    pytest.fail(f"the model does not load: {answer.data[:500]!r}")


@pytest.mark.node
def test_ranked_in_the_node(
    benchmark: Any,
    engine: SearchEngine,
    pool: urllib3.HTTPConnectionPool,
    settings: Settings,
    plugin_url: str,
    cluster_index: str,
    encoder: Encoder,
    queries: Iterator[str],
) -> None:
    """The plugin and the search flow encode their queries; the peer's vector is made before the clock starts. No query is asked twice."""
    path = path_of(cluster_index)
    searcher, bare = Searcher(engine, cluster_index, encoder, rerank.load(settings.home)), Hybrid(plugin_url, cluster_index)

    def ranked(text: str) -> None:
        answer = pool.request("POST", path, body=body(text), headers=JSON)
        told = orjson.loads(answer.data)
        assert answer.status == 200 and told["hits"]["hits"] and told["ext"]["etalage"]["degraded"] == []

    def flow(text: str) -> None:
        assert searcher.search(Ask(text, facets=())).hits

    def hybrid(given: tuple[str, Floats]) -> None:
        assert bare.search(*given)

    ready(pool, path)
    ours, python, theirs = interleaved(
        benchmark,
        [ranked, flow, hybrid],
        [lambda: next(queries), lambda: next(queries), lambda: with_vector(encoder, queries)],
        PER_ROUND,
    )
    bare.close()
    note("plugin", p50(ours), p50(theirs))
    note("plugin_p99", p99(ours), p99(theirs))
    note("plugin_beside_search_flow", p50(ours), p50(python))
    note("plugin_beside_search_flow_p99", p99(ours), p99(python))
    client = Client(settings.model_copy(update={"opensearch_url": plugin_url}))
    for stage, spent in plugin.stats(client)["stages"].items():
        note(f"plugin_stage_{stage}", spent["p50_us"] / 1000, p50(theirs))
    client.close()


@contextmanager
def plain(folder: Path) -> Iterator[node.Node]:
    """A node without the plugin."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it outlives the handle of its process
        started = node.start(folder)
    yield started
    node.stop(folder)


@pytest.mark.node
def test_installed_and_unused(
    benchmark: Any,
    embedded: SearchEngine,
    settings: Settings,
    cluster_index: str,
    encoder: Encoder,
    queries: Iterator[str],
    tmp_path: Path,
) -> None:
    """The same searches without the pipeline on a node that has the plugin and on one that has not, all started for this. How far two
    nodes without it lie apart says how much of a difference means something."""

    def searching(bare: Hybrid) -> Callable[[tuple[str, Floats]], None]:
        def search(given: tuple[str, Floats]) -> None:
            assert bare.search(*given)

        return search

    with ExitStack() as ending:
        having = ending.enter_context(node_of(tmp_path / "having"))
        nodes = [having, *(ending.enter_context(plain(tmp_path / name)) for name in ("without", "twin"))]
        for one in nodes:
            ending.enter_context(copied(embedded, settings, one.url, cluster_index))
        asked = itertools.tee((with_vector(encoder, queries) for _ in itertools.count()), len(nodes))
        hybrids = [ending.enter_context(closing(Hybrid(one.url, cluster_index))) for one in nodes]
        calls, inputs = [searching(one) for one in hybrids], [partial(next, one) for one in asked]
        ours, theirs, twin = interleaved(benchmark, calls, inputs, PER_ROUND)
    for name, times in (("plugin_unused", ours), ("plugin_unused_twin", twin)):
        note(name, p50(times), p50(theirs))
        note(f"{name}_p99", p99(times), p99(theirs))


@pytest.mark.node
def test_quality_in_the_node(
    benchmark: Any,
    engine: SearchEngine,
    pool: urllib3.HTTPConnectionPool,
    settings: Settings,
    cluster_index: str,
    encoder: Encoder,
) -> None:
    """nDCG@10 on judged queries, the plugin's and that of the search flow for the same shop's query, understanding off."""
    if not (ICECAT / "ratings.csv").exists():
        pytest.skip("no icecat data (ETALAGE_DATA)")
    judged = judgments.read(ICECAT / "ratings.csv")
    kept = {query: ratings for query, ratings in judged.qrels.items() if max(ratings.values()) > 0}
    searcher = Searcher(engine, cluster_index, encoder, rerank.load(settings.home))
    ready(pool, path_of(cluster_index))

    def plugins(text: str) -> list[str]:
        answer = orjson.loads(pool.request("POST", path_of(cluster_index), body=body(text), headers=JSON).data)
        return [hit["_id"] for hit in answer["hits"]["hits"]]

    def flows(text: str) -> list[str]:
        shop = Shop(orjson.loads(body(text))["query"])
        ask = Ask(text, facets=(), shop=shop, understand=False, rules=False)
        return [hit.id for hit in searcher.search(ask).hits]

    found = benchmark.pedantic(lambda: {text: (plugins(text), flows(text)) for text in kept}, rounds=1)
    ours, theirs = ([metrics.ndcg(found[text][side], kept[text]) for text in kept] for side in (0, 1))
    note("quality_plugin_icecat", float(np.mean(ours)), float(np.mean(theirs)), "nDCG@10")
    note("same_page_plugin_icecat", sum(one == other for one, other in found.values()), len(found), "queries")
