"""Encode text with an exported transformer."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np
import tokenizers

from etalage.core import onnx
from etalage.core.encoders import Floats, Kind
from etalage.core.encoders.manifest import MODEL, TOKENIZER, Manifest
from etalage.core.errors import ConfigError, ModelError

IDS, MASK, EMBEDDING = "input_ids", "attention_mask", "embedding"
"""Inputs and output of an exported encoder: int64 [n, length] twice, float32 [n, dim] of unit length."""

_CHARACTERS: Final = 64
"""Characters read per token of `max_length`; far more than any text fills, so that a megabyte costs no more than a page."""


def tokenizer(path: Path, max_length: int) -> tokenizers.Tokenizer:
    """The tokenizer of an exported encoder, cutting to `max_length` tokens and not padding.

    Raises:
        ModelError: the file cannot be read.
    """
    try:
        loaded = tokenizers.Tokenizer.from_file(str(path))
    # The library raises bare Exception for every fault of the file.
    except Exception as error:
        raise ModelError(
            "the tokenizer cannot be read", value=f"{path} ({error})", remedy="Export it again."
        ) from error
    loaded.no_padding()
    loaded.enable_truncation(max_length)
    return loaded


def token_ids(tokenizer: tokenizers.Tokenizer, text: str, max_length: int) -> list[int]:
    """Token ids of a text, special tokens included, at least one."""
    # A lone half of a surrogate pair, which JSON can carry, is no text to the tokenizer.
    sound = text[: max_length * _CHARACTERS].encode("utf-8", "replace").decode()
    ids: list[int] = tokenizer.encode(sound).ids
    return ids or [0]


class TextEncoder:
    """An exported encoder; safe to call from several threads. Make it after a fork, not before.

    Each text is one run of the model: activations are quantized per run, so a batch would let neighbours change a text's
    vector (by up to 0.03 in cosine), and padding would be paid for. Several texts are spread over `threads` threads,
    which is as fast as batches are on two cores.

    Args:
        folder: its folder in the model cache.
        manifest: what `manifest.read` gave for it.
        threads: texts encoded at a time by all calls of `encode` together; one query, or one text, uses the calling thread.

    Raises:
        ModelError: model or tokenizer cannot be loaded, or the model gives vectors of another size.
    """

    def __init__(self, folder: Path, manifest: Manifest, *, threads: int = 2) -> None:
        if threads < 1:
            raise ConfigError("an encoder needs at least one thread", value=threads, remedy="Set ETALAGE_THREADS to 1.")
        self.name: Final = manifest.name
        self.dim: Final = manifest.dim
        self.fingerprint: Final = manifest.fingerprint
        self._manifest = manifest
        self._tokenizer = tokenizer(folder / TOKENIZER, manifest.max_length)
        self._session = onnx.session(folder / MODEL)
        self._threads = threads
        # Of one thread too: those who encode at the same time share the threads that were allowed.
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="encode")
        self.encode_query("")

    def encode(self, texts: Sequence[str], *, kind: Kind) -> Floats:
        """Vectors of the texts: float32 [n, dim], unit length; an empty text has one too.

        Raises:
            ConfigError: another kind than "query" and "passage".
            ModelError: the model failed.
        """
        prefix = self._prefix(kind)
        vectors = np.empty((len(texts), self.dim), np.float32)

        def fill(rows: Sequence[int]) -> None:
            for row in rows:
                vectors[row] = self._one(prefix + texts[row])

        if len(texts) < 2:
            fill(range(len(texts)))
        else:
            # Long texts are dealt out first and evenly, so that the threads end together.
            order = sorted(range(len(texts)), key=lambda row: -len(texts[row]))
            parts = min(len(texts), 4 * self._threads)
            for _ in self._pool.map(fill, [order[part::parts] for part in range(parts)]):
                pass
        return vectors

    def encode_query(self, text: str) -> Floats:
        """The vector of one query, on the calling thread: float32 [dim], unit length.

        Raises:
            ModelError: the model failed.
        """
        return self._one(self._prefix("query") + text)

    def _prefix(self, kind: Kind) -> str:
        try:
            return self._manifest.prefixes[kind]
        except KeyError:
            raise ConfigError("no such kind of text", value=kind, remedy="Use 'query' or 'passage'.") from None

    def _one(self, text: str) -> Floats:
        ids = np.array([token_ids(self._tokenizer, text, self._manifest.max_length)], np.int64)
        (vectors,) = onnx.run(self._session, {IDS: ids, MASK: np.ones_like(ids)})
        if vectors.shape != (1, self.dim) or not np.isfinite(vectors).all():
            raise ModelError(
                "the model does not give a finite vector of its size",
                value=f"{self.name}: {list(vectors.shape)}, expected [1, {self.dim}]",
                remedy="Run: etalage models export.",
            )
        vector: Floats = vectors[0]
        return vector
