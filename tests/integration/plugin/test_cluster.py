"""Clusters of two and three nodes with the plugin: the answers of one node, a node that is killed and a model that is switched under load.

`ETALAGE_KILLS` (1) is how often the elected cluster manager is killed.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import httpx
import orjson
import pytest

from opensearch.node import Node

from ...threads import Threads
from ..gateway.requests import multi
from ..test_outage import until
from .artifacts import ANY, artifact, helper, largest, network, ranking, zipped
from .conftest import PATIENCE, Door, node_of, opened
from .test_search import NONE, ids, told
from .test_search import queries as all_queries

pytestmark = pytest.mark.node

KILLS: Final = int(os.environ.get("ETALAGE_KILLS", "1"))
SWITCHES: Final = 4
THREADS: Final = 4
LIKE, TIES = 1e-5, 5e-3
"""How far scores of like pages may lie apart, because floats are added in different orders; and those of any page: equal vectors of two
products get similarities that differ in the last bit, by how a copy's graph leads to them, and so take places in either order."""


def queries() -> tuple[str, ...]:
    return all_queries()[::2]


@dataclass
class Cluster:
    """Nodes that have the plugin."""

    folder: Path
    ending: ExitStack
    nodes: list[Node] = field(default_factory=list)
    begun: int = 0

    def join(self) -> Node:
        """Start one more node."""
        self.begun += 1
        folder = self.folder / str(self.begun)
        self.nodes.append(self.ending.enter_context(node_of(folder, beside=list(self.nodes))))
        self.settle()
        return self.nodes[-1]

    def elected(self) -> Node:
        """The cluster manager."""
        name = httpx.get(f"{self.nodes[0].url}/_cat/cluster_manager?h=node", timeout=PATIENCE).text.strip()
        return next(one for one in self.nodes if one.id == name)

    def kill(self, one: Node) -> None:
        self.nodes.remove(one)
        os.kill(one.pid, signal.SIGKILL)

    def settle(self) -> None:
        """Wait until every copy of every shard is where it stays."""
        wanted = f"wait_for_nodes={len(self.nodes)}&wait_for_status=green&wait_for_no_relocating_shards=true&timeout=60s"
        answer = httpx.get(f"{self.nodes[0].url}/_cluster/health?{wanted}", timeout=2 * PATIENCE)
        assert answer.status_code == 200, answer.text


@dataclass(frozen=True, slots=True)
class Asked:
    """One search under load: when it was asked, of which node, and what came."""

    at: float
    until: float
    node: str
    plain: bool
    status: int
    answer: dict[str, Any]

    @property
    def whole(self) -> bool:
        """Answered by all shards."""
        return self.status == 200 and self.answer["_shards"]["failed"] == 0 and not self.answer["timed_out"]


class Load(Threads):
    """Threads that search through nodes until they are told to stop: as a frontend does, and every other time without the plugin."""

    def __init__(self, door: Door, nodes: list[Node], body: dict[str, Any] | None = None) -> None:
        super().__init__(THREADS, PATIENCE)
        self.seen: list[Asked] = []
        self._door, self._nodes, self._body = door, nodes, body or {}

    def more(self, count: int) -> None:
        """Wait for so many answers more."""
        wanted = len(self.seen) + count
        until(lambda: len(self.seen) >= wanted or not all(one.is_alive() for one in self._threads))
        assert len(self.seen) >= wanted, f"a thread ended after {len(self.seen)} answers"

    def _run(self, number: int) -> None:
        with httpx.Client(timeout=PATIENCE, trust_env=False) as client:
            while not self._stop.is_set():
                number += 1
                node, text = self._nodes[number % len(self._nodes)], queries()[number % len(queries())]
                plain = number // len(self._nodes) % 2 == 1
                params = {"request_cache": "false"} | ({"search_pipeline": NONE} if plain else {})
                at = time.monotonic()
                answer = client.post(
                    f"{node.url}/{self._door.index}/_search", json={"query": multi(text)} | self._body, params=params
                )
                found = orjson.loads(answer.content)
                self.seen.append(Asked(at, time.monotonic(), node.id, plain, answer.status_code, found))


def answers(door: Door, url: str) -> list[dict[str, Any]]:
    """What a node answers to all queries, once its model is loaded."""
    at = replace(door, url=url)
    until(lambda: not told(at.search({"query": multi("warm shoes")}))["degraded"])  # the model is loaded
    aggregations = {"brands": {"terms": {"field": "brand", "size": 5}}}
    return [at.search({"query": multi(text), "aggs": aggregations, "track_total_hits": True}) for text in queries()]


@dataclass(frozen=True, slots=True)
class Grown:
    """Three nodes, an index of four shards and their replicas; and what was answered on the way: when there were two nodes, about an
    index of two shards, and of three nodes about both."""

    cluster: Cluster
    door: Door
    said: dict[tuple[int, int], dict[str, list[dict[str, Any]]]]
    """By numbers of nodes and shards, by node."""


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grown]:
    with ExitStack() as ending:
        cluster, said = Cluster(tmp_path_factory.mktemp("cluster"), ending), {}
        for _ in range(2):
            cluster.join()
        two = ending.enter_context(opened(cluster.nodes[0].url, tmp_path_factory.mktemp("two"), 2, replicas=1))
        cluster.settle()
        said[2, 2] = {one.id: answers(two, one.url) for one in cluster.nodes}
        cluster.join()
        four = ending.enter_context(opened(cluster.nodes[1].url, tmp_path_factory.mktemp("four"), 4, replicas=1))
        cluster.settle()
        # A copy that is lost is made again at once, not when its node stays away for a minute.
        at_once = {"index.unassigned.node_left.delayed_timeout": "0"}
        everywhere = f"{cluster.nodes[0].url}/_all/_settings?expand_wildcards=all"
        httpx.put(everywhere, json=at_once, timeout=PATIENCE).raise_for_status()
        for door, shards in ((two, 2), (four, 4)):
            said[3, shards] = {one.id: answers(door, one.url) for one in cluster.nodes}
        yield Grown(cluster, four, said)


