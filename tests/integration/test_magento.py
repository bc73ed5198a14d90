"""Magento's sample shop, from feed and photos to searches by picture: what is indexed, found, and encoded again.

The text encoder is the default one where the user's model cache has it, else the hashing one.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pytest
from PIL import Image, ImageEnhance

from etalage.core.encoders import image, sources
from etalage.core.settings import Settings, load
from indexer import delta, reindex
from indexer.reindex import Options
from opensearch.embedded import EmbeddedEngine
from ranker.search import Ask
from workers import coordinate, parts
from workers.vision import Vision

from ..conftest import unavailable

pytestmark = [pytest.mark.data, pytest.mark.worker]

DATA = Path(os.environ.get("ETALAGE_DATA", "../shared/data"))
MAGENTO = DATA / "magento"
BACKBONE = DATA / "models" / "mobilenet_v2_int8.onnx"
PRODUCTS = 1994
PARENTS = 147
OWN = 0.95
"""Share of the parents that their own picture must find."""

Row = dict[str, Any]


def histogram(picture: Image.Image) -> npt.NDArray[np.float64]:
    """The colours of a picture: 8 × 4 × 4 bins of hue, saturation and value, of unit length."""
    hue, saturation, value = np.moveaxis(np.asarray(picture.convert("HSV"), np.int64), -1, 0)
    counts = np.bincount((hue // 32 * 16 + saturation // 64 * 4 + value // 64).ravel(), minlength=128)
    scaled: npt.NDArray[np.float64] = counts / np.linalg.norm(counts)
    return scaled


def model_cache(folder: Path) -> tuple[Path, str]:
    """A cache with the image model, and the name of the text encoder in it."""
    if not BACKBONE.exists():
        unavailable("data", f"no {BACKBONE} (ETALAGE_DATA)")
    image.add(folder, "mobilenet", BACKBONE)
    known = load().models / sources.DEFAULT
    if not known.is_dir():
        return folder, "hashing"
    shutil.copytree(known, folder / sources.DEFAULT)
    return folder, sources.DEFAULT


def settings_in(folder: Path, home: str) -> Settings:
    """An embedded home in the folder that encodes pictures."""
    models, text = model_cache(folder / "models")
    return load(home=folder / home, opensearch_url="", models=models, text_model=text, image_model="mobilenet")


@dataclass
class Shop:
    """A feed, its pictures, and the home that they are indexed into."""

    settings: Settings
    rows: dict[str, Row]
    feed: Path
    pictures: Path

    def index(self) -> Mapping[str, Any]:
        """Index the feed as the command does."""
        self.feed.write_bytes(b"\n".join(map(orjson.dumps, self.rows.values())))
        options = Options(max_bad="0", pictures=str(self.pictures))
        return coordinate.index_feed(self.settings, self.feed, options)

    @cached_property
    def engine(self) -> EmbeddedEngine:
        """What was indexed; close it before indexing again."""
        return EmbeddedEngine(self.settings)

    def file(self, id: str) -> Path:
        """The picture of a product; Magento's paths begin with a slash."""
        return self.pictures / self.rows[id]["images"][0].lstrip("/")

    def generation(self) -> str:
        serving = self.engine.serving(self.settings.index)
        assert serving is not None
        return serving.name


def rows() -> dict[str, Row]:
    """Every SKU as a product; variants have their parent's SKU as their group, as the parent has."""
    with open(MAGENTO / "fixtures/ConfigurableSampleData/fixtures/products.csv", encoding="utf-8", newline="") as file:
        given = {row["sku"]: row for row in csv.DictReader(file)}
    groups: dict[str, str] = {}
    for sku, row in given.items():
        variants = [one.partition(",")[0] for one in row["configurable_variations"].split("|") if one]
        groups |= {one.removeprefix("sku="): sku for one in variants} | ({sku: sku} if variants else {})
    found = {}
    for sku, row in given.items():
        found[sku] = {
            "id": sku,
            "title": row["name"],
            "description": row["description"],
            "price": float(row["price"]),
            "category": row["categories"].split(",")[0].split("/")[1:],
            "images": [row["base_image"]],
            "variant_group": groups.get(sku, ""),
        }
    return found


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shop, Mapping[str, Any]]]:
    """The shop, indexed once, and the summary; not to be changed."""
    if not MAGENTO.is_dir():
        unavailable("data", "no magento (ETALAGE_DATA)")
    folder = tmp_path_factory.mktemp("magento")
    shop = Shop(settings_in(folder, "home"), rows(), folder / "feed.jsonl", (MAGENTO / "images").absolute())
    summary = shop.index()
    yield shop, summary
    shop.engine.close()


