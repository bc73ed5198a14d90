"""The clause for what a product has not; `tests/contract` asks both engines with it."""

from __future__ import annotations

from opensearch import lacking


def test_each_field_is_looked_at_alone_and_may_say_that_it_lacks_it() -> None:
    has = lacking.clause("USB-Cable")["bool"]["must_not"]
    assert [list(one["bool"]["must"][0]["match_phrase"]) for one in has] == [
        ["title"],
        ["brand.text"],
        ["category.text"],
        ["attributes_text"],
    ]
    title = has[0]["bool"]
    assert title["must"] == [{"match_phrase": {"title": "usb cable"}}]
    said = [one["match_phrase"]["title"] for one in title["must_not"]]
    assert said[:2] == ["no usb cable", "non usb cable"] and said[-1] == "usb cable not included"


def test_a_long_text_is_cut() -> None:
    words = lacking.clause("word " * 50)["bool"]["must_not"][0]["bool"]["must"][0]["match_phrase"]["title"]
    assert words.split() == ["word"] * lacking.MAX_WORDS
