"""How the kernels are compiled: once on a machine, and kept in the user's cache."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import numpy as np
import numpy.typing as npt
from numba import config, njit

Bytes = npt.NDArray[np.uint8]
Ids = npt.NDArray[np.uint32]
Whole = npt.NDArray[np.int64]
Real = npt.NDArray[np.float64]
Scores = npt.NDArray[np.float32]

whole = cast("Callable[[Any], int]", np.int64)
"""A number as 64 bits with a sign: sums and differences of unsigned ones would be of other kinds."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _folder() -> Path | None:
    """Where machine code is kept, by the hash of all sources: numba notices a changed function, not one that it calls. None where it cannot
    be kept."""
    digest = sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "etalage" / "kernels" / digest.hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


_FOLDER: Final = _folder()


def compiled(function: _Function) -> _Function:
    """`function` as machine code, made at its first call. It holds no lock of the interpreter while it runs."""
    before = config.CACHE_DIR
    try:
        config.CACHE_DIR = "" if _FOLDER is None else str(_FOLDER)
        return cast(_Function, njit(cache=_FOLDER is not None, nogil=True)(function))
    finally:
        config.CACHE_DIR = before
