from __future__ import annotations

import gzip
from base64 import b64decode
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from etalage.core import artifact
from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.records import RECORD
from etalage.core.settings import load
from etalage.demo import golden
from etalage.demo.shop import Shop, make_shop
from opensearch.cluster.documents import layout
from opensearch.embedded import EmbeddedEngine
from ranker.features import NAMES
from ranker.rerank import STARTER, Ranker
from ranker.search import Ask, Searcher

REQUESTS = 30


@pytest.fixture(scope="module")
def small() -> Shop:
    return make_shop(3, 300)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("golden")


@pytest.fixture(scope="module")
def file(small: Shop, home: Path) -> Path:
    golden.write(home / "golden.jsonl.gz", small, HashingEncoder(), home / "shop", REQUESTS)
    return home / "golden.jsonl.gz"


@pytest.fixture(scope="module")
def lines(file: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]


def _read(line: dict[str, Any], name: str, kind: str, *shape: int) -> np.ndarray[Any, Any]:
    return np.frombuffer(b64decode(line[name]), kind).reshape(shape)


def test_columns_fit_each_other(lines: list[dict[str, Any]]) -> None:
    assert len(lines) == REQUESTS
    for line in lines:
        size = len(line["ids"])
        terms = _read(line, "stems", "<u4", -1).size
        assert _read(line, "surfaces", "<u4", terms).all() and _read(line, "kinds", "u1", terms).max() <= 2
        assert _read(line, "fields", "<f4", size, 6).min() >= 0
        assert np.isfinite(_read(line, "features", "<f4", size, len(NAMES))).all()
        for name, kind in (("near", "u1"), ("lexical", "<f4"), ("cosines", "<f4"), ("fused", "<f4"), ("scores", "<f4")):
            assert _read(line, name, kind, size).size == size
        final, order = _read(line, "final", "<f8", size), _read(line, "order", "<i4", size)
        assert sorted(order.tolist()) == list(range(size))
        assert (np.diff(final[order]) <= 0).all()


def test_rows_are_what_a_node_holds(small: Shop, lines: list[dict[str, Any]]) -> None:
    products = {product.id: product for product in small.products}
    line = lines[-1]
    kind = layout(line["dim"], line["dim_image"])
    for id, row in zip(line["ids"], map(b64decode, line["rows"]), strict=True):
        held = np.frombuffer(row, kind, 1)[0]
        assert row[kind.itemsize :].decode() == products[id].title
        assert held["record"].dtype == RECORD
        assert held["record"]["price"] == products[id].price


def test_requests_are_of_many_kinds(lines: list[dict[str, Any]]) -> None:
    assert any(line["number"] for line in lines) and any(line["vector"] is None for line in lines)
    assert any(_read(line, "final", "<f8", -1).max() > 1 for line in lines)
    assert {len(line["ids"]) for line in lines} >= {1, 2}
    assert any(not _read(line, "lexical", "<f4", -1).any() for line in lines)
    lengths = [_read(line, "stems", "<u4", -1).size for line in lines]
    assert min(lengths) == 1 and max(lengths) == 32


def test_the_order_is_that_of_a_search(small: Shop, home: Path, lines: list[dict[str, Any]]) -> None:
    engine = EmbeddedEngine(load(home=home / "shop"))
    try:
        searcher = Searcher(engine, "golden", HashingEncoder(), Ranker(artifact.load(STARTER)), window=golden.WINDOW)
        line = lines[-2]
        answer = searcher.search(Ask(line["text"], understand=False))
        order = _read(line, "order", "<i4", -1)
        assert [hit.id for hit in answer.hits] == [line["ids"][row] for row in order[:10]]
    finally:
        engine.close()


def test_the_same_shop_gives_the_same_bytes(small: Shop, home: Path, file: Path) -> None:
    again = home / "again.jsonl.gz"
    golden.write(again, small, HashingEncoder(), home / "other", REQUESTS)
    assert again.read_bytes() == file.read_bytes()
