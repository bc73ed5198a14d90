"""What a document gives to each field."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from etalage.core.records import RECORD
from opensearch import fields

LAMP = {
    "id": "1", "title": "Desk lamp", "description": "A lamp.", "brand": "Acme", "category": ["Home", "Light", "Lamps"],
    "language": "en", "currency": "EUR", "variant_group": "v1", "tenant": "t1",
    "attributes": {"colour": ["red", "blue"], "mpn": ["AC-100"], "model": ["none"]},
}  # fmt: skip


def test_text_of_a_document() -> None:
    assert fields.texts(LAMP) == {
        "title": "Desk lamp", "model": "AC-100", "brand": "Acme", "category": "Home Light Lamps",
        "attributes_text": "red blue AC-100 none", "description": "A lamp.",
    }  # fmt: skip


def test_exact_values_of_a_document() -> None:
    assert fields.keywords(LAMP) == {
        "brand": ["Acme"], "category": ["Home", "Home > Light", "Home > Light > Lamps"], "language": ["en"],
        "currency": ["EUR"], "variant_group": ["v1"], "tenant": ["t1"],
        "attrs": ["colour=red", "colour=blue", "mpn=AC-100", "model=none"],
    }  # fmt: skip


def test_a_document_with_a_title_alone() -> None:
    for source in ({"title": "x"}, {"title": "x", "attributes": None, "brand": "", "category": ()}):
        assert fields.texts(source) == dict.fromkeys(fields.TEXT, "") | {"title": "x"}
        assert fields.keywords(source) == {name: [] for name in fields.KEYWORD}


def test_the_names_are_those_that_are_declared() -> None:
    assert list(fields.texts(LAMP)) == list(fields.TEXT)
    assert set(fields.keywords(LAMP)) == set(fields.KEYWORD)
    assert set(fields.NUMERIC) <= set(RECORD.names or ())
    assert set(fields.FACETS) <= set(fields.KEYWORD)
    assert all(weight > 0 for weight in fields.TEXT.values()) and max(fields.TEXT.values()) == fields.TEXT["title"]


NAME = st.text(max_size=8)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(NAME, max_size=5), st.dictionaries(NAME, st.lists(NAME, max_size=3), max_size=4))
def test_paths_grow_by_level_and_every_value_is_kept(path: list[str], attributes: dict[str, list[str]]) -> None:
    exact = fields.keywords({"title": "x", "category": path, "attributes": attributes})
    assert exact["category"] == [" > ".join(path[:depth]) for depth in range(1, len(path) + 1)]
    assert exact["attrs"] == [f"{name}={value}" for name, values in attributes.items() for value in values]
    text = fields.texts({"title": "x", "category": path, "attributes": attributes})
    assert text["category"] == " ".join(path)
    assert text["attributes_text"] == " ".join(one for values in attributes.values() for one in values)
