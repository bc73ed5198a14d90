"""The sample shop's image tower: what it learns from, and that it learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from etalage.core.encoders import Encoder, image
from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.errors import EtalageError
from etalage.core.settings import load
from etalage.demo import make_queries, make_shop, tower
from workers import parts

from ...conftest import unavailable

PRODUCTS, QUERIES = 160, 60


@pytest.fixture(scope="module")
def small() -> tower.Lesson:
    return tower.lesson(5, HashingEncoder(), tower.PREPARED, products=PRODUCTS, queries=QUERIES)


def test_a_lesson_shows_what_queries_ask_for(small: tower.Lesson) -> None:
    shop = make_shop(5, PRODUCTS)
    queries = make_queries(shop, QUERIES)
    assert small.pictures.shape == (PRODUCTS, 3, tower.SIDE, tower.SIDE)
    assert small.shown.shape == (QUERIES, PRODUCTS) and small.shown.any(axis=1).all()
    assert small.looks.any() and not small.looks.all()
    for row, query in enumerate(queries):
        wants = dict(query.intent.wants)
        assert small.looks[row] == bool(wants.keys() & {"colour", "pattern"})
        for column in np.flatnonzero(small.shown[row]):
            latent = shop.latents[shop.products[column].id]
            assert latent.kind in query.intent.kinds
            assert latent.facets.get("colour") == wants.get("colour", latent.facets.get("colour"))


def test_what_answers_a_query_is_none_of_its_negatives(small: tower.Lesson) -> None:
    rows, texts, answered = tower.batch(small, np.random.default_rng(0), 48)
    assert texts.shape == (48, small.queries.shape[1]) and len(rows) == 48
    assert not answered.diagonal().any()
    asked = [int(np.flatnonzero((small.queries == text).all(axis=1))[0]) for text in texts[:32]]
    for place, query in enumerate(asked):
        assert small.shown[query, rows[place]]
        others = np.delete(np.arange(48), place)
        np.testing.assert_array_equal(answered[place, others], small.shown[query, rows[others]])


def test_training_brings_pictures_to_their_words(small: tower.Lesson) -> None:
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        module = tower.fit([small], epochs=60, seed=0, size=48)
        with torch.no_grad():
            prepared = torch.from_numpy((small.pictures.astype(np.float32) / 255 - 0.5) / 0.25)
            vectors = torch.nn.functional.normalize(module(prepared), dim=1).numpy()
    finally:
        torch.set_num_threads(threads)
    assert tower.precision(vectors, small) > 5 * small.shown[small.looks].mean()


def test_the_packaged_tower_finds_pictures_of_a_shop_it_has_not_seen(tmp_path: Path) -> None:
    try:
        encoder: Encoder = parts.encoder_of(load(home=tmp_path, opensearch_url=""))
    except EtalageError as error:
        unavailable("encoder", str(error))
        raise
    unseen = tower.lesson(77, encoder, tower.PREPARED, products=400, queries=300)
    figures = tower.measure(tmp_path, unseen)
    assert figures["queries"] > 30
    assert figures["precision"] > 0.5 > 50 * figures["chance"]
    assert image.load(tmp_path, image.SAMPLE_SHOP).paired_text == encoder.name
