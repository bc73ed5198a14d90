"""What Maven is asked for, and the files that are written for the node."""

from __future__ import annotations

import os
from pathlib import Path
from xml.etree import ElementTree

import pytest

from etalage.core.errors import ConfigError, EngineUnavailable
from opensearch.node import java, process
from opensearch.node.assemble import (
    _EXTENDS,
    _LAYOUT,
    _MODULES,
    VERSION,
    _fetch,
    assemble,
    descriptor,
    parent,
    pom,
)

NAMES = {"m": "http://maven.apache.org/POM/4.0.0"}


def values(document: ElementTree.Element, path: str) -> list[str | None]:
    return [one.text for one in document.findall(path, NAMES)]


def test_a_module_depends_on_its_artifacts() -> None:
    made = ElementTree.fromstring(pom("core", ["org.a:one:1.0", "org.b:two:2.0:zip"]))
    assert values(made, "m:modelVersion") == ["4.0.0"] and values(made, "m:artifactId") == ["core"]
    assert values(made, "m:parent/m:artifactId") == ["node"]
    each = "m:dependencies/m:dependency/m:"
    assert values(made, f"{each}groupId") == ["org.a", "org.b"]
    assert values(made, f"{each}artifactId") == ["one", "two"]
    assert values(made, f"{each}version") == ["1.0", "2.0"]
    assert values(made, f"{each}type") == ["jar", "zip"]


def test_a_zip_comes_without_what_it_depends_on() -> None:
    made = ElementTree.fromstring(pom("plugins", ["org.a:one:1.0", "org.b:two:2.0:zip"]))
    jar, archive = made.findall("m:dependencies/m:dependency", NAMES)
    assert jar.find("m:exclusions", NAMES) is None
    assert values(archive, "m:exclusions/m:exclusion/m:artifactId") == ["*"]


def test_names_are_escaped() -> None:
    made = ElementTree.fromstring(pom("a<b&c", ["g&g:a<a:1>2"]))
    assert values(made, "m:artifactId") == ["a<b&c"]
    assert values(made, "m:dependencies/m:dependency/m:groupId") == ["g&g"]
    assert values(made, "m:dependencies/m:dependency/m:version") == ["1>2"]


def test_no_artifacts() -> None:
    assert values(ElementTree.fromstring(pom("none", [])), "m:dependencies/m:dependency") == []


def test_the_parent_lists_its_modules() -> None:
    made = ElementTree.fromstring(parent(["core", "agent"]))
    assert values(made, "m:packaging") == ["pom"] and values(made, "m:modules/m:module") == ["core", "agent"]
    coordinates = [values(made, f"m:{name}") for name in ("groupId", "artifactId", "version")]
    child = ElementTree.fromstring(pom("core", []))
    assert coordinates == [values(child, f"m:parent/m:{name}") for name in ("groupId", "artifactId", "version")]


def properties(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


def test_descriptors() -> None:
    made = properties(descriptor("reindex", "org.example.Plugin"))
    assert made == {
        "description": "reindex", "version": VERSION, "name": "reindex", "classname": "org.example.Plugin",
        "java.version": "21", "opensearch.version": VERSION, "extended.plugins": "",
        "has.native.controller": "false",
    }  # fmt: skip
    assert properties(descriptor("analysis-common", "C"))["extended.plugins"] == "lang-painless"


def test_every_module_has_an_artifact_of_its_own_and_a_class() -> None:
    artifacts = [artifact for artifact, _ in _MODULES.values()]
    assert len(set(artifacts)) == len(artifacts)
    assert all(plugin.startswith("org.opensearch.") for _, plugin in _MODULES.values())
    assert set(_EXTENDS) | set(_EXTENDS.values()) <= set(_MODULES)


def test_without_maven_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="Maven is not installed: mvn. Install it"):
        _fetch(tmp_path)


def test_an_assembled_node_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing that could fetch it is in reach, so it can only be found.
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="Maven"):
        assemble(tmp_path)
    assert not list(tmp_path.glob("draft-*")), "a failed attempt leaves nothing"
    made = tmp_path / f"opensearch-{VERSION}-{_LAYOUT}"
    furnish(made)
    assert assemble(tmp_path) == made


