"""Plan, work, finish: on the real embedded engine, from feed to served catalog."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from etalage.core.encoders import Floats, Kind
from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.errors import CatalogError, ConfigError, EngineTimeout, ModelError, ReindexIncomplete
from etalage.core.records import Document
from etalage.core.settings import load
from indexer import ledger, reindex, staging
from indexer.reindex import Options
from opensearch.embedded import EmbeddedEngine
from opensearch.engine import Request
from opensearch.jobs import MAX_ATTEMPTS, Job, JobState

ROWS: list[dict[str, Any]] = [
    {"id": f"p{number}", "title": f"{colour} {noun}", "price": 1000 + number, "vec_image": [1.0, number]}
    for number, (colour, noun) in enumerate((c, n) for c in ("red", "blue") for n in ("shoe", "lamp", "chair"))
]
DEFAULTS: dict[str, Any] = {"chunk": 2, "max_bad": "0", "force": True}


class Encoder(HashingEncoder):
    """The hashing encoder, noting what it encodes; texts with `poison`, `stall` or `bad` fail in three ways."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.stalls = 0

    def encode(self, texts: Sequence[str], *, kind: Kind) -> Floats:
        if any("poison" in text for text in texts):
            raise ModelError("the text is poisonous", value=texts[0], remedy="Remove it.")
        if self.stalls and any("stall" in text for text in texts):
            self.stalls -= 1
            raise EngineTimeout("it took too long", remedy="Try again.")
        self.asked += texts
        vectors = super().encode(texts, kind=kind)
        vectors[["bad" in text for text in texts]] = np.nan
        return vectors


class OtherEncoder(Encoder):
    """One whose vectors must not be compared with the first one's."""

    name = "other"  # type: ignore[misc]
    fingerprint = "other-v1-256"  # type: ignore[misc]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[EmbeddedEngine]:
    made = EmbeddedEngine(load(home=tmp_path / "home"))
    yield made
    made.close()


@pytest.fixture
def encoder() -> Encoder:
    return Encoder()


class Shop:
    """One index, and the feed that is written for it."""

    def __init__(self, engine: EmbeddedEngine, encoder: Encoder, folder: Path) -> None:
        self.engine, self.encoder, self.feed = engine, encoder, folder / "feed.jsonl"
        self.quarantine = folder / "quarantine.jsonl"

    def write(self, rows: list[dict[str, Any]] | bytes) -> None:
        self.feed.write_bytes(rows if isinstance(rows, bytes) else b"\n".join(map(orjson.dumps, rows)))

    def plan(self, rows: list[dict[str, Any]] | bytes | None = None, **options: Any) -> Job:
        if rows is not None:
            self.write(rows)
        chosen = Options(**(DEFAULTS | {"quarantine": self.quarantine} | options))
        return reindex.plan(self.engine, self.encoder, "shop", self.feed, chosen)

    def work(self, job: Job) -> None:
        while due := self.engine.jobs.available(job.id):
            for number in due:
                assert reindex.work(self.engine, self.encoder, job.id, number, "me", 60)

    def index(self, rows: list[dict[str, Any]] | bytes, **options: Any) -> dict[str, Any]:
        self.encoder.asked.clear()
        job = self.plan(rows, **options)
        self.work(job)
        return reindex.finish(self.engine, job)

    def served(self) -> list[str]:
        return sorted(self.engine.candidates("shop", Request("", size=100)).ids)

    @property
    def generations(self) -> list[tuple[str, bool]]:
        return [(one.name, one.serving) for one in self.engine.generations("shop")]


@pytest.fixture
def shop(engine: EmbeddedEngine, encoder: Encoder, tmp_path: Path) -> Shop:
    return Shop(engine, encoder, tmp_path)


COUNTS = ("read", "indexed", "unchanged", "removed", "quarantined")
ALL = [row["id"] for row in ROWS]


def counts(summary: dict[str, Any]) -> tuple[int, ...]:
    return tuple(summary[name] for name in COUNTS)


