"""What is said of hits, and that their numbers bear it out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from etalage.core.artifact import Artifact
from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.records import Document
from opensearch.engine import Generation, Request, SearchEngine, Sort
from ranker import explain, reasons, retrieve
from ranker.attribution import Network
from ranker.features import NAMES
from ranker.query import understand
from ranker.rerank import Ranker
from ranker.search import Ask, Searcher

Linear = Callable[..., Artifact]
Make = Callable[..., Document]
Serve = Callable[..., Generation]


@pytest.fixture
def explained(linear: Linear) -> Callable[..., Ranker]:
    """A ranker whose score is a weighted sum, and whose network is known."""

    def made(weights: dict[str, float]) -> Ranker:
        ranker = Ranker(linear(weights))
        column = np.array([weights.get(name, 0.0) for name in NAMES], np.float32)
        none, ones = np.zeros(len(NAMES), np.float32), np.ones(len(NAMES), np.float32)
        empty = np.zeros(0, np.float32)
        shape = np.zeros((0, len(NAMES)), np.float32)
        ranker.network = Network(0.0, none, ones, -9.0, 9.0, column, 0.0, shape, empty, empty)
        return ranker

    return made


def why(searcher: Searcher, ask: Ask) -> dict[str, str]:
    return {hit.id: hit.parts["why"] for hit in searcher.search(ask).hits}


@pytest.fixture
def known(
    engine: SearchEngine, encoder: HashingEncoder, shop: Generation, explained: Callable[..., Ranker]
) -> Searcher:
    return Searcher(engine, "products", encoder, explained({"popularity": 1.0, "in_stock": 0.5}))


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Matches “red shoe” in the title and “acme” in the brand; in stock."),
        ("de", "Enthält „red shoe“ im Titel und „acme“ in der Marke; auf Lager."),
        ("fr", "Contient « red shoe » dans le titre et « acme » dans la marque ; en stock."),
        ("es", "Contiene «red shoe» en el título y «acme» en la marca; en stock."),
        ("zh", "标题含“red shoe”，品牌含“acme”；有货。"),
    ],
)
def test_a_sentence_names_words_fields_and_reasons(known: Searcher, language: str, said: str) -> None:
    assert why(known, Ask("acme red shoe", language=language))["red"] == said


def test_only_what_the_numbers_bear_out_is_said(known: Searcher) -> None:
    said = why(known, Ask("red shoe"))
    # More popular than the mean; its stock is not known, which is no promise.
    assert said["blue"] == "Matches “shoe” in the title; popular."
    # Words that are apart are quoted apart.
    assert said["run"] == "Matches “red shoe” in the title; in stock."
    # Out of stock and less popular: what is left is that the vectors brought it.
    assert said["boot"] == "Close to what you searched for in meaning."


def test_what_adds_more_is_said_first(
    engine: SearchEngine, encoder: HashingEncoder, shop: Generation, explained: Callable[..., Ranker]
) -> None:
    stock = Searcher(engine, "products", encoder, explained({"popularity": 0.1, "in_stock": 5.0}))
    assert why(stock, Ask("desk lamp"))["lamp"] == "Matches “desk lamp” in the title; in stock; popular."
    popular = Searcher(engine, "products", encoder, explained({"popularity": 9.0, "in_stock": 0.5}))
    assert why(popular, Ask("desk lamp"))["lamp"] == "Matches “desk lamp” in the title; popular; in stock."
    disliked = Searcher(engine, "products", encoder, explained({"popularity": -9.0}))
    assert why(disliked, Ask("desk lamp"))["lamp"] == "Matches “desk lamp” in the title."


def test_without_a_ranker_words_and_meaning_are_told(known: Searcher) -> None:
    known.ranker = None
    parts = {hit.id: hit.parts for hit in known.search(Ask("red shoe", explain=True)).hits}
    assert parts["red"]["why"] == "Matches “red shoe” in the title; close to what you searched for in meaning."
    assert parts["lamp"]["why"] == "Close to what you searched for in meaning."
    assert "contributions" not in parts["red"] and parts["red"]["ranker"] is None


def test_browsing_and_sorting_say_so(known: Searcher) -> None:
    assert set(why(known, Ask("")).values()) == {"Listed by popularity."}
    by_price = why(known, Ask("red shoe", sort=Sort("price")))
    assert by_price["red"] == "Matches “red shoe” in the title; listed in the order you chose."


def test_a_picture_is_what_it_looks_like(
    engine: SearchEngine, encoder: HashingEncoder, make: Make, serve: Serve
) -> None:
    serve(make("a", "red shoe", image=[1.0, 0.0]), make("b", "lamp", image=[0.8, 0.6]), dim_image=2)
    said = why(Searcher(engine, "products", encoder, None), Ask("", image=(1.0, 0.0), language="de"))
    assert said == {"a": "Sieht dem Bild ähnlich.", "b": "Sieht dem Bild ähnlich."}


def test_rows_that_the_shop_moved_say_so(known: Searcher) -> None:
    query = understand("red shoe")
    retrieved = retrieve.candidates(known.engine, "products", query, Request(query.text, None))
    said = reasons.sentences(retrieved, [0, 1], None, "en", order="sorted", moved={1})
    assert [one.endswith("placed by the shop.") for one in said] == [False, True]


def test_stems_that_have_no_place_in_the_text_move_no_other(engine: SearchEngine, make: Make, serve: Serve) -> None:
    serve(make("a", "lamp", attributes={"colour": ["red"]}))
    query = understand("red shoe")
    retrieved = retrieve.candidates(engine, "products", query, Request(query.text, None))
    cut = replace(retrieved, query=replace(query, text="red"))
    assert reasons.sentences(cut, [0], None, "en") == ["Matches “red” in the details."]


def test_words_of_the_description_are_told(
    engine: SearchEngine, encoder: HashingEncoder, make: Make, serve: Serve
) -> None:
    serve(make("a", "lamp", description="gives warm light"), make("b", "chair"))
    said = why(Searcher(engine, "products", encoder, None), Ask("warm"))
    assert said["a"].startswith("Matches in the description")


def test_a_word_past_what_is_kept_of_a_title_is_what_was_typed(
    engine: SearchEngine, encoder: HashingEncoder, make: Make, serve: Serve
) -> None:
    serve(make("a", f"{'very ' * 40} zebra", encoded=False), make("b", "chair"))
    assert why(Searcher(engine, "products", encoder, None), Ask("zebra"))["a"] == "Matches what you typed."


def test_chinese_words_are_quoted_as_written(
    engine: SearchEngine, encoder: HashingEncoder, make: Make, serve: Serve
) -> None:
    serve(make("a", "红色 沙发床"), make("b", "椅子"))
    said = why(Searcher(engine, "products", encoder, None), Ask("沙发床"))
    assert said["a"].startswith("标题含“沙发床”")


def test_contributions_baseline_and_rest_are_the_score(known: Searcher) -> None:
    for full in (False, True):
        for hit in known.search(Ask("red shoe", explain=full)).hits:
            parts = hit.parts
            listed = sum(one["contribution"] for one in parts["contributions"])
            assert parts["baseline"] + listed + parts["others"] + parts["rest"] == pytest.approx(
                parts["ranker"], abs=2e-3
            )
            assert len(parts["contributions"]) == (len(NAMES) if full else explain.TOP)
            assert parts["others"] == 0.0 or not full
            if full:
                assert parts["method"] == "integrated gradients"
                sums = parts["families"]
                assert sums["product"] == pytest.approx(listed, abs=2e-3)
                assert not any(value for name, value in sums.items() if name != "product")


def test_both_scores_are_told_as_the_hybrid_score_adds_them(known: Searcher) -> None:
    for hit in known.search(Ask("red shoe")).hits:
        shares = hit.parts["normalized"]
        assert hit.parts["fused"] == pytest.approx((shares["bm25"] + shares["cosine"]) / 2, abs=2e-4)
    best = known.search(Ask("red shoe")).hits
    assert max(hit.parts["normalized"]["bm25"] for hit in best) == 1.0
