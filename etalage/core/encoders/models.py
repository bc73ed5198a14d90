"""The cache of exported encoders: one folder each, with model, tokenizer, probes and manifest.

An encoder is exported once (torch → fp32 ONNX → int8), compared with its original on probe texts, and refused if it is
not close enough. From then on it is loaded without torch. Folders appear and are replaced whole, under a lock.
"""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from etalage.core import onnx
from etalage.core.encoders import Encoder, Floats, Kind, cache, hashing, probes, sources
from etalage.core.encoders import manifest as manifests
from etalage.core.encoders.manifest import MODEL, PROBES, TOKENIZER, Manifest, Pooling
from etalage.core.encoders.text import EMBEDDING, IDS, MASK, TextEncoder, token_ids, tokenizer
from etalage.core.errors import ConfigError, ModelError, ModelNotFound
from etalage.core.settings import Settings

COSINE_MIN: Final = 0.95
COSINE_MEAN: Final = 0.98
OVERLAP: Final = 0.80
"""The parity gate: an int8 encoder is refused below any of these, measured against torch on the probe texts."""

QUANTIZATION: Final = "int8 dynamic per channel"


@dataclass(frozen=True, slots=True)
class Report:
    """What `check` found: int8 now against torch at export, int8 now against int8 at export, and seconds to load."""

    manifest: Manifest
    parity: onnx.Parity
    drift: onnx.Parity
    load_seconds: float


def ensure(settings: Settings) -> Encoder:
    """The encoder that the settings name; the default one is exported at first use if what that takes is installed.

    Raises:
        ModelNotFound: it is not in the cache; says how to get it there.
        ModelError: it is there but cannot be used.
    """
    try:
        return load(settings.models, settings.text_model, settings.threads)
    except ModelNotFound:
        # Only what is installed is exported unasked; nothing is fetched from elsewhere.
        needed = ("torch", "onnx", "transformers", sources.PACKAGED[sources.DEFAULT])
        if settings.text_model != sources.DEFAULT or not all(map(importlib.util.find_spec, needed)):
            raise
    export(sources.DEFAULT, models=settings.models, replace=False)
    return load(settings.models, settings.text_model, settings.threads)


def load(models: Path, name: str, threads: int = 2) -> Encoder:
    """An encoder of the cache, its files checked against their hashes; `hashing` is always there.

    Args:
        models: the cache.
        name: the model's name in it, or its hub name, whose last part that is.
        threads: texts encoded at a time.

    Raises:
        ModelNotFound: there is no such model.
        ModelError: its files are damaged or of another format.
    """
    if name == hashing.NAME:
        return hashing.HashingEncoder()
    folder = models / manifests.check_name(name.rsplit("/", 1)[-1])
    with cache.reading(models, folder.name):
        if not folder.is_dir():
            known = ", ".join([*(manifest.name for manifest in available(models)), hashing.NAME])
            command = "etalage models export" + ("" if name == sources.DEFAULT else f" {name}")
            raise ModelNotFound(
                "no such text encoder in the model cache",
                value=f"{name} in {models}",
                remedy=f"Run: {command}, or set ETALAGE_TEXT_MODEL to one of: {known}.",
            )
        manifest = manifests.read(folder)
        manifests.verify(folder, manifest.files, manifests.again(manifest.name))
        return TextEncoder(folder, manifest, threads=threads)


def available(models: Path) -> list[Manifest]:
    """The manifests of the encoders in the cache that can be read, by name."""
    found = []
    for folder in sorted(models.iterdir()) if models.is_dir() else ():
        if not folder.name.startswith(".") and (folder / manifests.MANIFEST).is_file():
            try:
                found.append(manifests.read(folder))
            except ModelError:
                continue
    return found


def tuned_on(models: Path, name: str) -> tuple[str, ...]:
    """`Manifest.queries` of an encoder in the cache; empty where it was not tuned, or is not there."""
    name = name.rsplit("/", 1)[-1]
    return next((one.queries for one in available(models) if one.name == name), ())


def check(models: Path, name: str) -> Report:
    """Load an encoder and compare it with what torch and it itself gave to the probe texts when it was exported.

    Raises:
        ModelNotFound: there is no such model.
        ModelError: its files are damaged, or its vectors are no longer close enough.
        ConfigError: the encoder has no model to check.
    """
    if name == hashing.NAME:
        raise ConfigError("this encoder has no model to check", value=name, remedy="Name an exported one.")
    start = time.perf_counter()
    encoder = load(models, name)
    seconds = time.perf_counter() - start
    folder = models / encoder.name
    return _compare(folder, manifests.read(folder), encoder, seconds)


