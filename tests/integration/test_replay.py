"""Training and serving see the same: requests of the sample shop, recorded while they are served, replayed through training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pytest

from etalage.core.records import Floats
from etalage.core.settings import Settings, load
from etalage.demo import judgments as demo
from etalage.demo import make_shop
from etalage.demo.queries import make_queries
from etalage.demo.shop import write_feed
from indexer.reindex import Options
from opensearch.engine import Candidates, Request, SearchEngine
from ranker import features
from ranker.rerank import STARTER, Ranker, named
from ranker.search import Ask, Searcher
from ranker.training import report
from ranker.training.judgments import Judgments
from workers import coordinate, parts

SEED, PRODUCTS, QUERIES = 4, 400, 40

Judged = Mapping[str, dict[str, float]]


class Recorded:
    """An engine that notes what it answers to each query, and then answers from its notes alone."""

    def __init__(self, engine: SearchEngine) -> None:
        self._engine, self.answers, self.replays = engine, dict[str, tuple[Request, Candidates]](), False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def candidates(self, index: str, request: Request) -> Candidates:
        if not self.replays:
            self.answers[request.text] = request, self._engine.candidates(index, request)
        return self.answers[request.text][1]


class Noting:
    """A ranker that notes what it is given to score."""

    def __init__(self, ranker: Ranker) -> None:
        self._ranker, self.given = ranker, list[Floats]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ranker, name)

    def score(self, matrix: Floats) -> Floats:
        self.given.append(matrix.copy())
        return self._ranker.score(matrix)


@pytest.fixture(params=["embedded", pytest.param("node", marks=pytest.mark.node)], scope="module")
def shop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Settings, SearchEngine, Judged]]:
    """A served sample shop, and judged queries."""
    home, index = tmp_path_factory.mktemp("replay"), f"replay-{uuid4().hex[:8]}"
    url = request.getfixturevalue("node_url") if request.param == "node" else ""
    settings = load(home=home, index=index, text_model="hashing", opensearch_url=url, opensearch_timeout=60)
    made = make_shop(SEED, PRODUCTS)
    write_feed(made, home / "feed.jsonl.gz")
    coordinate.index_feed(settings, Path(home / "feed.jsonl.gz"), Options())
    judged = {
        one.text: {key: float(grade) for key, grade in demo.qrels(made, one).items()}
        for one in make_queries(made, QUERIES)
    }
    engine = parts.engine_of(settings)
    try:
        yield settings, engine, {text: grades for text, grades in judged.items() if max(grades.values()) > 0}
    finally:
        generations = engine.generations(index)
        engine.close()
        if url:
            for one in generations:
                httpx.delete(f"{url}/{one.name}", timeout=60).raise_for_status()


def served(settings: Settings, engine: Any, judged: Judged) -> dict[str, tuple[Floats, list[str]]]:
    """The matrix that the ranker was given in a live search for each query, and the ids that were shown."""
    searcher: Searcher = parts.searcher_of(settings, engine)
    noting: Any = Noting(named(settings.home, STARTER.name))
    searcher.ranker = noting
    found = {}
    for text in judged:
        answer = searcher.search(Ask(text, explain=True))
        assert answer.degraded == () and answer.hits
        # The window first; what explains the hits is scored after it.
        found[text] = noting.given[0], [hit.id for hit in answer.hits]
        noting.given.clear()
    return found


def trained(settings: Settings, engine: Any, judged: Judged) -> list[Any]:
    """The rows that training would learn from."""
    known = Judgments(dict(judged), {text: text for text in judged}, "digest")
    plan = parts.plan_of(settings, known, "replayed")
    return report.groups_of(engine, settings.index, parts.encoder_of(settings), known, plan)


def test_matrices_are_equal_bit_by_bit(shop: tuple[Settings, SearchEngine, Judged]) -> None:
    settings, engine, judged = shop
    recorded = Recorded(engine)
    live = served(settings, recorded, judged)
    recorded.replays = True
    groups = trained(settings, recorded, judged)
    assert [one.query for one in groups] == list(judged) and len(groups) > QUERIES / 2
    for one in groups:
        matrix, shown = live[one.query]
        assert one.features.dtype == matrix.dtype == np.float32 and matrix.shape == (len(one.ids), len(features.NAMES))
        assert one.features.tobytes() == matrix.tobytes(), one.query
        assert set(shown) <= set(one.ids)


def test_training_asks_the_engine_for_what_searches_ask_for(shop: tuple[Settings, SearchEngine, Judged]) -> None:
    settings, engine, judged = shop
    serving, training = Recorded(engine), Recorded(engine)
    live = served(settings, serving, judged)
    groups = trained(settings, training, judged)
    assert serving.answers.keys() == training.answers.keys()
    for text, (_, answer) in serving.answers.items():
        assert training.answers[text][1].ids == answer.ids, text
    for one in groups:
        assert one.features.tobytes() == live[one.query][0].tobytes(), one.query
