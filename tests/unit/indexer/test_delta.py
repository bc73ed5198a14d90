"""Changes to single products, on the real embedded engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etalage.core.encoders import Floats, Kind
from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.errors import QueryError
from etalage.core.settings import load
from indexer import clean, delta, reindex
from indexer.delta import CANONICAL, Applied, Op
from opensearch.embedded import EmbeddedEngine
from opensearch.engine import Request

NOW = 2_000_000_000_000
ROWS: list[dict[str, Any]] = [
    {"id": "a", "title": "red shoe", "brand": "Acme", "price": 1000, "vec_image": [1, 0], "attr_size": "40"},
    {"id": "b", "title": "blue lamp", "price": 2000, "stock": 3, "vec_image": [0, 1]},
]


class Encoder(HashingEncoder):
    """The hashing encoder, noting what it encodes; texts with `bad` come to no finite vector."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str], *, kind: Kind) -> Floats:
        self.asked += texts
        vectors = super().encode(texts, kind=kind)
        vectors[["bad" in text for text in texts]] = np.nan
        return vectors


class Shop:
    def __init__(self, home: Path) -> None:
        self.engine, self.encoder, self.feed = EmbeddedEngine(load(home=home)), Encoder(), home / "feed.jsonl"

    def plan(self, rows: Sequence[dict[str, Any]] = ROWS, **options: Any) -> Any:
        self.feed.write_bytes(b"\n".join(map(orjson.dumps, rows)))
        chosen = reindex.Options(chunk=1, force=True, **options)
        return reindex.plan(self.engine, self.encoder, "shop", self.feed, chosen)

    def end(self, job: Any) -> dict[str, Any]:
        while due := self.engine.jobs.available(job.id):
            for number in due:
                reindex.work(self.engine, self.encoder, job.id, number, "me", 60)
        return reindex.finish(self.engine, job)

    def change(self, *rows: dict[str, Any], now: int = NOW) -> Applied:
        self.encoder.asked.clear()
        changes = [delta.read(row, CANONICAL, now) for row in rows]
        return delta.apply(self.engine, self.encoder, "shop", changes)

    def results(self, *rows: dict[str, Any], now: int = NOW) -> list[str]:
        return [one.result for one in self.change(*rows, now=now).results]

    def source(self, id: str) -> dict[str, Any] | None:
        serving = self.engine.serving("shop")
        assert serving is not None
        return self.engine.get(serving.name, [id]).get(id)

    def image(self, id: str) -> list[float] | None:
        serving = self.engine.serving("shop")
        assert serving is not None
        found = self.engine.vectors(serving.name, [id])[id][1]
        return None if found is None else found.round(3).tolist()

    def found(self, text: str) -> list[str]:
        return sorted(self.engine.candidates("shop", Request(text, size=50)).ids)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    made.end(made.plan())
    yield made
    made.engine.close()


def test_a_price_is_changed_alone_and_nothing_is_encoded(shop: Shop) -> None:
    applied = shop.change({"id": "a", "price": 1})
    assert [one.result for one in applied.results] == ["updated"]
    assert (applied.encoded_text, applied.encoded_image, shop.encoder.asked) == (0, 0, [])
    source = shop.source("a")
    assert source is not None and (source["price"], source["brand"], source["title"]) == (1, "Acme", "red shoe")
    assert source["attributes"] == {"size": ["40"]} and shop.image("a") == [1, 0]
    assert shop.engine.candidates("shop", Request("shoe")).records["price"].tolist() == [1]


def test_a_title_is_encoded_alone(shop: Shop) -> None:
    applied = shop.change({"id": "a", "title": "green boot"}, {"id": "b", "stock": 0})
    assert (applied.encoded_text, shop.encoder.asked) == (1, ["green boot. Acme"])
    assert (shop.found("boot"), shop.found("shoe"), shop.image("a")) == (["a"], [], [1, 0])


def test_an_image_vector_is_changed(shop: Shop) -> None:
    assert shop.change({"id": "a", "vec_image": [0, 2]}).encoded_image == 1
    assert shop.image("a") == [0, 1]
    assert shop.results({"id": "a", "vec_image": [1, 2, 3]}, now=NOW + 1) == ["refused"]


def test_what_is_not_stored_is_made_and_what_is_made_whole_replaces(shop: Shop) -> None:
    assert shop.results({"id": "c", "title": "chair"}, {"id": "a", "op": "upsert", "title": "hat"}) == [
        "created", "updated",
    ]  # fmt: skip
    source = shop.source("a")
    assert source is not None and "brand" not in source and "price" not in source
    assert (shop.found("chair"), shop.found("hat")) == (["c"], ["a"])


def test_attributes_are_merged_and_an_empty_one_goes(shop: Shop) -> None:
    shop.change({"id": "a", "attributes": {"colour": "red", "size": ""}})
    shop.change({"id": "a", "attributes": {"weight": ["1 kg"]}}, now=NOW + 1)
    source = shop.source("a")
    assert source is not None and source["attributes"] == {"colour": ["red"], "weight": ["1 kg"], "size": ["40"]}


def test_an_empty_cell_clears_a_field(shop: Shop) -> None:
    shop.change({"id": "a", "brand": "", "price": None})
    source = shop.source("a")
    assert source is not None and "brand" not in source and "price" not in source


