"""Pictures in ranking: on shops that nothing was trained on, queries about colour and pattern are answered better with the pictures
seen than unseen, and no other worse. `-s` prints the figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from etalage.core.encoders import image
from etalage.core.errors import EtalageError
from etalage.core.settings import load
from etalage.demo import make_queries, make_shop, write_feed, write_pictures, write_qrels
from ranker import metrics, rerank
from ranker.training import dataset, fit, judgments
from ranker.training.dataset import Group
from workers import coordinate, parts

from ..conftest import unavailable

pytestmark = pytest.mark.data

SEEDS: Final = (11, 12, 13)


def groups_of(seed: int, home: Path) -> Mapping[bool, list[Group]]:
    """The judged queries of a shop, its pictures seen: those that name colour or pattern, and the others."""
    settings = load(home=home, image_model=image.SAMPLE_SHOP, opensearch_url="")
    shop, feed, qrels = make_shop(seed), home / "feed.jsonl.gz", home / "qrels.csv"
    queries = make_queries(shop)
    write_feed(shop, feed)
    write_pictures(shop, home)
    write_qrels(qrels, shop, queries)
    try:
        parts.encoder_of(settings)
    except EtalageError as error:
        unavailable("encoder", str(error))
    summary = coordinate.index_feed(settings, feed, coordinate.options_of(settings, feed))
    assert summary["encoded"]["image"] == sum(bool(product.images) for product in shop.products)
    engine = parts.engine_of(settings)
    try:
        made = dataset.build(
            engine, settings.index, parts.encoder_of(settings), judgments.read(qrels).qrels,
            window=settings.candidates, neighbours=settings.neighbours, sight=parts.sight_of(settings),
        )  # fmt: skip
    finally:
        engine.close()
    looks = {one.text for one in queries if dict(one.intent.wants).keys() & {"colour", "pattern"}}
    return {about: [one for one in made if (one.query in looks) == about] for about in (True, False)}


def test_queries_about_looks_gain_and_others_lose_nothing(tmp_path: Path) -> None:
    starter = rerank.load(tmp_path / "nobody's")
    seen: dict[bool, list[float]] = {True: [], False: []}
    unseen: dict[bool, list[float]] = {True: [], False: []}
    for seed in SEEDS:
        for about, groups in groups_of(seed, tmp_path / str(seed)).items():
            with_pictures = [fit.ndcg_of(one, starter.score(one.features)) for one in groups]
            without = [fit.ndcg_of(one, starter.score(dataset.blind(one).features)) for one in groups]
            hybrid = float(np.mean([fit.ndcg_of(one, one.fused) for one in groups]))
            seen[about] += with_pictures
            unseen[about] += without
            figures = f"hybrid {hybrid:.3f}, ranked without pictures {np.mean(without):.3f}, with {np.mean(with_pictures):.3f}"
            print(f"seed {seed}, {len(groups)} queries {'about looks' if about else 'of other kinds'}: nDCG@10 {figures}")
            assert np.mean(with_pictures) > np.mean(without)
    for about in (True, False):
        test = metrics.significance(seen[about], unseen[about])
        print(f"{'about looks' if about else 'of other kinds'}: {test['difference']:+.4f}, p = {test['p']:.5f}")
        assert test["difference"] > (0.03 if about else 0) and test["p"] < 0.05
