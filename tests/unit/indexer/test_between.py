"""Cleaned rows between the two passes over a feed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest

from etalage.core.records import Product
from indexer import reindex, sources, staging
from indexer.between import Between, Cleaned
from indexer.mapping import FeedMapping
from indexer.quality import Note, Rules
from indexer.staging import Options, Tally
from opensearch.engine import IndexSpec

MUG = Product("a", "Mug!!", attributes={"colour": ("red",)}, vec_image=(0.5, 1.0), price=5)
MENDED = Product("a", "Mug!", attributes={"colour": ("red",)}, vec_image=(0.5, 1.0), price=5)
NOTE = Note("repetition", "fixed", "title: Mug!! → Mug!")


def kept(between: Between, *rows: Cleaned, raw: bool = True) -> list[Cleaned]:
    for row in rows:
        between.add(row, raw=raw)
    return list(between.rows())


@pytest.mark.parametrize("count", [1, 256, 1000])
def test_rows_come_back_as_they_were(count: int) -> None:
    rows = [
        Cleaned(sources.Row(1, {"id": "a", "x": [1, None, "\udc80"]}), MUG, "", (MENDED, [NOTE])),
        Cleaned(sources.Row(2, {"id": "b"}), MUG, "", (MUG, [])),
        Cleaned(sources.Row(3, {"title": "c"}), None, "the id is missing"),
    ] * count
    between = Between()
    assert kept(between, *rows) == rows and between.whole
    between.close()


def test_values_of_the_feed_are_kept_only_where_they_may_be_shown() -> None:
    between = Between()
    (row,) = kept(between, Cleaned(sources.Row(7, {"id": "a"}), MUG, "", (MUG, [])), raw=False)
    assert (row.row, row.product) == (sources.Row(7, {}), MUG)
    between.close()


def test_too_many_rows_are_not_kept() -> None:
    between = Between(limit=2000)
    for number in range(1000):
        between.add(Cleaned(sources.Row(number, {}), MUG, "", (MUG, [])), raw=False)
    assert not between.whole


def test_a_full_disk_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**given: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    between = Between()
    for number in range(256):
        between.add(Cleaned(sources.Row(number, {}), MUG, "", (MUG, [])), raw=False)
    assert not between.whole


def test_values_nested_too_deeply_are_not_kept() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    between = Between()
    for number in range(256):
        between.add(Cleaned(sources.Row(number, {"x": nested}), None, "bad"), raw=True)
    assert not between.whole
    while nested:  # taken apart by hand: so deep, its own end would need the stack
        nested = nested[0]


@pytest.mark.parametrize("quarantine", [frozenset(), frozenset({"exact_duplicates"})])
def test_rows_that_are_kept_and_rows_that_are_read_again_become_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quarantine: frozenset[str]
) -> None:
    feed = tmp_path / "feed.jsonl"
    feed.write_text(
        '{"id": "a", "title": "Red mug!!", "description": "A mug."}\n{"id": "b", "title": "Red mug!!", "description": "A mug."}\n'
        '{"id": "a", "title": "Again"}\n{"title": "No id"}\nno json\n{"id": "c", "title": "Caf\u00c3\u00a9"}\n'
    )
    options = Options(rules=Rules(quarantine=quarantine))
    mapping: FeedMapping = reindex.mapping_of(feed, options)

    def staged() -> tuple[Tally, list[Any]]:
        tally = Tally()
        spec = IndexSpec("m", "f", 4)
        found = list(staging.rows(feed, mapping, spec, options, tally, lambda *_: None))
        return tally, [
            (one.row.line, one.entry, one.reason, one.row.values if one.entry is None else {}) for one in found
        ]

    once, first = staged()
    monkeypatch.setattr(staging, "Between", lambda: Between(limit=-1))
    monkeypatch.setattr("indexer.between._BATCH", 1)
    twice, second = staged()
    assert first == second and once.read == 6
    assert (once.good, once.bad, once.reasons, once.quality, len(once.ids)) == (
        twice.good, twice.bad, twice.reasons, twice.quality, len(twice.ids),
    )  # fmt: skip
