from __future__ import annotations

import hashlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from etalage.core.encoders import Encoder
from etalage.core.encoders.hashing import HashingEncoder

encoder = HashingEncoder()


def cosine(left: str, right: str) -> float:
    return float(encoder.encode_query(left) @ encoder.encode_query(right))


def test_it_is_an_encoder() -> None:
    assert isinstance(encoder, Encoder)
    assert (encoder.name, encoder.dim, encoder.fingerprint) == ("hashing", 256, "hashing-v1-256")


@given(st.lists(st.text(max_size=40), max_size=5))
def test_every_text_has_a_unit_vector_of_its_own_making(texts: list[str]) -> None:
    vectors = encoder.encode(texts, kind="passage")
    assert vectors.shape == (len(texts), 256) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for text, vector in zip(texts, vectors, strict=True):
        np.testing.assert_array_equal(encoder.encode_query(text), vector)


def test_shared_words_and_parts_of_words_bring_texts_together() -> None:
    assert cosine("red running shoes", "Shoes, RUNNING red") > 0.999
    assert cosine("red shoes", "red shoe size 40") > 0.5 > abs(cosine("red shoes", "wireless keyboard"))
    assert cosine("keyboard", "keybord") > cosine("keyboard", "monitor") + 0.1


def test_unrelated_words_are_nearly_orthogonal() -> None:
    vectors = encoder.encode(
        [f"{word}" for word in ("lamp", "drill", "dress", "mouse", "zebra", "quartz")], kind="query"
    )
    products = vectors @ vectors.T
    assert np.abs(products[~np.eye(6, dtype=bool)]).max() < 0.35


def test_the_vectors_are_those_of_this_version() -> None:
    """When this fails, raise `hashing.VERSION`: indexes hold vectors of the old kind."""
    vectors = encoder.encode(["red shoes", "", "日本語 42"], kind="query")
    digest = hashlib.sha256(np.rint(vectors * 1000).astype("<i2").tobytes()).hexdigest()
    assert digest[:16] == "c971dccaa85d5bf1"
