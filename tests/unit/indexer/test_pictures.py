"""Pictures as shops have them, and as someone who means harm would send them."""

from __future__ import annotations

import base64
import io
import struct
import warnings
import zlib
from hashlib import sha256
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageFilter

from indexer.pictures import BadPicture, Picture, PictureSource, decode, flaws

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def plain(colour: Any = RED, size: tuple[int, int] = (4, 4), mode: str = "RGB") -> Image.Image:
    return Image.new(mode, size, colour)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_of(width: int, height: int, data: bytes = b"") -> bytes:
    """A PNG whose header claims a size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def noise(seed: int, width: int = 64, height: int = 48) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


PNG = saved(plain(), "PNG")
JPEG = saved(noise(1), "JPEG")


def colours(data: bytes) -> list[list[tuple[int, ...]]]:
    """The pixels of a picture, row by row."""
    image = decode(data).image
    assert image.mode == "RGB" and image.info == {}
    return [[tuple(map(int, pixel)) for pixel in row] for row in np.asarray(image)]


# Good pictures


@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {}), ("JPEG", {}), ("WEBP", {"lossless": True}), ("GIF", {}), ("BMP", {}), ("TIFF", {})],
)
def test_the_formats_of_the_web_are_read(kind: str, options: dict[str, Any]) -> None:
    data = saved(plain(), kind, **options)
    picture = decode(data)
    assert picture.sha256 == sha256(data).hexdigest()
    assert picture.image.size == (4, 4)
    np.testing.assert_allclose(np.asarray(picture.image), np.full((4, 4, 3), RED), atol=1)


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        # A column of red over blue as it is stored; where red is when it is seen.
        (1, [[RED], [BLUE]]),
        (2, [[RED], [BLUE]]),
        (3, [[BLUE], [RED]]),
        (4, [[BLUE], [RED]]),
        (5, [[RED, BLUE]]),
        (6, [[BLUE, RED]]),
        (7, [[BLUE, RED]]),
        (8, [[RED, BLUE]]),
        (9, [[RED], [BLUE]]),
    ],
)
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_a_picture_is_turned_as_it_was_held(kind: str, orientation: int, expected: list[Any]) -> None:
    image = Image.new("RGB", (1, 2), RED)
    image.putpixel((0, 1), BLUE)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    assert colours(saved(image, kind, exif=exif.tobytes(), **options)) == expected


def test_a_jpeg_is_turned_too() -> None:
    """16 × 8, red left of blue, held a quarter turn to the left: red ends up on top."""
    image = Image.new("RGB", (16, 8), RED)
    image.paste(BLUE, (8, 0, 16, 8))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = decode(saved(image, "JPEG", exif=exif.tobytes(), subsampling=0, quality=100)).image
    assert turned.size == (8, 16)
    np.testing.assert_allclose(turned.getpixel((4, 2)), RED, atol=3)
    np.testing.assert_allclose(turned.getpixel((4, 13)), BLUE, atol=3)


def test_a_damaged_exif_block_costs_nothing() -> None:
    data = saved(plain(), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert decode(data).image.size == (4, 4)


def test_transparency_is_laid_on_white() -> None:
    image = Image.new("RGBA", (3, 1), (0, 0, 0, 0))
    image.putpixel((1, 0), (255, 0, 0, 128))
    image.putpixel((2, 0), (0, 0, 255, 255))
    # Half of red over white: 255 stays, 0 becomes 255 · (1 − 128/255) = 127.
    assert colours(saved(image, "PNG")) == [[WHITE, (255, 127, 127), BLUE]]


def test_transparent_grey_and_keyed_colours_are_laid_on_white() -> None:
    grey = Image.new("LA", (2, 1), (10, 0))
    grey.putpixel((1, 0), (10, 255))
    assert colours(saved(grey, "PNG")) == [[WHITE, (10, 10, 10)]]
    keyed = Image.new("RGB", (2, 1), BLUE)
    keyed.putpixel((1, 0), GREEN)
    assert colours(saved(keyed, "PNG", transparency=BLUE)) == [[WHITE, GREEN]]


def test_a_palette_is_looked_up_with_its_transparent_entry() -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([*RED, *GREEN, *BLUE])
    for x in range(3):
        image.putpixel((x, 0), x)
    assert colours(saved(image, "PNG")) == [[RED, GREEN, BLUE]]
    assert colours(saved(image, "PNG", transparency=1)) == [[RED, WHITE, BLUE]]
    assert colours(saved(image, "GIF", transparency=1)) == [[RED, WHITE, BLUE]]


@pytest.mark.parametrize(("kind", "options"), [("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {})])
def test_of_an_animation_the_first_frame_is_taken(kind: str, options: dict[str, Any]) -> None:
    data = saved(plain(RED), kind, save_all=True, append_images=[plain(GREEN), plain(BLUE)], duration=10, **options)
    assert colours(data) == [[RED] * 4] * 4


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    values = np.array([[0, 257, 32896, 65535]], np.uint16)
    grey = [(0, 0, 0), (1, 1, 1), (128, 128, 128), (255, 255, 255)]
    assert colours(saved(Image.fromarray(values), "PNG")) == [grey]
    assert colours(saved(Image.fromarray(values), "TIFF")) == [grey]


def test_black_and_white_is_read() -> None:
    image = Image.new("1", (2, 1))
    image.putpixel((1, 0), 1)
    assert colours(saved(image, "PNG")) == [[(0, 0, 0), WHITE]]


def test_print_colours_become_screen_colours() -> None:
    """No ink is white, full cyan has no red, full black is dark."""
    image = Image.new("CMYK", (24, 8), (0, 0, 0, 0))
    image.paste((255, 0, 0, 0), (8, 0, 16, 8))
    image.paste((0, 0, 0, 255), (16, 0, 24, 8))
    decoded = decode(saved(image, "JPEG", quality=100)).image
    for x, colour in ((3, WHITE), (12, (0, 255, 255)), (20, (0, 0, 0))):
        np.testing.assert_allclose(decoded.getpixel((x, 4)), colour, atol=3)


def swapped() -> bytes:
    """An RGB profile in which red and blue have changed places."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    (count,) = struct.unpack_from(">I", profile, 128)
    entries = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * count, 12)}
    profile[entries[b"rXYZ"] : entries[b"rXYZ"] + 4], profile[entries[b"bXYZ"] : entries[b"bXYZ"] + 4] = (
        b"bXYZ",
        b"rXYZ",
    )
    return bytes(profile)


