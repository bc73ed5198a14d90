"""One writer per home: an advisory file lock that names its holder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from etalage.core.errors import EngineUnavailable, WriterBusy


@contextmanager
def writer(home: Path) -> Iterator[None]:
    """Hold the writer lock of `home` (created if missing) while the block runs; the system releases it when we die.

    Raises:
        WriterBusy: another process holds it; the message names its process id.
        EngineUnavailable: the home cannot be created or written.
    """
    with _opened(home) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise WriterBusy(
                "another process is writing to this home",
                value=f"pid {holder} in {home}",
                remedy="Wait until it ends, or end it; indexing resumes where it stopped.",
            ) from None
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        yield


def _opened(home: Path) -> IO[str]:
    try:
        home.mkdir(parents=True, exist_ok=True)
        return open(home / "writer.lock", "a+", encoding="ascii")
    except OSError as error:
        raise EngineUnavailable(
            f"the home cannot be written ({error.strerror})", value=home, remedy="Choose another with --home."
        ) from error
