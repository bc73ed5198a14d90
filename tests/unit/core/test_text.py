"""The tokenizer by hand; the contract suite compares it with a node's."""

from __future__ import annotations

import unicodedata
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etalage.core import text
from etalage.core.text import MAX_TOKEN, MODEL, NONE, NUMBER, Token, compact, fold, normalize, stems, token_id, tokenize

ANY = st.text(st.characters(), max_size=30)
SHOPS = st.text("abzAÉßñİΣ019 .,'-/&+%#°\"’×·:;()_\u0301\u200b\xad鞋红スｽーｱ1한²", max_size=30)


def surfaces(typed: str) -> list[str]:
    return [token.surface for token in tokenize(typed)]


# tokens
def test_words_numbers_and_model_numbers() -> None:
    assert tokenize("Running SHOES 42 MX500 3.5") == [
        Token("running", "run", NONE), Token("shoes", "shoe", NONE), Token("42", "42", NUMBER),
        Token("mx500", "mx500", MODEL), Token("3.5", "3.5", NUMBER),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("", []), ("  \n", []), ("?! - &", []), ("_", []), ("a_b", ["a_b"]),
        ("MX-500/a", ["mx", "500", "a"]), ("usb-c", ["usb", "c"]), ("t-shirt", ["t", "shirt"]),
        ("women's", ["women's"]), ("women’s", ["women's"]), ("rock'n'roll", ["rock'n'roll"]), ("'quoted'", ["quoted"]),
        ("3.5 1,299.00 2;3", ["3.5", "1,299.00", "2;3"]), ("a.b 1.a a.1", ["a.b", "1", "a", "a", "1"]),
        ("wi.fi. end.", ["wi.fi", "end"]), ("10x20cm", ["10x20cm"]), ("5\" 20% 3m²", ["5", "20", "3m"]),
        ("Café CRÈME Ñandú", ["cafe", "creme", "nandu"]), ("cafe\u0301", ["cafe\u0301"]),
        ("Straße ŒUVRE Łódź", ["strasse", "oeuvre", "lodz"]), ("İstanbul", ["istanbul"]), ("ｍｘ５００", ["mx500"]),
        ("Ελλάδα Москва", ["ελλάδα", "москва"]), ("ΟΔΟΣ οδος", ["οδοσ", "οδος"]),
        ("😀 shoe 👟", ["shoe"]), ("a\u200bb", ["a", "b"]),
    ],
)  # fmt: skip
def test_where_words_begin_and_end(typed: str, found: list[str]) -> None:
    assert surfaces(typed) == found


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("鞋", ["鞋"]), ("红鞋", ["红鞋"]), ("红色鞋子", ["红色", "色鞋", "鞋子"]), ("ﾊﾝﾄﾞ", ["ハン", "ンド"]), ("ﾊﾟﾝ", ["パン"]),
        ("ｱﾞ", ["ア\u3099"]),
        ("スニーカー", ["スニ", "ニー", "ーカ", "カー"]), ("nike红鞋42", ["nike", "红鞋", "42"]), ("운동화", ["운동", "동화"]),
        ("5개", ["5개"]), ("红 鞋", ["红", "鞋"]),
    ],
)  # fmt: skip
def test_chinese_japanese_and_korean_give_bigrams(typed: str, found: list[str]) -> None:
    assert surfaces(typed) == stems(typed) == found


def test_stems() -> None:
    assert stems("running shoes generously babies knives") == ["run", "shoe", "generous", "babi", "knive"]
    assert stems("women's") == ["women"]
    assert stems("mx500 42") == ["mx500", "42"]


def test_long_words_are_cut() -> None:
    assert [len(one) for one in surfaces("a" * (2 * MAX_TOKEN + 1))] == [MAX_TOKEN, MAX_TOKEN, 1]
    assert len(surfaces("a" * MAX_TOKEN)) == 1


@settings(max_examples=150, deadline=None, derandomize=True)
@given(ANY | SHOPS)
def test_any_text_gives_tokens_that_can_be_stored(typed: str) -> None:
    for token in tokenize(typed):
        assert token.surface and token.stem and 0 < token_id(token.stem) < 2**32
        assert not any(char.isspace() or "A" <= char <= "Z" for char in token.surface)
        digits = any(char.isdigit() for char in token.surface)
        assert (token.kind in (NUMBER, MODEL)) == digits
    assert stems(typed) == [token.stem for token in tokenize(typed)]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.text("abcxyzABC0189éß鞋", max_size=6)))
