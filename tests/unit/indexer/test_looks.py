"""Pictures become vectors, and only changed ones again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import orjson
import pytest
from PIL import Image

from etalage.core.encoders import image
from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.settings import load
from indexer import delta, ledger, reindex
from indexer.ledger import Entry
from indexer.looks import Looks
from indexer.pictures import PictureSource
from opensearch.embedded import EmbeddedEngine

from ...towers import SMALL, write_model

RED, BLUE = (255, 0, 0), (0, 0, 255)
ROWS = [
    {"id": "a", "title": "red shoe", "images": ["a.png", "other.png"]},
    {"id": "b", "title": "blue lamp", "images": "b.png"},
    {"id": "c", "title": "a chair"},
]


class Shop:
    """A feed with pictures in a folder."""

    def __init__(self, folder: Path, models: Path) -> None:
        self.folder, self.encoder = folder, HashingEncoder()
        self.engine = EmbeddedEngine(load(home=folder / "home"))
        self.looks = Looks(PictureSource(folder), image.load(models, "tiny"))
        self.paint("a.png", RED)
        self.paint("b.png", BLUE)

    def paint(self, name: str, colour: tuple[int, int, int]) -> None:
        Image.new("RGB", (20, 20), colour).save(self.folder / name)

    def index(self, *rows: object, looks: bool = True, **options: object) -> dict[str, object]:
        feed = self.folder / "feed.jsonl"
        feed.write_bytes(b"\n".join(map(orjson.dumps, rows or ROWS)))
        used = self.looks if looks else None
        chosen = reindex.Options(force=True, pictures="here", **options)  # type: ignore[arg-type]
        job = reindex.plan(self.engine, self.encoder, "shop", feed, chosen, looks=used)
        while reindex.work(self.engine, self.encoder, job.id, 0, "me", 60, {"here": used}.__getitem__):
            pass
        return reindex.finish(self.engine, job)

    def image(self, id: str) -> list[float] | None:
        serving = self.engine.serving("shop")
        assert serving is not None
        found = self.engine.vectors(serving.name, [id])[id][1]
        return None if found is None else (found / found.max()).round(1).tolist()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("models")
    image.add(folder, "tiny", write_model(folder / "tower.onnx"), preprocessing=SMALL)
    return folder


@pytest.fixture
def shop(tmp_path: Path, models: Path) -> Iterator[Shop]:
    made = Shop(tmp_path, models)
    yield made
    made.looks.close()
    made.engine.close()


def test_the_first_picture_of_each_product_is_encoded(shop: Shop) -> None:
    summary = shop.index()
    assert (summary["encoded"], summary["pictures"]) == ({"text": 3, "image": 2}, [])
    assert (shop.image("a"), shop.image("b"), shop.image("c")) == ([1, 0, 0] * 2, [0, 0, 1] * 2, None)
    serving = shop.engine.serving("shop")
    assert serving is not None
    assert (serving.spec.dim_image, serving.spec.model_image) == (6, "tiny")
    assert serving.spec.fingerprint_image == shop.looks.encoder.fingerprint


def test_only_what_changed_is_encoded_again(shop: Shop) -> None:
    shop.index()
    assert shop.index()["encoded"] == {"text": 0, "image": 0}
    shop.paint("a.png", BLUE)
    summary = shop.index()
    assert (summary["encoded"], summary["indexed"]) == ({"text": 0, "image": 1}, 1)
    assert shop.image("a") == [0, 0, 1] * 2
    dearer = {**ROWS[0], "price": 5}
    assert shop.index(dearer, *ROWS[1:])["encoded"] == {"text": 0, "image": 0}
    renamed = {**ROWS[0], "title": "red boot"}
    assert shop.index(renamed, *ROWS[1:])["encoded"] == {"text": 1, "image": 0}
    assert shop.image("a") == [0, 0, 1] * 2


@pytest.mark.parametrize("content", [None, b"", b"no picture", b"<svg/>"])
def test_a_bad_picture_is_told_and_its_product_is_indexed_without(shop: Shop, content: bytes | None) -> None:
    (shop.folder / "b.png").unlink()
    if content is not None:
        (shop.folder / "b.png").write_bytes(content)
    summary = shop.index()
    assert (summary["indexed"], summary["encoded"]) == (3, {"text": 3, "image": 1})
    ((id, reason),) = summary["pictures"]  # type: ignore[misc]
    assert id == "b" and "b.png" in reason
    assert shop.image("b") is None
    # It is tried again with every feed.
    shop.paint("b.png", BLUE)
    again = shop.index()
    assert (again["indexed"], again["encoded"], again["pictures"]) == (1, {"text": 0, "image": 1}, [])
    assert shop.image("b") == [0, 0, 1] * 2


def test_another_model_of_pictures_is_another_generation(shop: Shop, tmp_path: Path) -> None:
    assert shop.index(looks=False)["generation"] == "shop-000001"
    assert shop.index()["generation"] == "shop-000002"
    image.add(tmp_path / "m", "other", write_model(tmp_path / "o.onnx", weight=2.0), preprocessing=SMALL)
    shop.looks = Looks(PictureSource(tmp_path), image.load(tmp_path / "m", "other"))
    summary = shop.index()
    assert (summary["generation"], summary["encoded"]) == ("shop-000003", {"text": 3, "image": 2})


def test_vectors_in_the_feed_are_preferred(shop: Shop) -> None:
    summary = shop.index({**ROWS[0], "vec_image": [1, 1]}, ROWS[2])
    serving = shop.engine.serving("shop")
    assert serving is not None and (serving.spec.dim_image, serving.spec.fingerprint_image) == (2, "")
    assert summary["encoded"] == {"text": 2, "image": 1}


def test_a_patch_without_pictures_keeps_the_vector(shop: Shop) -> None:
    shop.index()
    changes = [delta.read({"id": "a", "price": 1}, delta.CANONICAL, reindex.moment())]
    applied = delta.apply(shop.engine, shop.encoder, "shop", changes)
    assert (applied.encoded_text, applied.encoded_image, shop.image("a")) == (0, 0, [1, 0, 0] * 2)
    assert shop.index({**ROWS[0], "price": 1}, *ROWS[1:])["encoded"] == {"text": 0, "image": 0}
    changes = [delta.read({"id": "a", "images": ["b.png"]}, delta.CANONICAL, reindex.moment())]
    applied = delta.apply(shop.engine, shop.encoder, "shop", changes, shop.looks)
    assert (applied.encoded_image, shop.image("a")) == (1, [0, 0, 1] * 2)
    changes = [delta.read({"id": "a", "images": ["none.png"]}, delta.CANONICAL, reindex.moment())]
    (result,) = delta.apply(shop.engine, shop.encoder, "shop", changes, shop.looks).results
    assert result.result == "updated" and "none.png" in result.picture and shop.image("a") is None


def test_what_it_would_cost_is_told_before(shop: Shop) -> None:
    entries = [Entry({"id": "a", "title": "red shoe", "images": ["a.png"]}), Entry({"id": "n", "title": "new"})]
    told = ledger.compare(shop.engine, None, shop.encoder, entries, shop.looks)
    assert told == {"new": 2, "changed": 0, "unchanged": 0, "text": 2, "image": 1}
    shop.index()
    told = ledger.compare(shop.engine, "shop-000001", shop.encoder, entries, shop.looks)
    assert told == {"new": 1, "changed": 1, "unchanged": 0, "text": 1, "image": 0}


def test_a_picture_is_encoded_as_it_is_alone(shop: Shop) -> None:
    shop.paint("c.png", (10, 200, 90))
    found = shop.looks.find(["a.png", "c.png", "a.png", "none.png"])
    assert list(found) == ["a.png", "c.png", "none.png"] and str(found["none.png"])
    seen = {name: one for name in ("c.png", "a.png") if not isinstance(one := found[name], ValueError)}
    vectors = shop.looks.encode(seen)
    alone = shop.looks.encoder.encode_one(Image.open(shop.folder / "c.png"))
    np.testing.assert_array_equal(vectors["c.png"], alone)
