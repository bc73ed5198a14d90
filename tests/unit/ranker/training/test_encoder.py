"""The flow from judgments to a tuned encoder in the cache, on a shop that says `couch` where its shoppers say `sofa`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from etalage.core import onnx
from etalage.core.artifact import query_hash
from etalage.core.encoders import Encoder, manifest, models
from etalage.core.errors import ConfigError, EngineError, FingerprintMismatch, ModelError
from etalage.core.records import Floats
from opensearch.engine import Generation, IndexSpec, SearchEngine
from ranker.training import contrastive, dataset, encoder, tuning
from ranker.training.encoder import Base, Plan
from ranker.training.judgments import Judgments

from ....bert import tiny

pytestmark = pytest.mark.usefixtures("one_thread")

COLOURS = "red blue green black white grey brown beige pink navy teal gold".split()
THINGS = {
    "couch": "sofa",
    "lamp": "light",
    "rug": "carpet",
    "mug": "cup",
    "desk": "table",
    "drape": "curtain",
    "bin": "basket",
}


class Shop:
    """What training asks of an engine."""

    def __init__(self, used: Encoder) -> None:
        self.titles = {f"{colour}-{thing}": f"{colour} {thing}" for colour in COLOURS for thing in THINGS}
        self.products = used.encode(list(self.titles.values()), kind="passage")
        spec = IndexSpec(used.name, used.fingerprint, used.dim)
        self.generation: Generation | None = Generation("products-1", "products", spec, True)

    def serving(self, index: str) -> Generation | None:
        return self.generation

    def ids(self, generation: str) -> Iterator[str]:
        return iter(self.titles)

    def get(self, generation: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        return {one: {"id": one, "title": self.titles[one]} for one in ids}

    def vectors(self, generation: str, ids: Sequence[str]) -> dict[str, tuple[Floats | None, Floats | None]]:
        rows = {one: row for row, one in enumerate(self.titles)}
        return {one: (self.products[rows[one]], None) for one in ids}


JUDGED = Judgments(
    {f"{colour} {said}": {f"{colour}-{thing}": 1.0} for colour in COLOURS for thing, said in THINGS.items()},
    {},
    "digest",
)


def passage(values: Mapping[str, Any]) -> str:
    return str(values["title"])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    folder = tmp_path_factory.mktemp("base")
    source = tiny(folder / "source" / "tiny", query="for ", passage="with ")
    return Base(source, models.export(str(source), models=folder / "models"), folder / "models")


def train(base: Base, folder: Path, *, judged: Judgments = JUDGED, **plan: Any) -> dict[str, Any]:
    used = models.load(base.models, "tiny")
    how = Plan("tuned", folder / "checkpoint", passage, trained_on="words", **plan)
    return encoder.train(cast(SearchEngine, Shop(used)), "products", used, base, judged, how)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Much is learnt in few steps."""
    monkeypatch.setattr(tuning, "RATE", 3e-3)
    monkeypatch.setattr(tuning, "EPOCHS", 12)
    # All vectors of random weights are near each other, nearer than the margin.
    monkeypatch.setattr(contrastive, "MARGIN", -1.0)


def test_a_useful_one_is_kept_with_the_queries_that_trained_and_chose_it(
    base: Base, tmp_path: Path, quick: None
) -> None:
    report = train(base, tmp_path)
    assert report["saved"] and report["refused"] == "" and report["encoder"] == "tuned"
    for part in ("validation", "test"):
        found = report[part]["ndcg@10"]
        assert found["with"] > found["without"] + 0.1
    assert report["queries"] == {"train": 54, "validation": 13, "test": 17, "without_product": 0}
    assert report["products"] == {"read": 84, "of": 84} and report["parity"]["cosine_min"] >= models.COSINE_MIN
    assert report["fit"]["shares"][str(report["fit"]["share"])] == max(report["fit"]["shares"].values())
    assert 0 < report["cosine"]["queries"] < 1 and 0 < report["cosine"]["products"] < 1
    known = manifest.read(base.models / "tuned")
    assert known.fingerprint == report["fingerprint"] != base.manifest.fingerprint
    assert (known.source, known.prefixes, known.trained_on) == ("tiny", base.manifest.prefixes, "words")
    *used, test = dataset.split_queries(JUDGED.qrels, dataset.SHARES, 0)
    assert set(known.queries) == {query_hash(text) for part in used for text in part}
    assert models.tuned_on(base.models, "tuned") == known.queries and not models.tuned_on(base.models, "tiny")
    assert not (tmp_path / "checkpoint").exists()
    # What serves is what was measured: it finds for a query that was kept apart.
    served, titles = models.load(base.models, "tuned"), Shop(models.load(base.models, "tiny")).titles
    ranked = np.argsort(
        -(served.encode(list(titles.values()), kind="passage") @ served.encode(test, kind="query").T), axis=0
    )
    best = [list(titles)[row] for row in ranked[0]]
    assert np.mean([one in JUDGED.qrels[text] for one, text in zip(best, test, strict=True)]) > 0.2


def test_a_useless_one_is_refused_unless_forced(base: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "RATE", 0.0)
    monkeypatch.setattr(tuning, "EPOCHS", 1)
    cache = Base(base.folder, base.manifest, tmp_path)
    (tmp_path / "tiny").symlink_to(base.models / "tiny")
    report = train(cache, tmp_path)
    assert not report["saved"] and "no higher" in report["refused"] and not (tmp_path / "tuned").exists()
    assert train(cache, tmp_path, force=True)["saved"] and models.load(tmp_path, "tuned").dim == 32


def test_weights_of_another_encoder_are_refused(base: Base, tmp_path: Path) -> None:
    other = Base(
        tiny(tmp_path / "other", pooling="cls"), base.manifest.model_copy(update={"pooling": "cls"}), base.models
    )
    with pytest.raises(ModelError, match="not those of the encoder that made the index.*mean cosine"):
        train(other, tmp_path)


def test_a_resumed_one_needs_a_checkpoint_of_the_same_training(base: Base, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no checkpoint"):
        train(base, tmp_path, resume=True)


def test_too_few_queries(base: Base, tmp_path: Path) -> None:
    few = Judgments(dict(list(JUDGED.qrels.items())[:60]), {}, "")
    with pytest.raises(ModelError, match="too few judged queries to train an encoder on.*38.*Judge at least 79"):
        train(base, tmp_path, judged=few)
    gone = Judgments({text: {"gone": 1.0} for text in JUDGED.qrels}, {}, "")
    with pytest.raises(ModelError, match="too few judged queries"):
        train(base, tmp_path, judged=gone)


def test_without_an_index_or_with_another_encoder(base: Base, tmp_path: Path) -> None:
    used = models.load(base.models, "tiny")
    shop, plan = Shop(used), Plan("tuned", tmp_path / "checkpoint", passage)
    shop.generation = Generation("products-1", "products", IndexSpec("tiny", "another", 32), True)
    with pytest.raises(FingerprintMismatch):
        encoder.train(cast(SearchEngine, shop), "products", used, base, JUDGED, plan)
    shop.generation = None
    with pytest.raises(EngineError, match="does not exist"):
        encoder.train(cast(SearchEngine, shop), "products", used, base, JUDGED, plan)


def test_without_torch_it_says_what_to_install(base: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def extra(name: str) -> object:
        raise ConfigError("this needs a package", value=name, remedy="Run: pip install 'etalage[train]'")

    monkeypatch.setattr(onnx, "extra", extra)
    with pytest.raises(ConfigError, match=r"etalage\[train\]"):
        train(base, tmp_path)
