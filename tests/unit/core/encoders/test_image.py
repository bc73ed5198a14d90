from __future__ import annotations

import csv
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

from etalage.core.encoders import image, image_manifest
from etalage.core.encoders.image import ImageEncoder, prepare
from etalage.core.encoders.image_manifest import Preprocessing
from etalage.core.errors import ConfigError, ModelError, ModelNotFound

from ....conftest import unavailable
from ....towers import SIDE, SMALL, write_model


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_model(tmp_path / "tower.onnx")


@pytest.fixture
def models(tmp_path: Path, file: Path) -> Path:
    image.add(tmp_path / "models", "tiny", file, preprocessing=SMALL, paired_text="words")
    return tmp_path / "models"


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (SIDE, SIDE)) -> Image.Image:
    return Image.new("RGB", size, colour)


def noise(seed: int, width: int = 20, height: int = 14) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def tiny(models: Path) -> image_manifest.ImageManifest:
    (manifest,) = (one for one in image.available(models) if one.name == "tiny")
    return manifest


def test_a_model_is_added_with_what_is_known_of_it(models: Path) -> None:
    assert {path.name for path in (models / "tiny").iterdir()} == {"model.onnx", "manifest.json"}
    assert [path.name for path in models.iterdir() if not path.name.endswith(".lock")] == ["tiny"]
    manifest = tiny(models)
    assert (manifest.kind, manifest.name, manifest.source, manifest.dim) == ("image", "tiny", "tower.onnx", 6)
    assert (manifest.input, manifest.output, manifest.paired_text) == ("picture", "vector", "words")
    assert manifest.preprocessing == SMALL


def test_vectors_are_the_features_at_unit_length(models: Path) -> None:
    encoder = image.load(models, "tiny")
    assert (encoder.name, encoder.dim, encoder.paired_text) == ("tiny", 6, "words")
    # Means 0.6, 0.8 and 0 twice over have the length √2.
    vector = encoder.encode_one(plain((153, 204, 0)))
    np.testing.assert_allclose(vector, np.array([0.6, 0.8, 0, 0.6, 0.8, 0]) / np.sqrt(2), atol=1e-6)
    assert vector.dtype == np.float32


def test_a_picture_without_features_gets_one_axis(models: Path) -> None:
    np.testing.assert_array_equal(image.load(models, "tiny").encode_one(plain((0, 0, 0))), [1, 0, 0, 0, 0, 0])


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_vector_does_not_depend_on_its_neighbours(models: Path, threads: int) -> None:
    encoder = image.load(models, "tiny", threads)
    pictures = [noise(1), Image.fromarray(noise(2)), noise(3)[:, :, 0], plain((9, 9, 9)), noise(4, 3, 40)]
    vectors = encoder.encode(pictures)
    assert vectors.shape == (5, 6) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    for picture, vector in zip(pictures, vectors, strict=True):
        np.testing.assert_array_equal(encoder.encode_one(picture), vector)
    assert encoder.encode([]).shape == (0, 6)


def test_several_threads_may_encode_at_once(models: Path) -> None:
    encoder = image.load(models, "tiny")
    pictures = [noise(seed) for seed in range(12)]
    expected = encoder.encode(pictures)
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(encoder.encode(pictures))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    for vectors in found:
        np.testing.assert_array_equal(vectors, expected)


def test_an_array_and_its_picture_have_the_same_vector(models: Path) -> None:
    encoder = image.load(models, "tiny")
    flipped = noise(5)[:, ::-1]  # not contiguous
    np.testing.assert_array_equal(encoder.encode_one(flipped), encoder.encode_one(Image.fromarray(flipped.copy())))


@pytest.mark.parametrize(
    "picture",
    [
        Image.new("RGBA", (4, 4)),
        Image.new("CMYK", (4, 4)),
        Image.new("P", (4, 4)),
        Image.new("RGB", (0, 4)),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros(4, np.uint8),
    ],
)
def test_what_is_no_rgb_picture_is_refused(models: Path, picture: Any) -> None:
    with pytest.raises(ConfigError, match="no RGB or grey picture: .*Decode it to RGB"):
        image.load(models, "tiny").encode([picture])


# Preprocessing


