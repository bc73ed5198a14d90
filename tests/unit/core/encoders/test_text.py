from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etalage.core import onnx
from etalage.core.encoders import Encoder, Floats, manifest, models
from etalage.core.encoders.text import TextEncoder, token_ids, tokenizer
from etalage.core.errors import ConfigError, ModelError


@pytest.fixture(scope="module")
def encoder(exported: Path) -> Encoder:
    return models.load(exported, "tiny", threads=2)


def hidden(source: Path, text: str) -> Floats:
    """Last hidden states [length, 32] of one text, straight from transformers."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    transformers.utils.logging.disable_progress_bar()
    model = transformers.AutoModel.from_pretrained(str(source)).eval()
    ids = token_ids(tokenizer(source / "tokenizer.json", 24), text, 24)
    with torch.no_grad():
        return np.asarray(model(input_ids=torch.tensor([ids])).last_hidden_state[0].numpy())


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_pooling_is_that_of_the_source(tmp_path: Path, make_tiny: Callable[..., Path], pooling: str) -> None:
    source = make_tiny(tmp_path / "source" / "m", pooling)
    assert models.export(str(source), models=tmp_path).pooling == pooling
    states = hidden(source, "red shoe size 42")
    expected = states.mean(axis=0) if pooling == "mean" else states[0]
    other = states[0] if pooling == "mean" else states.mean(axis=0)
    vector = models.load(tmp_path, "m").encode_query("red shoe size 42")
    assert onnx.row_cosine(vector[None], expected[None])[0] > 0.999
    assert onnx.row_cosine(vector[None], other[None])[0] < 0.99


def test_each_kind_gets_its_prefix(encoder: Encoder, source: Path) -> None:
    for kind, prefix in (("query", "for "), ("passage", "with ")):
        expected = hidden(source, prefix + "lamp").mean(axis=0)
        vector = encoder.encode(["lamp"], kind=kind)  # type: ignore[arg-type]
        assert onnx.row_cosine(vector, expected[None])[0] > 0.999
    assert not np.allclose(encoder.encode(["lamp"], kind="query"), encoder.encode(["lamp"], kind="passage"))


def test_vectors_are_float32_of_unit_length_in_the_order_given(encoder: Encoder) -> None:
    texts = ["red dress", "", "usb cable with drill " * 40, "x", "日本語", "\ud800", "blue shoe"]
    vectors = encoder.encode(texts, kind="query")
    assert vectors.shape == (7, 32) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for text, vector in zip(texts, vectors, strict=True):
        np.testing.assert_array_equal(encoder.encode_query(text), vector)
    assert encoder.encode([], kind="query").shape == (0, 32)


@given(st.lists(st.text(max_size=30), max_size=6))
def test_a_vector_does_not_depend_on_its_neighbours(encoder: Encoder, texts: list[str]) -> None:
    together = encoder.encode(texts, kind="passage")
    for text, vector in zip(texts, together, strict=True):
        np.testing.assert_array_equal(encoder.encode([text], kind="passage")[0], vector)


def test_words_beyond_the_length_change_nothing(encoder: Encoder) -> None:
    start = " ".join(["red"] * 30)
    np.testing.assert_array_equal(encoder.encode_query(start + " blue lamp"), encoder.encode_query(start + " drill"))
    assert not np.allclose(encoder.encode_query("red blue lamp"), encoder.encode_query("red drill"))


def test_threads_may_share_an_encoder(encoder: Encoder) -> None:
    texts = [f"red shoe size {n}" for n in range(40)]
    expected = encoder.encode(texts, kind="query")
    results: list[Floats] = []
    threads = [threading.Thread(target=lambda: results.append(encoder.encode(texts, kind="query"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    for result in results:
        np.testing.assert_array_equal(result, expected)


def test_the_number_of_threads_changes_nothing(exported: Path, encoder: Encoder) -> None:
    texts = ["red", "blue dress of size 3", "usb"]
    alone = models.load(exported, "tiny", threads=1)
    np.testing.assert_array_equal(alone.encode(texts, kind="passage"), encoder.encode(texts, kind="passage"))
    assert alone.fingerprint == encoder.fingerprint


def test_what_is_asked_wrongly_is_refused(exported: Path, encoder: Encoder) -> None:
    with pytest.raises(ConfigError, match="no such kind of text: document"):
        encoder.encode(["x"], kind="document")  # type: ignore[arg-type]
    folder = exported / "tiny"
    with pytest.raises(ConfigError, match="at least one thread: 0"):
        TextEncoder(folder, manifest.read(folder), threads=0)


def test_a_model_of_another_size_than_its_manifest_says_is_refused(exported: Path) -> None:
    folder = exported / "tiny"
    wrong = manifest.read(folder).model_copy(update={"dim": 16})
    with pytest.raises(ModelError, match=r"tiny: \[1, 32\], expected \[1, 16\]"):
        TextEncoder(folder, wrong)


def test_a_damaged_tokenizer_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text("{}")
    with pytest.raises(ModelError, match="tokenizer cannot be read"):
        tokenizer(path, 8)
