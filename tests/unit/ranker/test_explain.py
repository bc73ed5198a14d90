"""Why a hit stands where it stands."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etalage.core.artifact import Artifact
from etalage.core.encoders.hashing import HashingEncoder
from opensearch import fields
from opensearch.engine import Generation, SearchEngine
from ranker import explain
from ranker.features import NAMES
from ranker.rerank import Ranker
from ranker.search import Ask, Searcher

Linear = Callable[..., Artifact]


def test_every_hit_says_where_its_score_comes_from(searcher: Searcher) -> None:
    parts = {hit.id: hit.parts for hit in searcher.search(Ask("red shoe")).hits}
    assert set(parts["red"]) == {
        *("bm25", "fields", "cosine", "normalized", "looks", "rank", "fused", "ranker"),
        *("baseline", "contributions", "others", "rest", "why"),
    }
    assert parts["red"]["looks"] == 0.0
    assert parts["red"]["rank"] == {"bm25": 1, "vector": 1}
    assert parts["red"]["cosine"] == pytest.approx(1.0, abs=0.01)
    assert parts["red"]["fused"] == 1.0
    assert parts["red"]["fields"] == {"title": parts["red"]["bm25"]}
    assert parts["lamp"]["bm25"] == 0.0
    assert (parts["lamp"]["fields"], parts["lamp"]["rank"]["bm25"]) == ({}, 0)


def test_the_fields_weigh_as_they_should(searcher: Searcher) -> None:
    parts = {hit.id: hit.parts for hit in searcher.search(Ask("acme footwear boot")).hits}
    assert set(parts["boot"]["fields"]) == {"title", "brand", "category"}
    weighed = sum(weight * parts["boot"]["fields"].get(name, 0.0) for name, weight in fields.TEXT.items())
    assert parts["boot"]["bm25"] == pytest.approx(weighed, abs=2e-4)


def test_explain_adds_features_and_families(
    engine: SearchEngine, encoder: HashingEncoder, shop: Generation, linear: Linear
) -> None:
    searcher = Searcher(engine, "products", encoder, Ranker(linear({"in_stock": 2.0, "near": 3.0})))
    hits = searcher.search(Ask("red shoe", explain=True)).hits
    parts = next(hit.parts for hit in hits if hit.id == "boot")
    assert tuple(parts["features"]) == NAMES
    assert parts["features"]["in_stock"] == 0.0
    # Four of five are in stock, so being out of stock costs 2 x 0.8; all are near, so that says nothing.
    assert parts["families"] == dict.fromkeys(explain.FAMILIES, 0.0) | {"product": -1.6}
    assert parts["method"] == "occlusion" and "contributions" not in parts
    assert "features" not in searcher.search(Ask("red shoe")).hits[0].parts
    assert "features" not in searcher.search(Ask("", explain=True)).hits[0].parts


@given(st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]), min_size=8, max_size=8), max_size=4))
def test_the_largest_are_those_that_sorting_puts_first(rows: list[list[float]]) -> None:
    sizes = np.array(rows, np.float32).reshape(-1, 8)
    expected = np.argsort(-sizes, axis=1, kind="stable")
    for count in (0, 3, explain.TOP, 8):
        assert explain._largest(sizes, count).tolist() == expected[:, :count].tolist()
