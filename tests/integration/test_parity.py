"""Both engines score alike: BM25 of every field, on the same documents, one shard, force-merged."""

from __future__ import annotations

import gzip
import os
import random
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import numpy as np
import orjson
import pytest

from etalage.core.onnx import rank_correlation
from etalage.core.records import Document
from etalage.core.settings import Settings
from etalage.demo import make_shop
from indexer import documents
from opensearch import fields
from opensearch.embedded import EmbeddedEngine
from opensearch.engine import IndexSpec, Request, SearchEngine

pytestmark = pytest.mark.node

QUERIES = 150
DATA = Path(os.environ.get("ETALAGE_DATA", "../shared/data")) / "icecat" / "products.jsonl.gz"


def catalog() -> list[dict[str, object]]:
    """Icecat's titles and what goes with them where that data lies beside the project, else the sample shop's."""
    if not DATA.exists():
        return [documents.source(product) for product in make_shop(4, 2400).products]
    with gzip.open(DATA) as file:
        rows = [orjson.loads(line) for line in file]
    return [
        {"id": row["id"], "title": row["title"], "brand": row.get("supplier", ""), "description": row["short_description"]}
        for row in rows
        if row.get("short_description") is not None
    ]


@pytest.fixture(scope="module")
def engines(node_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[str], list[SearchEngine], str]]:
    """The titles, both engines holding the catalog, and the index's name."""
    from opensearch.cluster import ClusterEngine

    home, index, sources = tmp_path_factory.mktemp("parity"), f"parity-{uuid4().hex[:8]}", catalog()
    made: list[SearchEngine] = [
        EmbeddedEngine(Settings(home=home, opensearch_url=None)),
        ClusterEngine(Settings(home=home, opensearch_url=node_url, opensearch_timeout=60)),
    ]
    for engine in made:
        generation = engine.create(index, IndexSpec("none", "none", 4))
        for start in range(0, len(sources), 1000):
            some = [Document(str(one["id"]), one, "c", "e") for one in sources[start : start + 1000]]
            assert not any(outcome.reason for outcome in engine.write(generation.name, some))
        engine.refresh(generation.name)
        engine.swap(index, generation.name)
    merged = httpx.post(f"{node_url}/{generation.name}/_forcemerge?max_num_segments=1", timeout=120)
    merged.raise_for_status()
    engine.refresh(generation.name)
    yield [str(one["title"]) for one in sources], made, index
    httpx.delete(f"{node_url}/{generation.name}", timeout=60).raise_for_status()
    for engine in made:
        engine.close()


def queries(titles: list[str]) -> list[str]:
    """Two or three neighbouring words of random titles."""
    generator = random.Random(3)
    made = []
    while len(made) < QUERIES:
        words = generator.choice(titles).split()
        size = generator.choice((2, 3))
        if len(words) > size:
            at = generator.randrange(len(words) - size)
            made.append(" ".join(words[at : at + size]))
    return made


def test_scores_of_every_field_agree(engines: tuple[list[str], list[SearchEngine], str]) -> None:
    titles, (embedded, cluster), index = engines
    compared = 0
    for text in queries(titles):
        ours, theirs = (engine.candidates(index, Request(text, size=300)) for engine in (embedded, cluster))
        assert ours.total == theirs.total, text
        shared = sorted(set(ours.ids) & set(theirs.ids))
        if len(shared) < 2:
            continue
        a, b = (found.lexical[[found.ids.index(one) for one in shared]] for found in (ours, theirs))
        assert rank_correlation(a, b) >= 0.99, text
        np.testing.assert_allclose(a / a.max(), b / b.max(), rtol=0.02, err_msg=text)
        a, b = (found.fields[[found.ids.index(one) for one in shared]] for found in (ours, theirs))
        for number, name in enumerate(fields.TEXT):
            np.testing.assert_allclose(a[:, number], b[:, number], rtol=0.02, atol=1e-3, err_msg=f"{text}: {name}")
        compared += 1
    assert compared > QUERIES / 2
