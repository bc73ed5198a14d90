"""Indexing: what the flow adds to bare encoding, what is saved where nothing changed, and what a product takes up."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pytest

from etalage.core import onnx
from etalage.core.encoders import Encoder, image
from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.encoders.image_manifest import Preprocessing
from etalage.core.encoders.manifest import MODEL
from etalage.core.records import Floats
from etalage.core.settings import Settings
from indexer import clean, documents, reindex, sources
from indexer.looks import Looks, Seen
from indexer.pictures import PictureSource
from indexer.reindex import Options
from opensearch.cluster import ClusterEngine
from opensearch.embedded import EmbeddedEngine
from opensearch.engine import SearchEngine
from ranker.filters import parse_filters
from ranker.search import Ask, Searcher
from workers import changes
from workers.parts import Indexing

from .conftest import ICECAT, note, sampled

TEXTS = 1500
CHUNK = 256
PER_BATCH = 150
PICTURES = 400
CHANGES = 500
THREADS = 2

SECONDS_OF_CHANGES = 2.0
"""The target, which stands in for a peer."""


def timed(call: Callable[..., object], *given: object) -> float:
    """Seconds that a call takes."""
    started = time.perf_counter()
    call(*given)
    return time.perf_counter() - started


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Products from all over the catalog: Icecat where it lies beside the project, else a sample shop."""
    return sampled(tmp_path_factory.mktemp("indexing") / "feed.jsonl", TEXTS, every=12)


@pytest.fixture(scope="module")
def passages(feed: Path) -> list[str]:
    """The texts that are encoded of the feed."""
    mapping = reindex.mapping_of(feed, Options())
    products = (clean.product(row.values, mapping) for row in sources.read(feed))
    return [documents.passage(documents.source(one)) for one in products]


@dataclass
class Shelf:
    """An engine, and the feed in it once it was indexed."""

    engine: SearchEngine
    encoder: Encoder
    feed: Path
    settings: Settings
    first: float = 0.0
    summaries: list[Mapping[str, Any]] = field(default_factory=list)

    def index(self, pause: Callable[[int], None] = lambda number: None) -> float:
        """Plan, work and finish; the seconds that took, without those of `pause`, which is called after each chunk."""
        started, paused = time.perf_counter(), 0.0
        job = reindex.plan(self.engine, self.encoder, self.settings.index, self.feed, Options(chunk=CHUNK))
        for number in range(job.chunks):
            assert reindex.work(self.engine, self.encoder, job.id, number, "bench", 600)
            paused += timed(pause, number)
        self.summaries.append(reindex.finish(self.engine, job))
        return time.perf_counter() - started - paused

    def filled(self) -> float:
        """Seconds that indexing the feed took, which is done where it was not yet."""
        self.first = self.first or self.index()
        return self.first

    def warm(self) -> None:
        """Index the feed once under another name, quickly: a node that has just started is slow at what it does first."""
        settings = self.settings.model_copy(update={"index": f"{self.settings.index}-warm"})
        Shelf(self.engine, HashingEncoder(), self.feed, settings).index()


@pytest.fixture(scope="module")
def shelves(
    request: pytest.FixtureRequest, encoder: Encoder, feed: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Shelf]]:
    """Gives the shelf of an engine by its name."""
    made: dict[str, Shelf] = {}
    urls: list[str] = []

    def shelf(name: str) -> Shelf:
        if name not in made:
            home = tmp_path_factory.mktemp(name)
            settings = Settings(home=home, index=f"shelf-{uuid4().hex[:8]}", opensearch_url=None)
            engine: SearchEngine
            if name == "embedded":
                engine = EmbeddedEngine(settings)
            else:
                urls.append(request.getfixturevalue("node_url"))
                settings = settings.model_copy(update={"opensearch_url": urls[0], "opensearch_timeout": 120.0})
                engine = ClusterEngine(settings)
            made[name] = Shelf(engine, encoder, feed, settings)
            if name != "embedded":
                made[name].warm()
        return made[name]

    yield shelf
    for one in made.values():
        if not one.settings.embedded:
            index = one.settings.index
            for generation in [*one.engine.generations(index), *one.engine.generations(f"{index}-warm")]:
                httpx.delete(f"{urls[0]}/{generation.name}", timeout=60).raise_for_status()
        one.engine.close()


ENGINES = pytest.mark.parametrize("name", ["embedded", "cluster"])