@pytest.fixture
def copied(indexed: tuple[Shop, Mapping[str, Any]], tmp_path: Path) -> Iterator[Shop]:
    """A copy of the indexed shop, to be changed."""
    whole, _ = indexed
    shutil.copytree(whole.settings.home, tmp_path / "home")
    shutil.copytree(whole.pictures, tmp_path / "pictures", copy_function=shutil.copyfile)
    settings = whole.settings.model_copy(update={"home": tmp_path / "home"})
    shop = Shop(settings, {id: dict(row) for id, row in whole.rows.items()}, tmp_path / "feed", tmp_path / "pictures")
    yield shop
    shop.engine.close()


def test_every_product_is_indexed_with_its_picture(indexed: tuple[Shop, Mapping[str, Any]]) -> None:
    shop, summary = indexed
    assert len(shop.rows) == PRODUCTS
    assert (summary["read"], summary["indexed"], summary["quarantined"]) == (PRODUCTS, PRODUCTS, 0)
    missing = {id for id in shop.rows if not shop.file(id).is_file()}
    assert {id for id, _ in summary["pictures"]} == missing, summary["pictures"][:5]
    vectors = shop.engine.vectors(shop.generation(), list(shop.rows))
    assert {id for id, (_, seen) in vectors.items() if seen is None} == missing
    assert summary["encoded"] == {"text": PRODUCTS, "image": PRODUCTS - len(missing)}


def test_variants_are_in_the_group_of_their_parent(indexed: tuple[Shop, Mapping[str, Any]]) -> None:
    shop, _ = indexed
    found = shop.engine.get(shop.generation(), list(shop.rows))
    assert {id: one.get("variant_group", "") for id, one in found.items()} == {
        id: row["variant_group"] for id, row in shop.rows.items()
    }
    groups = {one["variant_group"] for one in found.values() if "variant_group" in one}
    assert len(groups) == PARENTS and groups <= found.keys()


def cropped(picture: Image.Image) -> Image.Image:
    width, height = picture.size
    box = (round(width * 0.1), round(height * 0.1), round(width * 0.9), round(height * 0.9))
    return picture.crop(box)


ALTERED: Mapping[str, tuple[Callable[[Image.Image], Image.Image], Mapping[str, Any]]] = {
    "centre crop 80 %": (cropped, {"format": "PNG"}),
    "JPEG quality 40": (lambda picture: picture, {"format": "JPEG", "quality": 40}),
    "brightness +20 %": (lambda picture: ImageEnhance.Brightness(picture).enhance(1.2), {"format": "PNG"}),
    "brightness -20 %": (lambda picture: ImageEnhance.Brightness(picture).enhance(0.8), {"format": "PNG"}),
}


def saved(picture: Image.Image, **how: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, **how)
    return file.getvalue()


