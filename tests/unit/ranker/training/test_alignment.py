"""Alignments on made-up pairs that share hidden traits, and the flow on a small generation."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from etalage.core.encoders import alignment as serving
from etalage.core.errors import ConfigError, EngineError, ModelError
from opensearch.engine import Generation, IndexSpec, SearchEngine
from ranker.training import alignment
from ranker.training.projection import Linear, Pairs, Recipe, Way, contrast, ranks, ridge

pytestmark = pytest.mark.usefixtures("one_thread")

SPEC = IndexSpec("text", "t1", 24, 48, model_image="image", fingerprint_image="i1")


def unit(rows: Any) -> Any:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def made(groups: int, size: int = 2, seed: int = 0, tied: bool = True) -> Pairs:
    """Products whose texts and pictures show the same six traits, in spaces of 24 and 48 with large common parts."""
    random = np.random.default_rng(seed)
    tell, show = random.standard_normal((6, 24)), random.standard_normal((6, 48))
    traits = np.repeat(random.standard_normal((groups, 6)), size, axis=0)
    other = traits if tied else random.standard_normal(traits.shape)
    noise = random.standard_normal((2, len(traits), 48))
    texts = traits @ tell + 0.3 * noise[0, :, :24] + 3
    pictures = other @ show + 0.3 * noise[1] + 5
    return Pairs(unit(texts), unit(pictures), [f"g{row // size}" for row in range(len(traits))])


class Catalog:
    """What `train` asks of an engine."""

    def __init__(self, pairs: Pairs, serves: bool = True) -> None:
        self.rows = {f"p{row:04}": row for row in range(len(pairs.groups))}
        self.pairs, self.generation = pairs, Generation("products-1", "products", SPEC, True) if serves else None

    def serving(self, index: str) -> Generation | None:
        return self.generation

    def ids(self, generation: str) -> Any:
        return iter(reversed([*self.rows, "no picture"]))

    def get(self, generation: str, ids: Any) -> Any:
        return {one: {"variant_group": self.pairs.groups[self.rows[one]]} if one in self.rows else {} for one in ids}

    def vectors(self, generation: str, ids: Any) -> Any:
        both = {one: (self.pairs.texts[row], self.pairs.images[row]) for one, row in self.rows.items()}
        return {one: both.get(one, (np.zeros(24, np.float32), None)) for one in ids}


def train(pairs: Pairs, folder: Path, **options: Any) -> dict[str, Any]:
    return alignment.train(cast(SearchEngine, Catalog(pairs)), "products", folder, **options)


def test_a_split_keeps_groups_together() -> None:
    inside, outside = made(20, 3).split(0.3, 1)
    assert not set(inside.groups) & set(outside.groups)
    assert (len(inside.groups), len(outside.groups)) == (18, 42)
    assert len(inside.firsts().groups) == 6


def test_equal_scores_share_their_mean_rank() -> None:
    same = np.tile(unit(np.ones((1, 4))), (5, 1))
    assert ranks(lambda texts: texts, Pairs(same, same, list("abcde"))).tolist() == [3] * 5
    apart = np.eye(3, dtype=np.float32)
    assert ranks(lambda texts: texts, Pairs(apart, apart, list("abc"))).tolist() == [1] * 3


@pytest.mark.parametrize("way", ["ridge", "contrastive", "both"])
def test_every_way_finds_pictures_of_unseen_groups(way: Way) -> None:
    held, rest = made(120).split(0.3, 0)
    fitted = alignment.fit(rest.texts, rest.images, rest.groups, 0, (way,))
    report = alignment.evaluate(fitted.linear, held)
    assert report["queries"] == 36
    assert report["recall@10"]["chance"] == pytest.approx(0.2778)
    assert report["aligned - chance"]["low"] > 0
    assert report["aligned - random"]["low"] > 0


def test_training_twice_gives_the_same() -> None:
    pairs = made(40)
    first, second = (alignment.fit(pairs.texts, pairs.images, pairs.groups, 3, ("contrastive",)) for _ in range(2))
    np.testing.assert_array_equal(first.linear.weights, second.linear.weights)
    assert first.report == second.report


def test_the_module_and_numpy_agree() -> None:
    torch = pytest.importorskip("torch")
    pairs = made(40)
    fitted = alignment.fit(pairs.texts, pairs.images, pairs.groups)
    with torch.no_grad():
        vectors = fitted.module(torch.from_numpy(pairs.texts)).numpy()
    np.testing.assert_allclose(vectors, fitted.linear(pairs.texts), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_ridge_is_the_closed_form() -> None:
    pairs = made(40)
    texts, images = (side - side.mean(axis=0) for side in (pairs.texts, pairs.images))
    cover = texts.T @ texts / len(texts)
    expected = np.linalg.solve(cover + 3 * np.trace(cover) / 24 * np.eye(24), texts.T @ images)
    found = ridge(pairs, Recipe("ridge", strength=3.0)).weights
    np.testing.assert_allclose(found / np.linalg.norm(found), expected / np.linalg.norm(expected), atol=1e-5)


def test_products_of_one_group_are_no_negatives() -> None:
    """With a single group there is nothing to tell apart: only decay acts, and that starts at nothing."""
    pairs = made(1, 30)
    start = ridge(made(40), Recipe("ridge"))
    linear, epochs = contrast(pairs, start, 0, epochs=2)
    np.testing.assert_array_equal(linear.weights, start.weights)
    assert epochs == 2


def test_the_contrastive_loss_is_not_worse_than_its_start_on_validation() -> None:
    validation, training = made(80).split(0.3, 0)
    start = ridge(training, Recipe("ridge"))
    linear, epochs = contrast(training, start, 0, validation=validation)
    assert (1 / ranks(linear, validation)).mean() >= (1 / ranks(start, validation)).mean()
    assert epochs >= 0


def test_an_interval_holds_its_mean() -> None:
    found = alignment.interval(np.array([0.0, 1, 1, 1] * 10))
    assert found["low"] < found["difference"] == 0.75 < found["high"]


@pytest.mark.parametrize(
    ("texts", "images", "groups", "match"),
    [
        (np.ones((20, 3), np.float32), np.ones((19, 3), np.float32), 20, "fit together"),
        (np.ones((20, 3), np.float32), np.ones((20, 3), np.float32), 19, "fit together"),
        (np.ones((20, 3)), np.ones((20, 3), np.float32), 20, "float32"),
        (np.full((20, 3), np.nan, np.float32), np.ones((20, 3), np.float32), 20, "finite"),
        (np.ones((9, 3), np.float32), np.ones((9, 3), np.float32), 9, "too few"),
    ],
)
def test_pairs_that_cannot_be_fitted_are_refused(texts: Any, images: Any, groups: int, match: str) -> None:
    with pytest.raises((ConfigError, ModelError), match=match):
        alignment.fit(texts, images, [f"g{row}" for row in range(groups)])


def test_the_flow_writes_what_serving_loads(tmp_path: Path) -> None:
    pairs = made(100)
    report = train(pairs, tmp_path / "products")
    assert report["saved"] and report["pairs"] == 200 and report["groups"] == 100
    assert report["parity"]["cosine"] >= 0.995
    loaded = serving.load(tmp_path / "products")
    loaded.check("t1", "i1", 48)
    assert loaded.manifest.metrics["held_out"] == report["held_out"]
    seen = pairs.firsts()
    found = Linear(np.zeros(48, np.float32), np.eye(48, dtype=np.float32))
    vectors = np.stack([loaded.query(text) for text in seen.texts])
    assert (ranks(found, Pairs(vectors, seen.images, seen.groups)) <= 10).mean() > 0.5


def test_what_is_no_better_than_chance_is_kept_only_by_force(tmp_path: Path) -> None:
    untied = made(100, tied=False)
    assert not train(untied, tmp_path / "products")["saved"]
    assert not (tmp_path / "products").exists()
    assert train(untied, tmp_path / "products", force=True)["saved"]
    assert serving.load(tmp_path / "products").dim == 48


def test_too_few_groups_or_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="59 groups"):
        train(made(59), tmp_path)
    with pytest.raises(ModelError, match="ETALAGE_IMAGE_MODEL"):
        alignment.read_pairs(cast(SearchEngine, Catalog(made(0))), Generation("products-1", "products", SPEC, True))
    with pytest.raises(EngineError, match="etalage index"):
        alignment.train(cast(SearchEngine, Catalog(made(60), serves=False)), "products", tmp_path)


def test_a_large_catalog_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alignment, "LIMIT", 50)
    catalog = Catalog(made(60))
    assert catalog.generation is not None
    pairs = alignment.read_pairs(cast(SearchEngine, catalog), catalog.generation)
    assert 49 <= len(pairs.groups) <= 50


def test_a_model_that_quantization_spoils_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = made(60)
    fitted = alignment.fit(pairs.texts, pairs.images, pairs.groups)
    monkeypatch.setattr(alignment, "COSINE", 1.1)
    with pytest.raises(ModelError, match="too far"):
        alignment.export(fitted, pairs)