@ENGINES
def test_index(benchmark: Any, shelves: Callable[[str], Shelf], passages: Sequence[str], name: str) -> None:
    """From feed to served catalog beside the bare encoding of its texts, each chunk in turn.

    The targets: 0.8 of its speed on the embedded engine, 0.6 on a node.
    """
    shelf = shelves(name)
    bare: list[float] = []

    def encode(number: int) -> None:
        some = passages[number * CHUNK : (number + 1) * CHUNK]
        bare.append(timed(lambda: shelf.encoder.encode(some, kind="passage")))

    shelf.first = benchmark.pedantic(shelf.index, args=(encode,), rounds=1)
    assert shelf.summaries[0]["encoded"]["text"] == len(passages)
    note(f"index_{name}", len(passages) / shelf.first, len(passages) / sum(bare), "docs/s")


@ENGINES
def test_index_again(benchmark: Any, shelves: Callable[[str], Shelf], name: str) -> None:
    """An unchanged feed beside its first run: compared product by product, as it is where pictures are encoded, and told
    by its hash. The target of what the command does is a tenth."""
    shelf = shelves(name)
    first = shelf.filled()
    again = benchmark.pedantic(shelf.index, rounds=1)
    assert (shelf.summaries[-1]["indexed"], shelf.summaries[-1]["encoded"]) == (0, {"text": 0, "image": 0})
    note(f"index_again_{name}", again, first, "s")
    engine, encoder, index = shelf.engine, shelf.encoder, shelf.settings.index
    known = timed(lambda: reindex.same_again(engine, encoder, index, shelf.feed, Options(chunk=CHUNK)))
    note(f"index_same_feed_{name}", known, first, "s")


@ENGINES
def test_change_prices(
    benchmark: Any,
    shelves: Callable[[str], Shelf],
    embedded: SearchEngine,
    settings: Settings,
    encoder: Encoder,
    tmp_path: Path,
    name: str,
) -> None:
    """Patches of 500 prices in one request, until a search finds all of them. On the embedded engine, in a copy of the
    whole catalog."""
    shelf = shelves(name)
    shelf.filled()
    engine, chosen = shelf.engine, shelf.settings
    if name == "embedded":
        chosen = settings.model_copy(update={"home": tmp_path / "home"})
        shutil.copytree(settings.home, chosen.home)
        engine = EmbeddedEngine(chosen)
    serving = engine.serving(chosen.index)
    assert serving is not None
    ids = sorted(engine.ids(serving.name))
    ids = ids[:: len(ids) // CHANGES][:CHANGES]
    searcher = Searcher(engine, chosen.index, encoder, None)
    rows = [{"id": id, "op": "patch", "price": 900_000_000 + number} for number, id in enumerate(ids)]

    def change() -> None:
        results = changes.apply_rows(engine, chosen, rows, Indexing(encoder, None))
        assert {one.result for one in results} == {"updated"}
        found = searcher.search(Ask("", filters=parse_filters(f"price:900000000..{900_000_000 + CHANGES}")))
        assert found.total == CHANGES

    # There is no peer to measure, so the target is noted as one.
    note(f"change_500_prices_{name}", timed(lambda: benchmark.pedantic(change, rounds=1)), SECONDS_OF_CHANGES, "s")
    if name == "embedded":
        engine.close()


def test_bytes_of_a_product(benchmark: Any, shelves: Callable[[str], Shelf], node_url: str) -> None:
    """The embedded engine's folder beside the node's store with one segment, of the same feed."""
    ours, peer = shelves("embedded"), shelves("cluster")
    ours.filled()
    peer.filled()
    index = peer.settings.index
    httpx.post(f"{node_url}/{index}/_forcemerge?max_num_segments=1", timeout=300).raise_for_status()
    peer.engine.refresh(index)
    stats = httpx.get(f"{node_url}/{index}/_stats/store", timeout=60).raise_for_status().json()
    folder = ours.settings.home / "engine"
    stored = stats["_all"]["primaries"]["store"]["size_in_bytes"]
    taken = benchmark.pedantic(
        lambda: sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()), rounds=1
    )
    note("bytes_of_a_product", taken / TEXTS, stored / TEXTS, "bytes")


SERVING = """
import sys
from pathlib import Path
from etalage.core.settings import load
from ranker.search import Ask
from workers import parts

settings = load(home=Path(sys.argv[1]), index=sys.argv[2], opensearch_url="")
engine = parts.engine_of(settings)
searcher = parts.searcher_of(settings, engine)
for query in sys.argv[3:]:
    assert not searcher.search(Ask(query)).degraded
status = Path("/proc/self/status").read_text()
print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))
"""


