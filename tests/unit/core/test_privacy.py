"""What one shopper typed and others must not see."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etalage.core.privacy import MAX_LENGTH, unfit


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("ann.lee@example.org", "e-mail address"),
        ("shoes for ann+x@mail.example.co.uk please", "e-mail address"),
        ("https://example.org/p/1", "URL"),
        ("HTTP://x", "URL"),
        ("www.example.org", "URL"),
        ("0171 2345678", "long number"),
        ("+49 (171) 234-56-78", "long number"),
        ("4111 1111 1111 1111", "long number"),
        ("4111-1111-1111-1111", "long number"),
        ("030/1234567", "long number"),
        ("order 12345", "order number"),
        ("Invoice no. 9931", "order number"),
        ("tracking number #12345678", "order number"),
        ("customer id 4711", "order number"),
        ("221b Baker Street", "postal address"),
        ("10 Downing st", "postal address"),
        ("5 old mill lane", "postal address"),
        ("Hauptstraße 12", "postal address"),
        ("hauptstrasse 12", "postal address"),
        ("Hauptstr. 5", "postal address"),
        ("lindenweg 7", "postal address"),
        ("a" * (MAX_LENGTH + 1), "too long"),
    ],
)
def test_private_texts(query: str, reason: str) -> None:
    assert unfit(query) == reason


@pytest.mark.parametrize(
    "query",
    [
        "", "red running shoes", "iphone 15 pro max 256 gb", "mx-500/a", "12345678", "usb-c 3.2 gen 2", "a @ b",
        "order of the phoenix", "account book", "invoice 123", "street shoes 42", "10 inch tablet", "drive 2 tb",
        "100 x 200 cm", "size 38 39 40", "wwf panda", "weg 12", "a" * MAX_LENGTH,
    ],
)  # fmt: skip
def test_what_shops_are_asked_for(query: str) -> None:
    assert unfit(query) == ""


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.lists(st.sampled_from("0123456789"), min_size=9, max_size=15),
    st.lists(st.sampled_from(["", " ", "-", ".", "/", " (", ") "]), min_size=15, max_size=15),
    st.sampled_from(["", "tel ", "red shoe "]),
)
def test_long_numbers_are_seen_however_they_are_grouped(digits: list[str], gaps: list[str], before: str) -> None:
    number = "".join(digit + gap for digit, gap in zip(digits, gaps, strict=False))
    assert unfit(before + number) in ("long number", "order number")


WORD = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=8)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(WORD, WORD, WORD, WORD)
def test_addresses_are_seen_among_other_words(first: str, name: str, domain: str, last: str) -> None:
    assert unfit(f"{first} {name}@{domain}.org {last}") == "e-mail address"
    assert unfit(f"{first} {name}{domain} {last}") in ("", "postal address")
