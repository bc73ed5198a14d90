"""Snapshots: made whole, named last, noticed by readers, and answering as the interface says."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from etalage.core.errors import EngineError, FingerprintMismatch, QueryError
from etalage.core.records import Document, Floats
from etalage.core.settings import load
from opensearch.embedded import EmbeddedEngine, snapshot
from opensearch.embedded.snapshot import Snapshot, read_current
from opensearch.engine import Candidates, Ids, IndexSpec, InStock, Lists, Range, Request, Sort, Term

SPEC = IndexSpec("test", "f" * 8, dim=2)


def document(key: str, title: str = "thing", vector: tuple[float, float] | None = None, **source: Any) -> Document:
    text = None if vector is None else np.array(vector, np.float32)
    return Document(key, {"id": key, "title": title, **source}, f"c-{key}-{title}", "e", text)


SHOP = [
    document("a", "red shoe", (1, 0), brand="Acme", category=["Goods", "Shoes"], price=1000, stock=3),
    document("b", "red red lamp", (0, 1), brand="Bolt", category=["Goods", "Lamps"], price=2000, stock=0),
    document("c", "blue lamp", (-1, 0), brand="Bolt", category=["Goods", "Lamps"], price=1500),
    document("d", "green chair", None, brand="Acme", category=["Goods"], stock=1),
    document("e", "red lamp", (0.6, 0.8), price=2000, stock=7),
]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[EmbeddedEngine]:
    made = EmbeddedEngine(load(home=tmp_path))
    yield made
    made.close()


def fill(engine: EmbeddedEngine, *documents: Document) -> Path:
    """Write documents into the first generation (made if needed) and refresh; the generation's folder."""
    if not engine.generations("shop"):
        engine.swap("shop", engine.create("shop", SPEC).name)
    assert [one.reason for one in engine.write("shop-000001", documents)] == [""] * len(documents)
    engine.refresh("shop-000001")
    return engine._folder / "shop-000001"


def opened(folder: Path) -> Snapshot:
    current = read_current(folder)
    assert current is not None
    return Snapshot(folder / str(current["name"]), "shop-000001", SPEC)


def vector(x: float, y: float) -> Floats:
    return np.array([x, y], np.float32)


# how snapshots are made
def test_current_names_a_whole_snapshot(engine: EmbeddedEngine) -> None:
    folder = fill(engine, *SHOP)
    manifest = read_current(folder)
    assert manifest is not None
    assert [path.name for path in folder.iterdir() if path.is_dir()] == [manifest["name"]]
    assert opened(folder).size == 5


def files(folder: Path) -> dict[str, bytes]:
    """The files of the current snapshot."""
    current = read_current(folder)
    assert current is not None
    return {path.name: path.read_bytes() for path in (folder / str(current["name"])).iterdir()}


def test_other_numbers_leave_the_other_files_as_they_are(engine: EmbeddedEngine) -> None:
    folder = fill(engine, *SHOP)
    before = opened(folder)
    fill(
        engine,
        document("b", "red red lamp", (0, 1), brand="Bolt", category=["Goods", "Lamps"], price=99, created_at="2026-01-02"),
        document("e", "red lamp", (0.6, 0.8), stock=0),
    )  # fmt: skip
    after, found = opened(folder), files(folder)
    current = read_current(folder)
    assert current is not None
    # One file under two names, not another of the same content.
    assert (folder / str(current["name"]) / "postings-rows.npy").stat().st_nlink == 2
    assert after.catalog.numbers["price"].tolist()[1] == 99 and np.isnan(after.catalog.numbers["price"][4])
    assert before.catalog.numbers["price"].tolist()[1] == 2000
    engine.write("shop-000001", [document("zz"), *SHOP[:1]])
    engine.delete("shop-000001", ["zz"])
    engine.refresh("shop-000001")
    assert files(folder) == found
    assert (folder / str(read_current(folder)["name"]) / "postings-rows.npy").stat().st_nlink == 1  # type: ignore[index]


def test_other_letters_are_more_than_other_numbers(engine: EmbeddedEngine) -> None:
    """The same terms and vector, but another title to show."""
    folder = fill(engine, *SHOP)
    before = files(folder)["postings-rows.npy"]
    fill(engine, document("e", "RED Lamp", (0.6, 0.8), price=2000, stock=7))
    assert opened(folder).catalog.titles[4] == "RED Lamp"
    assert files(folder)["postings-rows.npy"] == before


def test_there_is_no_manifest_before_the_first(tmp_path: Path) -> None:
    assert read_current(tmp_path) is None


def test_a_current_snapshot_is_not_made_again(engine: EmbeddedEngine) -> None:
    folder = fill(engine, *SHOP)
    before = read_current(folder)
    engine.refresh("shop-000001")
    assert read_current(folder) == before
    fill(engine, document("f"))
    assert read_current(folder) != before


def test_the_one_before_is_kept_and_older_ones_go(engine: EmbeddedEngine) -> None:
    names = []
    for key in "abcd":
        folder = fill(engine, document(key))
        names.append(str((read_current(folder) or {})["name"]))
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == names[-2:]
    # Named by their operation, so they sort by age.
    assert names == sorted(names)


