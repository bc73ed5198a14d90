"""Measure completions by a log, and learn their order from it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from autocomplete import build, peers, plain, rank, replay, shelf, training
from autocomplete import evaluate as evaluation
from autocomplete.replay import Log
from etalage.core import artifact, events
from etalage.core.errors import ModelError, QueryError
from etalage.core.settings import Settings
from opensearch.engine import SearchEngine
from workers.assortment import Assortment
from workers.parts import policy_of, rankings_folder

_LATER = 0.4
"""Share of the queries that is learnt from; completions are made of the others."""
_SPARED = 4
"""Every fourth query is not learnt from, but measured with."""


def evaluate(engine: SearchEngine, settings: Settings, queries: Path, held_out: float, most: int) -> dict[str, Any]:
    """The report of `evaluate.replay` for a log; products' categories come from the serving catalog. At most `most` queries,
    evenly drawn, are measured with.

    Raises:
        CatalogError: the file cannot be read.
        QueryError: there are too few queries.
        ModelError: the model for completions cannot be used.
        EngineError: the node cannot be used.
    """
    shop = Assortment(engine, settings.index, settings.suggest_checked)
    log = _log(queries, shop, held_out).sampled(most)
    ranking = rank.load(rankings_folder(settings))
    policy = policy_of(settings)
    if not settings.opensearch_url:
        return evaluation.replay(log, shop, policy, ranking)
    with peers.suggesters(settings) as others:
        return evaluation.replay(log, shop, policy, ranking, others)


def train(engine: SearchEngine, settings: Settings, queries: Path, seed: int) -> dict[str, Any]:
    """Train a model on a UBI log and let it serve if it orders held-out queries better than the present one.

    Returns:
        `{samples, spared, mrr_index, mrr_before, mrr, saved, name, form, max_abs_fp32, forms}`.

    Raises:
        CatalogError: the file cannot be read.
        QueryError: it tells of no visits, or of too few.
        ConfigError: torch or onnx is not installed.
        ModelError: there is too little to learn from, or the export does not score as what was learnt.
    """
    shop = Assortment(engine, settings.index, settings.suggest_checked)
    log = _log(queries, shop, _LATER)
    if log.listed:
        raise QueryError(
            "a list of queries tells of no visits", value=queries, remedy="Give UBI documents, with clients and times."
        )
    with TemporaryDirectory() as folder:
        build.build(Path(folder), log.queries, log.events, (), shop, policy_of(settings))
        index = shelf.Shelf(Path(folder)).indexes()[0]
        learnt = training.samples(index, [one for at, one in enumerate(log.after) if at % _SPARED], seed)
        spared = training.samples(index, log.after[::_SPARED], seed)
    made, figures = training.train(learnt, spared, f"{queries.name}, {len(learnt)} prefixes", seed)
    root = rankings_folder(settings)
    try:
        before = training.mean_rank(spared, rank.load(root).score)
    except ModelError:  # where the present one cannot be used, completions come in the order of the index
        before = figures["mrr_index"]
    saved = bool(figures["mrr"] > before)
    if saved:
        artifact.save(root, made.manifest, made.model, made.weights)
    return figures | {
        "spared": len(spared), "mrr_before": round(before, 4), "saved": saved, "name": made.manifest.name
    }  # fmt: skip


def _log(path: Path, shop: Assortment, share: float) -> Log:
    """A file as a parted log."""
    if plain.is_plain(path):
        return replay.by_count([*plain.read(path)], share)
    return replay.by_time([line.document for line in events.read(path) if line.document is not None], shop, share)
