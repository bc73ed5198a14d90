"""A folder of completions: files of which `CURRENT` names the one that serves, and one of what changed since."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any, Final
from uuid import uuid4

from autocomplete import mapped
from autocomplete.index import Columns, Index, make
from etalage.core import durable
from etalage.core.errors import EngineError

CURRENT: Final = "CURRENT"
BASE, RECENT = "base", "recent"
"""The files that `CURRENT` names: all completions, and those that changed since that was built, where there are any."""

_LOOK: Final = 0.2
"""Seconds between looks at `CURRENT`."""


def write(folder: Path, columns: Columns, meta: Mapping[str, Any], part: str = BASE) -> int:
    """Write completions as a file of `folder` and let it serve; how many there are. A new base takes the place of what changed since the
    last one. Files that neither serve nor served last are removed.

    Raises:
        OSError: it cannot be written; what served goes on.
    """
    arrays, about = make(columns)
    path = folder / f"{part}-{uuid4().hex[:12]}.etg"
    mapped.write(path, arrays, about | dict(meta))
    Index.open(path).exact("a", 1)
    before = named(folder)
    names = {**(before if part == RECENT else {}), part: path.name}
    durable.replace(folder / CURRENT, "".join(f"{role} {name}\n" for role, name in names.items()).encode())
    for old in folder.glob("*.etg"):
        if old.name not in (*names.values(), *before.values()):
            old.unlink(missing_ok=True)
    return int(about["completions"])


def named(folder: Path) -> dict[str, str]:
    """The files that serve, by their part; none before any was written. Raises EngineError where `CURRENT` makes no sense."""
    try:
        lines = (folder / CURRENT).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    found = dict(line.split(" ", 1) for line in lines if " " in line)
    if BASE not in found or not set(found) <= {BASE, RECENT}:
        raise EngineError("these completions are of an earlier version", value=folder, remedy=mapped.REMEDY)
    return found


class Shelf:
    """The completions of a folder, as they are at the moment. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = Lock()
        self._open: tuple[Index, ...] = ()
        self._names: dict[str, str] = {}
        self._stamp = -1
        self._looked = 0.0

    def indexes(self) -> tuple[Index, ...]:
        """What serves: the base and, where there is one, what changed since. Raises EngineError when there are no completions."""
        if self._open and time.monotonic() - self._looked < _LOOK:
            return self._open
        with self._lock:
            try:
                stamp = (self.folder / CURRENT).stat().st_mtime_ns
            except FileNotFoundError:
                raise EngineError(
                    "there are no completions", value=self.folder, remedy="Build them with `etalage index FILE`."
                ) from None
            if stamp != self._stamp:
                names = named(self.folder)
                if names != self._names:
                    self._open = tuple(
                        Index.open(self.folder / names[part]) for part in (BASE, RECENT) if part in names
                    )
                    self._names = names
                self._stamp = stamp
            self._looked = time.monotonic()
            return self._open

    def version(self) -> str:
        """The names of the files that serve. Raises EngineError when there are no completions."""
        self.indexes()
        return " ".join(self._names.values())
