"""What every engine refuses, and how it is said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etalage.core.errors import FingerprintMismatch, QueryError
from etalage.core.records import Document, Floats
from opensearch import checks, fields
from opensearch.engine import MAX_WINDOW, Ids, IndexSpec, InStock, Range, Request, Sort, Term

SPEC = IndexSpec("model", "print", dim=4, dim_image=2)


def vector(*numbers: float) -> Floats:
    return np.array(numbers, np.float32)


def stored(key: str = "1", text: Floats | None = None, image: Floats | None = None) -> str:
    return checks.document(Document(key, {"id": key, "title": "x"}, "c", "e", text, image), SPEC)


# requests
@pytest.mark.parametrize(
    "asked",
    [
        Request(""),
        Request("x", start=MAX_WINDOW - 5, size=5),
        Request("x", start=MAX_WINDOW, size=0),
        Request("x", filters=(InStock(), Ids(("1",)), Range("price", 1), Term("brand", ("Acme",)))),
        Request("x", facets=fields.KEYWORD, sort=Sort("popularity", descending=True)),
        Request("x", vector_field="vec_image"),
    ],
)
def test_what_can_be_asked(asked: Request) -> None:
    checks.request(asked)


@pytest.mark.parametrize(("start", "size"), [(MAX_WINDOW, 1), (0, MAX_WINDOW + 1), (9_995, 6), (-1, 10), (0, -1)])
def test_windows_past_the_last_hit_are_refused(start: int, size: int) -> None:
    with pytest.raises(QueryError, match=f"at most hit 10000: from {start}, size {size}"):
        checks.request(Request("x", start=start, size=size))


@pytest.mark.parametrize("name", fields.KEYWORD)
def test_exact_fields_filter_and_count(name: str) -> None:
    checks.request(Request("x", filters=(Term(name, ("a",)),), facets=(name,)))
    for wrong in (Request("x", filters=(Range(name, 1),)), Request("x", sort=Sort(name))):
        with pytest.raises(QueryError, match="there is no field"):
            checks.request(wrong)


@pytest.mark.parametrize("name", fields.NUMERIC)
def test_numbers_have_ranges_and_an_order(name: str) -> None:
    checks.request(Request("x", filters=(Range(name, 1),), sort=Sort(name)))
    for wrong in (Request("x", filters=(Term(name, ("1",)),)), Request("x", facets=(name,))):
        with pytest.raises(QueryError, match="there is no field"):
            checks.request(wrong)


@pytest.mark.parametrize(
    ("asked", "use", "known"),
    [
        ({"filters": (Term("color", ("a",)),)}, "filter", fields.KEYWORD),
        ({"filters": (InStock(), Range("color"))}, "range", fields.NUMERIC),
        ({"facets": ("brand", "color")}, "facet", fields.KEYWORD),
        ({"sort": Sort("color")}, "sort", fields.NUMERIC),
        ({"vector_field": "color"}, "vector", checks.VECTORS),
    ],
)
def test_an_unknown_field_is_named_with_those_there_are(asked: dict[str, Any], use: str, known: Sequence[str]) -> None:
    with pytest.raises(QueryError) as caught:
        checks.request(Request("x", **asked))
    assert (caught.value.reason, caught.value.value) == (f"there is no field to {use} by", "color")
    assert caught.value.remedy == f"Use one of: {', '.join(known)}."


# dimensions
def test_a_query_vector_fits_its_field() -> None:
    checks.dimension(Request("x"), SPEC, "g-1")
    checks.dimension(Request("x", vector(1, 0, 0, 0)), SPEC, "g-1")
    checks.dimension(Request("x", vector(1, 0), vector_field="vec_image"), SPEC, "g-1")


@pytest.mark.parametrize(
    ("field", "given_vector", "told"),
    [
        ("vec_text", vector(1, 0), "has 2 dimensions, vec_text has 4"),
        ("vec_image", vector(1, 0, 0, 0), "has 4 dimensions, vec_image has 2"),
        ("vec_text", np.zeros((1, 4), np.float32), "has 4 dimensions, vec_text has 4"),
        ("vec_text", vector(), "has 0 dimensions, vec_text has 4"),
    ],
)
def test_another_dimension_is_refused(field: str, given_vector: Floats, told: str) -> None:
    with pytest.raises(FingerprintMismatch, match=f"{told}: g-1.*--full"):
        checks.dimension(Request("x", given_vector, vector_field=field), SPEC, "g-1")


# documents
def test_documents_that_fit() -> None:
    assert stored() == stored(text=vector(1, 0, 0, 0)) == stored(image=vector(1, 0)) == ""
    assert stored(text=vector(1, 0, 0, 0), image=vector(0, 1)) == ""


def test_wrong_vectors_are_told() -> None:
    assert stored(text=vector(1, 0)) == "vec_text has 2 dimensions, the index has 4"
    assert stored(image=vector(1, 0, 0)) == "vec_image has 3 dimensions, the index has 2"
    assert stored(text=np.zeros((1, 4), np.float32)) == "vec_text has (1, 4) dimensions, the index has 4"
    for number in (np.nan, np.inf, -np.inf):
        assert stored(text=vector(1, 0, 0, number)) == "vec_text holds a number that is not finite"
        assert stored(image=vector(1, number)) == "vec_image holds a number that is not finite"


def test_without_image_vectors_in_the_index_none_is_stored() -> None:
    document = Document("1", {}, "c", "e", None, vector(1, 0))
    assert "the index has 0" in checks.document(document, IndexSpec("model", "print", 4))


# ids
@pytest.mark.parametrize("key", ["1", " ", "a/b c", "x" * 512, "ü" * 256, "鞋" * 170])
def test_ids_that_can_be_stored(key: str) -> None:
    assert checks.identifier(key) == stored(key) == ""


@pytest.mark.parametrize("key", ["", "x" * 513, "ü" * 257, "鞋" * 171])
def test_ids_that_are_empty_or_too_long(key: str) -> None:
    assert checks.identifier(key) == stored(key) == "the id must have 1 to 512 bytes"


def test_half_a_surrogate_pair_is_no_id() -> None:
    assert checks.identifier("a\ud800") == "the id is not valid Unicode"


@given(st.text(st.characters(), max_size=600))
def test_any_id_is_judged_by_its_bytes(key: str) -> None:
    length = len(key.encode("utf-8", "replace"))
    whole = not any("\ud800" <= char <= "\udfff" for char in key)
    assert (checks.identifier(key) == "") == (whole and 0 < length <= 512)
