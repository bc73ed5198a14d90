"""A node's memory through many searches, hostile ones among them, and models that come and go: it comes to rest.

`ETALAGE_SEARCHES` (3,000) is how many; `make searches` asks for 200,000.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path
from typing import Any, Final

import httpx
import orjson
import pytest

from etalage.core.encoders import models, sources
from etalage.core.errors import EtalageError
from etalage.core.settings import Settings
from etalage.demo import make_shop
from opensearch.node import Node

from ...conftest import unavailable
from ...load import Load, post
from ..gateway.requests import PRODUCTS, SEED, conditioned, multi
from .artifacts import ANY, artifact, hostile, ranking, zipped
from .conftest import Door, node_of, opened
from .test_search import HOSTILE, told

pytestmark = [pytest.mark.node, pytest.mark.worker]

SEARCHES: Final = int(os.environ.get("ETALAGE_SEARCHES", "3000"))
BURST: Final = 20.0 if SEARCHES > 50_000 else 3.0
"""Seconds between two looks at the node."""
WARM: Final = 0.25
"""The share of the searches after which memory has come to rest."""
GROWTH: Final = 1.1
TEXTS: Final = 30_000
CLIENTS: Final = 4


def searches(index: str) -> list[str]:
    """What frontends send, no text twice: plain, with facets, highlights, conditions, parts, and of a later page."""
    generator, seen = random.Random(3), set[str]()
    titles = [product.title.split() for product in make_shop(SEED, PRODUCTS).products]
    while len(seen) < TEXTS:
        seen.add(" ".join(generator.sample(generator.choice(titles) + generator.choice(titles), 3)))
    found = []
    for number, text in enumerate(sorted(seen)):
        body: dict[str, Any] = {"query": multi(text)}
        match number % 10:
            case 0:
                body |= {"aggs": {"brands": {"terms": {"field": "brand"}}}, "highlight": {"fields": {"title": {}}}}
            case 1:
                body |= {"ext": {"etalage": {"explain": True}}, "explain": True}
            case 2:
                body |= {"from": 40, "size": 50, "track_total_hits": True}
            case 3:
                body = conditioned("filter")
            case _:
                pass
        found.append(post(f"/{index}/_search", orjson.dumps(body)))
    generator.shuffle(found)
    return found


def looked_at(node: Node, done: int) -> dict[str, float]:
    """The node's memory (MB) and what else could grow in it."""
    told = httpx.get(f"{node.url}/_nodes/stats/jvm,process,breaker", timeout=60).json()
    one = next(iter(told["nodes"].values()))
    lines = Path(f"/proc/{node.pid}/status").read_text().splitlines()
    own = next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))
    return {
        "searches": done,
        "own_mb": round(own / 1024, 1),
        "old_mb": round(one["jvm"]["mem"]["pools"]["old"]["used_in_bytes"] / 1e6, 1),
        "non_heap_mb": round(one["jvm"]["mem"]["non_heap_used_in_bytes"] / 1e6, 1),
        "models_mb": round(one["breakers"]["etalage_models"]["estimated_size_in_bytes"] / 1e6, 1),
        "threads": one["jvm"]["threads"]["count"],
        "files": one["process"]["open_file_descriptors"],
    }


def attack(door: Door, bad: dict[str, bytes]) -> int:
    """Send what is to be refused, and see that it is; how many requests that were."""
    for given, _ in HOSTILE:
        assert door.ask({"query": multi("red shoes"), "ext": {"etalage": given}}).status_code == 400
    for name, content in bad.items():
        answer = door.client.put(f"{door.url}/_etalage/models/{door.index}", content=content, headers=ANY)
        assert answer.status_code == 400, (name, answer.text)
    return len(HOSTILE) + len(bad)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a process's memory is read from /proc")
def test_memory_comes_to_rest(tmp_path: Path) -> None:
    good = zipped(artifact(ranking(), name="good"))
    bad = {name: body for name, body in hostile(good).items() if len(body) < 1 << 20}
    try:
        models.ensure(Settings())
    except EtalageError as error:
        unavailable("encoder", str(error))
    with (
        node_of(tmp_path / "node", heap="1g") as node,
        opened(node.url, tmp_path / "home", 1, text_model=sources.DEFAULT) as door,
    ):
        asked, seen, done = searches(door.index), [], 0
        while done < SEARCHES:
            turned = asked[done % len(asked) :] + asked[: done % len(asked)]
            load = Load(node.url, turned, seconds=BURST, clients=CLIENTS).seen()
            assert load.errors == [] and load.times
            done += len(load.times) + attack(door, bad)
            seen.append(looked_at(node, done))
            print(f"\n{orjson.dumps(seen[-1]).decode()}", end="")
        assert told(door.search({"query": multi("red shoes")}))["degraded"] == []
    rest = [one for one in seen if one["searches"] >= WARM * SEARCHES]
    for name in ("own_mb", "non_heap_mb", "threads", "files"):
        assert rest[-1][name] <= GROWTH * rest[0][name], (name, rest)
    assert rest[-1]["models_mb"] == rest[0]["models_mb"]
