"""Files with a line that says what they are, of which version, and the checksum of the rest."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

from etalage.core import durable
from etalage.core.errors import EngineError


def write(path: Path, magic: bytes, version: int, body: bytes) -> None:
    """Replace the file, in one step."""
    durable.replace(path, magic + b" %d %08x\n" % (version, crc32(body)) + body)


def read(path: Path, magic: bytes, version: int, what: str, remedy: str) -> bytes | None:
    """The body of a file, or None where there is none; `what` names it in errors.

    Raises:
        EngineError: it cannot be read, is damaged, or of another version.
    """
    try:
        head, _, body = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise EngineError(f"{what} cannot be read ({error.strerror})", value=path, remedy=remedy) from None
    if not head.startswith(magic + b" %d " % version):
        raise EngineError(f"{what} is of another version, or none at all", value=path, remedy=remedy)
    if head.rsplit(b" ", 1)[-1] != b"%08x" % crc32(body):
        raise EngineError(f"{what} is damaged", value=path, remedy=remedy)
    return body
