"""Train the parts of a shop's search on judged queries, each by its own flow, with what the settings say."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

from etalage.core.encoders import hashing, manifest, models, sources
from etalage.core.errors import ConfigError, ModelError
from etalage.core.settings import Settings
from indexer import documents
from opensearch.engine import SearchEngine
from ranker import rerank
from ranker.rerank import Ranker
from ranker.training import adapter, crossing, dataset, encoder, report
from ranker.training.judgments import Judgments
from ranker.training.tuning import Tell
from workers import parts

ADAPTER: Final = 1 / 3
"""The share of `train_all`'s time that the adapter gets; the ranker gets the others."""


def train_encoder(
    settings: Settings,
    engine: SearchEngine,
    judged: Judgments,
    source: str,
    *,
    name: str | None = None,
    weights: Path | None = None,
    minutes: float = 20.0,
    seed: int = 0,
    force: bool = False,
    resume: bool = False,
    tell: Tell = lambda doing: None,
) -> dict[str, Any]:
    """Tune the text encoder of the settings on judgments that are called `source`. Raises ConfigError for a `name` that is taken, and
    as `ranker.training.encoder.train`."""
    used = parts.encoder_of(settings)
    plan = encoder.Plan(
        name=_free(settings, name or f"{used.name}-{settings.index}"),
        checkpoint=settings.home / "tuning" / settings.index / "checkpoint.pt",
        passage=documents.passage,
        minutes=minutes,
        seed=seed,
        force=force,
        resume=resume,
        trained_on=f"{source} ({judged.digest})",
        understanding=parts.understanding_of(settings),
    )
    return encoder.train(engine, settings.index, used, base_of(settings, weights), judged, plan, tell)


def base_of(settings: Settings, weights: Path | None = None) -> encoder.Base:
    """The encoder of the settings with its torch weights, from a folder or found by its name (`sources.resolve`). Raises ConfigError where it has none, or was tuned itself."""
    name = settings.text_model.rsplit("/", 1)[-1]
    if name == hashing.NAME:
        raise ConfigError(
            "this encoder has no model to tune", value=name, remedy="Set ETALAGE_TEXT_MODEL and index again."
        )
    known = manifest.read(settings.models / name)
    if known.queries:
        raise ConfigError(
            "the encoder was tuned before, and its torch weights were not kept",
            value=name,
            remedy="Tune the one that it was made from: set ETALAGE_TEXT_MODEL to that and index again.",
        )
    return encoder.Base(sources.resolve(str(weights or settings.text_model)).folder, known, settings.models)


def _free(settings: Settings, name: str) -> str:
    """A name that no other encoder than a tuned one has in the cache."""
    known = {one.name: one for one in models.available(settings.models)}
    manifest.check_name(name)
    if name == hashing.NAME or (name in known and not known[name].queries):
        raise ConfigError("this name is taken by another encoder", value=name, remedy="Choose another with --to.")
    return name


def train_adapter(
    settings: Settings,
    engine: SearchEngine,
    judged: Judgments,
    source: str,
    *,
    minutes: float = 5.0,
    seed: int = 0,
    force: bool = False,
    tell: Tell = lambda doing: None,
) -> dict[str, Any]:
    """Train an adapter of the queries. Raises as `ranker.training.adapter.train`."""
    understanding = parts.understanding_of(settings)
    plan = adapter.Plan(minutes, seed, force, f"{source} ({judged.digest})", understanding)
    folder = parts.adapter_folder(settings)
    return adapter.train(engine, settings.index, parts.encoder_of(settings), judged, folder, plan, tell)


def train_cross(
    settings: Settings,
    engine: SearchEngine,
    judged: Judgments,
    source: str,
    *,
    weights: Path | None = None,
    minutes: float = 10.0,
    seed: int = 0,
    force: bool = False,
    resume: bool = False,
    tell: Tell = lambda doing: None,
) -> dict[str, Any]:
    """Train a cross-encoder that reads what the ranker in use puts first. Raises as `rerank.load`, `base_of` and
    `ranker.training.crossing.train`."""
    base = base_of(settings, weights)
    plan = crossing.Plan(
        checkpoint=settings.home / "tuning" / settings.index / "cross.pt",
        passage=documents.passage,
        ranked=parts.plan_of(settings, judged, source),
        ranker=rerank.load(settings.home),
        budget=settings.cross_budget_ms,
        minutes=minutes,
        seed=seed,
        force=force,
        resume=resume,
        trained_on=f"{source} ({judged.digest})",
    )
    used, folder = parts.encoder_of(settings), parts.cross_folder(settings)
    return crossing.train(engine, settings.index, used, base, judged, folder, plan, tell)


def train_all(
    settings: Settings,
    engine: SearchEngine,
    judged: Judgments,
    source: str,
    *,
    minutes: float = 10.0,
    seed: int = 0,
    tell: Tell = lambda doing: None,
) -> dict[str, Any]:
    """Train the adapter, then the ranker, which sees the queries as the adapter moves them. Of the minutes for fitting the adapter gets
    a third at most, and the ranker what is left; reading and measuring come on top. An encoder is never tuned here: only the shop's
    own feed can be indexed with it, and all that searches must then be told its name.

    Returns:
        `{minutes, stages: {adapter, ranker}, left_out: [{stage, why, run}], seconds}`, each stage as its own flow reports it.

    Raises:
        As the flows do.
    """
    started = time.monotonic()
    stages: dict[str, Any] = {}
    left_out = _left_out(settings, judged, seed)
    if not any(one["stage"] == "adapter" for one in left_out):
        tell("training an adapter")
        stages["adapter"] = train_adapter(
            settings, engine, judged, source, minutes=ADAPTER * minutes, seed=seed, tell=tell
        )
    tell("training the ranker")
    share = 1 - ADAPTER if "adapter" in stages else 1.0
    plan = parts.plan_of(settings, judged, source, minutes=share * minutes, seed=seed, before=before(settings))
    stages["ranker"] = report.train(
        engine, settings.index, parts.encoder_of(settings), judged, settings.home / "rankers", plan
    )
    seconds = round(time.monotonic() - started)
    return {"minutes": minutes, "stages": stages, "left_out": left_out, "seconds": seconds}


def _left_out(settings: Settings, judged: Judgments, seed: int) -> list[dict[str, str]]:
    """Stages that are not for this shop now, why, and what to run."""
    found = []
    if not models.tuned_on(settings.models, settings.text_model):
        found.append({
            "stage": "encoder",
            "why": "the catalog would have to be indexed again from its feed, and ETALAGE_TEXT_MODEL set wherever it is searched",
            "run": "etalage train encoder --qrels FILE",
        })  # fmt: skip
    trained = len(dataset.split_queries(dataset.answered(judged.qrels), dataset.SHARES, seed)[0])
    if trained < adapter.MIN_TRAIN:
        found.append({
            "stage": "adapter",
            "why": f"{trained} judged queries to train on, and it needs {adapter.MIN_TRAIN}",
            "run": "etalage train adapter --qrels FILE",
        })  # fmt: skip
    return found


def before(settings: Settings) -> Ranker | None:
    """The ranker in use, which a new one must not be worse than."""
    try:
        return rerank.load(settings.home)
    except ModelError:
        return None
