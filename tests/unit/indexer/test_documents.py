"""From product to document."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import orjson
import pytest

from etalage.core.records import Product
from indexer import documents

SHOE = Product(
    "1",
    "Red shoe",
    description="Soft and warm.",
    brand="Acme",
    category=("Goods", "Footwear", "Shoes"),
    price=0,
    stock=None,
    attributes={"colour": ("red",)},
    rating=0.0,
    created_at="1970-01-02T12:00:00.000Z",
    vec_image=(1.0, 2.0),
)


def test_a_source_leaves_out_what_is_empty_and_keeps_zeros() -> None:
    assert documents.source(SHOE) == {
        "id": "1", "title": "Red shoe", "description": "Soft and warm.", "brand": "Acme",
        "category": ("Goods", "Footwear", "Shoes"), "price": 0, "attributes": {"colour": ("red",)}, "rating": 0.0,
        "created_at": "1970-01-02T12:00:00.000Z", "created": 1.5,
    }  # fmt: skip
    assert documents.source(Product("2", "x")) == {"id": "2", "title": "x"}


def test_a_source_is_plain_json() -> None:
    values = documents.source(SHOE)
    back = orjson.loads(orjson.dumps(values))
    assert back["category"] == ["Goods", "Footwear", "Shoes"] and back["attributes"] == {"colour": ["red"]}


# what is encoded
def test_the_passage_holds_title_brand_category_and_the_start_of_the_description() -> None:
    assert documents.passage(documents.source(SHOE)) == "Red shoe. Acme. Footwear Shoes. Soft and warm."
    assert documents.passage({"title": "Red shoe"}) == "Red shoe"


def test_a_brand_in_the_title_is_not_said_twice() -> None:
    assert documents.passage({"title": "ACME red shoe", "brand": "Acme"}) == "ACME red shoe"


def test_a_long_description_is_cut() -> None:
    assert documents.passage({"title": "t", "description": "d" * 500}) == "t. " + "d" * 200


# hashes
def hashes(product: Product, fingerprint: str = "f", image: bytes = b"") -> tuple[str, str]:
    return documents.hashes(documents.source(product), fingerprint, image)


@pytest.mark.parametrize(
    "changed",
    [
        replace(SHOE, price=1), replace(SHOE, stock=0), replace(SHOE, rating=1.0), replace(SHOE, url="u"),
        replace(SHOE, attributes={"colour": ("blue",)}), replace(SHOE, category=("Other", "Footwear", "Shoes")),
    ],
)  # fmt: skip
def test_what_is_not_encoded_changes_the_content_only(changed: Product) -> None:
    content, encoded = hashes(SHOE)
    assert hashes(changed)[1] == encoded and hashes(changed)[0] != content


@pytest.mark.parametrize(
    "changed",
    [
        replace(SHOE, title="Blue shoe"), replace(SHOE, brand="Bolt"), replace(SHOE, description="Hard."),
        replace(SHOE, category=("Goods", "Footwear", "Boots")),
    ],
)  # fmt: skip
def test_what_is_encoded_changes_both(changed: Product) -> None:
    content, encoded = hashes(SHOE)
    assert hashes(changed)[1] != encoded and hashes(changed)[0] != content


def test_the_encoder_and_the_image_change_both() -> None:
    content, encoded = hashes(SHOE)
    for other in (hashes(SHOE, fingerprint="g"), hashes(SHOE, image=b"pixels")):
        assert other[0] != content and other[1] != encoded
    assert hashes(SHOE, "f", b"ab") != hashes(SHOE, "fa", b"b")


def test_hashes_do_not_depend_on_order_or_on_having_been_stored() -> None:
    values = documents.source(SHOE)
    turned = dict(reversed(values.items()))
    stored = orjson.loads(orjson.dumps(values))
    assert documents.hashes(turned, "f", b"") == documents.hashes(stored, "f", b"") == hashes(SHOE)


def test_a_document_carries_everything() -> None:
    values = documents.source(SHOE)
    text, image = np.ones(2, np.float32), np.zeros(3, np.float32)
    made = documents.document(values, "c", "e", text, image)
    assert (made.id, made.source, made.content, made.encoded) == ("1", values, "c", "e")
    assert made.vec_text is text and made.vec_image is image


def test_unit_vectors() -> None:
    found = documents.unit((3.0, 4.0))
    assert found is not None and found.dtype == np.float32
    np.testing.assert_allclose(found, [0.6, 0.8], rtol=1e-7)
    assert documents.unit(()) is None and documents.unit([]) is None
    # The norm of large numbers must not overflow in float32.
    large = documents.unit((1e30, 0.0))
    assert large is not None and large[0] == 1.0
