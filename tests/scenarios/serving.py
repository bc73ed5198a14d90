"""A catalog that answers searches, and what a scenario says of an answer: for every file of scenarios beside this one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etalage.core.encoders import Encoder
from etalage.core.records import Document
from indexer import documents
from opensearch.engine import IndexSpec, SearchEngine
from ranker import census, rerank
from ranker.floor import Floor
from ranker.search import Ask, Searcher
from ranker.synonyms import Synonyms
from ranker.understanding import Understanding

NAMES = ("brand", "category", "colour", "size")
TOP, LEADING = 5, 3


@dataclass(frozen=True)
class Served:
    """A searcher of a catalog, its generation, and the prices and categories of its products."""

    searcher: Searcher
    generation: str
    prices: Mapping[str, int | None]
    categories: Mapping[str, Sequence[str]]


def serve(
    engine: SearchEngine,
    index: str,
    home: Path,
    encoder: Encoder,
    sources: Sequence[Mapping[str, Any]],
    lexicon: Path,
    synonyms: Synonyms | None = None,
) -> Served:
    """Index products, count their words, and search them with the packaged ranker."""
    vectors = encoder.encode([documents.passage(source) for source in sources], kind="passage")
    generation = engine.create(index, IndexSpec(encoder.name, encoder.fingerprint, encoder.dim))
    written = [
        Document(source["id"], source, f"c{row}", f"e{row}", vectors[row], None) for row, source in enumerate(sources)
    ]
    for start in range(0, len(written), 500):
        assert not any(one.reason for one in engine.write(generation.name, written[start : start + 500]))
    engine.refresh(generation.name)
    engine.swap(index, generation.name)
    census.rebuild(engine, index, home / "vocabulary" / index)
    understanding = Understanding(home / "vocabulary", index, synonyms, lexicon=lexicon)
    searcher = Searcher(engine, index, encoder, rerank.load(home), understanding=understanding, floor=Floor(encoder))
    prices = {source["id"]: source.get("price") for source in sources}
    categories = {source["id"]: source.get("category", ()) for source in sources}
    return Served(searcher, generation.name, prices, categories)


def check(served: Served, scenario: Mapping[str, Any]) -> None:
    """Search, and compare with what the scenario says; `queries.yaml` explains its keys."""
    answer = served.searcher.search(Ask(scenario["query"], size=20))
    if "text" in scenario:
        assert answer.searched == scenario["text"], answer.searched
    if "steps" in scenario:
        told = [f"{one['step']}: {one['from']} -> {one['to']}" for one in answer.understood if one["step"] not in NAMES]
        assert [one.strip() for one in told] == scenario["steps"], told
    assert answer.hits or scenario.get("found") is False
    assert answer.total <= scenario.get("most", answer.total), answer.total
    if answer.hits:
        _check_prices(scenario, [price for hit in answer.hits if (price := served.prices[hit.id]) is not None])
        _check_titles(scenario, [hit.title.lower() for hit in answer.hits])
        leading = [served.categories[hit.id][-1:] for hit in answer.hits[:LEADING]]
        assert all([*leaf] == [scenario["category"]] for leaf in leading if "category" in scenario), leading
    if "found" in scenario:
        assert any(hit.parts["bm25"] > 0 for hit in answer.hits) == scenario["found"], "whether the words match"
    plain = served.searcher.search(Ask(scenario["query"], size=20, understand=False))
    assert plain.understood == () and served.searcher.search(Ask(scenario["query"], size=20)).hits == answer.hits


def _check_prices(scenario: Mapping[str, Any], prices: Sequence[int]) -> None:
    low, high = scenario.get("low", 0) * 100, scenario.get("high", 1e9) * 100
    assert all(low <= price <= high for price in prices), prices
    assert prices or not {"low", "high"} & set(scenario), "no hit has a price"


def _check_titles(scenario: Mapping[str, Any], titles: Sequence[str]) -> None:
    def has(title: str, key: str) -> bool:
        return any(word in title for word in scenario[key])

    assert "first" not in scenario or has(titles[0], "first"), titles[0]
    assert "top" not in scenario or all(has(title, "top") for title in titles[:TOP]), titles[:TOP]
    assert "any" not in scenario or any(has(title, "any") for title in titles), titles
    assert "none" not in scenario or not any(has(title, "none") for title in titles), titles
