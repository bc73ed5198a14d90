"""Products looked at lately: which count, how much, and what of them is brought."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from etalage.core.errors import EngineTimeout, QueryError
from opensearch.engine import Ids, Request, Sort
from ranker.search import Ask, Searcher
from ranker.taste import RECENT, check, taste


def test_each_counts_once_and_only_the_latest() -> None:
    assert check(["b", "a", "b"]) == ("b", "a")
    assert check([f"p{one}" for one in range(60)]) == tuple(f"p{one}" for one in range(RECENT))


@pytest.mark.parametrize("recent", [["a", ""], [f"p{one}" for one in range(101)]])
def test_too_many_and_empty_ids_are_refused(recent: list[str]) -> None:
    with pytest.raises(QueryError, match="newest first"):
        check(recent)


def test_the_latest_counts_most(engine: Any, shop: Any) -> None:
    ids = sorted(engine.ids(engine.serving("products").name))[:3]
    found = taste(engine, "products", [ids[2], "gone", ids[0]])
    assert found is not None
    assert found.weights.sum() == pytest.approx(1) and len(found.vectors) == 2
    by_id = dict(zip(sorted([ids[2], ids[0]]), found.weights.tolist(), strict=True))
    # One place further, so 0.8 of 0.8: the unknown one keeps its place.
    assert by_id[ids[0]] / by_id[ids[2]] == pytest.approx(0.64)
    assert taste(engine, "products", []) is None and taste(engine, "products", ["gone"]) is None


def test_a_search_is_ranked_with_what_was_looked_at(engine: Any, encoder: Any, shop: Any) -> None:
    seen: list[np.ndarray[Any, Any]] = []

    class Spy:
        network = None

        def score(self, matrix: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
            seen.append(matrix)
            return np.zeros(len(matrix), np.float32)

    searcher = Searcher(engine, "products", encoder, Spy())  # type: ignore[arg-type]
    ids = sorted(engine.ids(engine.serving("products").name))[:2]
    for recent in ((), tuple(ids)):
        searcher.search(Ask("red shoe", recent=recent))
    assert len(seen) == 2 and not np.array_equal(seen[0], seen[1])
    for ask in (Ask("red shoe"), Ask("red shoe", sort=Sort("price")), Ask(""), Ask("red shoe", start=500)):
        with pytest.raises(QueryError):
            searcher.search(replace(ask, recent=("",)))


def test_an_engine_that_is_late_is_not_waited_for(searcher: Searcher, engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, answer = searcher.search(Ask("red shoe")), engine.candidates

    def late(index: str, request: Request) -> Any:
        if any(isinstance(one, Ids) for one in request.filters):
            raise EngineTimeout("it is late")
        return answer(index, request)

    monkeypatch.setattr(engine, "candidates", late)
    found = searcher.search(Ask("red shoe", recent=("red",)))
    assert found.degraded == ("recent",) and found.hits == plain.hits
