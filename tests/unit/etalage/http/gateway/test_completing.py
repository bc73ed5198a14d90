"""The `completion` suggester of a field that is set aside: what it takes, and what goes on to the engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from autocomplete import shelf
from autocomplete.index import columns
from autocomplete.querylog import Entry

from .....asgi import Answer, Door
from .....recording import RecordingEngine, serving

ENTRIES = [
    Entry("sofa bed", 9.0, "query", "Home > Sofas"),
    Entry("Sofas", 8.0, "category", "Home > Sofas"),
    Entry("sofa table", 7.0, "query", "Home > Tables"),
    Entry("Söderhamn", 6.0, "product", "Home > Sofas", note="p7"),
]
PLAIN = {"field": "suggest"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Door, RecordingEngine]]:
    engine, home = RecordingEngine(), tmp_path_factory.mktemp("completing")
    shelf.write(home / "completions" / "products", columns(ENTRIES), {})
    with serving(engine, home, indexes="products,hats", allow_regexp=True) as door:
        yield door, engine


def suggest(door: Door, suggesters: dict[str, Any], url: str = "/products/_search", **more: Any) -> dict[str, Any]:
    answer = door.ask("POST", url, {"suggest": suggesters} | more)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json()
    return found


def texts(answer: dict[str, Any], name: str = "a") -> list[str]:
    return [one["text"] for one in answer["suggest"][name][0]["options"]]


def told(answer: Answer) -> str:
    assert answer.status == 400, answer.body
    reason: str = answer.json()["error"]["reason"]
    return reason


# ours alone
def test_completions_alone_do_not_reach_the_engine(door: Door, engine: RecordingEngine) -> None:
    found = suggest(door, {"a": {"prefix": "so", "completion": PLAIN | {"size": 2}}}, size=0)
    assert not engine.calls
    assert found.pop("took") >= 0
    assert found == {
        "timed_out": False,
        "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
        "hits": {"total": {"value": 0, "relation": "eq"}, "max_score": None, "hits": []},
        "suggest": {
            "a": [
                {
                    "text": "so",
                    "offset": 0,
                    "length": 2,
                    "options": [
                        {
                            "text": text,
                            "_index": "products",
                            "_id": text,
                            "_score": score,
                            "_source": {"text": text, "type": kind, "category": "Home > Sofas", "match": "typed"},
                        }
                        for text, score, kind in (("sofa bed", 9.0, "query"), ("Sofas", 8.0, "category"))
                    ],
                }
            ]
        },
    }


def test_they_are_answered_while_the_engine_is_away(door: Door, engine: RecordingEngine) -> None:
    engine.fail = AssertionError("it was asked")
    assert texts(suggest(door, {"a": {"prefix": "so", "completion": PLAIN}}))[0] == "sofa bed"
    engine.fail = None


def test_the_text_may_stand_in_three_places(door: Door) -> None:
    forms: list[dict[str, Any]] = [
        {"a": {"prefix": "sofa t", "completion": PLAIN}},
        {"a": {"text": "sofa t", "completion": PLAIN}},
        {"text": "sofa t", "a": {"completion": PLAIN}},
        {"text": "x", "a": {"text": "y", "prefix": "sofa t", "completion": PLAIN}},
    ]
    assert [texts(suggest(door, form)) for form in forms] == [["sofa table"]] * 4


def test_sizes_sources_and_ids(door: Door) -> None:
    assert len(texts(suggest(door, {"a": {"prefix": "s", "completion": PLAIN}}))) == 4
    whole = suggest(door, {"a": {"prefix": "söd", "completion": PLAIN | {"skip_duplicates": True}}}, _source=False)
    assert whole["suggest"]["a"][0]["options"] == [
        {"text": "Söderhamn", "_index": "products", "_id": "p7", "_score": 6.0}
    ]
    some = suggest(door, {"a": {"prefix": "söd", "completion": PLAIN}}, _source=["type"])
    assert some["suggest"]["a"][0]["options"][0]["_source"] == {"type": "product"}
    assert suggest(door, {"a": {"prefix": "🦊x", "completion": PLAIN}})["suggest"]["a"][0]["length"] == 3
    assert texts(suggest(door, {"a": {"prefix": "", "completion": PLAIN}})) == []


def test_typing_errors_are_forgiven_with_fuzzy_and_without(door: Door) -> None:
    for options in ({}, {"fuzzy": True}, {"fuzzy": {"fuzziness": "AUTO", "prefix_length": 1}}):
        assert texts(suggest(door, {"a": {"prefix": "sofq bed", "completion": PLAIN | options}})) == ["sofa bed"]


def test_contexts(door: Door) -> None:
    def within(**contexts: Any) -> dict[str, Any]:
        return suggest(door, {"a": {"prefix": "so", "completion": PLAIN | {"contexts": contexts}}})

    assert texts(within(category="Home > Tables")) == ["sofa table"]
    both = [{"context": "Home > Tables", "boost": 3}, {"context": "Home > Sofas"}]
    found = within(category=both)
    assert texts(found) == ["sofa table", "sofa bed", "Sofas", "Söderhamn"]
    option = found["suggest"]["a"][0]["options"][0]
    assert option["_score"] == 21.0 and option["contexts"] == {"category": ["Home > Tables"], "type": ["query"]}
    assert texts(within(type=["category", "product"])) == ["Sofas", "Söderhamn"]


def test_urls_shape_the_answer(door: Door) -> None:
    suggesters = {"a": {"prefix": "so", "completion": PLAIN}}
    assert list(suggest(door, suggesters, "/products/_search?typed_keys=true")["suggest"]) == ["completion#a"]
    assert suggest(door, suggesters, "/products/_search?rest_total_hits_as_int=true")["hits"]["total"] == 0
    assert set(suggest(door, suggesters, "/products/_search?filter_path=suggest")) == {"suggest"}


# beside others
def test_what_else_is_asked_goes_on(door: Door, engine: RecordingEngine) -> None:
    others = {"b": {"text": "shoo", "term": {"field": "title"}}, "c": {"prefix": "r", "completion": {"field": "title"}}}
    found = suggest(door, {"a": {"prefix": "so", "completion": PLAIN}} | others, size=0)
    (body,) = engine.bodies()
    assert body["suggest"] == others and texts(found)[0] == "sofa bed"


def test_beside_a_query_hits_are_ranked(door: Door, engine: RecordingEngine) -> None:
    found = suggest(door, {"a": {"prefix": "so", "completion": PLAIN}}, query={"match": {"title": "red shoe"}})
    assert [hit["_id"] for hit in found["hits"]["hits"]] == ["p1", "p2"] and found["ext"]["etalage"]["rank"]
    assert texts(found)[0] == "sofa bed"
    assert all("suggest" not in body for body in engine.bodies())


def test_several_of_ours_and_several_searches(door: Door) -> None:
    found = suggest(door, {"a": {"prefix": "sofa b", "completion": PLAIN}, "b": {"text": "sö", "completion": PLAIN}})
    assert (texts(found), texts(found, "b")[-1]) == (["sofa bed"], "Söderhamn")
    line = b'{"suggest": {"a": {"prefix": "sofa b", "completion": {"field": "suggest"}}}}\n'
    lines = b'{"index": "products"}\n' + line
    answers = door.ask("POST", "/_msearch", lines * 2).json()["responses"]
    assert [texts(one) for one in answers] == [["sofa bed"]] * 2


def test_suggesters_are_not_too_many(door: Door) -> None:
    many = {f"a{number}": {"prefix": "so", "completion": PLAIN} for number in range(21)}
    assert "at most 20" in told(door.ask("POST", "/products/_search", {"suggest": many}))
    many.popitem()
    assert len(suggest(door, many)["suggest"]) == 20


def test_other_indexes_and_other_fields_are_the_engines(door: Door, engine: RecordingEngine) -> None:
    suggesters = {"a": {"prefix": "so", "completion": PLAIN}}
    assert "suggest" not in suggest(door, suggesters, "/hats/_search")
    other = {"a": {"prefix": "so", "completion": {"field": "other"}}}
    assert "suggest" not in suggest(door, other)
    assert [body["suggest"] for body in engine.bodies()] == [suggesters, other]


def test_before_completions_were_built_there_are_none(tmp_path_factory: pytest.TempPathFactory) -> None:
    with serving(RecordingEngine(), tmp_path_factory.mktemp("empty")) as door:
        assert texts(suggest(door, {"a": {"prefix": "so", "completion": PLAIN}})) == []


def test_another_field_may_be_set_aside(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("field")
    shelf.write(home / "completions" / "products", columns(ENTRIES), {})
    with serving(RecordingEngine(), home, suggest_field="name.completion") as door:
        found = suggest(door, {"a": {"prefix": "söd", "completion": {"field": "name.completion"}}})
    assert texts(found) == ["Söderhamn"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"regex": "so.*", "completion": PLAIN}, "[suggest.a.regex]"),
        ({"completion": PLAIN}, "[suggest.a]"),
        ({"prefix": 7, "completion": PLAIN}, "[suggest.a]"),
        ({"prefix": "s", "completion": PLAIN, "term": {"field": "title"}}, "[suggest.a.term]"),
        ({"prefix": "s", "completion": PLAIN | {"sise": 3}}, "[suggest.a.completion.sise]"),
        ({"prefix": "s", "completion": PLAIN | {"size": 0}}, "[suggest.a.completion.size]"),
        ({"prefix": "s", "completion": PLAIN | {"size": 101}}, "[suggest.a.completion.size]"),
        ({"prefix": "s", "completion": PLAIN | {"size": "many"}}, "[suggest.a.completion.size]"),
        ({"prefix": "s", "completion": PLAIN | {"contexts": []}}, "[suggest.a.completion.contexts]"),
        ({"prefix": "s", "completion": PLAIN | {"contexts": {"colour": "red"}}}, "contexts.colour]"),
        ({"prefix": "s", "completion": PLAIN | {"contexts": {"category": [7]}}}, "contexts.category]"),
        ({"prefix": "s", "completion": PLAIN | {"contexts": {"category": {"context": "x", "boost": -1}}}}, "category]"),
        ({"prefix": "s", "completion": PLAIN | {"contexts": {"category": [str(n) for n in range(21)]}}}, "at most 20"),
        ({"prefix": "s", "completion": PLAIN | {"contexts": {"type": "pet"}}}, "no such type"),
    ],
)
def test_what_is_not_known_is_refused(door: Door, given: dict[str, Any], words: str) -> None:
    assert words in told(door.ask("POST", "/products/_search", {"suggest": {"a": given}}))
