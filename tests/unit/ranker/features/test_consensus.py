"""What the best candidates have in common, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from etalage.core.records import cosine
from ranker.features.base import FEW, MANY, Context

from .candidates import column, retrieved, titles


def test_likeness_is_the_cosine_with_the_mean_of_the_best() -> None:
    found = retrieved("sock", titles(*"abc"), cosines=[0.9, 0.8, math.nan])
    rows = np.array([[127, 0], [0, 127], [0, 0]], np.int8)
    found.candidates.vectors[:] = rows
    # Of the two, each of unit length, the mean points between them; the third has no vector.
    assert column(found, "centroid_5") == pytest.approx([math.sqrt(0.5), math.sqrt(0.5), 0], abs=1e-6)
    first = Context(found).likeness(1)
    assert first.tolist() == pytest.approx(cosine(np.array([1, 0], np.float32), rows).tolist())


def test_the_category_and_brand_of_the_best() -> None:
    sources = [
        {"title": "a", "brand": "Acme", "category": ["Shoes"]},
        {"title": "b", "brand": "Acme", "category": ["Hats"]},
        {"title": "c"},
    ]
    found = retrieved("x", sources, bm25=[[3.0], [1.0], [0.0]])
    # Fused: half of BM25 by its largest: 1/2, 1/6, 0.
    assert column(found, "category_of_best") == pytest.approx([0.75, 0.25, 0])
    assert column(found, "brand_of_best") == pytest.approx([1, 1, 0])


def test_other_words_of_the_best() -> None:
    found = retrieved("sock", titles("wool sock", "wool sock", "sock lamp"), bm25=[[3.0], [2.0], [1.0]])
    # "wool" is in 2 of 3 titles, "lamp" in 1, the query's own word counts for nothing; titles have two words.
    assert column(found, "words_of_best") == pytest.approx([1 / 3, 1 / 3, 1 / 6])


def test_words_whose_ids_end_alike_are_told_apart() -> None:
    found = retrieved("sock", titles("a a b", "a c", "d"), bm25=[[3.0], [2.0], [1.0]])
    # Ids with the same lower bits; "d" is among the best once, "a" twice, however often a title has it.
    a, b, c, d = 0x10001, 0x20001, 0x30001, 0x40001
    found.candidates.records["title"][:, :3] = [[a, a, b], [a, c, 0], [d, 0, 0]]
    assert column(found, "words_of_best") == pytest.approx([(2 + 2 + 1) / 9, (2 + 1) / 6, 1 / 3])


def test_the_middle_of_an_even_number_of_prices() -> None:
    cheap, dear = math.log1p(100), math.log1p(400)
    found = retrieved("x", [{"title": "a", "price": 100}, {"title": "b", "price": 400}, {"title": "c"}])
    assert column(found, "price_of_best") == pytest.approx([(dear - cheap) / 6, (dear - cheap) / 6, 0], abs=1e-6)


def test_the_price_of_the_best() -> None:
    dear = round(100 * math.e)
    found = retrieved(
        "x", [{"title": "a", "price": 99}, {"title": "b", "price": 99}, {"title": "c", "price": dear}, {"title": "d"}]
    )
    gap = (math.log1p(dear) - math.log1p(99)) / 3
    assert column(found, "price_of_best") == pytest.approx([0, 0, gap, 0], abs=1e-6)


def test_without_scores_nothing_is_common() -> None:
    found = retrieved("x", [{"title": "a", "brand": "Acme"}])
    assert column(found, "brand_of_best") == [0]
    assert MANY > FEW