def test_words_between_blanks_are_apart(words: list[str]) -> None:
    assert tokenize(" ".join(words)) == [token for word in words for token in tokenize(word)]
    assert tokenize("\n".join(words)) == tokenize("/".join(words)) == tokenize(" ".join(words))


# ids
def test_an_id_is_the_terms_checksum() -> None:
    assert token_id("123456789") == 0xCBF43926
    assert token_id("") == 1
    assert token_id("鞋") == crc32("鞋".encode())


# stored text
@pytest.mark.parametrize(
    ("given_text", "kept"),
    [
        ("", ""), (" \t\n", ""), (" a  b\r\nc ", "a b c"), ("a\x00b\x07", "a b"), ("e\u0301", "é"), ("a\u200bb", "a b"),
        ("a\xa0b\u3000c", "a b c"), ("ﬁ ²", "ﬁ ²"), ("a\ud800b", "a b"), ("Red Shoe", "Red Shoe"),
    ],
)  # fmt: skip
def test_text_for_storage(given_text: str, kept: str) -> None:
    assert normalize(given_text) == kept


@settings(max_examples=150, deadline=None, derandomize=True)
@given(ANY | SHOPS)
def test_normalized_text_stays(given_text: str) -> None:
    kept = normalize(given_text)
    assert normalize(kept) == kept == kept.strip() == unicodedata.normalize("NFC", kept)
    assert kept.isprintable() and "  " not in kept


# comparing
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Café  CRÈME", "cafe creme"), ("e\u0301", "e"), ("Straße", "STRASSE"), ("ｍｘ５００", "mx500"), ("ﬁn", "fin"),
        ("İzmir", "izmir"),
        ("ΟΔΟΣ", "οδος"), ("ΟΔΟΣ", "οδοσ"), ("I\u0307zmir", "IZMIR"), (" a\tb ", "a b"), ("Ñ", "n"), ("Łódź", "lodz"),
    ],
)  # fmt: skip
def test_what_folds_alike(one: str, other: str) -> None:
    assert fold(one) == fold(other)


def test_what_does_not_fold_alike() -> None:
    assert len({fold(one) for one in ("red shoe", "redshoe", "red shoes", "", "鞋", "й", "и")}) == 7


@settings(max_examples=150, deadline=None, derandomize=True)
@given(ANY | SHOPS)
def test_folding_again_changes_nothing(typed: str) -> None:
    folded = fold(typed)
    assert fold(folded) == folded == folded.strip()
    assert "  " not in folded
    assert fold(f"  {typed}\t") == folded


# article numbers
@pytest.mark.parametrize(
    ("number", "kept"),
    [("MX-500/A", "mx500a"), ("mx 500 a", "mx500a"), ("ＭＸ５００ａ", "mx500a"), ("É-1", "e1"), ("İ", "i"), ("-", "")],
)
def test_article_numbers_lose_case_and_punctuation(number: str, kept: str) -> None:
    assert compact(number) == kept


@settings(max_examples=100, deadline=None, derandomize=True)
@given(ANY | SHOPS)
def test_compacting_again_changes_nothing(number: str) -> None:
    kept = compact(number)
    assert compact(kept) == kept
    assert all(char.isalnum() for char in kept)


def test_kinds_are_told_apart() -> None:
    assert (text.NONE, text.NUMBER, text.MODEL) == (0, 1, 2)


@given(st.text(alphabet="abZ019_:.,;'\u2019 -!?\n", max_size=20))
def test_ascii_is_cut_into_words_as_all_text_is(typed: str) -> None:
    plain = typed.replace("\u2019", "'")
    assert text._ASCII_WORD.findall(plain) == [match.group() for match in text._WORD.finditer(plain)]


@given(st.text(alphabet="abZ019_:.,;' -!?\n", max_size=20) | st.just(f"{'x' * 300} y"))
def test_located_words_are_the_stems_of_their_characters(typed: str) -> None:
    found = text.located(typed)
    assert [stem for stem, _, _ in found] == [token.stem for token in text.tokenize(typed)]
    assert all(stem == text.tokenize(typed[start:end])[0].stem for stem, start, end in found)