def test_an_embedded_profile_is_followed() -> None:
    np.testing.assert_allclose(colours(saved(plain(RED), "PNG", icc_profile=swapped())), [[BLUE] * 4] * 4, atol=3)
    clear = saved(plain((255, 0, 0, 255), mode="RGBA"), "PNG", icc_profile=swapped())
    np.testing.assert_allclose(colours(clear), [[BLUE] * 4] * 4, atol=3)


@pytest.mark.parametrize("profile", [b"no profile", swapped()[:200], b"\x00" * 3000])
def test_a_broken_profile_is_ignored(profile: bytes) -> None:
    assert colours(saved(plain(RED), "PNG", icc_profile=profile)) == [[RED] * 4] * 4


def test_a_profile_of_another_colour_space_is_ignored() -> None:
    assert colours(saved(plain(77, mode="L"), "PNG", icc_profile=swapped())) == [[(77, 77, 77)] * 4] * 4


# Bad pictures


@pytest.mark.parametrize("size", [(50_000, 1000), (60_000, 60_000), (2**31 - 1, 2**31 - 1), (10_000, 10_000)])
def test_too_many_pixels_are_refused_by_the_header(size: tuple[int, int]) -> None:
    """60,000 × 60,000 would take 10 GB; 50 million pixels are more than are allowed."""
    with pytest.raises(BadPicture, match=r"pixels"):
        decode(png_of(*size))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's own limit only warns at first
        with pytest.raises(BadPicture, match=r"pixels"):
            decode(png_of(*size))


