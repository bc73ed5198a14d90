"""What indexing would do is told, and nothing is done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.errors import CatalogError
from etalage.core.settings import load
from indexer import reindex
from indexer.preview import preview
from indexer.reindex import Options
from opensearch.embedded import EmbeddedEngine

ROWS: list[dict[str, Any]] = [{"id": f"p{n}", "title": f"red shoe {n}", "price": n} for n in range(10)]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[EmbeddedEngine]:
    made = EmbeddedEngine(load(home=tmp_path / "home"))
    yield made
    made.close()


def told(engine: EmbeddedEngine, folder: Path, rows: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
    feed = folder / "feed.jsonl"
    feed.write_bytes(b"\n".join(map(orjson.dumps, rows)))
    return preview(engine, HashingEncoder(), "shop", feed, Options(chunk=3, **options))


def index(engine: EmbeddedEngine, folder: Path) -> None:
    feed = folder / "feed.jsonl"
    feed.write_bytes(b"\n".join(map(orjson.dumps, ROWS)))
    job = reindex.plan(engine, HashingEncoder(), "shop", feed, Options())
    reindex.work(engine, HashingEncoder(), job.id, 0, "me", 60)
    reindex.finish(engine, job)


NAMES = ("generation", "full", "read", "new", "changed", "unchanged", "removed", "quarantined", "refused")


def test_of_a_first_feed_everything_is_new(engine: EmbeddedEngine, tmp_path: Path) -> None:
    found = told(engine, tmp_path, ROWS)
    assert [found[name] for name in NAMES] == ["", True, 10, 10, 0, 0, 0, 0, ""]
    assert found["encode"] == {"text": 10, "image": 0} and found["seconds"] >= 0
    assert engine.generations("shop") == [] and engine.jobs.recent() == []


def test_of_a_later_feed_what_changed(engine: EmbeddedEngine, tmp_path: Path) -> None:
    index(engine, tmp_path)
    mark = engine.mark("shop-000001")
    rows = [{**ROWS[0], "price": 99}, {**ROWS[1], "title": "blue shoe"}, *ROWS[2:9], {"id": "n", "title": "new"}]
    found = told(engine, tmp_path, rows)
    assert [found[name] for name in NAMES] == ["shop-000001", False, 10, 1, 2, 7, 1, 0, ""]
    assert found["encode"]["text"] == 2
    assert engine.mark("shop-000001") == mark
    full = told(engine, tmp_path, rows, full=True)
    assert [full[name] for name in NAMES[:4]] == ["", True, 10, 10]


def test_why_it_would_be_refused(engine: EmbeddedEngine, tmp_path: Path) -> None:
    index(engine, tmp_path)
    found = told(engine, tmp_path, ROWS[:7])
    assert "lacks 3 of 10" in found["refused"] and "--force" in found["refused"] and found["removed"] == 3
    assert told(engine, tmp_path, ROWS[:7], force=True)["refused"] == ""
    assert told(engine, tmp_path, ROWS[:8])["refused"] == ""
    bad = told(engine, tmp_path, [*ROWS, {"id": "x"}, {"id": "p1", "title": "again"}])
    assert "2 of 12 rows are bad" in bad["refused"] and bad["quarantined"] == 2


def test_it_is_refused_so_when_it_is_done(engine: EmbeddedEngine, tmp_path: Path) -> None:
    index(engine, tmp_path)
    feed = tmp_path / "feed.jsonl"
    feed.write_bytes(b"\n".join(map(orjson.dumps, ROWS[:7])))
    with pytest.raises(CatalogError, match="lacks 3 of 10"):
        reindex.plan(engine, HashingEncoder(), "shop", feed, Options())
    assert engine.count("shop-000001") == 10 and engine.jobs.unfinished("shop") == []
