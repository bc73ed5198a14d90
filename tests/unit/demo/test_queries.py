from __future__ import annotations

import random

import pytest

from etalage.core.errors import QueryError
from etalage.demo import Query, Shop, make_queries, make_shop, qrels, split
from etalage.demo.catalogue import KINDS
from etalage.demo.queries import _slip


def test_queries_are_distinct_ordered_and_repeatable(shop: Shop, queries: list[Query]) -> None:
    assert len(queries) == len({query.text for query in queries}) == 400
    frequencies = [query.frequency for query in queries]
    assert frequencies == sorted(frequencies, reverse=True)
    assert frequencies[0] > 20 * frequencies[-1]
    assert make_queries(shop) == queries


def test_bands_languages_and_families(queries: list[Query]) -> None:
    bands = [query.band for query in queries]
    assert (bands.count("head"), bands.count("torso"), bands.count("tail")) == (40, 120, 240)
    families = [query.family for query in queries]
    for family in ("kind", "facets", "brand", "model", "device", "price", "need", "department", "chinese", "typo"):
        assert families.count(family) >= 5, family
    assert 0.02 < families.count("typo") / 400 < 0.08
    assert 0.05 < sum(query.language == "zh" for query in queries) / 400 < 0.2


def test_every_query_has_a_fitting_product(shop: Shop, queries: list[Query]) -> None:
    for query in queries:
        assert max(qrels(shop, query, zeros=0).values()) == 3, query.text


def test_no_intent_is_on_both_sides_of_the_split(queries: list[Query]) -> None:
    train, held_out = split(queries)
    assert {query.intent.key for query in train}.isdisjoint(query.intent.key for query in held_out)
    assert sorted(query.text for query in train + held_out) == sorted(query.text for query in queries)
    assert 0.2 < len(held_out) / len(queries) < 0.4
    assert split(queries, seed=1)[1] != held_out


def test_synonyms_share_an_intent(queries: list[Query]) -> None:
    keys: dict[str, set[str]] = {}
    for query in queries:
        keys.setdefault(query.intent.key, set()).add(query.text)
    named = {row.key: {*row.names, *row.asks} for row in KINDS.values()}
    assert any(len(texts & names) >= 2 for key, texts in keys.items() if (names := named.get(key, set())))


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0])
def test_a_split_without_two_sides_is_refused(queries: list[Query], share: float) -> None:
    with pytest.raises(QueryError, match="between 0 and 1"):
        split(queries, share)


@pytest.mark.parametrize("n", [0, 5 * 200 + 1])
def test_more_queries_than_the_shop_can_answer_are_refused(n: int) -> None:
    with pytest.raises(QueryError, match="Ask for 1 to 1000"):
        make_queries(make_shop(1, 200), n)


def test_a_small_shop_answers_as_many_queries_as_promised() -> None:
    assert len(make_queries(make_shop(1, 200), 1000)) == 1000


def test_a_slip_changes_one_word_by_one_stroke() -> None:
    rng = random.Random(0)
    for _ in range(50):
        changed = _slip("red leather sofa", rng).split()
        assert changed[0] == "red" and changed[2] == "sofa"
        assert abs(len(changed[1]) - len("leather")) <= 1
