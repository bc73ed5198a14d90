"""Variants shown once in the search flow, on every implementation of the engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.errors import QueryError
from etalage.core.records import Document
from opensearch.engine import Candidates, Generation, IndexSpec, Request, SearchEngine, Shop, Sort
from ranker.search import Answer, Ask, Searcher

Make = Callable[..., Document]
Serve = Callable[..., Generation]


@pytest.fixture
def searcher(engine: SearchEngine, index: str, make: Make, serve: Serve) -> Searcher:
    """Twelve shoes in five sizes each, three shoes alone, and a lamp; the window holds ten, two of them neighbours."""
    encoder = HashingEncoder()

    def product(key: str, title: str, **source: object) -> Document:
        return make(key, title, encoder.encode([title], kind="passage")[0].tolist(), **source)

    sizes = [
        product(
            f"shoe-{n:02d}-{size}",
            f"shoe {['road', 'hill', 'shore'][n % 3]} " + "pad " * (n // 3) + f"size {size}",
            variant_group=f"g{n:02d}",
            brand=["Acme", "Bolt"][n % 2],
            price=1000 + 10 * n + (size * 7) % 5,
            popularity=float((n * 5 + size) % 13),
        )
        for n in range(12)
        for size in range(40, 45)
    ]
    alone = [product(f"only-{n}", f"shoe polish {n}", brand="Cato", price=10 * n) for n in range(3)]
    serve(*sizes, *alone, product("lamp", "desk lamp"), spec=IndexSpec(encoder.name, encoder.fingerprint, encoder.dim))
    return Searcher(engine, index, encoder, None, window=10, neighbours=2)


def ids(answer: Answer) -> list[str]:
    return [hit.id for hit in answer.hits]


def groups(answer: Answer) -> list[str]:
    """The group of each hit, its id where it has none."""
    return [one.rpartition("-")[0] if one.startswith("shoe") else one for one in ids(answer)]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"q": ""},
        {"sort": Sort("price")},
        {"sort": Sort("price", descending=True)},
        {"shop": Shop({"match": {"title": "shoe"}})},
        {"q": "", "shop": Shop({"match": {"title": "shoe"}})},
    ],
    ids=["words", "browse", "cheapest", "dearest", "shop", "shop's browse"],
)
def test_every_group_comes_once_and_pages_fit_together(searcher: Searcher, more: dict[str, Any]) -> None:
    asked = {"q": "shoe", "size": 100, "collapse": "variant_group"} | more
    whole = searcher.search(Ask(**asked))
    assert set(groups(whole)) - {"lamp"} == {f"shoe-{n:02d}" for n in range(12)} | {f"only-{n}" for n in range(3)}
    assert max(Counter(groups(whole)).values()) == 1
    plain = searcher.search(Ask(**asked | {"collapse": ""}))
    assert (whole.total, whole.facets) == (plain.total, plain.facets) and whole.total > 60
    for size in (1, 4, 7):
        paged: list[str] = []
        while page := ids(searcher.search(Ask(**asked | {"size": size, "start": len(paged)}))):
            paged += page
        assert paged == ids(whole)


def test_the_best_of_a_group_is_shown(searcher: Searcher) -> None:
    named = searcher.search(Ask("shoe hill size 43", 100, collapse="variant_group"))
    hills = [one for one in ids(named)[:4] if one.startswith("shoe")]
    assert hills and all(one.endswith("-43") for one in hills)
    cheapest = searcher.search(Ask("shoe", 100, collapse="variant_group", sort=Sort("price")))
    # 7 · 40 is a multiple of five, so that this size costs least.
    assert all(one.endswith("-40") for one in ids(cheapest) if one.startswith("shoe"))
    prices = [int(one[5:7]) for one in ids(cheapest) if one.startswith("shoe")]
    assert prices == sorted(prices) and len(prices) == 12


def test_the_window_holds_groups_and_not_their_copies(searcher: Searcher) -> None:
    # Ten of fifteen are ranked, whatever the number of their sizes; what is ranked has a score.
    ranked = [hit for hit in searcher.search(Ask("shoe", 100, collapse="variant_group")).hits if hit.score > 0]
    assert len(ranked) == 10


def test_one_request_is_enough_where_nothing_varies(
    searcher: Searcher, engine: SearchEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Request] = []
    answer = engine.candidates

    def counted(index: str, request: Request) -> Candidates:
        asked.append(request)
        return answer(index, request)

    monkeypatch.setattr(engine, "candidates", counted)
    searcher.search(Ask("polish", 3, collapse="variant_group"))
    assert len(asked) == 1
    searcher.search(Ask("shoe", 5, collapse="variant_group"))
    assert 3 <= len(asked) <= 4
    # All that there is was brought: none is asked for again.
    asked.clear()
    searcher.search(Ask("shoe", 100, collapse="brand"))
    assert len(asked) == 1


def test_other_fields_collapse_too(searcher: Searcher) -> None:
    found = searcher.search(Ask("shoe", 100, collapse="brand"))
    assert sorted("A" if one.startswith("shoe") else "C" for one in ids(found) if one != "lamp") == ["A", "A", "C"]
    with pytest.raises(QueryError, match="collapse"):
        searcher.search(Ask("shoe", collapse="category"))
