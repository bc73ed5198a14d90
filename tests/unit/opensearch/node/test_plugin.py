"""The plugin's zip: built by a script in the place of Maven, and unpacked into the homes of nodes that do not run."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from etalage.core.errors import ConfigError, EngineUnavailable
from opensearch.node import java, plugin
from opensearch.node.assemble import VERSION


def archive(file: Path, name: str = plugin.NAME, version: str = VERSION, jar: bytes = b"one") -> Path:
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("plugin-descriptor.properties", f"name={name}\nopensearch.version={version}\n")
        made.writestr("etalage-ranking.jar", jar)
    return file


def home(folder: Path) -> Path:
    for name in ("lib", "plugins/opensearch-knn"):
        (folder / name).mkdir(parents=True)
    (folder / "lib" / "core.jar").write_bytes(b"core")
    return folder


@pytest.fixture
def maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of sources, and a command `mvn` that notes how it was called, and runs `answer.sh` there."""
    command = tmp_path / "bin" / "mvn"
    command.parent.mkdir()
    command.write_text('#!/bin/sh\necho "$JAVA_HOME $@" >called\n. ./answer.sh\n', encoding="utf-8")
    command.chmod(0o755)
    source = tmp_path / "source"
    source.mkdir()
    (source / "pom.xml").touch()
    monkeypatch.setenv("PATH", f"{command.parent}:{os.defpath}")
    monkeypatch.setattr(plugin, "SOURCE", source)
    monkeypatch.setattr(java, "compiler", lambda: Path("/jdk"))
    return source


def test_maven_builds_with_the_jdk_and_what_the_tests_compare_with(maven: Path) -> None:
    (maven / "answer.sh").write_text(f"mkdir -p target; touch target/{plugin.NAME}-0.1.0.zip")
    assert plugin.build({"golden": "/g"}) == maven / "target" / f"{plugin.NAME}-0.1.0.zip"
    assert (maven / "called").read_text() == "/jdk -B -q package -Dgolden=/g\n"
    plugin.build(tests=False)
    assert (maven / "called").read_text() == "/jdk -B -q package -DskipTests\n"


def test_what_maven_complains_of_is_told_and_kept(maven: Path) -> None:
    (maven / "answer.sh").write_text("echo '[ERROR] Ranker.java:[1,2] ; expected'; exit 1")
    with pytest.raises(EngineUnavailable, match=r"could not be built: Ranker.java:\[1,2\] ; expected"):
        plugin.build()
    assert "expected" in (maven / "target" / "build.log").read_text()


def test_without_maven_sources_or_a_build_it_is_said(maven: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="was not built.*etalage plugin build"):
        plugin.built()
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ConfigError, match="Maven is not installed"):
        plugin.build()
    (maven / "pom.xml").unlink()
    with pytest.raises(ConfigError, match="sources are not here"):
        plugin.build()


def test_the_newest_zip_is_the_built_one(maven: Path) -> None:
    (maven / "target").mkdir()
    for age, version in ((10, "0.2.0"), (20, "0.10.0")):
        made = archive(maven / "target" / f"{plugin.NAME}-{version}.zip")
        os.utime(made, (1_000_000 - age, 1_000_000 - age))
    assert plugin.built().name == f"{plugin.NAME}-0.2.0.zip"


def test_a_plugin_is_installed_in_place_of_an_earlier_one(tmp_path: Path) -> None:
    node = home(tmp_path / "node")
    folder = plugin.install(archive(tmp_path / "one.zip"), node)
    assert folder == node / "plugins" / plugin.NAME and (folder / "etalage-ranking.jar").read_bytes() == b"one"
    (folder / "left.jar").touch()
    plugin.install(archive(tmp_path / "two.zip", jar=b"two"), node)
    assert sorted(path.name for path in folder.iterdir()) == ["etalage-ranking.jar", "plugin-descriptor.properties"]
    assert (folder / "etalage-ranking.jar").read_bytes() == b"two"
    assert all(path.stat().st_mode & 0o444 == 0o444 for path in folder.iterdir())


def test_what_is_no_plugin_of_this_version_changes_nothing(tmp_path: Path) -> None:
    node = home(tmp_path / "node")
    plugin.install(archive(tmp_path / "one.zip"), node)
    (tmp_path / "text.zip").write_text("no zip")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    for wrong, why in (
        (archive(tmp_path / "old.zip", version="3.5.0"), "for OpenSearch 3.5.0"),
        (archive(tmp_path / "other.zip", name="opensearch-knn"), "opensearch-knn for OpenSearch"),
        (tmp_path / "text.zip", "this is no plugin"),
        (tmp_path / "empty.zip", "this is no plugin"),
        (tmp_path / "none.zip", "there is no such file"),
    ):
        with pytest.raises(ConfigError, match=why):
            plugin.install(wrong, node)
    assert [path.name for path in (node / "plugins").iterdir() if path.name.startswith(".")] == []
    assert (node / "plugins" / plugin.NAME / "etalage-ranking.jar").read_bytes() == b"one"


def test_a_folder_that_is_no_nodes_home_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no home of a node"):
        plugin.install(archive(tmp_path / "one.zip"), tmp_path)


def test_files_stay_in_the_plugins_folder(tmp_path: Path) -> None:
    node, file = home(tmp_path / "node"), archive(tmp_path / "one.zip")
    with zipfile.ZipFile(file, "a") as made:
        made.writestr("../../../outside.jar", b"no")
    plugin.install(file, node)
    assert not (tmp_path / "outside.jar").exists() and not (node / "outside.jar").exists()


def test_a_node_with_a_plugin_has_a_home_of_its_own(tmp_path: Path) -> None:
    shared = home(tmp_path / "shared")
    own = plugin.overlay(shared, archive(tmp_path / "one.zip"), tmp_path / "own")
    assert (own / "lib" / "core.jar").read_bytes() == b"core" and (own / "plugins" / "opensearch-knn").is_dir()
    assert (own / "plugins" / plugin.NAME).is_dir() and not (shared / "plugins" / plugin.NAME).exists()