def test_the_middle_is_kept() -> None:
    """20 × 10, left half red and right half blue, with a green column at each end that the crop leaves out."""
    picture = np.zeros((10, 20, 3), np.uint8)
    picture[:, :10, 0] = picture[:, 10:, 2] = 255
    picture[:, (0, 19)] = (0, 255, 0)
    pixels = prepare(picture, Preprocessing(size=10, crop=10))
    assert pixels.shape == (1, 3, 10, 10) and pixels.dtype == np.float32
    np.testing.assert_array_equal(pixels[0, 0], [[1] * 5 + [0] * 5] * 10)
    np.testing.assert_array_equal(pixels[0, 2], [[0] * 5 + [1] * 5] * 10)
    assert not pixels[0, 1].any()


@pytest.mark.parametrize("size", [(37, 20), (20, 37), (20, 20), (333, 250), (8, 9)])
def test_cropping_at_once_is_cropping_what_was_resized(size: tuple[int, int]) -> None:
    picture = Image.fromarray(noise(6, *size)).filter(ImageFilter.GaussianBlur(2))
    how = Preprocessing(size=32, crop=24)
    scale = 32 / min(size)
    resized = picture.resize((round(size[0] * scale), round(size[1] * scale)), Image.Resampling.BICUBIC)
    left, top = round((resized.width - 24) / 2), round((resized.height - 24) / 2)
    expected = np.asarray(resized.crop((left, top, left + 24, top + 24)), np.float32).transpose(2, 0, 1) / 255
    # Which axis Pillow resizes first depends on the sizes, and it rounds in between.
    np.testing.assert_allclose(prepare(picture, how)[0], expected, atol=2.01 / 255)


@pytest.mark.parametrize("fit", ["crop", "pad"])
@pytest.mark.parametrize("size", [(60_000, 1), (1, 60_000), (1, 1)])
def test_a_strip_costs_no_more_than_a_picture(size: tuple[int, int], fit: image_manifest.Fit) -> None:
    pixels = prepare(plain((255, 0, 0), size), Preprocessing(size=224, crop=224, fit=fit))
    assert pixels.shape == (1, 3, 224, 224) and pixels[0, 0].max() == 1


def test_padding_keeps_all_and_fills_the_rest() -> None:
    """4 × 2 black onto 4 × 4: a row above and one below are of the background."""
    how = Preprocessing(size=4, crop=4, fit="pad", background=(255, 51, 0))
    pixels = prepare(plain((0, 0, 0), (4, 2)), how)
    np.testing.assert_array_equal(pixels[0, 0], [[1] * 4, [0] * 4, [0] * 4, [1] * 4])
    np.testing.assert_allclose(pixels[0, 1], np.array([[1] * 4, [0] * 4, [0] * 4, [1] * 4]) * 0.2, atol=1e-6)
    assert not pixels[0, 2].any()


def test_a_smaller_size_pads_all_around() -> None:
    pixels = prepare(plain((0, 0, 0), (50, 50)), Preprocessing(size=2, crop=4, fit="pad"))
    np.testing.assert_array_equal(pixels[0, 0], [[1, 1, 1, 1], [1, 0, 0, 1], [1, 0, 0, 1], [1, 1, 1, 1]])


def test_channels_are_scaled_one_by_one() -> None:
    how = Preprocessing(size=1, crop=1, scale=0.5, mean=(1, 2, 3), std=(1, 2, 4))
    # (10/2 - 1) / 1, (20/2 - 2) / 2, (30/2 - 3) / 4
    np.testing.assert_array_equal(prepare(plain((10, 20, 30)), how).ravel(), [4, 4, 3])


def test_denoising_takes_single_pixels_out() -> None:
    picture = np.full((8, 8, 3), 100, np.uint8)
    picture[4, 4] = 255
    noisy, clean = (prepare(picture, Preprocessing(size=8, crop=8, scale=1, denoise=on)) for on in (False, True))
    assert noisy.max() == 255 and (clean == 100).all()


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"size": 7, "crop": 8}, "crop 8 does not fit into size 7"),
        ({"size": 9, "crop": 8, "fit": "pad"}, "size 9 does not fit into crop 8"),
        ({"std": (1, 0, 1)}, "std.1"),
        ({"mean": (0, float("nan"), 0)}, "mean.1"),
        ({"scale": 0}, "scale"),
        ({"fit": "stretch"}, "fit"),
        ({"background": (0, 0, 256)}, "background.2"),
        ({"sise": 3}, "sise"),
    ],
)
def test_wrong_preprocessing_is_refused(tmp_path: Path, file: Path, given: dict[str, Any], match: str) -> None:
    with pytest.raises(ConfigError, match=f"the preprocessing is not valid: .*{match}"):
        image.add(tmp_path / "models", "tiny", file, preprocessing=given)
    assert not (tmp_path / "models" / "tiny").exists()


