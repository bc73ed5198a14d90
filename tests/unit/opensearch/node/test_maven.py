"""What Maven says."""

from __future__ import annotations

import pytest

from opensearch.node.maven import complaint


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (
            "\x1b[0m\x1b[0m[ERROR] Plugin could not be resolved\n[ERROR] \n[ERROR] Help 1",
            "Plugin could not be resolved",
        ),
        ("[WARNING] slow\nError: JAVA_HOME is not defined\n", "Error: JAVA_HOME is not defined"),
        ("[ERROR] \n", "[ERROR]"),
        ("", "it printed nothing"),
    ],
)
def test_the_line_in_which_maven_complains(told: str, line: str) -> None:
    assert complaint(told) == line
