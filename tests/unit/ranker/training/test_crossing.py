"""The flow from judgments to a cross-encoder, on a shop whose shoppers want what is new: the ranker cannot tell, a title can."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from etalage.core.artifact import Artifact, query_hash
from etalage.core.encoders import cross, models
from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.errors import EngineError, ModelError, ModelNotFound
from etalage.core.records import Document
from opensearch.engine import Generation, SearchEngine
from ranker.cross import Crossing
from ranker.rerank import Ranker
from ranker.search import Ask, Searcher
from ranker.training import crossing, dataset, report, tuning
from ranker.training.crossing import Plan, Ranked
from ranker.training.encoder import Base
from ranker.training.judgments import Judgments

from ....bert import tiny

pytestmark = pytest.mark.usefixtures("one_thread")

Make = Callable[..., Document]
Serve = Callable[..., Generation]

COLOURS = "red blue green black white grey brown beige pink navy teal gold".split()
THINGS = "couch lamp rug mug desk drape bin".split()
JUDGED = Judgments(
    {
        f"{colour} {thing}": {f"{colour}-{thing}-1": 1.0, f"{colour}-{thing}-0": 0.0}
        for colour in COLOURS
        for thing in THINGS
    },
    {},
    "digest",
)


def passage(values: Mapping[str, Any]) -> str:
    return str(values["title"])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    folder = tmp_path_factory.mktemp("base")
    source = tiny(folder / "source" / "tiny")
    return Base(source, models.export(str(source), models=folder / "models"), folder / "models")


@pytest.fixture
def stocked(make: Make, serve: Serve) -> Generation:
    """Two products of each colour and kind: of equal scores, the old one comes first by its id."""
    return serve(*(
        make(f"{colour}-{thing}-{new}", f"{colour} {thing} {'with usb' if new else 'of blue'}")
        for colour in COLOURS for thing in THINGS for new in (0, 1)
    ))  # fmt: skip


@pytest.fixture
def train(
    engine: SearchEngine, encoder: HashingEncoder, ranker: Ranker, base: Base, tmp_path: Path
) -> Callable[..., Any]:
    def training(judged: Judgments = JUDGED, **plan: Any) -> dict[str, Any]:
        how = report.Plan(window=20, neighbours=10)
        given = {"ranker": ranker, "budget": 1000.0, "trained_on": "words", **plan}
        one = Plan(tmp_path / "checkpoint", passage, how, **given)
        return crossing.train(engine, "products", encoder, base, judged, tmp_path / "cross", one)

    return training


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Much is learnt in few steps."""
    monkeypatch.setattr(tuning, "RATE", 1e-2)
    monkeypatch.setattr(tuning, "EPOCHS", 8)


def test_one_that_orders_better_is_kept_and_used(
    train: Callable[..., Any], stocked: Generation, quick: None, tmp_path: Path, engine: SearchEngine,
    encoder: HashingEncoder, ranker: Ranker,
) -> None:  # fmt: skip
    found = train()
    assert found["saved"] and found["refused"] == ""
    for part in ("validation", "test"):
        assert found[part]["with"] > found[part]["without"] + 0.1
    assert found["queries"] == {"train": 54, "validation": 13, "test": 17}
    assert (
        found["fit"]["steps"] == 24
        and found["parity"]["correlation"] >= crossing.ALIKE
        and found["depth"] == cross.DEPTH
    )
    loaded = cross.load(tmp_path / "cross")
    known = loaded.manifest
    assert (known.name, known.weight, known.trained_on) == (found["cross"], found["weight"], "words")
    assert known.milliseconds == found["milliseconds"]
    *used, test = dataset.split_queries(JUDGED.qrels, dataset.SHARES, 0)
    assert set(known.queries) == {query_hash(text) for part in used for text in part}
    assert not (tmp_path / "checkpoint").exists()
    # What serves is what was measured: it brings what is new for a query that was kept apart.
    one = Crossing(tmp_path / "cross", passage, 1000.0)
    with_it, without = (Searcher(engine, "products", encoder, ranker, crossing=each) for each in (one, None))
    best = [searcher.search(Ask(test[0])).hits[0].id for searcher in (with_it, without)]
    assert best == [f"{test[0].replace(' ', '-')}-1", f"{test[0].replace(' ', '-')}-0"]


def test_one_that_gains_nothing_is_refused_unless_forced(
    train: Callable[..., Any], stocked: Generation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tuning, "EPOCHS", 1)
    monkeypatch.setattr(tuning, "RATE", 0.0)
    found = train()
    assert not found["saved"] and found["refused"].startswith(
        "nDCG@10 on validation queries is not 0.002 higher with it"
    )
    with pytest.raises(ModelNotFound):
        cross.load(tmp_path / "cross")
    assert train(force=True)["saved"]


def test_wrong_material_is_refused(
    train: Callable[..., Any], stocked: Generation, quick: None, linear: Callable[..., Artifact]
) -> None:
    few = Judgments(dict(list(JUDGED.qrels.items())[:70]), {}, "few")
    with pytest.raises(ModelError, match="too few judged queries to train a cross-encoder on"):
        train(few)
    with pytest.raises(ModelError, match="no checkpoint to go on from"):
        train(resume=True)
    with pytest.raises(ModelError, match="reading takes longer than the budget"):
        train(budget=0.0)
    # It added to what another ranker says.
    with pytest.raises(ModelError, match="the checkpoint is of another training"):
        train(resume=True, ranker=Ranker(linear({})))
    # What was learnt is not lost: it is measured again under a budget that leaves room.
    assert train(resume=True)["saved"]


def test_without_an_index_it_says_so(train: Callable[..., Any]) -> None:
    with pytest.raises(EngineError, match="the index does not exist"):
        train()


def test_products_of_a_step_are_relevant_ones_and_others_of_the_best() -> None:
    gains = np.zeros(60, np.float32)
    gains[[1, 5, 40]] = 1.0
    one = Ranked("q", [f"p{row}" for row in range(60)], np.zeros(60, np.float32), gains, {})
    rows = crossing.chosen(one, np.random.default_rng(0))
    assert len(rows) == len(set(rows)) == crossing.PRODUCTS
    assert set(rows[:3]) == {1, 5, 40} and all(gains[row] == 0 and row < crossing.NEAR for row in rows[3:])
    gains[[7, 9]] = 1.0
    assert 40 not in crossing.chosen(one, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("validation", "test", "refused"),
    [(0.002, 0.002, ""), (0.0019, 0.01, "on validation queries"), (0.01, 0.0019, "on test queries")],
)
def test_it_must_bring_enough_on_both(validation: float, test: float, refused: str) -> None:
    found = crossing.worse({"validation": {"difference": validation}, "test": {"difference": test}})
    assert refused in found and bool(found) == bool(refused)
