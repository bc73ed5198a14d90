"""Fit a map from text vectors to picture vectors on a catalog's own products, measure it, and keep it if it finds pictures.

The map (`projection`) is applied to queries: stored picture vectors stay as they are. Two ways are tried: ridge regression
in closed form, and from there a symmetric contrastive loss (CLIP, arXiv:2103.00020).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from etalage.core import onnx
from etalage.core.encoders import alignment
from etalage.core.errors import ConfigError, EngineError, ModelError
from etalage.core.records import Floats
from opensearch.engine import Generation, SearchEngine
from ranker.training.projection import Doubles, Linear, Moments, Pairs, Recipe, Way, contrast, network, ranks, ridge

LIMIT: Final = 20_000
"""Most products that are read; beyond, a sample says as much."""

MIN_GROUPS: Final = 60
"""Fewest groups of variants, so that some 18 are left to measure on."""

DEPTH: Final = 10
HELD_OUT: Final = 0.3
COSINE: Final = 0.995
_STRENGTHS: Final = (1.0, 3.0, 10.0, 30.0)
_POWERS: Final = (0.0, 0.5)
_FOLDS: Final = 4
_PROBES: Final = 1000
_READ: Final = 500
_ROUNDS: Final = 2000


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted map: the torch module (float32 [n, d] → [n, dim]), the same in numpy, its recipe and the report."""

    module: Any
    linear: Linear
    recipe: Recipe
    report: dict[str, Any]


def fit(
    texts: Floats, images: Floats, groups: Sequence[str], seed: int = 0, ways: Sequence[Way] = ("ridge", "both")
) -> Fitted:
    """Choose a recipe on validation groups, and fit it to all pairs.

    Strength and whitening are chosen by cross-validation. Another of the `ways` than the first is taken only if its mean
    reciprocal rank on validation groups is better by more than two standard errors: few groups favour one by chance.

    Args:
        texts, images: float32 [n, d] and [n, dim], unit length.
        groups: each product's group of variants: these are no negatives of each other, and stay together in splits.
        ways: "ridge", "contrastive" (from random weights), "both" (contrastive from ridge).

    Raises:
        ConfigError: the arrays do not fit together, or torch is not installed.
        ModelError: there are fewer than ten groups.
    """
    pairs = _checked(texts, images, groups)
    validation, training = pairs.split(0.2, seed)
    base = _cross_validate(training, seed)
    start = ridge(training, base)
    seen = validation.firsts()
    found: dict[Way, tuple[Recipe, Doubles]] = {}
    for way in ways:
        if way == "ridge":
            found[way] = base, 1 / ranks(start, seen)
        else:
            linear, epochs = contrast(training, start, seed, fresh=way == "contrastive", validation=seen)
            recipe = Recipe(way, base.strength, base.power, epochs)
            found[way] = recipe, 1 / ranks(linear, seen)
    best = ways[0]
    for way in ways[1:]:
        gain = found[way][1] - found[best][1]
        if gain.mean() > 2 * gain.std() / np.sqrt(len(gain)):
            best = way
    recipe = found[best][0]
    linear = refit(pairs, recipe, seed)
    report = {
        "way": best,
        "strength": recipe.strength,
        "whitening": recipe.power,
        "epochs": recipe.epochs,
        "validation_mrr": {way: round(float(values.mean()), 4) for way, (_, values) in found.items()},
        "validation_groups": len(seen.groups),
    }
    return Fitted(network(linear), linear, recipe, report)


def refit(pairs: Pairs, recipe: Recipe, seed: int) -> Linear:
    """A recipe on pairs, without choosing anything."""
    start = ridge(pairs, recipe)
    if recipe.epochs == 0:
        return start
    return contrast(pairs, start, seed, fresh=recipe.way == "contrastive", epochs=recipe.epochs)[0]


