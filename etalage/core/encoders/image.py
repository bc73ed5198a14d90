"""Encode pictures with an exported image model, and the cache of such models.

Image encoders share the cache with those of text: one folder each, with model and manifest, placed whole under a lock.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter
from pydantic import ValidationError

from etalage.core import onnx
from etalage.core.encoders import Floats, cache, hashing, image_manifest
from etalage.core.encoders.image_manifest import ImageManifest, Preprocessing
from etalage.core.encoders.manifest import MANIFEST, MODEL, check_name, sha256, verify
from etalage.core.errors import ConfigError, ModelError, ModelNotFound

Bytes = npt.NDArray[np.uint8]

Drawn = Image.Image | Bytes
"""A picture: RGB or grey, as PIL has it or as uint8 [height, width, 3] or [height, width]."""

PACKAGED: Final = Path(__file__).parent / "towers"
"""Image encoders that ship with the package, as in a model cache."""

SAMPLE_SHOP: Final = "sample-shop"
"""The one that the project trained on pictures of its own sample shop (`etalage.demo.tower`)."""

_FILTERS: Final = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


class ImageEncoder:
    """An image model; safe to call from several threads. Make it after a fork, not before.

    Each picture is one run of the model, as quantized models scale activations per run: a picture's vector depends on
    the picture and the `fingerprint` only, never on what it was encoded with.

    Args:
        folder: its folder in the model cache.
        manifest: what `image_manifest.read` gave for it.
        threads: pictures encoded at a time by `encode`; one picture uses one thread.

    Raises:
        ModelError: the model cannot be loaded, or gives vectors of another size.
    """

    def __init__(self, folder: Path, manifest: ImageManifest, *, threads: int = 2) -> None:
        if threads < 1:
            raise ConfigError("an encoder needs at least one thread", value=threads, remedy="Set ETALAGE_THREADS to 1.")
        self.name: Final = manifest.name
        self.dim: Final = manifest.dim
        self.fingerprint: Final = manifest.fingerprint
        self.paired_text: Final = manifest.paired_text
        self._manifest = manifest
        self._session = onnx.session(folder / MODEL)
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="picture") if threads > 1 else None
        self.encode_one(_probe(manifest.preprocessing.crop))

    def encode(self, pictures: Sequence[Drawn]) -> Floats:
        """Vectors of the pictures: float32 [n, dim], rows of unit length.

        Raises:
            ConfigError: one is not RGB or grey, or has no pixels.
            ModelError: the model failed.
        """
        vectors = np.empty((len(pictures), self.dim), np.float32)

        def fill(row: int) -> None:
            vectors[row] = self.encode_one(pictures[row])

        if self._pool is None or len(pictures) < 2:
            for row in range(len(pictures)):
                fill(row)
        else:
            for _ in self._pool.map(fill, range(len(pictures))):
                pass
        return vectors

    def encode_one(self, picture: Drawn) -> Floats:
        """The vector of one picture, on the calling thread: float32 [dim], unit length.

        Raises:
            ConfigError: it is not RGB or grey, or has no pixels.
            ModelError: the model failed.
        """
        pixels = prepare(picture, self._manifest.preprocessing)
        (vectors,) = onnx.run(self._session, {self._manifest.input: pixels})
        if vectors.shape != (1, self.dim) or not np.isfinite(vectors).all():
            raise ModelError(
                "the model does not give a finite vector of its size",
                value=f"{self.name}: {list(vectors.shape)}, expected [1, {self.dim}]",
                remedy=image_manifest.AGAIN,
            )
        # In float64: squares of large features would overflow, those of small ones vanish.
        features = vectors[0].astype(np.float64)
        length = float(np.linalg.norm(features))
        if length == 0:
            # The model saw nothing; one axis alone is of unit length and close to no picture that has features.
            features[0] = length = 1.0
        vector: Floats = (features / length).astype(np.float32)
        return vector


def prepare(picture: Drawn, how: Preprocessing) -> Floats:
    """The model's input for a picture: float32 [1, 3, crop, crop].

    Raises:
        ConfigError: the picture is not RGB or grey, or has no pixels.
    """
    image = _rgb(picture)
    width, height = image.size
    resample, side = _FILTERS[how.resample], how.crop
    if how.fit == "crop":
        # Only what is kept is computed: a picture of 100,000 × 1 pixels would be a huge one with its short side at `size`.
        scale = how.size / min(width, height)
        wide, high = max(side, round(width * scale)), max(side, round(height * scale))
        left, top = round((wide - side) / 2), round((high - side) / 2)
        x, y = width / wide, height / high
        box = (left * x, top * y, min(width, (left + side) * x), min(height, (top + side) * y))
        image = image.resize((side, side), resample, box=box)
    else:
        scale = how.size / max(width, height)
        inner = image.resize((max(1, round(width * scale)), max(1, round(height * scale))), resample)
        image = Image.new("RGB", (side, side), how.background)
        image.paste(inner, ((side - inner.width) // 2, (side - inner.height) // 2))
    if how.denoise:
        image = image.filter(ImageFilter.MedianFilter(3))
    mean, std = np.array(how.mean, np.float32), np.array(how.std, np.float32)
    values: Floats = (np.asarray(image, np.float32) * np.float32(how.scale) - mean) / std
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])


def _rgb(picture: Drawn) -> Image.Image:
    """The picture as RGB; transparency and other colour spaces are for who decoded it, not to be guessed here."""
    if isinstance(picture, Image.Image):
        sound = picture.mode in ("RGB", "L") and min(picture.size) > 0
        what = f"mode {picture.mode}, {picture.width} × {picture.height}"
    else:
        array = np.asarray(picture)
        layered = array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)
        sound = array.dtype == np.uint8 and layered and array.size > 0
        what = f"{array.dtype}{list(array.shape)}"
    if not sound:
        raise ConfigError(
            "this is no RGB or grey picture",
            value=what,
            remedy="Decode it to RGB, or to uint8 of height × width × 3.",
        )
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(np.ascontiguousarray(picture))
    return image if image.mode == "RGB" else image.convert("RGB")


def _probe(side: int) -> Bytes:
    """A picture with a gradient on each axis, so that a model that sees anything gives features."""
    ramp = np.linspace(0, 255, side).astype(np.uint8)
    across, down = np.meshgrid(ramp, ramp)
    return np.stack([across, down, 255 - across], axis=-1)


def add(
    models: Path,
    name: str,
    onnx_path: Path,
    *,
    preprocessing: Preprocessing | Mapping[str, Any] | None = None,
    source: str = "",
    paired_text: str | None = None,
) -> ImageManifest:
    """Put the ONNX file of an image model into the cache, in place of an image encoder of that name.

    Args:
        models: the cache; created if missing.
        name: its name there.
        onnx_path: the file: one input float32 [n, 3, height, width], one output [n, dim], weights inside.
        preprocessing: what comes before the model; for ImageNet models without own scaling, set mean and std.
        source: where it is from, for the reader; the file's name unless given.
        paired_text: the text encoder that shares its space.

    Raises:
        ConfigError: name or preprocessing are not valid, a text encoder has the name, or the cache cannot be written.
        ModelNotFound: there is no such file.
        ModelError: it is no model that can be run, or not of that form.
    """
    check_name(name)
    if name == hashing.NAME:
        raise ConfigError("this name is taken by the encoder without a model", value=name, remedy="Choose another.")
    try:
        how = Preprocessing.model_validate(preprocessing or {})
    except ValidationError as error:
        raise ConfigError(
            "the preprocessing is not valid",
            value=image_manifest.first_fault(error),
            remedy="See the model's card for size, crop, scale, mean and std.",
        ) from None
    if not onnx_path.is_file():
        raise ModelNotFound("there is no such model file", value=onnx_path, remedy="Give the path of an ONNX file.")
    with cache.writing(models, name), cache.fresh(models, name) as target:
        if (models / name).exists() and not image_manifest.is_image(models / name):
            raise ConfigError("another model has this name", value=models / name, remedy="Choose another name.")
        try:
            shutil.copyfile(onnx_path, target / MODEL)
        except OSError as error:
            raise ModelError(
                "the model file cannot be copied",
                value=f"{onnx_path} ({error.strerror})",
                remedy="Check file and disk.",
            ) from None
        session = onnx.session(target / MODEL)
        taken, given = _ports(session, how.crop, onnx_path)
        manifest = ImageManifest(
            name=name,
            source=source or onnx_path.name,
            dim=_features(session, taken, how, onnx_path),
            input=taken,
            output=given,
            preprocessing=how,
            paired_text=paired_text,
            files={MODEL: sha256(target / MODEL)},
            created_by=cache.made_by(),
        )
        image_manifest.write(target, manifest)
        cache.place(target, models / name)
    return manifest


def _ports(session: Any, crop: int, path: Path) -> tuple[str, str]:
    """Names of the input and the output of a session that has one of each, of the right form."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    form = f"float32 [n, 3, {crop}, {crop}]"
    if len(inputs) != 1 or len(outputs) != 1:
        names = ", ".join(port.name for port in [*inputs, *outputs])
        raise ModelError(
            "an image model has one input and one output",
            value=f"{path}: {len(inputs)} and {len(outputs)} ({names})",
            remedy="Export the image tower alone, with its embedding as the only output.",
        )
    (taken,), (given,) = inputs, outputs
    expected = (1, 3, crop, crop)
    fixed = [axis if isinstance(axis, int) and axis > 0 else None for axis in taken.shape]
    fits = len(fixed) == 4 and all(axis in (None, size) for axis, size in zip(fixed, expected, strict=True))
    if taken.type != "tensor(float)" or not fits:
        raise ModelError(
            f"the model does not take {form}",
            value=f"{path}: {taken.name} {taken.type} {taken.shape}",
            remedy="Set `crop` to its side, or export it with channels first, float32 and any number of pictures.",
        )
    if len(given.shape) != 2:
        raise ModelError(
            "the model's output is not one vector per picture",
            value=f"{path}: {given.name} {given.shape}",
            remedy="Export it with pooling, without the feature map.",
        )
    return taken.name, given.name


