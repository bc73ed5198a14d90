"""A product's picture: found by its reference, decoded to RGB within limits, and looked over for flaws."""

from __future__ import annotations

import base64
import binascii
import io
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import unquote_to_bytes

import numpy as np
from PIL import Image, ImageChops, ImageCms, UnidentifiedImageError

from etalage.core.errors import ConfigError, shorten
from indexer.fetching import BadPicture as BadPicture
from indexer.fetching import Web, too_large
from indexer.picture_files import name_in_root, open_root

MAX_BYTES: Final = 20 << 20
MAX_PIXELS: Final = 40_000_000
SCANS: Final = 100
"""Passes of a progressive JPEG; each costs the time of the whole picture and may take a few bytes only."""

TINY: Final = 32
BLANK: Final = 2.0
BLURRED: Final = 20.0
"""Flaws: a side below `TINY` pixels, a standard deviation below `BLANK` in every channel, a variance of the Laplacian
below `BLURRED` with the long side at `_LOOK` pixels."""

_LOOK: Final = 512
_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
_ORIENTATION: Final = 0x0112
_TILE: Final = (322, 323)
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture: upright RGB in sRGB, and the SHA-256 of the bytes that it came from."""

    image: Image.Image
    sha256: str


class PictureSource:
    """Gets pictures by reference: a path in the root, a `data:` URI in base64, or a URL of an allowed host.

    Safe to use from several threads; make it after a fork, not before. Close it, or use it as a context.

    Args:
        root: a folder, or a zip or tar archive (gzipped or not), for relative paths.
        hosts: names that may be asked for URLs, "*" for any; none unless given.
        private: whether addresses that are not public (loopback, local networks, …) may be asked.
        max_bytes, max_pixels: a larger picture is refused.
        timeout: seconds that fetching one picture may take.

    Raises:
        ConfigError: the root is missing or neither folder nor archive, or a limit is not above zero.
    """

    def __init__(
        self,
        root: Path | None = None,
        *,
        hosts: Collection[str] = (),
        private: bool = False,
        max_bytes: int = MAX_BYTES,
        max_pixels: int = MAX_PIXELS,
        timeout: float = 20.0,
    ) -> None:
        for name, limit in (("max_bytes", max_bytes), ("max_pixels", max_pixels), ("timeout", timeout)):
            if not limit > 0:
                raise ConfigError(f"{name} of pictures must be above zero", value=limit, remedy="Leave it out.")
        names = (hosts,) if isinstance(hosts, str) else hosts
        self._max_bytes = max_bytes
        self._max_pixels = max_pixels
        self._web = Web(names, private=private, max_bytes=max_bytes, timeout=timeout)
        self._root = None if root is None else open_root(root, max_bytes)

    def load(self, reference: str) -> Picture:
        """The picture. Raises BadPicture, which names the reference."""
        data = self.read(reference)
        with _naming(reference):
            return self.decode(data)

    def read(self, reference: str) -> bytes:
        """The picture's bytes, not decoded. Raises BadPicture, which names the reference."""
        with _naming(reference):
            start = reference[:10].lower()
            if start.startswith("data:"):
                return inline(reference, self._max_bytes)
            if re.match(r"[a-z][a-z0-9+.-]+://", reference, re.IGNORECASE):
                return self._web.fetch(reference)
            # Some shops write paths from the picture folder with a slash in front.
            name = name_in_root(reference[1:] if re.match(r"/[^/]", reference) else reference)
            if self._root is None:
                raise BadPicture("there is no picture folder to look the path up in")
            return self._root.read(name)

    def digest(self, reference: str) -> str:
        """SHA-256 of the picture's bytes, by which a changed picture is told. Raises BadPicture."""
        return sha256(self.read(reference)).hexdigest()

    def decode(self, data: bytes) -> Picture:
        """The picture in the bytes. Raises BadPicture."""
        return decode(data, max_pixels=self._max_pixels)

    def close(self) -> None:
        """Let go of the archive."""
        if self._root is not None:
            self._root.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def _naming(reference: str) -> Iterator[None]:
    """Name the reference in the reason, shortened, without a password and with nothing that steers a terminal."""
    try:
        yield
    except BadPicture as error:
        shown = re.sub(r"//[^/?#]*@", "//…@", reference[:2000])
        reason = f"{error}: {shorten(shown, 80)}"
        raise BadPicture("".join(one if one.isprintable() else "?" for one in reason)) from None


def inline(reference: str, max_bytes: int) -> bytes:
    """The bytes of a `data:` URI in base64. Raises BadPicture."""
    head, comma, body = reference.partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise BadPicture("the data: URI is not in base64")
    if len(body) > max_bytes * 4:  # written as %XX throughout, three characters stand for one
        raise BadPicture(too_large(max_bytes))
    plain = unquote_to_bytes(body.encode("utf-8", "replace"))
    if len(plain) * 3 // 4 - plain[-2:].count(b"=") > max_bytes:
        raise BadPicture(too_large(max_bytes))
    try:
        return base64.b64decode(plain, validate=True)
    except binascii.Error as error:
        raise BadPicture(f"the data: URI is not valid base64 ({error})") from None