def test_the_pixel_limit_is_exact() -> None:
    assert decode(PNG, max_pixels=16).image.size == (4, 4)
    with pytest.raises(BadPicture, match="4 × 4 pixels, more than 15"):
        decode(PNG, max_pixels=15)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_truncated_files_are_refused(kind: str, share: float) -> None:
    data = saved(noise(2), kind)
    with warnings.catch_warnings():
        # Pillow warns of what it misses in a TIFF; in production the reason follows.
        warnings.simplefilter("ignore")
        with pytest.raises(BadPicture):
            decode(data[: int(len(data) * share)])


def test_more_scans_than_any_camera_makes_are_refused() -> None:
    data = saved(noise(3), "JPEG", progressive=True)
    assert decode(data).image.size == (64, 48)
    start = data.index(b"\xff\xda")
    with pytest.raises(BadPicture, match="more than 100 scans"):
        decode(data[:start] + data[start:-2] * 101 + b"\xff\xd9")


def test_tiles_larger_than_the_limit_are_refused() -> None:
    entries = [
        (256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (277, 3, 1, 1),
        (322, 4, 1, 60_000), (323, 4, 1, 60_000), (324, 4, 1, 8), (325, 4, 1, 64),
    ]  # fmt: skip
    fields = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    data = b"II*\x00" + struct.pack("<IH", 8, len(entries)) + fields + b"\x00" * 4 + b"\x00" * 64
    with pytest.raises(BadPicture, match="tiles of 60000 × 60000 pixels"):
        decode(data)


def test_depths_without_a_known_range_are_refused() -> None:
    with pytest.raises(BadPicture, match="32 bits"):
        decode(saved(plain(0.5, mode="F"), "TIFF"))


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "is empty"),
        (b"just a text", "no JPEG, PNG"),
        (b"\xff\xd8\xff", "damaged|no JPEG, PNG"),
        (b"\x89PNG\r\n\x1a\n", "damaged|no JPEG, PNG"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
        (b"\xef\xbb\xbf \n<svg></svg>", "an SVG drawing"),
        (b"<!DOCTYPE html><p>404", "a web page"),
        (b"\n<html><body>Not found", "a web page"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is PostScript"),
        (b"\xc5\xd0\xd3\xc6\x20", "is PostScript"),
        (b"%PDF-1.7", "is PDF"),
        (b"8BPS\x00\x01", "is PSD"),
        (b"\x00\x00\x00 ftypavif", "AVIF, HEIC or a film"),
    ],
)
def test_what_is_no_picture_is_named(data: bytes, match: str) -> None:
    with pytest.raises(BadPicture, match=match):
        decode(data)


@pytest.mark.parametrize("kind", ["EPS", "PCX", "TGA", "PPM", "ICO", "JPEG2000", "DDS", "SGI"])
def test_formats_that_are_not_of_the_web_are_refused(kind: str) -> None:
    with pytest.raises(BadPicture, match=r"not? JPEG, PNG"):
        decode(saved(plain(), kind))


SAMPLES = [PNG, JPEG, *(saved(noise(4, 9, 7), kind) for kind in ("WEBP", "GIF", "BMP", "TIFF"))]


def decoded_or_refused(data: bytes) -> None:
    with warnings.catch_warnings():
        # As in production, where Pillow's warnings of damage are no errors.
        warnings.simplefilter("ignore")
        try:
            picture = decode(data, max_pixels=10_000)
        except BadPicture:
            return
    assert picture.image.mode == "RGB" and picture.image.width * picture.image.height <= 10_000


@given(st.binary(max_size=300), st.sampled_from([b"", *(sample[:16] for sample in SAMPLES)]))
@example(b"", PNG)
def test_any_bytes_are_decoded_or_refused(data: bytes, start: bytes) -> None:
    decoded_or_refused(start + data)