# the whole flow
def test_first_index(shop: Shop) -> None:
    summary = shop.index(ROWS)
    assert counts(summary) == (6, 6, 0, 0, 0)
    assert (summary["index"], summary["generation"]) == ("shop", "shop-000001")
    assert summary["encoded"] == {"text": 6, "image": 6} and len(shop.encoder.asked) == 6
    assert summary["mapping"]["columns"]["id"] == "id" and summary["seconds"] >= 0
    assert shop.generations == [("shop-000001", True)] and shop.served() == ALL
    assert shop.engine.candidates("shop", Request("blue lamp", size=1)).ids == ["p4"]
    assert shop.engine.jobs.unfinished("shop") == []


def test_an_unchanged_feed_encodes_and_writes_nothing(shop: Shop) -> None:
    shop.index(ROWS)
    summary = shop.index(ROWS)
    assert counts(summary) == (6, 0, 6, 0, 0)
    assert summary["encoded"] == {"text": 0, "image": 0} and shop.encoder.asked == []
    # Neither does the order of the rows matter.
    assert counts(shop.index(ROWS[::-1])) == (6, 0, 6, 0, 0)
    assert shop.generations == [("shop-000001", True)]


def test_a_new_price_encodes_nothing_and_keeps_the_vectors(shop: Shop) -> None:
    shop.index(ROWS)
    before = shop.engine.vectors("shop-000001", ALL)
    summary = shop.index([ROWS[0] | {"price": 5}, *ROWS[1:]])
    assert counts(summary) == (6, 1, 5, 0, 0)
    assert summary["encoded"] == {"text": 0, "image": 0} and shop.encoder.asked == []
    assert shop.engine.get("shop-000001", ["p0"])["p0"]["price"] == 5
    after = shop.engine.vectors("shop-000001", ALL)
    for one in ALL:
        for new, old in zip(after[one], before[one], strict=True):
            assert new is not None and old is not None
            np.testing.assert_array_equal(new, old)
    found = shop.engine.candidates("shop", Request("red shoe", size=1))
    assert (found.ids, found.records["price"].tolist()) == (["p0"], [5.0])


def test_a_new_title_is_encoded_alone(shop: Shop) -> None:
    shop.index(ROWS)
    summary = shop.index([*ROWS[:5], ROWS[5] | {"title": "green sofa"}])
    assert counts(summary) == (6, 1, 5, 0, 0) and shop.encoder.asked == ["green sofa"]
    assert shop.engine.candidates("shop", Request("sofa", size=1)).ids == ["p5"]


def test_what_the_feed_no_longer_has_is_removed(shop: Shop) -> None:
    shop.index(ROWS)
    assert counts(shop.index(ROWS[:4])) == (4, 0, 4, 2, 0)
    assert shop.served() == ALL[:4]
    assert counts(shop.index(ROWS)) == (6, 2, 4, 0, 0)
    assert shop.served() == ALL


# bad rows
def test_duplicates_and_bad_rows_are_quarantined_with_their_reasons(shop: Shop) -> None:
    lines = [*map(orjson.dumps, ROWS), b'{"id": "p0", "title": "again"}', b'{"id": "x", "price": 1}', b"{broken"]
    summary = shop.index(b"\n".join(lines), max_bad="3")
    assert counts(summary) == (9, 6, 0, 0, 3) and shop.served() == ALL
    assert shop.engine.get("shop-000001", ["p0"])["p0"]["title"] == "red shoe", "the first of two wins"
    kept = [orjson.loads(line) for line in shop.quarantine.read_bytes().splitlines()]
    assert [one["line"] for one in kept] == [7, 8, 9]
    assert kept[0]["reason"] == "the id p0 repeats line 1" and kept[0]["row"]["title"] == "again"
    assert kept[1]["reason"] == "the title is missing" and kept[2]["reason"].startswith("is not JSON")


def test_image_vectors_of_two_lengths(shop: Shop) -> None:
    summary = shop.index([*ROWS, {"id": "y", "title": "y", "vec_image": [1, 2, 3]}], max_bad="1")
    assert summary["quarantined"] == 1 and shop.served() == ALL
    assert b"has 3 components, the first had 2" in shop.quarantine.read_bytes()


