"""The parts that settings name, and what is done without those that cannot be had."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

from autocomplete import shelf
from autocomplete.index import columns
from autocomplete.querylog import Entry
from etalage.core.errors import ConfigError, EngineError, ModelError, ModelNotFound
from etalage.core.settings import Settings
from opensearch.embedded import EmbeddedEngine
from opensearch.engine import SearchEngine
from ranker.rerank import STARTER
from workers import parts


def without_encoder(settings: Settings) -> Settings:
    return settings.model_copy(update={"text_model": "no-such-model"})


def damage_ranker(home: Path) -> None:
    """Make a ranker current whose model is not the one of its manifest."""
    folder = home / "rankers" / "bad"
    shutil.copytree(STARTER, folder)
    (folder / "model.onnx").write_bytes(b"no model")
    (home / "rankers" / "CURRENT").write_text("bad", encoding="utf-8")


# the engine
def test_without_a_url_the_engine_is_embedded_in_the_home(settings: Settings) -> None:
    engine = parts.engine_of(settings)
    try:
        assert isinstance(engine, EmbeddedEngine)
        assert engine.check()["home"] == str(settings.home / "engine")
    finally:
        engine.close()


def test_with_a_url_it_is_that_of_the_node(settings: Settings) -> None:
    engine = parts.engine_of(settings.model_copy(update={"opensearch_url": "http://127.0.0.1:1"}))
    try:
        assert engine.name == "opensearch"
    finally:
        engine.close()
    assert not (settings.home / "engine").exists()


# encoder and ranker
def test_encoders_by_name(settings: Settings) -> None:
    assert parts.encoder_of(settings).fingerprint == "hashing-v1-256"
    with pytest.raises(ModelNotFound, match="no-such-model"):
        parts.encoder_of(without_encoder(settings))


def test_the_packaged_ranker_serves_a_new_home(settings: Settings) -> None:
    ranker = parts.ranker_of(settings)
    assert ranker is not None and ranker.manifest.name.startswith("ranker-")


def test_a_homes_own_ranker_comes_first(settings: Settings) -> None:
    folder = settings.home / "rankers" / "mine"
    shutil.copytree(STARTER, folder)
    manifest = folder / "manifest.json"
    packaged = parts.ranker_of(settings)
    assert packaged is not None
    manifest.write_text(manifest.read_text().replace(packaged.manifest.name, "mine"), encoding="utf-8")
    (settings.home / "rankers" / "CURRENT").write_text("mine", encoding="utf-8")
    found = parts.ranker_of(settings)
    assert found is not None and found.manifest.name == "mine"


def test_a_damaged_ranker_is_left_out_with_a_warning(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    damage_ranker(settings.home)
    with caplog.at_level(logging.WARNING):
        assert parts.ranker_of(settings) is None
    assert "ranking is off: the model differs from what its manifest describes" in caplog.text


# searcher and evaluator
def test_the_searcher_has_every_part(settings: Settings, engine: SearchEngine) -> None:
    changed = settings.model_copy(update={"index": "shop", "candidates": 50, "neighbours": 20})
    searcher = parts.searcher_of(changed, engine)
    assert (searcher.engine, searcher.index, searcher.window, searcher.neighbours) == (engine, "shop", 50, 20)
    assert searcher.encoder is not None and searcher.ranker is not None


def test_a_searcher_does_without_what_cannot_be_had(
    settings: Settings, engine: SearchEngine, caplog: pytest.LogCaptureFixture
) -> None:
    damage_ranker(settings.home)
    with caplog.at_level(logging.WARNING):
        searcher = parts.searcher_of(without_encoder(settings), engine)
    assert (searcher.encoder, searcher.ranker) == (None, None)
    assert "vectors are off: " in caplog.text and "ranking is off: " in caplog.text


def test_each_index_has_an_adapter_of_its_own(settings: Settings, engine: SearchEngine) -> None:
    assert parts.adapter_folder(settings) == settings.home / "adapter" / "products"
    assert parts.adapter_folder(settings.model_copy(update={"index": "other"})) == settings.home / "adapter" / "other"
    assert parts.searcher_of(settings, engine).adaptation is not None
    assert parts.evaluator_of(settings, engine).adaptation is not None
    assert parts.adaptation_of(settings).current("hashing-v1-256") is None


def test_the_evaluator_has_every_arm(settings: Settings, engine: SearchEngine) -> None:
    evaluator = parts.evaluator_of(settings.model_copy(update={"candidates": 50, "neighbours": 20}), engine)
    assert (evaluator.window, evaluator.neighbours, evaluator.reasons) == (50, 20, {})
    assert evaluator.encoder is not None and evaluator.ranker is not None


def test_an_evaluator_says_why_an_arm_is_left_out(settings: Settings, engine: SearchEngine) -> None:
    evaluator = parts.evaluator_of(without_encoder(settings), engine)
    assert list(evaluator.reasons) == ["vector", "hybrid", "ranked"]
    assert all("no-such-model" in reason for reason in evaluator.reasons.values())
    damage_ranker(settings.home)
    evaluator = parts.evaluator_of(settings, engine)
    assert list(evaluator.reasons) == ["ranked"] and "differs" in evaluator.reasons["ranked"]
    # The first reason is the one that is told.
    assert "no-such-model" in parts.evaluator_of(without_encoder(settings), engine).reasons["ranked"]


# completions
def test_completions_are_kept_by_index(settings: Settings) -> None:
    with pytest.raises(EngineError, match="no completions"):
        parts.completer_of(settings)
    shelf.write(parts.completions_folder(settings), columns([Entry("red shoe", 1.0)]), {})
    assert [one.text for one in parts.completer_of(settings).complete("r")] == ["red shoe"]
    with pytest.raises(EngineError, match="no completions"):
        parts.completer_of(settings.model_copy(update={"index": "other"}))


def test_an_error_of_the_model_is_one_of_ours(settings: Settings) -> None:
    (settings.models / "broken").mkdir(parents=True)
    with pytest.raises(ModelError):
        parts.encoder_of(settings.model_copy(update={"text_model": "broken"}))


def test_steps_of_understanding_by_the_settings(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "synonyms.txt").write_text("sofa, couch")
    some = settings.model_copy(update={"synonyms": tmp_path / "synonyms.txt"})
    assert [step.step for step in parts.understanding_of(some).read("sofa 5 ft").steps] == ["units", "synonym"]
    off = some.model_copy(update={"understand_off": "units, synonyms"})
    assert parts.understanding_of(off).read("sofa 5 ft").steps == ()
    none = some.model_copy(update={"understand_off": "*"})
    assert parts.understanding_of(none).read("sofa 5 ft").steps == ()
    with pytest.raises(ConfigError, match="no such step"):
        parts.understanding_of(settings.model_copy(update={"understand_off": "typos"}))
    with pytest.raises(ConfigError, match="cannot be read"):
        parts.understanding_of(settings.model_copy(update={"synonyms": tmp_path / "none"}))
