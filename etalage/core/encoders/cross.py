"""A cross-encoder: a small transformer that reads a query and a product's text together and says how well they fit (Nogueira and Cho
2019, arXiv:1901.04085). One file holds the int8 model with its tokenizer, a manifest lies beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

import numpy as np
import tokenizers
from pydantic import Field

from etalage.core import onnx
from etalage.core.encoders import Floats, maps
from etalage.core.errors import ModelError

IDS, KINDS, SCORE = "input_ids", "token_type_ids", "score"
"""Inputs and output of the model: int64 [1, length] twice (0 for the query's tokens, 1 for the product's), float32 [1]."""

QUERY_TOKENS, PRODUCT_TOKENS = 20, 42
"""Most tokens of a query and a product in a pair; three special ones come to them."""

DEPTH: Final = 20
"""Most products of a search that are read."""

AGAIN: Final = "Run: etalage train cross-encoder --qrels FILE. Or remove it."
TOKENIZER: Final = "tokenizer"
"""The entry of the model's metadata that holds its tokenizer, as JSON."""

_CHARACTERS: Final = 64


class CrossManifest(maps.MapManifest):
    """A cross-encoder. `fingerprint_text` is that of the text encoder that it was made from; `weight` is what its scores are multiplied
    with before the ranker's are added, `milliseconds` what a pair took on one thread. `queries` are hashes (`artifact.query_hash`) of
    the queries that trained or chose it, sorted."""

    kind: Literal["cross-encoder"] = "cross-encoder"
    layers: int = Field(ge=1)
    weight: float = Field(gt=0)
    milliseconds: float = Field(gt=0)
    queries: tuple[str, ...] = Field(min_length=1)
    trained_on: str = ""

    @property
    def name(self) -> str:
        """What reports call it by."""
        return f"cross-{self.sha256[:12]}"

    def depth(self, budget: float) -> int:
        """How many products are read within `budget` milliseconds. It depends on the manifest alone, so that all pages of a search,
        and all processes, order alike."""
        return min(DEPTH, int(budget / self.milliseconds))


KIND: Final = maps.MapKind("cross-encoder", "no cross-encoder was trained", AGAIN, IDS, SCORE, CrossManifest)


class Pairs:
    """Tokens of queries with products' texts."""

    def __init__(self, loaded: tokenizers.Tokenizer) -> None:
        loaded.no_padding()
        loaded.no_truncation()
        self._tokenizer = loaded
        first, last = loaded.token_to_id("[CLS]"), loaded.token_to_id("[SEP]")
        if first is None or last is None:
            raise ModelError("the tokenizer has no [CLS] and [SEP]", value="tokenizer", remedy=AGAIN)
        self._first, self._last = first, last

    def words(self, text: str, most: int) -> list[int]:
        """At most `most` tokens of a text, no special ones."""
        sound = text[: most * _CHARACTERS].encode("utf-8", "replace").decode()
        ids: list[int] = self._tokenizer.encode(sound, add_special_tokens=False).ids[:most]
        return ids

    def pair(self, query: Sequence[int], product: Sequence[int]) -> tuple[list[int], int]:
        """`[CLS] query [SEP] product [SEP]`, and where the product begins."""
        head = [self._first, *query, self._last]
        return [*head, *product, self._last], len(head)


class CrossEncoder:
    """A loaded cross-encoder; safe to call from several threads. Make it after a fork, not before.

    Each pair is one run of the model: activations are quantized per run, so that a pair scores alike whatever is read beside it.

    Raises:
        ModelError: the model cannot be loaded, carries no tokenizer, or gives no finite score.
    """

    def __init__(self, manifest: CrossManifest, model: bytes) -> None:
        self.manifest: Final = manifest
        self._session = onnx.session(model)
        text = self._session.get_modelmeta().custom_metadata_map.get(TOKENIZER, "")
        try:
            loaded = tokenizers.Tokenizer.from_str(text)
        # The library raises bare Exception for every fault of the text.
        except Exception as error:
            raise ModelError(
                "the cross-encoder carries no tokenizer", value=f"{manifest.model} ({error})", remedy=AGAIN
            ) from error
        self._pairs: Final = Pairs(loaded)
        self.score("", [""])

    def score(self, query: str, texts: Sequence[str]) -> Floats:
        """How well products' texts fit a query, higher is better: float32 [n]. Raises ModelError."""
        words = self._pairs.words(query, QUERY_TOKENS)
        scores = np.empty(len(texts), np.float32)
        for row, text in enumerate(texts):
            ids, begins = self._pairs.pair(words, self._pairs.words(text, PRODUCT_TOKENS))
            kinds = (np.arange(len(ids)) >= begins).astype(np.int64)
            (found,) = onnx.run(self._session, {IDS: np.array([ids], np.int64), KINDS: kinds[None]})
            if found.shape != (1,) or not np.isfinite(found).all():
                raise ModelError(
                    "the cross-encoder gives no finite score", value=f"{self.manifest.name}: {found}", remedy=AGAIN
                )
            scores[row] = found[0]
        return scores


def load(folder: Path) -> CrossEncoder:
    """The cross-encoder in a folder, its model checked against its hash.

    Raises:
        ModelNotFound: there is none.
        ModelError: it is damaged or of another format.
    """
    return CrossEncoder(*maps.load(folder, KIND))


def save(folder: Path, manifest: CrossManifest, model: bytes) -> CrossManifest:
    """Write a cross-encoder into a folder; the manifest with `model`, `sha256` and `created_by`. Raises as `maps.save`."""
    return maps.save(folder, manifest, model, KIND)
