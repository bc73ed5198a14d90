"""Folders of the model cache: locked while they are read or written, and placed whole."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from etalage.core.errors import ConfigError


def made_by() -> str:
    """What a manifest says of who made it."""
    try:
        return f"etalage {version('etalage')}"
    except PackageNotFoundError:
        return "etalage unknown"


@contextmanager
def writing(models: Path, name: str) -> Iterator[None]:
    """Hold the lock of a model, alone; waits for who holds it."""
    with ExitStack() as stack:
        try:
            models.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context(open(models / f".{name}.lock", "a", encoding="ascii"))
        except OSError as error:
            raise ConfigError(
                "the model cache cannot be written", value=f"{models} ({error.strerror})", remedy="Set ETALAGE_MODELS."
            ) from None
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def reading(models: Path, name: str) -> Iterator[None]:
    """Hold the lock of a model with other readers; a cache that was never exported into, or cannot change, has none."""
    with ExitStack() as stack:
        try:
            lock = stack.enter_context(open(models / f".{name}.lock", encoding="ascii"))
        except OSError:
            pass
        else:
            fcntl.flock(lock, fcntl.LOCK_SH)
        yield


@contextmanager
def fresh(models: Path, name: str) -> Iterator[Path]:
    """An empty folder beside the models, gone afterwards unless it was placed; also removes what a kill left over."""
    for left in models.glob(f".{name}.new-*"):
        shutil.rmtree(left)
    target = models / f".{name}.new-{os.getpid()}"
    target.mkdir()
    try:
        yield target
    finally:
        shutil.rmtree(target, ignore_errors=True)


def place(folder: Path, final: Path) -> None:
    """Give a complete folder its name, in place of what has it now."""
    if final.exists():
        old = folder.with_name(f"{folder.name}-old")
        final.rename(old)
        folder.rename(final)
        shutil.rmtree(old)
    else:
        folder.rename(final)
