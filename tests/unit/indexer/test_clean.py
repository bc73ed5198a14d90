"""Cleaning rows: what becomes of each kind of cell, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etalage.core.records import Product
from indexer import clean
from indexer.clean import BadRow
from indexer.mapping import NAMES, FeedMapping

NAN, INF = float("nan"), float("inf")


def cleaned(unit: str = "minor", **cells: Any) -> Product:
    """The product of a row whose columns are named as the fields are."""
    row = {"id": "1", "title": "thing"} | cells
    return clean.product(row, FeedMapping({name: name for name in NAMES}, price_unit=unit))


def refused(told: str, **cells: Any) -> None:
    with pytest.raises(BadRow, match=told):
        cleaned(**cells)


def test_a_row_with_id_and_title_alone() -> None:
    assert cleaned() == Product("1", "thing")


# prices
@pytest.mark.parametrize(
    ("price", "cents"),
    [
        ("12", 1200), ("12.99", 1299), ("12,99", 1299), ("12.9", 1290), ("0", 0), ("0.005", 0), ("0,5", 50),
        ("€ 1.299,00", 129900), ("1,299.00 USD", 129900), ("1.299,5 €", 129950), ("$1,299", 129900),
        ("1,299,000", 129900000), ("1.299.000", 129900000), ("1'299.50 CHF", 129950), ("1 299,50", 129950),
        ("1\u00a0299,50 kr", 129950), ("12.-", 1200), ("1e3", 100000), (12, 1200), (12.995, 1300), (19.99, 1999),
        ("1.2990", 130), ("12,990", 1299000),
    ],
)  # fmt: skip
def test_prices_as_shops_write_them(price: Any, cents: int) -> None:
    assert cleaned("major", price=price).price == cents
    assert cleaned("major", list_price=price).list_price == cents


def test_minor_units_are_kept() -> None:
    assert cleaned(price="1299").price == 1299
    assert cleaned(price=1299.4).price == 1299


@pytest.mark.parametrize("empty", [None, "", "  "])
def test_an_empty_cell_is_an_unknown_number(empty: Any) -> None:
    found = cleaned(price=empty, stock=empty, rating=empty, reviews=empty, popularity=empty)
    assert (found.price, found.stock, found.rating, found.reviews, found.popularity) == (None,) * 5


@pytest.mark.parametrize("name", ["price", "list_price", "rating", "reviews", "popularity", "click_rate", "purchase_rate"])
@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("NaN", "not a number: NaN"), ("nan", "not a number: nan"), (NAN, "not a number: nan"),
        ("inf", "not a number"), ("-Infinity", "not a number"), (INF, "not a number: inf"), (-INF, "not a number"),
        ("1e999", "not a number: 1e999"), ("free", "not a number: free"), ("10 - 20", "not a number: 10 - 20"),
        ("-3", "below zero: -3"), (-3, "below zero: -3"), (-0.5, "below zero"), (True, "not a number: True"),
        ([1], "not a number"), ({"a": 1}, "not a number"),
    ],
)  # fmt: skip
def test_what_is_no_number_or_below_zero_is_refused(name: str, value: Any, told: str) -> None:
    refused(f"the {name} is {told}", **{name: value})


def test_a_price_too_large_to_count_in_cents_is_refused() -> None:
    refused("the price is too large: 1e300", price="1e300")
    refused("the price is too large", price=2**53 + 2)
    assert cleaned(price=2**53).price == 2**53


# stock
@pytest.mark.parametrize(
    ("stock", "pieces"),
    [
        ("In Stock", 1), (" in_stock ", 1), ("available", 1), ("true", 1), ("YES", 1), (True, 1),
        ("out of stock", 0), ("sold out", 0), ("false", 0), ("no", 0), (False, 0),
        ("12", 12), (12, 12), (3.0, 3), ("1,200", 1200), ("-4", 0), (-4, 0), (-0.5, 0),
    ],
)  # fmt: skip
def test_stock_as_a_number_or_a_word(stock: Any, pieces: int) -> None:
    assert cleaned(stock=stock).stock == pieces


@pytest.mark.parametrize("stock", ["plenty", NAN, "nan", INF])
def test_stock_that_says_nothing_is_refused(stock: Any) -> None:
    refused("the stock is not a number", stock=stock)


# times
@pytest.mark.parametrize(
    ("given_time", "stored"),
    [
        ("2024-05-01", "2024-05-01T00:00:00.000Z"),
        ("2024-05-01T10:20:30Z", "2024-05-01T10:20:30.000Z"),
        ("2024-05-01 10:20:30.123456", "2024-05-01T10:20:30.123Z"),
        ("2024-05-01T10:20:30+02:00", "2024-05-01T08:20:30.000Z"),
        (0, "1970-01-01T00:00:00.000Z"),
        (1714558830, "2024-05-01T10:20:30.000Z"),
        (1714558830500, "2024-05-01T10:20:30.500Z"),
        (None, ""),
        ("", ""),
    ],
)
def test_times_become_utc(given_time: Any, stored: str) -> None:
    assert cleaned(created_at=given_time).created_at == stored
    assert cleaned(updated_at=given_time).updated_at == stored


@pytest.mark.parametrize("moment", ["yesterday", "2024-13-01", "01/05/2024", NAN, INF, 1e30, True, [1]])
def test_what_is_no_time_is_refused(moment: Any) -> None:
    refused("created_at is not an ISO-8601 time", created_at=moment)


# text
@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>Soft &amp; <b>warm</b></p>", "Soft & warm"),
        ("a<br/>b", "a b"),
        ("<script>alert('x < y')</script>shoe<style>p{}</style>", "shoe"),
        ("3 < 5 and 7 > 6", "3 < 5 and 7 > 6"),
        ("weighs <2 kg, height >5 cm", "weighs <2 kg, height >5 cm"),
        ("a<!-- hidden -->b</P >c", "a b c"),
        ("5&quot; screen, &lt;b&gt; kept", '5" screen, <b> kept'),
        ("AT&T", "AT&T"),
        ("a\x00b\u200b\r\n\tc", "a b c"),
        ("e\u0301", "é"),
        (["first", " second "], "first second"),
        (12, "12"),
    ],
)
def test_text_loses_markup_and_control_characters(markup: Any, text: str) -> None:
    assert cleaned(title=markup).title == text
    assert cleaned(description=markup).description == text


def test_long_texts_are_cut() -> None:
    found = cleaned(title="t" * 5000, description="d" * 50_000)
    assert (len(found.title), len(found.description)) == (clean.MAX_TITLE, clean.MAX_DESCRIPTION)


@pytest.mark.parametrize("title", [None, "", "  ", "<p></p>", "\x00", {}, []])
def test_a_title_is_needed(title: Any) -> None:
    refused("the title is missing", title=title)


@pytest.mark.parametrize(("key", "stored"), [("a b", "a b"), (" 7 ", "7"), (7, "7"), ("ü/ß", "ü/ß"), (0, "0")])
def test_ids(key: Any, stored: str) -> None:
    assert cleaned(id=key).id == stored


@pytest.mark.parametrize(
    ("key", "told"),
    [
        (None, "the id is missing"), ("", "the id is missing"), (" \t", "the id is missing"),
        (True, "the id is no text or number: True"), ([1], "the id is no text or number"),
        ("x" * 513, "the id is longer than 512 bytes"), ("ü" * 257, "the id is longer than 512 bytes"),
    ],
)  # fmt: skip
def test_wrong_ids(key: Any, told: str) -> None:
    refused(told, id=key)


def test_an_id_as_long_as_can_be() -> None:
    assert cleaned(id="x" * 512).id == "x" * 512


def test_half_a_surrogate_pair_is_replaced() -> None:
    assert cleaned(title="a \ud800 b", brand="\udfff").title == "a ? b"


# the other fields
@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("Home > Kitchen > Pots", ("Home", "Kitchen", "Pots")), ("Home>Pots", ("Home", "Pots")),
        ("Home|Pots", ("Home", "Pots")), ("Home / Pots", ("Home", "Pots")), ("Home/Pots", ("Home", "Pots")),
        ("TV / Hi-Fi > Audio/Video", ("TV / Hi-Fi", "Audio/Video")), ("Shoes", ("Shoes",)), ("", ()), (None, ()),
        (["Home", " Pots ", ""], ("Home", "Pots")), (" > ", ()),
    ],
)  # fmt: skip
def test_category_paths(path: Any, parts: tuple[str, ...]) -> None:
    assert cleaned(category=path).category == parts


def test_brand_currency_and_images() -> None:
    found = cleaned(brand=["Acme", "Bolt"], currency=" eur ", images=["a.jpg", "", "b.jpg"], url="http://x/1")
    assert (found.brand, found.currency, found.images, found.url) == ("Acme", "EUR", ("a.jpg", "b.jpg"), "http://x/1")
    assert cleaned(images="a.jpg").images == ("a.jpg",)
    assert cleaned(brand={"name": "x"}).brand == ""


def test_attributes_from_an_object_and_from_columns() -> None:
    mapping = FeedMapping({"id": "id", "title": "title", "attributes": "specs"}, {"mpn": "mpn"})
    row = {"id": 1, "title": "x", "specs": {"colour": ["red", "blue"], "empty": "", "size": 42}}
    row |= {"mpn": "A-1", "attr_colour": "green", "late": "ignored", "attr_none": None}
    assert clean.product(row, mapping).attributes == {
        "colour": ("red", "blue", "green"), "size": ("42",), "mpn": ("A-1",)
    }  # fmt: skip


def test_a_product_keeps_so_many_attributes() -> None:
    found = cleaned(attributes={f"a{n}": "x" for n in range(5000)})
    assert len(found.attributes) == clean.MAX_VALUES


# vectors
@pytest.mark.parametrize(
    ("value", "numbers"),
    [
        ([1, 2.5, "3"], (1.0, 2.5, 3.0)), ("[1, 2.5, 3]", (1.0, 2.5, 3.0)), ("1 2.5;3", (1.0, 2.5, 3.0)),
        ("1e-3,-2", (0.001, -2.0)), (None, ()), ("", ()), ([], ()),
    ],
)  # fmt: skip
def test_vectors(value: Any, numbers: tuple[float, ...]) -> None:
    assert clean.vector(value) == numbers
    assert cleaned(vec_image=value).vec_image == numbers


@pytest.mark.parametrize("value", ["a b", [[1]], [None], 5, {"x": 1}, "1,2,x"])
def test_what_is_no_vector_is_refused(value: Any) -> None:
    with pytest.raises(BadRow, match="no list of numbers"):
        clean.vector(value)


@pytest.mark.parametrize("value", [[NAN, 1], "inf 1", [0, 0], "0,0", [1e999]])
def test_vectors_that_have_no_direction_are_refused(value: Any) -> None:
    with pytest.raises(BadRow, match="not finite, or only zeros"):
        clean.vector(value)


# anything at all
CELL = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
ANY = st.recursive(CELL, lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=5), one, max_size=3))


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.dictionaries(st.sampled_from(sorted(NAMES)), ANY))
def test_any_row_becomes_a_product_or_is_refused(row: dict[str, Any]) -> None:
    try:
        found = clean.product(row, FeedMapping({name: name for name in NAMES}))
    except BadRow as error:
        assert str(error)
        return
    assert found.id and found.title
    for number in (found.price, found.list_price, found.stock, found.rating, found.reviews, found.popularity):
        assert number is None or 0 <= number < INF


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.integers(0, 10**9),
    st.sampled_from(["", "€ ", "$", "USD "]),
    st.sampled_from([("", "."), (",", "."), (".", ",")]),
)
def test_cents_come_back_from_any_notation(cents: int, sign: str, notation: tuple[str, str]) -> None:
    group, point = notation
    text = f"{sign}{cents // 100:,}".replace(",", group) + f"{point}{cents % 100:02d}"
    assert cleaned("major", price=text).price == cents