@pytest.mark.parametrize("limit", ["1", "24%"])
def test_too_many_bad_rows_leave_everything_as_it_was(shop: Shop, limit: str) -> None:
    shop.index(ROWS)
    bad = [{"id": f"n{number}", "title": "new", "price": "NaN"} for number in range(2)]
    with pytest.raises(CatalogError, match=r"2 of 8 rows are bad, nothing was changed: line 7: the price is not"):
        shop.plan([*ROWS[:3], {"id": "p3", "title": "changed"}, *ROWS[4:], *bad], max_bad=limit)
    assert shop.generations == [("shop-000001", True)] and shop.served() == ALL
    assert shop.engine.get("shop-000001", ["p3"])["p3"]["title"] == "blue shoe"
    assert shop.engine.jobs.unfinished("shop") == []
    # The feed is taken as soon as the limit allows it.
    assert shop.index(shop.feed.read_bytes(), max_bad="25%")["quarantined"] == 2


def test_a_refused_first_feed_leaves_no_generation(shop: Shop) -> None:
    with pytest.raises(CatalogError, match="the feed has no good row: line 1: the title is missing"):
        shop.plan([{"id": "1", "title": ""}])
    with pytest.raises(CatalogError, match="no readable row: line 1: is not JSON"):
        shop.plan(b"{broken\n")
    with pytest.raises(CatalogError, match="No such file"):
        reindex.plan(shop.engine, shop.encoder, "shop", shop.feed.with_name("none"), Options())
    assert shop.generations == [] and shop.engine.jobs.unfinished("shop") == []


@pytest.mark.parametrize("bad", ["", "x", "-1", "101%", "nan", "nan%", "5 %%", "%"])
def test_wrong_limits(bad: str) -> None:
    with pytest.raises(ConfigError, match="neither a share nor a count"):
        staging.bad_limit(bad)


def test_limits_are_shares_or_counts() -> None:
    assert [staging.bad_limit("5%")(bad, 100) for bad in (5, 6)] == [False, True]
    assert [staging.bad_limit("5")(bad, 100) for bad in (5, 6)] == [False, True]
    assert [staging.bad_limit(" 0 ")(bad, 1) for bad in (0, 1)] == [False, True]
    assert [staging.bad_limit("100%")(bad, 10) for bad in (10,)] == [False]


# generations
def test_full_builds_a_new_generation_and_keeps_one_before(shop: Shop) -> None:
    shop.index(ROWS)
    summary = shop.index(ROWS, full=True)
    assert counts(summary) == (6, 6, 0, 0, 0) and summary["encoded"]["text"] == 6
    assert shop.generations == [("shop-000001", False), ("shop-000002", True)]
    shop.index(ROWS, full=True)
    assert shop.generations == [("shop-000002", False), ("shop-000003", True)] and shop.served() == ALL


def test_another_model_builds_a_new_generation(shop: Shop) -> None:
    shop.index(ROWS)
    shop.encoder = OtherEncoder()
    summary = shop.index(ROWS)
    assert summary["generation"] == "shop-000002" and summary["encoded"] == {"text": 6, "image": 6}
    serving = shop.engine.serving("shop")
    assert serving is not None and (serving.spec.model, serving.spec.fingerprint) == ("other", "other-v1-256")


def test_another_image_dimension_builds_a_new_generation(shop: Shop) -> None:
    shop.index(ROWS)
    summary = shop.index([row | {"vec_image": [1.0, 2.0, 3.0]} for row in ROWS])
    assert summary["generation"] == "shop-000002"


def test_while_a_new_generation_is_built_the_old_one_answers(shop: Shop) -> None:
    shop.index(ROWS[:3])
    job = shop.plan(ROWS, full=True)
    shop.work(job)
    assert shop.served() == ALL[:3]
    reindex.finish(shop.engine, job)
    assert shop.served() == ALL


