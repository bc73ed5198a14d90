"""What is packed for the node's plugin."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from etalage.core import artifact
from etalage.core.encoders import adapter
from etalage.core.errors import ConfigError, FeatureMismatch, FingerprintMismatch
from etalage.core.settings import Settings
from opensearch.cluster import plugin as node
from ranker.rerank import STARTER
from workers import parts, plugin


def files(packed: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def trained(home: Path, **changes: Any) -> Path:
    """Make a copy of the packaged ranker, its manifest changed, the home's current one."""
    folder = home / "rankers" / "mine"
    shutil.copytree(STARTER, folder)
    manifest = orjson.loads((folder / "manifest.json").read_bytes()) | {"name": "mine"} | changes
    (folder / "manifest.json").write_bytes(orjson.dumps(manifest))
    (home / "rankers" / "CURRENT").write_text("mine", encoding="utf-8")
    return folder


def test_a_new_home_packs_the_packaged_ranker_without_its_weights(settings: Settings) -> None:
    packed = plugin.pack(settings)
    assert files(packed) == {name: (STARTER / name).read_bytes() for name in ("manifest.json", "model.onnx")}
    assert plugin.pack(settings) == packed, "the same models give the same bytes"


def test_the_homes_own_ranker_is_packed(settings: Settings) -> None:
    folder = trained(settings.home)
    assert files(plugin.pack(settings))["manifest.json"] == (folder / "manifest.json").read_bytes()


def test_a_ranker_that_cannot_be_used_is_not_packed(settings: Settings) -> None:
    trained(settings.home, contract="0123")
    with pytest.raises(FeatureMismatch):
        plugin.pack(settings)


def test_the_encoder_comes_with_what_decides_its_vectors(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = settings.models / "tiny"
    folder.mkdir(parents=True)
    for name in ("manifest.json", "tokenizer.json", "model.onnx", "probes.npz"):
        (folder / name).write_text(name, encoding="utf-8")
    monkeypatch.setattr(parts, "encoder_of", lambda settings: SimpleNamespace(name="tiny", fingerprint="abcd"))
    found = files(plugin.pack(settings.model_copy(update={"text_model": "someone/tiny"})))
    encoder = {name: content for name, content in found.items() if name.startswith("encoder/")}
    assert encoder == {f"encoder/{name}": name.encode() for name in ("manifest.json", "tokenizer.json", "model.onnx")}


def test_what_is_packed_is_pushed_to_the_node_that_is_set(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(node, "push", lambda client, name, packed: seen.append((client.url, name, packed)) or {"ok": 1})
    there = settings.model_copy(update={"opensearch_url": "http://127.0.0.1:1"})
    assert plugin.push(there, "shop") == {"ok": 1}
    assert seen == [("http://127.0.0.1:1", "shop", plugin.pack(settings))]


def test_without_a_node_nothing_is_pushed(settings: Settings) -> None:
    for ask in (
        lambda: plugin.push(settings, "shop"),
        lambda: plugin.rollback(settings, "shop"),
        lambda: plugin.status(settings),
    ):
        with pytest.raises(ConfigError, match="ETALAGE_OPENSEARCH_URL"):
            ask()


def test_the_packed_ranker_is_the_one_that_its_manifest_describes(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "unpacked"
    folder.mkdir()
    for name, content in files(plugin.pack(settings)).items():
        (folder / name).write_bytes(content)
    assert artifact.load(folder).manifest.name == artifact.load(STARTER).manifest.name


def test_the_adapter_of_the_index_is_packed_beside_the_encoder_that_it_was_trained_for(settings: Settings) -> None:
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    ends = [helper.make_tensor_value_info(name, kind, ["n", 256]) for name in ("query", "adapted")]
    graph = helper.make_graph([helper.make_node("Identity", ["query"], ["adapted"])], "adapter", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    manifest = adapter.AdapterManifest(
        fingerprint_text="hashing-v1-256",
        dim_text=256,
        model="",
        sha256="",
        seed=0,
        metrics={},
        created_by="",
        queries=("a",),
    )
    folder = parts.adapter_folder(settings)
    adapter.save(folder, manifest, model)
    found = files(plugin.pack(settings))
    assert found["adapter/model.onnx"] == model
    assert found["adapter/manifest.json"] == (folder / "manifest.json").read_bytes()
    adapter.save(folder, manifest.model_copy(update={"fingerprint_text": "abcd"}), model)
    with pytest.raises(FingerprintMismatch):
        plugin.pack(settings)
