"""Prices, negations and names in queries, by table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etalage.core.text import tokenize
from opensearch.engine import Lacks, Range
from ranker import intents
from ranker.census import Census
from ranker.vocabulary import Facts, Vocabulary

from .vocabularies import vocabulary

EUR = Facts(documents=10, currency="EUR", priced=1.0, low=500, high=90_000)
USD = Facts(documents=10, currency="USD", priced=1.0, low=500, high=90_000)
JPY = Facts(documents=10, currency="JPY", priced=1.0, low=500, high=90_000)
CNY = Facts(documents=10, currency="CNY", priced=1.0, low=500, high=90_000)
SHOP = vocabulary()


def under(high: float) -> Range:
    return Range("price", None, high, open_high=True)


@pytest.mark.parametrize(
    ("typed", "facts", "bounds", "rest"),
    [
        ("shoes under 50", EUR, under(5000), "shoes"),
        ("under 50", EUR, under(5000), ""),
        ("shoes below $300", USD, under(30000), "shoes"),
        ("laptop less than 1,000.50 usd", USD, under(100050), "laptop"),
        ("mouse up to 20 euros", EUR, Range("price", None, 2000), "mouse"),
        ("mouse at most €20", EUR, Range("price", None, 2000), "mouse"),
        ("mouse over 20 euros", EUR, Range("price", 2000, None, open_low=True), "mouse"),
        ("mouse at least 20€", EUR, Range("price", 2000, None), "mouse"),
        ("gift between 10 and 20", EUR, Range("price", 1000, 2000), "gift"),
        ("gift from 10 to 20 euro for mum", EUR, Range("price", 1000, 2000), "gift for mum"),
        ("$10-$20 mug", USD, Range("price", 1000, 2000), "mug"),
        ("shoes under 50 for kids", EUR, under(5000), "shoes for kids"),
        ("Price under 50", EUR, under(5000), ""),
        ("lamp under 9000 yen", JPY, under(9000), "lamp"),
        ("lamp no more than 50", EUR, Range("price", None, 5000), "lamp"),
        ("lamp not over 50 euros", EUR, Range("price", None, 5000), "lamp"),
        ("a lamp that must not cost more than 50", EUR, Range("price", None, 5000), "a lamp that"),
        (
            "lamp which doesn't cost more than 50€ for reading",
            EUR,
            Range("price", None, 5000),
            "lamp which for reading",
        ),
        ("lamp not under 50 euros", EUR, Range("price", 5000, None), "lamp"),
        ("lamp not less than 50 euros", EUR, Range("price", 5000, None), "lamp"),
        ("耳机 100元以下", CNY, Range("price", None, 10000), "耳机"),
        ("50到100元 耳机", CNY, Range("price", 5000, 10000), "耳机"),
        ("低于100元的耳机", CNY, under(10000), "的耳机"),
        ("100元以上耳机", CNY, Range("price", 10000, None), "耳机"),
    ],
)
def test_bounds_of_the_price(typed: str, facts: Facts, bounds: Range, rest: str) -> None:
    found = intents.price(typed, facts)
    assert found is not None and found.filter == bounds
    assert intents.without(typed, [found]) == rest


@pytest.mark.parametrize(
    ("typed", "facts"),
    [
        ("under cabinet led", EUR),
        ("desk under 50 cm", EUR),  # a size
        ("desk under 50cm", EUR),
        ("drill bit under 1/2", EUR),
        ('tv under 50"', EUR),
        ("tv under 50 inch", EUR),
        ("laptop under 500 gaming", EUR),  # more follows: not certain
        ("monitor over 27", EUR),  # a size as likely as a price
        ("shoes under 3", EUR),  # no likely price here
        ("shoes under $50", EUR),  # another currency
        ("shoes under 50 pounds", EUR),  # a weight as likely
        ("cheap shoes", EUR),
        ("levis 501", EUR),
        ("10-20 screws", EUR),
        ("between 20 and 10", EUR),
        ("100元以下", EUR),
        ("over the range microwave", EUR),
        ("2 x 4 under 8 x 10", EUR),
        ("shoes under 50", Facts(documents=10, currency="EUR", priced=0.2, low=500, high=90_000)),
        ("", EUR),
    ],
)
def test_what_is_no_certain_price(typed: str, facts: Facts) -> None:
    assert intents.price(typed, facts) is None


def test_without_facts_there_is_no_price() -> None:
    assert intents.price("shoes under 50", None) is None


@pytest.mark.parametrize(
    ("typed", "rest"),
    [
        ("monitor without microphone", "monitor"),
        ("monitor without a microphone black", "monitor black"),
        ("headphones no cable", "headphones no cable"),  # a name more often
        ("monitor w/o usb cable", "monitor"),  # two words that titles have side by side
        ("lamp not red", "lamp"),
        ("no frost refrigerator", "no frost refrigerator"),  # a name
        ("wake up without waking", "wake up without waking"),  # no word of the catalog
        ("fry eggs without them", "fry eggs without them"),
        ("lamp not usb", "lamp"),  # the last word
        ("lamp not usb powered", "lamp not usb powered"),
        ("lamp not waking", "lamp not waking"),
        ("monitor with no microphone", "monitor"),
        ("lamp not included", "lamp not included"),
        ("compound no 7", "compound no 7"),
        ("noise headphones", "noise headphones"),
        ("无线耳机", "无线耳机"),
    ],
)
def test_negations(typed: str, rest: str) -> None:
    assert intents.without(typed, intents.negations(typed, SHOP)) == rest


def test_what_is_not_wanted_is_a_filter() -> None:
    found = intents.negations("monitor w/o USB cable, not red", SHOP)
    assert [(one.typed, one.meant, one.filter) for one in found] == [
        ("w/o USB cable", "without:usb cable", Lacks("usb cable")),
        ("not red", "without:red", Lacks("red")),
    ]


def test_what_titles_say_stays_in_the_words_and_a_name_is_none() -> None:
    census = Census()
    titles = ["headset without cable"] * 2 + ["cable"] * 3 + ["nuts without shell"] * 2 + ["shell"]
    census.add([{"title": title} for title in titles])
    shop = Vocabulary(census.facts(), census.words(), census.pairs(), census.values())
    found = intents.negations("headset without cable", shop)
    assert [one.filter for one in found] == [Lacks("cable")]
    assert intents.without("headset without cable", found) == "headset without cable"
    assert intents.negations("nuts without shell", shop) == []


def test_without_a_vocabulary_nothing_is_negated() -> None:
    assert intents.negations("monitor without microphone", None) == []


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("acme headphones", [("brand", "Acme"), ("category", "Headphones")]),
        ("volt co cables", [("brand", "Volt & Co"), ("category", "Cables")]),
        ("Volt & Co cable", [("brand", "Volt & Co"), ("category", "Cables")]),
        ("dark red lamps", [("colour", "Dark Red"), ("category", "Lamps")]),
        ("red lamps", [("colour", "Red"), ("category", "Lamps")]),
        ("27 monitors", [("category", "Monitors")]),
        ("monitor 27 in", [("category", "Monitors"), ("size", "27 in")]),
        ("nothing", []),
        ("", []),
    ],
)
def test_names_of_the_catalog(typed: str, names: list[tuple[str, str]]) -> None:
    found = intents.names(tokenize(typed), SHOP)
    assert [(value.kind, value.name) for _, value in found] == names


@given(st.text(max_size=80) | st.text("under over between and 0123456789.,$€元以下 -", max_size=60))
def test_nothing_raises(typed: str) -> None:
    for facts in (EUR, USD, JPY, CNY):
        found = intents.price(typed, facts)
        if found is not None:
            intents.without(typed, [found])
    intents.negations(typed, SHOP)
    intents.names(tokenize(typed), SHOP)
