"""Queries corrected by the words of a catalog."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranker import corrections
from ranker.corrections import correct

from .vocabularies import vocabulary

SHOP = vocabulary()


@pytest.mark.parametrize(
    ("typed", "corrected"),
    [
        ("wireless headphnes", "wireless headphones"),
        ("Refridgerator, white", "refrigerator, white"),
        ("monitro 27 inch", "monitor 27 inch"),
        ("usbcable", "usb cable"),  # apart, since titles have both side by side
        ("head set", "headset"),  # together, since the catalog writes it so
        ("head  phones", "head  phones"),  # but only words that are side by side
        ("mirophone monitro", "microphone monitor"),
        ("WIRELES HEADSET", "wireless HEADSET"),
    ],
)
def test_words_are_corrected(typed: str, corrected: str) -> None:
    assert correct(typed, SHOP).text == corrected


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "monitors",  # another form of a known word
        "workmanship recharge",  # known from descriptions
        "mx500 montior2 27in",  # numbers and model numbers
        "dell",  # nothing is near
        "kuh",  # too short
        "frost-free",
        "www.monitro.com monitro@home",
        "CBLE for monitors",  # an abbreviation
        "显示器 耳机",
        "deskk's",
        "lamper",  # made of a known word
    ],
)
def test_what_is_known_or_no_word_stays(typed: str) -> None:
    found = correct(typed, SHOP)
    assert (found.text, found.applied) == (typed, [])


def test_what_was_done_is_told() -> None:
    found = correct("head set monitro", SHOP)
    assert found.applied == [("head set", "headset"), ("monitro", "monitor")]
    assert found.extra == ["head", "set"]


def test_a_common_word_is_only_asked_about() -> None:
    found = correct("monitir", SHOP, common={"monitir"})
    assert (found.text, found.doubtful) == ("monitir", [("monitir", "monitor")])


def test_the_word_beside_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    # `usb` stands beside `cable` in titles: that candidate counts more.
    assert correct("usb cble", SHOP).applied == [("cble", "cable")]
    monkeypatch.setattr(corrections, "_BESIDE", -9.0)
    assert correct("usb cble", SHOP).applied == []


@given(st.lists(st.sampled_from(sorted(SHOP._words)), max_size=6))
def test_words_of_the_vocabulary_are_never_changed(words: list[str]) -> None:
    found = correct(" ".join(words), SHOP)
    for was, now in found.applied:
        assert was.replace(" ", "") == now and " " in was, "only two words that the catalog writes as one"


@given(st.text(max_size=200))
def test_nothing_raises(typed: str) -> None:
    correct(typed, SHOP)
