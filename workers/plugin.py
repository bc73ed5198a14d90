"""Models for the node's ranking plugin: the ranker and the encoder of queries that are in use here, packed and pushed."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any, Final

from etalage.core import artifact
from etalage.core.encoders import hashing
from etalage.core.encoders import manifest as manifests
from etalage.core.errors import ConfigError
from etalage.core.settings import Settings
from opensearch.cluster import plugin
from opensearch.cluster.client import Client
from ranker.rerank import STARTER, Ranker
from workers import parts

_MOMENT: Final = (1980, 1, 1, 0, 0, 0)
"""One time for all files: the same models give the same bytes, and so the same hash."""


def pack(settings: Settings) -> bytes:
    """A zip of the ranker in use (the home's, else the packaged one), of the encoder of queries (but for `hashing`, which is no file), and
    of the adapter of the index, if one was trained.

    Raises:
        FeatureMismatch, FingerprintMismatch, ModelError, ModelNotFound: one of them cannot be used.
    """
    folder = artifact.current(settings.home / "rankers") or STARTER
    Ranker(artifact.load(folder))
    files = [(name, folder / name) for name in (artifact.MANIFEST, artifact.MODEL)]
    encoder = parts.encoder_of(settings)
    if encoder.name != hashing.NAME:
        source = settings.models / encoder.name
        names = (manifests.MANIFEST, manifests.TOKENIZER, manifests.MODEL)
        files += [(f"encoder/{name}", source / name) for name in names]
    adapter, source = parts.adaptation_of(settings).current(encoder.fingerprint), parts.adapter_folder(settings)
    if adapter is not None:
        files += [
            (f"adapter/{manifests.MANIFEST}", source / manifests.MANIFEST),
            (f"adapter/{manifests.MODEL}", source / adapter.manifest.model),
        ]
    return _zipped(files)


def _zipped(files: list[tuple[str, Path]]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in files:
            archive.writestr(zipfile.ZipInfo(name, _MOMENT), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def push(settings: Settings, name: str) -> dict[str, Any]:
    """Have the node rank with the models in use here, as `name`; what it says of it. Raises ConfigError, ModelError, EngineError."""
    client = _client(settings)
    try:
        return plugin.push(client, name, pack(settings))
    finally:
        client.close()


def rollback(settings: Settings, name: str) -> dict[str, Any]:
    """Have the node rank with what `name` stood for before; what it says of it. Raises ConfigError, EngineError."""
    client = _client(settings)
    try:
        return plugin.rollback(client, name)
    finally:
        client.close()


def status(settings: Settings) -> dict[str, Any]:
    """`{models, stats}` of the node. Raises ConfigError, EngineError."""
    client = _client(settings)
    try:
        return {"models": plugin.models(client), "stats": plugin.stats(client)}
    finally:
        client.close()


def needs_node(settings: Settings) -> None:
    """Raises ConfigError where no node is set."""
    if settings.embedded:
        raise ConfigError("the plugin is a node's, and none is set", remedy="Set ETALAGE_OPENSEARCH_URL.")


def _client(settings: Settings) -> Client:
    needs_node(settings)
    return Client(settings)
