"""An encoder without a model: hashed stems and character n-grams."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Final

import numpy as np
import numpy.typing as npt

from etalage.core import text as words
from etalage.core.encoders import Floats, Kind

NAME: Final = "hashing"
DIM: Final = 256
VERSION: Final = 1
"""Raised whenever a vector changes; it is part of the fingerprint."""

_GRAM = 3
_HASHES = 4
_STEM_WEIGHT, _GRAM_WEIGHT = 1.0, 0.8


class HashingEncoder:
    """Signed feature hashing of a text's stems and their character trigrams (Weinberger et al., ICML 2009).

    It knows no meaning, only shared words and parts of words, but it needs no file, loads at once and is the same on
    every machine: for tests, trials and installs without the exported model.
    """

    name: Final = NAME
    dim: Final = DIM
    fingerprint: Final = f"hashing-v{VERSION}-{DIM}"

    def encode(self, texts: Sequence[str], *, kind: Kind) -> Floats:
        """Vectors of the texts: float32 [n, 256], unit length; queries and passages are treated alike."""
        vectors = np.zeros((len(texts), DIM), np.float32)
        for row, text in enumerate(texts):
            vectors[row] = self.encode_query(text)
        return vectors

    def encode_query(self, text: str) -> Floats:
        """The vector of one text: float32 [256], unit length; a text without words has one of its own."""
        vector = np.zeros(DIM, np.float32)
        # Each term once: repeating a word in a title says nothing more.
        for stem in dict.fromkeys(words.stems(text)) or ("",):
            slots, values = _term(stem)
            np.add.at(vector, slots, values)
        norm = float(np.linalg.norm(vector))
        if norm == 0.0:
            vector[0] = norm = 1.0
        unit: Floats = vector / np.float32(norm)
        return unit


@lru_cache(maxsize=1 << 16)
def _term(stem: str) -> tuple[npt.NDArray[np.int64], Floats]:
    """Where a stem and its trigrams fall and with what signed weight, read-only arrays of equal length."""
    marked = f"<{stem}>"
    grams = [marked[i : i + _GRAM] for i in range(len(marked) - _GRAM + 1)]
    slots: list[int] = []
    values: list[float] = []
    for feature, weight in [
        (f"w {stem}", _STEM_WEIGHT),
        *((f"g {g}", _GRAM_WEIGHT / len(grams) ** 0.5) for g in grams),
    ]:
        digest = blake2b(feature.encode("utf-8", "replace"), digest_size=4 * _HASHES).digest()
        for code in np.frombuffer(digest, "<u4").tolist():
            slots.append(code % DIM)
            values.append(weight if code >> 31 else -weight)
    return np.array(slots), np.array(values, np.float32)
