"""What shoppers type, from the query to the hits, on the sample shop and on both engines: `queries.yaml`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import yaml

from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.settings import Settings
from etalage.demo import make_shop
from indexer import documents
from opensearch.engine import SearchEngine
from ranker.synonyms import Synonyms

from .serving import Served, check, serve

SCENARIOS = yaml.safe_load((Path(__file__).parent / "queries.yaml").read_text(encoding="utf-8"))


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
    sources = [documents.source(product) for product in make_shop(7).products]
    lexicon = home / "tokenizer.json"
    lexicon.write_text('{"model": {"vocab": {"pain": 0, "neck": 1, "night": 2}}}', encoding="utf-8")
    synonyms = Synonyms.parse(["seating furniture => sofa"])
    made = serve(engine, index, home, HashingEncoder(), sources, lexicon, synonyms)
    yield made
    engine.close()
    if url is not None:
        httpx.delete(f"{url}/{made.generation}", timeout=60).raise_for_status()


def test_the_tour_shows_what_is_tested() -> None:
    tested = {scenario["query"] for scenario in SCENARIOS}
    for page in ("README.md", "docs/tour.md"):
        text = (Path(__file__).parents[2] / page).read_text(encoding="utf-8")
        toured = re.findall(r'^\$ \.venv/bin/etalage search "(.+)"$|^\| `(.+?)` \| .* \| .* \|$', text, re.MULTILINE)
        shown = {one or other for one, other in toured}
        assert len(shown) >= 10 and shown <= tested | {"red running shoes"}, page


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[one["name"] for one in SCENARIOS])
def test_scenarios(served: Served, scenario: Mapping[str, Any]) -> None:
    check(served, scenario)
