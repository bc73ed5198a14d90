"""Map text vectors into the space of a catalog's picture vectors, where the image encoder has no paired text model.

An alignment is fitted to one catalog (`ranker.training.alignment`). It lies on the side of the query only: stored vectors
stay as they are.
"""

from __future__ import annotations

import json
import os
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, Literal
from uuid import uuid4

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from etalage.core import onnx
from etalage.core.encoders import Floats
from etalage.core.encoders.image_manifest import first_fault
from etalage.core.encoders.manifest import MANIFEST, check_name
from etalage.core.errors import ConfigError, FingerprintMismatch, ModelError, ModelNotFound

FORMAT: Final = 1
"""Format of the folder of an alignment; raised when an older Etalage could misread a newer one."""

INPUT, OUTPUT = "text", "picture"
"""Input and output of the model: float32 [n, dim_text] and float32 [n, dim_image] of unit length."""

AGAIN: Final = "Run: etalage train align."


class AlignmentManifest(BaseModel):
    """An alignment.

    `fingerprint_text` and `fingerprint_image` are those of the encoders; that of images is empty where the vectors came
    with the feed. `model` names the file beside the manifest and `sha256` is its digest. `metrics` were measured on groups
    that the measured model had not seen; the model that is kept was then fitted to all `pairs` by the same recipe.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = FORMAT
    kind: Literal["alignment"] = "alignment"
    fingerprint_text: str
    fingerprint_image: str
    dim_text: int = Field(ge=1, le=65_536)
    dim_image: int = Field(ge=1, le=65_536)
    model: str
    sha256: str
    pairs: int = Field(ge=1)
    groups: int = Field(ge=1)
    seed: int
    metrics: dict[str, Any]
    created_by: str


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
        self._session = onnx.session(model)
        probe = np.zeros(manifest.dim_text, np.float32)
        probe[0] = 1
        self.query(probe)

    def query(self, text_vector: Floats) -> Floats:
        """Where a text's vector float32 [dim_text] lies among the pictures: float32 [dim_image], unit length.

        Raises:
            FingerprintMismatch: the vector has another dimension.
            ModelError: the model failed, or the vector is not finite.
        """
        expected = self.manifest.dim_text
        if text_vector.shape != (expected,):
            raise FingerprintMismatch(
                "the text vector is not one that the alignment was fitted to",
                value=f"{list(text_vector.shape)}, expected [{expected}]",
                remedy=AGAIN,
            )
        (vectors,) = onnx.run(self._session, {INPUT: text_vector[None].astype(np.float32, copy=False)})
        if vectors.shape != (1, self.dim) or not np.isfinite(vectors).all():
            raise ModelError(
                "the alignment does not give a finite vector of its size",
                value=f"{list(vectors.shape)}, expected [1, {self.dim}]",
                remedy=AGAIN,
            )
        vector = vectors[0].astype(np.float64)
        length = float(np.linalg.norm(vector))
        if length == 0:
            # A text in the middle of all texts points nowhere; one axis alone is close to no picture.
            vector[0] = length = 1.0
        unit: Floats = (vector / length).astype(np.float32)
        return unit

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
    manifest = read(folder)
    try:
        model = (folder / check_name(manifest.model)).read_bytes()
    except FileNotFoundError:
        # Another process may have put a new one in its place since the manifest was read.
        manifest = read(folder)
        try:
            model = (folder / check_name(manifest.model)).read_bytes()
        except OSError as error:
            raise _unreadable(folder / manifest.model, error) from None
    except ConfigError:
        raise ModelError("the manifest names no file", value=manifest.model, remedy=AGAIN) from None
    except OSError as error:
        raise _unreadable(folder / manifest.model, error) from None
    if sha256(model).hexdigest() != manifest.sha256:
        raise ModelError("the alignment is not what was trained", value=folder / manifest.model, remedy=AGAIN)
    return Alignment(manifest, model)


def read(folder: Path) -> AlignmentManifest:
    """The manifest of an alignment's folder.

    Raises:
        ModelNotFound: there is none.
        ModelError: it is of another format, or not valid.
    """
    path = folder / MANIFEST
    try:
        raw = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ModelNotFound("words and pictures are not aligned", value=folder, remedy=AGAIN) from None
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    found = raw.get("format") if isinstance(raw, dict) else None
    if isinstance(found, int) and found != FORMAT:
        remedy = f"Update Etalage, or train again: it reads format {FORMAT}." if found > FORMAT else AGAIN
        raise ModelError("the alignment has another format", value=f"{path}: format {found}", remedy=remedy)
    try:
        return AlignmentManifest.model_validate(raw)
    except ValidationError as error:
        raise ModelError(
            "the alignment's manifest is not valid", value=f"{path}: {first_fault(error)}", remedy=AGAIN
        ) from None


def save(folder: Path, manifest: AlignmentManifest, model: bytes) -> None:
    """Write an alignment into a folder, in place of one that is there; who reads meanwhile gets the old or the new one.

    `model`, `sha256` and `created_by` of the manifest are filled in.

    Raises:
        ModelError: the folder cannot be written.
    """
    digest = sha256(model).hexdigest()
    name = f"model-{digest[:16]}.onnx"
    filled = manifest.model_copy(update={"model": name, "sha256": digest, "created_by": f"etalage {_version()}"})
    try:
        before = read(folder).model
    except ModelError:
        before = name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _place(folder / name, model)
        # The manifest names the model, so that one rename changes both.
        _place(folder / MANIFEST, filled.model_dump_json(indent=2).encode() + b"\n")
        if before != name and Path(before).name == before:
            (folder / before).unlink(missing_ok=True)
    except OSError as error:
        raise ModelError(
            "the alignment cannot be written",
            value=f"{folder} ({error.strerror})",
            remedy="Check the disk and the rights of the folder.",
        ) from None


def _place(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        with open(draft, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _unreadable(path: Path, error: Exception) -> ModelError:
    return ModelError("the alignment cannot be read", value=f"{path} ({error})", remedy=AGAIN)


def _version() -> str:
    try:
        return version("etalage")
    except PackageNotFoundError:
        return "from source"
