"""The language that hits are explained in."""

from __future__ import annotations

import pytest

from ranker import phrases
from ranker.phrases import LANGUAGES
from ranker.reasons import PLAIN, REASONS


@pytest.mark.parametrize(
    ("preferred", "query", "said"),
    [
        ("", "red shoes", "en"),
        ("", "rote Schuhe mit Absatz", "de"),
        ("", "chaussures pour femme", "fr"),
        ("", "zapatos para mujer", "es"),
        ("", "红色 沙发", "zh"),
        ("", "赤い ソファ", "en"),
        ("de-CH", "red shoes", "de"),
        ("xx", "红色", "zh"),
        ("fr;q=0.3, es;q=0.9, xx", "red", "es"),
        ("de;q=0, fr", "red", "fr"),
        ("de;q=much,*", "red", "en"),
    ],
)
def test_the_shoppers_language_comes_before_the_querys(preferred: str, query: str, said: str) -> None:
    assert phrases.language(preferred, query) == said


def test_every_language_says_everything() -> None:
    names = {*(reason.name for reason in REASONS), *PLAIN}
    for one in LANGUAGES.values():
        assert set(one.reasons) == names and all(one.reasons.values())
        assert len(set(one.reasons.values())) == len(names)
        assert all("{words}" in said for said in one.inside.values())


def test_a_sentence_begins_large_and_ends() -> None:
    assert LANGUAGES["en"].sentence(["popular", "in stock"]) == "Popular; in stock."
    assert LANGUAGES["zh"].sentence(["受欢迎", "有货"]) == "受欢迎；有货。"
    assert LANGUAGES["de"].sentence([]) == ""
