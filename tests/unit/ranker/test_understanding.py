"""Queries understood in steps that are told, and refused one by one; through the search flow, the evaluator and training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.text import stems, token_id
from opensearch.engine import Generation, Lacks, Range, SearchEngine
from opensearch.engine import Shop as ShopQuery
from ranker import census
from ranker.evaluate import Evaluator
from ranker.query import MAX_CHARACTERS, MAX_TERMS, STEPS, understand
from ranker.rerank import Ranker
from ranker.search import Ask, Searcher
from ranker.synonyms import Synonyms
from ranker.training import dataset
from ranker.training.judgments import Judgments
from ranker.understanding import ALL, NONE, REWORDED, Understanding
from ranker.vocabulary import Vocabulary

from .vocabularies import vocabulary

SHOP = vocabulary()
SHOES = ["blue", "boot", "red", "run"]
SPELT = ("spelling", "footwaer", "footwear")
SYNONYMS = Synonyms.parse(["monitor, screen"])


def test_the_steps_work_together() -> None:
    query = understand("Acme headphnes without cable under 50", SHOP, SYNONYMS, steps=STEPS)
    assert query.text == "Acme headphones"
    assert query.filters == (Range("price", None, 5000, open_high=True), Lacks("cable"))
    assert [step.as_dict() for step in query.steps] == [
        {"step": "price", "from": "under 50", "to": "price:..5000 EUR"},
        {"step": "without", "from": "without cable", "to": "without:cable"},
        {"step": "spelling", "from": "headphnes", "to": "headphones"},
        {"step": "brand", "from": "acme", "to": "Acme"},
        {"step": "category", "from": "headphones", "to": "Headphones"},
    ]
    assert query.named == (("brand", "Acme"), ("category", "Headphones"))
    assert query.stems.tolist() == [token_id(stem) for stem in stems("acme headphones")]


def test_more_terms_are_for_the_lexical_query_alone() -> None:
    query = understand("monitor 27in", SHOP, SYNONYMS, steps=STEPS)
    assert query.text == "monitor 27in"
    assert query.lexical == "monitor 27in 27 in inch screen"
    assert query.stems.tolist() == [token_id(stem) for stem in stems("monitor 27in")]


def test_without_steps_nothing_is_understood() -> None:
    typed = "headphnes 27in under 50 without cable"
    query, plain = understand(typed, SHOP, SYNONYMS), understand(typed)
    assert (query.text, query.lexical, query.filters, query.steps) == (typed, typed, (), ())
    assert (plain.text, plain.models.tolist()) == (query.text, query.models.tolist())


@pytest.mark.parametrize(
    ("step", "typed"),
    [
        ("price", "shoes under 50"),
        ("without", "monitor without microphone"),
        ("spelling", "headphnes"),
        ("units", "5 ft"),
        ("names", "acme"),
        ("synonyms", "monitor"),
    ],
)
def test_each_step_is_refused_by_its_name(step: str, typed: str) -> None:
    told = {"names": "brand", "synonyms": "synonym"}.get(step, step)
    assert [one.step for one in understand(typed, SHOP, SYNONYMS, steps={step}).steps] == [told]
    assert told in [one.step for one in understand(typed, SHOP, SYNONYMS, steps=STEPS).steps]
    assert told not in [one.step for one in understand(typed, SHOP, SYNONYMS, steps=STEPS - {step}).steps]


def test_what_is_not_wanted_may_have_a_slip() -> None:
    query = understand("monitor without microphnoe", SHOP, steps=STEPS)
    assert (query.text, query.filters) == ("monitor", (Lacks("microphone"),))
    assert [step.step for step in query.steps if step.step != "category"] == ["spelling", "without"]


def test_what_titles_say_that_they_lack_is_told_once() -> None:
    counted = census.Census()
    counted.add([{"title": title} for title in ["headphones without cable"] * 2 + ["usb cable"] * 9])
    shop = Vocabulary(counted.facts(), counted.words(), counted.pairs(), counted.values())
    query = understand("headphnes without cable", shop, steps=STEPS)
    assert (query.text, query.filters) == ("headphones without cable", (Lacks("cable"),))
    assert [step.step for step in query.steps] == ["without", "spelling"]


def test_a_query_is_not_negated_away() -> None:
    assert understand("without cable", SHOP, steps=STEPS).text == "without cable"


def test_the_end_of_a_long_query_still_bounds_the_price() -> None:
    query = understand(" ".join(["lamp"] * (MAX_TERMS + 5)) + " under 50 euros", SHOP, steps=STEPS)
    assert query.filters == (Range("price", None, 5000, open_high=True),)
    assert query.text.split() == ["lamp"] * MAX_TERMS


def test_long_queries_stay_short() -> None:
    query = understand(" ".join(["usbcable", "head set", "5ft"] * 20), SHOP, SYNONYMS, steps=STEPS)
    assert len(query.stems) == len(query.surfaces) <= MAX_TERMS
    assert len(query.lexical.split()) <= 2 * MAX_TERMS


@given(st.text(max_size=MAX_CHARACTERS))
def test_understanding_never_raises(typed: str) -> None:
    query = understand(typed, SHOP, SYNONYMS, steps=STEPS)
    assert len(query.stems) == len(query.surfaces) == len(query.kinds) <= MAX_TERMS


@given(st.text("耳机无线蓝牙降噪显示器0123456789 ", max_size=40))
def test_chinese_stays_as_it_is(typed: str) -> None:
    query = understand(typed, SHOP, steps=STEPS)
    assert query.text == understand(typed).text and not query.filters


@pytest.fixture
def reader(tmp_path: Path, engine: SearchEngine, shop: Generation) -> Understanding:
    census.rebuild(engine, "products", tmp_path / "vocabulary" / "products")
    return Understanding(tmp_path / "vocabulary", "products", Synonyms.parse(["trainers => shoe"]))


@pytest.fixture
def clever(searcher: Searcher, reader: Understanding) -> Searcher:
    searcher.understanding = reader
    return searcher


def told(searcher: Searcher, ask: Ask) -> tuple[list[str], list[tuple[str, str, str]]]:
    answer = searcher.search(ask)
    return sorted(hit.id for hit in answer.hits if hit.parts["bm25"]), [
        (one["step"], one["from"], one["to"]) for one in answer.as_dict()["understood"]
    ]


def test_corrections_find_what_was_meant(clever: Searcher) -> None:
    assert told(clever, Ask("footwaer")) == (SHOES, [SPELT, ("category", "footwear", "Footwear")])
    assert told(clever, Ask("footwaer", understand=False)) == ([], [])
    assert clever.search(Ask("footwaer")).searched == "footwear"


def test_a_doubtful_correction_is_asked_about(clever: Searcher) -> None:
    # A single product has the word.
    assert told(clever, Ask("lether")) == (
        [],
        [("did_you_mean", "lether", "leather"), ("unmatched", "lether", "")],
    )


def test_a_bound_of_the_price_is_a_filter(clever: Searcher) -> None:
    found, steps = told(clever, Ask("shoe under 60"))
    assert (found, steps) == (["blue", "red"], [("price", "under 60", "price:..6000")])
    both = clever.search(Ask("shoe under 60", filters=(Range("price", 4500, None),)))
    assert [hit.id for hit in both.hits] == ["red"]
    browsed = clever.search(Ask("under 60"))
    assert [hit.id for hit in browsed.hits] == ["blue", "lamp", "red"], "the most popular first"


def test_a_filter_of_its_own_is_given_up_where_nothing_matches(clever: Searcher) -> None:
    found, steps = told(clever, Ask("leather boot under 30"))
    assert found == ["boot"] and steps[-1] == ("relaxed", "price:..3000", "")
    # A filter that somebody set stays, and so does the query's where giving it up would not help.
    assert told(clever, Ask("leather boot under 30", filters=(Range("price", None, 8000),)))[0] == []
    _, steps = told(clever, Ask("zzz under 30"))
    assert [step for step, _, _ in steps] == ["price", "unmatched"]


def test_what_is_not_wanted_is_left_out(clever: Searcher) -> None:
    wanted, every = clever.search(Ask("shoe without leather")), clever.search(Ask("shoe"))
    assert "boot" in {hit.id for hit in every.hits} and {hit.id for hit in wanted.hits} <= {
        hit.id for hit in every.hits
    }
    assert "boot" not in {hit.id for hit in wanted.hits}
    assert "boot" in {hit.id for hit in clever.search(Ask("shoe without leather", understand=False)).hits}
    # All boots are of leather: what was given up is told.
    found, steps = told(clever, Ask("boot without leather"))
    assert found == ["boot"] and ("relaxed", "without:leather", "") in steps


def test_words_that_no_product_has_are_told(clever: Searcher) -> None:
    assert told(clever, Ask("zzz"))[1] == [("unmatched", "zzz", "")]
    for ask in (Ask("zzz", understand=False), Ask("zzz shoe"), Ask("")):
        assert "unmatched" not in [step for step, _, _ in told(clever, ask)[1]]


def test_pages_past_the_end_relax_nothing(clever: Searcher) -> None:
    answer = clever.search(Ask("shoe under 60", start=300))
    assert (answer.hits, [one["step"] for one in answer.understood]) == ([], ["price"])


def test_synonyms_find_more(clever: Searcher) -> None:
    assert told(clever, Ask("red trainers"))[0] == ["blue", "red", "run"]
    assert told(clever, Ask("red trainers", understand=False))[0] == ["red", "run"]


def test_with_a_shops_query_words_are_corrected_only(clever: Searcher) -> None:
    shop = ShopQuery({"match": {"title": "shoe"}})
    found, steps = told(clever, Ask("footwaer shoe under 60 trainers", shop=shop))
    assert steps == [SPELT]
    assert set(found) >= {"blue", "red", "run"}, "what the query matches is not narrowed"


def test_steps_that_are_off_stay_off(reader: Understanding, tmp_path: Path) -> None:
    off = Understanding(tmp_path / "vocabulary", "products", steps=ALL - {"spelling"})
    assert reader.read("footwaer").text == "footwear" and off.read("footwaer").text == "footwaer"
    assert off.read("footwaer", steps=REWORDED).text == "footwaer"
    assert reader.read("footwaer under 50", steps=NONE).steps == ()
    assert reader.of("other").read("footwaer").text == "footwaer", "another index has words of its own"


def test_common_words_come_from_the_encoder(reader: Understanding, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text('{"model": {"vocab": {"footwaer": 0}}}', encoding="utf-8")
    found = Understanding(tmp_path / "vocabulary", "products", lexicon=path).read("footwaer")
    assert (found.text, [step.step for step in found.steps]) == ("footwaer", ["did_you_mean"])


def test_the_evaluator_understands_as_searches_do(
    engine: SearchEngine, encoder: HashingEncoder, ranker: Ranker, reader: Understanding
) -> None:
    judged = Judgments({"footwaer": dict.fromkeys(SHOES, 3.0)}, {"footwaer": "1"}, "d")
    plain = Evaluator(engine, "products", encoder, ranker).evaluate(judged)["arms"]
    found = Evaluator(engine, "products", encoder, ranker, understanding=reader).evaluate(judged)["arms"]
    assert found["bm25"]["ndcg@10"] == plain["bm25"]["ndcg@10"] == 0.0
    assert found["vector"]["ndcg@10"] == plain["vector"]["ndcg@10"]
    assert found["hybrid"]["ndcg@10"] == found["ranked"]["ndcg@10"] == 1.0 > plain["hybrid"]["ndcg@10"]


def test_training_understands_as_searches_do(
    engine: SearchEngine, encoder: HashingEncoder, reader: Understanding
) -> None:
    def rows(text: str, with_: Understanding | None) -> np.ndarray:
        (group,) = dataset.build(
            engine, "products", encoder, {text: {"boot": 3.0}}, window=10, neighbours=5, understanding=with_
        )
        order = np.argsort(group.ids)
        return group.features[order]

    assert np.array_equal(rows("footwaer", reader), rows("footwear", None))
    assert not np.array_equal(rows("footwaer", None), rows("footwear", None))


def test_a_plain_query_costs_no_search_more(clever: Searcher, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    candidates = clever.engine.candidates
    monkeypatch.setattr(clever.engine, "candidates", lambda index, one: asked.append(one) or candidates(index, one))
    clever.search(Ask("red shoe"))
    clever.search(Ask("shoe under 60"))
    assert len(asked) == 2
    clever.search(replace(Ask("leather boot under 30"), size=3))
    assert len(asked) == 6, "narrow, both counts, wide"
