"""The parts, each beside what else does it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson
import pytest

from autocomplete import index
from autocomplete.complete import Completer
from autocomplete.querylog import Entry
from etalage.core.settings import Settings
from opensearch.engine import Lists, Request, SearchEngine
from ranker import rerank
from ranker.features import NAMES

from .conftest import INDEX, interleaved, note

COMPLETIONS = 50_000


def phrases(titles: list[str]) -> list[str]:
    """Distinct phrases of two to four words from titles."""
    generator, found = random.Random(2), dict[str, None]()
    while len(found) < COMPLETIONS:
        words = generator.choice(titles).lower().split()
        size = generator.randint(2, 4)
        at = generator.randrange(max(len(words) - size, 1))
        found[" ".join(words[at : at + size])] = None
    return list(found)


@pytest.mark.node
def test_complete(benchmark: Any, titles: list[str], node_url: str, tmp_path: Path) -> None:
    """A keystroke: our completer, a call in the process, beside the node's `completion` field, a request."""
    generator = random.Random(3)
    entries = [Entry(text, float(generator.randint(1, 1000))) for text in phrases(titles)]
    index.write(tmp_path, entries)
    completer = Completer.open(tmp_path)
    client = httpx.Client(base_url=node_url, timeout=60)
    client.put(
        "/bench-completions", json={"mappings": {"properties": {"suggest": {"type": "completion"}}}}
    ).raise_for_status()
    try:
        for start in range(0, len(entries), 5000):
            lines = []
            for one in entries[start : start + 5000]:
                lines += [b'{"index":{}}', orjson.dumps({"suggest": {"input": [one.text], "weight": int(one.score)}})]
            sent = client.post(
                "/bench-completions/_bulk", content=b"\n".join(lines) + b"\n", headers={"content-type": "application/json"}
            )
            assert not sent.raise_for_status().json()["errors"]
        client.post("/bench-completions/_refresh").raise_for_status()

        def peer(prefix: str) -> None:
            body = {"suggest": {"s": {"prefix": prefix, "completion": {"field": "suggest", "size": 10}}}, "_source": False}
            client.post("/bench-completions/_search", json=body).raise_for_status()

        prefixes = (text[: generator.randint(1, len(text))] for text in phrases(titles))
        ours, theirs = interleaved(benchmark, [completer.complete, peer], prefixes)
    finally:
        client.delete("/bench-completions")
    note("complete", float(np.median(ours)), float(np.median(theirs)))


def test_bm25_beside_tantivy(benchmark: Any, embedded: SearchEngine, titles: list[str], queries: Iterator[str]) -> None:
    """The 200 best by six fields' BM25 with each field's score and the total, beside tantivy's 200 best by titles alone."""
    tantivy = pytest.importorskip("tantivy")
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("title", stored=False, tokenizer_name="en_stem")
    theirs = tantivy.Index(builder.build())
    writer = theirs.writer()
    for title in titles:
        writer.add_document(tantivy.Document(title=title))
    writer.commit()
    theirs.reload()
    searcher = theirs.searcher()

    def peer(query: str) -> None:
        words = "".join(char if char.isalnum() else " " for char in query)
        searcher.search(theirs.parse_query(words, ["title"]), 200, count=True)

    def ours(query: str) -> None:
        embedded.candidates(INDEX, Request(query, size=200, lists=Lists.LEXICAL))

    a, b = interleaved(benchmark, [ours, peer], queries)
    note("bm25_embedded", float(np.median(a)), float(np.median(b)))


def test_rerank(benchmark: Any, settings: Settings) -> None:
    """Scores of 200 candidates: the int8 model beside LightGBM with 200 trees."""
    lightgbm = pytest.importorskip("lightgbm")
    generator = np.random.default_rng(1)
    rows = generator.random((4000, len(NAMES)), np.float32)
    data = lightgbm.Dataset(rows, generator.integers(0, 4, 4000), group=[200] * 20)
    parameters = {"objective": "lambdarank", "num_leaves": 31, "verbosity": -1, "num_threads": 1}
    trees = lightgbm.train(parameters, data, 200)
    ranker = rerank.load(settings.home)
    candidates = [rows[start : start + 200] for start in range(0, 4000, 200)]
    picks = (str(number) for number in range(1_000_000))
    ours, theirs = interleaved(
        benchmark,
        [
            lambda pick: ranker.score(candidates[int(pick) % 20]),
            lambda pick: trees.predict(candidates[int(pick) % 20], num_threads=1),
        ],
        picks,
    )
    note("rerank_200", float(np.median(ours)), float(np.median(theirs)))
