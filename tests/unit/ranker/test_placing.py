"""Merchandising rules in the search flow, over a small shop in the embedded engine."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etalage.core.artifact import Artifact
from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.errors import QueryError
from etalage.core.records import Document
from opensearch.engine import MAX_WINDOW, Generation, SearchEngine, Shop, Sort, Term
from ranker.filters import parse_filters
from ranker.placing import Places, narrowed
from ranker.rerank import Ranker
from ranker.rulefile import RuleFile
from ranker.search import Answer, Ask, Searcher

Make = Callable[..., Document]
Serve = Callable[..., Generation]
Linear = Callable[..., Artifact]
Ruled = Callable[..., Searcher]


def ids(answer: Answer) -> list[str]:
    return [hit.id for hit in answer.hits]


def moved(answer: Answer) -> dict[str, str]:
    """Which rule moved which hit."""
    return {hit.id: hit.parts["rule"] for hit in answer.hits if "rule" in hit.parts}


@pytest.fixture
def ruled(engine: SearchEngine, encoder: HashingEncoder, linear: Linear, tmp_path: Path) -> Ruled:
    """Makes a searcher that ranks the cheapest first, with the rules of a text."""
    ranker = Ranker(linear({"price": -1.0}))

    def searcher(text: str, **more: Any) -> Searcher:
        path = tmp_path / "rules.toml"
        path.write_text(text, encoding="utf-8")
        return Searcher(engine, "products", encoder, ranker, merchandising=RuleFile(path), **more)

    return searcher


def rule(action: str, when: str = 'when.query = ["red shoe"]', name: str = "mine") -> str:
    return f'[[rule]]\nname = "{name}"\n{when}\n{action}\n'


CHEAPEST = ["lamp", "blue", "red", "run", "boot"]


# what each action does
@pytest.mark.usefixtures("shop")
def test_without_a_rule_that_holds_all_stays(ruled: Ruled) -> None:
    answer = ruled(rule('pin = ["boot"]')).search(Ask("blue shoe"))
    assert (ids(answer), answer.rules, moved(answer)) == (CHEAPEST, (), {})


@pytest.mark.usefixtures("shop")
def test_pinned_products_come_first_in_their_order(ruled: Ruled) -> None:
    answer = ruled(rule('pin = ["run", "nobody", "boot"]')).search(Ask("Red Shoe"))
    assert ids(answer) == ["run", "boot", "lamp", "blue", "red"]
    assert moved(answer) == {"run": "mine", "boot": "mine"}
    assert (answer.total, answer.rules) == (5, ("mine",))


def test_pinned_products_that_the_query_does_not_find_are_brought(ruled: Ruled, make: Make, serve: Serve) -> None:
    serve(
        make("red", "red shoe", encoded=False, price=2, brand="Acme"),
        make("blue", "blue shoe", encoded=False, price=1, brand="Bolt"),
        make("lamp", "desk lamp", encoded=False, price=3, brand="Lumo", category=["Home"]),
    )
    searcher = ruled(rule('pin = ["lamp"]', 'when.words = ["shoe"]'))
    answer = searcher.search(Ask("shoe"))
    assert (ids(answer), answer.total) == (["lamp", "blue", "red"], 3)
    assert answer.hits[0].title == "desk lamp" and answer.hits[0].parts["bm25"] == 0
    assert answer.facets["brand"] == [("Acme", 1), ("Bolt", 1), ("Lumo", 1)]
    assert ids(searcher.search(Ask("shoe", rules=False))) == ["blue", "red"]
    # The shopper's filters hold for what is pinned, too.
    bolt = searcher.search(Ask("shoe", filters=parse_filters("brand:Bolt")))
    assert (ids(bolt), bolt.total) == (["blue"], 1)


@pytest.mark.usefixtures("shop")
def test_two_rules_that_pin_follow_each_other(ruled: Ruled) -> None:
    text = rule('pin = ["run", "boot"]') + rule('pin = ["boot", "red"]', name="second")
    answer = ruled(text).search(Ask("red shoe"))
    assert ids(answer) == ["run", "boot", "red", "lamp", "blue"]
    assert moved(answer) == {"run": "mine", "boot": "mine", "red": "second"}


@pytest.mark.usefixtures("shop")
def test_what_is_pinned_is_not_buried(ruled: Ruled) -> None:
    answer = ruled(rule('pin = ["blue"]') + rule('bury.filter = ["brand:Bolt"]', name="b")).search(Ask("red shoe"))
    assert ids(answer) == ["blue", "lamp", "red", "boot", "run"]
    assert moved(answer) == {"blue": "mine", "run": "b"}


@pytest.mark.usefixtures("shop")
def test_buried_products_end_the_window(ruled: Ruled) -> None:
    answer = ruled(rule('bury.filter = ["brand:Bolt"]')).search(Ask("red shoe"))
    assert ids(answer) == ["lamp", "red", "boot", "blue", "run"]
    assert moved(answer) == {"blue": "mine", "run": "mine"}
    by_ids = ruled(rule('bury.ids = ["lamp", "nobody"]')).search(Ask("red shoe"))
    assert ids(by_ids) == ["blue", "red", "run", "boot", "lamp"]


@pytest.mark.usefixtures("shop")
def test_hidden_products_are_nowhere(ruled: Ruled) -> None:
    searcher = ruled(rule('hide.filter = ["brand:Bolt", "price:..5000"]') + rule('pin = ["blue"]', name="pin"))
    answer = searcher.search(Ask("red shoe"))
    assert (ids(answer), answer.total) == (["lamp", "red", "run", "boot"], 4), "what is hidden cannot be pinned"
    assert answer.facets["brand"] == [("Acme", 2), ("Bolt", 1), ("Lumo", 1)]
    every = ruled(rule('hide.ids = ["blue", "nobody"]', "when.every = true"))
    for ask in (Ask(""), Ask("shoe", sort=Sort("price")), Ask("", image=(1.0,) + (0.0,) * 255, image_field="vec_text")):
        assert "blue" not in ids(every.search(ask)) and every.search(ask).total < 5, ask


@pytest.mark.usefixtures("shop")
def test_the_deepest_page_is_reached_with_pins_too(ruled: Ruled) -> None:
    searcher = ruled(rule('pin = ["boot"]'))
    assert searcher.search(Ask("red shoe", 10, MAX_WINDOW - 10)).hits == []
    with pytest.raises(QueryError):
        searcher.search(Ask("red shoe", 10, MAX_WINDOW))


@pytest.mark.usefixtures("shop")
def test_boosts_do_nothing_for_browsing_and_are_not_told(ruled: Ruled) -> None:
    boost = rule("boost.ids = [\"red\"]\nboost.factor = 9", "when.every = true")
    bury = rule('bury.ids = ["blue"]', "when.every = true", name="b")
    answer = ruled(boost + bury).search(Ask(""))
    assert ids(answer)[-1] == "blue" and moved(answer) == {"blue": "b"}


@pytest.mark.usefixtures("shop")
def test_a_boost_multiplies_the_odds(ruled: Ruled) -> None:
    plain = {hit.id: hit.score for hit in ruled("").search(Ask("red shoe")).hits}
    text = rule('boost.filter = ["brand:Acme"]\nboost.factor = 3') + rule(
        'boost.ids = ["red"]\nboost.factor = 0.5', name="less"
    )
    answer = ruled(text).search(Ask("red shoe"))
    scores = {hit.id: hit.score for hit in answer.hits}
    for one, factor in {"boot": 3.0, "red": 1.5, "blue": 1.0}.items():
        odds = factor * plain[one] / (1 - plain[one])
        assert scores[one] == pytest.approx(odds / (1 + odds), abs=2e-6), one
    assert [hit.score for hit in answer.hits] == sorted(scores.values(), reverse=True)
    assert moved(answer) == {"boot": "mine", "red": "mine, less"}


@pytest.mark.usefixtures("shop")
def test_a_redirect_is_told_beside_the_hits(ruled: Ruled) -> None:
    text = rule('redirect = "/shoes"') + rule('redirect = "https://shop.example/other"', name="second")
    answer = ruled(text).search(Ask("red shoe"))
    assert (answer.redirect, answer.rules, ids(answer)) == ("/shoes", ("mine", "second"), CHEAPEST)
    assert answer.as_dict()["redirect"] == "/shoes"
    assert ruled(text).search(Ask("boot")).as_dict()["redirect"] is None


# when rules are left out
@pytest.mark.usefixtures("shop")
def test_an_explicit_order_is_not_touched(ruled: Ruled) -> None:
    every = "when.every = true"
    text = (
        rule('pin = ["boot"]', every)
        + rule('bury.ids = ["lamp"]', every, "b")
        + rule('redirect = "/x"', every, "r")
        + rule('hide.ids = ["run"]', every, "h")
    )
    answer = ruled(text).search(Ask("red shoe", sort=Sort("price", descending=True)))
    assert "run" not in ids(answer) and answer.rules == ("r", "h") and answer.redirect == "/x"
    prices = {"boot": 9, "red": 5, "blue": 4, "lamp": 2}
    assert ids(answer) == sorted(ids(answer), key=lambda one: -prices[one]) and moved(answer) == {}


@pytest.mark.usefixtures("shop")
def test_browsing_is_pinned_and_buried(ruled: Ruled) -> None:
    shoes = 'when.filter = ["category:Footwear"]'
    searcher = ruled(rule('pin = ["boot", "lamp"]', shoes) + rule('bury.ids = ["blue"]', shoes, "b"))
    plain = ids(searcher.search(Ask("", rules=False)))
    assert plain == ["blue", "lamp", "red", "boot", "run"]
    assert ids(searcher.search(Ask(""))) == plain, "not narrowed by the category"
    answer = searcher.search(Ask("", filters=(Term("category", ("Footwear",)),)))
    assert (ids(answer), answer.total) == (["boot", "red", "run", "blue"], 4)
    assert ids(searcher.search(Ask("", 2, 1, filters=(Term("category", ("Footwear",)),)))) == ["red", "run"]


@pytest.mark.usefixtures("shop")
def test_a_file_that_broke_is_told(ruled: Ruled, tmp_path: Path) -> None:
    searcher = ruled(rule('pin = ["boot"]'))
    path = tmp_path / "rules.toml"
    path.write_text("[[", encoding="utf-8")
    os.utime(path, ns=(1, 1))
    answer = searcher.search(Ask("red shoe"))
    assert (answer.degraded, ids(answer)[0]) == (("rules",), "boot")
    assert searcher.search(Ask("red shoe", rules=False)).degraded == ()


@pytest.mark.usefixtures("shop")
def test_without_a_ranker_the_fused_score_is_boosted(
    engine: SearchEngine, encoder: HashingEncoder, ruled: Ruled
) -> None:
    bare = Searcher(
        engine,
        "products",
        encoder,
        None,
        merchandising=ruled(rule('boost.ids = ["lamp"]\nboost.factor = 100')).merchandising,
    )
    plain = bare.search(Ask("red shoe", rules=False))
    answer = bare.search(Ask("red shoe"))
    was, now = ({hit.id: hit.score for hit in one.hits}["lamp"] for one in (plain, answer))
    assert now == pytest.approx(100 * was / (99 * was + 1), abs=1e-4) and answer.degraded == ("rerank",)


# a shop's own query
@pytest.mark.usefixtures("shop")
def test_a_shops_own_query_is_ruled_as_well(ruled: Ruled) -> None:
    searcher = ruled(rule('pin = ["lamp"]', 'when.filter = ["brand:Acme"]\nwhen.query = ["boot"]'), neighbours=1)
    clause = {"term": {"brand": {"value": "Acme"}}}
    narrow = Shop({"match": {"title": "boot"}}, (clause,))
    answer = searcher.search(Ask("boot", shop=narrow))
    assert answer.rules == ("mine",) and "lamp" not in ids(answer), "its constraint holds for what is pinned"
    pinned = ruled(rule('pin = ["lamp"]', 'when.query = ["boot"]'), neighbours=1)
    wide = Shop({"match": {"title": "boot"}}, aggregations={"b": {"terms": {"field": "brand"}}}, min_score=0.01)
    found = pinned.search(Ask("boot", shop=wide))
    assert (ids(found), found.total) == (["lamp", "boot"], 2)
    assert {one["key"]: one["doc_count"] for one in found.aggregations["b"]["buckets"]} == {"Acme": 1, "Lumo": 1}
    after = Shop({"match": {"title": "boot"}}, post_filter={"terms": {"brand": ["Acme"]}})
    assert ids(pinned.search(Ask("boot", shop=after))) == ["boot"]


def test_what_a_search_was_narrowed_by() -> None:
    shop = Shop(
        {"match_all": {}},
        ({"terms": {"brand": ["Acme"]}}, {"term": {"category_path": "Shoes"}}, {"terms": {"brand": ["A", "B"]}}),
        post_filter={"term": {"attrs": {"value": "color=red"}}},
    )
    assert narrowed((Term("language", ("en",)), Term("brand", ("X", "Y"))), shop) == {
        ("language", "en"),
        ("brand", "Acme"),
        ("category", "Shoes"),
        ("attrs", "color=red"),
    }
    assert narrowed((), Shop({}, ({"range": {"price": {"gt": 1}}}, {"term": {"price": 3}}))) == frozenset()


def test_a_product_that_is_named_by_its_number_stays_above_a_boost() -> None:
    final, named = np.array([1.2, 0.9, 0.0]), np.array([True, False, False])
    raised = Places(factors={1: 100.0, 2: 100.0}).raised(final, named)
    assert raised[0] == 1.2 and 0.9 < raised[1] < 1 and raised[2] == 0
    # 0.2 of it is its score, odds of 1 to 4.
    assert Places(factors={0: 4.0}).raised(final, named)[0] == pytest.approx(1.5)


def test_collapsed_values_come_once_with_the_pinned_product_first(ruled: Ruled, make: Make, serve: Serve) -> None:
    serve(*(make(f"s{n}", "shoe", price=n, variant_group=f"g{n // 2}") for n in range(6)))
    answer = ruled(rule('pin = ["s3"]', 'when.query = ["shoe"]')).search(Ask("shoe", collapse="variant_group"))
    assert ids(answer) == ["s3", "s0", "s4"]


def test_every_pinned_product_wins_its_value_once(ruled: Ruled, make: Make, serve: Serve) -> None:
    serve(
        *(make(f"s{n}", "shoe", price=n, variant_group=f"g{n // 3}") for n in range(9)),
        make("t8", "lamp", variant_group="g2"),
    )
    searcher = ruled(rule('pin = ["s5", "s4", "t8"]', 'when.query = ["shoe"]'), window=2)
    ask = Ask("shoe", collapse="variant_group")
    assert ids(searcher.search(ask)) == ["s5", "t8", "s0"]
    assert [ids(searcher.search(replace(ask, size=1, start=n))) for n in range(4)] == [["s5"], ["t8"], ["s0"], []]


# pages
@pytest.fixture
def crowd(make: Make, serve: Serve) -> list[str]:
    """Forty shoes and ten lamps, every other one with a vector."""
    shoes = [
        make(f"s{n:02d}", "shoe " + "pad " * (n % 7), encoded=n % 2 == 0, price=1000 + (n * 37) % 60, brand=f"b{n % 3}")
        for n in range(40)
    ]
    lamps = [make(f"t{n:02d}", "lamp", encoded=False, price=900 + n, brand=f"b{n % 3}") for n in range(10)]
    serve(*shoes, *lamps)
    return [one.id for one in (*shoes, *lamps)]


some = st.lists(
    st.sampled_from([f"s{n:02d}" for n in range(40)] + [f"t{n:02d}" for n in range(10)] + ["nobody"]),
    max_size=12,
    unique=True,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(
    pins=some,
    hidden=some,
    buried=some,
    boosted=some,
    size=st.integers(1, 17),
    window=st.sampled_from([10, 25, 200]),
    query=st.sampled_from(["shoe", ""]),
)
def test_pages_follow_without_gap_or_repeat_whatever_the_rules(
    crowd: list[str],
    ruled: Ruled,
    pins: list[str],
    hidden: list[str],
    buried: list[str],
    boosted: list[str],
    size: int,
    window: int,
    query: str,
) -> None:
    actions = [
        ("pin = {}", pins),
        ("hide.ids = {}", hidden),
        ("bury.ids = {}", buried),
        ("boost.factor = 5\nboost.ids = {}", boosted),
    ]
    text = "".join(
        rule(action.format(list(about)), "when.every = true", f"r{at}")
        for at, (action, about) in enumerate(actions)
        if about
    )
    searcher = ruled(text, window=window, neighbours=7)
    whole = searcher.search(Ask(query, 60))
    paged: list[str] = []
    while page := ids(searcher.search(Ask(query, size, len(paged)))):
        paged += page
    assert paged == ids(whole)
    assert len(paged) == len(set(paged)) == whole.total
    assert not set(paged) & set(hidden)
    shown = [one for one in pins if one in crowd and one not in hidden]
    assert paged[: len(shown)] == shown
    found = set(ids(searcher.search(Ask(query, 60, rules=False))))
    if not hidden:  # what is hidden lets other neighbours in
        assert set(paged) == found | set(shown)
    inside = [one for one in paged[len(shown) :] if one in buried and moved(whole).get(one)]
    ends = paged[len(shown) : len(paged) - max(whole.total - window, 0)] if whole.total <= window else []
    assert not ends or set(ends[len(ends) - len(inside) :]) == set(inside)
