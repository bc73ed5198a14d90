"""The cross-encoder's stage: which products are read, how they are ordered, what is told, and when it is left out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from etalage.core.artifact import Artifact
from etalage.core.encoders import cross
from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.errors import EngineTimeout, ModelError, QueryError
from opensearch.engine import Lists, Request, SearchEngine
from ranker import retrieve
from ranker.cross import Crossing
from ranker.evaluate import Evaluator
from ranker.query import understand
from ranker.rerank import Ranker
from ranker.scores import by_score
from ranker.search import Ask, Searcher
from ranker.training.judgments import Judgments

from ...crosses import made, manifest

pytestmark = pytest.mark.usefixtures("shop")

Search = Callable[..., Searcher]


def titles(source: Mapping[str, Any]) -> str:
    return str(source["title"])


def longest(source: Mapping[str, Any]) -> str:
    """A text that is the longer the later the id."""
    return "red " * (1 + sorted(("blue", "boot", "lamp", "red", "run")).index(source["id"]))


@pytest.fixture
def search(engine: SearchEngine, encoder: HashingEncoder, ranker: Ranker) -> Search:
    """A searcher with the cross-encoder of a folder, or none."""

    def searching(folder: Path | None, budget: float = 20.0) -> Searcher:
        crossing = None if folder is None else Crossing(folder, titles, budget)
        return Searcher(engine, "products", encoder, ranker, crossing=crossing)

    return searching


def kept(folder: Path, **values: Any) -> Path:
    """A cross-encoder in a folder that gives the number of a title's words and one more, or the negative of it."""
    cross.save(folder, manifest(**{"weight": 100.0, **values}), made())
    return folder


def ids(searcher: Searcher, **ask: Any) -> list[str]:
    return [hit.id for hit in searcher.search(Ask("red shoe", **ask)).hits]


def test_without_one_nothing_changes(search: Search, tmp_path: Path) -> None:
    plain, none = (search(one).search(Ask("red shoe")) for one in (None, tmp_path / "none"))
    assert plain.hits == none.hits and none.degraded == ()
    assert all("cross" not in hit.parts for hit in none.hits)


def test_longer_titles_come_first_and_hits_tell_so(search: Search, tmp_path: Path) -> None:
    before = search(None).search(Ask("red shoe")).hits
    found = search(kept(tmp_path)).search(Ask("red shoe"))
    assert [hit.id for hit in before][:2] == ["red", "run"] and [hit.id for hit in found.hits][:2] == ["run", "red"]
    assert found.hits[0].parts["cross"] == {"score": 4.0, "from": 2, "to": 1}
    # The ranker's scores are dealt out anew: the shown ones stay what they were, and in order.
    assert [hit.score for hit in found.hits] == [hit.score for hit in before]
    # What the ranker said of a product stays told.
    own = {hit.id: hit.parts["ranker"] for hit in before}
    assert all(hit.parts["ranker"] == own[hit.id] for hit in found.hits)
    assert "cross" in found.timings and found.degraded == ()


def test_what_the_ranker_scores_alike_is_ordered_too(
    engine: SearchEngine, encoder: HashingEncoder, linear: Callable[..., Artifact], tmp_path: Path
) -> None:
    level = Ranker(linear({}))
    folder = kept(tmp_path, milliseconds=10.0)
    plain = ids(Searcher(engine, "products", encoder, level))
    assert plain == ["blue", "boot", "lamp", "red", "run"]
    searcher = Searcher(engine, "products", encoder, level, crossing=Crossing(folder, titles, 1000.0))
    assert ids(searcher) == ["run", *(one for one in plain if one != "run")]
    # What is not read stays below what is, though its id would come first.
    two = Searcher(
        engine, "products", encoder, level, crossing=Crossing(kept(tmp_path, milliseconds=10.0), longest, 20.0)
    )
    assert ids(two) == [plain[1], plain[0], *plain[2:]]


def test_the_last_that_is_read_stays_above_the_first_that_is_not(engine: SearchEngine, tmp_path: Path) -> None:
    query = understand("red shoe")
    found = retrieve.candidates(engine, "products", query, Request(query.lexical, None, 0, 0, 10, lists=Lists.LEXICAL))
    ids = found.candidates.ids
    scores = np.array([1.0 if one == "run" else 0.0 for one in ids], np.float32)
    assert [ids[row] for row in by_score(scores, ids)] == ["run", "blue", "red"]
    folder = kept(tmp_path, milliseconds=10.0)
    read = Crossing(folder, lambda source: "red" if source["id"] == "run" else "red red", 20.0).read(
        engine, found, scores
    )
    assert read.scores is not None and [ids[row] for row in by_score(read.scores, ids)] == ["blue", "run", "red"]


