"""Orders, windows and what is shown of a hit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from etalage.core.errors import EngineTimeout, QueryError
from opensearch.embedded import EmbeddedEngine

Ask = Callable[..., dict[str, Any]]
Ids = Callable[..., str]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("price", "cehabdfg"),
        (["price"], "cehabdfg"),
        ({"price": "desc"}, "fdbahecg"),
        ([{"price": {"order": "desc", "missing": "_first"}}], "gfdbahec"),
        ([{"price": {"missing": 3000}}], "ceghabdf"),
        ([{"brand": "asc"}, {"price": "desc"}], "bahdcefg"),
        ([{"brand": {"order": "desc"}}], "ecdabhfg"),
        ([{"brand": {"missing": "Bz"}}], "abhcdfge"),
        ([{"brand": {"missing": "_first"}}], "fgabhcde"),
        ([{"category": "asc"}], "defhabcg"),
        ([{"category": {"order": "asc", "mode": "max"}}], "ehdgcfab"),
        ([{"category": {"order": "desc", "mode": "min"}}], "abcgefhd"),
        ([{"created_at": "desc"}], "hdcbaefg"),
        ([{"created_at": {"missing": "_first"}}], "efgabcdh"),
        ([{"id": "desc"}], "hgfedcba"),
        (["_doc"], "abcdefgh"),
        ([{"title.keyword": "asc"}], "bdhcagef"),
        ([{"nope": {"unmapped_type": "long"}}, {"_id": "desc"}], "hgfedcba"),
        ([{"attributes.color": "asc"}], "ebacdfgh"),
    ],
)
def test_orders(ids: Ids, sort: Any, expected: str) -> None:
    assert ids(sort=sort) == expected


def test_the_values_of_an_order_are_shown(ask: Ask) -> None:
    keys = [{"price": "desc"}, {"created_at": "asc"}, {"brand": "asc"}, "_score", {"nope": {"unmapped_type": "double"}}]
    hits = {hit["_id"]: hit for hit in ask(sort=keys)["hits"]["hits"]}
    assert hits["a"]["sort"] == [5000.0, 1705312800000, "Acme", 1.0, "Infinity"] and hits["a"]["_score"] == 1
    assert hits["g"]["sort"] == ["-Infinity", 2**63 - 1, None, 1.0, "Infinity"]
    plain = ask({"match": {"title": "red"}}, sort=["price"])["hits"]
    assert plain["max_score"] is None and plain["hits"][0]["_score"] is None
    tracked = ask({"match": {"title": "red"}}, sort=["price"], track_scores=True)["hits"]
    assert tracked["max_score"] == tracked["hits"][0]["_score"] > 0
    assert "sort" not in ask({"match": {"title": "red"}}, sort=["_score"])["hits"]["hits"][0]


@pytest.mark.parametrize(
    "sort", [["price", "id"], [{"brand": "desc"}, "id"], [{"created_at": "desc"}, {"id": "desc"}], ["_score", "id"]]
)
def test_windows_and_search_after_go_through_everything(ask: Ask, ids: Ids, sort: list[Any]) -> None:
    whole, found, after = ids(sort=sort), "", None
    assert "".join(ids(sort=sort, **{"from": start, "size": 3}) for start in range(0, 9, 3)) == whole
    while True:
        hits = ask(sort=sort, size=3, **({"search_after": after} if after else {}))["hits"]["hits"]
        if not hits:
            break
        found, after = found + "".join(hit["_id"] for hit in hits), hits[-1]["sort"]
    assert found == whole


def test_totals(ask: Ask) -> None:
    assert ask()["hits"]["total"] == {"value": 8, "relation": "eq"}
    assert ask(track_total_hits=3)["hits"]["total"] == {"value": 3, "relation": "gte"}
    assert ask(track_total_hits=8)["hits"]["total"] == {"value": 8, "relation": "eq"}
    assert "total" not in ask(track_total_hits=False)["hits"]
    assert ask(size=0)["hits"] == {"total": {"value": 8, "relation": "eq"}, "max_score": None, "hits": []}
    whole = ask({"term": {"brand": "Bolt"}})
    assert {name: whole[name] for name in ("timed_out", "_shards")} == {
        "timed_out": False,
        "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
    }
    assert isinstance(whole["took"], int)


@pytest.mark.parametrize(
    ("source", "names"),
    [
        (True, None),
        (False, set()),
        ("title", {"title"}),
        (["title", "pri*"], {"title", "price"}),
        ({"includes": ["attributes.col*"]}, {"attributes"}),
        ({"excludes": ["*"]}, set()),
        (
            {
                "includes": ["*e*"],
                "excludes": ["title", "created*", "desc*", "attributes*", "reviews", "variant_group"],
            },
            {"price", "category", "category_path"},
        ),
    ],
)
def test_sources(ask: Ask, source: Any, names: set[str] | None) -> None:
    hit = ask({"ids": {"values": ["a"]}}, _source=source)["hits"]["hits"][0]
    if names is None:
        assert hit["_source"]["category_path"] == ["Goods", "Goods > Shoes"] and hit["_source"]["price"] == 5000
        assert not {"content", "encoded", "record", "vec_text"} & set(hit["_source"])
    else:
        assert set(hit.get("_source", {})) == names


def test_fields_of_hits(ask: Ask) -> None:
    def shown(**more: Any) -> dict[str, Any]:
        hit: dict[str, Any] = ask({"ids": {"values": ["e"]}}, **more)["hits"]["hits"][0]
        return hit

    assert shown(docvalue_fields=["price", "category", "attrs", "brand", "created_at"], _source=False)["fields"] == {
        "price": [2500.0],
        "category": ["Electronics"],
        "brand": ["Café Noir"],
        "attrs": ["color=black", "color=dark grey", "mpn=MX-500"],
    }
    assert shown(fields=["title", "attributes.color", "pri*"])["fields"] == {
        "title": ["Wireless mouse MX-500"],
        "attributes.color": ["black", "dark grey"],
        "price": [2500.0],
    }
    assert set(shown(stored_fields="_none_")) == {"_index", "_score"} and "_source" not in shown(
        stored_fields=["title"]
    )
    assert shown(version=True, seq_no_primary_term=True)["_version"] == 1
    assert shown(explain=True)["_explanation"]["value"] == 1


def test_collapse(ask: Ask, ids: Ids) -> None:
    assert ids(collapse={"field": "brand"}, sort=["price"]) == "cehf"
    assert ids(collapse={"field": "brand"}, sort=["price"], size=2, **{"from": 1}) == "eh"
    inner = {"name": "more", "size": 1, "sort": [{"price": "desc"}], "_source": False}
    hits = ask(collapse={"field": "variant_group", "inner_hits": inner}, sort=["price"])["hits"]
    assert hits["total"]["value"] == 8
    assert [(hit["_id"], hit.get("fields")) for hit in hits["hits"]] == [("c", None), ("a", {"variant_group": ["g1"]})]
    inside = hits["hits"][1]["inner_hits"]["more"]["hits"]
    assert inside["total"]["value"] == 2 and [hit["_id"] for hit in inside["hits"]] == ["b"]


def test_spellings_and_beginnings(ask: Ask) -> None:
    found = ask(suggest={"text": "lmap redd", "s": {"term": {"field": "title", "min_word_length": 3}}})
    assert found["hits"]["total"]["value"] == 0
    assert found["suggest"]["s"] == [
        {"text": "lmap", "offset": 0, "length": 4, "options": [{"text": "lamp", "score": 0.75, "freq": 1}]},
        {
            "text": "redd",
            "offset": 5,
            "length": 4,
            "options": [{"text": "red", "score": pytest.approx(2 / 3), "freq": 3}],
        },
    ]
    titles = ask(suggest={"c": {"prefix": "RED ", "completion": {"field": "title", "size": 2}}})["suggest"]["c"]
    assert [one["text"] for one in titles[0]["options"]] == ["Red desk lamp", "Red shoe rack"]
    assert titles[0]["options"][0]["_id"] == "c" and titles[0]["length"] == 4


def test_highlights(ask: Ask) -> None:
    def shown(query: Any, **more: Any) -> list[Any]:
        return [hit.get("highlight") for hit in ask(query, highlight=more, sort=["id"])["hits"]["hits"]]

    red = {"match": {"title": "red shoes"}}
    assert shown(red, fields={"title": {}})[:2] == [
        {"title": ["<em>Red</em> running <em>shoes</em>"]},
        {"title": ["Blue running <em>shoes</em>"]},
    ]
    assert shown(red, fields={"description": {}})[0] is None
    loose = shown(red, fields={"description": {"pre_tags": ["["], "post_tags": ["]"]}}, require_field_match=False)
    assert loose[0] == {"description": ["A [shoe] to run in. It is [red]."]}
    assert shown({"match": {"title": "蓝牙耳"}}, fields={"*": {}}) == [{"title": ["<em>蓝牙耳</em>机 无线"]}]
    phrase = {"match_phrase": {"description": "red lamp"}}
    assert shown(phrase, fields={"description": {"number_of_fragments": 0}}) == [
        {"description": ["A lamp for the desk. The <em>red</em> <em>lamp</em> shines."]}
    ]
    small = shown(
        {"match": {"description": "lamp"}}, fields={"description": {"fragment_size": 10, "number_of_fragments": 1}}
    )
    assert small == [{"description": ["A <em>lamp</em> for"]}]
    assert shown({"term": {"brand": "Bolt"}}, fields={"brand": {}, "title": {"no_match_size": 4}})[0] == {
        "brand": ["<em>Bolt</em>"],
        "title": ["Red desk"],
    }
    own = {"title": {"highlight_query": {"prefix": {"title": "de"}}}}
    assert shown({"ids": {"values": ["c"]}}, fields=own) == [{"title": ["Red <em>desk</em> lamp"]}]
    assert shown({"match": {"title": "chair"}}, fields=[{"title": {}}], encoder="html", tags_schema="styled") == [
        {"title": ['Green <em class="hlt1">chair</em>']}
    ]


def test_url_parameters(engine: EmbeddedEngine) -> None:
    def ids(**params: str) -> str:
        found = engine.search("shop", {}, params={name.removesuffix("_"): value for name, value in params.items()})
        return "".join(hit["_id"] for hit in found["hits"]["hits"])

    assert ids(sort="price:desc,id", size="2", from_="1") == "db" and ids(q="brand:Bolt") == "cd"
    assert ids(q="red shoe", df="title", default_operator="AND") == "ag" and ids(preference="x") == "abcdefgh"
    one = engine.search("shop", {"size": 1}, params={"_source_includes": "title", "track_total_hits": "false"})["hits"]
    assert set(one["hits"][0]["_source"]) == {"title"} and "total" not in one
    named = {"query": {"match": {"title": {"query": "chair", "_name": "n"}}}}
    scored = engine.search("shop", named, params={"include_named_queries_score": "true"})["hits"]["hits"][0]
    assert scored["matched_queries"] == {"n": scored["_score"]}
    with pytest.raises(QueryError, match="URL parameter"):
        ids(scroll="1m")


def test_counts_and_documents(engine: EmbeddedEngine) -> None:
    assert engine.tally("shop", {}) == 8 and engine.tally("shop", {"query": {"match": {"title": "red"}}}) == 3
    found = engine.document("shop", "c")
    assert (
        found is not None
        and found["_source"]["title"] == "Red desk lamp"
        and found["_source"]["attrs"] == ["color=red"]
    )
    assert {name: found[name] for name in ("_index", "_id", "_version", "_seq_no", "_primary_term", "found")} == {
        "_index": "shop-000001",
        "_id": "c",
        "_version": 1,
        "_seq_no": 0,
        "_primary_term": 1,
        "found": True,
    }
    assert engine.document("shop", "zz") is None and engine.document("shop", "\ud800") is None


def test_a_search_that_takes_too_long_is_given_up(engine: EmbeddedEngine) -> None:
    with pytest.raises(EngineTimeout, match="longer than it may"):
        engine.search("shop", {"query": {"match": {"title": "red"}}}, timeout=0)
    with pytest.raises(EngineTimeout):
        engine.tally("shop", {"query": {"match": {"title": "red"}}}, timeout=0)