def furnish(home: Path) -> None:
    """Empty files in the place of a node's parts."""
    parts = [f"agent/opensearch-agent-{VERSION}.jar", f"lib/opensearch-{VERSION}.jar", "config/log4j2.properties"]
    parts += [f"modules/{name}/plugin-descriptor.properties" for name in _MODULES]
    parts += [f"plugins/{name}/plugin-descriptor.properties" for name in ("opensearch-knn", "neural-search")]
    parts.append("modules/transport-netty4/plugin-security.policy")
    for part in parts:
        (home / part).parent.mkdir(parents=True, exist_ok=True)
        (home / part).touch()


@pytest.mark.parametrize(
    "part",
    [f"lib/opensearch-{VERSION}.jar", f"agent/opensearch-agent-{VERSION}.jar", "config/log4j2.properties"]
    + ["modules/transport-netty4/plugin-security.policy"]
    + [f"{place}/plugin-descriptor.properties" for place in ("modules/reindex", "plugins/opensearch-knn")],
)
def test_a_node_that_was_cleaned_in_part_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    made = tmp_path / f"opensearch-{VERSION}-{_LAYOUT}"
    furnish(made)
    (made / part).unlink()
    (tmp_path / "draft-0badcafe").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="Maven"):
        assemble(tmp_path)
    assert not made.exists() and not (tmp_path / "draft-0badcafe").exists()


def test_a_failing_maven_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maven = tmp_path / "bin" / "mvn"
    maven.parent.mkdir()
    maven.write_text("#!/bin/sh\necho '[ERROR] Connection refused'\necho '[ERROR] Help 1'\nexit 1\n", encoding="utf-8")
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", f"{maven.parent}:{os.defpath}")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(EngineUnavailable, match="Check the network.*\nConnection refused$"):
        assemble(tmp_path / "cache")
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


# settings and command line
def test_the_nodes_settings_keep_it_on_this_machine(tmp_path: Path) -> None:
    made = dict(line.split(": ", 1) for line in process.settings(tmp_path, "abc", 9201, 9301, "etalage-abc").splitlines())
    assert made["network.host"] == "127.0.0.1" and made["discovery.type"] == "single-node"
    assert (made["http.port"], made["transport.port"]) == ("9201", "9301")
    assert (made["path.data"], made["path.logs"]) == (str(tmp_path / "data"), str(tmp_path / "logs"))


@pytest.mark.parametrize("vector", [True, False])
def test_the_command_line(tmp_path: Path, vector: bool) -> None:
    command = java.Java(Path("/jdk/bin/java"), 21, vector)
    made = process.arguments(command, tmp_path / "dist", tmp_path / "run", "512m")
    assert made[0] == "/jdk/bin/java" and made[-1] == "org.opensearch.bootstrap.OpenSearch"
    assert {"-Xms512m", "-Xmx512m"} <= set(made) and ("--add-modules=jdk.incubator.vector" in made) is vector
    assert made[made.index("-cp") + 1] == f"{tmp_path / 'dist' / 'lib'}/*"
    # Stopping recognises the node by its folder in the command line.
    assert any(str(tmp_path / "run") in word for word in made)


def test_nothing_runs_where_nothing_was_started(tmp_path: Path) -> None:
    assert process.running(tmp_path) is None and process.stop(tmp_path) is False
    (tmp_path / "node.json").write_text("{broken")
    assert process.running(tmp_path) is None and process.stop(tmp_path) is False
    assert not (tmp_path / "node.json").exists()


def test_a_pid_that_is_another_process_now_is_never_ended(tmp_path: Path) -> None:
    (tmp_path / "node.json").write_text(
        f'{{"id": "x", "url": "http://127.0.0.1:9", "pid": {os.getpid()}, "folder": "{tmp_path}/etalage-node-x"}}'
    )
    assert process.running(tmp_path) is None
    assert process.stop(tmp_path) is False
