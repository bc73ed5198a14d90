"""Which column holds what."""

from __future__ import annotations

from typing import Any

import pytest

from etalage.core.errors import CatalogError, ConfigError
from indexer.mapping import NAMES, FeedMapping, attribute_of, guess


def guessed(*columns: str, overrides: dict[str, str] | None = None, **values: Any) -> FeedMapping:
    return guess([dict.fromkeys(columns, "1") | values], overrides or {})


def test_common_names_are_recognised() -> None:
    found = guessed("sku", "Name", "Sale Price", "Brand-Name", "image_link", "in_stock", "body_html")
    assert found.columns == {
        "id": "sku", "title": "Name", "description": "body_html", "brand": "Brand-Name", "price": "Sale Price",
        "stock": "in_stock", "images": "image_link",
    }  # fmt: skip
    assert found.attributes == {} and found.unused == ()


def test_the_likeliest_name_wins_and_what_is_left_is_shown() -> None:
    found = guessed("title", "name", "id", "sku", "colour")
    assert (found.columns["id"], found.columns["title"]) == ("id", "title")
    # What else may hold an article number is kept as an attribute; the rest is told.
    assert found.attributes == {"name": "model", "sku": "sku"}
    assert found.unused == ("colour",)


def test_a_column_serves_one_field_only() -> None:
    columns = guessed(*{name for names in NAMES.values() for name in names}).columns
    assert set(columns) == set(NAMES)
    assert len(set(columns.values())) == len(columns)


def test_of_two_columns_that_read_alike_the_first_counts() -> None:
    assert guessed("id", "Title", "TITLE").columns["title"] == "Title"


def test_attribute_columns() -> None:
    found = guessed("id", "title", "attr_colour", "attributes.Size", "spec:t_width", "mpn", "upc")
    assert found.attributes == {
        "attr_colour": "colour", "attributes.Size": "Size", "spec:t_width": "width", "mpn": "mpn", "upc": "ean"
    }  # fmt: skip
    assert attribute_of("ATTR_Farbe") == "Farbe"
    assert attribute_of("attractive") == attribute_of("attr_") == ""


def test_columns_of_every_sampled_row_are_seen() -> None:
    found = guess([{"id": "1"}, {"id": "2", "title": "x"}], {})
    assert found.columns == {"id": "id", "title": "title"}


# overrides
def test_overrides_win_and_free_the_guessed_column() -> None:
    found = guessed("id", "title", "name", "price", overrides={"title": "name"})
    assert found.columns["title"] == "name" and found.unused == ("title",)


def test_an_override_takes_a_column_from_another_field() -> None:
    found = guessed("id", "sku", "title", overrides={"title": "id"})
    assert (found.columns["id"], found.columns["title"]) == ("sku", "id")


def test_an_empty_override_leaves_a_field_out() -> None:
    found = guessed("id", "title", "brand", overrides={"brand": ""})
    assert "brand" not in found.columns and found.unused == ("brand",)


@pytest.mark.parametrize(
    ("overrides", "kind", "told"),
    [
        ({"titel": "title"}, ConfigError, "unknown field: titel. Did you mean title"),
        ({"title": "titl"}, CatalogError, "--map title names an unknown column: titl. The feed has title"),
        ({"title": ""}, CatalogError, "no column for the title: id, title, price. Name it with --map title=COLUMN"),
    ],
)
def test_wrong_overrides(overrides: dict[str, str], kind: type[Exception], told: str) -> None:
    with pytest.raises(kind, match=told):
        guessed("id", "title", "price", overrides=overrides)


@pytest.mark.parametrize("missing", ["id", "title"])
def test_id_and_title_are_needed(missing: str) -> None:
    with pytest.raises(CatalogError, match=f"no column for the {missing}: "):
        guessed({"id": "title", "title": "id"}[missing], "colour")


# prices
@pytest.mark.parametrize(
    ("price", "unit"),
    [
        (1299, "minor"), ("1299", "minor"), (" 1 299 ", "minor"), (None, "minor"), ("", "minor"),
        (12.99, "major"), ("12.99", "major"), ("12,99", "major"), ("€ 12", "major"), ("12 USD", "major"),
    ],
)  # fmt: skip
def test_a_fraction_or_a_currency_means_major_units(price: object, unit: str) -> None:
    assert guessed("id", "title", price=price).price_unit == unit


def test_one_such_price_in_the_sample_decides() -> None:
    rows = [{"id": n, "title": "x", "price": price} for n, price in enumerate(("10", "20", "9.90"))]
    assert guess(rows, {}).price_unit == "major"


@pytest.mark.parametrize("unit", ["minor", "major"])
def test_the_unit_can_be_told(unit: str) -> None:
    for price in (5, 5.5):
        found = guessed("id", "title", cost=price, overrides={"price": f"cost:{unit}"})
        assert (found.columns["price"], found.price_unit) == ("cost", unit)


def test_a_column_whose_name_has_a_colon() -> None:
    found = guessed("id", "title", **{"g:price": "5"}, overrides={"price": "g:price"})
    assert (found.columns["price"], found.price_unit) == ("g:price", "minor")


def test_as_dict_is_what_is_shown() -> None:
    assert guessed("id", "title", "mpn", "colour").as_dict() == {
        "columns": {"id": "id", "title": "title"}, "attributes": 1, "unused": ["colour"], "price_unit": "minor"
    }  # fmt: skip
