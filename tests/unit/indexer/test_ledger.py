"""What is written and encoded again, on the real embedded engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from etalage.core.encoders import Floats, Kind
from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.records import Product
from etalage.core.settings import load
from indexer import documents, ledger
from indexer.ledger import Entry
from opensearch.embedded import EmbeddedEngine
from opensearch.engine import IndexSpec

RED, BLUE = Product("r", "red shoe", price=1000), Product("b", "blue lamp", price=2000)


class Counting(HashingEncoder):
    """The hashing encoder, noting what it is asked to encode."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str], *, kind: Kind) -> Floats:
        assert kind == "passage"
        self.asked += texts
        return super().encode(texts, kind=kind)


@pytest.fixture
def encoder() -> Counting:
    return Counting()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[EmbeddedEngine]:
    made = EmbeddedEngine(load(home=tmp_path))
    made.create("shop", IndexSpec("hashing", HashingEncoder.fingerprint, HashingEncoder.dim, dim_image=2))
    yield made
    made.close()


def changes(engine: EmbeddedEngine, encoder: Counting, *products: Product) -> ledger.Changes:
    entries = [Entry(documents.source(one), one.vec_image) for one in products]
    return ledger.changes(engine, "shop-000001", encoder, entries)


def stored(engine: EmbeddedEngine, encoder: Counting, *products: Product) -> None:
    outcomes = engine.write("shop-000001", changes(engine, encoder, *products).documents)
    assert [one.reason for one in outcomes] == [""] * len(products)
    encoder.asked.clear()


def test_everything_new_is_encoded(engine: EmbeddedEngine, encoder: Counting) -> None:
    found = changes(engine, encoder, RED, BLUE)
    assert (found.unchanged, found.encoded_text, found.encoded_image) == (0, 2, 0)
    assert [one.id for one in found.documents] == ["r", "b"]
    assert encoder.asked == ["red shoe", "blue lamp"]
    for one, text in zip(found.documents, encoder.asked, strict=True):
        assert one.vec_text is not None and one.vec_image is None
        np.testing.assert_array_equal(one.vec_text, encoder.encode_query(text))


def test_what_is_stored_is_neither_encoded_nor_written(engine: EmbeddedEngine, encoder: Counting) -> None:
    stored(engine, encoder, RED, BLUE)
    found = changes(engine, encoder, RED, BLUE)
    assert (found.documents, found.unchanged, found.encoded_text) == ([], 2, 0)
    assert encoder.asked == []


def test_a_new_price_keeps_the_vector(engine: EmbeddedEngine, encoder: Counting) -> None:
    stored(engine, encoder, RED, BLUE)
    found = changes(engine, encoder, replace(RED, price=999), BLUE)
    assert (found.unchanged, found.encoded_text) == (1, 0) and encoder.asked == []
    [one] = found.documents
    kept = engine.vectors("shop-000001", ["r"])["r"][0]
    assert one.source["price"] == 999 and one.vec_text is not None and kept is not None
    np.testing.assert_array_equal(one.vec_text, kept)


def test_a_new_title_is_encoded_alone(engine: EmbeddedEngine, encoder: Counting) -> None:
    stored(engine, encoder, RED, BLUE)
    found = changes(engine, encoder, RED, replace(BLUE, title="green lamp"), Product("n", "chair"))
    assert (found.unchanged, found.encoded_text) == (1, 2)
    assert encoder.asked == ["green lamp", "chair"]
    assert [one.id for one in found.documents] == ["b", "n"]


def test_new_and_kept_vectors_are_not_mixed_up(engine: EmbeddedEngine, encoder: Counting) -> None:
    stored(engine, encoder, RED, BLUE)
    found = changes(engine, encoder, Product("n", "chair"), replace(BLUE, price=1), replace(RED, title="red boot"))
    for one, text in zip(found.documents, ("chair", "blue lamp", "red boot"), strict=True):
        assert one.vec_text is not None
        # A kept vector comes back from int8, so it is near, not equal.
        assert float(one.vec_text @ encoder.encode_query(text)) > 0.99


def test_an_image_vector_is_scaled_counted_and_noticed(engine: EmbeddedEngine, encoder: Counting) -> None:
    with_image = replace(RED, vec_image=(3.0, 4.0))
    found = changes(engine, encoder, with_image, BLUE)
    assert (found.encoded_text, found.encoded_image) == (2, 1)
    image = found.documents[0].vec_image
    assert image is not None
    np.testing.assert_allclose(image, [0.6, 0.8], rtol=1e-6)
    stored(engine, encoder, with_image, BLUE)
    assert changes(engine, encoder, with_image, BLUE).unchanged == 2
    # The same direction is the same vector; another is a change.
    assert changes(engine, encoder, replace(RED, vec_image=(6.0, 8.0)), BLUE).unchanged == 2
    turned = changes(engine, encoder, replace(RED, vec_image=(4.0, 3.0)), BLUE)
    assert (turned.unchanged, turned.encoded_image) == (1, 1)
    assert changes(engine, encoder, RED, BLUE).documents[0].vec_image is None
