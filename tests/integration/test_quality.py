"""A shop's own query, ranked, is as good as what `etalage evaluate` measures: nDCG@10 on Icecat's judged queries.

The catalog is cut for speed: every judged product, and every tenth of the others. The encoder is the default one.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import orjson
import pytest

from etalage.core.encoders import Encoder
from etalage.core.errors import EtalageError
from etalage.core.records import Document
from etalage.core.settings import Settings, load
from etalage.http.app import create_app
from indexer import reindex
from opensearch.embedded import EmbeddedEngine
from opensearch.engine import SearchEngine
from ranker import metrics
from ranker.training import judgments
from workers import parts

from ..asgi import Door
from ..conftest import unavailable

pytestmark = pytest.mark.data

ICECAT = Path(os.environ.get("ETALAGE_DATA", "../shared/data")) / "icecat"
KEPT = 10
CLOSE = 0.001
INDEX = f"quality{uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def judged() -> judgments.Judgments:
    if not (ICECAT / "ratings.csv").exists():
        unavailable("data", "no icecat (ETALAGE_DATA)")
    return judgments.read(ICECAT / "ratings.csv")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("quality")


@pytest.fixture(scope="module")
def encoder(home: Path) -> Encoder:
    try:
        return parts.encoder_of(load(home=home, opensearch_url=""))
    except EtalageError as error:
        unavailable("encoder", str(error))
        raise


@pytest.fixture(scope="module")
def embedded(home: Path, encoder: Encoder, judged: judgments.Judgments) -> Settings:
    """The catalog in one folder."""
    settings = load(home=home, opensearch_url="", index=INDEX)
    wanted = {product for ratings in judged.qrels.values() for product in ratings}
    feed = home / "feed.jsonl"
    with gzip.open(ICECAT / "products.jsonl.gz") as lines, open(feed, "wb") as kept:
        for number, line in enumerate(lines):
            if number % KEPT == 0 or str(orjson.loads(line)["id"]) in wanted:
                kept.write(line)
    engine = EmbeddedEngine(settings)
    job = reindex.plan(engine, encoder, INDEX, feed, reindex.Options())
    number = 0
    while reindex.work(engine, encoder, job.id, number, "test", 600):
        number += 1
    done = reindex.finish(engine, job)
    assert done["indexed"] > len(wanted) and done["quarantined"] == 0
    engine.close()
    return settings


@pytest.fixture(scope="module")
def cluster(embedded: Settings, node_url: str) -> Iterator[Settings]:
    """The same documents on a node: encoded once."""
    settings = load(home=embedded.home, opensearch_url=node_url, index=INDEX, opensearch_timeout=60, deadline=60)
    source, target = EmbeddedEngine(embedded), parts.engine_of(settings)
    serving = source.serving(INDEX)
    assert serving is not None
    made = target.create(INDEX, serving.spec)
    try:
        copy(source, serving.name, target, made.name)
        target.swap(INDEX, made.name)
        yield settings
    finally:
        httpx.delete(f"{node_url}/{made.name}", timeout=60).raise_for_status()
        source.close()
        target.close()


def copy(source: SearchEngine, of: str, target: SearchEngine, to: str) -> None:
    ids = list(source.ids(of))
    for some in (ids[start : start + 500] for start in range(0, len(ids), 500)):
        bodies, vectors, rows = source.get(of, some), source.vectors(of, some), source.ledger(of, some)
        written = [Document(one, bodies[one], rows[one].content, rows[one].encoded, *vectors[one]) for one in some]
        assert not [one.reason for one in target.write(to, written) if one.reason]
    target.refresh(to)


def measured(settings: Settings, judged: judgments.Judgments) -> tuple[float, float]:
    """nDCG@10 of the evaluation's ranked arm, and of what `_search` answers."""
    engine = parts.engine_of(settings)
    report = parts.evaluator_of(settings, engine).evaluate(judged)
    engine.close()
    scores = []
    with Door(create_app(settings)) as door:
        for query, ratings in judged.qrels.items():
            if max(ratings.values()) > 0:
                body = {"query": {"multi_match": {"query": query, "type": "most_fields"}}}
                told = door.ask("POST", f"/{INDEX}/_search", body).json()
                assert told["ext"]["etalage"]["rank"] and told["ext"]["etalage"]["degraded"] == [], told
                scores.append(metrics.ndcg([hit["_id"] for hit in told["hits"]["hits"]], ratings))
    assert len(scores) == report["queries"]
    found = sum(scores) / len(scores)
    evaluated = float(report["arms"]["ranked"]["ndcg@10"])
    print(f"\nnDCG@10 of {len(scores)} queries: {evaluated:.4f} evaluated, {found:.4f} by _search")
    return evaluated, found


@pytest.mark.parametrize("where", ["embedded", pytest.param("cluster", marks=pytest.mark.node)])
def test_a_ranked_search_is_as_good_as_the_evaluation_says(
    where: str, judged: judgments.Judgments, request: pytest.FixtureRequest
) -> None:
    evaluated, found = measured(request.getfixturevalue(where), judged)
    assert found == pytest.approx(evaluated, abs=CLOSE)
