"""Groceries from a phone: photos find the product that they show, as well as the model's own figures promise."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from PIL import Image, ImageOps

from indexer.reindex import Options
from opensearch.embedded import EmbeddedEngine
from ranker.search import Ask
from workers import coordinate, parts
from workers.vision import Vision

from ..conftest import unavailable
from .test_magento import DATA, histogram, settings_in

pytestmark = [pytest.mark.data, pytest.mark.worker]

GROCERY = DATA / "grocery"
PROMISED = (0.334, 0.676)
COLOURS = (0.098, 0.426)
CLOSE = 0.02
"""recall@1 and @5 that the data's description gives for the model and for a histogram, and how far off ours may be."""

PRODUCTS, PHOTOS = 81, 296


@pytest.fixture(scope="module")
def catalog() -> Mapping[str, dict[str, Any]]:
    """The products by class number."""
    if not GROCERY.is_dir():
        unavailable("data", "no grocery (ETALAGE_DATA)")
    found = {}
    with open(GROCERY / "classes.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            text = GROCERY / row["Product Description Path (str)"].lstrip("/")
            found[row["Class ID (int)"]] = {
                "id": row["Class ID (int)"],
                "title": row["Class Name (str)"].replace("-", " "),
                "category": [row["Coarse Class Name (str)"].replace("-", " ")],
                "description": text.read_text(encoding="utf-8"),
                "images": [row["Iconic Image Path (str)"].lstrip("/")],
            }
    return found


@pytest.fixture(scope="module")
def photos(catalog: Mapping[str, dict[str, Any]]) -> list[tuple[bytes, str]]:
    """Photos, and the class of what they show."""
    lines = (GROCERY / "val.txt").read_text(encoding="utf-8").splitlines()
    named = [[part.strip() for part in line.split(",")] for line in lines if line.strip()]
    return [((GROCERY / name).read_bytes(), label) for name, label, _ in named]


@pytest.fixture(scope="module")
def vision(
    catalog: Mapping[str, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Vision, EmbeddedEngine, Any]]:
    """The indexed catalog: what turns photos into vectors, the engine, and what answers searches."""
    folder: Path = tmp_path_factory.mktemp("grocery")
    settings = settings_in(folder, "home")
    feed = folder / "feed.jsonl"
    feed.write_bytes(b"\n".join(map(orjson.dumps, catalog.values())))
    options = Options(max_bad="0", pictures=str(GROCERY.absolute()))
    summary = coordinate.index_feed(settings, feed, options)
    assert summary["indexed"] == summary["encoded"]["image"] == PRODUCTS and summary["pictures"] == []
    engine = EmbeddedEngine(settings)
    yield Vision(settings, engine), engine, parts.searcher_of(settings, engine)
    engine.close()


def test_photos_find_their_product(
    vision: tuple[Vision, EmbeddedEngine, Any],
    catalog: Mapping[str, dict[str, Any]],
    photos: list[tuple[bytes, str]],
) -> None:
    seeing, _, searcher = vision
    assert (len(catalog), len(photos)) == (PRODUCTS, PHOTOS)
    ids = list(catalog)
    colours = np.array([histogram(opened((GROCERY / catalog[id]["images"][0]).read_bytes())) for id in ids])
    ours, peer = [], []
    for data, label in photos:
        hits = searcher.search(Ask("", size=5, image=seeing.vector(data))).hits
        ours.append([hit.id for hit in hits].index(label) if label in {hit.id for hit in hits} else PRODUCTS)
        order = np.argsort(-(colours @ histogram(opened(data))), kind="stable")
        peer.append([ids[at] for at in order].index(label))
    print(f"\n{'recall of ' + str(PHOTOS) + ' photos':24} {'@1':>6} {'@5':>6}")
    for name, places in (("ours", ours), ("colours", peer)):
        print(f"{name:24} {recall(places, 1):6.1%} {recall(places, 5):6.1%}")
    for name, figures in (("promised", PROMISED), ("colours, as promised", COLOURS)):
        print(f"{name:24} {figures[0]:6.1%} {figures[1]:6.1%}")
    for depth, promised, colour in zip((1, 5), PROMISED, COLOURS, strict=True):
        assert recall(ours, depth) == pytest.approx(promised, abs=CLOSE)
        assert recall(ours, depth) > max(recall(peer, depth), colour)


def opened(data: bytes) -> Image.Image:
    return ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")


def recall(places: list[int], depth: int) -> float:
    return sum(place < depth for place in places) / len(places)
