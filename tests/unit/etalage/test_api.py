"""The Python interface, end to end on the embedded engine with a real worker process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

import etalage
from etalage.api import Shop
from etalage.core.errors import QueryError

PRODUCTS = [
    {"sku": f"p{number}", "name": f"{colour} {noun} {number}", "price": 10.5 + number, "stock": number % 3}
    | {"vec_image": [1.0, number / 10, 0.5], "popularity": number, "category": f"Goods > {noun}"}
    for number, (colour, noun) in enumerate((c, n) for c in ("red", "blue", "green") for n in ("shoe", "lamp", "chair"))
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "feed.jsonl").write_bytes(b"\n".join(map(orjson.dumps, PRODUCTS)))
    with etalage.open(home=folder / "home", text_model="hashing", opensearch_url=None) as made:
        summary = made.index(folder / "feed.jsonl")
        assert (summary["read"], summary["indexed"], summary["encoded"]) == (9, 9, {"text": 9, "image": 9})
        assert summary["mapping"]["price_unit"] == "major"
        yield made


def test_search_understands_unless_told_otherwise(shop: Shop) -> None:
    assert [hit.id for hit in shop.search("shoe under 12").hits] == ["p0", "p1"]
    assert len(shop.search("shoe under 12", understand=False).hits) > 1


def test_search_finds_ranks_and_explains(shop: Shop) -> None:
    answer = shop.search("red shoe", explain=True)
    assert answer.hits[0].id == "p0"
    assert answer.degraded == ()
    parts = answer.hits[0].parts
    assert parts["bm25"] > 0 and parts["rank"]["bm25"] == 1 and set(parts["families"]) >= {"lexical", "semantic"}
    assert dict(answer.facets["category"])["Goods > shoe"] == 3


def test_an_empty_query_browses_by_popularity(shop: Shop) -> None:
    assert [hit.id for hit in shop.search("", size=3).hits] == ["p8", "p7", "p6"]


def test_filters_and_sort(shop: Shop) -> None:
    answer = shop.search("lamp", filters="category:Goods > shoe", size=5)
    assert {hit.id for hit in answer.hits} == {"p0", "p3", "p6"}  # near in meaning, though no word matches
    answer = shop.search("lamp", filters=["in_stock", "price:1000..1500"], sort="price:desc")
    assert [hit.id for hit in answer.hits] == ["p4", "p1"]
    assert [hit.id for hit in shop.search("shoe", sort="price").hits] == ["p0", "p3", "p6"]


def test_pages_have_no_gap_and_no_repeat(shop: Shop) -> None:
    pages = [hit.id for start in range(0, 10, 2) for hit in shop.search("red chair", start=start, size=2).hits]
    assert pages == [hit.id for hit in shop.search("red chair", size=9).hits]
    assert len(set(pages)) == 9


def test_an_image_vector_finds_the_nearest_pictures(shop: Shop) -> None:
    from ranker.search import Ask

    searcher = shop._searcher
    assert searcher is not None
    answer = searcher.search(Ask("", size=3, image=(2.0, 1.0, 1.0)))
    assert [hit.id for hit in answer.hits] == ["p5", "p6", "p4"]
    assert answer.degraded == ()
    with pytest.raises(QueryError, match="not finite"):
        searcher.search(Ask("", image=(float("nan"), 1.0, 1.0)))


def test_completions_come_from_the_catalog(shop: Shop) -> None:
    assert [(one.text, one.type) for one in shop.suggest("sh")] == [("shoe", "category")]
    assert shop.suggest("sh", types=["brand"]) == [] == shop.suggest("sh", category="Garden")


def test_evaluate_names_every_arm(shop: Shop, tmp_path: Path) -> None:
    qrels = tmp_path / "qrels.csv"
    qrels.write_text("query,docid,rating\nred shoe,p0,2\nred shoe,p3,0.5\nblue lamp,p4,1\nnothing,p1,0\n")
    report = shop.evaluate(qrels)
    assert list(report["arms"]) == ["bm25", "vector", "hybrid", "ranked"]
    assert (report["queries"], report["without_relevant"], report["missing_docs"]) == (2, 1, 0)
    assert report["arms"]["bm25"]["mrr"] == 1.0
