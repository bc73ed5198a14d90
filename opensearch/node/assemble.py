"""Put an OpenSearch distribution together from Maven artifacts: core, modules, and the k-NN and neural-search plugins."""

from __future__ import annotations

import fcntl
import os
import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4
from xml.sax.saxutils import escape

from etalage.core.errors import ConfigError, EngineUnavailable
from etalage.core.settings import user_cache
from opensearch.node import java, maven

VERSION: Final = "3.6.0"
_PLUGIN_VERSION: Final = f"{VERSION}.0"
_LAYOUT: Final = 2
"""Raised when the layout of the assembled folder changes."""

_ROOTS_CACHE: Final = Path("/var/cache/etalage")
_COPY: Final = "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies"

_CORE: Final = (
    f"org.opensearch:opensearch:{VERSION}",
    f"org.opensearch:opensearch-plugin-classloader:{VERSION}",
    "org.apache.logging.log4j:log4j-core:2.25.3",
    "org.locationtech.jts:jts-core:1.20.0",
    "org.locationtech.spatial4j:spatial4j:0.8",
)
_AGENT: Final = (
    f"org.opensearch:opensearch-agent:{VERSION}",
    f"org.opensearch:opensearch-agent-bootstrap:{VERSION}",
    "net.bytebuddy:byte-buddy:1.17.7",
)
_MODULES: Final[Mapping[str, tuple[str, str]]] = {
    "lang-painless": ("lang-painless", "org.opensearch.painless.PainlessModulePlugin"),
    "transport-netty4": ("transport-netty4-client", "org.opensearch.transport.Netty4ModulePlugin"),
    "analysis-common": ("analysis-common", "org.opensearch.analysis.common.CommonAnalysisModulePlugin"),
    "search-pipeline-common": (
        "search-pipeline-common",
        "org.opensearch.search.pipeline.common.SearchPipelineCommonModulePlugin",
    ),
    "reindex": ("reindex-client", "org.opensearch.index.reindex.ReindexModulePlugin"),
    "transport-grpc": ("transport-grpc", "org.opensearch.transport.grpc.GrpcPlugin"),
    "ingest-common": ("ingest-common", "org.opensearch.ingest.common.IngestCommonModulePlugin"),
    "mapper-extras": ("mapper-extras-client", "org.opensearch.index.mapper.MapperExtrasModulePlugin"),
}
"""Module → its artifact and its plugin class."""

_EXTENDS: Final = {"analysis-common": "lang-painless"}
_PLUGINS: Final = ("opensearch-knn", "neural-search")
_POLICY_FILE: Final = "modules/transport-netty4/plugin-security.policy"
_POLICY: Final = """grant {
  permission java.net.SocketPermission "*", "accept,connect,listen,resolve";
};
"""
"""What the distribution lets the module of sockets do, and its artifact does not bring: without it, nodes do not reach each other."""

