"""Train, compare, export and save: the training flow and its report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from etalage.core import artifact, onnx
from etalage.core.encoders import Encoder
from etalage.core.errors import ModelError
from etalage.core.records import Floats
from opensearch.engine import SearchEngine
from ranker import metrics
from ranker.adapt import Adaptation
from ranker.behaviour.associations import Watched
from ranker.features import FEATURES, NAMES, contract_hash
from ranker.floor import Floor
from ranker.rerank import STARTER, Ranker
from ranker.sight import Sight
from ranker.training import dataset, export, fit, trees
from ranker.training.dataset import Group
from ranker.training.judgments import Judgments
from ranker.training.trees import Trees
from ranker.understanding import Understanding


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train. `before` is the ranker in use: a new one that is worse does not replace it unless `force`.
    `trust` below 1 keeps the model nearer to the hybrid order (`fit.shrunk`); `warm` also
    tries to go on from the packaged starter; `sight` compares words with pictures; `clicked` knows what was clicked for queries before; `adaptation` moves query vectors, as it will in
    searches, and `adapter` is the name of the adapter that did; `understanding` is what queries are understood with. `told` are weights that are given, not learnt (`fit.told`), and `learnt` what else the
    network is (`fit.carried`), instead of training it."""

    window: int = 200
    neighbours: int = 100
    minutes: float = 5.0
    seed: int = 0
    force: bool = False
    trust: float = 1.0
    warm: bool = True
    trained_on: str = ""
    before: Ranker | None = None
    sight: Sight | None = None
    clicked: Watched | None = None
    recipes: tuple[fit.Recipe, ...] | None = None
    adaptation: Adaptation | None = None
    adapter: str = ""
    understanding: Understanding | None = None
    told: Mapping[str, float] = field(default_factory=dict)
    learnt: Mapping[str, Any] | None = None


def train(
    engine: SearchEngine,
    index: str,
    encoder: Encoder,
    judgments: Judgments,
    root: Path,
    plan: Plan,
    progress: Callable[[Iterable[str]], Iterable[str]] = lambda queries: queries,
) -> dict[str, Any]:
    """Train on most queries, report on queries kept apart, and make the model current below `root`.

    Returns:
        `{ranker, saved, queries: {train, validation, test}, test: {arm: nDCG@10}, significance, parity, recipe, lightgbm, adapter}`;
        `adapter` is `{name, seen}`, `seen` being how many test queries that adapter was trained on: they were measured without it.

    Raises:
        ModelError: too few queries, or the exported model failed its parity gate.
    """
    found = None if plan.adaptation is None else plan.adaptation.current(encoder.fingerprint)
    if found is not None:
        plan = replace(plan, adapter=found.manifest.name)
    groups = groups_of(engine, index, encoder, judgments, plan, progress)
    made, figures = fitted(groups, plan)
    test = figures["test"]
    if found is not None:
        tested = dataset.split_queries((one.query for one in groups), dataset.SHARES, plan.seed)[-1]
        known = set(found.manifest.queries)
        seen = sum(artifact.query_hash(query) in known for query in tested)
        figures["adapter"] = {"name": found.manifest.name, "seen": seen}
    better = plan.force or "before" not in test or test["ranked"] >= test["before"]
    if better:
        artifact.save(root, made.manifest, made.model, made.weights)
    return {"ranker": made.manifest.name, "saved": better, **figures}


def groups_of(
    engine: SearchEngine,
    index: str,
    encoder: Encoder,
    judgments: Judgments,
    plan: Plan,
    progress: Callable[[Iterable[str]], Iterable[str]] = lambda queries: queries,
    *,
    judged_only: bool = False,
) -> list[Group]:
    """The groups that a plan trains and reports on (`dataset.build`)."""
    return dataset.build(
        engine,
        index,
        encoder,
        judgments.qrels,
        window=plan.window,
        neighbours=plan.neighbours,
        sight=plan.sight,
        clicked=plan.clicked,
        floor=Floor(encoder, plan.adaptation),
        adaptation=plan.adaptation,
        understanding=plan.understanding,
        judged_only=judged_only,
        progress=progress,
    )


