"""The project's own sample shop: products, queries with judgments, shoppers and pictures, all made from a seed."""

from etalage.demo.judgments import Intent, Query, qrels, write_qrels
from etalage.demo.pictures import draw, write_pictures
from etalage.demo.queries import make_queries, split
from etalage.demo.shop import Latent, Shop, make_shop, write_feed
from etalage.demo.shoppers import simulate, write_events

__all__ = [
    "Intent",
    "Latent",
    "Query",
    "Shop",
    "draw",
    "make_queries",
    "make_shop",
    "qrels",
    "simulate",
    "split",
    "write_events",
    "write_feed",
    "write_pictures",
    "write_qrels",
]
