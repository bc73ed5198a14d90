from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from etalage.demo import Latent, Shop, draw, make_shop, write_pictures
from etalage.demo.assortment import COLOURS
from etalage.demo.catalogue import KINDS
from etalage.demo.pictures import SIZE


def pixels(kind: str, colour: str = "red", pattern: str = "plain", seed: int = 1) -> np.ndarray:
    picture = draw(Latent(kind, {"colour": colour, "pattern": pattern}, "Halden", "", 0.5, seed=seed))
    assert picture.size == (SIZE, SIZE) and picture.mode == "RGB"
    return np.asarray(picture, dtype=np.int16)


def difference(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first - second).mean())


def test_the_colour_shows() -> None:
    middle = pixels("sofa", "red")[60:80, 60:100].reshape(-1, 3).mean(axis=0)
    assert np.abs(middle - np.array(COLOURS["red"])).max() < 30
    assert difference(pixels("sofa", "red"), pixels("sofa", "blue")) > 10


@pytest.mark.parametrize("pattern", ["striped", "dotted", "checked"])
def test_the_pattern_shows(pattern: str) -> None:
    assert difference(pixels("rug"), pixels("rug", pattern=pattern)) > 3


def test_the_kind_shows() -> None:
    assert difference(pixels("sofa"), pixels("bicycle")) > 10


def test_the_seed_varies_a_picture_and_nothing_else_does() -> None:
    assert difference(pixels("sofa", seed=1), pixels("sofa", seed=2)) > 0.5
    assert difference(pixels("sofa", seed=1), pixels("sofa", seed=1)) == 0.0


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_stands_out_from_its_ground(kind: str) -> None:
    for colour in ("white", "black"):
        picture = pixels(kind, colour)
        marked = (np.abs(picture - picture[0, 0]).max(axis=2) > 12).mean()
        assert 0.04 < marked < 0.9


def test_pictures_are_written_where_the_feed_says(tmp_path: Path) -> None:
    small = make_shop(2, len(KINDS))
    written = write_pictures(small, tmp_path)
    paths = [tmp_path / image for product in small.products for image in product.images]
    assert written == len(paths) > 100
    for path in paths:
        with Image.open(path) as picture:
            assert picture.size == (SIZE, SIZE)


def test_variants_in_two_colours_have_two_pictures(shop: Shop) -> None:
    groups: dict[str, list[Latent]] = {}
    for product in shop.products:
        if product.variant_group:
            groups.setdefault(product.variant_group, []).append(shop.latents[product.id])
    by_colour = ({latent.facets.get("colour"): latent for latent in group} for group in groups.values())
    pair = next(group for group in by_colour if {"red", "blue"} <= set(group))
    assert draw(pair["red"]).tobytes() != draw(pair["blue"]).tobytes()