# The cache


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"shape": ("n", SIDE, SIDE)}, r"does not take float32 \[n, 3, 8, 8\]"),
        ({"shape": ("n", SIDE, SIDE, 3)}, "does not take float32.*Set `crop`"),
        ({"shape": ("n", 3, 16, 16)}, "does not take float32.*Set `crop`"),
        ({"shape": (2, 3, SIDE, SIDE)}, "does not take float32"),
        ({"dtype": "UINT8"}, r"does not take float32.*tensor\(uint8\)"),
        ({"outputs": 2}, r"one input and one output: .*1 and 2 \(picture, vector, whole\)"),
        ({"pooled": False}, "not one vector per picture.*Export it with pooling"),
        ({"weight": float("nan")}, "no finite features"),
        ({"weight": 0.0}, "no finite features"),
    ],
)
def test_a_model_of_another_form_is_refused(tmp_path: Path, options: dict[str, Any], match: str) -> None:
    path = write_model(tmp_path / "other.onnx", **options)
    with pytest.raises(ModelError, match=match):
        image.add(tmp_path / "models", "tiny", path, preprocessing=SMALL)
    assert [path.name for path in (tmp_path / "models").iterdir()] == [".tiny.lock"]


def test_open_axes_are_taken(tmp_path: Path) -> None:
    path = write_model(tmp_path / "open.onnx", shape=("n", 3, "height", "width"))
    assert image.add(tmp_path / "models", "tiny", path, preprocessing={"size": 12, "crop": 10}).dim == 6


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(ModelError, match="cannot be loaded"):
        image.add(tmp_path / "models", "tiny", tmp_path / "text.onnx")
    with pytest.raises(ModelNotFound, match="no such model file"):
        image.add(tmp_path / "models", "tiny", tmp_path / "none.onnx")


@pytest.mark.parametrize("name", ["", "../x", ".hidden", "a/b", "hashing"])
def test_a_name_must_be_free_and_of_one_folder(tmp_path: Path, file: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="no model name|name is taken"):
        image.add(tmp_path / "models", name, file, preprocessing=SMALL)


def test_a_text_encoder_is_neither_replaced_nor_loaded(models: Path, file: Path) -> None:
    (models / "words").mkdir()
    (models / "words" / "manifest.json").write_text(json.dumps({"format": 1, "name": "words"}))
    with pytest.raises(ConfigError, match="another model has this name"):
        image.add(models, "words", file, preprocessing=SMALL)
    with pytest.raises(ModelError, match="no image encoder"):
        image.load(models, "words")
    assert [manifest.name for manifest in image.available(models)] == [image.SAMPLE_SHOP, "tiny"]


def test_adding_again_replaces(models: Path, tmp_path: Path) -> None:
    before = image.load(models, "tiny")
    image.add(models, "tiny", write_model(tmp_path / "new.onnx", bias=1.0), preprocessing=SMALL)
    after = image.load(models, "tiny")
    assert after.fingerprint != before.fingerprint
    assert before.encode_one(plain((0, 0, 0)))[1] == 0 and after.encode_one(plain((0, 0, 0)))[1] > 0


def test_an_unknown_name_says_which_there_are(models: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="no such image encoder.*: other in .*use one of: .*tiny"):
        image.load(models, "other")
    with pytest.raises(ModelNotFound, match="Add one from an ONNX file"):
        image.load(tmp_path / "nowhere", "other")
    assert [one.name for one in image.available(tmp_path / "nowhere")] == [image.SAMPLE_SHOP]


