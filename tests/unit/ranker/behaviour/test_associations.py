"""Associations of queries and products: counted by hand, kept in a file, and found again."""

from __future__ import annotations

import logging
import math
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etalage.core.errors import EngineError
from etalage.core.text import normalize, stems, token_id
from ranker.behaviour import associations, rates
from ranker.behaviour.associations import DEEP, NOTHING, Associated, Associations, Watched
from ranker.behaviour.sightings import bag, words
from ranker.behaviour.signals import Policy, compute

from .test_signals import Event, event


def ids(query: str) -> list[int]:
    return [token_id(stem) for stem in stems(normalize(query))]


def log_of(query: str, product: str, place: int, by: int, clicked: int, start: int = 0) -> list[Event]:
    found = [event("impression", f"c{start + one}", product, place, query=query) for one in range(by)]
    return found + [event("click", f"c{start + one}", product, place, query=query) for one in range(clicked)]


def test_words_count_whatever_their_order_and_form() -> None:
    assert words("red sofas") == words("Sofa  RED red") == bag(ids("sofa red"))
    assert words("red sofa") != words("red rug")
    assert words("") == words("!?") == bag([]) == 0


def test_a_pair_is_compared_with_its_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "STRONGEST", 1.0)
    log = log_of("red sofa", "a", 1, 10, 8) + log_of("red sofa", "b", 1, 10, 0, 20) + log_of("rug", "b", 1, 20, 8, 40)
    known = compute(log, []).associations
    # 16 clicks among 40 sightings at the place: 4 of 10 are expected, and the prior is 1 click.
    found = known.about(ids("sofas red"))
    assert found.ids == ("a", "b") and found.found == 1
    assert found.strengths == pytest.approx([math.log(9 / 5), math.log(1 / 5)], rel=5e-3)
    assert known.about(ids("rug")).of(["b", "c"]).tolist() == pytest.approx([0, 0], abs=1e-6)
    assert known.about(ids("lamp")) is NOTHING and known.about([]) is NOTHING


def test_one_client_alone_finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "STRONGEST", 1.0)
    others = log_of("sofa", "b", 1, 30, 3, 20)
    alone = compute(log_of("sofa", "a", 1, 1, 1) + others, []).associations.about(ids("sofa"))
    two = compute(log_of("sofa", "a", 1, 2, 2) + others, []).associations.about(ids("sofa"))
    assert (alone.found, two.found, two.ids[0]) == (0, 1, "a")
    assert alone.of(["a"])[0] > 0


def test_a_program_is_left_out() -> None:
    log = log_of("sofa", "a", 1, 9, 9) + log_of("sofa", "b", 1, 9, 2, 20)
    assert compute(log, [], Policy(actions=0)).associations == Associations()


def test_only_the_most_telling_products_of_a_query_are_kept() -> None:
    log = [one for number in range(DEEP + 9) for one in log_of("sofa", f"p{number:02d}", 1, 4, number % 5, 10 * number)]
    found = compute(log, []).associations.about(ids("sofa"))
    assert len(found.ids) == DEEP
    assert list(found.strengths) == sorted(found.strengths, reverse=True)


KNOWN = st.dictionaries(
    st.integers(1, 2**64 - 1),
    st.dictionaries(st.text(min_size=1, max_size=5), st.floats(-3, 3, width=32), max_size=4),
    max_size=4,
)


@given(KNOWN)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, made: dict[int, dict[str, float]]) -> None:
    known = Associations({key: Associated(tuple(one), tuple(one.values()), len(one) // 2) for key, one in made.items()})
    path = tmp_path_factory.mktemp("kept") / "deep" / "products"
    associations.write(path, known)
    assert associations.read(path) == known


def test_a_file_that_is_not_there_knows_nothing(tmp_path: Path) -> None:
    assert associations.read(tmp_path / "none") == Associations()
    assert Watched(tmp_path / "none").about([1]) is NOTHING


@pytest.mark.parametrize("harm", ["flip", "cut", "version"])
def test_a_damaged_file_is_refused_and_searched_without(
    tmp_path: Path, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "products"
    associations.write(path, Associations({bag([1]): Associated(("a",), (1.0,), 1)}))
    raw = path.read_bytes()
    damaged = {"flip": raw[:-1] + bytes([raw[-1] ^ 1]), "cut": raw[:-9], "version": raw.replace(b" 1 ", b" 2 ", 1)}
    path.write_bytes(damaged[harm])
    with pytest.raises(EngineError, match="signals refresh"):
        associations.read(path)
    with caplog.at_level(logging.WARNING):
        assert Watched(path).about([1]) is NOTHING
    assert "clicked before" in caplog.text


def test_a_new_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "products"
    associations.write(path, Associations({bag([1, 2]): Associated(("a",), (1.0,), 1)}))
    watched = Watched(path)
    assert watched.about([2, 1, 1]).ids == ("a",)
    associations.write(path, Associations({bag([1, 2]): Associated(("b",), (1.0,), 1)}))
    os.utime(path, ns=(1, 1))
    assert watched.about(np.array([1, 2], np.uint32)).ids == ("b",)
