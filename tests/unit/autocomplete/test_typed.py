"""Texts as they are compared."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autocomplete.typed import MAX_PREFIX, key, prefix_key


@pytest.mark.parametrize(
    ("text", "compared"),
    [
        ("Red  Sofa", "red sofa"),
        ("T-Shirt", "t shirt"),
        ("3.5mm, 1,000 a.b 5.", "3.5mm 1,000 a b 5"),
        ("Café\u200f Noir", "cafe noir"),
        ("cafe\u0301", "cafe"),
        ("ｃafé", "cafe"),
        ("iPhone手机壳 🪝", "iphone手机壳"),
        ("،سلام\u202e", "سلام"),
        ("कमीज़", "कमीज़"),
        ("a\x00b\tc", "a b c"),
        ("🪝!?", ""),
        ("", ""),
    ],
)
def test_case_marks_and_punctuation_do_not_matter(text: str, compared: str) -> None:
    assert key(text) == compared


def test_a_blank_at_the_end_of_a_prefix_ends_a_word() -> None:
    assert (prefix_key("Red "), prefix_key("Red"), prefix_key("  ")) == ("red ", "red", "")
    assert prefix_key("a" * MAX_PREFIX + " b") == "a" * MAX_PREFIX


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(max_size=30))
def test_a_key_compares_as_itself(text: str) -> None:
    assert key(key(text)) == key(text)
    assert "  " not in key(text) and key(text) == key(text).strip()
