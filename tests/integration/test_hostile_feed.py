"""One feed with every hostile picture and row that we know of: the good products are indexed and found, the others are
indexed without a picture, or quarantined, each with its reason."""

from __future__ import annotations

import http.server
import io
import os
import re
import struct
import threading
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import orjson
import pytest
from PIL import Image

from etalage.core.encoders import image
from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.settings import load
from indexer import clean, fetching, reindex
from indexer.looks import Looks
from indexer.pictures import PictureSource
from indexer.reindex import Options
from opensearch.embedded import EmbeddedEngine
from opensearch.engine import SearchEngine
from ranker.search import Ask, Searcher

from ..towers import SMALL, write_model

COLOURS = ("amber", "blue", "crimson", "dun", "ecru")
NOUNS = ("armchair", "bookcase", "cupboard", "desk", "easel", "footstool", "globe", "hammock")
PASSWORD = "hunter2"
SHOP, SECRET = "127.0.0.2", "127.0.0.1"
"""Addresses of the shop's own server, which stands in for a public one, and of one that is not to be asked."""


class Server:
    """Redirects `/moved.png` to another server, answers anything else with a picture, and notes what it was asked."""

    def __init__(self, address: str, elsewhere: str = "") -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(302 if elsewhere else 200)
                self.send_header("Location" if elsewhere else "Content-Type", elsewhere or "image/png")
                self.end_headers()
                if not elsewhere:
                    self.wfile.write(painted(0))

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer((address, 0), Handler)
        self.url = f"http://{address}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def secret() -> Iterator[Server]:
    """A server on an address that is not public."""
    with closing(Server(SECRET)) as server:
        yield server


@pytest.fixture
def redirecting(secret: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that may be asked, and redirects to the one that may not."""
    public = fetching.public
    monkeypatch.setattr(fetching, "public", lambda address: str(address) == SHOP or public(address))
    with closing(Server(SHOP, f"{secret.url}/secret.png")) as server:
        yield server


def painted(seed: int) -> bytes:
    """A picture of two random colours."""
    pixels = np.empty((24, 24, 3), np.uint8)
    pixels[:], pixels[:12, :12] = np.random.default_rng(seed).integers(0, 256, (2, 3))
    return saved(Image.fromarray(pixels))


def saved(picture: Image.Image, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    picture.save(file, kind)
    return file.getvalue()


def bomb() -> bytes:
    """A PNG of a few bytes that says that it has 3.6 thousand million pixels."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(100))), (b"IEND", b""))
    packed = (struct.pack(">I", len(of)) + name + of + struct.pack(">I", zlib.crc32(name + of)) for name, of in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def noise() -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8))


FILES: Mapping[str, tuple[bytes, str]] = {
    "bomb.png": (bomb(), "far more than 40,000,000 pixels"),
    "half.jpg": (saved(noise(), "JPEG")[:1500], "damaged"),
    "text.jpg": (b"This is no picture.\n", "this is no JPEG"),
    "page.jpg": (b"<!DOCTYPE html><p>404", "this is a web page"),
    "empty.png": (b"", "the picture is empty"),
    "large.png": (saved(Image.new("1", (8000, 6250))), "8000 × 6250 pixels, more than 40,000,000"),
    "drawing.svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG drawing"),
    "drawing.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "PostScript"),
}
"""Files in the picture folder, and why they are not used."""


def references(folder: Path, outside: Path, redirecting: Server, secret: Server) -> dict[str, str]:
    """References to what is no file of the folder → why they are not used."""
    (folder / "link.png").symlink_to(outside)
    os.mkfifo(folder / "pipe.png")
    return {
        f"../{outside.name}": "leads upwards",
        f"a/../../{outside.name}": "leads upwards",
        str(outside): "absolute|no such file",
        f"/{outside}": "absolute",
        "C:\\secret.png": "backslash",
        "link.png": "link that leads out",
        "pipe.png": "no regular file",
        "missing.png": "no such file",
        "x" * 300 + ".png": "cannot be read|no such file",
        "http://127.0.0.1/p.png": "no public address",
        "http://169.254.169.254/latest/meta-data/": "no public address",
        "http://[::1]/p.png": "no public address",
        f"{secret.url}/secret.png": "no public address",
        f"{redirecting.url}/moved.png": f"{SECRET}, which is no public address",
        f"http://user:{PASSWORD}@{SHOP}/p.png": "user name or password",
        "file:///etc/hostname": "scheme is 'file'",
        "data:image/png;base64,@@@@": "not valid base64",
        "data:image/png,plain": "not in base64",
    }