def fitted(groups: Sequence[Group], plan: Plan) -> tuple[artifact.Artifact, dict[str, Any]]:
    """Split the groups by query, fit, export and compare: the artifact with its int8 model, and the report's figures.

    Raises:
        ModelError: too few queries, or the exported model failed its parity gate.
    """
    parts = parts_of(groups, plan.seed)
    training, validation, test = parts
    found = network(training, validation, plan)
    weights = fit.weights_of(found)
    found = fit.shrunk(found, plan.trust)
    model, parity = export.export(found, test, training, pruned=True)
    peer = trees.fit(training, validation, minutes=plan.minutes / 2, seed=plan.seed)
    arms = compare(test, scorer(model), peer, plan)
    figures = _report(arms, parts, parity, found)
    if peer is not None:
        figures["lightgbm"] = {"settings": dict(peer.settings), "tried": peer.tried}
    return artifact.Artifact(_manifest(model, [*training, *validation], figures, plan), model, weights), figures


def parts_of(groups: Sequence[Group], seed: int) -> list[list[Group]]:
    """Training, validation and test groups. Raises ModelError where one of them would be empty."""
    parts = dataset.split(groups, dataset.SHARES, seed)
    if min(map(len, parts)) < 1:
        raise ModelError(
            "there are too few judged queries to train on", value=len(groups), remedy="Judge at least ten queries."
        )
    return parts


def network(training: Sequence[Group], validation: Sequence[Group], plan: Plan) -> fit.Fitted:
    """The network of a plan, with all that it has learnt (`fit.shrunk` follows) and was told."""
    if plan.told:
        families = {one.family for one in FEATURES if one.name in plan.told}
        training = [dataset.without(one, families) for one in training]
        validation = [dataset.without(one, families) for one in validation]
    if plan.learnt is not None:
        return fit.told(fit.given(plan.learnt, validation), plan.told)
    start = fit.starting_weights(artifact.load(STARTER)) if plan.warm else None
    found = fit.fit(training, validation, minutes=plan.minutes, seed=plan.seed, start=start, recipes=plan.recipes)
    return fit.told(found, plan.told)


def scorer(model: bytes) -> Callable[[Floats], Floats]:
    """What scores features float32 [n, F] by an exported model."""
    session = onnx.session(model)
    return lambda matrix: onnx.run(session, {"features": matrix})[0].reshape(-1)


def compare(
    test: Sequence[Group], score: Callable[[Floats], Floats], peer: Trees | None, plan: Plan
) -> dict[str, list[float]]:
    """nDCG@10 per test query of the new model and what it must beat, on the same candidates; `peer` is LightGBM's."""
    generator = np.random.default_rng(plan.seed)
    arms = {
        "random": [fit.ndcg_of(one, generator.random(len(one.ids), np.float32)) for one in test],
        "bm25": [fit.ndcg_of(one, one.lexical) for one in test],
        "hybrid": [fit.ndcg_of(one, one.fused) for one in test],
        "ranked": [fit.ndcg_of(one, score(one.features)) for one in test],
        "oracle": [fit.ndcg_of(one, one.gains) for one in test],
    }
    if peer is not None:
        arms["lightgbm"] = [fit.ndcg_of(one, peer.score(one.features)) for one in test]
    before = plan.before
    seen = set(before.manifest.queries) if before is not None else set()
    # A model is compared with the one before on queries that neither was trained on.
    if before is not None and not any(artifact.query_hash(one.query) in seen for one in test):
        arms["before"] = [fit.ndcg_of(one, before.score(one.features)) for one in test]
    return arms


def _report(
    arms: dict[str, list[float]], parts: Sequence[Sequence[Group]], parity: dict[str, float], fitted: fit.Fitted
) -> dict[str, Any]:
    sizes = dict(zip(("train", "validation", "test"), map(len, parts), strict=True))
    against = [name for name in ("random", "bm25", "hybrid", "lightgbm", "before") if name in arms]
    return {
        "queries": sizes,
        "test": {name: round(float(np.mean(values)), 4) for name, values in arms.items()},
        "significance": {f"ranked - {name}": metrics.significance(arms["ranked"], arms[name]) for name in against},
        # Where all queries trained, none is left that could tell.
        "validation": None if fitted.recipe.epochs else round(fitted.validation, 4),
        "parity": parity,
        "recipe": {"hidden": fitted.recipe.hidden, "decay": fitted.recipe.decay, "dropout": fitted.recipe.dropout}
        | {"warm": fitted.recipe.warm, "loss": fitted.recipe.loss},
    }


def _manifest(model: bytes, used: Sequence[Group], report: dict[str, Any], plan: Plan) -> artifact.Manifest:
    digest = sha256(model).hexdigest()
    return artifact.Manifest(
        name=f"ranker-{digest[:12]}",
        features=NAMES,
        contract=contract_hash(),
        model_hash=digest,
        queries=tuple(sorted({artifact.query_hash(one.query) for one in used})),
        metrics=report,
        trained_on=plan.trained_on,
        adapter=plan.adapter,
    )
