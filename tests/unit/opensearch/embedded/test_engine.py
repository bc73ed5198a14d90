"""What the embedded engine keeps open."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from etalage.core.records import Document
from etalage.core.settings import load
from opensearch.embedded import EmbeddedEngine
from opensearch.engine import IndexSpec

FILES = Path("/proc/self/fd")


def opened(folder: Path) -> set[str]:
    """The files of a folder that this process holds open, mapped or not."""
    held = [os.readlink(one) for one in FILES.iterdir() if one.is_symlink()]
    held += [line.split(maxsplit=5)[-1] for line in Path("/proc/self/maps").read_text().splitlines()]
    return {name for name in held if name.startswith(str(folder))}


@pytest.mark.skipif(not FILES.exists(), reason="open files are read from /proc")
def test_a_generation_that_no_longer_serves_is_let_go(tmp_path: Path) -> None:
    engine = EmbeddedEngine(load(home=tmp_path, opensearch_url=""))
    names = []
    for number in range(4):
        made = engine.create("products", IndexSpec("test", "f" * 8, 4))
        vector = np.array([1, 0, 0, 0], np.float32)
        engine.write(made.name, [Document("p1", {"id": "p1", "title": f"lamp {number}"}, "c", "e", vec_text=vector)])
        engine.refresh(made.name)
        engine.swap("products", made.name)
        names.append(made.name)
        # Both names of a generation stand for one snapshot.
        for index in ("products", made.name):
            hits = engine.search(index, {"query": {"match_all": {}}})["hits"]["hits"]
            assert hits[0]["_source"]["title"] == f"lamp {number}"
    held = opened(tmp_path)
    assert any(names[-1] in name for name in held)
    assert not [name for name in held if any(old in name for old in names[:-1])]
    engine.close()
