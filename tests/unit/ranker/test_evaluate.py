"""The four arms on judged queries."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from etalage.core.artifact import Artifact, query_hash
from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.errors import FingerprintMismatch, QueryError
from etalage.core.records import Document
from opensearch.engine import Generation, SearchEngine
from ranker.evaluate import ARMS, Evaluator
from ranker.metrics import METRICS
from ranker.rerank import Ranker
from ranker.search import Ask, Searcher
from ranker.training.judgments import Judgments, Qrels

Make = Callable[..., Document]
Serve = Callable[..., Generation]
Linear = Callable[..., Artifact]


def judged(qrels: Qrels) -> Judgments:
    return Judgments(qrels, {query: f"t{number}" for number, query in enumerate(qrels, 1)}, "digest")


def runs(path: Path) -> dict[tuple[str, str], list[tuple[str, int, float]]]:
    """A run file: (arm, topic) → (docid, rank, score) in the file's order."""
    found: dict[tuple[str, str], list[tuple[str, int, float]]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        topic, fixed, document, rank, score, arm = line.split(" ")
        assert fixed == "Q0"
        found.setdefault((arm, topic), []).append((document, int(rank), float(score)))
    return found


@pytest.fixture
def evaluator(engine: SearchEngine, encoder: HashingEncoder, ranker: Ranker, shop: Generation) -> Evaluator:
    return Evaluator(engine, "products", encoder, ranker)


# the report
def test_a_report_has_a_key_for_every_arm(evaluator: Evaluator) -> None:
    report = evaluator.evaluate(judged({"red shoe": {"red": 1.0}, "desk lamp": {"lamp": 1.0}}), allow_overlap=True)
    assert tuple(report["arms"]) == ARMS == ("bm25", "vector", "hybrid", "ranked")
    for arm in ARMS:
        assert set(report["arms"][arm]) == {*METRICS, "p50_ms", "p99_ms"}
        assert report["arms"][arm]["mrr"] == 1.0
        assert 0 < report["arms"][arm]["p50_ms"] <= report["arms"][arm]["p99_ms"]
    assert report["reasons"] == {}
    assert (report["queries"], report["without_relevant"], report["missing_docs"]) == (2, 0, 0)
    assert set(report["significance"]) == {"hybrid - bm25", "ranked - hybrid", "ranked - bm25"}
    assert report["model"]["encoder"] == {"name": "hashing", "fingerprint": "hashing-v1-256"}
    assert report["model"]["ranker"]["name"].startswith("ranker-")


def test_figures_by_hand(engine: SearchEngine, make: Make, serve: Serve) -> None:
    # Equal titles but for length: the shorter, the better BM25.
    serve(make("a", "shoe"), make("b", "shoe pad"), make("c", "shoe pad pad"), make("d", "lamp"))
    report = Evaluator(engine, "products", None, None).evaluate(judged({"shoe": {"b": 1.0, "c": 0.5, "d": 1.0}}))
    half = math.sqrt(2) - 1
    gained = 1 / math.log2(3) + half / 2
    best = 1 + 1 / math.log2(3) + half / 2
    arm = report["arms"]["bm25"]
    assert arm["ndcg@10"] == pytest.approx(gained / best, abs=1e-4)
    assert (arm["mrr"], arm["recall@100"], arm["judged@10"]) == (0.5, 0.6667, 0.6667)
    # The best order of what was found: b, c, a.
    assert report["reference"]["oracle"] == pytest.approx((1 + half / math.log2(3)) / best, abs=1e-4)
    assert 0 < report["reference"]["random"] < report["reference"]["oracle"]


def test_arms_order_by_what_they_are_named_for(
    engine: SearchEngine, encoder: HashingEncoder, shop: Generation, linear: Linear, tmp_path: Path
) -> None:
    path = tmp_path / "out" / "run.txt"
    ranker = Ranker(linear({"price": -1.0}))
    judgments = judged({"red shoe": {"red": 1.0}})
    report = Evaluator(engine, "products", encoder, ranker).evaluate(judgments, run=path)
    found = {arm: [one for one, _, _ in rows] for (arm, _), rows in runs(path).items()}
    assert found["bm25"] == ["red", "run", "blue"]
    assert set(found["vector"]) == set(found["hybrid"]) == {"red", "run", "blue", "boot", "lamp"}
    assert found["hybrid"][0] == found["vector"][0] == "red"
    assert found["ranked"] == ["lamp", "blue", "red", "run", "boot"]
    assert report["arms"]["ranked"]["mrr"] == 0.3333
    assert report["reference"]["oracle"] == 1.0


def test_the_ranked_arm_is_what_a_search_answers(
    evaluator: Evaluator, engine: SearchEngine, encoder: HashingEncoder, ranker: Ranker, tmp_path: Path
) -> None:
    path = tmp_path / "run.txt"
    evaluator.evaluate(judged({"red boot": {"red": 1.0}}), allow_overlap=True, run=path)
    hits = Searcher(engine, "products", encoder, ranker).search(Ask("red boot")).hits
    assert [one for one, _, _ in runs(path)["ranked", "t1"]] == [hit.id for hit in hits]


# arms that cannot run
def test_without_an_encoder_three_arms_are_null_and_say_why(
    engine: SearchEngine, ranker: Ranker, shop: Generation
) -> None:
    reasons = {"vector": "the model is not exported"}
    report = Evaluator(engine, "products", None, ranker, reasons=reasons).evaluate(
        judged({"red shoe": {"red": 1.0}}), allow_overlap=True
    )
    assert tuple(report["arms"]) == ARMS
    assert report["arms"]["bm25"]["mrr"] == 1.0
    assert [report["arms"][arm] for arm in ARMS[1:]] == [None] * 3
    assert set(report["reasons"]) == set(ARMS[1:])
    assert report["reasons"]["vector"] == "the model is not exported"
    assert all(report["reasons"].values())
    assert report["significance"] == {}
    assert report["model"]["encoder"] is None


def test_without_a_ranker_its_arm_is_null_and_says_why(
    engine: SearchEngine, encoder: HashingEncoder, shop: Generation
) -> None:
    report = Evaluator(engine, "products", encoder, None, reasons={"ranked": "no ranker"}).evaluate(
        judged({"red shoe": {"red": 1.0}})
    )
    assert report["arms"]["ranked"] is None
    assert report["reasons"] == {"ranked": "no ranker"}
    assert set(report["significance"]) == {"hybrid - bm25"}
    assert report["model"]["ranker"] is None


def test_a_missing_ranker_is_not_blamed_on_the_encoder(
    engine: SearchEngine, encoder: HashingEncoder, shop: Generation
) -> None:
    report = Evaluator(engine, "products", encoder, None).evaluate(judged({"red shoe": {"red": 1.0}}))
    assert report["reasons"] == {"ranked": "the ranker is missing"}


def test_an_index_of_another_encoder_is_refused(
    engine: SearchEngine, encoder: HashingEncoder, ranker: Ranker, make: Make, serve: Serve
) -> None:
    serve(make("a", "red shoe"), fingerprint="other")
    with pytest.raises(FingerprintMismatch):
        Evaluator(engine, "products", encoder, ranker)


# judged documents only
def test_judged_only_orders_exactly_the_judged_and_puts_the_unscored_last_by_id(
    engine: SearchEngine, encoder: HashingEncoder, ranker: Ranker, make: Make, serve: Serve, tmp_path: Path
) -> None:
    serve(
        make("z", "red shoe"),
        make("m", "blue shoe", encoded=False),
        make("b", "desk lamp", encoded=False),
        make("a", "oak table"),
        make("other", "red red shoe"),
    )
    path = tmp_path / "run.txt"
    ratings = {"z": 1.0, "m": 0.5, "gone": 1.0, "b": 0.0, "a": 0.0}
    report = Evaluator(engine, "products", encoder, ranker).evaluate(
        judged({"red shoe": ratings}), judged_only=True, allow_overlap=True, run=path
    )
    found = {arm: [one for one, _, _ in rows] for (arm, _), rows in runs(path).items()}
    assert all(sorted(found[arm]) == sorted(ratings) for arm in ARMS)
    assert found["bm25"] == ["z", "m", "a", "b", "gone"]
    assert found["vector"] == ["z", "a", "b", "gone", "m"]
    assert found["hybrid"][:2] == ["z", "m"]
    assert found["hybrid"][-1] == found["ranked"][-1] == "gone"
    assert all(report["arms"][arm]["judged@10"] == 1.0 for arm in ARMS)
    assert report["missing_docs"] == 1


# queries and documents that do not count
def test_queries_without_anything_relevant_are_counted_and_left_out(evaluator: Evaluator) -> None:
    qrels: Qrels = {"red shoe": {"red": 1.0}, "zebra": {"lamp": 0.0}, "boot": {"boot": 0.0, "red": 0.0}}
    report = evaluator.evaluate(judged(qrels), allow_overlap=True)
    assert (report["queries"], report["without_relevant"]) == (1, 2)
    assert report["arms"]["bm25"]["mrr"] == 1.0


def test_nothing_relevant_at_all_is_refused(evaluator: Evaluator) -> None:
    with pytest.raises(QueryError, match="no query has a rating above zero"):
        evaluator.evaluate(judged({"red shoe": {"red": 0.0}}), allow_overlap=True)


def test_judged_documents_that_the_index_lacks_are_counted_once(evaluator: Evaluator) -> None:
    qrels: Qrels = {"red shoe": {"red": 1.0, "gone": 1.0}, "boot": {"boot": 1.0, "gone": 1.0, "lost": 0.0}}
    assert evaluator.evaluate(judged(qrels), allow_overlap=True)["missing_docs"] == 2


# training queries
def test_queries_that_the_ranker_was_trained_on_are_refused(
    engine: SearchEngine, encoder: HashingEncoder, shop: Generation, linear: Linear
) -> None:
    ranker = Ranker(linear({"fused": 1.0}, queries=["Red  Shoe", "chair"]))
    evaluator = Evaluator(engine, "products", encoder, ranker)
    judgments = judged({"red shoe": {"red": 1.0}, "boot": {"boot": 1.0}})
    with pytest.raises(QueryError, match="1 of 2 queries were used to train the ranker: red shoe") as caught:
        evaluator.evaluate(judgments)
    assert "--allow-overlap" in caught.value.remedy
    assert evaluator.evaluate(judgments, allow_overlap=True)["queries"] == 2
    assert evaluator.evaluate(judged({"boot": {"boot": 1.0}}))["queries"] == 1


def test_queries_that_the_encoder_was_tuned_on_are_refused(
    engine: SearchEngine, encoder: HashingEncoder, shop: Generation
) -> None:
    evaluator = Evaluator(engine, "products", encoder, None, encoder_queries=[query_hash("Red  Shoe")])
    judgments = judged({"red shoe": {"red": 1.0}, "boot": {"boot": 1.0}})
    with pytest.raises(QueryError, match="1 of 2 queries were used to train the encoder: red shoe"):
        evaluator.evaluate(judgments)
    assert evaluator.evaluate(judgments, allow_overlap=True)["queries"] == 2


# the run file
def test_a_run_file_is_trec_with_all_arms(evaluator: Evaluator, tmp_path: Path) -> None:
    path = tmp_path / "run.txt"
    evaluator.evaluate(
        judged({"red shoe": {"red": 1.0}, "zebra": {"red": 0.0}, "boot": {"boot": 1.0}}), allow_overlap=True, run=path
    )
    found = runs(path)
    # The query without anything relevant is not run.
    assert set(found) == {(arm, topic) for arm in ARMS for topic in ("t1", "t3")}
    for rows in found.values():
        assert [rank for _, rank, _ in rows] == list(range(1, len(rows) + 1))
        scores = [score for _, _, score in rows]
        assert scores == sorted(scores, reverse=True)
        assert len({one for one, _, _ in rows}) == len(rows)


def test_a_run_holds_a_hundred_at_most(engine: SearchEngine, make: Make, serve: Serve, tmp_path: Path) -> None:
    serve(*(make(f"s{n:03d}", "shoe") for n in range(130)))
    path = tmp_path / "run.txt"
    report = Evaluator(engine, "products", None, None).evaluate(judged({"shoe": {"s000": 1.0, "s120": 1.0}}), run=path)
    assert [one for one, _, _ in runs(path)["bm25", "t1"]] == [f"s{n:03d}" for n in range(100)]
    assert report["arms"]["bm25"]["recall@100"] == 0.5


def test_figures_do_not_depend_on_when_they_are_made(evaluator: Evaluator) -> None:
    judgments = judged({"red shoe": {"red": 1.0, "run": 0.5}, "boot": {"boot": 1.0}})
    first, second = (evaluator.evaluate(judgments, allow_overlap=True) for _ in range(2))
    for report in (first, second):
        for arm in ARMS:
            del report["arms"][arm]["p50_ms"], report["arms"][arm]["p99_ms"]
    assert first == second