def test_a_parent_is_found_by_its_picture_and_by_altered_ones(indexed: tuple[Shop, Mapping[str, Any]]) -> None:
    """The first hit is of the parent's group and has the picture that was searched with; beside it a histogram of colours
    among the same products."""
    shop, _ = indexed
    files = {id: shop.file(id).read_bytes() for id in shop.rows}
    right: dict[str, set[str]] = defaultdict(set)
    for id, row in shop.rows.items():
        group = row["variant_group"]
        if group and files[id] == files[group]:
            right[group].add(id)
    assert len(right) == PARENTS
    ids = sorted(files)
    known = {data: histogram(Image.open(io.BytesIO(data)).convert("RGB")) for data in set(files.values())}
    colours = np.array([known[files[id]] for id in ids])
    vision, searcher = Vision(shop.settings, shop.engine), parts.searcher_of(shop.settings, shop.engine)

    def rates(queries: Mapping[str, bytes]) -> tuple[float, float]:
        ours = peer = 0
        for parent, data in queries.items():
            [hit] = searcher.search(Ask("", size=1, image=vision.vector(data))).hits
            ours += hit.id in right[parent]
            likeness = colours @ histogram(Image.open(io.BytesIO(data)).convert("RGB"))
            peer += ids[int(np.argmax(likeness))] in right[parent]
        return ours / len(queries), peer / len(queries)

    table = {"as it is": rates({parent: files[parent] for parent in right})}
    for name, (alter, how) in ALTERED.items():
        altered = {one: saved(alter(Image.open(io.BytesIO(files[one])).convert("RGB")), **how) for one in right}
        table[name] = rates(altered)
    print(f"\n{'first hit, of ' + str(len(right)):24} {'ours':>7} {'colours':>7}")
    for name, (ours, peer) in table.items():
        print(f"{name:24} {ours:7.1%} {peer:7.1%}")
    assert table["as it is"][0] >= OWN
    for name in ALTERED:
        assert table[name][0] > table[name][1], name


def encoded(summary: Mapping[str, Any]) -> tuple[int, int, int]:
    """Products that were written, texts and pictures that were encoded."""
    return summary["indexed"], summary["encoded"]["text"], summary["encoded"]["image"]


def test_an_unchanged_feed_encodes_nothing(copied: Shop) -> None:
    summary = copied.index()
    assert encoded(summary) == (0, 0, 0) and summary["unchanged"] == PRODUCTS


def test_a_changed_picture_is_encoded_alone(copied: Shop) -> None:
    """Of one product: most pictures are shared by the sizes of a variant."""
    users: dict[str, list[str]] = defaultdict(list)
    for id, row in copied.rows.items():
        users[row["images"][0]].append(id)
    [id] = next(ids for _, ids in sorted(users.items()) if len(ids) == 1)
    before = copied.engine.vectors(copied.generation(), [id])[id]
    copied.engine.close()
    del copied.engine
    path = copied.file(id)
    path.write_bytes(saved(Image.open(path).convert("RGB").transpose(Image.Transpose.ROTATE_90), format="JPEG"))
    assert encoded(copied.index()) == (1, 0, 1)
    after = copied.engine.vectors(copied.generation(), [id])[id]
    assert before[0] is not None and before[1] is not None and after[0] is not None and after[1] is not None
    np.testing.assert_array_equal(before[0], after[0])
    assert float(before[1] @ after[1]) < 0.999


def test_a_changed_price_encodes_nothing(copied: Shop) -> None:
    copied.rows["MH01"]["price"] = 49.5
    assert encoded(copied.index()) == (1, 0, 0)
    assert copied.engine.get(copied.generation(), ["MH01"])["MH01"]["price"] == 4950


def test_a_changed_title_encodes_its_text_alone(copied: Shop) -> None:
    copied.rows["MH01"]["title"] = "Hooded sweater of another name"
    assert encoded(copied.index()) == (1, 1, 0)


def test_a_patched_price_keeps_the_image_vector(copied: Shop) -> None:
    generation, settings = copied.generation(), copied.settings
    before = copied.engine.vectors(generation, ["MH01"])["MH01"]
    looks = parts.looks_of(settings, str(copied.pictures))
    assert looks is not None
    change = delta.read({"id": "MH01", "price": 4711, "op": "patch"}, delta.CANONICAL, reindex.moment())
    applied = delta.apply(copied.engine, parts.encoder_of(settings), settings.index, [change], looks)
    looks.close()
    assert [one.result for one in applied.results] == ["updated"]
    assert (applied.encoded_text, applied.encoded_image) == (0, 0)
    after = copied.engine.vectors(generation, ["MH01"])["MH01"]
    for was, now in zip(before, after, strict=True):
        assert was is not None and now is not None
        np.testing.assert_array_equal(was, now)
    assert copied.engine.get(generation, ["MH01"])["MH01"]["price"] == 4711
