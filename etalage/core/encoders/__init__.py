"""Encoders: text to unit vectors. `text.TextEncoder` runs an exported transformer, `hashing.HashingEncoder` needs none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

Kind = Literal["query", "passage"]
"""What a text is: models such as E5 put another prefix before each."""


@runtime_checkable
class Encoder(Protocol):
    """What encodes text; safe to call from several threads, and to be made after a fork.

    The vector of a text depends on the text, the kind and the `fingerprint` only, never on what it was encoded with.
    """

    @property
    def name(self) -> str:
        """The name in the model cache."""
        ...

    @property
    def dim(self) -> int:
        """Components of a vector."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hex digest of all that decides the vectors; those of different fingerprints must not be compared."""
        ...

    def encode(self, texts: Sequence[str], *, kind: Kind) -> Floats:
        """Vectors of the texts: float32 [n, dim], rows of unit length."""
        ...

    def encode_query(self, text: str) -> Floats:
        """The vector of one query: float32 [dim], unit length."""
        ...