@pytest.mark.parametrize("shards", [2, 4])
def test_a_cluster_answers_as_one_node(grown: Grown, shards: int, plugin_url: str, tmp_path: Path) -> None:
    with opened(plugin_url, tmp_path, shards) as one:
        expected = answers(one, plugin_url)
    for (nodes, _), by_node in ((key, value) for key, value in grown.said.items() if key[1] == shards):
        assert len(by_node) == nodes
        for found in by_node.values():
            alike = 0
            for ours, theirs in zip(found, expected, strict=True):
                assert told(ours)["rank"] and told(ours)["degraded"] == []
                scores = [[hit["_score"] for hit in answer["hits"]["hits"]] for answer in (ours, theirs)]
                alike += scores[0] == pytest.approx(scores[1], abs=LIKE) and ids(ours) == ids(theirs)
                assert scores[0] == pytest.approx(scores[1], abs=TIES) and len(scores[0]) == 10
                assert ours["aggregations"] == theirs["aggregations"]
                assert ours["hits"]["total"] == theirs["hits"]["total"]
                assert ours["_shards"] == {"total": shards, "successful": shards, "skipped": 0, "failed": 0}
            assert alike >= 0.8 * len(expected), f"{alike} of {len(expected)} pages are alike"


def test_a_killed_node_costs_no_search_beyond_the_nodes_own(grown: Grown) -> None:
    cluster, door = grown.cluster, grown.door
    for _ in range(KILLS):
        elected = cluster.elected()
        asked = [one for one in cluster.nodes if one != elected]
        for one in asked:
            answers(door, one.url)
        with Load(door, asked) as load:
            load.more(80)
            before = time.monotonic()
            cluster.kill(elected)
            after = time.monotonic()
            load.more(160)
        ranked, bare = ([one for one in load.seen if one.plain is plain] for plain in (False, True))
        for name, seen in (("ranked", ranked), ("bare", bare)):
            lacking = [one for one in seen if not one.whole]
            longest = max(one.until - one.at for one in seen if one.until > before)
            failed = sum(one.status != 200 for one in lacking)
            print(f"\nkilled: {len(seen)} {name}, {failed} failed, {len(lacking) - failed} in part, longest {longest:.3f} s", end="")
        for one in ranked:
            # A search for candidates that the kill caught is the node's own, and may fail or lack a shard's hits as any other.
            caught = one.at <= after and one.until >= before
            assert caught or (one.whole and told(one.answer)["degraded"] == [] and len(ids(one.answer)) == 10), one
        cluster.join()


def negative() -> bytes:
    """A ranker that turns the order around: its scores are below 0, where those of `ranking` are above."""
    return network(largest("top"), helper.make_node("Neg", ["top"], ["scores"]))


def test_a_switched_model_ranks_all_of_an_answer_or_nothing_of_it(grown: Grown) -> None:
    cluster, door = grown.cluster, grown.door
    zips = {"up": zipped(artifact(ranking(), name="up")), "down": zipped(artifact(negative(), name="down"))}
    signs = {"up": 1, "down": -1}

    def push(title: str, node: Node) -> None:
        path = f"{node.url}/_etalage/models/{door.index}"
        answer = httpx.put(path, content=zips[title], headers=ANY, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text

    def serves(node: Node) -> str:
        models = httpx.get(f"{node.url}/_etalage/stats", timeout=PATIENCE).json()["models"]
        return str(models.get(door.index, {}).get("title", "none yet"))

    push("down", cluster.nodes[0])
    until(lambda: {serves(one) for one in cluster.nodes} == {"down"})
    settled: list[tuple[float, float, str]] = [(time.monotonic(), 0.0, "down")]
    with Load(door, cluster.nodes, {"ext": {"etalage": {"explain": True}}}) as load:
        for number in range(SWITCHES):
            title = ("up", "down")[number % 2]
            load.more(40)
            begun = time.monotonic()
            push(title, cluster.nodes[number % len(cluster.nodes)])
            until(lambda title=title: {serves(one) for one in cluster.nodes} == {title})
            settled.append((time.monotonic(), begun, title))
        load.more(40)
    ranked = [one for one in load.seen if not one.plain]
    for one in ranked:
        assert one.whole and told(one.answer)["degraded"] == [], one
        sign = signs[told(one.answer)["rank"]]
        scores = [hit["ranker"] for hit in told(one.answer)["hits"]]
        assert len(scores) == 10 and min(sign * score for score in scores) > 0 and scores == sorted(scores, reverse=True)
    # Between a push and the moment when every node has it both may serve; before and after it there is one.
    for (done, _, title), (_, begun, _) in pairwise([*settled, (0.0, float("inf"), "")]):
        assert {told(one.answer)["rank"] for one in ranked if done < one.at and one.until < begun} == {title}
    served = [told(one.answer)["rank"] for one in ranked]
    assert min(served.count("up"), served.count("down")) > 20
    took = max(done - begun for done, begun, _ in settled[1:])
    print(f"\nswitched: {len(ranked)} ranked, {served.count('up')} up; every node had a model {took:.2f} s after it was sent")
