"""What products look like: their pictures as vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar

from etalage.core.encoders.image import ImageEncoder
from etalage.core.records import Floats
from indexer.pictures import BadPicture, PictureSource

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture that was found, not decoded yet: by which `identity` a changed one is told, and its bytes, or where it lies."""

    identity: str
    reference: str
    data: bytes | None


class Looks:
    """Finds pictures and encodes them; several at a time, each decoded and encoded by one thread, so that decoding one goes on
    while another is encoded. Make it after a fork, not before."""

    def __init__(self, source: PictureSource, encoder: ImageEncoder, *, threads: int = 2) -> None:
        self.encoder = encoder
        self._source, self._pool = source, ThreadPoolExecutor(threads, thread_name_prefix="look")

    def find(self, references: Iterable[str]) -> dict[str, Seen | BadPicture]:
        """Each reference's picture, or why there is none. One at a URL is told by the URL, and fetched when it is encoded; any
        other by its bytes."""
        return self._each(references, self._find)

    def _find(self, reference: str) -> Seen:
        if "://" in reference[:32]:
            return Seen(f"{self.encoder.fingerprint} {reference}", reference, None)
        data = self._source.read(reference)
        return Seen(f"{self.encoder.fingerprint} {sha256(data).hexdigest()}", reference, data)

    def encode(self, pictures: Mapping[str, Seen]) -> dict[str, Floats | BadPicture]:
        """The vector of each picture, float32 [dim] of unit length, or why it has none. Raises ModelError."""
        return self._each(pictures, lambda name: self._encode(pictures[name]))

    def _encode(self, seen: Seen) -> Floats:
        data = self._source.read(seen.reference) if seen.data is None else seen.data
        try:
            return self.encoder.encode_one(self._source.decode(data).image)
        except BadPicture as error:
            raise BadPicture(f"{error}: {seen.reference[:80]}") from None

    def _each(self, names: Iterable[A], work: Callable[[A], B]) -> dict[A, B | BadPicture]:
        def tried(name: A) -> B | BadPicture:
            try:
                return work(name)
            except BadPicture as error:
                return error

        unique = list(dict.fromkeys(names))
        return dict(zip(unique, self._pool.map(tried, unique), strict=True))

    def close(self) -> None:
        """Let go of threads and the archive."""
        self._pool.shutdown()
        self._source.close()