def _features(session: Any, taken: str, how: Preprocessing, path: Path) -> int:
    """Components of the vector that the model gives to a probe picture."""
    (vectors,) = onnx.run(session, {taken: prepare(_probe(how.crop), how)})
    if vectors.ndim != 2 or len(vectors) != 1 or not 1 <= vectors.shape[1] <= 65_536:
        raise ModelError(
            "the model's output is not one vector per picture",
            value=f"{path}: {list(vectors.shape)} for one picture",
            remedy="Export it with pooling, without the feature map.",
        )
    if not np.isfinite(vectors).all() or not vectors.any():
        raise ModelError(
            "the model gives no finite features to a picture",
            value=path,
            remedy="Check its weights, and scale, mean and std of the preprocessing.",
        )
    return int(vectors.shape[1])


def load(models: Path, name: str, threads: int = 2) -> ImageEncoder:
    """An image encoder of the cache, or of the package, its file checked against its hash.

    Args:
        models: the cache.
        name: the model's name in it.
        threads: pictures encoded at a time.

    Raises:
        ModelNotFound: there is no such image encoder.
        ModelError: its files are damaged or of another format.
    """
    folder = models / check_name(name)
    with cache.reading(models, name):
        if not (folder / MANIFEST).is_file():
            folder = PACKAGED / name
        if not (folder / MANIFEST).is_file():
            known = ", ".join(manifest.name for manifest in available(models))
            raise ModelNotFound(
                "no such image encoder in the model cache",
                value=f"{name} in {models}",
                remedy=f"Add one from an ONNX file, or use one of: {known}.",
            )
        manifest = image_manifest.read(folder)
        verify(folder, manifest.files, image_manifest.AGAIN)
        return ImageEncoder(folder, manifest, threads=threads)


def available(models: Path) -> list[ImageManifest]:
    """The manifests of the image encoders in the cache that can be read, and of those in the package, by name."""
    found: dict[str, ImageManifest] = {}
    for root in (PACKAGED, models):
        for folder in sorted(root.iterdir()) if root.is_dir() else ():
            if not folder.name.startswith(".") and image_manifest.is_image(folder):
                try:
                    found[folder.name] = image_manifest.read(folder)
                except ModelError:
                    continue
    return [found[name] for name in sorted(found)]
