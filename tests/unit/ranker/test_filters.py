"""Filters and sort orders as people write them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etalage.core.errors import QueryError
from opensearch import fields
from opensearch.engine import Filter, InStock, Lacks, Range, Sort, Term
from ranker.filters import parse_filters, parse_sort


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("brand:Acme", Term("brand", ("Acme",))),
        (" brand:Acme ", Term("brand", ("Acme",))),
        ("category:Shoes > Running", Term("category", ("Shoes > Running",))),
        ("attrs:size=10:30", Term("attrs", ("size=10:30",))),
        ("price:1000..5000", Range("price", 1000.0, 5000.0)),
        ("price:..5000", Range("price", None, 5000.0)),
        ("price:1000..", Range("price", 1000.0, None)),
        ("rating:4.5", Range("rating", 4.5, 4.5)),
        ("price:-5..5", Range("price", -5.0, 5.0)),
        ("in_stock", InStock()),
        ("without:usb cable", Lacks("usb cable")),
        ({"term": {"brand": "Acme"}}, Term("brand", ("Acme",))),
        ({"terms": {"brand": ["A", "B"]}}, Term("brand", ("A", "B"))),
        ({"range": {"price": {"gte": 1000, "lt": 5000}}}, Range("price", 1000.0, 5000.0, open_high=True)),
        ({"range": {"price": {"gt": 1, "lte": 2}}}, Range("price", 1.0, 2.0, open_low=True)),
        ({"in_stock": True}, InStock()),
    ],
)
def test_one_filter(given: object, expected: Filter) -> None:
    assert parse_filters(given) == (expected,)


def test_lists_are_flattened_in_order() -> None:
    given = ["brand:Acme", [{"term": {"language": "de"}}, "in_stock"]]
    assert parse_filters(given) == (Term("brand", ("Acme",)), Term("language", ("de",)), InStock())
    assert parse_filters(None) == parse_filters([]) == ()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("", "no filter"),
        ("brand", "no filter"),
        ("brand:", "no filter"),
        ("in_stock:1", "in_stock"),
        ("colour:red", "no such field: colour"),
        ("price:cheap", "not a number"),
        ("price:1..x", "not a number"),
        ("price:nan", "not a number"),
        (42, "text, an object, or a list"),
        ([None, 3.5], "text, an object, or a list"),
        ({}, "no filter"),
        ({"match": {"brand": "A"}}, "no filter"),
        ({"term": "brand"}, "no filter"),
        ({"term": {"brand": "A", "language": "de"}}, "no filter"),
        ({"term": {"brand": "A"}, "range": {"price": {"lt": 1}}}, "no filter"),
        ({"term": {"price": "10"}}, "no such field: price"),
        ({"term": {"brand": 3}}, "takes text"),
        ({"terms": {"brand": []}}, "takes text"),
        ({"range": {"brand": {"lt": 1}}}, "no such field: brand"),
        ({"range": {"price": {}}}, "gte, gt, lte or lt"),
        ({"range": {"price": 3}}, "gte, gt, lte or lt"),
        ({"range": {"price": {"from": 3}}}, "gte, gt, lte or lt"),
        ({"range": {"price": {"lt": "abc"}}}, "not a number"),
    ],
)
def test_what_is_no_filter_is_refused_with_what_to_do(given: object, message: str) -> None:
    with pytest.raises(QueryError, match=message) as caught:
        parse_filters(given)
    assert caught.value.remedy


def test_an_unknown_field_names_those_there_are() -> None:
    with pytest.raises(QueryError) as caught:
        parse_filters("colour:red")
    for name in (*fields.KEYWORD, *fields.NUMERIC):
        assert name in caught.value.remedy


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None),
        ("", None),
        ("score", None),
        ("price", Sort("price")),
        ("price:asc", Sort("price")),
        ("created:desc", Sort("created", descending=True)),
    ],
)
def test_sort(given: str | None, expected: Sort | None) -> None:
    assert parse_sort(given) == expected


def test_wrong_sorts_are_refused() -> None:
    with pytest.raises(QueryError, match="asc or desc: price:up"):
        parse_sort("price:up")
    with pytest.raises(QueryError, match="no such field: brand") as caught:
        parse_sort("brand")
    assert "score" in caught.value.remedy and "price" in caught.value.remedy


numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(st.sampled_from(fields.NUMERIC), st.none() | numbers, st.none() | numbers)
def test_a_range_written_as_text_is_read_back(name: str, low: float | None, high: float | None) -> None:
    bounds = "..".join("" if bound is None else str(bound) for bound in (low, high))
    assert parse_filters(f"{name}:{bounds}") == (Range(name, low, high),)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
keyed = st.sampled_from(["term", "terms", "range", "in_stock"])


@given(json_values | st.dictionaries(keyed, st.dictionaries(st.sampled_from(["brand", "price"]), json_values)))
def test_any_json_is_filters_or_a_query_error(given: object) -> None:
    try:
        found = parse_filters(given)
    except QueryError as error:
        assert error.remedy
        return
    for one in found:
        assert isinstance(one, Term | Range | InStock | Lacks)
        if isinstance(one, Range):
            assert not any(math.isnan(bound) for bound in (one.low, one.high) if bound is not None)