def test_a_removed_product_is_gone(shop: Shop) -> None:
    assert shop.results({"id": "a", "op": "delete"}, {"id": "zz", "op": "DELETE"}) == ["deleted", "unchanged"]
    assert (shop.source("a"), shop.found("shoe")) == (None, [])
    assert shop.results({"id": "a", "title": "late"}, now=NOW - 1) == ["stale"]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"id": "x", "op": "patch", "price": 1}, "no such product"),
        ({"id": "x", "price": 1}, "title is missing"),
        ({"id": "a", "title": " "}, "title is missing"),
        ({"id": "a", "price": "cheap"}, "not a number"),
        ({"price": 1}, "id is missing"),
        ({"id": "a", "op": "drop"}, "upsert, patch or delete"),
        ({"id": "a", "version": "yesterday"}, "milliseconds"),
        ({"id": "a", "version": -1}, "milliseconds"),
        ({"id": "a", "title": "bad"}, "not finite"),
    ],
)
def test_what_cannot_be_is_refused_and_the_rest_is_done(shop: Shop, row: dict[str, Any], told: str) -> None:
    results: list[tuple[str, str]] = []
    for one in (row, {"id": "b", "price": 5}):
        try:
            results += [(r.result, r.reason) for r in shop.change(one).results]
        except clean.BadRow as error:
            results.append(("refused", str(error)))
    assert results[0][0] == "refused" and told in results[0][1]
    assert results[1] == ("updated", "")
    source = shop.source("a")
    assert source is not None and source["price"] == 1000


def test_changes_of_one_product_are_applied_in_the_order_of_their_moments(shop: Shop) -> None:
    rows = [{"id": "a", "price": price, "version": NOW + at} for price, at in ((3, 3), (1, 1), (2, 2))]
    assert shop.results(*rows) == ["updated"] * 3
    source = shop.source("a")
    assert source is not None and source["price"] == 3
    assert shop.results({"id": "a", "price": 9, "version": NOW + 2}) == ["stale"]


def test_an_older_feed_does_not_undo_them(shop: Shop) -> None:
    """They come while the job runs: before its chunks, between them, and after."""
    job = shop.plan([{**ROWS[0], "title": "old shoe"}, {**ROWS[1], "title": "old lamp"}, {"id": "n", "title": "net"}])
    shop.change({"id": "a", "price": 7})
    shop.change({"id": "n", "op": "delete"})
    reindex.work(shop.engine, shop.encoder, job.id, 0, "me", 60)
    shop.change({"id": "c", "title": "new chair"})
    summary = shop.end(job)
    assert (summary["indexed"], summary["removed"]) == (1, 0)
    source = shop.source("a")
    assert source is not None and (source["price"], source["title"]) == (7, "red shoe")
    assert shop.source("n") is None and shop.found("chair") == ["c"] and shop.found("lamp") == ["b"]


def test_a_generation_that_is_built_gets_them_too(shop: Shop) -> None:
    job = shop.plan([*ROWS, {"id": "n", "title": "net"}], full=True)
    reindex.work(shop.engine, shop.encoder, job.id, 0, "me", 60)
    assert shop.results({"id": "a", "price": 7}, {"id": "b", "price": 8}, {"id": "n", "op": "delete"}) == [
        "updated", "updated", "unchanged",
    ]  # fmt: skip
    shop.end(job)
    serving = shop.engine.serving("shop")
    assert serving is not None and serving.name == "shop-000002"
    prices = [source["price"] for one in "ab" if (source := shop.source(one)) is not None]
    assert prices == [7, 8] and shop.source("n") is None


def test_refused_products_are_kept_until_they_are_taken(shop: Shop) -> None:
    shop.end(shop.plan([*ROWS, {"id": "x", "title": "bad thing", "created_at": "2026-01-02"}], max_bad="1"))
    (letter,) = shop.engine.jobs.letters("shop")
    assert (letter.id, "finite" in letter.reason) == ("x", True)
    assert [one.result for one in delta.redrive(shop.engine, shop.encoder, "shop", [letter]).results] == ["refused"]
    assert len(list(shop.engine.jobs.letters("shop"))) == 1
    shop.encoder.encode = HashingEncoder().encode  # type: ignore[method-assign]
    assert [one.result for one in delta.redrive(shop.engine, shop.encoder, "shop", [letter]).results] == ["created"]
    assert (list(shop.engine.jobs.letters("shop")), shop.found("bad thing")) == ([], ["x"])
    source = shop.source("x")
    assert source is not None and source["created_at"].startswith("2026-01-02") and source["created"] > 20_000


def test_without_an_index_they_are_refused(tmp_path: Path) -> None:
    engine = EmbeddedEngine(load(home=tmp_path))
    with pytest.raises(QueryError, match="no such index"):
        delta.apply(engine, Encoder(), "shop", [delta.read({"id": "a", "title": "t"}, CANONICAL, NOW)])
    engine.close()


VALUES = st.fixed_dictionaries(
    {"id": st.sampled_from("ab"), "op": st.sampled_from(["", "upsert", "patch", "delete"])},
    optional={"title": st.sampled_from(["red", "blue"]), "price": st.integers(0, 9), "version": st.integers(1, 30)},
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(VALUES, max_size=6))
def test_the_same_changes_again_do_no_harm(shop: Shop, rows: list[dict[str, Any]]) -> None:
    base = max((row.version for row in shop.engine.ledger("shop-000001", ["a", "b"]).values()), default=NOW) + 100
    rows = [row | {"version": base + row.get("version", 0)} for row in rows]
    shop.change(*rows)
    once = [shop.source("a"), shop.source("b")]
    results = shop.change(*rows).results
    assert {one.result for one in results} <= {"updated", "created", "deleted", "unchanged", "stale", "refused"}
    last = {row["id"]: max(one["version"] for one in rows if one["id"] == row["id"]) for row in rows}
    single = all(sum(one["id"] == id and one["version"] == last[id] for one in rows) == 1 for id in last)
    if single and len({(row["id"], row["version"]) for row in rows}) == len(rows):
        assert [shop.source("a"), shop.source("b")] == once
    assert Op.AUTO == ""