# interruptions
def test_a_running_job_is_resumed_where_it_stopped(shop: Shop) -> None:
    job = shop.plan(ROWS)
    assert job.state is JobState.RUNNING and job.chunks == 3
    assert reindex.work(shop.engine, shop.encoder, job.id, 1, "killed later", 60)
    again = shop.plan()
    assert again == job and shop.engine.jobs.progress(job.id).done == 1
    shop.work(again)
    assert counts(reindex.finish(shop.engine, again)) == (6, 6, 0, 0, 0)
    assert len(shop.encoder.asked) == 6 and shop.generations == [("shop-000001", True)]


def test_a_job_that_was_being_planned_is_planned_anew(shop: Shop) -> None:
    job = shop.plan(ROWS)
    left = shop.engine.create("shop", shop.engine.generations("shop")[0].spec)
    shop.engine.jobs.finish(job.id, JobState.FAILED)
    shop.engine.jobs.open(Job("left-behind", "shop", left.name, "digest"))
    assert counts(shop.index(ROWS)) == (6, 6, 0, 0, 0)
    assert left.name not in [name for name, _ in shop.generations]
    assert shop.engine.jobs.unfinished("shop") == []


def test_another_feed_gives_up_the_running_job(shop: Shop) -> None:
    first = shop.plan(ROWS)
    shop.work(first)
    summary = shop.index(ROWS[:2])
    assert counts(summary) == (2, 2, 0, 0, 0) and shop.served() == ALL[:2]
    given_up = shop.engine.jobs.get(first.id)
    assert given_up is not None and given_up.state is JobState.FAILED
    assert first.generation not in [name for name, _ in shop.generations]


def test_a_held_chunk_is_left_alone_and_an_expired_one_taken(shop: Shop) -> None:
    job = shop.plan(ROWS)
    assert shop.engine.jobs.lease(job.id, 0, "other", 60) is not None
    assert not reindex.work(shop.engine, shop.encoder, job.id, 0, "me", 60)
    assert not reindex.work(shop.engine, shop.encoder, job.id, 99, "me", 60)
    assert not reindex.work(shop.engine, shop.encoder, "unknown", 0, "me", 60)
    assert shop.engine.jobs.lease(job.id, 1, "dead", 0) is not None
    assert reindex.work(shop.engine, shop.encoder, job.id, 1, "me", 60)


# failures
def test_a_failure_that_passes_is_tried_again(shop: Shop) -> None:
    shop.encoder.stalls = 2
    summary = shop.index([*ROWS, {"id": "s", "title": "stall"}])
    assert counts(summary) == (7, 7, 0, 0, 0) and shop.encoder.stalls == 0


def test_a_failure_that_never_passes_ends(shop: Shop) -> None:
    shop.encoder.stalls = 10**6
    job = shop.plan([{"id": "s", "title": "stall"}])
    tries = [reindex.work(shop.engine, shop.encoder, job.id, 0, "me", 60) for _ in range(MAX_ATTEMPTS + 1)]
    assert tries == [True] * MAX_ATTEMPTS + [False]
    with pytest.raises(ReindexIncomplete, match="1 of 1 chunks could not be indexed.*it took too long"):
        reindex.finish(shop.engine, job)
    assert shop.generations == []


@pytest.mark.parametrize("full", [False, True])
def test_a_dead_chunk_leaves_the_old_catalog_serving(shop: Shop, full: bool) -> None:
    shop.index(ROWS)
    job = shop.plan([*ROWS[:4], {"id": "n", "title": "new"}, {"id": "x", "title": "poison"}], full=full)
    shop.work(job)
    with pytest.raises(ReindexIncomplete, match="1 of 3 chunks could not be indexed") as caught:
        reindex.finish(shop.engine, job)
    assert "the text is poisonous" in str(caught.value) and "old index still serves" in str(caught.value)
    assert shop.generations == [("shop-000001", True)] and shop.served() == ALL
    assert shop.engine.jobs.unfinished("shop") == []
    assert counts(shop.index(ROWS[:5]))[:1] == (5,) and shop.served() == ALL[:5]


