"""With ranking on, pages of any size are cuts of one order: no gap, no repeat, also past what is ranked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.settings import load
from etalage.demo import make_shop
from etalage.http.app import create_app
from indexer import documents
from indexer.ledger import Entry, changes
from opensearch.engine import IndexSpec
from workers import parts

from ..asgi import Door

PRODUCTS = 600
SIZES = (10, 20, 50)
PAGES = 5
FIELDS = ["title^3", "brand.text", "category.text", "attributes_text", "description"]

SHOP = make_shop(8, PRODUCTS).products
WORDS = sorted({word for one in SHOP[:80] for word in one.title.lower().split() if word.isalnum() and len(word) > 1})
BRANDS = sorted({one.brand for one in SHOP})

TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)
FILTERS: st.SearchStrategy[list[dict[str, Any]]] = st.lists(
    st.one_of(
        st.lists(st.sampled_from(BRANDS), min_size=1, max_size=8).map(lambda some: {"terms": {"brand": some}}),
        st.integers(0, 20_000).map(lambda price: {"range": {"price": {"gte": price}}}),
        st.just({"range": {"stock": {"gt": 0}}}),
    ),
    max_size=2,
)
KINDS = st.sampled_from(["most_fields", "best_fields", "cross_fields"])


@contextmanager
def serving(folder: Path, url: str = "") -> Iterator[tuple[Door, str]]:
    """The application over a filled engine, and the name of its index, which is removed in the end."""
    index = f"pages{uuid4().hex[:8]}"
    chosen = load(
        home=folder, text_model="hashing", opensearch_url=url, index=index, opensearch_timeout=60, deadline=60
    )
    engine, encoder = parts.engine_of(chosen), HashingEncoder()
    generation = engine.create(index, IndexSpec(encoder.name, encoder.fingerprint, encoder.dim))
    try:
        entries = [Entry(documents.source(one), ()) for one in SHOP]
        written = changes(engine, generation.name, encoder, entries).documents
        assert not [one for one in engine.write(generation.name, written) if one.reason]
        engine.refresh(generation.name)
        engine.swap(index, generation.name)
        with Door(create_app(chosen)) as door:
            yield door, index
    finally:
        if url:
            httpx.delete(f"{url}/{generation.name}", timeout=60).raise_for_status()
        engine.close()


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Door, str]]:
    with serving(tmp_path_factory.mktemp("pages")) as served:
        yield served


@pytest.fixture(scope="module")
def cluster(node_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Door, str]]:
    with serving(tmp_path_factory.mktemp("pages"), node_url) as served:
        yield served


def page(door: Door, index: str, body: dict[str, Any], start: int, size: int) -> dict[str, Any]:
    answer = door.ask("POST", f"/{index}/_search", {**body, "from": start, "size": size, "_source": False})
    assert answer.status == 200, (body, answer.body)
    told: dict[str, Any] = answer.json()
    assert told["ext"]["etalage"]["rank"] and told["ext"]["etalage"]["degraded"] == []
    return told


def pages_agree(served: tuple[Door, str], text: str, filters: list[dict[str, Any]], kind: str) -> None:
    door, index = served
    words = {"multi_match": {"query": text, "fields": FIELDS, "type": kind}}
    body: dict[str, Any] = {"query": {"bool": {"must": [words], "filter": filters}} if filters else words}
    orders: dict[int, list[str]] = {}
    totals = set()
    for size in SIZES:
        told = [page(door, index, body, number * size, size) for number in range(PAGES)]
        orders[size] = [hit["_id"] for one in told for hit in one["hits"]["hits"]]
        totals |= {one["hits"]["total"]["value"] for one in told}
        scores = [hit["_score"] for one in told for hit in one["hits"]["hits"]]
        assert scores == sorted(scores, reverse=True), (body, size)
    longest = orders[max(SIZES)]
    for size, order in orders.items():
        assert len(order) == len(set(order)), (body, size)
        assert order == longest[: size * PAGES], (body, size)
    (total,) = totals
    assert len(longest) == min(total, max(SIZES) * PAGES), body


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(TEXTS, FILTERS, KINDS)
def test_pages_of_any_size_are_cuts_of_one_order(
    embedded: tuple[Door, str], text: str, filters: list[dict[str, Any]], kind: str
) -> None:
    pages_agree(embedded, text, filters, kind)


@pytest.mark.node
@settings(max_examples=8, deadline=None, derandomize=True, database=None)
@given(TEXTS, FILTERS, KINDS)
def test_pages_of_any_size_are_cuts_of_one_order_on_a_node(
    cluster: tuple[Door, str], text: str, filters: list[dict[str, Any]], kind: str
) -> None:
    pages_agree(cluster, text, filters, kind)


def test_a_search_that_finds_more_than_is_ranked(embedded: tuple[Door, str]) -> None:
    """The property above would be easy to keep if no search went past the ranked products."""
    pages_agree(embedded, " ".join(WORDS[:30]), [], "most_fields")
    door, index = embedded
    body = {"query": {"multi_match": {"query": " ".join(WORDS[:30]), "fields": FIELDS}}}
    assert page(door, index, body, 0, 10)["hits"]["total"]["value"] > 250
