from __future__ import annotations

from etalage.demo import Query, Shop
from etalage.demo.judgments import qrels
from etalage.demo.tastes import LOOKED, shoppers


def test_the_same_seed_has_the_same_shoppers(shop: Shop, queries: list[Query]) -> None:
    some = queries[:40]
    assert shoppers(shop, some, 1) == shoppers(shop, some, 1) != shoppers(shop, some, 2)


def test_only_good_answers_gain_and_only_by_one(shop: Shop, queries: list[Query]) -> None:
    gained = 0
    for text, one in shoppers(shop, queries[:200], 1).items():
        plain = qrels(shop, next(query for query in queries if query.text == text))
        assert set(one.ratings) == set(plain)
        more = {id: rating - plain[id] for id, rating in one.ratings.items() if rating != plain[id]}
        assert set(more.values()) <= {1.0} and all(plain[id] >= 2 for id in more)
        gained += bool(more)
    assert gained > 50


def test_what_was_looked_at_shares_the_taste(shop: Shop, queries: list[Query]) -> None:
    shared = 0
    for one in shoppers(shop, queries[:200], 1).values():
        assert len(set(one.recent)) == len(one.recent) <= LOOKED and set(one.recent) <= set(shop.latents)
        liked = [id for id, rating in one.ratings.items() if rating == 4]
        facts = [{shop.latents[id].brand, shop.latents[id].facets.get("colour"), shop.latents[id].deal} for id in one.recent]
        if liked and facts:
            target = shop.latents[liked[0]]
            shared += bool(set.intersection(*facts) & {target.brand, target.facets.get("colour"), target.deal})
    assert shared > 40
