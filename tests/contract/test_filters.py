"""Filters, facets and sorting of `SearchEngine.candidates`, on every implementation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from etalage.core.records import Document
from opensearch.engine import (
    Filter,
    Generation,
    Ids,
    InStock,
    Lacks,
    Not,
    Range,
    Request,
    SearchEngine,
    Sort,
    Term,
)

from .by_hand import unit

Make = Callable[..., Document]
Serve = Callable[..., Generation]


# filters
PRODUCTS = {
    "cheap": {"price": 500, "stock": 0, "brand": "Acme", "category": ["Shoes"], "attributes": {"color": ["red"]}},
    "fair": {"price": 1000, "stock": 3, "brand": "Acme", "category": ["Shoes", "Boots"], "rating": 4.5},
    "dear": {"price": 2000, "brand": "Bolt", "category": ["Shoes", "Boots"], "attributes": {"color": ["red", "blue"]}},
    "free": {"stock": 1, "brand": "acme", "category": ["Lamps"], "rating": 3.0},
}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ((Term("brand", ("Acme",)),), {"cheap", "fair"}),
        ((Term("brand", ("Acme", "Bolt", "Nobody")),), {"cheap", "fair", "dear"}),
        ((Term("brand", ("Nobody",)),), set()),
        ((Term("brand", ()),), set()),
        ((Term("category", ("Shoes > Boots",)),), {"fair", "dear"}),
        ((Term("category", ("Shoes",)),), {"cheap", "fair", "dear"}),
        ((Term("attrs", ("color=blue",)),), {"dear"}),
        ((Term("attrs", ("color=red",)), Term("brand", ("Bolt",))), {"dear"}),
        ((Range("price", 500, 1000),), {"cheap", "fair"}),
        ((Range("price", 500, 1000, open_low=True),), {"fair"}),
        ((Range("price", 500, 1000, open_high=True),), {"cheap"}),
        ((Range("price", low=1000),), {"fair", "dear"}),
        ((Range("price", high=999.5),), {"cheap"}),
        ((Range("price"),), {"cheap", "fair", "dear"}),
        ((Range("rating", 4.5, 4.5),), {"fair"}),
        ((Range("price", 3000, 1),), set()),
        ((InStock(),), {"fair", "dear", "free"}),
        ((InStock(), Range("price", high=1500)), {"fair"}),
        ((Ids(("dear", "free", "missing")),), {"dear", "free"}),
        ((Ids(()),), set()),
        ((Lacks("RED"),), {"fair", "free"}),  # an attribute, in any form
        ((Lacks("boot"),), {"cheap", "free"}),  # a category
        ((Lacks("acme"),), {"dear"}),  # a brand
        ((Lacks("red blue"),), {"cheap", "fair", "free"}),  # side by side
        ((Lacks("boot"), Lacks("lamps")), {"cheap"}),
        ((Lacks("thing"),), set()),
        ((Lacks("unheard of"),), set(PRODUCTS)),
        ((Lacks("!"),), set(PRODUCTS)),
        ((Not((Term("brand", ("Acme",)),)),), {"dear", "free"}),
        ((Not((Term("brand", ("Acme",)), InStock())),), {"cheap", "dear", "free"}),  # only what all of them keep
        ((Not((Ids(("dear", "missing")),)), Range("price")), {"cheap", "fair"}),
        ((Not((Range("price", high=1000),)),), {"dear", "free"}),
        ((Not((Not((Ids(("dear",)),)),)),), {"dear"}),
        ((Not(()),), set()),
    ],
)
def test_filters(
    engine: SearchEngine, index: str, serve: Serve, make: Make, filters: tuple[Filter, ...], expected: set[str]
) -> None:
    vectors = {"cheap": [1, 0, 0, 0], "fair": [0, 1, 0, 0], "dear": [0, 0, 1, 0], "free": [0, 0, 0, 1]}
    serve(*(make(key, "thing", vectors[key], **source) for key, source in PRODUCTS.items()))
    words = engine.candidates(index, Request("thing", filters=filters, facets=("brand",)))
    assert set(words.ids) == expected
    assert words.total == len(expected) == sum(count for _, count in words.facets["brand"])
    # Filters come before the k: a neighbour that is filtered out makes room for the next.
    near = engine.candidates(index, Request("nothing", unit(1, 2, 3, 4), k=len(expected) or 1, filters=filters))
    assert set(near.ids) == expected
    assert near.near.all()
    assert set(engine.candidates(index, Request("", filters=filters)).ids) == expected


def test_a_product_that_says_that_it_lacks_something_lacks_it(
    engine: SearchEngine, index: str, serve: Serve, make: Make
) -> None:
    titles = {
        "with": "fan with light kit",
        "kit": "fan, light kit 2-light",
        "without": "fan without light kit",
        "no": "fan no lights",
        "free": "light-free fan",
        "non": "non light fan",
        "slash": "fan w/o light",
        "sold": "fan (light not included)",
        "none": "fan",
    }
    serve(
        *(make(key, title) for key, title in titles.items()),
        make("told", "fan", description="goes with any light"),
    )
    found = engine.candidates(index, Request("fan", filters=(Lacks("light"),)))
    assert set(found.ids) == set(titles) - {"with", "kit"} | {"told"}
    assert set(engine.candidates(index, Request("fan", filters=(Lacks("light kit"),))).ids) == set(titles) - {
        "with",
        "kit",
    } | {"told"}


def test_a_new_price_is_found_after_an_update(engine: SearchEngine, index: str, serve: Serve, make: Make) -> None:
    made = serve(make("a", "shoe", price=100, stock=0))
    assert engine.candidates(index, Request("shoe", filters=(InStock(),))).ids == []
    engine.write(made.name, [make("a", "shoe", price=200, stock=5)])
    engine.refresh(made.name)
    assert engine.candidates(index, Request("shoe", filters=(InStock(), Range("price", low=150)))).ids == ["a"]


# facets and sorting
def test_facets_count_words_and_neighbours(engine: SearchEngine, index: str, serve: Serve, make: Make) -> None:
    serve(
        make("a", "shoe", brand="Zed", category=["Shoes", "Boots"]),
        make("b", "shoe", brand="Zed", category=["Shoes"]),
        make("c", "shoe", brand="Acme", category=["Shoes"]),
        make("d", "lamp", [1, 0, 0, 0], brand="Bolt", attributes={"x": ["1", "2"]}),
        make("e", "lamp", brand="Never"),
    )
    ask = Request("shoe", unit(1, 0, 0, 0), k=1, size=1, facets=("brand", "category", "attrs", "tenant"))
    found = engine.candidates(index, ask)
    assert found.total == 4
    assert dict(found.facets) == {
        "brand": [("Zed", 2), ("Acme", 1), ("Bolt", 1)],
        "category": [("Shoes", 3), ("Shoes > Boots", 1)],
        "attrs": [("x=1", 1), ("x=2", 1)],
        "tenant": [],
    }
    cut = engine.candidates(index, replace(ask, facet_size=2))
    assert cut.facets["brand"] == [("Zed", 2), ("Acme", 1)]
    assert engine.candidates(index, replace(ask, facet_size=0)).facets["brand"] == []
    kept = engine.candidates(index, replace(ask, filters=(Term("brand", ("Acme", "Bolt")),)))
    assert kept.facets["brand"] == [("Acme", 1), ("Bolt", 1)]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        (Sort("price"), ["z", "a", "b", "c", "d"]),
        (Sort("price", descending=True), ["b", "a", "z", "c", "d"]),
        (Sort("rating"), ["d", "a", "b", "c", "z"]),
        (Sort("created", descending=True), ["c", "a", "b", "d", "z"]),
    ],
)
def test_sorting_replaces_the_order(
    engine: SearchEngine, index: str, serve: Serve, make: Make, sort: Sort, expected: list[str]
) -> None:
    serve(
        make("d", "shoe", rating=1.5),
        make("c", "shoe", [1, 0, 0, 0], created_at="2024-01-02T00:00:00Z"),
        make("b", "shoe", price=20),
        make("a", "shoe shoe", price=10, rating=5, created_at="2024-01-01T00:00:00Z"),
        make("z", "shoe", price=10 - 1),
    )
    ask = Request("shoe", unit(1, 0, 0, 0), k=1, sort=sort)
    found = engine.candidates(index, ask)
    assert found.ids == expected
    assert [key for key, near in zip(found.ids, found.near, strict=True) if near] == ["c"]
    assert (found.lexical > 0).all()
    parts = [engine.candidates(index, replace(ask, start=start, size=2)) for start in (0, 2, 4)]
    assert [key for part in parts for key in part.ids] == expected
