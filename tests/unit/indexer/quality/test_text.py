"""Repairs of text: mojibake, unseen characters, repeated punctuation, shouting."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etalage.core.records import Product
from etalage.core.text import normalize
from indexer.quality.text import calm, repair, shouts, suspicious, visible

from .cases import one


@pytest.mark.parametrize(
    "text",
    [
        "Café", "Größe XL für Mädchen", "Apple® iPhone™ 4", "crème brûlée", "20 °C", "½ inch", "niño", "smörgåsbord",
        "it’s “new” – 5€", "Телефон для дома", "电脑键盘", "노트북 가방", "Τηλέφωνο σπιτιού", "🎁 gift", "žluťoučký kůň skáče",
    ],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
def test_double_encoded_text_is_repaired(text: str, encoding: str) -> None:
    wrong = "".join(
        bytes([byte]).decode(encoding) if encoding == "latin-1" or byte not in b"\x81\x8d\x8f\x90\x9d" else chr(byte)
        for byte in text.encode()
    )
    assert repair(wrong) == text


@pytest.mark.parametrize(
    ("cleaned", "text"),
    [
        ("voilÃ un cadeau", "voilà un cadeau"), ("Ã la carte", "à la carte"), ("100Â cm", "100 cm"),
        ("CafÃ© â€“ thé", "Café – thé"), ("IntelÂ® Coreâ„¢ i3", "Intel® Core™ i3"),
    ],
)  # fmt: skip
def test_what_cleaning_left_of_it_is_repaired(cleaned: str, text: str) -> None:
    assert repair(normalize(cleaned)) == text


@pytest.mark.parametrize(
    "text",
    [
        "Café", "NESCAFÉ® Gold", "CAFÉ™", "AVELÃ® creme", "MAÇÃ VERDE", "PROMOÇÃO", "Âge d'or", "ÎLE", "Ångström", "Übergröße",
        "São Paulo", "Ð", "NESCAFÉ® NESCAFÉ® NESCAFÉ® NESCAFÉ®", "SEÑOR «O»", "naïve", "plain",
    ],
)  # fmt: skip
def test_real_words_stay(text: str) -> None:
    assert repair(text) == text


@given(st.text(st.characters(codec="cp1252", exclude_categories=["Cc"]), max_size=30))
def test_repair_never_adds_what_looks_wrong(text: str) -> None:
    made = repair(text)
    assert suspicious(made) <= suspicious(text)
    assert made == text or made == unicodedata.normalize("NFC", made)


def test_characters_that_cannot_be_seen_go_and_joiners_stay() -> None:
    assert visible("ca\u200bble\ufeff \u202ered\u202c\x00") == "cable red"
    assert visible("می\u200cخواهم 👨\u200d👩") == "می\u200cخواهم 👨\u200d👩"


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("Buy now!!!!", "Buy now!"), ("Really??", "Really?"), ("wait......", "wait..."), ("so ...", "so ..."),
        ("a ---- b", "a - b"), ("a  b \t c", "a b c"), ("C++ A+++ 4**** x--y 100", "C++ A+++ 4**** x--y 100"),
    ],
)  # fmt: skip
def test_repeated_punctuation_and_white_space(text: str, made: str) -> None:
    assert calm(text) == made


def test_shouting_is_flagged_and_not_changed() -> None:
    assert shouts("RED COTTON SHIRT") and shouts("ROTE HÜLLE FÜR IPHONE 12")
    assert not shouts("HP LASERJET 1200") and not shouts("RED COTTON Shirt") and not shouts("电脑键盘 USB")
    product = Product("1", "RED COTTON SHIRT")
    assert one(product, "shouting") == (product, ["shouting"])


def test_all_texts_of_a_product_are_repaired() -> None:
    product = Product(
        "1", "CafÃ©!!!!", "thÃ©", "CafÃ© Royal", ("KÃ¼che",), attributes={"for": ("CafÃ©", "x")}, url="/CafÃ©"
    )
    made, notes = one(product, "mojibake", "repetition")
    assert made == Product(
        "1", "Café!", "thé", "Café Royal", ("Küche",), attributes={"for": ("Café", "x")}, url="/CafÃ©"
    )
    assert notes == ["mojibake", "repetition"]
    assert one(product) == (product, [])


def test_a_title_of_nothing_but_what_is_removed_stays() -> None:
    product = Product("1", "\u200b")
    assert one(product, "control_characters") == (product, [])
