"""The parts, each beside what else does its work."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import orjson
import pytest
import urllib3

from autocomplete import shelf
from autocomplete.complete import Completer
from autocomplete.index import columns
from autocomplete.querylog import Entry
from etalage.core.encoders import Encoder
from etalage.core.records import Floats
from etalage.core.settings import Settings
from etalage.core.text import stems
from opensearch import fields
from opensearch.embedded import postings
from opensearch.embedded.vectors import top
from opensearch.engine import Lists, Request, SearchEngine
from ranker import features, rerank, retrieve
from ranker.features import NAMES
from ranker.retrieve import Retrieved
from workers import parts

from .conftest import INDEX, JSON, interleaved, note, p50

COMPLETIONS = 50_000
DEPTH, MANY = 200, 1000


def phrases(titles: list[str]) -> list[str]:
    """Distinct phrases of two to four neighbouring words of titles."""
    generator, found = random.Random(2), dict[str, None]()
    while len(found) < COMPLETIONS:
        words = generator.choice(titles).lower().split()
        size = generator.randint(2, 4)
        at = generator.randrange(max(len(words) - size, 1))
        found[" ".join(words[at : at + size])] = None
    return list(found)


def prefixes(texts: list[str]) -> Iterator[str]:
    """The beginnings of completions, of one letter and more, each once."""
    generator, seen = random.Random(3), set[str]()
    while True:
        text = generator.choice(texts)
        prefix = text[: generator.randint(1, len(text))]
        if prefix not in seen:
            seen.add(prefix)
            yield prefix


class Suggester:
    """The node's `completion` field with the same completions and weights, over one connection that is kept alive."""

    def __init__(self, url: str, entries: list[Entry]) -> None:
        self.url = url
        self._pool = urllib3.connection_from_url(url, maxsize=1, retries=False, timeout=120)
        self._path = f"/bench-completions-{uuid4().hex[:8]}"
        self.search_path = f"{self._path}/_search?request_cache=false"
        self._send("PUT", "", orjson.dumps({"mappings": {"properties": {"suggest": {"type": "completion"}}}}))
        for start in range(0, len(entries), 5000):
            lines = bytearray()
            for one in entries[start : start + 5000]:
                suggest = {"input": [one.text], "weight": int(one.score)}
                lines += b'{"index":{}}\n' + orjson.dumps({"suggest": suggest}) + b"\n"
            assert not self._send("POST", "/_bulk", bytes(lines))["errors"]
        self._send("POST", "/_forcemerge?max_num_segments=1", b"")
        self._send("POST", "/_refresh", b"")

    def _send(self, method: str, path: str, body: bytes) -> Any:
        answer = self._pool.request(method, self._path + path, body=body, headers=JSON)
        assert answer.status == 200, answer.data[:500]
        return orjson.loads(answer.data)

    @staticmethod
    def body(prefix: str) -> bytes:
        completion = {"field": "suggest", "size": 10}
        suggest = {"ours": {"prefix": prefix, "completion": completion}}
        return orjson.dumps({"size": 0, "_source": False, "suggest": suggest})

    def complete(self, prefix: str) -> list[str]:
        answer = self._send("POST", "/_search?request_cache=false", self.body(prefix))
        return [option["text"] for option in answer["suggest"]["ours"][0]["options"]]

    def close(self) -> None:
        self._send("DELETE", "", b"")
        self._pool.close()


def test_complete(benchmark: Any, sources: list[dict[str, Any]], node_url: str, tmp_path: Path) -> None:
    """A keystroke: a call in the process beside a request to the node."""
    generator = random.Random(4)
    texts = phrases([source["title"] for source in sources])
    entries = [Entry(text, float(generator.randint(1, 1000))) for text in texts]
    shelf.write(tmp_path, columns(entries), {})
    completer = Completer.open(tmp_path)
    suggester = Suggester(node_url, entries)
    try:
        typed = prefixes(texts)
        ours, peer = interleaved(
            benchmark, [completer.complete, suggester.complete], [lambda: next(typed), lambda: next(typed)], 300
        )
    finally:
        suggester.close()
    note("complete", p50(ours), p50(peer))


def test_encode_query(benchmark: Any, encoder: Encoder, queries: Iterator[str], fp32_model: Any) -> None:
    """The int8 encoder beside the fp32 model that it was made from, in torch, each on one thread."""
    torch, tokenizer, model = fp32_model

    def fp32(query: str) -> Floats:
        with torch.inference_mode():
            given = tokenizer(query, return_tensors="pt", truncation=True, max_length=256)
            mean = model(**given).last_hidden_state[0].mean(dim=0)
            vector: Floats = torch.nn.functional.normalize(mean, dim=0).numpy()
            return vector

    assert float(encoder.encode_query("red shoes") @ fp32("red shoes")) > 0.95
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        ours, peer = interleaved(
            benchmark, [encoder.encode_query, fp32], [lambda: next(queries), lambda: next(queries)], 60
        )
    finally:
        torch.set_num_threads(threads)
    note("encode_query", p50(ours), p50(peer))


