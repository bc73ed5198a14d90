"""Look a picture's file up in a folder or an archive, which gives only its own regular files."""

from __future__ import annotations

import gzip
import os
import re
import stat
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import IO, Final, Protocol

from etalage.core.errors import ConfigError
from indexer.fetching import BadPicture, too_large

UNPACKED: Final = 32 << 30
"""Bytes that a compressed tar archive may hold, as it is unpacked once to be read in any order."""


def name_in_root(reference: str) -> str:
    """A relative path in its shortest form. Raises BadPicture when it could lead out of the root."""
    if any(ord(character) < 32 for character in reference):
        raise BadPicture("the path has a control character")
    if "\\" in reference:
        raise BadPicture("the path has a backslash; use /")
    if reference.startswith("/") or re.match(r"[A-Za-z]:", reference):
        raise BadPicture("the path is absolute; give one relative to the picture folder")
    parts = [part for part in reference.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise BadPicture("the path leads upwards with ..")
    if not parts:
        raise BadPicture("the path is empty")
    return "/".join(parts)


class Root(Protocol):
    """Where relative paths are looked up; safe to use from several threads."""

    def read(self, name: str) -> bytes:
        """The bytes of a file that `name_in_root` gave the name of. Raises BadPicture."""
        ...

    def close(self) -> None: ...


def open_root(path: Path, max_bytes: int) -> Root:
    """A folder, or a zip or tar archive (gzipped or not), told apart by content.

    Raises:
        ConfigError: it is missing, or none of them.
    """
    remedy = "Give a folder, a .zip, a .tar or a .tar.gz."
    try:
        if path.is_dir():
            return _Folder(path, max_bytes)
        if zipfile.is_zipfile(path):
            return _Zip(path, max_bytes)
        if tarfile.is_tarfile(path):
            return _Tar(path, max_bytes)
    except OSError as error:
        raise ConfigError(
            f"the pictures cannot be read ({error.strerror or error})", value=path, remedy=remedy
        ) from None
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, ValueError) as error:
        raise ConfigError("the archive of pictures is damaged", value=f"{path} ({error})", remedy=remedy) from None
    raise ConfigError("this is no folder or archive of pictures", value=path, remedy=remedy)


class _Folder:
    def __init__(self, path: Path, max_bytes: int) -> None:
        self._root = path.resolve(strict=True)
        self._max_bytes = max_bytes

    def read(self, name: str) -> bytes:
        try:
            path = (self._root / name).resolve(strict=True)
            if not path.is_relative_to(self._root):
                raise BadPicture("the path is a link that leads out of the picture folder")
            # A pipe would block, and a link put there meanwhile would be followed.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
            with open(descriptor, "rb") as file:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    raise BadPicture("the path is no regular file")
                return _bounded(file, status.st_size, self._max_bytes)
        except FileNotFoundError:
            raise BadPicture("there is no such file") from None
        except BadPicture:
            raise
        # ValueError: the name cannot be written in the file system's encoding; RuntimeError: links lead in a circle.
        except (OSError, ValueError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise BadPicture(f"the file cannot be read ({reason})") from None

    def close(self) -> None:
        pass


def _bounded(file: IO[bytes], claimed: int, max_bytes: int) -> bytes:
    """All of a file whose size may be a lie."""
    if claimed > max_bytes:
        raise BadPicture(too_large(max_bytes))
    data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise BadPicture(too_large(max_bytes))
    return data


def _safe(name: str) -> str | None:
    """A member's name as it is looked up; None for one that no reference can name."""
    try:
        return name_in_root(name)
    except BadPicture:
        return None


class _Zip:
    def __init__(self, path: Path, max_bytes: int) -> None:
        self._zip = zipfile.ZipFile(path)
        self._max_bytes = max_bytes
        self._members = {name: info for info in self._zip.infolist() if (name := _safe(info.filename))}

    def read(self, name: str) -> bytes:
        member = self._members.get(name)
        if member is None or member.is_dir():
            raise BadPicture("there is no such file in the archive")
        if member.flag_bits & 1:
            raise BadPicture("the archive's file is encrypted")
        # The other methods are unpacked by the block, however much that gives.
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BadPicture("the archive's file is neither stored nor deflated")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise BadPicture("the archive's file is a link")
        try:
            with self._zip.open(member) as file:
                return _bounded(file, member.file_size, self._max_bytes)
        except BadPicture:
            raise
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError) as error:
            # Damaged, or the disk is: either way there is no picture to be had.
            raise BadPicture(f"the archive's file cannot be read ({error})") from None

    def close(self) -> None:
        self._zip.close()


class _Tar:
    def __init__(self, path: Path, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._file = _seekable(path)
        try:
            with tarfile.open(fileobj=self._file, mode="r:") as archive:
                self._members = {name: member for member in archive if (name := _safe(member.name))}
        except BaseException:
            self._file.close()
            raise

    def read(self, name: str) -> bytes:
        member = self._members.get(name)
        if member is None or member.isdir():
            raise BadPicture("there is no such file in the archive")
        if not member.isreg() or member.issparse():
            raise BadPicture("the archive's file is a link or no regular file")
        if member.size > self._max_bytes:
            raise BadPicture(too_large(self._max_bytes))
        # No shared position, so that threads need not wait for each other.
        data = os.pread(self._file.fileno(), member.size, member.offset_data)
        if len(data) < member.size:
            raise BadPicture("the archive's file is cut off")
        return data

    def close(self) -> None:
        self._file.close()


def _seekable(path: Path) -> IO[bytes]:
    """The tar archive as a file to be read in any order, for which a compressed one is unpacked."""
    try:
        with tarfile.open(path, mode="r:"):
            return open(path, "rb")
    except tarfile.ReadError:
        pass
    unpacked = tempfile.TemporaryFile()
    try:
        with gzip.open(path) as packed:
            while block := packed.read(1 << 20):
                unpacked.write(block)
                if unpacked.tell() > UNPACKED:
                    raise ValueError(f"more than {UNPACKED:,} bytes unpacked")
        unpacked.seek(0)
    except BaseException:
        unpacked.close()
        raise
    return unpacked