def decode(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """The picture in the bytes; of several frames, the first. Raises BadPicture."""
    if not data:
        raise BadPicture("the picture is empty")
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
            _check_cost(opened, data, max_pixels)
            opened.load()
            turn = _orientation(opened)
            flat = _on_white(opened)
    except BadPicture:
        raise
    except UnidentifiedImageError:
        raise BadPicture(_what(data)) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise BadPicture(f"the picture has far more than {max_pixels:,} pixels") from None
    # Pillow's decoders raise nearly every class there is when a file is damaged.
    except Exception as error:
        raise BadPicture(f"the picture is damaged ({shorten(str(error), 80) or type(error).__name__})") from None
    turned = flat.transpose(_TURNS[turn]) if turn in _TURNS else flat
    return Picture(turned, sha256(data).hexdigest())


def _check_cost(image: Image.Image, data: bytes, max_pixels: int) -> None:
    """Refuse what would take too much to decode, by its header."""
    width, height = image.size
    if width * height > max_pixels:
        raise BadPicture(f"the picture has {width} × {height} pixels, more than {max_pixels:,}")
    if width * height == 0:
        raise BadPicture("the picture has no pixels")
    tags = getattr(image, "tag_v2", {})
    across, down = (tags.get(tag, 1) for tag in _TILE)
    if across * down > max_pixels:
        raise BadPicture(f"the picture has tiles of {across} × {down} pixels, more than {max_pixels:,}")
    # Within compressed data, this pair of bytes is never anything else than the start of a scan.
    if image.info.get("progressive") and data.count(b"\xff\xda") > SCANS:
        raise BadPicture(f"the picture is a JPEG of more than {SCANS} scans")


def _orientation(image: Image.Image) -> int:
    """How the picture was held, as EXIF counts it; 1, upright, when that is not said or cannot be read."""
    try:
        value = image.getexif().get(_ORIENTATION)
    # A damaged block raises what its reader stumbles over; the pixels are sound without it.
    except Exception:
        return 1
    return value if isinstance(value, int) else 1


def _what(data: bytes) -> str:
    """The reason for bytes that are no picture of the formats read."""
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    known = "JPEG, PNG, WebP, GIF, BMP or TIFF"
    if b"<svg" in head:
        return f"the picture is an SVG drawing, not {known}"
    if head.startswith(b"<!doctype html") or b"<html" in head:
        return "this is a web page, not a picture"
    for magic, name in (
        (b"%!ps", "PostScript"),
        (b"\xc5\xd0\xd3\xc6", "PostScript"),
        (b"%pdf", "PDF"),
        (b"8bps", "PSD"),
    ):
        if head.startswith(magic):
            return f"the picture is {name}, not {known}"
    if data[4:8] == b"ftyp":
        return f"the picture is AVIF, HEIC or a film, not {known}"
    return f"this is no {known}"


def _on_white(image: Image.Image) -> Image.Image:
    """The picture as RGB in sRGB, what is transparent in it laid on white; free of the file and what it says besides."""
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I;16"):
        # Pillow would clip to 255 what should be scaled.
        scaled = ((np.arange(65_536) * 255 + 32_767) // 65_535).astype(np.uint8)
        image = Image.fromarray(scaled[np.asarray(image)])
    elif image.mode in ("I", "F"):
        raise BadPicture("the picture has 32 bits a pixel and channel, whose range is not known")
    alpha = None
    if image.has_transparency_data:
        clear = image if image.mode == "RGBA" else image.convert("RGBA")
        alpha, image = clear.getchannel("A"), clear.convert("RGB")
    elif image.mode in ("P", "PA", "1", "RGBX", "HSV"):
        image = image.convert("RGB")
    flat = _srgb(image, profile)
    if alpha is not None:
        flat.paste((255, 255, 255), mask=ImageChops.invert(alpha))
    flat.info.clear()
    return flat


def _srgb(image: Image.Image, profile: object) -> Image.Image:
    """The picture as sRGB by its profile, which is ignored when it is broken or of another colour space."""
    if isinstance(profile, bytes) and profile and image.mode in ("RGB", "L", "CMYK"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            target = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            converted = None
        if converted is not None:
            return converted
    # What was opened is copied even if it is RGB, so that the file is let go.
    return image if type(image) is Image.Image and image.mode == "RGB" else image.convert("RGB")


def flaws(picture: Picture) -> tuple[str, ...]:
    """What speaks against a picture, of "tiny", "blank" and "blurred"; one that is blank is not blurred too."""
    image = picture.image
    found = ["tiny"] if min(image.size) < TINY else []
    if max(image.size) > _LOOK:
        # A large picture that is only sharp when seen whole is sharp enough.
        image = image.copy()
        image.thumbnail((_LOOK, _LOOK), Image.Resampling.BOX)
    pixels = np.asarray(image, np.float32)
    if pixels.std(axis=(0, 1)).max() < BLANK:
        return (*found, "blank")
    grey = np.asarray(image.convert("L"), np.float32)
    if min(grey.shape) >= 3:
        around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
        if (around - 4 * grey[1:-1, 1:-1]).var() < BLURRED:
            found.append("blurred")
    return tuple(found)
