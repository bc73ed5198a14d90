"""A stand-in for a cross-encoder: it gives the number of a product's tokens, by words that it knows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from etalage.core.artifact import query_hash
from etalage.core.encoders import cross
from etalage.core.encoders.cross import CrossManifest

WORDS = ("[CLS]", "[SEP]", "[UNK]", "red", "blue", "shoe")


def vocabulary() -> str:
    """A tokenizer of `WORDS`, as JSON."""
    import tokenizers

    made = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="[UNK]")
    )
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    found: str = made.to_str()
    return found


def made(tokenizer: str | None = None, factor: float = 1.0) -> bytes:
    """The model: `factor` times the number of tokens of the product, the last special one included."""
    onnx = pytest.importorskip("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto
    graph = helper.make_graph(
        [
            helper.make_node("ReduceSum", ["token_type_ids", "axis"], ["count"], keepdims=0),
            helper.make_node("Cast", ["count"], ["number"], to=kinds.FLOAT),
            helper.make_node("Mul", ["number", "factor"], ["score"]),
        ],
        "cross",
        [helper.make_tensor_value_info(name, kinds.INT64, [1, "n"]) for name in (cross.IDS, cross.KINDS)],
        [helper.make_tensor_value_info("score", kinds.FLOAT, [1])],
        [
            onnx.numpy_helper.from_array(np.array([1], np.int64), "axis"),
            onnx.numpy_helper.from_array(np.array([factor], np.float32), "factor"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {cross.TOKENIZER: vocabulary() if tokenizer is None else tokenizer})
    content: bytes = model.SerializeToString()
    return content


def manifest(queries: tuple[str, ...] = ("red shoe",), **values: Any) -> CrossManifest:
    """A manifest, with some values."""
    usual: dict[str, Any] = {
        "fingerprint_text": "f", "dim_text": 4, "model": "", "sha256": "0" * 64, "seed": 0, "metrics": {}, "created_by": "",
        "layers": 1, "weight": 1.0, "milliseconds": 1.0, "queries": tuple(map(query_hash, queries)), "trained_on": "words",
    }  # fmt: skip
    return CrossManifest(**(usual | values))
