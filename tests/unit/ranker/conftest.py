"""A shop in the embedded engine, filled by each test, and what searches it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from etalage.core import artifact
from etalage.core.artifact import Artifact, Manifest
from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.records import Document
from etalage.core.settings import load
from opensearch.embedded import EmbeddedEngine
from opensearch.engine import Generation, IndexSpec, SearchEngine
from ranker.features import NAMES, contract_hash
from ranker.rerank import STARTER, Ranker
from ranker.search import Searcher

Make = Callable[..., Document]
Serve = Callable[..., Generation]
Linear = Callable[..., Artifact]


@pytest.fixture(scope="session")
def encoder() -> HashingEncoder:
    return HashingEncoder()


@pytest.fixture(scope="session")
def starter() -> Artifact:
    """The artifact that ships with the package."""
    return artifact.load(STARTER)


@pytest.fixture(scope="session")
def ranker(starter: Artifact) -> Ranker:
    return Ranker(starter)


@pytest.fixture(scope="session")
def linear() -> Linear:
    """Makes an artifact whose score is a weighted sum: `linear({"price": -1.0}, queries=())`."""
    onnx = pytest.importorskip("onnx")

    def made(weights: Mapping[str, float], queries: Sequence[str] = ()) -> Artifact:
        column = np.array([[weights.get(name, 0.0)] for name in NAMES], np.float32)
        graph = onnx.helper.make_graph(
            [onnx.helper.make_node("MatMul", ["features", "weights"], ["scores"])],
            "linear",
            [onnx.helper.make_tensor_value_info("features", onnx.TensorProto.FLOAT, ["n", len(NAMES)])],
            [onnx.helper.make_tensor_value_info("scores", onnx.TensorProto.FLOAT, ["n", 1])],
            [onnx.numpy_helper.from_array(column, "weights")],
        )
        opset = onnx.helper.make_opsetid("", 17)
        model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8).SerializeToString()
        hashes = tuple(sorted(artifact.query_hash(query) for query in queries))
        return Artifact(Manifest("linear", NAMES, contract_hash(), sha256(model).hexdigest(), hashes), model)

    return made


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[SearchEngine]:
    made = EmbeddedEngine(load(home=tmp_path))
    yield made
    made.close()


@pytest.fixture(scope="session")
def make(encoder: HashingEncoder) -> Make:
    """Makes a document: `make(id, title, encoded=True, image=None, **source)`."""

    def document(
        key: str, title: str, *, encoded: bool = True, image: Sequence[float] | None = None, **source: Any
    ) -> Document:
        body = {"id": key, "title": title, **source}
        vector = encoder.encode([title], kind="passage")[0] if encoded else None
        picture = None if image is None else np.array(image, np.float32)
        return Document(key, body, content=f"c-{key}", encoded=f"e-{key}", vec_text=vector, vec_image=picture)

    return document


@pytest.fixture
def serve(engine: SearchEngine, encoder: HashingEncoder) -> Serve:
    """Writes documents into a new generation of the index `products` and lets it serve."""

    def serving(*documents: Document, fingerprint: str = encoder.fingerprint, dim_image: int = 0) -> Generation:
        generation = engine.create("products", IndexSpec(encoder.name, fingerprint, encoder.dim, dim_image))
        assert [one.reason for one in engine.write(generation.name, documents)] == [""] * len(documents)
        engine.refresh(generation.name)
        engine.swap("products", generation.name)
        return generation

    return serving


@pytest.fixture
def shop(make: Make, serve: Serve) -> Generation:
    """Five products; only three are shoes."""
    return serve(
        make("boot", "leather boot", brand="Acme", price=9000, popularity=2.0, stock=0, category=["Footwear"]),
        make("red", "red shoe", brand="Acme", price=5000, popularity=5.0, stock=3, category=["Footwear", "Women"]),
        make("blue", "blue shoe", brand="Bolt", price=4000, popularity=9.0, category=["Footwear"]),
        make("run", "red running shoe", brand="Bolt", price=7000, stock=1, category=["Footwear"]),
        make("lamp", "desk lamp", brand="Lumo", price=2000, popularity=7.0, stock=5, category=["Home"]),
    )


@pytest.fixture
def searcher(engine: SearchEngine, encoder: HashingEncoder, ranker: Ranker, shop: Generation) -> Searcher:
    return Searcher(engine, "products", encoder, ranker)
