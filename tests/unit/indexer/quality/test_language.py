"""Language by script and function words."""

from __future__ import annotations

import pytest

from etalage.core.records import Product
from indexer.quality.language import detect

from .cases import one

TEXTS = {
    "en": "A cable for the laptop that is made of copper",
    "de": "Kabel für den Laptop, mit einem Stecker aus Kupfer",
    "fr": "Un câble pour les ordinateurs avec une prise en cuivre",
    "es": "Un cable para el ordenador con una clavija de cobre y muy ligero",
    "it": "Un cavo per il computer con una spina di rame che non si rompe",
    "nl": "Een kabel voor de laptop met een stekker van koper",
    "zh": "苹果手机充电线 USB 快充 2米",
    "ja": "ノートパソコン用の充電ケーブル",
    "ko": "노트북 충전 케이블 USB",
    "ru": "Кабель для ноутбука с медным разъёмом",
    "ar": "كابل شحن للهاتف المحمول",
}


@pytest.mark.parametrize("language", TEXTS)
def test_each_language(language: str) -> None:
    assert detect(TEXTS[language]) == language


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "it", "nl"])
def test_capitals_do_not_matter(language: str) -> None:
    assert detect(TEXTS[language].upper()) == language


@pytest.mark.parametrize(
    "text",
    [
        "", "12345", "Intel Celeron 341 2.93 GHz Box 0.256 MB L2", "StarTech.com HDMI Adapter", "D-Link DES-1008PA LA SE",
        "Laptop", "Кабель Τηλέφωνο laptop notebook computer", "X",
    ],
)  # fmt: skip
def test_what_does_not_say(text: str) -> None:
    assert detect(text) == ""


def test_neighbours_of_russian_and_arabic_are_told_apart() -> None:
    assert detect("Кабель для зарядки її телефону і ноутбука") == "uk"
    assert detect("کابل شارژ گوشی پرسرعت") == "fa"


def test_the_language_is_filled_where_the_feed_has_none() -> None:
    assert one(Product("1", TEXTS["de"]), "missing_language")[0].language == "de"
    assert one(Product("1", "Laptop", TEXTS["fr"]), "missing_language")[0].language == "fr"
    given = Product("1", TEXTS["de"], language="en")
    assert one(given, "missing_language") == (given, [])
    plain = Product("1", "Laptop 15")
    assert one(plain, "missing_language") == (plain, [])


def test_title_and_description_in_different_languages_are_flagged() -> None:
    rule = "language_mismatch"
    assert one(Product("1", TEXTS["en"], TEXTS["zh"]), rule)[1] == [rule]
    assert one(Product("1", TEXTS["en"], TEXTS["en"]), rule)[1] == []
    assert one(Product("1", "Laptop", TEXTS["zh"]), rule)[1] == []
