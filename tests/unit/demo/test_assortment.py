from __future__ import annotations

import pytest

from etalage.demo.assortment import BRANDS, COLOURS, VALUES, Kind, kind
from etalage.demo.catalogue import ACCESSORIES, KINDS
from etalage.demo.silhouettes import SILHOUETTES


def test_a_row_is_split_into_lists() -> None:
    row = kind("x", "A > B", "one|two", "一|二", (1, 2), about="First.|Second.", brands="tech", colour="red|blue")
    assert row.path == ("A", "B")
    assert row.names == ("one", "two")
    assert row.facets == {"colour": ("red", "blue")}
    assert row.shape == "x"


@pytest.mark.parametrize("row", KINDS.values(), ids=list(KINDS))
def test_every_kind_refers_to_what_exists(row: Kind) -> None:
    for facet, values in row.facets.items():
        assert facet not in VALUES or set(values) <= set(VALUES[facet])
    assert set(row.brands.split("|")) <= set(BRANDS)
    assert {*row.related, row.accessory_of} - {""} <= set(KINDS)
    assert row.shape in SILHOUETTES
    assert len(row.about) == 2
    assert 0 < row.price[0] < row.price[1]


def test_needs_name_neither_the_kind_nor_its_synonyms() -> None:
    for row in KINDS.values():
        for need in row.needs:
            assert not set(need.split()) & {*row.names, *row.asks}, need


def test_accessories_are_found_from_what_they_serve() -> None:
    assert ACCESSORIES["phone"] == ("phone_case", "screen_protector")
    assert ACCESSORIES["pen"] == ()


def test_every_colour_can_be_painted() -> None:
    assert set(COLOURS) == set(VALUES["colour"])