ROWS: Mapping[bytes, str] = {
    b'{"id": "nan", "title": "Price of NaN", "price": NaN}': "is not JSON",
    b'{"id": "huge", "title": "Price beyond a double", "price": 1e999}': "is not JSON",
    b'{"id": "nan2", "title": "Price of NaN", "price": "NaN"}': "the price is not a number",
    b'{"id": "inf", "title": "Infinite price", "price": "Infinity"}': "the price is not a number",
    b'{"id": "inf2", "title": "Infinite price", "price": "-inf"}': "the price is not a number",
    b'{"id": "minus", "title": "Price below zero", "price": -5}': "the price is below zero",
    b'{"id": "good0", "title": "An id that was there before"}': "the id good0 repeats line 1",
    b'{"id": "' + b"i" * 1000 + b'", "title": "A long id"}': "the id is longer than 512 bytes",
    b'{"title": "No id"}': "the id is missing",
    b'{"id": {"$oid": "1"}, "title": "An object as id"}': "the id is no text or number",
    b'{"id": "untitled", "title": "\\u0000\\u001b "}': "the title is missing",
    b"this is no JSON": "is not JSON",
    b'{"id": "cut", "title": "cut o': "is not JSON",
    b'["id", "title"]': "is not a JSON object",
    b'{"id": "deep", "title": ' + b"[" * 5000 + b"]" * 5000 + b"}": "is not JSON",
    b'{"id": "half", "title": "A lone surrogate \\ud800"}': "is not JSON",
    b'{"id": "raw", "title": "A raw control character \x1b[2J"}': "is not JSON",
}
"""Rows that are no products, and why."""

ODD: Mapping[str, str] = {
    "long": "endless " * 131_072,
    "steered": "Steering\u001b[2J\u0007 the\u0000 terminal\u202e",
    "marked": "<script>alert(1)</script><b>Marked</b> up",
}
"""Titles of rows that are products all the same, by id."""


