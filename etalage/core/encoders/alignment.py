"""Map text vectors into the space of a catalog's picture vectors, where the image encoder has no paired text model.

An alignment is a map (`maps`) that is fitted to one catalog (`ranker.training.alignment`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from etalage.core.encoders import Floats, maps
from etalage.core.errors import FingerprintMismatch

INPUT, OUTPUT = "text", "picture"
"""Input and output of the model: float32 [n, dim_text] and float32 [n, dim_image] of unit length."""

AGAIN: Final = "Run: etalage train align."


class AlignmentManifest(maps.MapManifest):
    """An alignment.

    `fingerprint_image` is that of the image encoder, empty where the vectors came with the feed. `metrics` were measured on groups
    that the measured model had not seen; the model that is kept was then fitted to all `pairs` by the same recipe.
    """

    kind: Literal["alignment"] = "alignment"
    fingerprint_image: str
    dim_image: int = Field(ge=1, le=65_536)
    pairs: int = Field(ge=1)
    groups: int = Field(ge=1)


KIND: Final = maps.MapKind("alignment", "words and pictures are not aligned", AGAIN, INPUT, OUTPUT, AlignmentManifest)


class Alignment:
    """A loaded alignment; safe to call from several threads. Make it after a fork, not before.

    Args:
        manifest: what it was fitted to.
        model: the bytes of its ONNX file.

    Raises:
        ModelError: the model cannot be loaded, or gives vectors of another size.
    """

    def __init__(self, manifest: AlignmentManifest, model: bytes) -> None:
        self.manifest: Final = manifest
        self.dim: Final = manifest.dim_image
        self._map: Final = maps.Map(KIND, model, manifest.dim_text, manifest.dim_image)

    def query(self, text_vector: Floats) -> Floats:
        """Where a text's vector float32 [dim_text] lies among the pictures: float32 [dim_image], unit length.

        Raises:
            FingerprintMismatch: the vector has another dimension.
            ModelError: the model failed, or the vector is not finite.
        """
        return self._map(text_vector)

    def check(self, fingerprint_text: str, fingerprint_image: str, dim_image: int) -> None:
        """Refuse a text encoder or a generation's pictures that this was not fitted to.

        Raises:
            FingerprintMismatch: naming what differs.
        """
        known = self.manifest
        for what, found, fitted in (
            ("texts", fingerprint_text, known.fingerprint_text),
            ("pictures", fingerprint_image, known.fingerprint_image),
            ("picture vectors of a dimension", str(dim_image), str(known.dim_image)),
        ):
            if found != fitted:
                raise FingerprintMismatch(
                    f"the alignment of words and pictures was fitted to other {what}",
                    value=f"{found or 'vectors of the feed'}, fitted to {fitted or 'vectors of the feed'}",
                    remedy=AGAIN,
                )


def load(folder: Path) -> Alignment:
    """The alignment in a folder, its model checked against its hash.

    Raises:
        ModelNotFound: there is none.
        ModelError: it is damaged or of another format.
    """
    return Alignment(*maps.load(folder, KIND))


def read(folder: Path) -> AlignmentManifest:
    """The manifest of an alignment's folder. Raises as `maps.read`."""
    return maps.read(folder, KIND)


def save(folder: Path, manifest: AlignmentManifest, model: bytes) -> None:
    """Write an alignment into a folder; `model`, `sha256` and `created_by` are filled in. Raises as `maps.save`."""
    maps.save(folder, manifest, model, KIND)
