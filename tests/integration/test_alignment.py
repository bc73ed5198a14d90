"""Words find pictures of products that the alignment has not seen: Magento's 147 parents, by their own pictures.

Each seed holds out 30 % of the parents with all their variants; `-s` prints the figures, with ETALAGE_ALIGN_ALL=1 also those
of each way to fit, which takes minutes. Texts are the passages that would be indexed, which hold no SKU.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from PIL import Image, ImageOps

from etalage.core.encoders import Encoder, image
from etalage.core.encoders import alignment as serving
from etalage.core.errors import EtalageError
from etalage.core.settings import load
from indexer import documents
from ranker.training import alignment
from ranker.training.projection import Linear, Pairs, Way, ranks
from workers import parts

from ..conftest import unavailable

pytestmark = pytest.mark.data

DATA = Path(os.environ.get("ETALAGE_DATA") or "../shared/data")
FEED = DATA / "magento" / "fixtures" / "ConfigurableSampleData" / "fixtures" / "products.csv"
BACKBONE = DATA / "models" / "mobilenet_v2_int8.onnx"
SEEDS: Final = range(5)
WAYS: Final[tuple[Way, ...]] = ("ridge", "contrastive", "both") if os.environ.get("ETALAGE_ALIGN_ALL") else ()
AS_IT_IS = Linear(np.zeros(1280, np.float32), np.eye(1280, dtype=np.float32))


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    """The feed's products, parents first: a group's first product is what is measured."""
    if not FEED.is_file() or not BACKBONE.is_file():
        unavailable("data", "no magento or no image backbone (ETALAGE_DATA)")
    with open(FEED, encoding="utf-8", newline="") as file:
        return sorted(csv.DictReader(file), key=lambda row: row["product_type"] != "configurable")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    try:
        return parts.encoder_of(load(home=tmp_path_factory.mktemp("home"), opensearch_url=""))
    except EtalageError as error:
        unavailable("encoder", str(error))
        raise


@pytest.fixture(scope="module")
def pairs(rows: list[dict[str, str]], encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Pairs:
    models = tmp_path_factory.mktemp("models")
    image.add(models, "mobilenet", BACKBONE)
    pictures = sorted({row["base_image"] for row in rows})
    opened = [Image.open(DATA / "magento" / "images" / path.lstrip("/")) for path in pictures]
    seen = image.load(models, "mobilenet").encode([ImageOps.exif_transpose(one).convert("RGB") for one in opened])
    where = {path: row for row, path in enumerate(pictures)}
    parents = {
        variant.split(",")[0].removeprefix("sku="): row["sku"]
        for row in rows
        for variant in row["configurable_variations"].split("|")
        if variant
    }
    texts = encoder.encode([documents.passage(_values(row)) for row in rows], kind="passage")
    images = seen[[where[row["base_image"]] for row in rows]]
    return Pairs(texts, images, [parents.get(row["sku"], row["sku"]) for row in rows])


def _values(row: dict[str, str]) -> dict[str, Any]:
    path = max((one.split("/")[1:] for one in row["categories"].split(",")), key=len)
    description = " ".join(re.sub(r"<[^>]+>|&\w+;", " ", row["description"]).split())
    return {"title": row["name"], "category": path, "description": description}


@pytest.mark.usefixtures("one_thread")
def test_words_find_pictures_of_unseen_products(
    pairs: Pairs, rows: list[dict[str, str]], encoder: Encoder, tmp_path: Path
) -> None:
    assert len(pairs.groups) == 1994 and len(set(pairs.groups)) == 147
    titles = {row["sku"]: row["name"] for row in rows}
    found: dict[str, list[Any]] = {arm: [] for arm in (*WAYS, "default", "int8", "titles", "random")}
    owners: list[str] = []
    chance = 0.0
    for seed in SEEDS:
        held, rest = pairs.split(0.3, seed)
        seen = held.firsts()
        owners += seen.groups
        chance = alignment.DEPTH / len(seen.groups)
        for way in WAYS:
            found[way].append(ranks(alignment.fit(rest.texts, rest.images, rest.groups, seed, (way,)).linear, seen))
        fitted = alignment.fit(rest.texts, rest.images, rest.groups, seed)
        found["default"].append(ranks(fitted.linear, seen))
        short = np.stack([encoder.encode_query(titles[group]) for group in seen.groups])
        found["titles"].append(ranks(fitted.linear, Pairs(short, seen.images, seen.groups)))
        found["int8"].append(ranks(AS_IT_IS, _served(fitted, rest, seen, seed, tmp_path)))
        found["random"].append(ranks(_turned(seed, seen), seen))
    print(f"\n{len(seen.groups)} held-out parents, {len(SEEDS)} seeds; chance {chance:.3f}")
    hits = {}
    for arm, values in found.items():
        joined = np.concatenate(values)
        hits[arm] = _by_parent(owners, joined <= alignment.DEPTH)
        above = alignment.interval(hits[arm] - chance)
        print(
            f"{arm:12} recall@10 {(joined <= 10).mean():.3f}  recall@1 {(joined <= 1).mean():.3f}  MRR {(1 / joined).mean():.3f}"
            f"  above chance {above['difference']:+.3f} [{above['low']:+.3f}, {above['high']:+.3f}]"
        )
    against = alignment.interval(hits["default"] - hits["random"])
    print(f"default - random {against}")
    assert alignment.interval(hits["default"] - chance)["low"] > 0
    assert alignment.interval(hits["int8"] - chance)["low"] > 0
    assert against["low"] > 0
    assert abs(np.mean(np.concatenate(found["int8"]) <= 10) - np.mean(np.concatenate(found["default"]) <= 10)) <= 0.02


def _served(fitted: alignment.Fitted, rest: Pairs, seen: Pairs, seed: int, folder: Path) -> Pairs:
    """The held-out pairs with their texts where the written and loaded model puts them."""
    model, _ = alignment.export(fitted, rest)
    manifest = serving.AlignmentManifest(
        fingerprint_text="t", fingerprint_image="i", dim_text=384, dim_image=1280, model="", sha256="",
        pairs=len(rest.groups), groups=len(set(rest.groups)), seed=seed, metrics={}, created_by="",
    )  # fmt: skip
    serving.save(folder, manifest, model)
    loaded = serving.load(folder)
    return Pairs(np.stack([loaded.query(text) for text in seen.texts]), seen.images, seen.groups)


def _turned(seed: int, seen: Pairs) -> Linear:
    basis = np.linalg.qr(np.random.default_rng(seed).standard_normal((1280, 384)))[0].T
    return Linear(seen.texts.mean(axis=0), np.ascontiguousarray(basis, np.float32))


def _by_parent(owners: list[str], hits: Any) -> Any:
    """Each parent's share of hits over the seeds that held it out: parents are what is drawn anew in an interval."""
    _, which = np.unique(owners, return_inverse=True)
    return np.bincount(which, hits) / np.bincount(which)
