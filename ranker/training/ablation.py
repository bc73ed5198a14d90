"""What is missed without a family of features, and which way to fit is best: the two questions that a list of features and a list of
recipes raise."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from etalage.core import artifact
from etalage.core.records import Floats
from ranker import metrics
from ranker.features import FEATURES
from ranker.rerank import STARTER
from ranker.training import dataset, fit, report, trees
from ranker.training.dataset import Group
from ranker.training.fit import Recipe
from ranker.training.report import Plan

OTHERS: Final = (
    Recipe(0, 3e-2),
    Recipe(16, 1e-1, 0.3, loss="lambdaloss"),
    Recipe(64, 3e-2, 0.2, loss="lambdaloss"),
    Recipe(16, 1e-1, 0.3, loss="listmle"),
)
"""Ways to fit that `recipes` compares with those in use."""

Tell = Callable[[str], None]
Parts = Sequence[Sequence[Group]]


def families(groups: Sequence[Group], plan: Plan, tell: Tell = lambda doing: None) -> dict[str, Any]:
    """Network and LightGBM with all features and without each family, its columns set to what they are where nothing is known.

    Each model is fitted anew in the way that was best with all features, in an equal share of the minutes.

    Returns:
        `{queries: {train, validation, test}, without: {"": {model: {ndcg}}, family: {model: {ndcg, difference, p, low, high}}}}`
        on test queries; the difference is to all features.
    """
    parts = report.parts_of(groups, plan.seed)
    names = list(dict.fromkeys(one.family for one in FEATURES))
    share = replace(plan, minutes=plan.minutes / (len(names) + 2))
    tell("all features")
    fitted = report.network(parts[0], parts[1], share)
    peer = trees.fit(parts[0], parts[1], minutes=share.minutes / 2, seed=plan.seed)
    settings = None if peer is None else peer.settings
    whole = _measured(parts[2], fitted, peer)
    found: dict[str, Any] = {"": {name: {"ndcg": _mean(values)} for name, values in whole.items()}}
    for family in names:
        tell(f"without {family}")
        lacking = [[dataset.without(one, (family,)) for one in part] for part in parts]
        again = _again(lacking, fitted.recipe, share)
        less = _measured(
            lacking[2], again, trees.fit(lacking[0], lacking[1], seed=plan.seed, settings=settings or trees.FIRST)
        )
        found[family] = {
            name: {"ndcg": _mean(values), **metrics.significance(values, whole[name])} for name, values in less.items()
        }
    return {"queries": _sizes(parts), "without": found}


def recipes(groups: Sequence[Group], plan: Plan, tell: Tell = lambda doing: None) -> dict[str, Any]:
    """Every recipe in use, those of `OTHERS`, and LightGBM, fitted on the same queries in equal shares of the minutes.

    Returns:
        `{queries, models: {name: {validation, test, seconds, difference, p, low, high}}}`; the difference is that of nDCG@10 on test
        queries to the hybrid order; `validation` is None where those queries trained.
    """
    parts = report.parts_of(groups, plan.seed)
    start = fit.starting_weights(artifact.load(STARTER))
    begun = (*fit.warm(start), fit.steady(start)) if start is not None else ()
    tried = [*begun, *fit.RECIPES, *OTHERS]
    share = replace(plan, minutes=plan.minutes / (len(tried) + 1))
    hybrid = [fit.ndcg_of(one, one.fused) for one in parts[2]]
    models: dict[str, Any] = {}
    for recipe in tried:
        tell(str(recipe))
        started = time.monotonic()
        fitted = _again(parts, recipe, share)
        models[str(recipe)] = _row(parts, fitted.score, hybrid, started)
        if recipe.epochs:
            models[str(recipe)]["validation"] = None
    tell("LightGBM")
    started = time.monotonic()
    peer = trees.fit(parts[0], parts[1], minutes=share.minutes, seed=plan.seed)
    if peer is not None:
        models[f"LightGBM, best of {peer.tried} settings"] = _row(parts, peer.score, hybrid, started)
    return {"queries": _sizes(parts), "models": models}


def _again(parts: Parts, recipe: Recipe, plan: Plan) -> fit.Fitted:
    """Fit in one way."""
    start = fit.starting_weights(artifact.load(STARTER)) if recipe.warm else None
    return fit.fit_one(recipe, parts[0], parts[1], minutes=plan.minutes, seed=plan.seed, start=start)


def _row(parts: Parts, score: Callable[[Floats], Floats], hybrid: list[float], started: float) -> dict[str, Any]:
    found = [fit.ndcg_of(one, score(one.features)) for one in parts[2]]
    seconds = round(time.monotonic() - started, 1)
    figures = {"validation": round(fit.mean_ndcg(parts[1], score), 4), "test": _mean(found), "seconds": seconds}
    return figures | metrics.significance(found, hybrid)


def _measured(test: Sequence[Group], fitted: fit.Fitted, peer: trees.Trees | None) -> dict[str, list[float]]:
    models = {"network": fitted.score} if peer is None else {"network": fitted.score, "lightgbm": peer.score}
    return {name: [fit.ndcg_of(one, score(one.features)) for one in test] for name, score in models.items()}


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 4)


def _sizes(parts: Parts) -> Mapping[str, int]:
    return dict(zip(("train", "validation", "test"), map(len, parts), strict=True))