def _compare(folder: Path, manifest: Manifest, encoder: Encoder, seconds: float) -> Report:
    try:
        with np.load(folder / PROBES, allow_pickle=False) as stored:
            texts, queries = stored["texts"].tolist(), stored["queries"]
            reference, quantized = stored["torch"], stored["int8"]
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            "the model's probes cannot be read", value=f"{folder / PROBES} ({error})", remedy="Export the model again."
        ) from None
    now = _encode(encoder, texts, queries)
    report = Report(
        manifest, onnx.vector_parity(reference, now, queries), onnx.vector_parity(quantized, now, queries), seconds
    )
    _gate(manifest.name, report.parity)
    return report


def pull(source: str, *, models: Path, name: str | None = None) -> Manifest:
    """Put a model into the cache: an exported one (of the hub, or a folder) as it is once checked, else by `export`.

    Args:
        source: a hub name, or a folder.
        models: the cache.
        name: its name there; the one it was exported under unless given.

    Raises:
        ConfigError, ModelNotFound, ModelError: as `sources.resolve`, `check` and `export`.
    """
    folder = sources.resolve(source).folder
    if not (folder / manifests.MANIFEST).is_file():
        return export(source, models=models, name=name)
    manifest = manifests.read(folder)
    manifests.verify(folder, manifest.files, manifests.again(manifest.name))
    manifest = manifest.model_copy(update={"name": manifests.check_name(name or manifest.name)})
    with cache.writing(models, manifest.name), cache.fresh(models, manifest.name) as target:
        for file in manifest.files:
            shutil.copyfile(folder / file, target / file)
        manifests.write(target, manifest)
        _compare(target, manifest, TextEncoder(target, manifest), 0.0)
        cache.place(target, models / manifest.name)
    return manifest


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a tuned model's folder does not say: the model that it was made from, and `Manifest.queries` and `trained_on`."""

    origin: str
    queries: tuple[str, ...]
    trained_on: str


def export(
    source: str, *, models: Path, name: str | None = None, replace: bool = True, tuned: Tuned | None = None
) -> Manifest:
    """Export a sentence-transformers model into the cache.

    Args:
        source: a folder, an installed package that carries weights, or a hub name.
        models: the cache; created if missing.
        name: its name there; the last part of the source unless given.
        replace: whether a model of that name is exported again.
        tuned: what it was made from and trained on, if it was trained here.

    Returns:
        The manifest, with the parity figures.

    Raises:
        ConfigError: the `train` extra is not installed, or source or name are not valid.
        ModelNotFound: the hub has no such model.
        ModelError: it cannot be fetched, read, traced or quantized, or int8 is too far from torch.
    """
    name = manifests.check_name(name or source.rstrip("/").rsplit("/", 1)[-1])
    if name == hashing.NAME:
        raise ConfigError("this name is taken by the encoder without a model", value=name, remedy="Choose another.")
    with cache.writing(models, name):
        if not replace and (models / name).is_dir():
            return manifests.read(models / name)
        torch, transformers = onnx.extra("torch"), onnx.extra("transformers")
        found = sources.resolve(source)
        origin = tuned.origin if tuned else found.origin
        card = sources.card(found.folder, origin)
        with cache.fresh(models, name) as target:
            _copy_tokenizer(transformers, found.folder, target / TOKENIZER)
            module = network(found.folder, card.pooling)
            with tempfile.TemporaryDirectory(dir=target) as scratch:
                fp32 = Path(scratch) / "fp32.onnx"
                # Two texts of unlike length, so that neither the number of texts nor the padding is traced as fixed.
                ids, mask = torch.ones(2, 9, dtype=torch.long), torch.ones(2, 9, dtype=torch.long)
                mask[1, 5:] = 0
                axes = {IDS: {0: "texts", 1: "tokens"}, MASK: {0: "texts", 1: "tokens"}, EMBEDDING: {0: "texts"}}
                onnx.export(module, (ids, mask), fp32, inputs=(IDS, MASK), outputs=(EMBEDDING,), dynamic=axes)
                onnx.quantize(fp32, target / MODEL)
            texts, flags = probes.texts()
            queries = np.array(flags)
            reference = _reference(torch, module, target, card, texts, queries)
            manifest = Manifest(
                name=name,
                source=origin,
                revision=found.revision or f"sha256:{_weights_hash(found.folder)[:16]}",
                dim=reference.shape[1],
                max_length=card.max_length,
                pooling=card.pooling,
                prefixes=card.prefixes,
                files={file: manifests.sha256(target / file) for file in (MODEL, TOKENIZER)},
                quantization=QUANTIZATION,
                parity={},
                created_by=cache.made_by(),
                queries=tuned.queries if tuned else (),
                trained_on=tuned.trained_on if tuned else "",
            )
            quantized = _encode(TextEncoder(target, manifest), texts, queries)
            parity = onnx.vector_parity(reference, quantized, queries)
            _gate(name, parity)
            np.savez_compressed(
                target / PROBES, texts=np.array(texts), queries=queries, torch=reference, int8=quantized
            )
            files = {**manifest.files, PROBES: manifests.sha256(target / PROBES)}
            figures = {key: round(value, 5) for key, value in asdict(parity).items()}
            manifest = manifest.model_copy(update={"files": files, "parity": figures})
            manifests.write(target, manifest)
            cache.place(target, models / name)
    return manifest


