"""What is known of an exported encoder: the `manifest.json` beside its model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from etalage.core.encoders import Kind
from etalage.core.errors import ConfigError, ModelError

FORMAT: Final = 1
"""Format of the folder of an exported encoder; raised when an older Etalage could misread a newer one."""

MANIFEST: Final = "manifest.json"
MODEL: Final = "model.onnx"
TOKENIZER: Final = "tokenizer.json"
PROBES: Final = "probes.npz"

Pooling = Literal["mean", "cls"]


class Manifest(BaseModel):
    """An exported encoder.

    `prefixes` go before queries and passages; `max_length` is in tokens, special ones included; `files` maps the other
    files of the folder to their SHA-256; `parity` holds the figures of int8 against torch at export. Pooling and scaling
    to unit length are part of the ONNX graph. Of a tuned encoder (`ranker.training.encoder`), `queries` are hashes
    (`artifact.query_hash`) of the queries that trained or selected it, sorted, and `trained_on` is a word on the data, for people.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = FORMAT
    name: str
    source: str
    revision: str = ""
    dim: int = Field(ge=1, le=65_536)
    max_length: int = Field(ge=1, le=65_536)
    pooling: Pooling
    normalize: Literal[True] = True
    prefixes: dict[Kind, str]
    files: dict[str, str]
    quantization: str
    parity: dict[str, float]
    created_by: str
    queries: tuple[str, ...] = ()
    trained_on: str = ""

    @property
    def fingerprint(self) -> str:
        """16 hex digits over all that decides the vectors: model, tokenizer, length, prefixes."""
        decisive = [self.files[MODEL], self.files[TOKENIZER], self.max_length, sorted(self.prefixes.items())]
        return hashlib.sha256(json.dumps(decisive).encode()).hexdigest()[:16]


def read(folder: Path) -> Manifest:
    """The manifest of a model folder.

    Raises:
        ModelError: it is missing, of another format version, or not valid.
    """
    path = folder / MANIFEST
    again = f"Run: etalage models export (it replaces {folder.name})."
    try:
        raw = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ModelError("the model folder has no manifest", value=folder, remedy=again) from None
    except (OSError, ValueError) as error:
        raise ModelError("the model's manifest cannot be read", value=f"{path} ({error})", remedy=again) from None
    version = raw.get("format") if isinstance(raw, dict) else None
    if isinstance(version, int) and version != FORMAT:
        remedy = f"Update Etalage, or export the model again: it reads format {FORMAT}." if version > FORMAT else again
        raise ModelError("the model was exported in another format", value=f"{path}: format {version}", remedy=remedy)
    try:
        manifest = Manifest.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ModelError(
            "the model's manifest is not valid", value=f"{path}: {where} ({first['msg']})", remedy=again
        ) from None
    lacking = {MODEL, TOKENIZER} - manifest.files.keys() | ({"query", "passage"} - manifest.prefixes.keys())
    if lacking:
        raise ModelError("the model's manifest is not complete", value=f"{path}: {min(lacking)}", remedy=again)
    return manifest


def write(folder: Path, manifest: Manifest) -> None:
    """Write the manifest into the model's folder."""
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")


def check_name(name: str) -> str:
    """`name` if it can be a model's name in the cache: one folder name, not hidden.

    Raises:
        ConfigError: it is not.
    """
    if not name or name[0] in ".-" or not all(c.isalnum() or c in "._-" for c in name) or len(name) > 128:
        raise ConfigError("this is no model name", value=name, remedy="Use letters, digits, '.', '_' and '-'.")
    return name


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def again(name: str) -> str:
    """What to do about a damaged text encoder."""
    return f"Run: etalage models export (it replaces {name})."


def verify(folder: Path, files: Mapping[str, str], remedy: str) -> None:
    """Check that the files of a model are those that a manifest lists, by their SHA-256.

    Raises:
        ModelError: a file is missing or differs; `remedy` says what to do.
    """
    for name, expected in files.items():
        path = folder / check_name(name)
        try:
            found = sha256(path)
        except OSError as error:
            raise ModelError(
                "a file of the model cannot be read", value=f"{path} ({error.strerror})", remedy=remedy
            ) from None
        if found != expected:
            raise ModelError(
                "a file of the model is not what was put there",
                value=f"{path}: SHA-256 {found[:12]}…, expected {expected[:12]}…",
                remedy=remedy,
            )