def test_resident_memory(
    benchmark: Any,
    embedded: SearchEngine,
    cluster: SearchEngine,
    settings: Settings,
    queries: Iterator[str],
    node_url: str,
) -> None:
    """A process that searched the whole catalog beside the node that has it too: what its Java took of heap and beside it,
    less than its resident memory."""
    asked = [next(queries) for _ in range(50)]
    command = [sys.executable, "-c", SERVING, str(settings.home), settings.index, *asked]
    told = benchmark.pedantic(lambda: subprocess.run(command, check=True, capture_output=True, text=True), rounds=1)
    nodes = httpx.get(f"{node_url}/_nodes/stats/jvm", timeout=60).raise_for_status().json()["nodes"]
    memory = next(iter(nodes.values()))["jvm"]["mem"]
    peer = memory["heap_committed_in_bytes"] + memory["non_heap_committed_in_bytes"]
    note("resident_memory", int(told.stdout) / 1024, peer / 2**20, "MiB")


def test_encode_passages(benchmark: Any, encoder: Encoder, passages: Sequence[str], fp32_model: Any) -> None:
    """The int8 encoder beside the fp32 model in torch, each on two threads; the peer takes batches of 32 texts of like
    length, as sentence-transformers does. The target is twice its speed."""
    torch, tokenizer, model = fp32_model

    def int8(texts: Sequence[str]) -> Floats:
        return encoder.encode(texts, kind="passage")

    def fp32(texts: Sequence[str]) -> Floats:
        order = sorted(range(len(texts)), key=lambda row: -len(texts[row]))
        vectors = np.empty((len(texts), encoder.dim), np.float32)
        for start in range(0, len(texts), 32):
            rows = order[start : start + 32]
            some = [texts[row] for row in rows]
            with torch.inference_mode():
                given = tokenizer(some, return_tensors="pt", truncation=True, max_length=256, padding=True)
                mask = given["attention_mask"].unsqueeze(-1)
                mean = (model(**given).last_hidden_state * mask).sum(1) / mask.sum(1)
                vectors[rows] = torch.nn.functional.normalize(mean, dim=1).numpy()
        return vectors

    batches = [passages[start :: len(passages) // PER_BATCH][:PER_BATCH] for start in range(3)]
    ours, peer = list[float](), list[float]()
    threads = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        likeness = np.sum(fp32(batches[0][:32]) * int8(batches[0][:32]), axis=1)
        assert likeness.min() > 0.9

        def all_batches() -> None:
            for batch in batches:
                ours.append(timed(int8, batch))
                peer.append(timed(fp32, batch))

        benchmark.pedantic(all_batches, rounds=1)
    finally:
        torch.set_num_threads(threads)
    note("encode_passages", len(batches) * PER_BATCH / sum(ours), len(batches) * PER_BATCH / sum(peer), "docs/s")


def test_encode_pictures(benchmark: Any, tmp_path: Path) -> None:
    """Finding, decoding and encoding pictures beside the bare model on arrays that are prepared, each on two threads."""
    folder, model = ICECAT.parent / "magento" / "images", ICECAT.parent / "models" / "mobilenet_v2_int8.onnx"
    if not folder.is_dir() or not model.exists():
        pytest.skip("no magento pictures or image model (ETALAGE_DATA)")
    manifest = image.add(tmp_path, "mobilenet", model)
    looks = Looks(PictureSource(folder), image.load(tmp_path, "mobilenet", threads=1), threads=THREADS)
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.jpg"))[:PICTURES]
    session, pool = onnx.session(tmp_path / "mobilenet" / MODEL), ThreadPoolExecutor(THREADS)
    with PictureSource(folder) as source:
        prepared = [image.prepare(source.load(name).image, Preprocessing()) for name in names]
    ours, peer = list[float](), list[float]()

    def encode(some: Sequence[str]) -> None:
        seen = {name: one for name, one in looks.find(some).items() if isinstance(one, Seen)}
        assert len(looks.encode(seen)) == len(some)

    def bare(some: Sequence[Any]) -> None:
        assert len(list(pool.map(lambda pixels: onnx.run(session, {manifest.input: pixels}), some))) == len(some)

    def all_parts() -> None:
        for start in range(0, len(names), 100):
            ours.append(timed(encode, names[start : start + 100]))
            peer.append(timed(bare, prepared[start : start + 100]))

    benchmark.pedantic(all_parts, rounds=1)
    pool.shutdown()
    looks.close()
    note("encode_pictures", len(names) / sum(ours), len(names) / sum(peer), "pictures/s")
