"""What shoppers type, from the query to the hits, on the sample shop and on both engines: `queries.yaml`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import yaml

from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.records import Document
from etalage.core.settings import Settings
from etalage.demo import make_shop
from indexer import documents
from opensearch.engine import IndexSpec, SearchEngine
from ranker import census, rerank
from ranker.search import Ask, Searcher
from ranker.synonyms import Synonyms
from ranker.understanding import Understanding

SCENARIOS = yaml.safe_load((Path(__file__).parent / "queries.yaml").read_text(encoding="utf-8"))
NAMES = ("brand", "category", "colour", "size")


@dataclass(frozen=True)
class Served:
    """A searcher of the sample shop, and the prices of its products."""

    searcher: Searcher
    prices: Mapping[str, int | None]


@pytest.fixture(scope="module", params=["embedded", pytest.param("cluster", marks=pytest.mark.node)])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home, index = tmp_path_factory.mktemp("home"), f"s{uuid4().hex[:12]}"
    engine: SearchEngine
    url = None
    if request.param == "embedded":
        from opensearch.embedded import EmbeddedEngine

        engine = EmbeddedEngine(Settings(home=home, opensearch_url=None))
    else:
        from opensearch.cluster import ClusterEngine

        url = request.getfixturevalue("node_url")
        engine = ClusterEngine(Settings(home=home, opensearch_url=url, opensearch_timeout=60))
    shop, encoder = make_shop(7), HashingEncoder()
    sources = [documents.source(product) for product in shop.products]
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
    synonyms = Synonyms.parse(["seating furniture => sofa"])
    lexicon = home / "tokenizer.json"
    lexicon.write_text('{"model": {"vocab": {"pain": 0, "neck": 1, "night": 2}}}', encoding="utf-8")
    understanding = Understanding(home / "vocabulary", index, synonyms, lexicon=lexicon)
    searcher = Searcher(engine, index, encoder, rerank.load(home), understanding=understanding)
    yield Served(searcher, {source["id"]: source.get("price") for source in sources})
    engine.close()
    if url is not None:
        httpx.delete(f"{url}/{generation.name}").raise_for_status()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[one["name"] for one in SCENARIOS])
def test_scenarios(served: Served, scenario: Mapping[str, Any]) -> None:
    answer = served.searcher.search(Ask(scenario["query"], size=20))
    if "text" in scenario:
        assert answer.searched == scenario["text"]
    if "steps" in scenario:
        told = [one for one in answer.understood if one["step"] not in NAMES]
        assert [f"{one['step']}: {one['from']} -> {one['to']}".strip() for one in told] == scenario["steps"]
    prices = [price for hit in answer.hits if (price := served.prices[hit.id]) is not None]
    assert all(price <= scenario.get("high", 1e9) * 100 for price in prices)
    assert all(price >= scenario.get("low", 0) * 100 for price in prices)
    assert answer.hits
    titles = [hit.title.lower() for hit in answer.hits]
    if "first" in scenario:
        assert any(word in titles[0] for word in scenario["first"]), titles[0]
    if "any" in scenario:
        assert any(word in title for title in titles for word in scenario["any"]), titles
    if "found" in scenario:
        assert any(hit.parts["bm25"] > 0 for hit in answer.hits) == scenario["found"]
    plain = served.searcher.search(Ask(scenario["query"], size=20, understand=False))
    assert plain.understood == () and served.searcher.search(Ask(scenario["query"], size=20)).hits == answer.hits