@dataclass
class Shop:
    """The whole feed, where it is indexed, and what is expected."""

    engine: SearchEngine
    index: str
    folder: Path
    looks: Looks

    def indexed(self, *lines: bytes, **options: Any) -> dict[str, Any]:
        """Plan, work and finish; the summary."""
        feed = self.folder / "feed.jsonl"
        feed.write_bytes(b"\n".join(lines))
        chosen = Options(max_bad="60%", chunk=32, quarantine=self.quarantine, pictures="here", **options)
        encoder = HashingEncoder()
        job = reindex.plan(self.engine, encoder, self.index, feed, chosen, looks=self.looks)
        for number in range(job.chunks):
            assert reindex.work(self.engine, encoder, job.id, number, "test", 600, lambda _: self.looks)
        return reindex.finish(self.engine, job)

    @property
    def quarantine(self) -> Path:
        return self.folder / "quarantine.jsonl"

    def quarantined(self) -> dict[int, str]:
        """The reasons by line."""
        rows = [orjson.loads(line) for line in self.quarantine.read_bytes().splitlines()]
        return {row["line"]: row["reason"] for row in rows}

    def generation(self) -> str:
        serving = self.engine.serving(self.index)
        assert serving is not None
        return serving.name


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """The folder of the good pictures and of files that are none."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(len(COLOURS) * len(NOUNS)):
        (folder / f"good{number}.png").write_bytes(painted(number))
    for name, (data, _) in FILES.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(params=["embedded", pytest.param("cluster", marks=pytest.mark.node)])
def shop(request: pytest.FixtureRequest, tmp_path: Path, pictures: Path) -> Iterator[Shop]:
    engine: SearchEngine
    url = request.getfixturevalue("node_url") if request.param == "cluster" else ""
    settings = load(home=tmp_path / "home", opensearch_url=url, opensearch_timeout=60)
    if url:
        from opensearch.cluster import ClusterEngine

        engine = ClusterEngine(settings)
    else:
        engine = EmbeddedEngine(settings)
    image.add(tmp_path / "models", "tiny", write_model(tmp_path / "tiny.onnx"), preprocessing=SMALL)
    looks = Looks(PictureSource(pictures, hosts="*", timeout=5), image.load(tmp_path / "models", "tiny"))
    made = Shop(engine, f"hostile{uuid4().hex[:8]}", tmp_path, looks)
    yield made
    if url:
        for generation in engine.generations(made.index):
            httpx.delete(f"{url}/{generation.name}", timeout=60).raise_for_status()
    looks.close()
    engine.close()


def good() -> list[dict[str, Any]]:
    """Products of which everything is good."""
    titles = [f"{colour} {noun}" for colour in COLOURS for noun in NOUNS]
    return [
        {"id": f"good{number}", "title": title, "price": 1000 + number, "images": [f"good{number}.png"]}
        for number, title in enumerate(titles)
    ]


def with_picture(reference: str, number: int) -> dict[str, Any]:
    return {"id": f"seen{number}", "title": f"pictured thing {number}", "price": 5, "images": [reference]}


def assert_good_is_found(shop: Shop) -> None:
    """Every good product is stored with its picture, and comes first for its title and for its picture."""
    searcher = Searcher(shop.engine, shop.index, HashingEncoder(), None)
    vectors = shop.engine.vectors(shop.generation(), [row["id"] for row in good()])
    for number, row in enumerate(good()):
        seen = shop.looks.encoder.encode_one(Image.open(io.BytesIO(painted(number))))
        stored = vectors[row["id"]][1]
        # Engines may keep vectors in fewer bits.
        assert stored is not None and float(stored @ seen) > 0.999
        by_picture = searcher.search(Ask("", size=1, image=tuple(seen.tolist())))
        assert [hit.id for hit in by_picture.hits] == [row["id"]]
        assert searcher.search(Ask(row["title"], size=1)).hits[0].id == row["id"]


def test_what_is_good_is_indexed_and_the_rest_is_named(shop: Shop, redirecting: Server, secret: Server) -> None:
    outside = shop.folder / "outside.png"
    outside.write_bytes(painted(0))
    why = {name: reason for name, (_, reason) in FILES.items()}
    why |= references(shop.folder / "pictures", outside, redirecting, secret)
    pictured = [with_picture(reference, number) for number, reference in enumerate(why)]
    odd = [{"id": id, "title": title, "price": 7} for id, title in ODD.items()]
    lines = [*map(orjson.dumps, [*good(), *pictured, *odd]), *ROWS]
    summary = shop.indexed(*lines)

    kept = len(lines) - len(ROWS)
    assert (summary["read"], summary["indexed"], summary["quarantined"]) == (len(lines), kept, len(ROWS))
    assert_good_is_found(shop)

    reasons = dict(summary["pictures"])
    assert len(summary["pictures"]) == len(reasons)
    assert reasons.keys() == {row["id"] for row in pictured}
    for row, reason in zip(pictured, why.values(), strict=True):
        assert re.search(reason, reasons[row["id"]]), (row["images"], reasons[row["id"]])
    assert PASSWORD not in str(reasons) and all(reason.isprintable() for reason in reasons.values())
    assert redirecting.asked == ["/moved.png"] and secret.asked == []
    vectors = shop.engine.vectors(shop.generation(), list(reasons))
    assert all(text is not None and seen is None for text, seen in vectors.values()) and len(vectors) == len(why)

    found = shop.quarantined()
    assert found.keys() == set(range(kept + 1, len(lines) + 1))
    for line, reason in enumerate(ROWS.values(), kept + 1):
        assert reason in found[line], (lines[line - 1][:80], found[line])

    titles = {id: one["title"] for id, one in shop.engine.get(shop.generation(), list(ODD)).items()}
    assert len(titles["long"]) <= clean.MAX_TITLE and titles["long"].startswith("endless endless")
    assert titles["steered"].isprintable() and titles["marked"] == "Marked up"


def test_an_archive_gives_only_what_lies_inside(shop: Shop) -> None:
    """Members whose names lead out are no pictures, whatever a feed calls them."""
    archive = shop.folder / "pictures.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for number, row in enumerate(good()):
            file.writestr(row["images"][0], painted(number))
        for name in ("../slipped.png", "/rooted.png", "a/../../twice.png"):
            file.writestr(name, painted(0))
        file.writestr(zipfile.ZipInfo("link.png"), "/etc/hostname")
        file.getinfo("link.png").external_attr = 0o120777 << 16
    shop.looks.close()
    shop.looks = Looks(PictureSource(archive), shop.looks.encoder)
    names = ("../slipped.png", "slipped.png", "/rooted.png", "a/../../twice.png", "twice.png", "link.png")
    pictured = [with_picture(name, number) for number, name in enumerate(names)]
    summary = shop.indexed(*map(orjson.dumps, [*good(), *pictured]))
    reasons = {id: reason.rpartition(": ")[0] for id, reason in summary["pictures"]}
    assert reasons.keys() == {row["id"] for row in pictured}
    assert {re.sub(r" with \.\.|; give.*", "", reason) for reason in reasons.values()} <= {
        "the path leads upwards",
        "the path is absolute",
        "there is no such file in the archive",
        "the archive's file is a link",
    }
    assert_good_is_found(shop)


BROKEN: Mapping[str, bytes] = {
    "Latin-1 among UTF-8": '{"id": "latin", "title": "Café"}'.encode("latin-1"),
    "a surrogate in UTF-8": b'{"id": "half", "title": "\xed\xa0\x80"}',
    "lists in lists as a title": b'{"id": "deep", "title": ' + b"[" * 500 + b"]" * 500 + b"}",
    "lists in lists without an id": b'{"title": "deep", "other": ' + b"[" * 500 + b"]" * 500 + b"}",
}
"""Rows that must not take the others with them."""


@pytest.mark.parametrize("name", BROKEN)
def test_one_broken_row_is_quarantined_alone(shop: Shop, name: str) -> None:
    lines = [orjson.dumps(row) for row in good()]
    summary = shop.indexed(*lines[:20], BROKEN[name], *lines[20:])
    assert (summary["indexed"], summary["quarantined"]) == (len(lines), 1)
    assert list(shop.quarantined()) == [21]
    assert_good_is_found(shop)
