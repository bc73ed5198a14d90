"""Folders and archives give their own pictures, and nothing that lies elsewhere."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tarfile
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from etalage.core.errors import ConfigError
from indexer import picture_files
from indexer.pictures import BadPicture, Picture, PictureSource


def saved(kind: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (4, 4), (255, 0, 0)).save(file, kind)
    return file.getvalue()


PNG, JPEG = saved("PNG"), saved("JPEG")


# Folders


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "b c é.png").write_bytes(PNG)
    (tmp_path / "secret.png").write_bytes(PNG)
    return folder


def test_a_path_is_looked_up_in_the_folder(root: Path) -> None:
    with PictureSource(root) as source:
        for reference in ("a/b c é.png", "./a//b c é.png"):
            assert source.read(reference) == PNG
            assert source.digest(reference) == source.load(reference).sha256 == sha256(PNG).hexdigest()
        assert isinstance(source.load("a/b c é.png"), Picture)


TRICKS = [
    ("../secret.png", r"leads upwards with \.\.: \.\./secret.png"),
    ("a/../../secret.png", "leads upwards"),
    ("a/..", "leads upwards"),
    ("/etc/passwd", "no such file"),
    ("//host/x.png", "is absolute"),
    ("C:/x.png", "is absolute"),
    ("c:x.png", "is absolute"),
    ("a\\b.png", "has a backslash"),
    ("..\\secret.png", "has a backslash"),
    ("a/b c é.png\x00.txt", "has a control character"),
    ("a\n.png", "has a control character"),
    ("", "is empty"),
    ("./", "is empty"),
]


@pytest.mark.parametrize(("reference", "match"), TRICKS)
def test_paths_that_could_lead_out_are_refused(root: Path, reference: str, match: str) -> None:
    with pytest.raises(BadPicture, match=match):
        PictureSource(root).read(reference)


@pytest.mark.parametrize(
    "reference", ["none.png", "a/none.png", "a/b c é.png/x", "a" * 300, "%2e%2e/secret.png", "\ud800"]
)
def test_what_is_not_there_is_said(root: Path, reference: str) -> None:
    with pytest.raises(BadPicture, match="no such file|cannot be read"):
        PictureSource(root).read(reference)


def test_links_may_not_lead_out(root: Path) -> None:
    (root / "in.png").symlink_to(root / "a" / "b c é.png")
    (root / "out.png").symlink_to(root.parent / "secret.png")
    (root / "up").symlink_to(root.parent)
    (root / "round.png").symlink_to(root / "round.png")
    source = PictureSource(root)
    assert source.read("in.png") == PNG
    for reference in ("out.png", "up/secret.png"):
        with pytest.raises(BadPicture, match="a link that leads out"):
            source.read(reference)
    with pytest.raises(BadPicture, match="cannot be read"):
        source.read("round.png")


def test_a_folder_whose_name_begins_alike_is_outside(root: Path) -> None:
    (root.parent / "pictures-private").mkdir()
    (root.parent / "pictures-private" / "x.png").write_bytes(PNG)
    (root / "x.png").symlink_to(root.parent / "pictures-private" / "x.png")
    with pytest.raises(BadPicture, match="leads out"):
        PictureSource(root).read("x.png")


def test_only_regular_files_are_read(root: Path) -> None:
    os.mkfifo(root / "pipe.png")
    for reference in ("pipe.png", "a"):
        with pytest.raises(BadPicture, match="no regular file|cannot be read"):
            PictureSource(root).read(reference)


def test_the_byte_limit_is_exact(root: Path) -> None:
    assert PictureSource(root, max_bytes=len(PNG)).read("a/b c é.png") == PNG
    with pytest.raises(BadPicture, match=f"larger than {len(PNG) - 1} bytes: a/b c é.png"):
        PictureSource(root, max_bytes=len(PNG) - 1).read("a/b c é.png")


def test_a_reason_shows_the_reference_shortened(root: Path) -> None:
    with pytest.raises(BadPicture) as caught:
        PictureSource(root).read("none/" * 100 + "x.png")
    assert len(str(caught.value)) < 200 and str(caught.value).endswith("…")
    (root / "text.jpg").write_text("this is no picture")
    with pytest.raises(BadPicture, match=r"^this is no JPEG, PNG.*: text\.jpg$"):
        PictureSource(root).load("text.jpg")


def test_without_a_root_paths_are_refused() -> None:
    with pytest.raises(BadPicture, match="no picture folder"):
        PictureSource().read("a.png")


# Archives

Pack = Callable[[Path, dict[str, bytes]], Path]


def pack_zip(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def pack_tar(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


PACKS = [pytest.param("x.zip", pack_zip), pytest.param("x.tar", pack_tar), pytest.param("x.tar.gz", pack_tar)]


@pytest.mark.parametrize(("name", "pack"), PACKS)
def test_an_archive_is_read_like_a_folder(tmp_path: Path, name: str, pack: Pack) -> None:
    files = {"a/b c é.png": PNG, "./z.jpg": JPEG, "empty": b"", **{f"n/{i}": bytes([i]) * 5000 for i in range(20)}}
    with PictureSource(pack(tmp_path / name, files), max_bytes=6000) as source:
        for member, data in reversed(files.items()):
            assert source.read(member) == data
        assert source.load("a/b c é.png").image.size == (4, 4)
        with pytest.raises(BadPicture, match="no such file in the archive: none.png"):
            source.read("none.png")
        for reference, match in TRICKS:
            with pytest.raises(BadPicture, match=match):
                source.read(reference)


@pytest.mark.parametrize(("name", "pack"), PACKS)
def test_names_that_lead_out_cannot_be_asked_for(tmp_path: Path, name: str, pack: Pack) -> None:
    evil = {"../evil.png": PNG, "/abs.png": PNG, "a/../../evil.png": PNG, "good.png": PNG}
    with PictureSource(pack(tmp_path / name, evil)) as source:
        assert source.read("good.png") == PNG
        for reference in evil.keys() - {"good.png"}:
            with pytest.raises(BadPicture, match="upwards|absolute|no such file"):
                source.read(reference)
        for reference in ("evil.png", "abs.png"):
            with pytest.raises(BadPicture, match="no such file"):
                source.read(reference)
    assert not (tmp_path.parent / "evil.png").exists()


@pytest.mark.parametrize(("name", "pack"), PACKS)
def test_large_members_are_refused(tmp_path: Path, name: str, pack: Pack) -> None:
    """50 MB of zeros take 50 kB in an archive."""
    with (
        PictureSource(pack(tmp_path / name, {"bomb.png": bytes(50_000_000)}), max_bytes=1_000_000) as source,
        pytest.raises(BadPicture, match="larger than 1,000,000 bytes"),
    ):
        source.read("bomb.png")


@pytest.mark.parametrize("claimed", [0, 10, 900_000])
def test_a_zip_member_that_lies_about_its_size_is_refused(tmp_path: Path, claimed: int) -> None:
    path = pack_zip(tmp_path / "x.zip", {"bomb.png": bytes(5_000_000)})
    data = path.read_bytes().replace(struct.pack("<I", 5_000_000), struct.pack("<I", claimed))
    path.write_bytes(data)
    with PictureSource(path, max_bytes=1_000_000) as source, pytest.raises(BadPicture, match="cannot be read|damaged|larger"):
        source.read("bomb.png")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_unpack_without_bound_are_refused(tmp_path: Path, method: int) -> None:
    path = pack_zip(tmp_path / "x.zip", {"a.png": PNG}, method)
    with PictureSource(path) as source, pytest.raises(BadPicture, match="neither stored nor deflated"):
        source.read("a.png")


def test_encrypted_and_linked_zip_members_are_refused(tmp_path: Path) -> None:
    path = pack_zip(tmp_path / "x.zip", {"a.png": PNG})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with PictureSource(path) as source, pytest.raises(BadPicture, match="is encrypted"):
        source.read("a.png")
    with zipfile.ZipFile(tmp_path / "y.zip", "w") as archive:
        link = zipfile.ZipInfo("l.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    with PictureSource(tmp_path / "y.zip") as source, pytest.raises(BadPicture, match="is a link"):
        source.read("l.png")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_tar_members_that_are_no_files_are_refused(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        member = tarfile.TarInfo("l.png")
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member)
    with PictureSource(tmp_path / "x.tar") as source, pytest.raises(BadPicture, match="link or no regular file"):
        source.read("l.png")


def test_a_cut_off_tar_is_refused(tmp_path: Path) -> None:
    path = pack_tar(tmp_path / "x.tar", {"a.png": PNG, "b.bin": bytes(range(256)) * 40})
    whole = path.read_bytes()
    with PictureSource(path) as source:
        path.write_bytes(whole[:4096])
        assert source.read("a.png") == PNG
        with pytest.raises(BadPicture, match="cut off"):
            source.read("b.bin")
    with pytest.raises(ConfigError, match="archive of pictures is damaged"):
        PictureSource(path)


def test_a_compressed_tar_may_not_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_files, "UNPACKED", 1 << 20)
    with pytest.raises(ConfigError, match="damaged.*more than 1,048,576 bytes unpacked"):
        PictureSource(pack_tar(tmp_path / "x.tar.gz", {"a": bytes(3 << 20)}))


def test_a_root_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read|no folder or archive"):
        PictureSource(tmp_path / "none")
    (tmp_path / "text.zip").write_text("no archive")
    with pytest.raises(ConfigError, match="no folder or archive"):
        PictureSource(tmp_path / "text.zip")
    whole = pack_tar(tmp_path / "x.tar.gz", {"a": os.urandom(9000)}).read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(whole[:5000])
    with pytest.raises(ConfigError, match="damaged"):
        PictureSource(tmp_path / "cut.tar.gz")
    (tmp_path / "text.gz").write_bytes(gzip.compress(b"no tar"))
    with pytest.raises(ConfigError, match="no folder or archive"):
        PictureSource(tmp_path / "text.gz")


@pytest.mark.parametrize("limit", [{"max_bytes": 0}, {"max_pixels": -1}, {"timeout": 0}, {"timeout": float("nan")}])
def test_limits_are_above_zero(limit: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="must be above zero"):
        PictureSource(**limit)
