"""An adapter moves query vectors where products are compared, and nowhere else."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from etalage.core.artifact import query_hash
from etalage.core.encoders import adapter
from etalage.core.encoders.adapter import AdapterManifest
from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.errors import FingerprintMismatch, ModelError, QueryError
from etalage.core.records import Document, Floats
from opensearch.engine import Candidates, Generation, IndexSpec, Request, SearchEngine
from ranker import adapt
from ranker.adapt import Adaptation
from ranker.evaluate import Evaluator
from ranker.rerank import Ranker
from ranker.search import Ask, Searcher
from ranker.sight import Sight
from ranker.training import dataset
from ranker.training.judgments import Judgments

Make = Callable[..., Document]
Serve = Callable[..., Generation]


class Seen(Sight):
    """Keeps the vectors that words among pictures are looked up by."""

    def __init__(self) -> None:
        super().__init__({}, Path("nowhere"))
        self.asked: list[Floats] = []

    def seen(self, spec: IndexSpec, text: Floats) -> Floats | None:
        self.asked.append(text)
        return None


def train(folder: Path, towards: Floats, fingerprint: str, queries: tuple[str, ...] = ("red shoe",)) -> str:
    """Write an adapter that adds a vector to every query; its name."""
    onnx = pytest.importorskip("onnx")
    kind, helper = onnx.TensorProto.FLOAT, onnx.helper
    graph = helper.make_graph(
        [helper.make_node("Add", ["query", "towards"], ["adapted"])],
        "adapter",
        [helper.make_tensor_value_info("query", kind, ["n", len(towards)])],
        [helper.make_tensor_value_info("adapted", kind, ["n", len(towards)])],
        [onnx.numpy_helper.from_array(towards, "towards")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    manifest = AdapterManifest(
        fingerprint_text=fingerprint, dim_text=len(towards), model="", sha256="", seed=0, metrics={}, created_by="",
        queries=tuple(query_hash(query) for query in queries),
    )  # fmt: skip
    return adapter.save(folder, manifest, model.SerializeToString()).name


@pytest.fixture
def lamps(tmp_path: Path, encoder: HashingEncoder) -> Adaptation:
    """Whatever is asked, a desk lamp is meant."""
    train(tmp_path / "adapter", 9 * encoder.encode_query("desk lamp"), encoder.fingerprint)
    return Adaptation(tmp_path / "adapter")


@pytest.fixture
def asked(engine: SearchEngine, monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """The requests that the engine got."""
    found: list[Request] = []
    given = engine.candidates

    def candidates(index: str, request: Request) -> Candidates:
        found.append(request)
        return given(index, request)

    monkeypatch.setattr(engine, "candidates", candidates)
    return found


def test_without_an_adapter_both_vectors_are_the_same(tmp_path: Path, encoder: HashingEncoder) -> None:
    for adaptation in (None, Adaptation(tmp_path / "nothing")):
        meaning = adapt.encode(encoder, "red shoe", adaptation)
        assert meaning.near is meaning.words
    np.testing.assert_array_equal(meaning.words, encoder.encode_query("red shoe"))


def test_with_one_the_words_stay(lamps: Adaptation, encoder: HashingEncoder) -> None:
    meaning = adapt.encode(encoder, "red shoe", lamps)
    np.testing.assert_array_equal(meaning.words, encoder.encode_query("red shoe"))
    assert float(meaning.near @ encoder.encode_query("desk lamp")) > 0.9


def test_one_for_another_encoder_is_refused(tmp_path: Path, encoder: HashingEncoder) -> None:
    train(tmp_path, np.ones(encoder.dim, np.float32), "other")
    with pytest.raises(FingerprintMismatch, match="etalage train adapter"):
        adapt.encode(encoder, "red shoe", Adaptation(tmp_path))


def test_products_get_the_adapted_vector_and_pictures_the_words(
    engine: SearchEngine,
    encoder: HashingEncoder,
    ranker: Ranker,
    shop: Generation,
    lamps: Adaptation,
    asked: list[Request],
    tmp_path: Path,
) -> None:
    words, sight = encoder.encode_query("red shoe"), Seen()
    near = adapt.encode(encoder, "red shoe", lamps).near
    searcher = Searcher(engine, "products", encoder, ranker, sight=sight, adaptation=lamps)
    answer = searcher.search(Ask("red shoe"))
    assert answer.degraded == ()
    parts = {hit.id: hit.parts for hit in answer.hits}
    assert parts["lamp"]["cosine"] > 0.9 > parts["red"]["cosine"]
    evaluator = Evaluator(engine, "products", encoder, ranker, sight=sight, adaptation=lamps)
    evaluator.evaluate(Judgments({"red shoe": {"red": 1.0}}, {"red shoe": "1"}, ""), allow_overlap=True)
    train(tmp_path / "other", 9 * encoder.encode_query("desk lamp"), encoder.fingerprint, queries=("boot",))
    qrels = {"red shoe": {"red": 1.0}, "boot": {"boot": 1.0}}
    other = Adaptation(tmp_path / "other")
    dataset.build(engine, "products", encoder, qrels, window=5, neighbours=5, sight=sight, adaptation=other)
    # A query that the adapter was trained on is not moved in training rows.
    np.testing.assert_array_equal(asked.pop().vector, encoder.encode_query("boot"))  # type: ignore[arg-type]
    # Once for the neighbours among pictures, once to compare the candidates.
    for _ in range(2):
        np.testing.assert_array_equal(sight.asked.pop(), encoder.encode_query("boot"))
    vectors = [request.vector for request in asked if request.vector is not None]
    # The search, three arms with vectors, one training row.
    assert len(vectors) == 5
    for vector in vectors:
        np.testing.assert_array_equal(vector, near)
    assert len(sight.asked) == 2 * 3
    for vector in sight.asked:
        np.testing.assert_array_equal(vector, words)


def test_a_picture_is_not_moved(
    engine: SearchEngine, encoder: HashingEncoder, make: Make, serve: Serve, lamps: Adaptation, asked: list[Request]
) -> None:
    serve(make("a", "red shoe", image=(0.6, 0.8)), dim_image=2)
    Searcher(engine, "products", encoder, None, adaptation=lamps).search(Ask("", image=(3.0, 4.0)))
    np.testing.assert_allclose(asked[0].vector, [0.6, 0.8], atol=1e-6)  # type: ignore[arg-type]


def test_a_damaged_one_is_left_out_and_named(
    engine: SearchEngine,
    encoder: HashingEncoder,
    ranker: Ranker,
    shop: Generation,
    lamps: Adaptation,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    next((tmp_path / "adapter").glob("*.onnx")).write_bytes(b"x")
    searcher = Searcher(engine, "products", encoder, ranker, adaptation=lamps)
    with caplog.at_level(logging.WARNING):
        answer = searcher.search(Ask("red shoe"))
    assert answer.degraded == ("adapter",) and "without the adapter" in caplog.text
    plain = Searcher(engine, "products", encoder, ranker).search(Ask("red shoe"))
    assert [hit.id for hit in answer.hits] == [hit.id for hit in plain.hits]
    evaluator = Evaluator(engine, "products", encoder, ranker, adaptation=lamps)
    with pytest.raises(ModelError, match="adapter"):
        evaluator.evaluate(Judgments({"boot": {"boot": 1.0}}, {"boot": "1"}, ""))


def test_queries_that_the_adapter_was_trained_on_are_refused(
    engine: SearchEngine, encoder: HashingEncoder, shop: Generation, lamps: Adaptation
) -> None:
    evaluator = Evaluator(engine, "products", encoder, None, adaptation=lamps)
    judged = Judgments({"Red shoe": {"red": 1.0}, "boot": {"boot": 1.0}}, {"Red shoe": "1", "boot": "2"}, "")
    with pytest.raises(QueryError, match="1 of 2 queries were used to train the adapter: Red shoe"):
        evaluator.evaluate(judged)
    report: dict[str, Any] = evaluator.evaluate(judged, allow_overlap=True)
    assert report["model"]["adapter"].startswith("adapter-")
    # Without vectors nothing is moved.
    assert Evaluator(engine, "products", None, None, adaptation=lamps).evaluate(judged)["queries"] == 2
