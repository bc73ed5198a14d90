"""Maps from the vectors of texts to other vectors, learnt from one catalog: an ONNX file and a manifest in a folder of the home.

A map lies on the side of the query: stored vectors stay as they are. `alignment` leads to pictures, `adapter` to products.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Generic, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from etalage.core import durable, onnx
from etalage.core.encoders import Floats
from etalage.core.encoders.cache import made_by
from etalage.core.encoders.image_manifest import first_fault
from etalage.core.encoders.manifest import MANIFEST, check_name
from etalage.core.errors import ConfigError, FingerprintMismatch, ModelError, ModelNotFound

FORMAT: Final = 1
"""Format of the folder of a map; raised when an older Etalage could misread a newer one."""


class MapManifest(BaseModel):
    """What every map's manifest says.

    `fingerprint_text` is that of the text encoder whose vectors float32 [dim_text] it takes. `model` names the file beside the
    manifest, `sha256` is its digest. `metrics` is what training measured.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = FORMAT
    fingerprint_text: str
    dim_text: int = Field(ge=1, le=65_536)
    model: str
    sha256: str
    seed: int
    metrics: dict[str, Any]
    created_by: str


M = TypeVar("M", bound=MapManifest)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MapKind(Generic[M]):
    """A kind of maps: its `noun` in errors, what it means that there is none (`absent`), how to make one (`again`), the names of
    the model's input and output, and the class of its manifest."""

    noun: str
    absent: str
    again: str
    input: str
    output: str
    manifest: type[M]

    def missing(self, folder: Path) -> ModelNotFound:
        """The error where a folder holds none."""
        return ModelNotFound(self.absent, value=folder, remedy=self.again)


class Map:
    """A loaded map; safe to call from several threads. Make it after a fork, not before.

    Args:
        kind: which kind it is.
        model: the bytes of its ONNX file, float32 [n, dim_text] → [n, dim].

    Raises:
        ModelError: the model cannot be loaded, or gives vectors of another size.
    """

    def __init__(self, kind: MapKind[Any], model: bytes, dim_text: int, dim: int) -> None:
        self._kind: Final = kind
        self._dims: Final = (dim_text, dim)
        self._session = onnx.session(model)
        probe = np.zeros(dim_text, np.float32)
        probe[0] = 1
        self(probe)

    def __call__(self, text_vector: Floats) -> Floats:
        """What a text's vector float32 [dim_text] is mapped to: float32 [dim], unit length.

        Raises:
            FingerprintMismatch: the vector has another dimension.
            ModelError: the model failed, or the vector is not finite.
        """
        kind, (expected, dim) = self._kind, self._dims
        if text_vector.shape != (expected,):
            raise FingerprintMismatch(
                f"the text vector is not one that the {kind.noun} was fitted to",
                value=f"{list(text_vector.shape)}, expected [{expected}]",
                remedy=kind.again,
            )
        (vectors,) = onnx.run(self._session, {kind.input: text_vector[None].astype(np.float32, copy=False)})
        if vectors.shape != (1, dim) or not np.isfinite(vectors).all():
            raise ModelError(
                f"the {kind.noun} does not give a finite vector of its size",
                value=f"{list(vectors.shape)}, expected [1, {dim}]",
                remedy=kind.again,
            )
        vector = vectors[0].astype(np.float64)
        length = float(np.linalg.norm(vector))
        if length == 0:
            # A text in the middle of all texts points nowhere; one axis alone is close to nothing.
            vector[0] = length = 1.0
        unit: Floats = (vector / length).astype(np.float32)
        return unit


class Watched(Generic[T]):
    """What a folder holds, loaded again when another manifest was written. Thread-safe."""

    def __init__(self, folder: Path, load: Callable[[Path], T]) -> None:
        self.folder: Final = folder
        self._load: Final = load
        self._path: Final = str(folder / MANIFEST)
        self._found: tuple[int, T] | None = None

    def now(self) -> T | None:
        """It, or None where the folder has no manifest. Raises what loading raises."""
        try:
            written = os.stat(self._path).st_mtime_ns
        except FileNotFoundError:
            return None
        except OSError:
            written = 0
        found = self._found
        if found is None or found[0] != written:
            self._found = found = (written, self._load(self.folder))
        return found[1]


def load(folder: Path, kind: MapKind[M]) -> tuple[M, bytes]:
    """The manifest in a folder and the bytes of the model, checked against its hash.

    Raises:
        ModelNotFound: there is none.
        ModelError: it is damaged or of another format.
    """
    manifest = read(folder, kind)
    try:
        model = (folder / check_name(manifest.model)).read_bytes()
    except FileNotFoundError:
        # Another process may have put a new one in its place since the manifest was read.
        manifest = read(folder, kind)
        try:
            model = (folder / check_name(manifest.model)).read_bytes()
        except OSError as error:
            raise _unreadable(folder / manifest.model, error, kind) from None
    except ConfigError:
        raise ModelError("the manifest names no file", value=manifest.model, remedy=kind.again) from None
    except OSError as error:
        raise _unreadable(folder / manifest.model, error, kind) from None
    if sha256(model).hexdigest() != manifest.sha256:
        raise ModelError(f"the {kind.noun} is not what was trained", value=folder / manifest.model, remedy=kind.again)
    return manifest, model


def read(folder: Path, kind: MapKind[M]) -> M:
    """The manifest in a folder.

    Raises:
        ModelNotFound: there is none.
        ModelError: it is of another format, or not valid.
    """
    path = folder / MANIFEST
    try:
        raw = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise kind.missing(folder) from None
    except (OSError, ValueError) as error:
        raise _unreadable(path, error, kind) from None
    found = raw.get("format") if isinstance(raw, dict) else None
    if isinstance(found, int) and found != FORMAT:
        remedy = f"Update Etalage, or train again: it reads format {FORMAT}." if found > FORMAT else kind.again
        raise ModelError(f"the {kind.noun} has another format", value=f"{path}: format {found}", remedy=remedy)
    try:
        return kind.manifest.model_validate(raw)
    except ValidationError as error:
        raise ModelError(
            f"the {kind.noun}'s manifest is not valid", value=f"{path}: {first_fault(error)}", remedy=kind.again
        ) from None


def save(folder: Path, manifest: M, model: bytes, kind: MapKind[M]) -> M:
    """Write a map into a folder, in place of one that is there; who reads meanwhile gets the old or the new one.

    Returns:
        The manifest with `model`, `sha256` and `created_by` filled in.

    Raises:
        ModelError: the folder cannot be written.
    """
    digest = sha256(model).hexdigest()
    name = f"model-{digest[:16]}.onnx"
    filled = manifest.model_copy(update={"model": name, "sha256": digest, "created_by": made_by()})
    try:
        before = read(folder, kind).model
    except ModelError:
        before = name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        durable.replace(folder / name, model)
        # The manifest names the model, so that one rename changes both.
        durable.replace(folder / MANIFEST, filled.model_dump_json(indent=2).encode() + b"\n")
        if before != name and Path(before).name == before:
            (folder / before).unlink(missing_ok=True)
    except OSError as error:
        raise ModelError(
            f"the {kind.noun} cannot be written",
            value=f"{folder} ({error.strerror})",
            remedy="Check the disk and the rights of the folder.",
        ) from None
    return filled


def _unreadable(path: Path, error: Exception, kind: MapKind[Any]) -> ModelError:
    return ModelError(f"the {kind.noun} cannot be read", value=f"{path} ({error})", remedy=kind.again)
