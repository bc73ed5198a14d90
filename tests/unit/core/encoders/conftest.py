"""A tiny BERT and its export."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from etalage.core.encoders import models

from ....bert import tiny


@pytest.fixture(scope="session")
def make_tiny() -> Callable[..., Path]:
    """`tiny`, for tests that need a model of another kind."""
    return tiny


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with mean pooling and prompts."""
    return tiny(tmp_path_factory.mktemp("source") / "tiny", query="for ", passage="with ")


@pytest.fixture(scope="session")
def exported(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that holds the tiny model's export; not to be changed."""
    cache = tmp_path_factory.mktemp("models")
    models.export(str(source), models=cache)
    return cache


@pytest.fixture
def cache(exported: Path, tmp_path: Path) -> Path:
    """A copy of that cache, to be damaged at will."""
    return Path(shutil.copytree(exported, tmp_path / "models"))
