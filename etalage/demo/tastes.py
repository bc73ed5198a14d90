"""Shoppers of the sample shop who have a taste: what they looked at before a query, and which answers they like most.

A taste is one or two wishes that the query does not name (a brand, a colour, cheap or premium things). What such a shopper looked at meets
them, within the department or beyond it, and of the good answers to the query, those that meet them are rated one higher. One shopper in four
only looked around: then nothing follows from it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from etalage.demo.catalogue import KINDS
from etalage.demo.judgments import Query, qrels
from etalage.demo.shop import Latent, Shop

AIMLESS: Final = 0.25
"""Share of shoppers who looked at anything."""

LOOKED: Final = 6
"""Products looked at, at most."""


@dataclass(frozen=True, slots=True)
class Shopper:
    """One query's shopper: what was looked at, newest first, and the ratings with the taste."""

    recent: tuple[str, ...]
    ratings: Mapping[str, float]


def shoppers(shop: Shop, queries: Sequence[Query], seed: int) -> dict[str, Shopper]:
    """A shopper for each query that has a good answer (rated 2 or 3); the same seed gives the same."""
    found = {}
    for query in queries:
        rng = random.Random(f"{shop.seed}:{seed}:{query.text}:taste")
        ratings: dict[str, float] = dict(qrels(shop, query))
        good = sorted(id for id, rating in ratings.items() if rating >= 2)
        if good:
            found[query.text] = _shopper(shop, query, ratings, good, rng)
    return found


def _shopper(
    shop: Shop, query: Query, ratings: dict[str, float], good: Sequence[str], rng: random.Random
) -> Shopper:
    target = shop.latents[rng.choice(good)]
    wishes = _wishes(target, {name for name, _ in query.intent.wants}, rng)
    if not wishes or rng.random() < AIMLESS:
        everything = [product.id for product in shop.products]
        return Shopper(tuple(rng.sample(everything, rng.randint(1, LOOKED))), ratings)
    department = KINDS[target.kind].path[0]
    liked = [
        id
        for id, latent in shop.latents.items()
        if _meets(latent, wishes) and id not in good and (KINDS[latent.kind].path[0] == department or rng.random() < 0.3)
    ]
    recent = tuple(rng.sample(liked, min(len(liked), rng.randint(1, LOOKED))))
    if not recent:
        return Shopper((), ratings)
    more = {id: ratings[id] + 1 for id in good if _meets(shop.latents[id], wishes)}
    return Shopper(recent, ratings | more)


def _wishes(target: Latent, named: set[str], rng: random.Random) -> dict[str, str]:
    """One or two things about the target that the query did not name."""
    facts = {"brand": target.brand, "colour": target.facets.get("colour", ""), "deal": target.deal}
    open_ = sorted(name for name, value in facts.items() if value and name not in named)
    return {name: facts[name] for name in rng.sample(open_, min(len(open_), rng.randint(1, 2)))}


def _meets(latent: Latent, wishes: Mapping[str, str]) -> bool:
    facts = {"brand": latent.brand, "colour": latent.facets.get("colour", ""), "deal": latent.deal}
    return all(facts[name] == value for name, value in wishes.items())