def tantivy_search(texts: list[dict[str, str]], boosts: dict[str, float]) -> Callable[[str], object]:
    """The `DEPTH` best of documents with these fields, and how many match, by tantivy."""
    tantivy = pytest.importorskip("tantivy")
    builder = tantivy.SchemaBuilder()
    for name in boosts:
        builder.add_text_field(name, stored=False, tokenizer_name="en_stem")
    made = tantivy.Index(builder.build())
    writer = made.writer(heap_size=200_000_000, num_threads=1)
    for one in texts:
        writer.add_document(tantivy.Document(**{name: one[name] for name in boosts}))
    writer.commit()
    writer.wait_merging_threads()
    made.reload()
    searcher, names = made.searcher(), list(boosts)

    def search(query: str) -> object:
        words = "".join(char if char.isalnum() else " " for char in query).lower()
        found = searcher.search(made.parse_query(words, names, field_boosts=boosts), DEPTH, count=True)
        assert found.count
        return found

    return search


def test_bm25(benchmark: Any, embedded: SearchEngine, sources: list[dict[str, Any]], queries: Iterator[str]) -> None:
    """All text fields, weighted: ours brings each field's score, the vectors and records of 200; tantivy the 200 alone."""
    peer_search = tantivy_search([fields.texts(source) for source in sources], dict(fields.TEXT))

    def mine(query: str) -> None:
        assert embedded.candidates(INDEX, Request(query, size=DEPTH, lists=Lists.LEXICAL)).total

    ours, peer = interleaved(benchmark, [mine, peer_search], [lambda: next(queries), lambda: next(queries)], 300)
    note("bm25_embedded", p50(ours), p50(peer))


def test_bm25_of_titles(benchmark: Any, sources: list[dict[str, Any]], queries: Iterator[str], tmp_path: Path) -> None:
    """Titles alone, from text to the rows of the 200 best and how many match."""
    titles = [{"title": source["title"]} for source in sources]
    peer_search = tantivy_search(titles, {"title": 1.0})
    postings.build([postings.analyze(one) for one in titles], tmp_path)
    inverted = postings.Postings(tmp_path, len(titles))

    def mine(query: str) -> None:
        scores = inverted.scores(stems(query))[0]
        rows = np.flatnonzero(scores)
        assert len(rows[top(scores[rows], min(DEPTH, len(rows)))])

    ours, peer = interleaved(benchmark, [mine, peer_search], [lambda: next(queries), lambda: next(queries)], 300)
    note("bm25_embedded_titles", p50(ours), p50(peer))


@pytest.mark.parametrize("count", [DEPTH, MANY])
def test_rerank(benchmark: Any, settings: Settings, count: int) -> None:
    """Scores of a window: the int8 model beside LightGBM with 200 trees of 31 leaves, each on one thread."""
    lightgbm = pytest.importorskip("lightgbm")
    generator = np.random.default_rng(1)
    rows = generator.random((4000, len(NAMES)), np.float32)
    data = lightgbm.Dataset(rows, generator.integers(0, 4, 4000), group=[DEPTH] * 20)
    parameters = {"objective": "lambdarank", "num_leaves": 31, "verbosity": -1, "num_threads": 1}
    trees = lightgbm.train(parameters, data, 200)
    assert trees.num_trees() == 200
    ranker = rerank.load(settings.home)
    windows = [rows[start : start + count] for start in range(0, len(rows), count)]
    picks: list[Iterator[Floats]] = [cycle(windows), cycle(windows)]
    ours, peer = interleaved(
        benchmark,
        [ranker.score, lambda window: trees.predict(window, num_threads=1)],
        [lambda: next(picks[0]), lambda: next(picks[1])],
        100 if count == DEPTH else 40,
    )
    note(f"rerank_{count}", p50(ours), p50(peer))


def test_features(
    benchmark: Any, embedded: SearchEngine, encoder: Encoder, settings: Settings, queries: Iterator[str]
) -> None:
    """Features of 1,000 candidates, beside the 8 ms that they may take."""
    reader = parts.understanding_of(settings)

    def found() -> Retrieved:
        while True:
            query = reader.read(next(queries))
            request = Request(query.lexical, encoder.encode_query(query.text), MANY, 0, MANY)
            one = retrieve.candidates(embedded, INDEX, query, request)
            if len(one.candidates.ids) == MANY:
                return one

    (ours,) = interleaved(benchmark, [features.matrix], [found], 20)
    note("features_1000", p50(ours), 8.0)
