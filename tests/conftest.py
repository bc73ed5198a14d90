"""Fixtures for every suite."""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# The same examples in every run, so that a change that breaks nothing stays green.
hypothesis.settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("fixed")


def required(what: str) -> bool:
    """Whether `ETALAGE_REQUIRE` (a comma list) says that a missing part fails the run instead of skipping tests."""
    return what in os.environ.get("ETALAGE_REQUIRE", "").split(",")


def unavailable(what: str, why: str) -> None:
    """Skip the test, or fail it when `what` is required."""
    if required(what):
        pytest.fail(f"{what} is required: {why}", pytrace=False)
    pytest.skip(f"no {what}: {why}")


@pytest.fixture(scope="session")
def node_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real OpenSearch node: `ETALAGE_TEST_NODE_URL`, else one started for this run."""
    given = os.environ.get("ETALAGE_TEST_NODE_URL")
    if given:
        yield given
        return
    try:
        node = importlib.import_module("opensearch.node")
    except ImportError as error:
        unavailable("node", str(error))
        return
    if not hasattr(node, "start"):
        unavailable("node", "opensearch.node cannot start one")
    folder: Path = tmp_path_factory.mktemp("node")
    try:
        with warnings.catch_warnings():
            # The node is meant to outlive the handle of its process.
            warnings.simplefilter("ignore", ResourceWarning)
            started = node.start(folder)
    except Exception as error:  # whatever keeps a node from starting is the reason that is shown
        unavailable("node", f"{type(error).__name__}: {error}")
        return
    try:
        yield started.url
    finally:
        node.stop(folder)