def test_what_a_killed_build_left_is_ignored_and_removed(engine: EmbeddedEngine) -> None:
    folder = fill(engine, *SHOP)
    (folder / "draft-000000000009-aaaaaaaa").mkdir()
    (folder / "draft-000000000009-aaaaaaaa" / "ids-blob.npy").write_bytes(b"half")
    assert opened(folder).size == 5
    fill(engine, document("f"))
    assert not list(folder.glob("draft-*")) and opened(folder).size == 6


def test_a_build_that_fails_leaves_the_one_before(engine: EmbeddedEngine) -> None:
    folder = fill(engine, *SHOP)
    before = read_current(folder)
    engine._store.connection().execute("UPDATE documents SET record = x'00' WHERE id = 'a'")
    engine.delete("shop-000001", ["e"])
    with pytest.raises(ValueError, match="buffer size"):
        engine.refresh("shop-000001")
    assert read_current(folder) == before and not list(folder.glob("draft-*"))
    assert engine.candidates("shop", Request("chair", size=1)).ids == ["d"]


def test_a_snapshot_of_another_version_is_refused(engine: EmbeddedEngine) -> None:
    folder = fill(engine, *SHOP)
    manifest = read_current(folder) or {}
    for changed in ({"version": 99}, {"record": 99}):
        (folder / "CURRENT").write_bytes(orjson.dumps(manifest | changed))
        with pytest.raises(EngineError, match="another version of Etalage") as caught:
            engine.candidates("shop", Request("x"))
        assert "etalage index FILE --full" in caught.value.remedy


def test_a_snapshot_of_an_older_version_is_made_again(engine: EmbeddedEngine) -> None:
    folder = fill(engine, *SHOP)
    manifest = read_current(folder) or {}
    (folder / "CURRENT").write_bytes(orjson.dumps(manifest | {"version": 1}))
    # What the older version wrote for the terms of a document: hashes.
    engine._store.connection().execute("UPDATE documents SET terms = x'0102030405060708000100'")
    assert read_current(folder) is None
    assert engine.candidates("shop", Request("chair", size=1)).ids == ["d"]
    assert (read_current(folder) or {})["name"] != manifest["name"]


def test_without_any_snapshot_one_is_made_for_the_first_search(engine: EmbeddedEngine) -> None:
    engine.swap("shop", engine.create("shop", SPEC).name)
    engine.write("shop-000001", SHOP)
    assert engine.candidates("shop", Request("chair", size=1)).ids == ["d"]


def test_readers_notice_a_new_snapshot_and_those_of_the_old_one_go_on(engine: EmbeddedEngine, tmp_path: Path) -> None:
    folder = fill(engine, *SHOP)
    reader, old = EmbeddedEngine(load(home=tmp_path)), opened(folder)
    assert reader.candidates("shop", Request("lamp")).total == 3
    for key in "xyz":
        fill(engine, document(key, "new lamp"))
    assert reader.candidates("shop", Request("lamp")).total == 6
    assert not (folder / old.name).exists()
    assert old.candidates(Request("lamp")).total == 3
    reader.close()


