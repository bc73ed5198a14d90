"""A simple picture of every product of the sample shop: the silhouette of its kind in its colour and pattern."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw

from etalage.demo.assortment import COLOURS
from etalage.demo.catalogue import KINDS
from etalage.demo.shop import Latent, Shop
from etalage.demo.silhouettes import SILHOUETTES

SIZE: Final = 160
"""Width and height of a picture in pixels."""

_FINE: Final = 2 * SIZE
_MARGIN: Final = 0.08
_UNPAINTED: Final = ((172, 178, 186), (198, 190, 176), (150, 160, 172), (205, 205, 208))
"""Colours of goods that come in no particular colour."""

RGB = tuple[int, int, int]
Mark = tuple[str, str, tuple[float, ...]]


@cache
def _marks(shape: str) -> tuple[Mark, ...]:
    marks = []
    for mark in SILHOUETTES[shape].split(";"):
        tone, form, *numbers = mark.split()
        marks.append((tone, form, tuple(float(number) for number in numbers)))
    return tuple(marks)


def draw(latent: Latent) -> Image.Image:
    """The picture of a product, RGB, `SIZE` × `SIZE`: kind, colour and pattern show, `latent.seed` varies the rest."""
    rng = random.Random(latent.seed)
    colour = COLOURS[latent.facets["colour"]] if "colour" in latent.facets else rng.choice(_UNPAINTED)
    colour = _shift(colour, rng.randint(-9, 9))
    ground = _shift((240, 240, 242), rng.randint(-10, 8))
    # White goods on a white ground would not be seen.
    if min(colour) > 215:
        ground = _shift(ground, -40)
    dark, light = _blend(colour, (0, 0, 0), 0.38), _blend(colour, (255, 255, 255), 0.42)
    tones = {"d": dark, "l": light, "k": (38, 38, 42), "w": (250, 250, 250), "g": (150, 176, 196), "x": ground}
    image = Image.new("RGB", (_FINE, _FINE), ground)
    pen = ImageDraw.Draw(image)
    pen.ellipse((0.14 * _FINE, 0.88 * _FINE, 0.86 * _FINE, 0.97 * _FINE), fill=_shift(ground, -18))
    cloth = _cloth(latent.facets.get("pattern", "plain"), colour, light if sum(colour) < 380 else dark)
    scale = _FINE * (1 - 2 * _MARGIN) / 100 * rng.uniform(0.88, 1.0)
    left = (_FINE - 100 * scale) / 2 + rng.uniform(-4, 4)
    top = (_FINE - 100 * scale) / 2 + rng.uniform(-2, 4)
    mirrored = rng.random() < 0.5
    for tone, form, numbers in _marks(KINDS[latent.kind].shape):
        points = _placed(form, numbers, scale, left, top, mirrored)
        width = numbers[-1] * scale
        if tone != "b":
            _put(pen, form, points, width, tones[tone])
            continue
        mask = Image.new("L", (_FINE, _FINE), 0)
        _put(ImageDraw.Draw(mask), form, points, width, 255)
        image.paste(cloth, (0, 0), mask)
    return image.reduce(2)


def _placed(
    form: str, numbers: tuple[float, ...], scale: float, left: float, top: float, mirrored: bool
) -> list[tuple[float, float]]:
    pairs = numbers if form in "ep" else numbers[:-1]
    points = [
        (left + scale * (100 - pairs[i] if mirrored else pairs[i]), top + scale * pairs[i + 1])
        for i in range(0, len(pairs), 2)
    ]
    if form in "reo" and mirrored:
        # A box needs its left edge first.
        (right, upper), (start, lower) = points
        points = [(start, upper), (right, lower)]
    return points


def _put(pen: ImageDraw.ImageDraw, form: str, points: list[tuple[float, float]], width: float, fill: RGB | int) -> None:
    if form == "r":
        pen.rounded_rectangle(points, radius=width, fill=fill)
    elif form == "e":
        pen.ellipse(points, fill=fill)
    elif form == "o":
        pen.ellipse(points, outline=fill, width=max(1, round(width)))
    elif form == "l":
        pen.line(points, fill=fill, width=max(1, round(width)), joint="curve")
    else:
        pen.polygon(points, fill=fill)


def _cloth(pattern: str, colour: RGB, second: RGB) -> Image.Image:
    """A canvas full of the pattern in two colours."""
    cloth = Image.new("RGB", (_FINE, _FINE), colour)
    pen = ImageDraw.Draw(cloth)
    if pattern == "striped":
        for x in range(0, _FINE, 28):
            pen.rectangle((x, 0, x + 11, _FINE), fill=second)
    elif pattern == "dotted":
        for row, y in enumerate(range(8, _FINE, 26)):
            for x in range(8 + 15 * (row % 2), _FINE, 30):
                pen.ellipse((x - 6, y - 6, x + 6, y + 6), fill=second)
    elif pattern == "checked":
        half = _blend(colour, second, 0.5)
        for x in range(0, _FINE, 36):
            pen.rectangle((x, 0, x + 17, _FINE), fill=half)
        for y in range(0, _FINE, 36):
            for x in range(0, _FINE, 18):
                pen.rectangle((x, y, x + 17, y + 17), fill=second if x // 18 % 2 == 0 else half)
    return cloth


def _blend(first: RGB, second: RGB, share: float) -> RGB:
    """`first` with `share` of `second`."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _shift(colour: RGB, by: int) -> RGB:
    red, green, blue = (min(255, max(0, channel + by)) for channel in colour)
    return red, green, blue


def write_pictures(shop: Shop, folder: Path) -> int:
    """Draw every product that has an image, as PNG at its path from the feed under `folder`; returns how many."""
    written = 0
    for product in shop.products:
        for relative in product.images:
            target = folder / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            draw(shop.latents[product.id]).save(target, format="PNG", compress_level=4)
            written += 1
    return written
