"""Finding a Java, with small shell scripts in the place of JDKs."""

from __future__ import annotations

from pathlib import Path

import pytest

from etalage.core.errors import ConfigError
from opensearch.node import java

TEMURIN_25 = """openjdk version "25.0.1" 2025-10-21 LTS
OpenJDK Runtime Environment Temurin-25.0.1+8 (build 25.0.1+8-LTS)
"""


def jdk(home: Path, told: str, modules: str = "java.base@25.0.1") -> Path:
    """A folder whose bin/java prints what a JDK prints."""
    command = home / "bin" / "java"
    command.parent.mkdir(parents=True)
    command.write_text(
        f"#!/bin/sh\nif [ \"$1\" = -version ]; then cat >&2 <<'END'\n{told}\nEND\nelse echo '{modules}'; fi\n",
        encoding="utf-8",
    )
    command.chmod(0o755)
    return home


@pytest.mark.parametrize(
    ("told", "version"),
    [
        (TEMURIN_25, 25),
        ('openjdk version "17.0.17" 2025-10-21', 17),
        ('java version "1.8.0_392"', 8),
        ('openjdk version "21" 2023-09-19', 21),
        ('openjdk version "26-ea" 2026-03-17', 26),
        ('Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "24.0.2" 2025-07-15', 24),
        ("sh: java: not found", 0),
        ("", 0),
    ],
)
def test_the_major_version_is_read_from_what_java_prints(told: str, version: int) -> None:
    assert java.version_of(told) == version


def test_a_given_home_is_used_and_its_vector_module_is_noticed(tmp_path: Path) -> None:
    home = jdk(tmp_path / "jdk", TEMURIN_25, "java.base@25.0.1\njdk.incubator.vector@25.0.1")
    assert java.find(home) == java.Java(home / "bin" / "java", 25, vector=True)


def test_a_java_without_the_vector_module_is_taken_without_it(tmp_path: Path) -> None:
    assert java.find(jdk(tmp_path / "jdk", TEMURIN_25)).vector is False


@pytest.mark.parametrize("told", ['openjdk version "17.0.17" 2025-10-21', 'java version "1.8.0_392"', "nonsense"])
def test_a_given_home_with_too_old_a_java_is_refused_and_named(tmp_path: Path, told: str) -> None:
    home = jdk(tmp_path / "old", told)
    with pytest.raises(ConfigError, match="no Java 21 or newer") as refused:
        java.find(home)
    assert str(home) in str(refused.value)


def test_a_given_home_without_java_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="bin/java"):
        java.find(tmp_path)


def test_java_home_comes_before_the_path_and_the_newest_jdk_before_older_ones(tmp_path: Path) -> None:
    first, on_path = jdk(tmp_path / "first", TEMURIN_25), jdk(tmp_path / "path", TEMURIN_25)
    jdks = tmp_path / "jvm"
    for name in ("java-9-openjdk", "temurin-25-jdk", "java-21-openjdk"):
        jdk(jdks / name, TEMURIN_25)
    found = java.candidates({"JAVA_HOME": str(first), "PATH": str(on_path / "bin")}, jdks)
    homes = [command.parents[1] for command in found][:5]
    expected = [first, on_path, jdks / "temurin-25-jdk", jdks / "java-21-openjdk", jdks / "java-9-openjdk"]
    assert homes == expected


def test_a_command_is_tried_once(tmp_path: Path) -> None:
    jdks = tmp_path / "jvm"
    home = jdk(jdks / "jdk-21", TEMURIN_25)
    found = java.candidates({"JAVA_HOME": str(home), "PATH": str(home / "bin")}, jdks)
    assert found.count(home / "bin" / "java") == 1


def test_an_old_java_home_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = jdk(tmp_path / "old", 'openjdk version "17.0.17"'), jdk(tmp_path / "new", TEMURIN_25)
    monkeypatch.setenv("JAVA_HOME", str(old))
    monkeypatch.setenv("PATH", f"{new / 'bin'}:/usr/bin:/bin")
    assert java.find().command == new / "bin" / "java"


def test_a_compiler_is_a_jdk_that_is_new_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = jdk(tmp_path / "old", 'openjdk version "17.0.17"'), jdk(tmp_path / "new", TEMURIN_25)
    for home in (old, new):
        (home / "bin" / "javac").touch()
    monkeypatch.setenv("JAVA_HOME", str(jdk(tmp_path / "without", TEMURIN_25)))
    links = tmp_path / "links"
    links.mkdir()
    (links / "java").symlink_to(new / "bin" / "java")
    monkeypatch.setenv("PATH", f"{links}:/usr/bin:/bin")
    assert java.compiler() == new, "one without javac is passed over, and a link is followed"
    monkeypatch.setattr(java, "candidates", lambda environment: [old / "bin" / "java"])
    with pytest.raises(ConfigError, match="no JDK 21 or newer"):
        java.compiler()
