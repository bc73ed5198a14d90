"""API keys: a JSON file of their hashes, what each may do, and how fast."""

from __future__ import annotations

import hashlib
import math
import os
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from etalage.core.errors import ConfigError

ANY: Final = "*"
"""Stands for every index in a key's list."""

_PREFIX: Final = "etl_"
_OPTIONS: Final = {"scopes": "scope", "indexes": "index"}
_REMEDY: Final = "Make one with: etalage keys new --name NAME --scope search --file FILE."


class Scope(StrEnum):
    """What a key may be used for."""

    SEARCH = "search"
    SUGGEST = "suggest"
    EVENTS = "events"
    INDEX = "index"


IndexName = Annotated[str, Field(pattern=r"^(\*|[^*,\s/\\]+)$")]
"""An exact name, or `*`."""


class Key(BaseModel):
    """One entry of the file. The key itself is nowhere: `sha256` is its hash in hex. `rate` is in requests per second, None
    without limit; `burst` is how many may come at once (the rate, rounded up, when it is None)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    scopes: tuple[Annotated[Scope, Field(strict=False)], ...] = Field(min_length=1, strict=False)
    indexes: tuple[IndexName, ...] = Field((ANY,), min_length=1, strict=False)
    rate: float | None = Field(None, gt=0, le=1e6, allow_inf_nan=False)
    burst: int | None = Field(None, ge=1, le=1_000_000)

    def covers(self, index: str) -> bool:
        """Whether the key may be used on `index`."""
        return ANY in self.indexes or index in self.indexes


class Bucket:
    """A token bucket: `burst` requests at once, then `rate` per second. Thread-safe."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._tokens, self._at = float(burst), clock()
        self._lock = threading.Lock()

    def spend(self, tokens: int) -> None:
        """Take tokens for what has passed already; what is missing is owed."""
        with self._lock:
            self._tokens -= tokens

    def take(self) -> float:
        """0 when a request may pass now, else the seconds until the next one may."""
        with self._lock:
            now = self._clock()
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
            self._at = now
            if self._tokens < 1.0:
                return (1.0 - self._tokens) / self._rate
            self._tokens -= 1.0
            return 0.0


class Keys:
    """The keys of a file. They are found by their hash, so that how long it takes says nothing about the keys."""

    def __init__(self, keys: Sequence[Key], clock: Callable[[], float] = time.monotonic) -> None:
        self._by_hash = {key.sha256: key for key in keys}
        self._buckets = {
            key.name: Bucket(key.rate, key.burst or math.ceil(key.rate), clock) for key in keys if key.rate is not None
        }

    def find(self, given: bytes) -> Key | None:
        """The entry of the key that a client sent, or None."""
        return self._by_hash.get(hashlib.sha256(given).hexdigest())

    def take(self, key: Key) -> float:
        """Count a request of `key`: 0 when it may pass, else the seconds to wait."""
        bucket = self._buckets.get(key.name)
        return bucket.take() if bucket is not None else 0.0

    def spend(self, key: Key, requests: int) -> None:
        """Count more requests of `key`, which passed as one."""
        bucket = self._buckets.get(key.name)
        if bucket is not None:
            bucket.spend(requests)


_FILE: Final = TypeAdapter(list[Key])


def read(path: Path) -> list[Key]:
    """The entries of a key file.

    Raises:
        ConfigError: it cannot be read, holds no entry, or one that is wrong or there twice.
    """
    keys = _entries(path)
    if not keys:
        raise ConfigError("the key file holds no key", value=path, remedy=_REMEDY)
    return keys


def _entries(path: Path) -> list[Key]:
    try:
        entries = orjson.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(
            f"the key file cannot be read ({error.strerror})", value=path, remedy=f"Correct ETALAGE_KEYS. {_REMEDY}"
        ) from None
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"the key file is not JSON ({error})", value=path, remedy="Correct it.") from None
    try:
        keys = _FILE.validate_python(entries)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            f"the key file has a wrong entry: {where}: {first['msg']}", value=path, remedy="Correct it."
        ) from None
    for field in ("name", "sha256"):
        seen: set[str] = set()
        for number, key in enumerate(keys):
            if getattr(key, field) in seen:
                raise ConfigError(
                    f"two entries of the key file have one {field}",
                    value=f"entry {number} of {path}",
                    remedy="Drop one.",
                )
            seen.add(getattr(key, field))
    return keys


def new(
    name: str,
    scopes: Sequence[str],
    indexes: Sequence[str] = (ANY,),
    rate: float | None = None,
    burst: int | None = None,
) -> tuple[str, Key]:
    """A fresh key, and its entry. Raises ConfigError when one of the arguments is wrong."""
    key = _PREFIX + secrets.token_urlsafe(32)
    given: dict[str, Any] = {"name": name, "sha256": hashlib.sha256(key.encode()).hexdigest(), "scopes": scopes}
    try:
        return key, Key(**given, indexes=tuple(indexes), rate=rate, burst=burst)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(
            f"--{_OPTIONS.get(str(first['loc'][0]), first['loc'][0])} is not valid ({first['msg']})",
            value=first.get("input"),
            remedy="Correct it.",
        ) from None


def entry(key: Key) -> dict[str, Any]:
    """The entry as JSON has it, without what is left at its default."""
    return key.model_dump(mode="json", exclude_none=True)


def append(path: Path, key: Key) -> None:
    """Add an entry to a key file, which is made if there is none, and replaced whole.

    Raises:
        ConfigError: the file is wrong, has a key of that name, or cannot be written.
    """
    keys = _entries(path) if path.exists() else []
    if any(one.name == key.name for one in keys):
        raise ConfigError("the key file has a key of that name", value=key.name, remedy="Choose another name.")
    lines = b",\n".join(b"  " + orjson.dumps(entry(one)) for one in [*keys, key])
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            file.write(b"[\n" + lines + b"\n]\n")
            file.flush()
            os.fsync(file.fileno())
        # The file holds hashes of random keys, and a server under another user must be able to read it.
        os.chmod(file.name, 0o644)
        os.replace(file.name, path)
    except OSError as error:
        raise ConfigError(
            f"the key file cannot be written ({error.strerror})", value=path, remedy="Choose another --file."
        ) from None
