"""Query vectors, as the encoder makes them and as what was learnt about the shop's queries moves them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from etalage.core.encoders import Encoder, adapter, maps
from etalage.core.records import Floats


@dataclass(frozen=True, slots=True)
class Meaning:
    """A query's vectors, float32 [dim], unit length.

    Attributes:
        words: the encoder's own. Pictures are compared with it: spaces were paired and aligned with such vectors.
        near: adapted, else the same; products' texts are compared with it.
    """

    words: Floats
    near: Floats


class Adaptation:
    """What `etalage train adapter` learnt for an index, loaded again when it was trained anew. Thread-safe.

    Args:
        folder: of the adapter; it need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self._watched: Final = maps.Watched(folder, adapter.load)

    def current(self, fingerprint: str) -> adapter.Adapter | None:
        """The adapter, or None where none was trained.

        Raises:
            FingerprintMismatch: it was trained for another encoder than that of `fingerprint`.
            ModelError: it cannot be read.
        """
        found = self._watched.now()
        if found is not None:
            found.check(fingerprint)
        return found


def encode(encoder: Encoder, text: str, adaptation: Adaptation | None = None) -> Meaning:
    """The vectors of a query.

    Raises:
        FingerprintMismatch: the adapter was trained for another encoder.
        ModelError: encoder or adapter failed.
    """
    return moved(encoder.encode_query(text), encoder.fingerprint, adaptation)


def moved(words: Floats, fingerprint: str, adaptation: Adaptation | None) -> Meaning:
    """A query's vector float32 [dim] by the encoder of `fingerprint`, and what it is moved to. Raises as `encode`."""
    found = None if adaptation is None else adaptation.current(fingerprint)
    return Meaning(words, words if found is None else found.query(words))
