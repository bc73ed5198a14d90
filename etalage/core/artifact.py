"""Trained models on disk: an ONNX file and a manifest, written as a whole, checked when read.

A folder of artifacts holds one sub-folder each and a `CURRENT` file that names the one in use; a new one is complete before
`CURRENT` names it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import orjson

from etalage.core.errors import ModelError, ModelNotFound
from etalage.core.text import fold

FORMAT: Final = 1
MODEL, MANIFEST, WEIGHTS, _CURRENT = "model.onnx", "manifest.json", "weights.npz", "CURRENT"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an artifact is.

    Attributes:
        name: unique, starts with the day it was made.
        features: names in the order of the model's input columns.
        contract: hash of the feature list (`ranker.features.contract_hash`).
        model_hash: SHA-256 of the ONNX file.
        queries: hashes of the queries it was trained on (`query_hash`), sorted.
        metrics: what the training report found.
        trained_on: a word on the data, for people.
        adapter: name of the adapter that was in use when it was trained (it moved the queries that it had not seen); empty for none.
    """

    name: str
    features: tuple[str, ...]
    contract: str
    model_hash: str
    queries: tuple[str, ...]
    metrics: Mapping[str, Any] = field(default_factory=dict)
    trained_on: str = ""
    adapter: str = ""
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Artifact:
    """A read artifact: its manifest, the bytes of its model, and the trainer's weights (npz) to go on from, if kept."""

    manifest: Manifest
    model: bytes
    weights: bytes = b""


def query_hash(query: str) -> str:
    """The hash that stands for a query in a manifest, alike for spellings that differ in case or blanks."""
    return sha256(fold(query).encode()).hexdigest()[:16]


def save(root: Path, manifest: Manifest, model: bytes, weights: bytes = b"") -> Path:
    """Write an artifact below `root` and make it the current one; its folder."""
    folder = write(root / manifest.name, manifest, model, weights)
    draft = root / f"{_CURRENT}.{uuid4().hex[:8]}"
    draft.write_text(manifest.name, encoding="utf-8")
    draft.replace(root / _CURRENT)
    return folder


def write(folder: Path, manifest: Manifest, model: bytes, weights: bytes = b"") -> Path:
    """Write an artifact as `folder`, which is replaced."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_name(f".{folder.name}-{uuid4().hex[:8]}")
    draft.mkdir()
    described = orjson.dumps(asdict(manifest), option=orjson.OPT_INDENT_2)
    for name, content in ((MODEL, model), (MANIFEST, described), *(((WEIGHTS, weights),) if weights else ())):
        with open(draft / name, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    if folder.exists():
        shutil.rmtree(folder)
    draft.rename(folder)
    return folder


def current(root: Path) -> Path | None:
    """The folder of the current artifact below `root`, or None."""
    try:
        return root / (root / _CURRENT).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None


def load(folder: Path, remedy: str = "Train again with `etalage train ranker`.") -> Artifact:
    """Read an artifact; `remedy` is what its errors say to do.

    Raises:
        ModelNotFound: a file is missing.
        ModelError: another format, or the model is not the one that the manifest describes.
    """
    try:
        fields = orjson.loads((folder / MANIFEST).read_bytes())
        model = (folder / MODEL).read_bytes()
        weights = (folder / WEIGHTS).read_bytes() if (folder / WEIGHTS).exists() else b""
    except FileNotFoundError as error:
        raise ModelNotFound("the artifact is incomplete", value=error.filename, remedy=remedy) from None
    except orjson.JSONDecodeError:
        raise ModelError("the artifact's manifest is not JSON", value=folder / MANIFEST, remedy=remedy) from None
    found = fields.get("format") if isinstance(fields, dict) else None
    if found != FORMAT:
        raise ModelError(f"the artifact has format {found}, this version reads {FORMAT}", value=folder, remedy=remedy)
    try:
        lists = {name: tuple(fields[name]) for name in ("features", "queries")}
        manifest = Manifest(**(fields | lists))
    except (KeyError, TypeError):
        raise ModelError(
            "the artifact's manifest lacks a field, or has a wrong one", value=folder / MANIFEST, remedy=remedy
        ) from None
    if sha256(model).hexdigest() != manifest.model_hash:
        raise ModelError("the model differs from what its manifest describes", value=folder / MODEL, remedy=remedy)
    return Artifact(manifest, model, weights)