_LOGGING: Final = """status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""


def folder() -> Path:
    """Where assembled nodes are kept.

    A node refuses to run as root, and the ordinary user that it then runs as cannot enter root's own cache. So root keeps
    them in the system's cache, which only root can write: nobody else can put a jar there for root to start.
    """
    return (_ROOTS_CACHE if os.geteuid() == 0 else user_cache()) / "node"


def assemble(cache: Path | None = None) -> Path:
    """The folder of a complete node, put together on first use (110 MB, needs Maven and its repository).

    It is built beside its place and renamed, under a lock: a half-made one is never used, and two processes do not build
    at once.

    Args:
        cache: the folder that keeps assembled nodes; `folder()` when None.

    Raises:
        ConfigError: Maven is not installed, or the folder cannot be written.
        EngineUnavailable: artifacts could not be fetched; what Maven complained of is in the message.
    """
    cache = folder() if cache is None else cache
    target = cache / f"opensearch-{VERSION}-{_LAYOUT}"
    if whole(target):
        return target
    with locked(cache / f"{target.name}.lock"):
        if whole(target):
            return target
        for left in [target, *cache.glob("draft-*")]:  # of a build that was killed, or cleaned in part
            shutil.rmtree(left, ignore_errors=True)
        draft = cache / f"draft-{uuid4().hex[:8]}"
        try:
            _lay_out(_fetch(draft / "maven"), draft)
            shutil.rmtree(draft / "maven")
            _readable(draft)
            draft.rename(target)
        except zipfile.BadZipFile as error:
            raise EngineUnavailable(
                "Maven brought a broken archive",
                value=error,
                remedy="Remove org/opensearch from Maven's local repository and run it again.",
            ) from error
        except OSError as error:
            raise ConfigError(
                f"the node cannot be put together ({error.strerror or error})",
                value=cache,
                remedy="Free space there, or choose another cache with XDG_CACHE_HOME.",
            ) from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return target


def whole(home: Path) -> bool:
    """Whether `home` holds a node's agent, core, modules and plugins."""
    parts = [f"agent/opensearch-agent-{VERSION}.jar", f"lib/opensearch-{VERSION}.jar", "config/log4j2.properties"]
    parts += [f"modules/{name}/plugin-descriptor.properties" for name in _MODULES]
    parts += [f"plugins/{name}/plugin-descriptor.properties" for name in _PLUGINS]
    parts.append(_POLICY_FILE)
    return all((home / part).is_file() for part in parts)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path` (made with its folder) while the block runs; wait for whoever holds it.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "a", encoding="ascii")
    except OSError as error:
        raise ConfigError(
            f"the folder cannot be written ({error.strerror})", value=path.parent, remedy="Choose another folder."
        ) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch(work: Path) -> Path:
    """Let Maven copy every part's jars to `work/<part>/jars` and the plugins' zips to `work/plugins/jars`."""
    parts: dict[str, Sequence[str]] = {"core": _CORE, "agent": _AGENT}
    parts |= {f"module-{name}": (f"org.opensearch.plugin:{one}:{VERSION}",) for name, (one, _) in _MODULES.items()}
    parts["plugins"] = (
        f"org.opensearch.plugin:opensearch-knn:{_PLUGIN_VERSION}:zip",
        f"org.opensearch.plugin:neural-search:{_PLUGIN_VERSION}:zip",
    )
    for name, artifacts in parts.items():
        (work / name).mkdir(parents=True)
        (work / name / "pom.xml").write_text(pom(name, artifacts), encoding="utf-8")
    (work / "pom.xml").write_text(parent(list(parts)), encoding="utf-8")
    copy = [_COPY, "-DincludeScope=runtime", "-DoutputDirectory=jars"]
    code, told = maven.run(copy, work, _maven_environment(os.environ))
    if code:
        raise EngineUnavailable(
            "Maven could not fetch the node's parts",
            remedy="Check the network and Maven's settings (its proxy and mirrors), then run it again. Maven says:\n"
            + maven.complaint(told),
        )
    return work


def _maven_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for Maven, which needs a Java of its own: the node's, where no other is on the path."""
    given = dict(environment)
    if not given.get("JAVA_HOME") and shutil.which("java") is None:
        given["JAVA_HOME"] = str(java.find().command.parents[1])
    return given


def pom(name: str, artifacts: Sequence[str]) -> str:
    """A Maven module that depends on `group:artifact:version[:zip]`s; a zip comes without what it depends on."""
    dependencies = "".join(_dependency(*one.split(":")) for one in artifacts)
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><parent>'
        "<groupId>etalage</groupId><artifactId>node</artifactId><version>1</version></parent>"
        f"<artifactId>{escape(name)}</artifactId><dependencies>{dependencies}</dependencies></project>"
    )


def _dependency(group: str, artifact: str, version: str, kind: str = "jar") -> str:
    without = "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>"
    return (
        f"<dependency><groupId>{escape(group)}</groupId><artifactId>{escape(artifact)}</artifactId>"
        f"<version>{escape(version)}</version><type>{kind}</type>{without if kind == 'zip' else ''}</dependency>"
    )


def parent(modules: Sequence[str]) -> str:
    """The Maven project over `modules`."""
    names = "".join(f"<module>{escape(name)}</module>" for name in modules)
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>etalage</groupId>'
        f"<artifactId>node</artifactId><version>1</version><packaging>pom</packaging><modules>{names}</modules></project>"
    )


def _lay_out(fetched: Path, home: Path) -> None:
    """Copy the parts to where OpenSearch looks for them."""
    library = home / "lib"
    shutil.copytree(fetched / "core" / "jars", library)
    held = {path.name for path in library.iterdir()}
    for name, (_, plugin) in _MODULES.items():
        module = home / "modules" / name
        module.mkdir(parents=True)
        for jar in (fetched / f"module-{name}" / "jars").iterdir():
            if jar.name not in held:
                shutil.copy2(jar, module)
        (module / "plugin-descriptor.properties").write_text(descriptor(name, plugin), encoding="utf-8")
    (home / _POLICY_FILE).write_text(_POLICY, encoding="utf-8")
    for archive in (fetched / "plugins" / "jars").glob("*.zip"):
        name = next(one for one in _PLUGINS if archive.name.startswith(one))
        with zipfile.ZipFile(archive) as file:
            file.extractall(home / "plugins" / name)
    _agent(fetched / "agent" / "jars", home / "agent")
    for name in ("bin", "extensions", "config"):  # the node wants to make what is missing, and may not
        (home / name).mkdir()
    (home / "config" / "log4j2.properties").write_text(_LOGGING, encoding="utf-8")


def descriptor(name: str, plugin: str) -> str:
    """The descriptor of a module."""
    return (
        f"description={name}\nversion={VERSION}\nname={name}\nclassname={plugin}\njava.version=21\n"
        f"opensearch.version={VERSION}\nextended.plugins={_EXTENDS.get(name, '')}\nhas.native.controller=false\n"
    )


def _agent(jars: Path, target: Path) -> None:
    """The agent and, under the names that its manifest gives, what it loads at boot."""
    target.mkdir()
    agent = jars / f"opensearch-agent-{VERSION}.jar"
    shutil.copy2(agent, target)
    with zipfile.ZipFile(agent) as file:
        # Manifest lines are folded at 72 bytes.
        manifest = file.read("META-INF/MANIFEST.MF").decode().replace("\r\n ", "").replace("\n ", "")
    line = next((one for one in manifest.splitlines() if one.startswith("Boot-Class-Path:")), "Boot-Class-Path:")
    for wanted in line.split(":", 1)[1].split():
        stem = Path(wanted).name.rsplit("-", 1)[0].removesuffix(".jar")
        found = sorted(jars.glob(f"{stem}*.jar"), key=lambda path: len(path.name))
        exact = [path for path in found if path.name == Path(wanted).name]
        if not found:
            raise EngineUnavailable("the agent wants a jar that Maven did not bring", value=wanted, remedy="Report it.")
        shutil.copy2((exact or found)[0], target / Path(wanted).name)


def _readable(home: Path) -> None:
    for path in [home, *home.rglob("*")]:
        path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o644))
