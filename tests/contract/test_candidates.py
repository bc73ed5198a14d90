"""What `SearchEngine.candidates` promises, on every implementation, with scores worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from etalage.core.errors import EngineError, FingerprintMismatch, QueryError
from etalage.core.records import Document, record_of, to_int8
from opensearch import fields
from opensearch.engine import (
    MAX_WINDOW,
    Generation,
    IndexSpec,
    Lists,
    Range,
    Request,
    SearchEngine,
    Shop,
    Sort,
    Term,
)

from .by_hand import bm25, unit

Make = Callable[..., Document]
Serve = Callable[..., Generation]


# scores
def test_bm25_of_one_field(engine: SearchEngine, index: str, serve: Serve, make: Make) -> None:
    serve(make("a", "red shoe"), make("b", "red hat"), make("c", "blue blue hat"))
    found = engine.candidates(index, Request("red"))
    # idf = ln 1.6 = 0.470004; length 2 of 7/3: 1 / (1 + 1.2 × 0.892857) = 0.482759
    assert found.ids == ["a", "b"]
    np.testing.assert_allclose(found.lexical, [0.226898, 0.226898], rtol=1e-5)
    np.testing.assert_allclose(found.fields[:, 0], [0.226898, 0.226898], rtol=1e-5)
    assert not found.fields[:, 1:].any()
    # idf = ln 8/3 = 0.980829; twice in 3 words of 7/3: 2 / (2 + 1.2 × 1.214286) = 0.578512
    np.testing.assert_allclose(engine.candidates(index, Request("blue")).lexical, [0.567422], rtol=1e-5)


def test_fields_are_weighted_and_terms_are_alternatives(
    engine: SearchEngine, index: str, serve: Serve, make: Make
) -> None:
    serve(
        make("a", "runner", brand="Acme", description="light runner for the road"),
        make("b", "Acme boot", category=["Boots", "Winter"], attributes={"mpn": ["MX-500"], "color": ["deep red"]}),
        make("c", "lamp"),
    )
    found = engine.candidates(index, Request("Acme runner missing"))
    assert list(fields.TEXT) == ["title", "model", "brand", "category", "attributes_text", "description"]
    one = bm25(3, 1, 1, 1, 4 / 3)
    parts = {
        "a": [one, 0, bm25(1, 1, 1, 1, 1), 0, 0, bm25(1, 1, 1, 5, 5)],
        "b": [bm25(3, 1, 1, 2, 4 / 3), 0, 0, 0, 0, 0],
    }
    assert found.ids == ["a", "b"]
    np.testing.assert_allclose(found.fields, [parts["a"], parts["b"]], rtol=1e-5)
    weights = np.array(list(fields.TEXT.values()))
    np.testing.assert_allclose(found.lexical, np.array([parts["a"], parts["b"]]) @ weights, rtol=1e-5)
    # The article number, as the query's terms reach the model field and the attributes' text.
    model = engine.candidates(index, Request("mx 500"))
    np.testing.assert_allclose(
        model.fields, [[0, 2 * bm25(1, 1, 1, 2, 2), 0, 0, 2 * bm25(1, 1, 1, 4, 4), 0]], rtol=1e-5
    )
    assert engine.candidates(index, Request("winter boots")).fields[0, 3] == pytest.approx(2 * bm25(1, 1, 1, 2, 2))


def test_a_repeated_term_counts_twice(engine: SearchEngine, index: str, serve: Serve, make: Make) -> None:
    serve(make("a", "red shoe"), make("b", "hat"))
    once = engine.candidates(index, Request("red")).lexical
    np.testing.assert_allclose(engine.candidates(index, Request("red red")).lexical, 2 * once, rtol=1e-5)


def test_long_texts_have_rounded_lengths(engine: SearchEngine, index: str, serve: Serve, make: Make) -> None:
    serve(make("a", "shoe", description="word " * 40 + "rare"), make("b", "shoe", description="word " * 100))
    # 41 words count as 40 (Lucene's one-byte norms); the mean is exact.
    expected = bm25(2, 1, 1, 40, 141 / 2)
    assert engine.candidates(index, Request("rare")).fields[0, 5] == pytest.approx(expected, rel=1e-5)


def test_words_are_stemmed_and_folded(engine: SearchEngine, index: str, serve: Serve, make: Make) -> None:
    serve(make("a", "Running shoes"), make("b", "Crème brûlée"), make("c", "Kids' T-shirt"))
    for text, expected in [
        ("run", ["a"]),
        ("SHOE", ["a"]),
        ("creme BRULEE", ["b"]),
        ("t shirts", ["c"]),
        ("run!", ["a"]),
    ]:
        assert engine.candidates(index, Request(text)).ids == expected, text


def test_chinese_japanese_and_korean(engine: SearchEngine, index: str, serve: Serve, make: Make) -> None:
    serve(make("zh", "红色运动鞋"), make("ja", "赤い靴 ｽﾆｰｶｰ"), make("ko", "빨간 운동화"), make("zz", "蓝色外套"))
    assert engine.candidates(index, Request("运动鞋")).ids == ["zh"]
    assert engine.candidates(index, Request("スニーカー")).ids == ["ja"]
    assert engine.candidates(index, Request("운동화")).ids == ["ko"]
    # Two of its three bigrams are in one title, none in the other.
    assert engine.candidates(index, Request("红色鞋")).ids == ["zh"]
    assert engine.candidates(index, Request("色外")).ids == ["zz"]


@pytest.mark.parametrize("text", ["!!!", " ", "☕", "\u0000", "nowhere"])
def test_a_query_without_a_known_term_finds_nothing(
    engine: SearchEngine, index: str, serve: Serve, make: Make, text: str
) -> None:
    serve(make("a", "shoe ☕ ! nowhereabouts"))
    found = engine.candidates(index, Request(text, facets=("brand",)))
    assert (found.ids, found.total, dict(found.facets)) == ([], 0, {"brand": []})
    assert found.fields.shape == (0, len(fields.TEXT))
    assert found.vectors.shape == (0, 4)


@pytest.mark.parametrize(
    "text",
    ["shoe " + "x" * 4995, "shoe " * 1000, "shoe " + " ".join(f"w{n}" for n in range(1000)), "shoe " + "鞋" * 4995],
    ids=["one word", "repeats", "many words", "bigrams"],
)
def test_a_query_of_5000_characters_is_answered(
    engine: SearchEngine, index: str, serve: Serve, make: Make, text: str
) -> None:
    serve(make("a", "red shoe"), make("b", "hat"))
    found = engine.candidates(index, Request(text))
    assert found.ids == ["a"]
    assert found.lexical[0] >= engine.candidates(index, Request("shoe")).lexical[0] > 0


def test_query_syntax_is_plain_text(engine: SearchEngine, index: str, serve: Serve, make: Make) -> None:
    serve(make("a", "red shoe"), make("b", "hat"))
    assert engine.candidates(index, Request('-shoe "hat rack" (AND) OR* ~2 \\ {"match_all":{}}')).ids == ["b", "a"]
    assert engine.candidates(index, Request("title:lamp")).ids == []
    assert engine.candidates(index, Request("sho*")).ids == []


# order
def test_neighbours_come_first_then_words_then_ids(engine: SearchEngine, index: str, serve: Serve, make: Make) -> None:
    serve(
        make("far-2", "shoe", [0, 0, 0, 1]),
        make("far-1", "shoe", [0, 0, 1, 0]),
        make("best-words", "shoe shoe", [0, 0, 0, 1]),
        make("near-2", "lamp", unit(0.8, 0.6, 0, 0)),
        make("near-1", "shoe", unit(0.9, 0.1, 0, 0)),
        make("none", "shoe"),
        make("other", "lamp", [0, 0, 0, 1]),
    )
    found = engine.candidates(index, Request("shoe", unit(1, 0, 0, 0), k=2))
    assert found.ids == ["near-1", "near-2", "best-words", "far-1", "far-2", "none"]
    assert found.near.tolist() == [True, True, False, False, False, False]
    assert found.total == 6
    assert found.lexical[1] == 0 and found.lexical[0] == found.lexical[3] > 0
    np.testing.assert_array_equal(found.vectors[0], to_int8(unit(0.9, 0.1, 0, 0)))
    assert not found.vectors[5].any()


def test_neighbours_are_ordered_by_cosine_whatever_their_words(
    engine: SearchEngine, index: str, serve: Serve, make: Make
) -> None:
    angles = np.linspace(0, 0.06, 30)
    serve(*(make(f"p{n:02d}", "shoe " * n, unit(np.cos(a), np.sin(a), 0, 0)) for n, a in enumerate(angles)))
    found = engine.candidates(index, Request("shoe", unit(1, 0, 0, 0), k=30))
    cosines = np.cos(angles)[[int(key[1:]) for key in found.ids]]
    # The embedded engine compares int8 vectors, which are off by up to 1/254.
    assert (np.diff(cosines) <= 4e-4).all()
    assert found.near.all()


def test_opposite_vectors_are_neighbours_too(engine: SearchEngine, index: str, serve: Serve, make: Make) -> None:
    serve(make("a", "shoe", [-1, 0, 0, 0]), make("b", "shoe shoe"))
    found = engine.candidates(index, Request("shoe", unit(1, 0, 0, 0), k=5))
    assert found.ids == ["a", "b"]
    assert found.near.tolist() == [True, False]


def test_equal_neighbours_are_ordered_by_id(engine: SearchEngine, index: str, serve: Serve, make: Make) -> None:
    serve(*(make(key, "thing", [0, 1, 0, 0]) for key in ("c", "a", "b", "B", "é")))
    found = engine.candidates(index, Request("thing", unit(0, 1, 0, 0), k=5))
    assert found.ids == ["B", "a", "b", "c", "é"]


def test_a_list_can_be_asked_for_alone(engine: SearchEngine, index: str, serve: Serve, make: Make) -> None:
    serve(make("a", "shoe"), make("b", "shoe", [1, 0, 0, 0]), make("c", "lamp", [0, 1, 0, 0]))
    both = Request("shoe", unit(0.1, 1, 0, 0), k=2)
    assert engine.candidates(index, both).ids == ["c", "b", "a"]
    words = engine.candidates(index, replace(both, lists=Lists.LEXICAL))
    assert (words.ids, words.near.tolist(), words.total) == (["a", "b"], [False, False], 2)
    near = engine.candidates(index, replace(both, lists=Lists.VECTOR))
    assert (near.ids, near.near.tolist(), near.total) == (["c", "b"], [True, True], 2)
    assert near.lexical.tolist() == [0, 0]
    assert engine.candidates(index, replace(both, lists=Lists.VECTOR, vector=None)).ids == []
    assert engine.candidates(index, replace(both, k=0)).ids == ["a", "b"]


def test_further_candidates_come_after_neighbours_by_id(
    engine: SearchEngine, index: str, serve: Serve, make: Make
) -> None:
    serve(
        make("words", "shoe shoe", [0, 0, 0, 1]),
        make("near", "lamp", [1, 0, 0, 0]),
        make("b", "hat"),
        make("a", "shoe hat", [0, 0, 1, 0]),
        make("other", "rug", [0, 0, 0, 1], brand="Acme"),
    )
    ask = Request("shoe", unit(1, 0, 0, 0), k=1, also=("b", "near", "a", "gone"), facets=("brand",))
    found = engine.candidates(index, ask)
    assert (found.ids, found.total) == (["near", "a", "b", "words"], 4)
    assert found.near.tolist() == [True, False, False, False]
    assert found.lexical[0] == found.lexical[2] == 0 and min(found.lexical[1], found.lexical[3]) > 0
    assert engine.candidates(index, replace(ask, start=1, size=2)).ids == ["a", "b"]
    assert engine.candidates(index, replace(ask, vector=None)).ids == ["a", "b", "near", "words"]
    assert engine.candidates(index, replace(ask, also=("other",))).facets["brand"] == [("Acme", 1)]
    assert engine.candidates(index, replace(ask, lists=Lists.LEXICAL)).ids == ["words", "a"]


def test_further_candidates_pass_the_filters(engine: SearchEngine, index: str, serve: Serve, make: Make) -> None:
    serve(make("a", "shoe", brand="Acme"), make("b", "hat", brand="Bolt"), make("c", "rug", brand="Acme"))
    ask = Request("shoe", also=("b", "c"), filters=(Term("brand", ("Acme",)),))
    assert engine.candidates(index, ask).ids == ["c", "a"]
    shop = Shop({"match": {"title": "shoe"}}, constraints=({"term": {"brand": "Acme"}},))
    assert engine.candidates(index, replace(ask, filters=(), shop=shop)).ids == ["c", "a"]


def test_what_is_below_the_floor_is_not_near(engine: SearchEngine, index: str, serve: Serve, make: Make) -> None:
    vectors = {
        "a": unit(1, 0, 0, 0),
        "b": unit(0.6, 0.8, 0, 0),
        "c": unit(0.4, 0.6**0.5, 0.3**0.5, 0),
        "d": unit(-1, 0, 0, 0),
    }
    serve(*(make(key, "lamp", list(vector), brand=key) for key, vector in vectors.items()), make("e", "shoe"))
    ask = Request("shoe", unit(1, 0, 0, 0), k=4, facets=("brand",))
    assert engine.candidates(index, ask).ids == ["a", "b", "c", "d", "e"]
    found = engine.candidates(index, replace(ask, floor=0.5))
    assert (found.ids, found.near.tolist(), found.total) == (["a", "b", "e"], [True, True, False], 3)
    assert [value for value, _ in found.facets["brand"]] == ["a", "b"]
    assert engine.candidates(index, replace(ask, floor=-1.0)).total == 5
    alone = replace(ask, vector=unit(0, 0, 0, 1), floor=0.5, lists=Lists.VECTOR)
    assert (engine.candidates(index, alone).ids, engine.candidates(index, alone).total) == ([], 0)


def test_an_empty_text_matches_every_product(engine: SearchEngine, index: str, serve: Serve, make: Make) -> None:
    serve(make("c", "shoe"), make("a", "lamp", [0, 1, 0, 0]), make("b", "hat", [1, 0, 0, 0]))
    found = engine.candidates(index, Request(""))
    assert (found.ids, found.total, found.lexical.tolist()) == (["a", "b", "c"], 3, [0, 0, 0])
    near = engine.candidates(index, Request("", unit(1, 0, 0, 0), k=1))
    assert (near.ids, near.near.tolist(), near.total) == (["b", "a", "c"], [True, False, False], 3)


def test_image_vectors_are_searched_by_their_own_field(
    engine: SearchEngine, index: str, serve: Serve, make: Make
) -> None:
    serve(make("a", "shoe", [1, 0, 0, 0], [0, 1]), make("b", "shoe", [0, 1, 0, 0], [1, 0]), make("c", "shoe"))
    found = engine.candidates(index, Request("", unit(1, 0), k=1, vector_field="vec_image", lists=Lists.VECTOR))
    assert found.ids == ["b"]
    assert found.vectors.tolist() == [[127, 0]]


def test_windows_join_without_gap_or_repeat(engine: SearchEngine, index: str, serve: Serve, make: Make) -> None:
    angles = np.linspace(0, 1.5, 40)
    serve(*(make(f"p{n:02d}", "shoe " * (1 + n % 3), unit(np.cos(a), 0, np.sin(a), 0)) for n, a in enumerate(angles)))
    ask = Request("shoe", unit(1, 0, 0, 0), k=7, size=40)
    whole = engine.candidates(index, ask)
    assert len(whole.ids) == whole.total == 40
    parts = [engine.candidates(index, replace(ask, start=start, size=6)) for start in range(0, 48, 6)]
    assert [key for part in parts for key in part.ids] == whole.ids
    assert [flag for part in parts for flag in part.near.tolist()] == [True] * 7 + [False] * 33
    assert all(part.total == 40 for part in parts)
    np.testing.assert_allclose(np.concatenate([part.lexical for part in parts]), whole.lexical, rtol=1e-6)
    assert engine.candidates(index, replace(ask, size=0)).total == 40


def test_records_and_titles_travel_with_the_candidates(
    engine: SearchEngine, index: str, serve: Serve, make: Make
) -> None:
    documents = {
        "a": make("a", "Red Shoe 42 ☕", price=100, stock=None, created_at="2024-05-01T12:00:00Z", rating=4.5),
        "日本": make("日本", "赤い靴 shoe", brand="Acme", attributes={"mpn": ["MX-500"]}),
    }
    made = serve(*documents.values())
    found = engine.candidates(index, Request("shoe"))
    assert set(found.ids) == set(documents)
    for row, key in enumerate(found.ids):
        assert found.titles[row] == documents[key].source["title"]
        assert found.records[row].tobytes() == record_of(documents[key].source).tobytes()
    assert found.generation == made.name


# what is refused
@pytest.mark.parametrize(
    ("request_", "named"),
    [
        (Request("a", filters=(Term("colour", ("red",)),)), "colour"),
        (Request("a", filters=(Term("price", ("1",)),)), "price"),
        (Request("a", filters=(Range("brand", 1, 2),)), "brand"),
        (Request("a", facets=("price",)), "price"),
        (Request("a", facets=("brand", "size")), "size"),
        (Request("a", sort=Sort("brand")), "brand"),
        (Request("a", vector_field="vec_sound"), "vec_sound"),
    ],
)
def test_an_unknown_field_is_named(
    engine: SearchEngine, index: str, serve: Serve, make: Make, request_: Request, named: str
) -> None:
    serve(make("a"))
    with pytest.raises(QueryError, match=named) as caught:
        engine.candidates(index, request_)
    assert "Use one of" in caught.value.remedy


@pytest.mark.parametrize(("start", "size"), [(MAX_WINDOW, 1), (0, MAX_WINDOW + 1), (-1, 10), (0, -1)])
def test_a_window_out_of_bounds_is_refused(
    engine: SearchEngine, index: str, serve: Serve, make: Make, start: int, size: int
) -> None:
    serve(make("a"))
    with pytest.raises(QueryError, match=str(MAX_WINDOW)):
        engine.candidates(index, Request("thing", start=start, size=size))
    assert engine.candidates(index, Request("thing", start=MAX_WINDOW - 1, size=1)).total == 1


def test_an_unknown_index_is_named(engine: SearchEngine, index: str) -> None:
    with pytest.raises(EngineError, match=index) as caught:
        engine.candidates(index, Request("a"))
    assert caught.value.remedy and not caught.value.retryable
    engine.create(index, IndexSpec("m", "f", 4))
    with pytest.raises(EngineError, match=index):
        engine.candidates(index, Request("a"))


@pytest.mark.parametrize("name", ["*", "_all", "a,b", "../x", "A", "", "x y", "日本"])
def test_an_odd_index_name_is_an_unknown_index(engine: SearchEngine, name: str) -> None:
    with pytest.raises(EngineError, match="there is no such index"):
        engine.candidates(name, Request("a"))


@pytest.mark.parametrize(("field", "dim"), [("vec_text", 3), ("vec_image", 4)])
def test_a_vector_of_another_dimension_is_refused(
    engine: SearchEngine, index: str, serve: Serve, make: Make, field: str, dim: int
) -> None:
    made = serve(make("a", "shoe", [1, 0, 0, 0]))
    with pytest.raises(FingerprintMismatch, match=f"{dim} dimensions") as caught:
        engine.candidates(index, Request("shoe", unit(*[1] * dim), vector_field=field))
    assert made.name in str(caught.value) and caught.value.remedy


def test_an_index_without_images_refuses_an_image_vector(
    engine: SearchEngine, index: str, serve: Serve, make: Make
) -> None:
    serve(make("a", "shoe", [1, 0, 0, 0]), spec=IndexSpec("m", "f", 4))
    assert engine.candidates(index, Request("shoe", unit(1, 0, 0, 0))).ids == ["a"]
    with pytest.raises(FingerprintMismatch, match="vec_image has 0"):
        engine.candidates(index, Request("shoe", unit(1, 0), vector_field="vec_image"))


def test_a_swap_to_another_dimension_is_noticed(engine: SearchEngine, index: str, serve: Serve, make: Make) -> None:
    serve(make("a", "shoe", [1, 0, 0, 0]))
    assert engine.candidates(index, Request("shoe", unit(1, 0, 0, 0))).ids == ["a"]
    serve(make("b", "shoe", [1, 0]), spec=IndexSpec("m", "g", 2))
    assert engine.candidates(index, Request("shoe", unit(1, 0))).ids == ["b"]
    with pytest.raises(FingerprintMismatch):
        engine.candidates(index, Request("shoe", unit(1, 0, 0, 0)))


def test_a_generation_can_be_searched_before_it_serves(
    engine: SearchEngine, index: str, serve: Serve, make: Make
) -> None:
    first = serve(make("a", "shoe"))
    second = engine.create(index, first.spec)
    engine.write(second.name, [make("b", "shoe")])
    engine.refresh(second.name)
    assert engine.candidates(second.name, Request("shoe")).ids == ["b"]
    assert engine.candidates(index, Request("shoe")).ids == ["a"]
    engine.swap(index, second.name)
    engine.drop(first.name)
    assert engine.candidates(index, Request("shoe")).ids == ["b"]
    with pytest.raises(EngineError, match=first.name):
        engine.candidates(first.name, Request("shoe"))


def test_an_updated_record_is_read_anew(engine: SearchEngine, index: str, serve: Serve, make: Make) -> None:
    made = serve(make("a", "shoe", [1, 0, 0, 0], price=100), make("b", "shoe", price=100))
    assert engine.candidates(index, Request("shoe")).records["price"].tolist() == [100, 100]
    engine.write(made.name, [make("a", "red shoe", [0, 1, 0, 0], price=300)])
    engine.refresh(made.name)
    found = engine.candidates(index, Request("shoe"))
    prices = dict(zip(found.ids, found.records["price"].tolist(), strict=True))
    assert prices == {"a": 300, "b": 100}
    assert dict(zip(found.ids, found.titles, strict=True)) == {"a": "red shoe", "b": "shoe"}
    assert found.vectors[found.ids.index("a")].tolist() == [0, 127, 0, 0]


# pictures
def test_image_vectors_come_where_they_are_asked_for(
    engine: SearchEngine, index: str, serve: Serve, make: Make
) -> None:
    serve(
        make("a", "red shoe", vector=(1, 0, 0, 0), image=(0, 1)),
        make("b", "red hat", image=(1, 0)),
        make("c", "red sock"),
    )
    asked = Request("red", unit(1, 0, 0, 0), 2, pictures=True)
    found = engine.candidates(index, asked)
    pictures = dict(zip(found.ids, found.pictures.tolist(), strict=True))
    assert pictures == {"a": [0, 127], "b": [127, 0], "c": [0, 0]}
    assert found.pictures.dtype == np.int8
    assert engine.candidates(index, replace(asked, pictures=False)).pictures.shape == (3, 0)
    # A page has its own rows.
    second = engine.candidates(index, replace(asked, start=1, size=1))
    assert second.pictures.tolist() == [pictures[second.ids[0]]]


def test_candidates_say_what_they_were_built_with(engine: SearchEngine, index: str, serve: Serve, make: Make) -> None:
    serving = serve(make("a"))
    assert engine.candidates(index, Request("thing")).spec == serving.spec


# groups
def test_the_group_of_each_candidate_is_told(engine: SearchEngine, index: str, serve: Serve, make: Make) -> None:
    serve(
        make("a", "red shoe", variant_group="g1", brand="Acme"),
        make("b", "shoe", [1, 0, 0, 0]),
        make("c", "red shoe coat", variant_group="g2", brand="Acme"),
        make("d", "red shoe hat box", variant_group="g1"),
        make("e", "lamp", variant_group="g3"),
    )
    vector = np.array([1, 0, 0, 0], np.float32)
    near = engine.candidates(index, Request("red", vector, k=1, collapse="variant_group"))
    assert list(zip(near.ids, near.groups, strict=True)) == [("b", ""), ("a", "g1"), ("c", "g2"), ("d", "g1")]
    assert near.total == 4
    assert list(near.take([3, 0]).groups) == ["g1", ""]
    brands = engine.candidates(index, Request("red", collapse="brand"))
    assert dict(zip(brands.ids, brands.groups, strict=True)) == {"a": "Acme", "c": "Acme", "d": ""}
    assert not engine.candidates(index, Request("red")).groups
    assert list(engine.candidates(index, Request("zebra", collapse="brand")).groups) == []


@pytest.mark.parametrize("name", ["attrs", "category", "price", "nope"])
def test_groups_are_of_a_keyword_with_one_value(
    engine: SearchEngine, index: str, serve: Serve, make: Make, name: str
) -> None:
    serve(make("a", "red shoe"))
    with pytest.raises(QueryError, match="collapse"):
        engine.candidates(index, Request("red", collapse=name))
