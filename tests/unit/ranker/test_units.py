"""Quantities and how else they are written, by table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranker.units import quantities


@pytest.mark.parametrize(
    ("typed", "others"),
    [
        ("5ft ladder", {"5", "ft", "feet"}),
        ("5 ft. ladder", {"feet", "5ft"}),
        ("5 feet", {"ft", "5ft"}),
        ("6' hose", {"6", "ft", "feet", "6ft"}),
        ("3.5 in", {"inch", "3.5in"}),
        ('3.5" screw', {"3.5", "in", "inch", "3.5in"}),
        ("3 1/2 in", {"3.5", "inch"}),
        ("3-1/2 inch", {"3.5", "inch", "in"} - {"inch"}),
        ("3 1/2", {"3.5"}),
        ("1/2 inch", {"in"}),
        ("1tb", {"1", "tb", "terabyte", "1000gb", "1000"}),
        ("1 TB drive", {"terabyte", "1tb", "1000gb", "1000"}),
        ("1000 gb", {"gig", "1000gb", "1tb", "1"}),
        ("500gb", {"500", "gb", "gig"}),
        ("2 kg", {"kilo", "2kg", "2000g", "2000"}),
        ("20v drill", {"20", "v", "volt"}),
        ("60 watt bulb", {"w", "60w"}),
        ("2x4x8 board", {"2", "4", "8"}),
        ("12X12 tile", {"12"}),
        ("1920×1080", {"1920", "1080"}),
        ("0.75x48 dowel", {"0.75", "48"}),
    ],
)
def test_other_ways(typed: str, others: set[str]) -> None:
    (found,) = quantities(typed)
    assert set(found.others) == others


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "laptop",
        "iphone 11",
        "mx500",
        "rtx 2060",
        "1/2",
        "5 a day",
        "10/100 switch",
        "12-2 wire",
        "a 5min",
        "v2.5.1",
        "2021/12/31",
        "1 11/2 in",
        "5 kilometres",
        "8x zoom",
        "mx4x8",
        "2x4x8x16",
        "4x4-b",
    ],
)
def test_no_quantity(typed: str) -> None:
    assert quantities(typed) == []


def test_the_same_size_is_found_however_it_is_written() -> None:
    ways = ["3 1/2 in", '3.5"', "3-1/2 inch", "3.5 inches"]
    for typed in ways:
        (found,) = quantities(typed)
        assert "3.5" in {*typed.split(), *found.others} and {"in", "inch"} & {*typed.split(), *found.others}


def test_names_are_no_quantities() -> None:
    assert quantities("3m tape", {"3m"}) == []
    assert quantities("3m tape") != []


@given(st.text("0123456789 ./-'\"infttbgbABxX½″", max_size=60))
def test_nothing_raises(typed: str) -> None:
    quantities(typed)
