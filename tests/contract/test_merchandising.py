"""Merchandising rules in the search flow, on every implementation of the engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from etalage.core import artifact
from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.records import Document
from opensearch.engine import Generation, IndexSpec, SearchEngine, Shop, Sort, Term
from ranker.rerank import STARTER, Ranker
from ranker.rulefile import RuleFile
from ranker.search import Answer, Ask, Searcher

Make = Callable[..., Document]
Serve = Callable[..., Generation]

RULES = """
[[rule]]
name = "pins"
when.words = ["shoe"]
pin = ["lamp-3", "shoe-05", "lamp-1"]

[[rule]]
name = "no bolts"
when.words = ["shoe"]
hide.filter = ["brand:Bolt", "category:Shoes"]

[[rule]]
name = "last"
when.words = ["shoe"]
bury.filter = ["attrs:color=red"]
"""


@pytest.fixture
def searcher(engine: SearchEngine, index: str, make: Make, serve: Serve, tmp_path: Path) -> Searcher:
    """Twenty-four shoes of three brands, of which each third is red, and four lamps."""
    encoder = HashingEncoder()

    def product(key: str, title: str, **source: object) -> Document:
        return make(key, title, encoder.encode([title], kind="passage")[0].tolist(), **source)

    shoes = [
        product(
            f"shoe-{n:02d}",
            f"shoe for the {['road', 'hill', 'shore', 'wood'][n % 4]} {n}",
            brand=["Acme", "Bolt", "Cato"][n % 3],
            category=["Shoes"],
            attributes={"color": ["red" if n % 2 else "blue"]},
            price=1000 + n,
            popularity=float(n),
        )
        for n in range(24)
    ]
    lamps = [product(f"lamp-{n}", f"desk lamp {n}", brand="Bolt", category=["Lamps"]) for n in range(4)]
    serve(*shoes, *lamps, spec=IndexSpec(encoder.name, encoder.fingerprint, encoder.dim))
    path = tmp_path / "rules.toml"
    path.write_text(RULES, encoding="utf-8")
    ranker = Ranker(artifact.load(STARTER))
    return Searcher(engine, index, encoder, ranker, merchandising=RuleFile(path), window=12, neighbours=5)


def ids(answer: Answer) -> list[str]:
    return [hit.id for hit in answer.hits]


@pytest.mark.parametrize("size", [1, 5, 40])
def test_pages_follow_with_pins_first_and_without_what_is_hidden(searcher: Searcher, size: int) -> None:
    whole = searcher.search(Ask("shoe", 40))
    found: list[str] = []
    while page := ids(searcher.search(Ask("shoe", size, len(found)))):
        found += page
    assert found == ids(whole)
    assert found[:3] == ["lamp-3", "shoe-05", "lamp-1"]
    shoes = [f"shoe-{n:02d}" for n in range(24) if n % 3 != 1]
    assert set(shoes) | {"lamp-1", "lamp-3"} == set(found)
    assert len(found) == whole.total == 18
    assert dict(whole.facets["brand"]) == {"Acme": 8, "Cato": 8, "Bolt": 2}
    assert whole.rules == ("pins", "no bolts", "last")
    told = [hit.parts.get("rule") for hit in whole.hits[:13]]
    assert told[:3] == ["pins"] * 3 and set(told[3:]) == {None, "last"}
    reds = told.index("last")
    assert None not in told[reds:12], "what is buried ends the window"


def test_a_pinned_product_passes_the_shoppers_filters(searcher: Searcher) -> None:
    answer = searcher.search(Ask("shoe", 40, filters=(Term("brand", ("Bolt",)),)))
    assert (ids(answer)[:2], answer.total) == (["lamp-3", "lamp-1"], 4)  # and two neighbours
    assert ids(searcher.search(Ask("shoe", 40, filters=(Term("brand", ("Cato",)),))))[0] == "shoe-05"


def test_what_is_not_moved_keeps_its_order(searcher: Searcher, tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text('[[rule]]\nwhen.every = true\npin = ["lamp-3"]\n', encoding="utf-8")
    plain = [one for one in ids(searcher.search(Ask("shoe", 40, rules=False))) if one != "lamp-3"]
    assert ids(searcher.search(Ask("shoe", 40))) == ["lamp-3", *plain]


def test_an_order_of_its_own_only_hides(searcher: Searcher) -> None:
    answer = searcher.search(Ask("shoe", 40, sort=Sort("price")))
    assert ids(answer) == [f"shoe-{n:02d}" for n in range(24) if n % 3 != 1]
    assert answer.rules == ("no bolts",) and answer.total == 16


def test_a_shops_own_query_is_ruled(searcher: Searcher) -> None:
    counted = {"brands": {"terms": {"field": "brand"}}}
    shop = Shop({"match": {"title": "hill"}}, min_score=0.01, aggregations=counted)
    answer = searcher.search(Ask("shoe hill", 40, shop=shop, facets=()))
    assert ids(answer)[:3] == ["lamp-3", "shoe-05", "lamp-1"] and len(ids(answer)) == answer.total
    assert not {f"shoe-{n:02d}" for n in range(24) if n % 3 == 1} & set(ids(answer))
    buckets = {one["key"]: one["doc_count"] for one in answer.aggregations["brands"]["buckets"]}
    assert buckets["Bolt"] == 2 and sum(buckets.values()) == answer.total
    narrow = Shop(
        {"match": {"title": "hill"}}, ({"term": {"brand": "Acme"}},), post_filter={"term": {"category": "Shoes"}}
    )
    assert not {"lamp-3", "lamp-1", "shoe-05"} & set(ids(searcher.search(Ask("shoe hill", 40, shop=narrow))))


def test_browsing_is_pinned_as_well(searcher: Searcher, tmp_path: Path) -> None:
    text = '[[rule]]\nwhen.filter = ["category:Shoes"]\npin = ["shoe-02", "lamp-1"]\n'
    (tmp_path / "rules.toml").write_text(text, encoding="utf-8")
    shoes = (Term("category", ("Shoes",)),)
    order = ["shoe-02", *(f"shoe-{n:02d}" for n in reversed(range(24)) if n != 2)]
    for start in (0, 10, 20):
        answer = searcher.search(Ask("", 10, start, filters=shoes))
        assert (ids(answer), answer.total) == (order[start : start + 10], 24)
