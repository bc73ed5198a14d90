"""The thing itself and what is for it, by hand."""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest

from etalage.core.text import token_id
from ranker.features import naming

from .candidates import column, retrieved, titles


@pytest.mark.parametrize(
    ("query", "title", "noun"),
    [
        ("couch", "Velvet Couch", 1.0),
        ("couch", "Couch Slipcover", 1 / 2),
        ("couch", "Couch Slip Cover", 1 / 3),
        ("couch", "Velvet Couch in Grey with Storage", 1.0),
        ("couch", "Throw for Couch", 0.0),
        ("couch", "Velvet Sofa", 0.0),
        # Numbers and article numbers behind the noun are no names.
        ("couch", "Couch X40 2024", 1.0),
        # The small word ends a name, the length does not.
        ("couch", "Couch 80 in. Slipcover", 1 / 3),
        # A title does not begin with what it is for.
        ("couch", "For Couch", 1.0),
        ("slipcover for couch", "Couch Slipcover", 1.0),
        ("slipcover for couch", "Couch", 0.0),
        ("red velvet couch", "Couch Slipcover", 1 / 2),
        ("jeans", "Slim Fit Jeans", 1.0),
        ("", "Couch", 0.0),
    ],
)
def test_how_near_the_end_of_the_name_the_noun_stands(query: str, title: str, noun: float) -> None:
    assert column(retrieved(query, titles(title)), "noun") == pytest.approx([noun])


@pytest.mark.parametrize(
    ("query", "title", "served"),
    [
        ("couch", "Couch Slipcover for Couch", 1.0),
        ("couch", "Slipcover Fits Large Couches", 1.0),
        ("couch", "Funda para Couch", 1.0),
        ("couch", "Couch for Small Spaces", 0.0),
        ("couch", "Couch", 0.0),
        ("couch", "Velvet Sofa for Children", 0.0),
        # Who names the cover, too, gets the cover.
        ("cover couch", "Cover for Couch", 0.0),
        ("cover for couch", "Cover for Couch", 0.0),
        ("cover for couch", "Lamp for Couch with Cover", 1.0),
        # With is no purpose: what comes with a couch may be asked for.
        ("pillow", "Couch with Pillow", 0.0),
        ("", "Cover for Couch", 0.0),
    ],
)
def test_what_is_for_the_thing_is_not_the_thing(query: str, title: str, served: float) -> None:
    assert column(retrieved(query, titles(title)), "served") == [served]


def test_a_word_is_no_small_one_by_half_of_its_id() -> None:
    small = {token_id(word) & 0xFFFF for word in ("for", "with", "in")}
    like = next(word for word in map("word{}".format, count()) if token_id(word) & 0xFFFF in small)
    assert naming.roles(np.array([1, token_id(like)], np.uint32)).tolist() == [naming.NAME, naming.NAME]
    assert naming.roles(np.array([1, token_id("for")], np.uint32)).tolist() == [naming.NAME, naming.PURPOSE]


def test_no_candidates() -> None:
    assert column(retrieved("couch", []), "noun") == column(retrieved("couch", []), "served") == []
