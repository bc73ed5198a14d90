"""Each value of a field once: rows are chosen by hand-checked rules, and pages fit together whatever is collapsed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.errors import QueryError
from etalage.core.records import Document
from opensearch.engine import MAX_WINDOW, Candidates, Generation, Request, SearchEngine, Sort
from ranker import collapse
from ranker.search import Answer, Ask, Searcher

Make = Callable[..., Document]
Serve = Callable[..., Generation]

GROUPS = ["a", "", "a", "b", "", "a", "c"]


def ids(answer: Answer) -> list[str]:
    return [hit.id for hit in answer.hits]


def test_the_first_of_each_value_stays_and_all_without_one() -> None:
    assert collapse.heads(GROUPS) == [0, 1, 3, 4, 6]
    assert collapse.once(GROUPS, [5, 6, 0, 4, 3, 2]) == [5, 6, 4, 3]
    assert collapse.heads([]) == []


@pytest.mark.parametrize(("window", "rows"), [(0, 0), (1, 1), (2, 2), (3, 4), (4, 5), (5, 7), (9, 7)])
def test_the_rows_of_the_first_values_end_with_the_last_of_these(window: int, rows: int) -> None:
    assert collapse.depth(GROUPS, window) == rows
    assert collapse.depth([], window) == 0


def test_the_best_of_each_value_takes_the_place_of_the_first(engine: SearchEngine, make: Make, serve: Serve) -> None:
    serve(*(make(f"s{n}", "shoe " + "pad " * n, encoded=False, variant_group=one) for n, one in enumerate(GROUPS)))
    found = engine.candidates("products", Request("shoe", collapse="variant_group"))
    assert (found.ids, list(found.groups)) == ([f"s{n}" for n in range(7)], GROUPS)
    scores = np.array([0.1, 0.9, 0.3, 0.2], np.float32)
    assert collapse.best(found, scores, ()) == [2, 1, 3, 4, 6]
    # Beyond what has a score the first one stands, and of equal ones as well.
    assert collapse.best(found, scores[:0], ()) == collapse.best(found, np.ones(7, np.float32), ()) == [0, 1, 3, 4, 6]
    assert collapse.best(found, scores, ["s5", "s0", "s4"]) == [0, 5, 1, 3, 4, 6]


def test_as_many_rows_are_asked_for_as_the_values_take(engine: SearchEngine, make: Make, serve: Serve) -> None:
    serve(*(make(f"s{n:02d}", "shoe", encoded=False, variant_group=f"g{n // 8}") for n in range(64)))
    request = Request("shoe", size=4, collapse="variant_group")
    found = collapse.candidates(engine, "products", request)
    assert len(collapse.heads(found.groups)) >= 4
    assert len(collapse.candidates(engine, "products", replace(request, size=9)).ids) == 64
    assert len(collapse.candidates(engine, "products", replace(request, collapse="")).ids) == 4
    assert not collapse.candidates(engine, "products", replace(request, size=0)).ids
    with pytest.raises(QueryError, match="10000"):
        collapse.candidates(engine, "products", replace(request, size=MAX_WINDOW + 1))


@pytest.mark.parametrize(("copies", "calls"), [(1, 1), (2, 2), (30, 4), (100, 4)])
def test_few_copies_are_made_up_for_by_spare_rows(
    engine: SearchEngine, make: Make, serve: Serve, monkeypatch: pytest.MonkeyPatch, copies: int, calls: int
) -> None:
    titles = [make(f"s{n:03d}", "shoe", encoded=False, variant_group=f"g{n // copies}") for n in range(100)]
    serve(*titles)
    answer, sizes, left = engine.candidates, list[int](), list[float]()

    def counted(index: str, request: Request) -> Candidates:
        sizes.append(request.size)
        left.append(request.timeout or 0.0)
        return answer(index, request)

    monkeypatch.setattr(engine, "candidates", counted)
    collapse.candidates(engine, "products", Request("shoe", size=3, collapse="variant_group", timeout=60.0))
    assert len(sizes) == calls and sizes[0] == 4
    # All requests together have the time of one.
    assert left[0] <= 60.0 and all(after < before for before, after in pairwise(left))


@pytest.fixture
def crowd(make: Make, serve: Serve) -> None:
    """Sixty products of few words, every other one with a vector, in groups of one to six that are written in any order."""
    kinds = ["red", "blue", "wide", "soft"]
    serve(
        *(
            make(
                f"s{n:02d}",
                f"shoe {kinds[n % 4]} " + "pad " * (n * 7 % 5),
                encoded=n % 2 == 0,
                variant_group=f"g{n * 11 % 60 % 13}" if n % 9 else "",
                price=1000 + n * 37 % 50,
                popularity=float(n * 17 % 23),
            )
            for n in range(60)
        )
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(
    query=st.sampled_from(["shoe", "red shoe pad", "soft", ""]),
    size=st.integers(1, 11),
    window=st.sampled_from([1, 5, 12, 200]),
    neighbours=st.sampled_from([0, 3, 20]),
    sort=st.sampled_from([None, None, Sort("price"), Sort("popularity", descending=True)]),
)
def test_no_group_comes_twice_and_pages_fit_together(
    crowd: None,
    engine: SearchEngine,
    encoder: HashingEncoder,
    query: str,
    size: int,
    window: int,
    neighbours: int,
    sort: Sort | None,
) -> None:
    searcher = Searcher(engine, "products", encoder, None, window=window, neighbours=neighbours)
    ask = Ask(query, 60, sort=sort, collapse="variant_group")
    whole, plain = searcher.search(ask), searcher.search(replace(ask, collapse=""))
    found = engine.get(whole.generation, ids(plain))
    named = [found[one].get("variant_group") or one for one in ids(whole)]
    assert len(named) == len(set(named))
    assert set(named) == {source.get("variant_group") or one for one, source in found.items()}
    assert (whole.total, whole.facets) == (plain.total, plain.facets)
    paged: list[str] = []
    while page := ids(searcher.search(replace(ask, size=size, start=len(paged)))):
        paged += page
    assert paged == ids(whole)
