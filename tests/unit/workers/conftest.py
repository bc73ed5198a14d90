"""Settings of a home in a temporary folder, with the encoder that needs no files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from etalage.core.settings import Settings, load
from opensearch.embedded import EmbeddedEngine
from opensearch.engine import SearchEngine

Feed = Callable[..., Path]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Those of the embedded engine, whatever the environment says."""
    for name in os.environ:
        if name.upper().startswith("ETALAGE_"):
            monkeypatch.delenv(name)
    return load(home=tmp_path / "home", models=tmp_path / "models", text_model="hashing")


@pytest.fixture
def engine(settings: Settings) -> Iterator[SearchEngine]:
    made = EmbeddedEngine(settings)
    yield made
    made.close()


@pytest.fixture
def write(tmp_path: Path) -> Feed:
    """Writes a JSON Lines file: `write(*objects, name="feed.jsonl")`; bytes are written as they are."""

    def written(*lines: Mapping[str, Any] | bytes, name: str = "feed.jsonl") -> Path:
        path = tmp_path / name
        path.write_bytes(b"\n".join(one if isinstance(one, bytes) else orjson.dumps(one) for one in lines))
        return path

    return written
