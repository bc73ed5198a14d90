"""The search flow over a small shop in the embedded engine."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest

from etalage.core.artifact import Artifact
from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.errors import EngineError, FingerprintMismatch, ModelError, QueryError
from etalage.core.records import Document, Floats
from opensearch.engine import Generation, InStock, Range, SearchEngine, Sort, Term
from ranker.features import NAMES
from ranker.rerank import Ranker
from ranker.scores import by_score
from ranker.search import Answer, Ask, Searcher

Make = Callable[..., Document]
Serve = Callable[..., Generation]
Linear = Callable[..., Artifact]


def ids(answer: Answer) -> list[str]:
    return [hit.id for hit in answer.hits]


def paged(searcher: Searcher, query: str, size: int, **ask: object) -> list[str]:
    """Every page of a search, one after the other."""
    found: list[str] = []
    while True:
        page = ids(searcher.search(Ask(query, size, len(found), **ask)))  # type: ignore[arg-type]
        if not page:
            return found
        found += page


# the answer
def test_a_search_finds_what_was_asked(searcher: Searcher, shop: Generation) -> None:
    answer = searcher.search(Ask("red shoe"))
    assert ids(answer)[0] == "red"
    assert set(ids(answer)) == {"boot", "red", "blue", "run", "lamp"}
    assert answer.total == 5
    assert answer.degraded == ()
    assert answer.generation == shop.name
    assert answer.hits[0].title == "red shoe"
    scores = [hit.score for hit in answer.hits]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score < 1 for score in scores)


def test_every_stage_is_timed(searcher: Searcher) -> None:
    answer = searcher.search(Ask("red shoe"))
    assert set(answer.timings) == {"understand", "encode", "retrieve", "features", "rerank", "answer"}
    assert all(spent >= 0 for spent in answer.timings.values())
    assert answer.took_ms >= sum(answer.timings.values()) - 0.01


def test_the_answer_as_plain_values(searcher: Searcher) -> None:
    plain = searcher.search(Ask("red shoe", size=1)).as_dict()
    assert set(plain) == {
        "total",
        "hits",
        "facets",
        "understood",
        "rules",
        "redirect",
        "degraded",
        "took_ms",
        "timings",
    }
    assert [hit["id"] for hit in plain["hits"]] == ["red"]
    assert plain["facets"]["brand"] == [
        {"value": "Acme", "count": 2},
        {"value": "Bolt", "count": 2},
        {"value": "Lumo", "count": 1},
    ]
    assert plain["degraded"] == []


def test_the_ranker_decides_the_order(
    engine: SearchEngine, encoder: HashingEncoder, shop: Generation, linear: Linear
) -> None:
    cheap = Searcher(engine, "products", encoder, Ranker(linear({"price": -1.0})))
    assert ids(cheap.search(Ask("red shoe"))) == ["lamp", "blue", "red", "run", "boot"]


def test_a_score_is_the_logistic_of_the_rankers(
    engine: SearchEngine, encoder: HashingEncoder, shop: Generation, linear: Linear
) -> None:
    answer = Searcher(engine, "products", encoder, Ranker(linear({"in_stock": 2.0}))).search(Ask("red shoe"))
    by_id = {hit.id: hit for hit in answer.hits}
    assert by_id["red"].parts["ranker"] == 2.0
    assert by_id["red"].score == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-6)
    assert by_id["boot"].score == 0.5
    # Equal scores stand by id.
    assert ids(answer) == ["blue", "lamp", "red", "run", "boot"]


def test_nothing_matches(engine: SearchEngine, ranker: Ranker, serve: Serve, make: Make) -> None:
    serve(make("a", "red shoe", encoded=False))
    answer = Searcher(engine, "products", HashingEncoder(), ranker).search(Ask("zebra"))
    assert (answer.total, answer.hits, answer.degraded) == (0, [], ())


def test_an_index_that_does_not_exist_is_refused(engine: SearchEngine, ranker: Ranker) -> None:
    with pytest.raises(EngineError):
        Searcher(engine, "nowhere", HashingEncoder(), ranker).search(Ask("shoe"))


def test_a_query_too_long_is_refused(searcher: Searcher) -> None:
    with pytest.raises(QueryError, match="characters"):
        searcher.search(Ask("a" * 1001))


# pages
@pytest.fixture
def crowd(make: Make, serve: Serve) -> list[str]:
    """Sixty shoes, every other one with a vector, in prices that run against the words."""
    made = [
        make(f"s{n:02d}", "shoe " + " ".join(["pad"] * (n % 7)), encoded=n % 2 == 0, price=1000 + 10 * ((n * 37) % 60))
        for n in range(60)
    ]
    serve(*made)
    return [one.id for one in made]


@pytest.mark.parametrize("size", [1, 7, 10, 60])
@pytest.mark.parametrize("window", [10, 25, 200])
def test_pages_follow_without_gap_or_repeat_past_the_window(
    engine: SearchEngine, encoder: HashingEncoder, linear: Linear, crowd: list[str], window: int, size: int
) -> None:
    searcher = Searcher(engine, "products", encoder, Ranker(linear({"price": -1.0})), window=window, neighbours=15)
    found = paged(searcher, "shoe", size)
    assert len(found) == len(set(found)) == 60
    assert sorted(found) == crowd
    assert found == ids(searcher.search(Ask("shoe", 60)))


def test_only_the_window_is_ranked_again(
    engine: SearchEngine, encoder: HashingEncoder, linear: Linear, crowd: list[str]
) -> None:
    prices = {one: 1000 + 10 * ((int(one[1:]) * 37) % 60) for one in crowd}
    ranker = Ranker(linear({"price": -1.0}))
    narrow = ids(Searcher(engine, "products", encoder, ranker, window=20).search(Ask("shoe", 60)))
    wide = ids(Searcher(engine, "products", encoder, ranker, window=60).search(Ask("shoe", 60)))
    assert [prices[one] for one in wide] == sorted(prices.values())
    assert [prices[one] for one in narrow[:20]] == sorted(prices[one] for one in narrow[:20])
    assert [prices[one] for one in narrow[20:]] != sorted(prices[one] for one in narrow[20:])


def test_a_hit_past_the_window_has_no_score_of_the_ranker(
    engine: SearchEngine, encoder: HashingEncoder, linear: Linear, crowd: list[str]
) -> None:
    searcher = Searcher(engine, "products", encoder, Ranker(linear({"price": -1.0})), window=20)
    across = searcher.search(Ask("shoe", 10, 15, explain=True)).hits
    assert [hit.parts["ranker"] is None for hit in across] == [False] * 5 + [True] * 5
    assert ["features" in hit.parts for hit in across] == [True] * 5 + [False] * 5
    assert [hit.score for hit in across[5:]] == [0.0] * 5
    assert [hit.score for hit in searcher.search(Ask("shoe", 5, 30)).hits] == [0.0] * 5


def test_a_page_past_the_end_is_empty(searcher: Searcher) -> None:
    answer = searcher.search(Ask("red shoe", 10, 5))
    assert (answer.hits, answer.total) == ([], 5)
    far = searcher.search(Ask("red shoe", 10, 500))
    assert (far.hits, far.total) == ([], 5)


def test_a_page_of_nothing_still_counts(searcher: Searcher) -> None:
    answer = searcher.search(Ask("red shoe", 0))
    assert (answer.hits, answer.total) == ([], 5)


def test_a_page_too_deep_is_refused(searcher: Searcher) -> None:
    with pytest.raises(QueryError, match="10,?000"):
        searcher.search(Ask("red shoe", 10, 9_995))


# steps that are done without
def test_without_an_encoder_words_alone_find(engine: SearchEngine, ranker: Ranker, shop: Generation) -> None:
    answer = Searcher(engine, "products", None, ranker).search(Ask("red shoe"))
    assert answer.degraded == ("vectors",)
    assert ids(answer)[0] == "red"
    assert set(ids(answer)) == {"red", "blue", "run"}
    assert all(hit.parts["cosine"] == 0.0 and hit.parts["rank"]["vector"] == 0 for hit in answer.hits)


def test_an_encoder_that_fails_is_done_without(
    engine: SearchEngine, ranker: Ranker, shop: Generation, caplog: pytest.LogCaptureFixture
) -> None:
    class Worn(HashingEncoder):
        def encode_query(self, text: str) -> Floats:
            raise ModelError("the session is gone")

    answer = Searcher(engine, "products", Worn(), ranker).search(Ask("red shoe"))
    assert answer.degraded == ("vectors",)
    assert set(ids(answer)) == {"red", "blue", "run"}
    assert "searching without vectors: the session is gone" in caplog.text


def test_without_a_ranker_the_fused_order_stays(
    engine: SearchEngine, encoder: HashingEncoder, shop: Generation
) -> None:
    answer = Searcher(engine, "products", encoder, None).search(Ask("red shoe"))
    assert answer.degraded == ("rerank",)
    assert ids(answer)[0] == "red"
    assert [hit.score for hit in answer.hits] == pytest.approx([hit.parts["fused"] for hit in answer.hits], abs=1e-4)
    assert {hit.parts["ranker"] for hit in answer.hits} == {None}


def test_a_ranker_that_fails_leaves_the_fused_order(
    engine: SearchEngine,
    encoder: HashingEncoder,
    shop: Generation,
    linear: Linear,
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = Searcher(engine, "products", encoder, Ranker(linear({"bm25": float("nan")})))
    answer = broken.search(Ask("red shoe", explain=True))
    assert answer.degraded == ("rerank",)
    assert ids(answer) == ids(Searcher(engine, "products", encoder, None).search(Ask("red shoe")))
    assert "keeping the fused order" in caplog.text
    assert set(answer.hits[0].parts["features"]) == set(NAMES)
    assert "families" not in answer.hits[0].parts


def test_both_can_be_done_without(engine: SearchEngine, shop: Generation) -> None:
    answer = Searcher(engine, "products", None, None).search(Ask("red shoe"))
    assert answer.degraded == ("vectors", "rerank")
    assert ids(answer) == ["red", "run", "blue"]


# order, browsing, filters
def test_sorting_orders_what_the_words_match(searcher: Searcher) -> None:
    answer = searcher.search(Ask("red shoe", sort=Sort("price")))
    assert ids(answer) == ["blue", "red", "run"]
    assert ids(searcher.search(Ask("red shoe", sort=Sort("price", descending=True)))) == ["run", "red", "blue"]
    assert (answer.degraded, answer.total) == ((), 3)
    assert ids(searcher.search(Ask("red shoe", 1, 1, sort=Sort("price")))) == ["red"]


def test_sorting_when_no_word_matches_falls_back_on_meaning(searcher: Searcher) -> None:
    found = ids(searcher.search(Ask("shoelace", sort=Sort("price"))))
    assert found == ["lamp", "blue", "red", "run", "boot"]


def test_browsing_is_by_popularity_and_unknown_last(searcher: Searcher) -> None:
    answer = searcher.search(Ask(""))
    assert ids(answer) == ["blue", "lamp", "red", "boot", "run"]
    assert (answer.total, answer.degraded) == (5, ())
    assert "rerank" not in answer.timings
    assert ids(searcher.search(Ask("  ", 2, 2))) == ["red", "boot"]
    assert ids(searcher.search(Ask("", sort=Sort("price")))) == ["lamp", "blue", "red", "run", "boot"]


def test_browsing_needs_no_encoder_and_no_ranker(engine: SearchEngine, shop: Generation) -> None:
    answer = Searcher(engine, "products", None, None).search(Ask(""))
    assert answer.degraded == ()
    assert ids(answer)[0] == "blue"


def test_browsing_pages_without_gap_or_repeat(
    engine: SearchEngine, encoder: HashingEncoder, ranker: Ranker, crowd: list[str]
) -> None:
    assert paged(Searcher(engine, "products", encoder, ranker, window=10), "", 7) == crowd


def test_filters_keep_what_they_name(searcher: Searcher) -> None:
    bolt = searcher.search(Ask("red shoe", filters=(Term("brand", ("Bolt",)),)))
    assert sorted(ids(bolt)) == ["blue", "run"]
    assert bolt.facets["brand"] == [("Bolt", 2)]
    priced = searcher.search(Ask("", filters=(Range("price", 4000, 7000, open_high=True), InStock())))
    assert ids(priced) == ["blue", "red"]
    both = searcher.search(Ask("red shoe", filters=(Term("category", ("Footwear",)), Term("brand", ("Acme",)))))
    assert sorted(ids(both)) == ["boot", "red"]
    assert searcher.search(Ask("red shoe", filters=(Term("brand", ("Nobody",)),))).hits == []


def test_unknown_fields_are_refused(searcher: Searcher) -> None:
    for ask in (
        Ask("shoe", filters=(Term("colour", ("red",)),)),
        Ask("shoe", sort=Sort("colour")),
        Ask("shoe", facets=("colour",)),
    ):
        with pytest.raises(QueryError, match="colour"):
            searcher.search(ask)


def test_facets_are_those_that_were_asked_for(searcher: Searcher) -> None:
    assert set(searcher.search(Ask("shoe")).facets) == {"brand", "category"}
    assert set(searcher.search(Ask("shoe", facets=("language",))).facets) == {"language"}
    found = searcher.search(Ask("", facets=("category",))).facets["category"]
    assert found == [("Footwear", 4), ("Footwear > Women", 1), ("Home", 1)]


# what the index was encoded with
def test_an_index_of_another_encoder_is_refused(
    engine: SearchEngine, encoder: HashingEncoder, ranker: Ranker, make: Make, serve: Serve
) -> None:
    serve(make("a", "red shoe"), fingerprint="other")
    with pytest.raises(FingerprintMismatch, match="encoded by hashing .other.") as caught:
        Searcher(engine, "products", encoder, ranker).search(Ask("shoe"))
    assert "etalage index" in caught.value.remedy
    # Words need no vectors.
    assert ids(Searcher(engine, "products", None, ranker).search(Ask("shoe"))) == ["a"]


def test_a_new_generation_of_another_encoder_is_noticed(searcher: Searcher, make: Make, serve: Serve) -> None:
    assert searcher.search(Ask("shoe")).hits
    serve(make("a", "red shoe"), fingerprint="other")
    with pytest.raises(FingerprintMismatch):
        searcher.search(Ask("shoe"))


def test_a_new_generation_answers_at_once(searcher: Searcher, make: Make, serve: Serve) -> None:
    assert "new" not in ids(searcher.search(Ask("shoe")))
    generation = serve(make("new", "green shoe"))
    answer = searcher.search(Ask("shoe"))
    assert (ids(answer), answer.generation) == (["new"], generation.name)


# image queries
@pytest.fixture
def pictures(make: Make, serve: Serve) -> Generation:
    return serve(
        make("a", "red shoe", image=(1.0, 0.0)),
        make("b", "blue shoe", image=(0.6, 0.8)),
        make("c", "green shoe", image=(0.0, 1.0)),
        make("d", "shoe without picture"),
        dim_image=2,
    )


def test_an_image_finds_those_alike(
    engine: SearchEngine, encoder: HashingEncoder, ranker: Ranker, pictures: Generation
) -> None:
    searcher = Searcher(engine, "products", encoder, ranker)
    # The length of the vector does not matter.
    answer = searcher.search(Ask("", image=(0.0, 5.0)))
    assert ids(answer) == ["c", "b", "a"]
    assert (answer.degraded, answer.total) == ((), 3)
    assert [hit.parts["cosine"] for hit in answer.hits] == pytest.approx([1.0, 0.8, 0.0], abs=0.01)
    assert [hit.parts["ranker"] for hit in answer.hits] == [None] * 3


def test_an_image_and_words_count_both(
    engine: SearchEngine, encoder: HashingEncoder, ranker: Ranker, pictures: Generation
) -> None:
    answer = Searcher(engine, "products", encoder, ranker).search(Ask("red", image=(0.6, 0.8)))
    assert set(ids(answer)) == {"a", "b", "c"}
    assert ids(answer)[0] == "a"
    by_id = {hit.id: hit.parts for hit in answer.hits}
    assert by_id["b"]["cosine"] == pytest.approx(1.0, abs=0.01)
    assert by_id["a"]["bm25"] > 0 == by_id["b"]["bm25"]


@pytest.mark.parametrize("image", [(0.0, 0.0), (float("nan"), 1.0), (float("inf"), 1.0)])
def test_an_image_vector_without_direction_is_refused(searcher: Searcher, image: tuple[float, ...]) -> None:
    with pytest.raises(QueryError, match="image vector"):
        searcher.search(Ask("", image=image))


# threads
def test_threads_get_the_same_answers(searcher: Searcher) -> None:
    queries = ["red shoe", "desk lamp", "", "boot", "blue"] * 4
    alone = [ids(searcher.search(Ask(query))) for query in queries]
    together: dict[int, list[str]] = {}

    def ask(number: int, query: str) -> None:
        together[number] = ids(searcher.search(Ask(query)))

    threads = [threading.Thread(target=ask, args=one) for one in enumerate(queries)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[number] for number in range(len(queries))] == alone


def test_by_score_breaks_ties_by_id() -> None:
    assert by_score(np.array([0.5, 0.9, 0.5], np.float32), ["b", "c", "a"]) == [1, 2, 0]


# products that are named by number
@pytest.mark.parametrize(
    ("query", "first"), [("AB-1234", {"x", "ab1234"}), ("ab1234", {"x", "ab1234"}), ("5055146557340", {"x"})]
)
def test_a_product_named_by_its_id_or_number_comes_first(
    engine: SearchEngine, encoder: HashingEncoder, make: Make, serve: Serve, linear: Linear, query: str, first: set[str]
) -> None:
    others = [make(f"p{n}", f"cover for ab 1234 and 5055146557340 number {n}", price=n) for n in range(9)]
    serve(
        *others,
        make("ab1234", "lamp", price=1000),
        make("x", "chair", price=1000, attributes={"ean": ["5055146557340"], "mpn": ["AB-1234"]}),
    )
    # The ranker would have the cheapest first.
    answer = Searcher(engine, "products", encoder, Ranker(linear({"price": -1.0}))).search(Ask(query))
    named = answer.hits[: len(first)]
    assert {hit.id for hit in named} == first
    assert all(hit.score > 1 for hit in named)


def test_an_id_is_found_though_no_word_and_no_vector_brings_it(engine: SearchEngine, make: Make, serve: Serve) -> None:
    serve(make("777888", "lamp"), make("b", "777 lamps"))
    assert ids(Searcher(engine, "products", None, None).search(Ask("777888")))[:1] == ["777888"]
