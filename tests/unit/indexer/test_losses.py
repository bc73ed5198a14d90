"""What must never cost a shop its products: cut feeds, busy engines, cells that no number or time can hold."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.errors import CatalogError, ConfigError, ReindexIncomplete
from etalage.core.records import Document, Product
from etalage.core.settings import load
from indexer import clean, documents, reindex, sources
from indexer.mapping import NAMES, FeedMapping, guess
from indexer.reindex import Options
from opensearch.embedded import EmbeddedEngine
from opensearch.engine import Outcome

ALL_FIELDS = FeedMapping({name: name for name in NAMES})


class Refusing(EmbeddedEngine):
    """The embedded engine, which does not take the documents named in `refused`."""

    refused: tuple[str, ...] = ()
    retryable = False

    def write(self, generation: str, documents: Sequence[Document]) -> list[Outcome]:
        taken = super().write(generation, [one for one in documents if one.id not in self.refused])
        outcomes = {one.id: one for one in taken}
        return [outcomes.get(one.id) or Outcome(one.id, "too busy", self.retryable) for one in documents]


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Refusing]:
    monkeypatch.setattr(reindex, "_RETRIES", (0.0, 0.0))
    made = Refusing(load(home=tmp_path / "home"))
    yield made
    made.close()


def table(colour: str = "red") -> str:
    return "id,title\n" + "".join(f"{number},{colour} shoe {number}\n" for number in range(10))


def index(engine: EmbeddedEngine, folder: Path, feed: str, **options: Any) -> dict[str, Any]:
    path = folder / "feed.csv"
    path.write_text(feed)
    chosen: dict[str, Any] = {"chunk": 4, "max_bad": "20%"}
    job = reindex.plan(engine, HashingEncoder(), "shop", path, Options(**(chosen | options)))
    while due := engine.jobs.available(job.id):
        for number in due:
            reindex.work(engine, HashingEncoder(), job.id, number, "me", 60)
    return reindex.finish(engine, job)


def titles(engine: EmbeddedEngine) -> dict[str, str]:
    serving = engine.serving("shop")
    assert serving is not None
    return {one: source["title"] for one, source in engine.get(serving.name, list(engine.ids(serving.name))).items()}


# feeds
def test_a_quote_that_is_never_closed_changes_nothing(engine: Refusing, tmp_path: Path) -> None:
    index(engine, tmp_path, table())
    before = titles(engine)
    with pytest.raises(CatalogError, match="row that begins on line 5 is never closed"):
        index(engine, tmp_path, table().replace("3,red", '3,"red'), max_bad="100%")
    assert titles(engine) == before and len(before) == 10
    assert engine.jobs.unfinished("shop") == []


@pytest.mark.parametrize("last", ['2,"b"', '2,"b"\n', '2,"b\nc"', "2,b", '2,b"'])
def test_a_last_row_that_is_whole_is_read(tmp_path: Path, last: str) -> None:
    path = tmp_path / "feed"
    path.write_text("id,title\n1,a\n" + last)
    assert [row.values["id"] for row in sources.read(path)] == ["1", "2"]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("start", ["id,title\n", '{"id": "0"}\n'])
def test_the_line_that_is_not_utf_8_is_named(tmp_path: Path, pack: Any, start: str) -> None:
    path = tmp_path / "feed"
    path.write_bytes(pack(start.encode() + b'{"a": 1}\n' * 50_000 + b"M\xf6bel\n"))
    found = list(sources.read(path))
    (bad,) = [row for row in found if "UTF-8" in row.fault]
    assert bad.line == 50_002 and r"M\xf6bel" in bad.fault and len(found) > 50_000


def test_a_file_for_bad_rows_that_cannot_be_written(engine: Refusing, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="file for bad rows cannot be written"):
        index(engine, tmp_path, table(), quarantine=tmp_path)
    assert engine.generations("shop") == [] and engine.jobs.unfinished("shop") == []


# engines
def test_a_busy_engine_costs_no_product(engine: Refusing, tmp_path: Path) -> None:
    index(engine, tmp_path, table())
    engine.refused, engine.retryable = ("7",), True
    with pytest.raises(ReindexIncomplete, match="1 of 3 chunks could not be indexed.*too busy"):
        index(engine, tmp_path, table("blue"))
    assert titles(engine)["7"] == "red shoe 7" and len(titles(engine)) == 10
    engine.refused = ()
    index(engine, tmp_path, table("blue"))
    assert set(titles(engine).values()) == {f"blue shoe {number}" for number in range(10)}


def test_a_refused_update_keeps_the_stored_version(engine: Refusing, tmp_path: Path) -> None:
    index(engine, tmp_path, table())
    engine.refused = ("7",)
    summary = index(engine, tmp_path, table("blue") + "10,blue shoe 10\n")
    assert (summary["indexed"], summary["removed"], summary["quarantined"]) == (10, 0, 1)
    assert titles(engine)["7"] == "red shoe 7" and titles(engine)["10"] == "blue shoe 10"


def test_a_refused_new_product_is_left_out(engine: Refusing, tmp_path: Path) -> None:
    engine.refused = ("7",)
    summary = index(engine, tmp_path, table())
    assert (summary["indexed"], summary["quarantined"]) == (9, 1) and "7" not in titles(engine)


def test_a_diff_keeps_the_generation_before(engine: Refusing, tmp_path: Path) -> None:
    index(engine, tmp_path, table())
    index(engine, tmp_path, table(), full=True)
    index(engine, tmp_path, table("blue"))
    kept = [(one.name, one.serving) for one in engine.generations("shop")]
    assert kept == [("shop-000001", False), ("shop-000002", True)]


# cells
@pytest.mark.parametrize("name", ["stock", "reviews", "rating", "popularity"])
def test_numbers_that_no_record_can_hold_are_refused(name: str) -> None:
    with pytest.raises(clean.BadRow, match=f"the {name} is too large: 1e300"):
        clean.product({"id": 1, "title": "x", name: "1e300"}, ALL_FIELDS)


def test_times_before_the_first_year_are_refused_and_early_ones_kept() -> None:
    with pytest.raises(clean.BadRow, match="created_at is not an ISO-8601 time"):
        clean.product({"id": 1, "title": "x", "created_at": "0001-01-01T00:00:00+02:00"}, ALL_FIELDS)
    early = clean.product({"id": 1, "title": "x", "created_at": "0999-01-01"}, ALL_FIELDS)
    assert early.created_at == "0999-01-01T00:00:00.000Z"
    assert documents.source(early)["created"] < -350_000


@pytest.mark.parametrize(("vector", "unit"), [((1e-200,), [1.0]), ((3e200, -4e200), [0.6, -0.8]), ((5e-324,), [1.0])])
def test_vectors_of_any_length_have_a_direction(vector: tuple[float, ...], unit: list[float]) -> None:
    found = documents.unit(vector)
    assert found is not None
    np.testing.assert_allclose(found, unit, rtol=1e-6)


def test_scaling_changes_no_digit_of_a_common_vector() -> None:
    vector = tuple(np.random.default_rng(3).normal(size=64).tolist())
    plain = np.asarray(vector) / np.linalg.norm(vector)
    found = documents.unit(vector)
    assert found is not None and found.tobytes() == plain.astype(np.float32).tobytes()


def test_a_list_price_tells_the_unit_too() -> None:
    mapping = guess([{"id": "1", "title": "x", "price": "12", "list_price": "15.99"}], {})
    assert mapping.price_unit == "major"
    found = clean.product({"id": "1", "title": "x", "price": "12", "list_price": "15.99"}, mapping)
    assert found == Product("1", "x", price=1200, list_price=1599)
