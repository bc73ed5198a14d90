"""The least cosine of neighbours: measured once, and what it leaves out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from etalage.core.encoders import Kind
from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.errors import ModelError
from etalage.core.records import Floats
from opensearch.engine import SearchEngine
from ranker.floor import DEVIATIONS, Floor, measured
from ranker.search import Ask, Searcher


class Two:
    """An encoder of two directions: queries lie on the first, titles in turn on the first and on the second."""

    fingerprint = "two"
    calls = 0

    def encode_query(self, text: str) -> Floats:
        type(self).calls += 1
        return np.array([1, 0], np.float32)

    def encode(self, texts: Sequence[str], *, kind: Kind) -> Floats:
        return np.array([[1, 0] if number % 2 else [0, 1] for number in range(len(texts))], np.float32)


class Broken(Two):
    def encode_query(self, text: str) -> Floats:
        raise ModelError("it is broken")


def test_it_is_the_mean_and_three_deviations() -> None:
    # Half of the cosines are 1, half are 0.
    assert measured(Two()) == pytest.approx(0.5 + DEVIATIONS * 0.5)  # type: ignore[arg-type]


def test_it_is_measured_once() -> None:
    floor: Any = Floor(Two())  # type: ignore[arg-type]
    first, calls = floor.now(), Two.calls
    assert floor.now() == first and Two.calls == calls


def test_without_an_encoder_that_works_there_is_none() -> None:
    assert Floor(Broken()).now() is None  # type: ignore[arg-type]


def test_an_adapter_that_fails_is_done_without() -> None:
    class Failing:
        def current(self, fingerprint: str) -> None:
            raise ModelError("it is damaged")

    assert Floor(Two(), Failing()).now() == pytest.approx(2.0)  # type: ignore[arg-type]


def test_hashed_words_have_none(encoder: HashingEncoder) -> None:
    assert Floor(encoder).now() is None


class At(Floor):
    def now(self) -> float | None:
        return 0.2


def test_what_is_unlike_the_query_is_not_found(searcher: Searcher, engine: SearchEngine, encoder: HashingEncoder) -> None:
    assert searcher.search(Ask("xyzzy qwertz")).total == 5
    strict = Searcher(engine, "products", encoder, searcher.ranker, floor=At(encoder))
    nothing = strict.search(Ask("xyzzy qwertz"))
    assert (nothing.total, nothing.hits, nothing.facets["brand"]) == (0, [], [])
    found = strict.search(Ask("red shoe"))
    assert found.total < 5 and {"red", "blue", "run"} <= {hit.id for hit in found.hits}