def test_a_job_with_chunks_still_waiting_does_not_finish(shop: Shop) -> None:
    job = shop.plan(ROWS)
    assert reindex.work(shop.engine, shop.encoder, job.id, 0, "me", 60)
    with pytest.raises(ReindexIncomplete, match="2 of 3 chunks could not be indexed"):
        reindex.finish(shop.engine, job)


def test_documents_that_the_engine_refuses_count_as_bad(shop: Shop) -> None:
    rows = [*ROWS, {"id": "n", "title": "bad"}]
    with pytest.raises(ReindexIncomplete, match="1 of 7 products were refused.*n: vec_text holds a number"):
        shop.index(rows)
    summary = shop.index(rows, max_bad="1")
    assert counts(summary) == (7, 6, 0, 0, 1) and shop.served() == ALL


def test_progress_is_told_while_planning(shop: Shop) -> None:
    shop.write(ROWS)
    told: list[tuple[str, int]] = []
    options = Options(chunk=2)
    reindex.plan(shop.engine, shop.encoder, "shop", shop.feed, options, lambda stage, done: told.append((stage, done)))
    assert told == [("read", 2), ("read", 4), ("read", 6)]


def test_two_indexes_in_one_home_do_not_meet(shop: Shop) -> None:
    shop.index(ROWS)
    job = reindex.plan(shop.engine, shop.encoder, "second", shop.feed, Options(chunk=10))
    shop.work(job)
    reindex.finish(shop.engine, job)
    shop.index(ROWS[:1])
    assert shop.served() == ["p0"]
    assert shop.engine.candidates("second", Request("", size=10)).total == 6


# the gate's count
def test_a_product_that_went_missing_keeps_the_old_generation(shop: Shop) -> None:
    shop.index(ROWS)
    job = shop.plan([*ROWS, {"id": "n", "title": "new hat"}], full=True)
    shop.work(job)
    shop.engine.delete(job.generation, ["p3"])
    with pytest.raises(ReindexIncomplete, match="lacks 1 products and has 0 too many"):
        reindex.finish(shop.engine, job)
    assert shop.served() == ALL and shop.generations == [("shop-000001", True)]


def test_a_product_that_should_have_gone_keeps_the_old_generation(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.index(ROWS)
    job = shop.plan(ROWS, full=True)
    shop.work(job)
    (stray,) = shop.engine.get("shop-000001", ["p0"]).values()
    shop.engine.write(job.generation, [Document("stray", {**stray, "id": "stray"}, "c", "e")])
    monkeypatch.setattr(shop.engine, "delete", lambda *_, **__: 0)
    with pytest.raises(ReindexIncomplete, match="lacks 0 products and has 1 too many"):
        reindex.finish(shop.engine, job)
    assert shop.served() == ALL


# chunks
def test_the_ids_of_a_chunk_are_read_alone() -> None:
    entries = [ledger.Entry({"id": "a\nb", "title": "A"}, (0.5,)), ledger.Entry({"id": "c", "title": "C"})]
    packed = staging.packed(entries)
    assert staging.ids_of(packed) == ["a\nb", "c"]
    assert [(one.source, list(one.image), one.version) for one in staging.unpacked(packed, 7)] == [
        ({"id": "a\nb", "title": "A"}, [0.5], 7), ({"id": "c", "title": "C"}, [], 7),
    ]  # fmt: skip


def test_chunks_without_a_line_of_ids_are_read_too() -> None:
    packed = zlib.compress(orjson.dumps([{"source": {"id": "a", "title": "A"}, "image": []}]))
    assert staging.ids_of(packed) == ["a"]
    assert [one.source["id"] for one in staging.unpacked(packed)] == ["a"]


@pytest.mark.parametrize("count", [0, 1, 15, 64, 100, 256, 1000])
def test_parts_of_a_chunk_are_whole_and_end_small(count: int) -> None:
    entries = [ledger.Entry({"id": str(number)}) for number in range(count)]
    parts = list(reindex._parts(entries))
    assert [one for part in parts for one in part] == entries
    assert all(parts) and max(map(len, parts), default=0) <= 64
    assert not parts or len(parts[-1]) <= 31
