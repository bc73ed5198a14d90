"""Train the starter ranker that ships with the package, on generated sample shops (`python -m etalage.demo.starter`).

Every query is learnt from with pictures and behaviour, twice without, since most shops have neither at first, and with a shopper who looked at
products before and has a taste.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import orjson

from etalage.core import artifact
from etalage.core.encoders import image
from etalage.core.settings import Settings, load
from etalage.demo.judgments import write_qrels
from etalage.demo.pictures import write_pictures
from etalage.demo.queries import make_queries
from etalage.demo.shop import make_shop, write_feed
from etalage.demo.shoppers import simulate, write_events
from etalage.demo.tastes import shoppers
from ranker import rerank
from ranker.training import dataset, fit, judgments, report
from ranker.training.dataset import Group
from ranker.training.fit import Recipe
from ranker.training.report import Plan
from workers import behaviour, coordinate, parts, signals

_TRUST: Final = 0.75
_RECIPE: Final = Recipe(16, 1e-1, 0.3)
"""On shops unlike the generated ones, a small network held back by weight decay and dropout, and three quarters of what it adds, were
better than more."""

_TOLD: Final = {"noun": 0.25, "served": -1.0}
"""Weights of the features of the family `head`, as they count in the score. Sellers of the generated shops put the noun anywhere, so that
little is learnt of it there; these lost nothing on 1,200 training queries of a real catalog, and bring its refrigerators before their filters."""


def main() -> None:
    """Make shops of several seeds, train one model on all, and write it to the package. With `--learnt` the network is that of
    another starter, whose list of features may be shorter."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[101, 102, 103])
    parser.add_argument("--to", type=Path, default=rerank.STARTER)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--learnt", type=Path, help="folder of a ranker whose network is kept; it is only told anew")
    given = parser.parse_args()
    known = None if given.learnt is None else artifact.load(given.learnt)
    groups = [group for seed in given.seeds for group in _groups(seed)]
    plan = Plan(
        minutes=given.minutes,
        trust=_TRUST,
        recipes=(_RECIPE,),
        warm=False,
        told={name: weight / _TRUST for name, weight in _TOLD.items()},
        learnt=None if known is None else fit.carried(known),
        trained_on=f"generated sample shops, seeds {', '.join(map(str, given.seeds))}"
        if known is None
        else known.manifest.trained_on,
    )
    made, figures = report.fitted(groups, plan)
    # Judgments of a generated catalog say nothing about another one: nobody's qrels overlap with them.
    artifact.write(given.to, replace(made.manifest, queries=()), made.model, made.weights)
    sys.stdout.buffer.write(orjson.dumps(figures, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _groups(seed: int) -> list[Group]:
    with TemporaryDirectory() as folder:
        settings: Settings = load(home=Path(folder), image_model=image.SAMPLE_SHOP)
        shop, feed = make_shop(seed), settings.home / "feed.jsonl.gz"
        write_feed(shop, feed)
        write_pictures(shop, settings.home)
        queries = make_queries(shop)
        write_qrels(settings.home / "qrels.csv", shop, queries)
        write_events(settings.home / "events.jsonl", simulate(shop, queries, seed))
        coordinate.index_feed(settings, feed, coordinate.options_of(settings, feed))
        engine = parts.engine_of(settings)
        try:
            behaviour.import_events(engine, settings, settings.home / "events.jsonl")
            signals.refresh(engine, settings)
            qrels = judgments.read(settings.home / "qrels.csv").qrels
            encoder = parts.encoder_of(settings)
            build = partial(
                dataset.build,
                engine,
                settings.index,
                encoder,
                window=settings.candidates,
                neighbours=settings.neighbours,
                sight=parts.sight_of(settings),
                clicked=parts.clicked_of(settings),
                understanding=parts.understanding_of(settings),
                floor=parts.floor_of(settings, encoder),
            )
            seen = build(qrels)
            known = shoppers(shop, queries, seed)
            liked = {text: dict(one.ratings) for text, one in known.items()}
            acquainted = build(liked, recent={text: one.recent for text, one in known.items()})
            blind = [*map(dataset.blind, seen)]
            return [*seen, *blind, *blind, *acquainted]
        finally:
            engine.close()


if __name__ == "__main__":
    main()
