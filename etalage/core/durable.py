"""Files that are replaced as a whole: whoever reads one meets the old content or the new, also after a crash."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4


def replace(path: Path, content: bytes) -> None:
    """Put `content` into the file, in one step; its folder is made where there is none.

    Raises:
        OSError: it cannot be written; the old file stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        with open(draft, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
