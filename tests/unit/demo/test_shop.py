from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
from dataclasses import fields
from datetime import date
from pathlib import Path

import pytest

from etalage.core.errors import ConfigError
from etalage.core.records import record_of
from etalage.demo import Latent, Shop, make_shop, write_feed
from etalage.demo.catalogue import KINDS
from etalage.demo.shop import FEED_KEYS, feed_line

PROGRAM = (
    "import sys; from pathlib import Path; from etalage.demo import make_shop, write_feed;"
    "write_feed(make_shop(3, 400), Path(sys.argv[1]))"
)


def test_the_same_seed_gives_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    digests = set()
    for hash_seed in ("1", "2"):
        target = tmp_path / f"{hash_seed}.jsonl.gz"
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        subprocess.run([sys.executable, "-c", PROGRAM, str(target)], check=True, env=environment)
        digests.add(hashlib.sha256(target.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_another_seed_gives_another_shop(shop: Shop) -> None:
    assert {p.title for p in make_shop(8).products} != {p.title for p in shop.products}


@pytest.mark.parametrize("count", [len(KINDS), 500, 2400])
def test_the_shop_has_exactly_as_many_products_as_asked(count: int) -> None:
    made = make_shop(1, count)
    assert len(made.products) == len({p.id for p in made.products}) == len(made.latents) == count
    assert {latent.kind for latent in made.latents.values()} == set(KINDS)


def test_too_small_a_shop_is_refused() -> None:
    with pytest.raises(ConfigError, match=f"Ask for {len(KINDS)} products"):
        make_shop(1, 5)


def test_departments_languages_and_confusers(shop: Shop) -> None:
    assert len({p.category[0] for p in shop.products}) >= 12
    chinese = sum(p.language == "zh" for p in shop.products) / len(shop.products)
    assert 0.1 < chinese < 0.2
    assert sum("title_zh" in p.attributes for p in shop.products) > 100
    latents = shop.latents.values()
    assert sum(latent.stuffed for latent in latents) > 50
    assert sum(bool(latent.serves) for latent in latents) > 150
    assert sum(latent.bundle for latent in latents) > 15


def test_prices_stock_and_ratings_are_plausible(shop: Shop) -> None:
    for product in shop.products:
        assert isinstance(product.price, int) and product.price > 100
        assert product.list_price is None or product.list_price >= product.price
        assert product.rating is None or 1.0 <= product.rating <= 5.0
        assert date.fromisoformat(product.created_at) <= date.fromisoformat(product.updated_at) <= shop.today
    stocks = [p.stock for p in shop.products]
    assert stocks.count(None) > 100 and stocks.count(0) > 100


def test_variants_of_a_group_differ_in_one_facet(shop: Shop) -> None:
    groups: dict[str, list[Latent]] = {}
    for product in shop.products:
        if product.variant_group:
            groups.setdefault(product.variant_group, []).append(shop.latents[product.id])
    assert len(groups) > 200
    for group in groups.values():
        first = group[0]
        differing = {name for latent in group for name in latent.facets if latent.facets[name] != first.facets[name]}
        assert len(differing) <= 1
        assert len({(latent.kind, latent.brand, latent.model, latent.quality) for latent in group}) == 1


def test_synonyms_split_a_kind(shop: Shop) -> None:
    titles = [p.title.lower() for p in shop.products if shop.latents[p.id].kind == "sofa" and p.language == "en"]
    assert sum("couch" in title and "sofa" not in title for title in titles) >= 5
    assert sum("sofa" in title and "couch" not in title for title in titles) >= 5


def test_quality_shows_in_popularity(shop: Shop) -> None:
    def mean(low: float, high: float) -> float:
        within = [p.popularity for p in shop.products if low <= shop.latents[p.id].quality < high]
        sold = [popularity for popularity in within if popularity is not None]
        return sum(sold) / len(sold)

    assert mean(0.0, 0.3) * 2 < mean(0.6, 1.01)


def test_the_feed_has_the_canonical_keys_and_no_latent_ones(shop: Shop, tmp_path: Path) -> None:
    target = tmp_path / "feed" / "shop.jsonl.gz"
    assert write_feed(shop, target) == len(shop.products)
    lines = [json.loads(line) for line in gzip.decompress(target.read_bytes()).decode().splitlines()]
    assert [line["id"] for line in lines] == [product.id for product in shop.products]
    # A brand is public, everything else that only `Latent` has is not.
    secret = {field.name for field in fields(Latent)} - {"brand"}
    for line in lines:
        assert tuple(line) == FEED_KEYS
        assert not secret & set(line)
        assert not (secret - {"model"}) & set(line["attributes"])
        assert "use" not in line["attributes"]


def test_an_uncompressed_feed_has_the_same_lines(shop: Shop, tmp_path: Path) -> None:
    write_feed(shop, tmp_path / "a.jsonl")
    write_feed(shop, tmp_path / "a.jsonl.gz")
    assert gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()) == (tmp_path / "a.jsonl").read_bytes()


def test_feed_lines_are_accepted_as_document_sources(shop: Shop) -> None:
    record = record_of(feed_line(shop.products[0]))
    assert record["title_length"] > 0
    assert record["price"] == shop.products[0].price
