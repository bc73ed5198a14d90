"""Training rows from a real engine, and their split by query."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.errors import EngineError, FingerprintMismatch
from etalage.core.records import Document
from opensearch.engine import Generation, Request, SearchEngine
from ranker import features, retrieve
from ranker.features import NAMES
from ranker.query import understand
from ranker.training import dataset
from ranker.training.dataset import Group
from ranker.training.judgments import Qrels

Make = Callable[..., Document]
Serve = Callable[..., Generation]


def build(engine: SearchEngine, encoder: HashingEncoder, qrels: Qrels, window: int = 50, k: int = 50) -> list[Group]:
    return dataset.build(engine, "products", encoder, qrels, window=window, neighbours=k)


def group(query: str) -> Group:
    empty = np.zeros(0, np.float32)
    return Group(query, [], np.zeros((0, len(NAMES)), np.float32), empty, empty, empty, {})


def test_blind_takes_pictures_and_behaviour_away_and_nothing_else() -> None:
    columns = [number for number, feature in enumerate(features.FEATURES) if feature.family in ("looks", "behaviour", "shopper")]
    seen = replace(group("red shoe"), features=np.arange(2 * len(NAMES), dtype=np.float32).reshape(2, -1) + 1)
    unseen = dataset.blind(seen)
    assert not unseen.features[:, columns].any()
    rest = np.delete(np.arange(len(NAMES)), columns)
    np.testing.assert_array_equal(unseen.features[:, rest], seen.features[:, rest])
    assert seen.features.all() and unseen.query == seen.query


# building
def test_gains_follow_the_ratings(engine: SearchEngine, encoder: HashingEncoder, shop: Generation) -> None:
    ratings = {"red": 1.0, "run": 0.5, "boot": 3.0, "gone": 2.0, "lamp": 0.0}
    (found,) = build(engine, encoder, {"red shoe": ratings})
    assert sorted(found.ids) == ["blue", "boot", "lamp", "red", "run"]
    gains = dict(zip(found.ids, found.gains.tolist(), strict=True))
    assert gains == pytest.approx({"red": 1, "run": 2**0.5 - 1, "boot": 7, "blue": 0, "lamp": 0})
    # Also what is judged but was not found.
    assert (found.query, found.ratings) == ("red shoe", ratings)
    assert found.gains.dtype == found.features.dtype == found.lexical.dtype == found.fused.dtype == np.float32


def test_features_are_those_of_a_live_search(engine: SearchEngine, encoder: HashingEncoder, shop: Generation) -> None:
    (found,) = build(engine, encoder, {"red shoe": {"red": 1.0}})
    request = Request("red shoe", encoder.encode_query("red shoe"), 50, 0, 50)
    live = retrieve.candidates(engine, "products", understand("red shoe"), request)
    assert found.ids == live.candidates.ids
    assert found.features.shape == (5, len(NAMES))
    np.testing.assert_array_equal(found.features, features.matrix(live))
    np.testing.assert_array_equal(found.lexical, live.candidates.lexical)
    np.testing.assert_array_equal(found.fused, live.fused)


def test_queries_without_a_relevant_document_are_left_out(
    engine: SearchEngine, encoder: HashingEncoder, shop: Generation
) -> None:
    qrels = {"red shoe": {"red": 1.0}, "desk": {"lamp": 0.0}, "blue": {"blue": 0.25, "red": 0.0}}
    assert [one.query for one in build(engine, encoder, qrels)] == ["red shoe", "blue"]
    assert build(engine, encoder, {}) == []


def test_a_query_whose_relevant_document_is_not_found_stays(
    engine: SearchEngine, encoder: HashingEncoder, shop: Generation
) -> None:
    # It counts against every arm of the report.
    (found,) = build(engine, encoder, {"desk": {"gone": 1.0}})
    assert not found.gains.any() and found.ratings == {"gone": 1.0}


def test_window_and_neighbours(engine: SearchEngine, encoder: HashingEncoder, shop: Generation) -> None:
    assert [one.ids for one in build(engine, encoder, {"lamp": {"lamp": 1.0}}, k=1)] == [["lamp"]]
    (found,) = build(engine, encoder, {"shoe": {"red": 1.0}}, window=2)
    assert len(found.ids) == len(found.gains) == len(found.features) == 2


def test_queries_pass_through_the_progress_shown(
    engine: SearchEngine, encoder: HashingEncoder, shop: Generation
) -> None:
    shown: list[str] = []

    def progress(queries: Iterable[str]) -> Iterable[str]:
        for one in queries:
            shown.append(one)
            yield one

    qrels = {"red": {"red": 1.0}, "none": {"red": 0.0}, "lamp": {"lamp": 1.0}}
    dataset.build(engine, "products", encoder, qrels, window=5, neighbours=5, progress=progress)
    assert shown == ["red", "lamp"]


def test_no_index_and_vectors_of_another_size(
    engine: SearchEngine, encoder: HashingEncoder, make: Make, serve: Serve
) -> None:
    with pytest.raises(EngineError, match="products"):
        build(engine, encoder, {"red": {"red": 1.0}})

    class Wide(HashingEncoder):
        def encode_query(self, text: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
            return np.ones(3, np.float32)

    serve(make("red", "red shoe"))
    with pytest.raises(FingerprintMismatch, match="3 dimensions"):
        build(engine, Wide(), {"red": {"red": 1.0}})


# splitting
def test_a_split_by_hand() -> None:
    groups = [group(f"q{number}") for number in range(10)]
    parts = dataset.split(groups, (0.6, 0.2), seed=1)
    assert [len(part) for part in parts] == [6, 2, 2]
    assert [len(part) for part in dataset.split(groups[:3], (0.64, 0.16), seed=1)] == [2, 0, 1]
    assert dataset.split([], (0.5,), seed=1) == [[], []]


def test_groups_of_one_query_stay_together() -> None:
    groups = [group(f"q{number // 2}") for number in range(20)]
    parts = dataset.split(groups, (0.6, 0.2), seed=1)
    assert [len(part) for part in parts] == [12, 4, 4]
    assert all(len({one.query for one in part}) * 2 == len(part) for part in parts)


def test_another_seed_splits_otherwise() -> None:
    groups = [group(f"q{number}") for number in range(30)]
    first, second = (dataset.split(groups, (0.5,), seed) for seed in (0, 1))
    assert [one.query for one in first[0]] != [one.query for one in second[0]]


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    st.lists(st.text("abc", max_size=4), unique=True, max_size=20),
    st.sampled_from([(0.64, 0.16), (0.5,), (), (0.3, 0.3, 0.4), (1.0,)]),
    st.integers(0, 5),
)
def test_any_split_is_whole_and_depends_on_the_queries_alone(
    queries: list[str], shares: tuple[float, ...], seed: int
) -> None:
    groups = [group(query) for query in queries]
    parts = [[one.query for one in part] for part in dataset.split(groups, shares, seed)]
    assert len(parts) == len(shares) + 1
    assert sorted(query for part in parts for query in part) == sorted(queries)
    for part, share in zip(parts, shares, strict=False):
        assert abs(len(part) - share * len(queries)) <= 1
    assert parts == [[one.query for one in part] for part in dataset.split(groups[::-1], shares, seed)]


def test_queries_are_split_as_groups_are() -> None:
    made = [group(f"q{number}") for number in range(50)]
    texts = dataset.split_queries([group.query for group in [*made, *made]], dataset.SHARES, 3)
    assert [len(part) for part in texts] == [32, 8, 10]
    for queries, part in zip(texts, dataset.split(made, dataset.SHARES, 3), strict=True):
        assert sorted(queries) == [group.query for group in part]
    assert dataset.split_queries([], dataset.SHARES, 0) == [[], [], []]
