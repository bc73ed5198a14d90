"""What `SearchEngine` promises about generations, documents and events, on every implementation."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from etalage.core.errors import EngineError
from etalage.core.records import Document
from opensearch.engine import Generation, IndexSpec, Request, SearchEngine

SPEC = IndexSpec(model="test", fingerprint="f" * 8, dim=4, dim_image=2)
ODD = ["a/b", "a b", "ü-ß", "日本", "..", "%2F", "#?&=+", '"quoted"', "<tag>", "x" * 512, "_", "-1", "a\tb", "☕"]

Make = Callable[..., Document]
Serve = Callable[..., Generation]


def hashes(engine: SearchEngine, generation: str, *ids: str) -> dict[str, tuple[str, str]]:
    """What the ledger says of documents, without their versions, which a node counts by itself where none is given."""
    return {one: (row.content, row.encoded) for one, row in engine.ledger(generation, ids).items()}


def test_check_names_the_engine_and_its_version(engine: SearchEngine) -> None:
    about = engine.check()
    assert about["engine"] == engine.name
    assert about["version"]


# generations
def test_a_new_generation_is_empty_and_does_not_serve(engine: SearchEngine, index: str) -> None:
    made = engine.create(index, SPEC)
    assert made == Generation(f"{index}-000001", index, SPEC, serving=False)
    assert engine.generations(index) == [made]
    assert engine.serving(index) is None
    assert engine.count(made.name) == 0
    assert list(engine.ids(made.name)) == []


def test_an_unknown_index_has_no_generations(engine: SearchEngine, index: str) -> None:
    assert engine.generations(index) == []
    assert engine.serving(index) is None


def test_generations_are_listed_oldest_first_and_belong_to_one_index(engine: SearchEngine, index: str) -> None:
    first, second = engine.create(index, SPEC), engine.create(index, IndexSpec("other", "g", 8))
    engine.create(f"{index}-x", SPEC)
    assert engine.generations(index) == [first, second]
    assert second.spec == IndexSpec("other", "g", 8)


def test_a_number_is_not_used_twice(engine: SearchEngine, index: str) -> None:
    first = engine.create(index, SPEC)
    engine.drop(first.name)
    assert engine.generations(index) == []
    assert engine.create(index, SPEC).name == f"{index}-000002"


def test_swap_moves_service(engine: SearchEngine, index: str) -> None:
    first, second = engine.create(index, SPEC), engine.create(index, SPEC)
    engine.swap(index, first.name)
    engine.swap(index, second.name)
    assert [one.serving for one in engine.generations(index)] == [False, True]
    served = engine.serving(index)
    assert served is not None and served.name == second.name
    engine.swap(index, second.name)
    assert [one.serving for one in engine.generations(index)] == [False, True]


def test_swap_refuses_what_does_not_exist(engine: SearchEngine, index: str) -> None:
    made = engine.create(index, SPEC)
    engine.swap(index, made.name)
    with pytest.raises(EngineError, match=f"{index}-000009"):
        engine.swap(index, f"{index}-000009")
    other = engine.create(f"{index}-x", SPEC)
    with pytest.raises(EngineError, match=other.name):
        engine.swap(index, other.name)
    assert [one.name for one in engine.generations(index) if one.serving] == [made.name]


def test_drop_refuses_what_serves_and_ignores_what_is_unknown(engine: SearchEngine, index: str) -> None:
    made = engine.create(index, SPEC)
    engine.swap(index, made.name)
    with pytest.raises(EngineError, match="serves"):
        engine.drop(made.name)
    engine.drop(f"{index}-000009")
    assert [one.name for one in engine.generations(index)] == [made.name]


def test_the_first_generation_can_be_dropped_after_a_swap(engine: SearchEngine, serve: Serve, make: Make) -> None:
    first = serve(make("a", "old"))
    second = serve(make("a", "new"))
    engine.drop(first.name)
    assert engine.candidates(second.index, Request("new")).ids == ["a"]
    assert engine.candidates(second.index, Request("old")).ids == []
    with pytest.raises(EngineError, match=first.name):
        engine.count(first.name)


def test_a_search_during_swaps_sees_one_generation_or_the_other(
    engine: SearchEngine, index: str, serve: Serve, make: Make
) -> None:
    first = serve(*(make(f"old{n}", "shoe") for n in range(3)))
    second = serve(*(make(f"new{n}", "shoe") for n in range(3)))
    seen: list[tuple[str, list[str]]] = []
    errors: list[Exception] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            try:
                found = engine.candidates(index, Request("shoe"))
            except EngineError as error:
                errors.append(error)
                return
            seen.append((found.generation, found.ids))

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(20):
        engine.swap(index, (first, second)[turn % 2].name)
        engine.candidates(index, Request("shoe"))
    stop.set()
    reader.join()
    assert errors == []
    allowed = {first.name: ["old0", "old1", "old2"], second.name: ["new0", "new1", "new2"]}
    assert seen
    assert all(ids == allowed[name] for name, ids in seen)


# documents
def test_what_was_written_can_be_read_before_a_refresh(engine: SearchEngine, index: str, make: Make) -> None:
    made = engine.create(index, SPEC)
    source = {
        "price": 1999,
        "rating": 4.5,
        "stock": None,
        "category": ["Shoes", "Boots"],
        "attributes": {"a.b": ["x"], "": ["y"], "größe": ["42", "43"], "deep.er.name": ["1=2"]},
        "description": 'two\nlines & "quotes" 漢字 ☕',
        "images": [],
    }
    documents = [
        make("a", "A", [1, 0, 0, 0], [0, 1], **source),
        make("b", "B", [0, 0.6, 0.8, 0]),
        make("c", "C"),
    ]
    assert [(one.id, one.reason) for one in engine.write(made.name, documents)] == [("a", ""), ("b", ""), ("c", "")]
    assert engine.get(made.name, ["a", "c", "missing"]) == {"a": documents[0].source, "c": documents[2].source}
    assert hashes(engine, made.name, "a", "missing") == {"a": ("c-a-A", "e-a")}
    vectors = engine.vectors(made.name, ["a", "b", "c", "missing"])
    assert set(vectors) == {"a", "b", "c"}
    text, image = vectors["a"]
    assert text is not None and image is not None
    np.testing.assert_allclose(text, [1, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(image, [0, 1], atol=1e-6)
    assert vectors["b"][0] is not None
    np.testing.assert_allclose(vectors["b"][0], [0, 0.6, 0.8, 0], atol=0.005)
    assert vectors["b"][1] is None and vectors["c"] == (None, None)
    assert sorted(engine.ids(made.name)) == ["a", "b", "c"]
    assert engine.count(made.name) == 3


def test_vectors_are_kept_through_a_refresh(engine: SearchEngine, serve: Serve, make: Make) -> None:
    made = serve(make("a", "A", [0, 0.6, 0.8, 0], [1, 0]))
    text, image = engine.vectors(made.name, ["a"])["a"]
    assert text is not None and image is not None
    assert (text.dtype, image.dtype) == (np.float32, np.float32)
    np.testing.assert_allclose(text, [0, 0.6, 0.8, 0], atol=0.005)
    np.testing.assert_allclose(image, [1, 0], atol=1e-6)


def test_reading_nothing_gives_nothing(engine: SearchEngine, index: str) -> None:
    made = engine.create(index, SPEC)
    assert engine.write(made.name, []) == []
    assert engine.get(made.name, []) == {}
    assert engine.ledger(made.name, []) == {}
    assert engine.vectors(made.name, []) == {}
    assert engine.delete(made.name, []) == 0


@pytest.mark.parametrize(
    "act",
    [
        lambda e, name, d: e.write(name, [d]),
        lambda e, name, d: e.delete(name, ["a"]),
        lambda e, name, d: e.ledger(name, ["a"]),
        lambda e, name, d: e.get(name, ["a"]),
        lambda e, name, d: e.vectors(name, ["a"]),
        lambda e, name, d: list(e.ids(name)),
        lambda e, name, d: e.count(name),
        lambda e, name, d: e.refresh(name),
    ],
    ids=["write", "delete", "ledger", "get", "vectors", "ids", "count", "refresh"],
)
def test_an_unknown_generation_is_named(
    engine: SearchEngine, index: str, make: Make, act: Callable[[SearchEngine, str, Document], Any]
) -> None:
    name = f"{index}-000007"
    with pytest.raises(EngineError, match=name) as caught:
        act(engine, name, make("a"))
    assert caught.value.remedy
    assert not caught.value.retryable
    assert engine.generations(index) == []


def test_each_document_has_its_own_outcome(engine: SearchEngine, index: str, make: Make) -> None:
    made = engine.create(index, SPEC)
    outcomes = engine.write(
        made.name,
        [
            make("good", "good", [1, 0, 0, 0]),
            make("short", "short", [1, 0]),
            make("flat", "flat", None, [1, 0, 0]),
            make("nan", "nan", [float("nan"), 0, 0, 1]),
            make("", "nameless"),
            make("x" * 513, "long"),
            make("é" * 257, "long in bytes"),
            make("last", "last"),
        ],
    )
    assert [one.id for one in outcomes] == ["good", "short", "flat", "nan", "", "x" * 513, "é" * 257, "last"]
    assert [one.reason == "" for one in outcomes] == [True] + [False] * 6 + [True]
    assert outcomes[1].reason == "vec_text has 2 dimensions, the index has 4"
    assert outcomes[2].reason == "vec_image has 3 dimensions, the index has 2"
    assert "not finite" in outcomes[3].reason
    assert not any(one.retryable for one in outcomes)
    assert sorted(engine.ids(made.name)) == ["good", "last"]


def test_long_values_do_not_keep_a_document_out(engine: SearchEngine, serve: Serve, make: Make) -> None:
    long = "word " * 20_000
    made = serve(
        make("a", "shoe", description=long, brand="b" * 40_000, attributes={"n": ["v" * 40_000], "m" * 40_000: ["1"]})
    )
    assert engine.candidates(made.index, Request("shoe")).ids == ["a"]
    assert engine.get(made.name, ["a"])["a"]["description"] == long


def test_writing_again_replaces(engine: SearchEngine, index: str, serve: Serve, make: Make) -> None:
    made = serve(make("a", "red", [1, 0, 0, 0]), make("b", "red"))
    engine.write(made.name, [make("a", "blue"), make("c", "green"), make("c", "violet")])
    engine.refresh(made.name)
    assert engine.count(made.name) == 3
    assert hashes(engine, made.name, "a") == {"a": ("c-a-blue", "e-a")}
    assert engine.vectors(made.name, ["a"]) == {"a": (None, None)}
    assert engine.candidates(index, Request("red")).ids == ["b"]
    assert engine.candidates(index, Request("blue")).ids == ["a"]
    assert engine.candidates(index, Request("green")).ids == []
    assert engine.candidates(index, Request("violet")).ids == ["c"]


def test_delete_counts_what_existed(engine: SearchEngine, index: str, serve: Serve, make: Make) -> None:
    made = serve(make("a", "red"), make("b", "red"), make("c", "red"))
    assert engine.delete(made.name, ["a", "missing", "a", "", "x" * 600, "c"]) == 2
    assert engine.count(made.name) == 1
    assert engine.get(made.name, ["a", "b"]).keys() == {"b"}
    engine.refresh(made.name)
    assert engine.candidates(index, Request("red")).ids == ["b"]


def test_a_search_sees_what_was_refreshed(engine: SearchEngine, index: str, serve: Serve, make: Make) -> None:
    made = serve(make("a", "red"))
    engine.write(made.name, [make("b", "red")])
    assert engine.candidates(index, Request("red")).ids == ["a"]
    engine.refresh(made.name)
    assert engine.candidates(index, Request("red")).ids == ["a", "b"]


def test_ids_may_hold_any_characters(engine: SearchEngine, index: str, serve: Serve, make: Make) -> None:
    made = serve(*(make(key, "shoe", [1, 0, 0, 0]) for key in ODD))
    assert sorted(engine.ids(made.name)) == sorted(ODD)
    assert engine.get(made.name, ODD).keys() == set(ODD)
    assert engine.candidates(index, Request("shoe", size=50)).ids == sorted(ODD)
    near = engine.candidates(index, Request("", np.array([1, 0, 0, 0], np.float32), k=50, size=50))
    assert near.ids == sorted(ODD) and near.near.all()
    assert engine.delete(made.name, ODD) == len(ODD)
    assert engine.count(made.name) == 0


def test_many_documents_are_all_read_back(engine: SearchEngine, serve: Serve, make: Make) -> None:
    keys = [f"p{number:05d}" for number in range(2500)]
    made = serve(*(make(key, "shoe") for key in keys))
    assert sorted(engine.ids(made.name)) == keys
    assert engine.ledger(made.name, keys).keys() == set(keys)
    assert engine.count(made.name) == 2500


# behaviour
def test_events_are_stored_once_and_read_by_time(engine: SearchEngine) -> None:
    mark = uuid4().hex
    moments = ["2031-05-01T10:00:00.000Z", "2031-05-03T10:00:00.000Z", "2031-05-02T10:00:00.000Z"]
    documents = [
        {
            "id": f"{mark}-{number}",
            "timestamp": at,
            "action_name": "click",
            "event_attributes": {"position": {"ordinal": 1}},
        }
        for number, at in enumerate(moments)
    ]
    assert engine.append_events("events", documents[:2]) == 2
    assert engine.append_events("events", [{**documents[0], "action_name": "view"}, documents[2]]) == 1
    assert (
        engine.append_events("queries", [{"id": documents[0]["id"], "timestamp": moments[0], "user_query": "shoe"}])
        == 1
    )

    def mine(kind: str, since: str = "") -> list[dict[str, Any]]:
        return [one for one in engine.events(kind, since) if one["id"].startswith(mark)]

    assert mine("events") == [documents[0], documents[2], documents[1]]
    assert mine("events", "2031-05-02T10:00:00.000Z") == [documents[2], documents[1]]
    assert mine("events", "2031-05-04T00:00:00.000Z") == []
    assert [one["user_query"] for one in mine("queries")] == ["shoe"]
    assert engine.append_events("events", []) == 0


def test_events_are_forgotten_by_id(engine: SearchEngine) -> None:
    mark = uuid4().hex
    at = "2033-01-01T00:00:00.000Z"
    documents = [{"id": f"{mark}-{n}", "timestamp": at, "action_name": "view"} for n in range(3)]
    engine.append_events("events", documents)
    assert engine.forget("queries", [documents[0]["id"]]) == 0
    assert engine.forget("events", [documents[0]["id"], documents[2]["id"], f"{mark}-none"]) == 2
    assert [one["id"] for one in engine.events("events", at) if one["id"].startswith(mark)] == [f"{mark}-1"]
    assert engine.append_events("events", documents[:1]) == 1


def test_events_of_the_same_moment_are_ordered_by_id(engine: SearchEngine) -> None:
    mark = uuid4().hex
    at = "2032-01-01T00:00:00.000Z"
    engine.append_events("events", [{"id": f"{mark}-{n}", "timestamp": at, "action_name": "view"} for n in (3, 1, 2)])
    found = [one["id"] for one in engine.events("events", at) if one["id"].startswith(mark)]
    assert found == [f"{mark}-1", f"{mark}-2", f"{mark}-3"]
