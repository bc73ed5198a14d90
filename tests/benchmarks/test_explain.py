"""What explaining the hits of a page costs, beside the whole search that it is part of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from etalage.core.encoders import Encoder
from etalage.core.settings import load
from etalage.demo import make_shop, write_feed
from indexer.reindex import Options
from opensearch.embedded import EmbeddedEngine
from opensearch.engine import SearchEngine
from ranker import explain, rerank
from ranker.search import Ask, Searcher
from workers import coordinate

from .conftest import INDEX, interleaved, note, p50

PRODUCTS = 1000
PER_ROUND = 100
QUERIES = ("red running shoes", "desk lamp", "wireless headphones", "couch", "blue cotton shirt", "coffee machine")


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder) -> Iterator[Searcher]:
    """A sample shop in the embedded engine, which is small: a larger one takes longer to search, and as long to explain."""
    folder: Path = tmp_path_factory.mktemp("explain")
    settings = load(home=folder / "home", index=INDEX, opensearch_url="")
    write_feed(make_shop(7, PRODUCTS), folder / "feed.jsonl.gz")
    coordinate.index_feed(settings, folder / "feed.jsonl.gz", Options())
    engine = EmbeddedEngine(settings)
    yield Searcher(engine, INDEX, encoder, rerank.load(settings.home))
    engine.close()


@pytest.mark.parametrize("shop", ["small", "catalog"])
def test_explained_page(
    benchmark: Any,
    searcher: Searcher,
    embedded: SearchEngine,
    encoder: Encoder,
    queries: Iterator[str],
    monkeypatch: pytest.MonkeyPatch,
    shop: str,
) -> None:
    """The page of ten hits that each search has just explained is explained once more, alone: in a small shop, where a search takes
    least, and in the catalog of the other benchmarks."""
    if shop == "catalog":
        searcher = Searcher(embedded, INDEX, encoder, rerank.load(Path("none")))
    pages: list[explain.Page] = []
    whole = explain.page

    def kept(given: explain.Page) -> list[dict[str, Any]]:
        pages.append(given)
        return whole(given)

    monkeypatch.setattr(explain, "page", kept)
    asked = iter(range(1 << 30))

    def search(number: int) -> None:
        text = f"{QUERIES[number % len(QUERIES)]} {number}" if shop == "small" else next(queries)
        answer = searcher.search(Ask(text, size=10))
        assert not answer.degraded
        assert all("contributions" in hit.parts and hit.parts["why"] for hit in answer.hits)

    searched, explained = interleaved(
        benchmark, [search, lambda _: whole(pages.pop())], [lambda: next(asked), lambda: None], PER_ROUND
    )
    note("explained_page" if shop == "small" else "explained_page_catalog", p50(explained), p50(searched))