def test_builds_at_the_same_time_make_one_snapshot(engine: EmbeddedEngine) -> None:
    folder = fill(engine, *SHOP)
    engine.write("shop-000001", [document("f")])
    threads = [threading.Thread(target=engine.refresh, args=("shop-000001",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([path for path in folder.iterdir() if path.is_dir()]) == 2 and opened(folder).size == 6


def test_a_graph_is_made_beyond_the_limit(engine: EmbeddedEngine, tmp_path: Path) -> None:
    fill(engine, *SHOP)
    for limit, graphs in ((5, 0), (4, 1)):
        folder = tmp_path / f"limit-{limit}"
        snapshot.build(engine._store, "shop-000001", folder, limit)
        assert len(list(folder.glob("*/vec_text.usearch"))) == graphs
        assert opened(folder).candidates(Request("", vector(1, 0), k=1, lists=Lists.VECTOR)).ids == ["a"]


# what they answer
def ask(engine: EmbeddedEngine, text: str, *args: Any, **more: Any) -> Candidates:
    return engine.candidates("shop", Request(text, *args, **more))


def test_neighbours_come_first_then_words_by_score(engine: EmbeddedEngine) -> None:
    fill(engine, *SHOP)
    found = ask(engine, "red", vector(1, 0), k=2)
    assert found.ids == ["a", "e", "b"]
    assert found.near.tolist() == [True, True, False] and found.total == 3
    assert (found.lexical > 0).all() and found.titles == ["red shoe", "red lamp", "red red lamp"]
    np.testing.assert_array_equal(found.lexical, found.fields[:, 0])
    assert found.records["price"].tolist() == [1000, 2000, 2000] and found.generation == "shop-000001"
    np.testing.assert_array_equal(found.vectors[:2], [[127, 0], [95, 127]])


def test_total_and_facets_count_the_union_of_words_and_neighbours(engine: EmbeddedEngine) -> None:
    fill(engine, *SHOP)
    found = ask(engine, "chair", vector(1, 0), k=2, facets=("brand",))
    assert found.ids == ["a", "e", "d"] and found.total == 3 and found.lexical.tolist()[:2] == [0, 0]
    assert found.facets["brand"] == [("Acme", 2)]


def test_only_words_or_only_neighbours(engine: EmbeddedEngine) -> None:
    fill(engine, *SHOP)
    words = ask(engine, "lamp", vector(1, 0), k=2, lists=Lists.LEXICAL)
    # c and b are also in the category of lamps; c has the shorter title.
    assert words.ids == ["c", "b", "e"] and not words.near.any()
    near = ask(engine, "lamp", vector(1, 0), k=2, lists=Lists.VECTOR)
    assert near.ids == ["a", "e"] and near.lexical.tolist() == [0, 0]
    assert ask(engine, "lamp", None).ids == words.ids


def test_an_empty_text_matches_everything(engine: EmbeddedEngine) -> None:
    fill(engine, *SHOP)
    assert ask(engine, "").ids == list("abcde")
    assert ask(engine, "!!!").ids == [] and ask(engine, "zebra").total == 0


def test_windows_have_no_gap_and_no_repeat(engine: EmbeddedEngine) -> None:
    fill(engine, *SHOP)
    whole = ask(engine, "red lamp", vector(1, 0), k=2).ids
    for size in (1, 2, 3):
        pages = [ask(engine, "red lamp", vector(1, 0), k=2, start=at, size=size) for at in range(0, 6, size)]
        assert [one for page in pages for one in page.ids] == whole
        assert {page.total for page in pages} == {4}


@pytest.mark.parametrize(
    ("one", "ids"),
    [
        (Term("brand", ("Acme",)), "ad"), (Term("brand", ("Acme", "Bolt")), "abcd"), (Term("brand", ("acme",)), ""),
        (Term("category", ("Goods",)), "abcd"), (Term("category", ("Goods > Lamps",)), "bc"),
        (Range("price", 1500), "bce"), (Range("price", 1500, open_low=True), "be"), (Range("price", None, 1500), "ac"),
        (Range("price", None, 1500, open_high=True), "a"), (Range("price", 1001, 1999), "c"), (Range("price"), "abce"),
        (InStock(), "acde"), (Ids(("e", "a", "zz", "")), "ae"), (Ids(()), ""),
    ],
)  # fmt: skip
def test_filters(engine: EmbeddedEngine, one: Any, ids: str) -> None:
    fill(engine, *SHOP)
    found = ask(engine, "", filters=(one,))
    assert found.ids == list(ids) and found.total == len(ids)
    # Neighbours are searched among what passes, not filtered afterwards.
    near = ask(engine, "", vector(-1, 0), k=5, lists=Lists.VECTOR, filters=(one,))
    assert set(near.ids) == set(ids) - {"d"}


def test_filters_are_combined(engine: EmbeddedEngine) -> None:
    fill(engine, *SHOP)
    assert ask(engine, "lamp", filters=(Term("brand", ("Bolt",)), InStock())).ids == ["c"]


def test_sorting_puts_unknown_numbers_last_and_breaks_ties_by_id(engine: EmbeddedEngine) -> None:
    fill(engine, *SHOP)
    assert ask(engine, "", sort=Sort("price")).ids == ["a", "c", "b", "e", "d"]
    assert ask(engine, "", sort=Sort("price", descending=True)).ids == ["b", "e", "c", "a", "d"]
    assert ask(engine, "lamp", sort=Sort("price"), start=1, size=1).ids == ["b"]


def test_facets_count_what_is_found(engine: EmbeddedEngine) -> None:
    fill(engine, *SHOP)
    found = ask(engine, "lamp", facets=("brand", "category"), size=0)
    assert found.ids == [] and found.total == 3
    assert dict(found.facets) == {"brand": [("Bolt", 2)], "category": [("Goods", 2), ("Goods > Lamps", 2)]}
    assert ask(engine, "", facets=("brand",), facet_size=1).facets["brand"] == [("Acme", 2)]


def test_an_empty_index_answers_with_nothing(engine: EmbeddedEngine) -> None:
    fill(engine)
    for text in ("", "red"):
        found = ask(engine, text, vector(1, 0), facets=("brand",), filters=(InStock(),))
        assert (found.ids, found.total, found.facets["brand"], found.vectors.shape) == ([], 0, [], (0, 2))


def test_what_cannot_be_asked(engine: EmbeddedEngine) -> None:
    fill(engine, *SHOP)
    for wrong in (
        Request("", start=9990, size=20), Request("", start=-1), Request("", filters=(Term("colour", ("red",)),)),
        Request("", sort=Sort("title")), Request("", facets=("price",)), Request("", vector_field="vec"),
    ):  # fmt: skip
        with pytest.raises(QueryError):
            engine.candidates("shop", wrong)
    with pytest.raises(FingerprintMismatch, match="3 dimensions, vec_text has 2"):
        ask(engine, "", np.ones(3, np.float32))
    with pytest.raises(EngineError, match="no such index: other"):
        engine.candidates("other", Request(""))
