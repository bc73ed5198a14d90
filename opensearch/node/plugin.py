"""The node's ranking plugin: built from its sources, and put where a node looks for plugins."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from uuid import uuid4

from etalage.core.errors import ConfigError, EngineUnavailable
from opensearch.node import java, maven
from opensearch.node.assemble import VERSION

SOURCE: Final = Path(__file__).parents[1] / "plugin"
"""The plugin's Maven project."""

NAME: Final = "etalage-ranking"
_DESCRIPTOR: Final = "plugin-descriptor.properties"


def build(properties: Mapping[str, str] | None = None, *, tests: bool = True) -> Path:
    """Build the plugin with Maven; its zip.

    Args:
        properties: of the tests: `golden` and `golden.text` name files that Python wrote; tests that lack theirs are skipped.
        tests: whether to run them.

    Raises:
        ConfigError: Maven, a JDK or the sources are not there.
        EngineUnavailable: the build failed; what Maven complained of is in the message.
    """
    if not (SOURCE / "pom.xml").is_file():
        raise ConfigError(
            "the plugin's sources are not here", value=SOURCE, remedy="Build it in a checkout of Etalage."
        )
    given = [f"-D{name}={value}" for name, value in (properties or {}).items()]
    arguments = ["package", *given, *([] if tests else ["-DskipTests"])]
    code, told = maven.run(arguments, SOURCE, {**os.environ, "JAVA_HOME": str(java.compiler())})
    if code:
        log = SOURCE / "target" / "build.log"
        log.parent.mkdir(exist_ok=True)
        log.write_text(told, encoding="utf-8")
        raise EngineUnavailable(
            "the plugin could not be built",
            value=maven.complaint(told),
            remedy=f"All that Maven says is in {log}.",
        )
    return built()


def built() -> Path:
    """The zip that `build` made. Raises ConfigError where there is none."""
    found = sorted((SOURCE / "target").glob(f"{NAME}-*.zip"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise ConfigError("the plugin was not built", value=SOURCE / "target", remedy="Run: etalage plugin build.")
    return found[-1]


def install(archive: Path, home: Path) -> Path:
    """Unpack a plugin into the home of a node that does not run, in place of an earlier one; its folder.

    Raises:
        ConfigError: the archive is no plugin for this version of OpenSearch, `home` is no node's, or it cannot be written.
    """
    plugins = home / "plugins"
    if not ((home / "lib").is_dir() and plugins.is_dir()):
        raise ConfigError(
            "this is no home of a node", value=home, remedy="Name the folder that holds lib, modules and plugins."
        )
    target, draft = plugins / NAME, plugins / f".{NAME}-{uuid4().hex[:8]}"
    try:
        _unpack(archive, draft)
        if target.exists():
            shutil.rmtree(target)
        draft.rename(target)
    except OSError as error:
        raise ConfigError(
            f"the plugin cannot be installed ({error.strerror or error})",
            value=target,
            remedy="Free space there, or rights.",
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target


def _unpack(archive: Path, folder: Path) -> None:
    remedy = "Build one with: etalage plugin build."
    try:
        with zipfile.ZipFile(archive) as file:
            told = file.read(_DESCRIPTOR).decode()
            said = dict(line.split("=", 1) for line in told.splitlines() if "=" in line)
            if said.get("name") != NAME or said.get("opensearch.version") != VERSION:
                found = f"{said.get('name')} for OpenSearch {said.get('opensearch.version')}"
                raise ConfigError(f"this is not {NAME} for OpenSearch {VERSION}", value=found, remedy=remedy)
            file.extractall(folder)
    except FileNotFoundError:
        raise ConfigError("there is no such file", value=archive, remedy=remedy) from None
    except (KeyError, UnicodeDecodeError, zipfile.BadZipFile):
        raise ConfigError("this is no plugin", value=archive, remedy=remedy) from None
    for path in [folder, *folder.rglob("*")]:  # the node's user reads them, whoever unpacked them
        path.chmod(0o755 if path.is_dir() else 0o644)


def overlay(distribution: Path, archive: Path, home: Path) -> Path:
    """A home of its own for one node: `distribution`, which others share, with a plugin more. Its files are links where the file
    system has such, and copies elsewhere. Raises ConfigError."""
    shutil.copytree(distribution, home, copy_function=_link)
    install(archive, home)
    return home


def _link(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target
