"""A product as a node stores it."""

from __future__ import annotations

import numpy as np
import orjson

from etalage.core.records import Document, to_int8
from opensearch.cluster import documents
from opensearch.engine import IndexSpec

SPEC = IndexSpec("m", "f", 8, 4)


def test_vectors_are_whole_numbers_that_point_where_they_did() -> None:
    vector = documents.unit(np.random.default_rng(1).normal(size=8).tolist())
    assert vector is not None
    source = {"id": "a", "title": "Mug"}
    body = orjson.loads(documents.stored(Document("a", source, "c", "e", vector, np.zeros(4, np.float32)), SPEC))
    assert body["vec_text"] == to_int8(vector).tolist() and "vec_image" not in body
    again = documents.unit(body["vec_text"])
    assert again is not None and float(again @ vector) > 0.999
    # Written again as it was read, it stays as it is.
    assert to_int8(again).tolist() == body["vec_text"]