def test_only_what_fits_the_budget_is_read(search: Search, tmp_path: Path) -> None:
    folder = kept(tmp_path, milliseconds=10.0)
    plain = ids(search(None))
    assert ids(search(folder, budget=19.9)) == plain
    assert ids(search(folder, budget=20.0))[:2] == [plain[1], plain[0]]
    assert ids(search(folder, budget=20.0))[2:] == plain[2:]
    assert ids(search(folder, budget=0)) == plain


def test_pages_are_cut_from_one_order(search: Search, tmp_path: Path) -> None:
    searcher = search(kept(tmp_path))
    whole = ids(searcher)
    assert [one for start in range(len(whole)) for one in ids(searcher, size=1, start=start)] == whole


def test_one_that_is_trained_meanwhile_is_used_at_once(search: Search, tmp_path: Path) -> None:
    searcher = search(tmp_path)
    assert ids(searcher)[0] == "red"
    kept(tmp_path)
    assert ids(searcher)[0] == "run"


def test_without_time_or_with_a_damaged_file_it_is_left_out_and_said(search: Search, tmp_path: Path) -> None:
    searcher = search(kept(tmp_path), budget=1000.0)
    late = searcher.search(Ask("red shoe", until=time.monotonic() + 0.9))
    assert (late.hits[0].id, late.degraded) == ("red", ("cross",))
    for file in tmp_path.glob("*.onnx"):
        file.write_bytes(b"damaged")
    broken = search(tmp_path).search(Ask("red shoe"))
    assert (broken.hits[0].id, broken.degraded) == ("red", ("cross",))


def test_the_weight_says_how_much_it_counts(search: Search, tmp_path: Path) -> None:
    assert ids(search(kept(tmp_path, weight=1e-6))) == ids(search(None))


def test_without_a_ranker_there_is_nothing_to_read(
    engine: SearchEngine, encoder: HashingEncoder, tmp_path: Path
) -> None:
    crossing = Crossing(kept(tmp_path), titles, 20.0)
    found = Searcher(engine, "products", encoder, None, crossing=crossing).search(Ask("red shoe"))
    assert found.degraded == ("rerank",) and found.hits and all("cross" not in hit.parts for hit in found.hits)


def test_a_product_that_is_gone_meanwhile_is_read_by_its_title(
    search: Search, engine: SearchEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searcher = search(kept(tmp_path))
    whole = searcher.search(Ask("red shoe")).hits
    monkeypatch.setattr(engine, "get", lambda *_, **__: {})
    assert searcher.search(Ask("red shoe")).hits == whole


def test_texts_that_do_not_come_in_time_are_done_without(
    search: Search, engine: SearchEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float | None] = []

    def late(generation: str, ids: list[str], *, timeout: float | None = None) -> dict[str, Any]:
        given.append(timeout)
        raise EngineTimeout("late")

    monkeypatch.setattr(engine, "get", late)
    searcher = search(kept(tmp_path))
    for until in (None, time.monotonic() + 60):
        assert searcher.search(Ask("red shoe", until=until)).degraded == ("cross",)
    assert given[0] is None and given[1] is not None and 0 < given[1] <= 60


def test_evaluating_uses_it_and_refuses_its_queries(
    engine: SearchEngine, encoder: HashingEncoder, ranker: Ranker, tmp_path: Path
) -> None:
    folder = kept(tmp_path)
    with_it = Evaluator(engine, "products", encoder, ranker, crossing=Crossing(folder, titles, 20.0))
    without = Evaluator(engine, "products", encoder, ranker)
    judged = Judgments({"shoe red": {"run": 1.0}}, {"shoe red": "1"}, "d")
    assert (
        with_it.evaluate(judged)["arms"]["ranked"]["ndcg@10"]
        == 1.0
        > without.evaluate(judged)["arms"]["ranked"]["ndcg@10"]
    )
    assert with_it.evaluate(judged)["model"]["cross"] == cross.load(folder).manifest.name
    with pytest.raises(QueryError, match="1 of 1 queries were used to train the cross-encoder"):
        with_it.evaluate(Judgments({"red shoe": {"run": 1.0}}, {}, "d"))
    for file in folder.glob("*.onnx"):
        file.write_bytes(b"damaged")
    broken = Evaluator(engine, "products", encoder, ranker, crossing=Crossing(folder, titles, 20.0))
    with pytest.raises(ModelError, match="not what was trained"):
        broken.evaluate(judged)
