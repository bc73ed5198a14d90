"""Nearest vectors: exact against brute force, the graph against the exact search."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etalage.core.records import Floats, cosine, to_int8
from opensearch.embedded import vectors
from opensearch.embedded.vectors import Vectors, top


def random_units(size: int, dim: int, seed: int) -> Floats:
    found = np.random.default_rng(seed).standard_normal((size, dim)).astype(np.float32)
    units: Floats = found / np.linalg.norm(found, axis=1, keepdims=True)
    return units


def built(folder: Path, rows: npt.NDArray[np.int8], exact_limit: int = 10**6) -> Vectors:
    Vectors.build(rows, folder, "v", exact_limit)
    return Vectors(folder, "v")


def brute(query: Floats, rows: npt.NDArray[np.int8], k: int, allowed: npt.NDArray[Any]) -> list[int]:
    """The k nearest of the allowed rows, by comparing with each, ties by row."""
    scores = cosine(query, rows)
    return sorted(allowed.tolist(), key=lambda row: (-float(scores[row]), row))[:k]


# exact
def test_three_vectors_by_hand(tmp_path: Path) -> None:
    found = built(tmp_path, to_int8(np.array([[1, 0], [0, 1], [-1, 0], [0.6, 0.8]], np.float32)))
    query = np.array([0, 1], np.float32)
    assert found.nearest(query, 4, None).tolist() == [1, 3, 0, 2]
    assert found.nearest(query, 2, None).tolist() == [1, 3]
    assert found.nearest(query, 9, None).tolist() == [1, 3, 0, 2]
    assert found.nearest(query, 0, None).tolist() == []


def test_ties_break_by_row(tmp_path: Path) -> None:
    same = np.tile(np.array([[0.6, 0.8]], np.float32), (300, 1))
    found = built(tmp_path, to_int8(same))
    assert found.nearest(np.array([0, 1], np.float32), 3, None).tolist() == [0, 1, 2]
    assert found.nearest(np.array([0, 1], np.float32), 300, None).tolist() == list(range(300))


def test_documents_without_a_vector_are_never_near(tmp_path: Path) -> None:
    found = built(tmp_path, to_int8(np.array([[0, 0], [-1, 0], [0, 0], [1, 0]], np.float32)))
    query = np.array([1, 0], np.float32)
    assert found.nearest(query, 4, None).tolist() == [3, 1]
    assert found.nearest(query, 4, np.array([True, True, True, False])).tolist() == [1]
    assert found.nearest(query, 4, np.array([True, False, True, False])).tolist() == []


def test_no_vectors_at_all(tmp_path: Path) -> None:
    query = np.array([1, 0], np.float32)
    for name, rows in {"none": np.zeros((0, 2), np.int8), "zero": np.zeros((3, 2), np.int8)}.items():
        (tmp_path / name).mkdir()
        assert built(tmp_path / name, rows).nearest(query, 3, None).tolist() == []
    # An index without image vectors has rows without components.
    (tmp_path / "flat").mkdir()
    assert built(tmp_path / "flat", np.zeros((3, 0), np.int8)).nearest(query[:0], 3, None).tolist() == []


@pytest.mark.parametrize("k", [1, 10, 100])
def test_the_exact_search_finds_what_brute_force_finds(tmp_path: Path, k: int) -> None:
    rows = to_int8(random_units(2000, 32, seed=1))
    rows[::7] = 0
    found = built(tmp_path, rows)
    known = np.flatnonzero(rows.any(axis=1))
    mask = np.random.default_rng(2).random(2000) < 0.1
    for query in random_units(5, 32, seed=3):
        assert found.nearest(query, k, None).tolist() == brute(query, rows, k, known)
        assert found.nearest(query, k, mask).tolist() == brute(query, rows, k, known[mask[known]])


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(1, 40), st.integers(1, 45), st.integers(0, 10**6))
def test_any_small_set_is_searched_exactly(
    tmp_path_factory: pytest.TempPathFactory, size: int, k: int, seed: int
) -> None:
    rows = to_int8(random_units(size, 8, seed))
    query = random_units(1, 8, seed + 1)[0]
    found = built(tmp_path_factory.mktemp("any"), rows)
    assert found.nearest(query, k, None).tolist() == brute(query, rows, k, np.arange(size))


# the graph
@pytest.fixture(scope="module")
def rows() -> npt.NDArray[np.int8]:
    """3,000 vectors in 30 clusters, as products of a shop are; some documents have none."""
    centres = np.repeat(random_units(30, 32, seed=4), 100, axis=0)
    mixed = centres + 0.5 * random_units(3000, 32, seed=5)
    found = to_int8((mixed / np.linalg.norm(mixed, axis=1, keepdims=True)).astype(np.float32))
    found[::11] = 0
    return found


@pytest.fixture(scope="module")
def graph(rows: npt.NDArray[np.int8], tmp_path_factory: pytest.TempPathFactory) -> Vectors:
    folder = tmp_path_factory.mktemp("graph")
    found = built(folder, rows, exact_limit=2999)
    assert (folder / "v.usearch").exists()
    return found


def test_a_graph_is_made_beyond_the_limit_only(tmp_path: Path, rows: npt.NDArray[np.int8]) -> None:
    built(tmp_path, rows[:100], exact_limit=100)
    assert not (tmp_path / "v.usearch").exists()


def test_the_graph_finds_nearly_what_the_exact_search_finds(graph: Vectors, rows: npt.NDArray[np.int8]) -> None:
    known, hits, k = np.flatnonzero(rows.any(axis=1)), 0, 20
    queries = random_units(20, 32, seed=6)
    for query in queries:
        found = graph.nearest(query, k, None).tolist()
        assert len(set(found)) == k and set(found) <= set(known.tolist())
        scores = cosine(query, rows[found])
        assert (np.diff(scores) <= 0).all(), "nearest first"
        hits += len(set(found) & set(brute(query, rows, k, known)))
    assert hits / (k * len(queries)) >= 0.95


def test_under_a_filter_that_leaves_few_rows_the_graph_is_not_used(graph: Vectors, rows: npt.NDArray[np.int8]) -> None:
    known, mask = np.flatnonzero(rows.any(axis=1)), np.random.default_rng(7).random(len(rows)) < 0.05
    for query in random_units(5, 32, seed=8):
        assert graph.nearest(query, 20, mask).tolist() == brute(query, rows, 20, known[mask[known]])


def test_under_a_filter_that_leaves_many_rows_only_they_are_found(
    graph: Vectors, rows: npt.NDArray[np.int8], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "_FILTERED_LIMIT", 100)
    known, mask = np.flatnonzero(rows.any(axis=1)), np.arange(len(rows)) % 2 == 0
    hits = 0
    for query in random_units(10, 32, seed=9):
        found = graph.nearest(query, 20, mask).tolist()
        assert len(found) == 20 and all(mask[found])
        hits += len(set(found) & set(brute(query, rows, 20, known[mask[known]])))
    assert hits >= 190


# the largest
def test_top_by_hand() -> None:
    scores = np.array([1, 3, 2, 3, 0], np.float32)
    assert top(scores, 3).tolist() == [1, 3, 2]
    assert top(scores, 99).tolist() == [1, 3, 2, 0, 4]
    assert top(scores, 0).tolist() == [] and top(scores, -1).tolist() == [] and top(scores[:0], 3).tolist() == []


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 5), max_size=30), st.integers(0, 35))
def test_top_is_the_head_of_a_stable_sort(scores: list[int], k: int) -> None:
    expected = sorted(range(len(scores)), key=lambda at: (-scores[at], at))[:k]
    assert top(np.array(scores, np.float32), k).tolist() == expected
