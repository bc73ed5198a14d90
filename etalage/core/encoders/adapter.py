"""Move a query's vector towards the products that a shop's shoppers mean by it, in the space of the same text encoder.

An adapter is a map (`maps`) that is trained on judged queries of one shop (`ranker.training.adapter`). Vectors of products stay as
they are, so that nothing is encoded again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from etalage.core.encoders import Floats, maps
from etalage.core.errors import FingerprintMismatch

INPUT, OUTPUT = "query", "adapted"
"""Input and output of the model: float32 [n, dim_text] twice, of unit length."""

AGAIN: Final = "Run: etalage train adapter --qrels FILE."


class AdapterManifest(maps.MapManifest):
    """An adapter. `queries` are hashes (`artifact.query_hash`) of the queries that trained or selected it, sorted; `metrics` were
    measured on others. `trained_on` is a word on the data, for people."""

    kind: Literal["adapter"] = "adapter"
    queries: tuple[str, ...] = Field(min_length=1)
    trained_on: str = ""

    @property
    def name(self) -> str:
        """What a ranker's manifest calls it by."""
        return f"adapter-{self.sha256[:12]}"


KIND: Final = maps.MapKind("adapter", "no adapter was trained", AGAIN, INPUT, OUTPUT, AdapterManifest)


class Adapter:
    """A loaded adapter; safe to call from several threads. Make it after a fork, not before.

    Raises:
        ModelError: the model cannot be loaded, or gives vectors of another size.
    """

    def __init__(self, manifest: AdapterManifest, model: bytes) -> None:
        self.manifest: Final = manifest
        self._map: Final = maps.Map(KIND, model, manifest.dim_text, manifest.dim_text)

    def query(self, text_vector: Floats) -> Floats:
        """The adapted vector of a query's vector: float32 [dim_text], unit length.

        Raises:
            FingerprintMismatch: the vector has another dimension.
            ModelError: the model failed, or the vector is not finite.
        """
        return self._map(text_vector)

    def check(self, fingerprint_text: str) -> None:
        """Refuse a text encoder that this was not trained for. Raises FingerprintMismatch."""
        if fingerprint_text != self.manifest.fingerprint_text:
            raise FingerprintMismatch(
                "the adapter was trained for another text encoder",
                value=f"{fingerprint_text}, trained for {self.manifest.fingerprint_text}",
                remedy=f"{AGAIN} Or remove it.",
            )


def load(folder: Path) -> Adapter:
    """The adapter in a folder, its model checked against its hash.

    Raises:
        ModelNotFound: there is none.
        ModelError: it is damaged or of another format.
    """
    return Adapter(*maps.load(folder, KIND))


def save(folder: Path, manifest: AdapterManifest, model: bytes) -> AdapterManifest:
    """Write an adapter into a folder; the manifest with `model`, `sha256` and `created_by`. Raises as `maps.save`."""
    return maps.save(folder, manifest, model, KIND)
