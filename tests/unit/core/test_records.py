"""The feature record by hand, article numbers, days, and int8 vectors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etalage.core import records
from etalage.core.records import RECORD, cosine, days, model_numbers, record_of, rounded_cosine, to_int8
from etalage.core.text import MODEL, NONE, NUMBER, token_id

NUMBERS = ("price", "list_price", "stock", "rating", "reviews", "popularity", "click_rate", "purchase_rate")


def ids(*terms: str) -> list[int]:
    return [token_id(term) for term in terms]


def filled(record: np.ndarray[Any, Any], name: str) -> list[int]:
    """The slots in use; those behind must be empty."""
    slots: list[int] = record[name].tolist()
    used = len(slots) - slots[::-1].index(0) if 0 in slots else len(slots)
    return slots[: slots.index(0)] if 0 in slots and not any(slots[slots.index(0) :]) else slots[:used]


# the record
def test_a_title_alone() -> None:
    record = record_of({"title": "Running SHOES 42 MX500"})
    assert filled(record, "title") == ids("run", "shoe", "42", "mx500")
    assert filled(record, "surface") == ids("running", "shoes", "42", "mx500")
    assert record["kind"].tolist()[:5] == [NONE, NONE, NUMBER, MODEL, NONE]
    assert (record["title_length"], record["description_length"]) == (4, 0)
    for name in ("brand", "category", "attributes", "models"):
        assert not record[name].any(), name
    for name in (*NUMBERS, "created"):
        assert math.isnan(record[name]), name


def test_every_field() -> None:
    record = record_of(
        {
            "title": "lamp", "brand": "Acme Light", "category": ["Home Goods", "Desk Lamps"], "description": "a b  c",
            "attributes": {"colour": ["deep red", "red"], "mpn": ["AC-100"]}, "price": 1999, "list_price": 2500,
            "stock": 0, "rating": 4.5, "reviews": 12, "popularity": 0.25,
            "click_rate": 0.125, "purchase_rate": 0.0625, "created_at": "1970-01-03T12:00:00.000Z",
        }
    )  # fmt: skip
    assert filled(record, "brand") == ids("acm", "light")
    # The leaf of the path comes first.
    assert filled(record, "category") == ids("desk", "lamp", "home", "good")
    # Repeats stand once.
    assert filled(record, "attributes") == ids("deep", "red", "ac", "100")
    assert filled(record, "models") == ids("ac100")
    assert record["description_length"] == 3
    names = (*NUMBERS, "created")
    assert [float(record[name]) for name in names] == [1999, 2500, 0, 4.5, 12, 0.25, 0.125, 0.0625, 2.5]


def test_what_is_too_long_is_cut() -> None:
    words = [f"w{number}x" for number in range(100)]
    record = record_of(
        {
            "title": " ".join(words), "brand": " ".join(words), "category": words, "description": "x " * 70_000,
            "attributes": {"mpn": words, "other": words},
        }
    )  # fmt: skip
    assert filled(record, "title") == ids(*words[: records.TITLE])
    assert filled(record, "brand") == ids(*words[: records.BRAND])
    assert filled(record, "category") == ids(*words[:-13:-1])
    assert filled(record, "attributes") == ids(*words[: records.ATTRIBUTES])
    assert filled(record, "models") == ids(*words[: records.MODELS])
    assert (record["title_length"], record["description_length"]) == (100, 65535)


def test_a_record_takes_the_same_room_everywhere() -> None:
    # Stored as bytes: a change of this is a change of `RECORD_VERSION`.
    assert (RECORD.itemsize, records.RECORD_VERSION) == (4 * 2 * 32 + 32 + 4 * (4 + 12 + 32 + 6) + 2 * 2 + 9 * 4, 2)
    record = record_of({"title": "red lamp", "price": 5})
    assert np.frombuffer(record.tobytes(), RECORD)[0].tobytes() == record.tobytes()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.text(max_size=60), st.text(max_size=20), st.lists(st.text(max_size=10), max_size=15),
    st.dictionaries(st.sampled_from(["mpn", "sku", "colour"]), st.lists(st.text(max_size=10), max_size=9)),
)  # fmt: skip
def test_any_source_has_a_record(title: str, brand: str, path: list[str], attributes: dict[str, list[str]]) -> None:
    record = record_of({"title": title, "brand": brand, "category": path, "attributes": attributes})
    used = min(int(record["title_length"]), records.TITLE)
    assert (record["title"][:used] > 0).all() and not record["title"][used:].any()
    assert ((record["title"] > 0) == (record["surface"] > 0)).all()
    for name in ("brand", "category", "attributes", "models"):
        found = filled(record, name)
        assert 0 not in found and len(set(found)) == len(found), name


# article numbers
def test_article_numbers_are_those_of_known_names_with_a_digit() -> None:
    source = {"attributes": {"colour": ["r2"], "ean": ["123", "A1"], "mpn": ["A1", "none", "B2"], "model": ["C3"]}}
    assert model_numbers(source) == ["C3", "A1", "B2", "123"]
    for none in ({}, {"attributes": None}, {"attributes": {"mpn": ["x"]}}):
        assert model_numbers(none) == []


# days
@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("1970-01-01", 0.0), ("1970-01-02T12:00:00Z", 1.5), ("1969-12-31", -1.0), ("2024-05-01T00:00:00.000Z", 19844.0),
        ("1970-01-02T00:00:00+06:00", 0.75), ("1970-01-02T00:00:00-06:00", 1.25),
    ],
)  # fmt: skip
def test_days_since_1970(moment: str, number: float) -> None:
    assert days(moment) == number


def test_no_time_is_no_number() -> None:
    assert math.isnan(days(""))


# vectors
def test_int8_by_hand() -> None:
    found = to_int8(np.array([[0.6, -0.8], [0.0, 1.0], [0.0, 0.0], [-0.5, 0.25]], np.float32))
    assert found.dtype == np.int8
    assert found.tolist() == [[95, -127], [0, 127], [0, 0], [-127, 64]]
    assert to_int8(np.array([1.0, 0.5], np.float32)).tolist() == [127, 64]


def test_equal_vectors_have_equal_cosines_wherever_they_stand() -> None:
    rows = np.random.default_rng(4).integers(-127, 128, (40, 384)).astype(np.int8)
    query = np.random.default_rng(5).normal(size=384).astype(np.float32)
    found = rounded_cosine(query, np.concatenate([rows, rows[::-1], rows[:7]]))
    assert found.dtype == np.float32 and found[:40].tolist() == found[40:80][::-1].tolist()
    assert found[80:].tolist() == found[:7].tolist()
    np.testing.assert_allclose(found[:40], cosine(query, rows), atol=1e-6)
    assert rounded_cosine(query, np.zeros((2, 384), np.int8)).tolist() == [0, 0]


def test_cosine_by_hand() -> None:
    rows = np.array([[3, 4], [4, -3], [-3, -4], [0, 0], [127, 0]], np.int8)
    found = cosine(np.array([0.6, 0.8], np.float32), rows)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [1, 0, -1, 0, 0.6], atol=1e-6)
    # However long the query's vector is.
    np.testing.assert_allclose(cosine(np.array([6, 8], np.float32), rows), found, atol=1e-6)
    assert cosine(np.zeros(2, np.float32), rows).tolist() == [0] * 5
    assert cosine(np.ones(2, np.float32), np.zeros((0, 2), np.int8)).shape == (0,)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.integers(2, 400))
def test_int8_keeps_cosines(seed: int, dim: int) -> None:
    vectors = np.random.default_rng(seed).standard_normal((5, dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    exact = vectors @ vectors[0]
    np.testing.assert_allclose(cosine(vectors[0], to_int8(vectors)), exact, atol=0.02)
    assert np.abs(to_int8(vectors)).max(axis=1).tolist() == [127] * 5