def _gate(name: str, parity: onnx.Parity) -> None:
    if parity.cosine_min < COSINE_MIN or parity.cosine_mean < COSINE_MEAN or parity.overlap < OVERLAP:
        raise ModelError(
            "the int8 encoder is too far from its original",
            value=f"{name}: cosine min {parity.cosine_min:.3f} (at least {COSINE_MIN}), mean {parity.cosine_mean:.3f} "
            f"({COSINE_MEAN}), neighbour overlap {parity.overlap:.3f} ({OVERLAP})",
            remedy="Export it again; if that gives the same, use another model.",
        )


def _encode(encoder: Encoder, texts: list[str], queries: npt.NDArray[np.bool_]) -> Floats:
    vectors = np.empty((len(texts), encoder.dim), np.float32)
    kinds: tuple[Kind, Kind] = ("passage", "query")
    for kind, rows in zip(kinds, (np.flatnonzero(~queries), np.flatnonzero(queries)), strict=True):
        vectors[rows] = encoder.encode([texts[row] for row in rows], kind=kind)
    return vectors


def network(folder: Path, pooling: Pooling) -> Any:
    """The transformer of a folder (`model`) with pooling and scaling to unit length, as one torch module of (ids, mask) int64
    [n, length].

    Raises:
        ConfigError: torch or transformers is not installed.
        ModelError: transformers cannot load it.
    """
    torch, transformers = onnx.extra("torch"), onnx.extra("transformers")
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    try:
        # The eager attention is the one that can be traced; safetensors hold weights only, never code.
        model = transformers.AutoModel.from_pretrained(
            str(folder), attn_implementation="eager", dtype=torch.float32, use_safetensors=True, local_files_only=True
        )
    except Exception as error:
        raise ModelError(
            "transformers cannot load the model", value=f"{folder} ({error})", remedy="Fetch the model again."
        ) from error

    class Pooled(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: Any, mask: Any) -> Any:
            hidden = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
            if pooling == "cls":
                pooled = hidden[:, 0]
            else:
                weights = mask.unsqueeze(-1).to(hidden.dtype)
                pooled = (hidden * weights).sum(1) / weights.sum(1)
            return torch.nn.functional.normalize(pooled, dim=-1)

    return Pooled().eval()


def _reference(
    torch: Any, module: Any, target: Path, card: sources.Card, texts: list[str], queries: npt.NDArray[np.bool_]
) -> Floats:
    cutter = tokenizer(target / TOKENIZER, card.max_length)
    rows = []
    threads = torch.get_num_threads()
    # Short texts are too little work to share: on busy cores torch's threads wait for each other for milliseconds per op.
    torch.set_num_threads(1)
    try:
        with torch.no_grad():
            for text, query in zip(texts, queries, strict=True):
                prefix = card.prefixes["query" if query else "passage"]
                ids = torch.tensor([token_ids(cutter, prefix + text, card.max_length)])
                rows.append(module(ids, torch.ones_like(ids)).numpy()[0])
    finally:
        torch.set_num_threads(threads)
    return np.stack(rows).astype(np.float32)


def _copy_tokenizer(transformers: Any, folder: Path, target: Path) -> None:
    if (folder / TOKENIZER).is_file():
        shutil.copyfile(folder / TOKENIZER, target)
        return
    try:
        transformers.AutoTokenizer.from_pretrained(str(folder), local_files_only=True).backend_tokenizer.save(
            str(target)
        )
    except Exception as error:
        raise ModelError(
            "the model's tokenizer cannot be read",
            value=f"{folder} ({error})",
            remedy="Use a model with tokenizer.json.",
        ) from error


def _weights_hash(folder: Path) -> str:
    weights = sorted(folder.glob("*.safetensors"))
    return manifests.sha256(weights[0]) if weights else ""
