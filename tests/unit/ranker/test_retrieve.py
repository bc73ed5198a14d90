"""What is retrieved, cut to a window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.records import Document, Floats
from opensearch.engine import IndexSpec, Lists, Range, Request, SearchEngine, Term
from ranker import retrieve
from ranker.behaviour import associations
from ranker.behaviour.associations import Associated, Associations, Watched
from ranker.behaviour.sightings import bag
from ranker.query import PRICE, RELAXED, Step, understand

from .features.candidates import retrieved, titles


def test_the_first_candidates_keep_every_column() -> None:
    whole = retrieved("red", titles("red", "blue", "red hat"), bm25=[[3.0], [2.0], [1.0]], looks=[0.3, 0.2, 0.1])
    pictures = np.arange(6, dtype=np.int8).reshape(3, 2)
    cut = replace(whole, candidates=replace(whole.candidates, pictures=pictures)).take(range(2))
    found = cut.candidates
    columns = (
        found.ids,
        found.near,
        found.lexical,
        found.fields,
        found.vectors,
        found.records,
        found.titles,
        found.pictures,
    )
    assert [len(column) for column in columns] == [2] * 8
    assert (len(cut.cosines), len(cut.fused)) == (2, 2)
    np.testing.assert_allclose(cut.looks, [0.3, 0.2])
    assert found.pictures.tolist() == [[0, 1], [2, 3]]


class Seeing:
    """Words lie where red pictures do."""

    def seen(self, spec: IndexSpec, words: Floats) -> Floats | None:
        return np.array([1, 0], np.float32) if spec.dim_image == 2 else None


def test_pictures_bring_candidates(
    engine: SearchEngine, encoder: HashingEncoder, make: Callable[..., Document], serve: Callable[..., Any]
) -> None:
    serve(
        make("words", "red lamp"),
        make("picture", "desk thing", encoded=False, image=[1, 0]),
        make("other", "rug", encoded=False, brand="Acme"),
        dim_image=2,
    )
    query = understand("red")
    vector = encoder.encode_query("red")
    ask = Request(query.lexical, vector, 1)
    found = retrieve.candidates(engine, "products", query, ask, Seeing(), vector)  # type: ignore[arg-type]
    assert found.candidates.ids == ["words", "picture"]
    assert found.looks.tolist() == pytest.approx([0, 1], abs=1e-3)
    plain = retrieve.candidates(engine, "products", query, ask)
    assert plain.candidates.ids == ["words"]
    words = replace(ask, lists=Lists.LEXICAL)
    assert retrieve.candidates(engine, "products", query, words, Seeing(), vector).candidates.ids == ["words"]  # type: ignore[arg-type]
    strict = replace(ask, filters=(Term("brand", ("Acme",)),))
    assert retrieve.candidates(engine, "products", query, strict, Seeing(), vector).candidates.ids == []  # type: ignore[arg-type]


def test_pictures_alone_bring_nothing(
    engine: SearchEngine, encoder: HashingEncoder, make: Callable[..., Document], serve: Callable[..., Any]
) -> None:
    serve(make("picture", "desk thing", encoded=False, image=[1, 0]), make("rug", "rug", encoded=False), dim_image=2)
    vector = encoder.encode_query("red")
    for words, ids in (("red", []), ("rug", ["picture", "rug"])):
        query = understand(words)
        found = retrieve.candidates(engine, "products", query, Request(words, vector), Seeing(), vector)  # type: ignore[arg-type]
        assert (found.candidates.ids, found.candidates.total) == (ids, len(ids))
    query = understand("red")
    pinned = Request("red", vector, also=("rug",))
    found = retrieve.candidates(engine, "products", query, pinned, Seeing(), vector)  # type: ignore[arg-type]
    assert (found.candidates.ids, found.candidates.total) == (["rug"], 1)


def test_further_candidates_do_not_count_as_matches(
    engine: SearchEngine, make: Callable[..., Document], serve: Callable[..., Any]
) -> None:
    """A pin that passes a bound of the price leaves the bound as impossible for the words as it was."""
    serve(make("red", "red shoe", encoded=False, price=5000), make("pin", "lamp", encoded=False, price=100))
    query = replace(
        understand("red shoe"), filters=(Range("price", None, 500),), steps=(Step(PRICE, "under 5", "price:..500"),)
    )
    found = retrieve.candidates(engine, "products", query, Request(query.lexical, None, also=("pin",)))
    assert set(found.candidates.ids) == {"red", "pin"} and found.query.filters == ()
    assert [step.step for step in found.query.steps] == [PRICE, RELAXED]


def test_what_was_clicked_for_the_query_is_a_candidate(
    engine: SearchEngine, encoder: HashingEncoder, shop: Any, tmp_path: Path
) -> None:
    query = understand("shoes red")
    known = Associated(("lamp", "red", "boot"), (1.5, 0.5, -2.0), 1)
    associations.write(tmp_path / "a", Associations({bag(understand("red shoe").stems.tolist()): known}))
    ask = Request(query.lexical, None)
    found = retrieve.candidates(engine, "products", query, ask, clicked=Watched(tmp_path / "a"))
    assert found.candidates.ids == ["lamp", "red", "run", "blue"]
    assert found.associated.tolist() == [1.5, 0.5, 0, 0]
    assert found.take(range(2)).associated.tolist() == [1.5, 0.5]
    without = retrieve.candidates(engine, "products", understand("shoe"), Request("shoe"), clicked=Watched(tmp_path / "a"))
    assert not without.associated.any()
