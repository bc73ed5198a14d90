"""What one shopper typed and others must not see."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etalage.core.privacy import MAX_LENGTH, personal, unfit


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("ann.lee@example.org", "e-mail address"),
        ("shoes for ann+x@mail.example.co.uk please", "e-mail address"),
        ("https://example.org/p/1", "URL"),
        ("HTTP://x", "URL"),
        ("www.example.org", "URL"),
        ("0171 2345678", "long number"),
        ("+49 (171) 234-56-78", "phone number"),
        ("4111 1111 1111 1111", "card number"),
        ("4111-1111-1111-1111", "card number"),
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
    assert unfit(before + number)


WORD = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=8)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(WORD, WORD, WORD, WORD)
def test_addresses_are_seen_among_other_words(first: str, name: str, domain: str, last: str) -> None:
    assert unfit(f"{first} {name}@{domain}.org {last}") == "e-mail address"
    assert unfit(f"{first} {name}{domain} {last}") in ("", "postal address")


# what is certain: neither kept nor shown
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ann.lee@example.org", "e-mail address"),
        ("anna at gmail dot com", "e-mail address"),
        ("4111 1111 1111 1111", "card number"),
        ("3782-822463-10005", "card number"),
        ("DE89 3704 0044 0532 0130 00", "IBAN"),
        ("gb29nwbk60161331926819 please", "IBAN"),
        ("NO93 8601 1117 947", "IBAN"),
        ("MT84MALT011000012345MTLCAST001S", "IBAN"),
        ("078-05-1120", "national id"),
        ("AB 12 34 56 C", "national id"),
        ("11010519491231002X", "national id"),
        ("2 69 05 49 588 157 80", "national id"),
        ("86095742719", "national id"),
        ("+49 171 234567", "phone number"),
        ("(555) 234-5678", "phone number"),
        ("0049 171 2345678", "phone number"),
        ("tel. 0171 234 567", "phone number"),
        ("手机 138 0013 8000", "phone number"),
        ("12 rue de la paix", "postal address"),
        ("calle mayor 12", "postal address"),
        ("南京路100号", "postal address"),
    ],
)
def test_what_is_certainly_personal(text: str, reason: str) -> None:
    assert personal(text) == unfit(text) == reason
    assert personal(f"  {text.upper()}") == reason


@pytest.mark.parametrize(
    "text",
    [
        # One digit is wrong.
        "4111 1111 1111 1112", "NL91 ABNA 0417 1643 01", "110105194912310021", "2 69 05 49 588 157 81", "86095742718",
        "000-12-3456", "078-05-11201",
        # Products.
        "4006381333931", "0095205603217", "00735858213547", "AB123456C", "3/8 in 50 ft", "iphone 13 256gb", "2 gang three way switch",
        "1/4 inch drive socket", "750gb 7200 rpm hard drive", "LQ-1000/1050/1070/+/1170", "HP 60XL Black Original 1 pc",
    ],
)  # fmt: skip
def test_what_may_be_a_product_is_not_certain(text: str) -> None:
    assert personal(text) == ""


def test_a_number_that_the_catalog_knows_is_fit() -> None:
    known = {"4006381333931", "1000045993"}.__contains__
    assert [unfit(text, known) for text in ("4006381333931", "bit set 1000-045-993")] == ["", ""]
    assert unfit("4006381333931") == unfit("4006381333930", known) == "long number"
    # What is certain stays so.
    assert unfit("4111111111111111", lambda number: True) == "card number"


def _iban(digits: list[str]) -> str:
    account = "".join(digits)
    return f"DE{98 - int(account + '131400') % 97:02}{account}"


def _card(digits: list[str]) -> str:
    number = "4" + "".join(digits)
    return next(number + check for check in "0123456789" if personal(number + check) == "card number")


def _resident(digits: list[str]) -> str:
    number = "110105" + "19900101" + "".join(digits[:3])
    return next(number + check for check in "0123456789x" if personal(number + check) == "national id")


DIGITS = st.lists(st.sampled_from("0123456789"), min_size=18, max_size=18)
PERSONAL = st.one_of(
    DIGITS.map(_iban),
    DIGITS.map(lambda digits: _card(digits[:14])),
    DIGITS.map(_resident),
    DIGITS.map(lambda digits: "+49 171 " + "".join(digits[:7])),
    st.text("abcdefghij.", min_size=1, max_size=9).map(lambda name: f"x{name}@example.org"),
    st.integers(1, 999).map(lambda number: f"{number} baker street"),
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(PERSONAL, st.sampled_from(["", "red shoe ", "my "]), st.sampled_from(["", " please", " thanks"]))
def test_whatever_is_planted_is_found(planted: str, before: str, after: str) -> None:
    assert personal(before + planted + after)