def _checked(texts: Floats, images: Floats, groups: Sequence[str]) -> Pairs:
    shapes = f"{texts.dtype}{list(texts.shape)}, {images.dtype}{list(images.shape)} and {len(groups)} groups"
    if texts.ndim != 2 or images.ndim != 2 or not len(texts) == len(images) == len(groups):
        raise ConfigError("texts, pictures and groups do not fit together", value=shapes, remedy="Give one row each.")
    if texts.dtype != np.float32 or images.dtype != np.float32:
        raise ConfigError("vectors must be float32", value=shapes, remedy="Convert them.")
    if not (np.isfinite(texts).all() and np.isfinite(images).all()):
        raise ConfigError("a vector is not finite", value=shapes, remedy="Index the catalog again.")
    if len(set(groups)) < 10:
        raise _too_few(len(set(groups)), 10)
    return Pairs(texts, images, list(groups))


def _too_few(found: int, wanted: int) -> ModelError:
    return ModelError(
        "there are too few products with text and picture",
        value=f"{found} groups of variants",
        remedy=f"Index at least {wanted} with ETALAGE_IMAGE_MODEL set.",
    )


def _cross_validate(pairs: Pairs, seed: int) -> Recipe:
    """The strength and power with the best mean reciprocal rank over folds of groups; the stronger of equals."""
    totals = {(strength, power): 0.0 for strength in reversed(_STRENGTHS) for power in _POWERS}
    names = sorted(set(pairs.groups))
    Random(seed).shuffle(names)
    fold = {name: number % _FOLDS for number, name in enumerate(names)}
    folds = np.array([fold[group] for group in pairs.groups])
    for number in range(_FOLDS):
        moments = Moments(pairs.take(np.flatnonzero(folds != number)))
        seen = pairs.take(np.flatnonzero(folds == number)).firsts()
        for strength, power in totals:
            totals[strength, power] += float((1 / ranks(moments.solve(strength, power), seen)).mean())
    strength, power = max(totals, key=lambda one: totals[one])
    return Recipe("ridge", strength, power)


def evaluate(project: Callable[[Floats], Floats], pairs: Pairs, seed: int = 0) -> dict[str, Any]:
    """How often a text finds its own picture, one product per group, beside chance and a random orthogonal projection.

    Without an alignment the two spaces have no scores in common, so these are the only arms to compare with.

    Returns:
        `{queries, recall@10: {aligned, random, chance}, recall@1, aligned - chance, aligned - random}`, the last two as
        `{difference, low, high}` of recall@10 with a bootstrap interval of 95 %.
    """
    seen = pairs.firsts()
    count = len(seen.groups)
    generator = np.random.default_rng(seed)
    sides = sorted((seen.texts.shape[1], seen.images.shape[1]))
    turn = np.linalg.qr(generator.standard_normal((sides[1], sides[0])))[0].astype(np.float32)
    turn = turn if seen.texts.shape[1] == sides[1] else np.ascontiguousarray(turn.T)
    found = {"aligned": ranks(project, seen), "random": ranks(Linear(seen.texts.mean(axis=0), turn), seen)}
    report: dict[str, Any] = {"queries": count}
    for depth in (DEPTH, 1):
        shares = {arm: round(float((values <= depth).mean()), 4) for arm, values in found.items()}
        report[f"recall@{depth}"] = shares | {"chance": round(min(1.0, depth / count), 4)}
    hits = {arm: (values <= DEPTH).astype(np.float64) for arm, values in found.items()}
    report["aligned - chance"] = interval(hits["aligned"] - min(1.0, DEPTH / count), seed)
    report["aligned - random"] = interval(hits["aligned"] - hits["random"], seed)
    return report


def interval(differences: Doubles, seed: int = 0) -> dict[str, float]:
    """Mean and bootstrap interval of 95 % (percentiles; Efron 1979) of one difference per query."""
    generator = np.random.default_rng(seed)
    size = len(differences)
    means = [float(differences[generator.integers(0, size, size)].mean()) for _ in range(_ROUNDS)]
    low, high = np.quantile(means, (0.025, 0.975))
    return {
        "difference": round(float(differences.mean()), 4),
        "low": round(float(low), 4),
        "high": round(float(high), 4),
    }


