"""What is known of an image encoder: how a picture becomes its input, in the `manifest.json` beside its model."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from etalage.core.encoders.manifest import MANIFEST, MODEL
from etalage.core.errors import ModelError

FORMAT: Final = 1
"""Format of the folder of an image encoder; raised when an older Etalage could misread a newer one."""

AGAIN: Final = "Add the model to the cache again."

Fit = Literal["crop", "pad"]
Resample = Literal["bilinear", "bicubic", "lanczos"]
Byte = Annotated[int, Field(ge=0, le=255)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Preprocessing(BaseModel):
    """From an RGB picture to the float32 [1, 3, crop, crop] that the model takes.

    With `fit` "crop" the short side is resized to `size` and the middle is kept; with "pad" the long side is, and
    `background` fills the rest. A median filter of 3 × 3 follows if `denoise`, then `(pixel * scale - mean) / std`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int = Field(default=256, ge=1, le=4096)
    crop: int = Field(default=224, ge=1, le=4096)
    fit: Fit = "crop"
    background: tuple[Byte, Byte, Byte] = (255, 255, 255)
    resample: Resample = "bicubic"
    scale: Positive = 1 / 255
    mean: tuple[Finite, Finite, Finite] = (0.0, 0.0, 0.0)
    std: tuple[Positive, Positive, Positive] = (1.0, 1.0, 1.0)
    denoise: bool = False

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.fit == "crop" and self.crop > self.size:
            raise ValueError(f"crop {self.crop} does not fit into size {self.size}")
        if self.fit == "pad" and self.size > self.crop:
            raise ValueError(f"size {self.size} does not fit into crop {self.crop}, the side of the padded picture")
        return self


class ImageManifest(BaseModel):
    """An image encoder.

    `input` and `output` are the names in the ONNX graph; `files` maps the other files of the folder to their SHA-256;
    `paired_text` names the text encoder whose vectors live in the same space, if there is one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = FORMAT
    kind: Literal["image"] = "image"
    name: str
    source: str
    dim: int = Field(ge=1, le=65_536)
    input: str
    output: str
    preprocessing: Preprocessing
    paired_text: str | None = None
    files: dict[str, str]
    created_by: str

    @property
    def fingerprint(self) -> str:
        """16 hex digits over all that decides the vectors: model and preprocessing."""
        decisive = [self.files[MODEL], self.preprocessing.model_dump(mode="json")]
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]


def is_image(folder: Path) -> bool:
    """Whether the folder's manifest says that it holds an image encoder."""
    try:
        raw = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(raw, dict) and raw.get("kind") == "image"


def read(folder: Path) -> ImageManifest:
    """The manifest of an image encoder's folder.

    Raises:
        ModelError: it is missing, of another kind or format version, or not valid.
    """
    path = folder / MANIFEST
    try:
        raw = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ModelError("the model folder has no manifest", value=folder, remedy=AGAIN) from None
    except (OSError, ValueError) as error:
        raise ModelError("the model's manifest cannot be read", value=f"{path} ({error})", remedy=AGAIN) from None
    if not isinstance(raw, dict) or raw.get("kind") != "image":
        raise ModelError("this is no image encoder", value=folder, remedy="Name an image encoder, or use it for text.")
    found = raw.get("format")
    if isinstance(found, int) and found != FORMAT:
        remedy = f"Update Etalage, or add the model again: it reads format {FORMAT}." if found > FORMAT else AGAIN
        raise ModelError("the model was added in another format", value=f"{path}: format {found}", remedy=remedy)
    try:
        manifest = ImageManifest.model_validate(raw)
    except ValidationError as error:
        raise ModelError(
            "the model's manifest is not valid", value=f"{path}: {first_fault(error)}", remedy=AGAIN
        ) from None
    if MODEL not in manifest.files:
        raise ModelError("the model's manifest is not complete", value=f"{path}: {MODEL}", remedy=AGAIN)
    return manifest


def write(folder: Path, manifest: ImageManifest) -> None:
    """Write the manifest into the model's folder."""
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")


def first_fault(error: ValidationError) -> str:
    """Where the first fault is and what it is, on one line."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where} ({first['msg']})" if where else first["msg"]