@given(
    st.sampled_from(SAMPLES),
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), min_size=1, max_size=8),
    st.integers(0, 3),
)
def test_any_damage_is_decoded_or_refused(sample: bytes, changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(sample)
    for at, value in changes:
        data[at % len(data)] = value
    decoded_or_refused(bytes(data[: len(data) >> cut]))


# data: URIs


def uri(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


@pytest.mark.parametrize(
    "reference", [uri(PNG), uri(PNG, ""), uri(PNG).replace("data:", "DATA:").replace("+", "%2B").replace("=", "%3D")]
)
def test_a_data_uri_carries_its_picture(reference: str) -> None:
    source = PictureSource(max_bytes=len(PNG))
    assert source.read(reference) == PNG
    assert source.load(reference).image.getpixel((0, 0)) == RED


@pytest.mark.parametrize(
    ("reference", "match"),
    [
        ("data:image/png;base64,iVBORw0KGgo!", "not valid base64"),
        ("data:image/png;base64,abc", "not valid base64"),
        ("data:image/png;base64,é", "not valid base64"),
        ("data:image/png;base64,\ud800", "not valid base64"),
        ("data:image/png,abc", "not in base64"),
        ("data:image/png;base64", "not in base64"),
        ("data:", "not in base64"),
        (uri(bytes(101)), "larger than 100 bytes"),
        (uri(bytes(10_000)), "larger than 100 bytes"),
        ("data:;base64," + "%41" * 300, "larger than 100 bytes"),
    ],
)
def test_bad_data_uris_are_refused(reference: str, match: str) -> None:
    with pytest.raises(BadPicture, match=match) as caught:
        PictureSource(max_bytes=100).read(reference)
    assert len(str(caught.value)) < 250


def test_a_drawing_in_a_data_uri_is_named() -> None:
    with pytest.raises(BadPicture, match="SVG drawing"):
        PictureSource().load(uri(b"<svg/>", "image/svg+xml"))


# Flaws


BOARD = Image.fromarray(np.kron(np.indices((8, 8)).sum(0) % 2 * 255, np.ones((40, 40))).astype(np.uint8)).convert("RGB")


def seen(image: Image.Image) -> tuple[str, ...]:
    return flaws(Picture(image, ""))


def test_a_sharp_picture_has_no_flaw() -> None:
    assert seen(noise(5)) == seen(BOARD) == ()


@pytest.mark.parametrize("colour", [WHITE, (0, 0, 0), (12, 200, 90)])
def test_a_picture_of_one_colour_is_blank(colour: tuple[int, int, int]) -> None:
    assert seen(plain(colour, (100, 100))) == ("blank",)
    assert seen(plain(colour, (2000, 900))) == ("blank",)


def test_two_colours_of_one_brightness_are_not_blank() -> None:
    image = plain((76, 76, 76), (100, 100))
    image.paste(RED, (0, 0, 50, 100))  # 0.299 · 255 = 76
    assert "blank" not in seen(image)


def test_a_picture_out_of_focus_is_blurred() -> None:
    assert seen(BOARD.filter(ImageFilter.GaussianBlur(8))) == ("blurred",)


def test_a_ramp_is_blurred() -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8), (64, 1))
    assert seen(Image.fromarray(ramp).convert("RGB")) == ("blurred",)


@pytest.mark.parametrize(("size", "tiny"), [((31, 100), True), ((100, 31), True), ((32, 32), False), ((1, 1), True)])
def test_a_side_below_32_pixels_is_tiny(size: tuple[int, int], tiny: bool) -> None:
    assert ("tiny" in seen(noise(6, *size))) is tiny


def test_flaws_add_up_and_every_size_has_an_answer() -> None:
    assert seen(plain(WHITE, (2, 2))) == seen(plain(WHITE, (5000, 1))) == ("tiny", "blank")