def export(fitted: Fitted, pairs: Pairs) -> tuple[bytes, dict[str, float]]:
    """The int8 ONNX model and its parity with fp32 on products of the catalog, one per group.

    Raises:
        ModelError: mean cosine below `COSINE`, or recall@10 further off than a point (or than one text of few).
    """
    torch = onnx.extra("torch")
    seen = pairs.firsts()
    seen = seen.take(np.arange(min(len(seen.groups), _PROBES), dtype=np.int64))
    with TemporaryDirectory() as folder:
        fp32, int8 = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        names = (alignment.INPUT, alignment.OUTPUT)
        onnx.export(
            fitted.module, [torch.from_numpy(seen.texts[:2])], fp32, inputs=names[:1], outputs=names[1:],
            dynamic={name: {0: "n"} for name in names},
        )  # fmt: skip
        onnx.quantize(fp32, int8)
        model = int8.read_bytes()
        before, after = (_runner(onnx.session(one)) for one in (fp32, model))
        cosines = onnx.row_cosine(before(seen.texts), after(seen.texts))
        shares = [float((ranks(one, seen) <= DEPTH).mean()) for one in (before, after)]
    figures = {"cosine": float(cosines.mean()), "recall_fp32": shares[0], "recall_int8": shares[1]}
    if figures["cosine"] < COSINE or abs(shares[0] - shares[1]) > max(0.01, 1.01 / len(seen.groups)):
        raise ModelError(
            "the exported alignment is too far from the trained one",
            value=", ".join(f"{name} {value:.4f}" for name, value in figures.items()),
            remedy="Train again with another --seed.",
        )
    return model, {name: round(value, 5) for name, value in figures.items()}


def _runner(session: Any) -> Callable[[Floats], Floats]:
    # One text a run, as in a search: activations are quantized per run.
    return lambda texts: np.concatenate([onnx.run(session, {alignment.INPUT: text[None]})[0] for text in texts])


def read_pairs(engine: SearchEngine, generation: Generation, seed: int = 0) -> Pairs:
    """Products of a generation that have both vectors, by id; a sample of `LIMIT` where there are more."""
    ids = sorted(engine.ids(generation.name))
    if len(ids) > LIMIT:
        ids = sorted(Random(seed).sample(ids, LIMIT))
    texts, images, groups = [], [], []
    for start in range(0, len(ids), _READ):
        batch = ids[start : start + _READ]
        sources = engine.get(generation.name, batch)
        for one, (text, image) in engine.vectors(generation.name, batch).items():
            if text is not None and image is not None and one in sources:
                texts.append(text)
                images.append(image)
                groups.append(str(sources[one].get("variant_group") or one))
    if not texts:
        raise _too_few(0, MIN_GROUPS)
    return Pairs(np.stack(texts), np.stack(images), groups)


def train(engine: SearchEngine, index: str, folder: Path, *, seed: int = 0, force: bool = False) -> dict[str, Any]:
    """Fit and measure on the serving generation, and write the alignment into `folder`.

    What is measured was fitted without the held-out groups; what is written is refitted to all by the same recipe.

    Returns:
        `{saved, pairs, groups, fit, held_out, parity}`.

    Raises:
        EngineError: nothing serves the index.
        ModelError: too few products with both vectors, or the parity gate failed.
    """
    serving = engine.serving(index)
    if serving is None:
        raise EngineError("the index does not exist", value=index, remedy="Run: etalage index FILE.")
    pairs = read_pairs(engine, serving, seed)
    names = set(pairs.groups)
    if len(names) < MIN_GROUPS:
        raise _too_few(len(names), MIN_GROUPS)
    held, rest = pairs.split(HELD_OUT, seed)
    fitted = fit(rest.texts, rest.images, rest.groups, seed)
    held_out = evaluate(fitted.linear, held, seed)
    linear = refit(pairs, fitted.recipe, seed)
    model, parity = export(Fitted(network(linear), linear, fitted.recipe, fitted.report), pairs)
    saved = force or held_out["aligned - chance"]["low"] > 0
    figures = {"fit": fitted.report, "held_out": held_out, "parity": parity}
    if saved:
        manifest = alignment.AlignmentManifest(
            fingerprint_text=serving.spec.fingerprint, fingerprint_image=serving.spec.fingerprint_image,
            dim_text=pairs.texts.shape[1], dim_image=pairs.images.shape[1], model="", sha256="",
            pairs=len(pairs.groups), groups=len(names), seed=seed, metrics=figures, created_by="",
        )  # fmt: skip
        alignment.save(folder, manifest, model)
    return {"saved": saved, "pairs": len(pairs.groups), "groups": len(names), **figures}
