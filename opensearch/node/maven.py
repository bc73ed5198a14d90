"""Maven, which brings the parts of a node and builds its plugin."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from etalage.core.errors import ConfigError, EngineUnavailable

_SECONDS: Final = 1800.0


def run(arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """Run Maven in a project's folder; its exit code, and all that it says.

    Raises:
        ConfigError: it is not installed.
        EngineUnavailable: it does not end.
    """
    maven = shutil.which("mvn")
    if maven is None:
        raise ConfigError("Maven is not installed", value="mvn", remedy="Install it, for instance `apt install maven`.")
    try:
        done = subprocess.run(
            [maven, "-B", "-q", *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise EngineUnavailable(
            f"Maven did not end within {_SECONDS:.0f} s", remedy="Check the network, then run it again."
        ) from None
    return done.returncode, done.stdout


def complaint(told: str) -> str:
    """The line of Maven's output that says what went wrong: its first error, else its last line."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", told)
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    errors = [line.removeprefix("[ERROR]").strip() for line in lines if line.startswith("[ERROR]")]
    return next((line for line in [*errors, *reversed(lines)] if line), "it printed nothing")
