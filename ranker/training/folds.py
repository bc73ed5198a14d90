"""What a ranker is worth on queries that it has not seen, for all judged queries: k-fold cross-validation by query."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from etalage.core import artifact
from etalage.core.errors import ModelError
from etalage.core.records import Floats
from ranker import metrics
from ranker.rerank import STARTER, Ranker
from ranker.training import dataset, export, fit, report, trees
from ranker.training.dataset import Group
from ranker.training.report import Plan

SHARE: Final = 0.8
"""Share of the other folds' queries that train; the rest of them validate."""

_PAIRS: Final = (("ranked", "hybrid"), ("ranked", "bm25"), ("ranked", "starter"), ("ranked", "lightgbm"))

Score = Callable[[Floats], Floats]
Tell = Callable[[str], None]


def out_of_fold(
    groups: Sequence[Group],
    judged: Sequence[Group],
    plan: Plan,
    folds: int,
    tell: Tell = lambda doing: None,
) -> dict[str, Any]:
    """In each fold a ranker is trained on the other folds' queries as `report.train` does, exported to int8, and ranks the fold's
    queries; LightGBM is trained on the same rows.

    Args:
        groups: full lists of candidates, which also train.
        judged: the same queries' judged products alone (`dataset.build` with `judged_only`); they only measure.

    Returns:
        `{queries, folds, seed, full, judged_only}`, the last two `{test: {arm: nDCG@10}, significance}` over all queries.

    Raises:
        ModelError: too few queries, or an exported model failed its parity gate.
    """
    parts = dataset.split_queries((one.query for one in groups), [1 / folds] * (folds - 1), plan.seed)
    if min(map(len, parts)) < 1:
        raise ModelError(
            "there are too few judged queries for so many folds",
            value=f"{len(groups)} queries, {folds} folds",
            remedy="Judge more queries, or ask for fewer --folds.",
        )
    share = replace(plan, minutes=plan.minutes / folds)
    found: dict[str, dict[str, list[float]]] = {"full": {}, "judged_only": {}}
    for number, held in enumerate(map(frozenset, parts), 1):
        tell(f"fold {number} of {folds}")
        arms = _arms([one for one in groups if one.query not in held], share)
        for name, measured in (("full", groups), ("judged_only", judged)):
            _measure([one for one in measured if one.query in held], arms, found[name])
    return {
        "queries": len(groups),
        "folds": folds,
        "seed": plan.seed,
        **{name: _figures(one) for name, one in found.items()},
    }


def _arms(groups: Sequence[Group], plan: Plan) -> dict[str, Score]:
    """What orders the candidates of a fold, fitted on the other folds' groups."""
    training, validation = dataset.split(groups, (SHARE,), plan.seed)
    fitted = fit.shrunk(report.network(training, validation, plan), plan.trust)
    arms = {
        "starter": Ranker(artifact.load(STARTER)).score,
        "ranked": report.scorer(export.export(fitted, validation, training)[0]),
    }
    peer = trees.fit(training, validation, minutes=plan.minutes / 2, seed=plan.seed)
    return arms if peer is None else arms | {"lightgbm": peer.score}


def _measure(groups: Sequence[Group], arms: Mapping[str, Score], found: dict[str, list[float]]) -> None:
    """Add nDCG@10 of each arm on each group to what was found."""
    for one in groups:
        scores = {"bm25": one.lexical, "hybrid": one.fused, **{name: arm(one.features) for name, arm in arms.items()}}
        for name, given in scores.items():
            found.setdefault(name, []).append(fit.ndcg_of(one, given))


def _figures(found: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    return {
        "test": {name: round(float(np.mean(values)), 4) for name, values in found.items()},
        "significance": {f"{a} - {b}": metrics.significance(found[a], found[b]) for a, b in _PAIRS if b in found},
    }