def test_a_changed_byte_is_found(models: Path) -> None:
    path = models / "tiny" / "model.onnx"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"not what was put there: .*model.onnx: SHA-256"):
        image.load(models, "tiny")
    path.unlink()
    with pytest.raises(ModelError, match="cannot be read.*Add the model"):
        image.load(models, "tiny")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda raw: raw | {"format": 2}, "in another format: .*Update Etalage"),
        (lambda raw: raw | {"format": 0}, "in another format: .*Add the model"),
        (lambda raw: raw | {"dim": 0}, "is not valid: .*dim"),
        (lambda raw: raw | {"more": 1}, "is not valid: .*more"),
        (lambda raw: raw | {"files": {}}, "is not complete"),
        (lambda raw: [raw], "no image encoder"),
        (lambda raw: raw | {"dim": 7}, r"not give a finite vector of its size: tiny: \[1, 6\], expected \[1, 7\]"),
    ],
)
def test_a_manifest_is_checked(models: Path, change: Callable[[Any], Any], match: str) -> None:
    path = models / "tiny" / "manifest.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(ModelError, match=match):
        image.load(models, "tiny")


def test_the_fingerprint_follows_what_decides_the_vectors_only(models: Path) -> None:
    manifest = tiny(models)
    assert len(manifest.fingerprint) == 16 and int(manifest.fingerprint, 16) >= 0
    same = manifest.model_copy(update={"name": "other", "source": "x", "created_by": "x", "paired_text": None})
    assert same.fingerprint == manifest.fingerprint
    seen = {manifest.fingerprint, manifest.model_copy(update={"files": {"model.onnx": "0" * 64}}).fingerprint}
    for change in ({"size": 9}, {"fit": "pad"}, {"mean": (0, 0, 1)}, {"denoise": True}, {"resample": "lanczos"}):
        how = Preprocessing.model_validate(SMALL.model_dump() | change)
        seen.add(manifest.model_copy(update={"preprocessing": how}).fingerprint)
    assert len(seen) == 7


def test_no_threads_are_refused(models: Path) -> None:
    with pytest.raises(ConfigError, match="at least one thread"):
        image.load(models, "tiny", 0)


# Real pictures


@pytest.mark.data
def test_phone_photos_find_their_product(tmp_path: Path) -> None:
    """296 photos, 81 products; the backbone's own card says recall@1 33.4 % and recall@5 67.6 %."""
    data = Path(os.environ.get("ETALAGE_DATA") or "../shared/data")
    grocery, backbone = data / "grocery", data / "models" / "mobilenet_v2_int8.onnx"
    if not grocery.is_dir() or not backbone.is_file():
        unavailable("data", "no grocery pictures or no image backbone (ETALAGE_DATA)")
    manifest = image.add(tmp_path, "mobilenet", backbone)
    assert manifest.dim == 1280

    encoder = image.load(tmp_path, "mobilenet")

    def encoded(encoder: ImageEncoder, paths: list[str]) -> Any:
        return encoder.encode(
            [ImageOps.exif_transpose(Image.open(grocery / path.strip("/"))).convert("RGB") for path in paths]
        )

    with open(grocery / "classes.csv", encoding="utf-8", newline="") as file:
        products = list(csv.DictReader(file))
    photos = [line.split(", ") for line in (grocery / "val.txt").read_text().splitlines() if line.strip()]
    kinds = np.array([int(product["Class ID (int)"]) for product in products])
    truth = np.array([int(kind) for _, kind, _ in photos])
    vectors = encoded(encoder, [product["Iconic Image Path (str)"] for product in products])
    scores = encoded(encoder, [path for path, _, _ in photos]) @ vectors.T
    best = kinds[np.argsort(-scores, axis=1, kind="stable")]
    assert scores.shape == (296, 81)
    assert (best[:, 0] == truth).mean() == pytest.approx(0.334, abs=0.02)
    assert (best[:, :5] == truth[:, None]).any(axis=1).mean() == pytest.approx(0.676, abs=0.02)


# the package's own
def test_the_sample_shops_tower_is_known_by_name(models: Path) -> None:
    tower = image.load(models, image.SAMPLE_SHOP)
    assert (tower.name, tower.paired_text) == ("sample-shop", "all-MiniLM-L6-v2")
    assert [one.name for one in image.available(models)] == [image.SAMPLE_SHOP, "tiny"]
    size = sum(path.stat().st_size for path in (image.PACKAGED / image.SAMPLE_SHOP).iterdir())
    assert size < 1_000_000


def test_one_of_the_cache_comes_before_it(models: Path, file: Path) -> None:
    own = image.add(models, image.SAMPLE_SHOP, file, preprocessing=SMALL)
    assert image.load(models, image.SAMPLE_SHOP).fingerprint == own.fingerprint
    assert own in image.available(models)
