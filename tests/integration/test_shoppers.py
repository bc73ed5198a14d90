"""What shoppers do, in ranking: on a shop that nothing was trained on, queries are answered better with what was clicked for them before, and
better for a shopper whose taste is known, and no worse for one who only looked around. `-s` prints the figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from etalage.core.errors import EtalageError
from etalage.core.settings import load
from etalage.demo import make_queries, make_shop, simulate, write_events, write_feed, write_qrels
from etalage.demo.tastes import shoppers
from ranker import metrics, rerank
from ranker.training import dataset, fit, judgments
from ranker.training.dataset import Group
from workers import behaviour, coordinate, parts, signals

from ..conftest import unavailable

pytestmark = pytest.mark.data

SEEDS: Final = (14,)


def groups_of(seed: int, home: Path) -> Mapping[str, list[Group]]:
    """Judged queries of a shop: `plain`; with what was clicked (`clicked`); with shoppers who have a taste, by whose ratings, known
    (`known`) and unknown (`unknown`); and with shoppers who looked at anything (`aimless`)."""
    settings = load(home=home, opensearch_url="")
    shop, feed, qrels = make_shop(seed), home / "feed.jsonl.gz", home / "qrels.csv"
    queries = make_queries(shop)[::2]
    write_feed(shop, feed)
    write_qrels(qrels, shop, queries)
    write_events(home / "events.jsonl", simulate(shop, queries, seed))
    try:
        encoder = parts.encoder_of(settings)
    except EtalageError as error:
        unavailable("encoder", str(error))
    coordinate.index_feed(settings, feed, coordinate.options_of(settings, feed))
    engine = parts.engine_of(settings)
    build: Callable[..., list[Group]] = partial(
        dataset.build, engine, settings.index, encoder, window=settings.candidates, neighbours=settings.neighbours
    )
    judged = judgments.read(qrels).qrels
    known = shoppers(shop, queries, seed)
    liked: dict[str, dict[str, float]] = {text: dict(one.ratings) for text, one in known.items() if max(one.ratings.values()) > 3}
    anything = np.random.default_rng(seed).choice([one.id for one in shop.products], (len(judged), 3))
    recent: dict[str, Sequence[Any]] = {text: row.tolist() for text, row in zip(judged, anything, strict=True)}
    try:
        found = {
            "plain": build(judged),
            "aimless": build(judged, recent=recent),
            "unknown": build(liked),
            "known": build(liked, recent={text: known[text].recent for text in liked}),
        }
        behaviour.import_events(engine, settings, home / "events.jsonl")
        signals.refresh(engine, settings)
        return found | {"clicked": build(judged, clicked=parts.clicked_of(settings))}
    finally:
        engine.close()


def test_clicks_and_tastes_gain_and_aimless_looking_loses_little(tmp_path: Path) -> None:
    starter = rerank.load(tmp_path / "nobody's")
    figures: dict[str, list[float]] = {}
    for seed in SEEDS:
        for name, groups in groups_of(seed, tmp_path / str(seed)).items():
            figures.setdefault(name, []).extend(fit.ndcg_of(one, starter.score(one.features)) for one in groups)
            figures.setdefault(f"hybrid {name}", []).extend(fit.ndcg_of(one, one.fused) for one in groups)
    for name, values in figures.items():
        print(f"{name}: nDCG@10 {np.mean(values):.3f} over {len(values)} queries")
    for better, worse, least in (("clicked", "plain", 0.01), ("known", "unknown", 0.01), ("aimless", "plain", -0.01)):
        test = metrics.significance(figures[better], figures[worse])
        print(f"{better} - {worse}: {test['difference']:+.4f}, p = {test['p']:.5f}")
        assert test["difference"] > least
        assert least < 0 or test["p"] < 0.05
    assert np.mean(figures["plain"]) > np.mean(figures["hybrid plain"])
