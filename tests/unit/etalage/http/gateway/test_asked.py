"""How a request is read: body and URL, options, and each refusal with its path."""

from __future__ import annotations

import time
from typing import Any

import pytest

from etalage.core.errors import QueryError
from etalage.http.gateway import asked
from etalage.http.gateway.asked import Asked, Options
from opensearch.dsl.guard import Limits


def read(body: Any = None, index: str = "products", most: float = 10.0, **params: str) -> Asked:
    return asked.read(index, body, params, Limits(), most)


def refused(told: str, body: Any = None, index: str = "products", **params: str) -> None:
    with pytest.raises(QueryError) as caught:
        read(body, index, **params)
    assert told in str(caught.value) and caught.value.remedy


def test_a_body_and_the_urls_parameters_become_one() -> None:
    one = read({"size": 5, "query": {"match_all": {}}}, size="7", **{"from": "2"}, preference="x", explain="true")
    assert one.body == {"size": 7, "from": 2, "query": {"match_all": {}}, "explain": True}
    assert one.params == {"preference": "x"} and one.index == "products"
    assert read().body == {} and read({}).body == {}
    given = {"size": None, "query": {"match_all": {}}}
    assert read(given).body == {"query": {"match_all": {}}} and given["size"] is None


@pytest.mark.parametrize(
    ("params", "body"),
    [
        ({"size": "3"}, {"size": 3}),
        ({"min_score": "0.5"}, {"min_score": 0.5}),
        ({"terminate_after": "9"}, {"terminate_after": 9}),
        ({"version": ""}, {"version": True}),
        ({"seq_no_primary_term": "false"}, {"seq_no_primary_term": False}),
        ({"track_scores": "true"}, {"track_scores": True}),
        ({"track_total_hits": "100"}, {"track_total_hits": 100}),
        ({"track_total_hits": "false"}, {"track_total_hits": False}),
        ({"timeout": "1s"}, {"timeout": "1s"}),
        ({"sort": "price:desc,id,_score:up"}, {"sort": [{"price": "desc"}, "id", "_score:up"]}),
        ({"stored_fields": "a,b"}, {"stored_fields": ["a", "b"]}),
        ({"docvalue_fields": "a"}, {"docvalue_fields": ["a"]}),
        ({"q": "red"}, {"query": {"query_string": {"query": "red"}}}),
        (
            {"q": "red", "df": "title", "default_operator": "AND", "lenient": "true", "analyzer": "simple"},
            {
                "query": {
                    "query_string": {
                        "query": "red",
                        "default_field": "title",
                        "default_operator": "AND",
                        "lenient": True,
                        "analyzer": "simple",
                    }
                }
            },
        ),
        ({"_source": "false"}, {"_source": False}),
        ({"_source": "a,b"}, {"_source": {"includes": ["a", "b"]}}),
        ({"_source_excludes": "a"}, {"_source": {"excludes": ["a"]}}),
        ({"format": "json", "pretty": "true", "filter_path": "took"}, {}),
    ],
)
def test_parameters_say_what_a_body_says(params: dict[str, str], body: dict[str, Any]) -> None:
    one = read(None, **params)
    assert one.body == body and one.params == {}


@pytest.mark.parametrize(
    ("params", "wanted"),
    [
        ({}, None),
        ({"_source": "true"}, True),
        ({"_source": ""}, True),
        ({"_source": "false", "_source_includes": "n"}, False),
        ({"_source": "a", "_source_includes": "n"}, {"includes": ["n"]}),
        ({"_source": "", "_source_includes": "n"}, {"includes": ["n"]}),
        ({"_source": "a", "_source_excludes": "b,c"}, {"includes": ["a"], "excludes": ["b", "c"]}),
        ({"_source_includes": ""}, {}),
    ],
)
def test_what_the_url_says_of_the_source(params: dict[str, str], wanted: Any) -> None:
    assert asked.source_of(params) == wanted


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"size": "x"}, "[size] is no number"),
        ({"size": "1" * 5000}, "[size] is no number"),
        ({"terminate_after": "9" * 400}, "[terminate_after] is no number"),
        ({"min_score": "nan"}, "[min_score] is no number"),
        ({"explain": "yes"}, "[explain] is neither true nor false"),
        ({"track_total_hits": "yes"}, "[track_total_hits]"),
        ({"track_total_hits": "--5"}, "[track_total_hits]"),
        ({"unknown": "1"}, "unrecognized or refused parameter: [unknown]"),
        ({"scroll": "1m"}, "[scroll]"),
        ({"error_trace": "true"}, "[error_trace]"),
        ({"source": "{}"}, "a body in the URL is refused"),
        ({"format": "yaml"}, "JSON only"),
        ({"timeout": "1"}, "no time"),
    ],
)
def test_wrong_parameters_are_refused(params: dict[str, str], told: str) -> None:
    refused(told, None, **params)


@pytest.mark.parametrize("body", [[], "x", 5, True])
def test_a_body_is_an_object(body: Any) -> None:
    refused("not a JSON object", body)


def test_numbers_and_flags_may_be_texts() -> None:
    body = {"size": "5", "from": "1", "min_score": "0.5", "explain": "true", "version": "false"}
    told = {"size": 5, "from": 1, "min_score": 0.5, "explain": True, "version": False}
    assert read(body).body == told
    assert read({"track_total_hits": "true"}).body == {"track_total_hits": True}
    assert read({"track_total_hits": "50"}).body == {"track_total_hits": 50}


def test_only_an_index_that_is_searched_is_weighed() -> None:
    assert read({"indices_boost": [{"products": 2}]}).body["indices_boost"]
    assert read({"indices_boost": {"b": 2}}, "a,b").body["indices_boost"]
    refused("indices_boost.secret", {"indices_boost": [{"products": 2}, {"secret": 2}]})
    refused("indices_boost.*", {"indices_boost": {"*": 2}})


# time
def test_a_request_gets_the_time_that_it_asks_for_but_no_more_than_the_most() -> None:
    before = time.monotonic()
    one = read({"timeout": "2s"})
    assert (one.seconds, one.chosen) == (2.0, True)
    assert before + 2 <= one.until <= time.monotonic() + 2
    assert read(None, most=3.0).seconds == 3.0 and not read().chosen
    assert read({"timeout": "1h"}, most=3.0).seconds == 3.0
    # An engine that watches the time itself is given a little more, so that its own word gets through.
    assert 0 < read({"timeout": "0"}).left() < 0.2


# options
def test_options_of_ours() -> None:
    assert read().options == Options() and not read({"ext": {}}).options.given
    given = {"rank": "mine", "user": "u-1", "session": "s@1", "explain": True, "collapse": "brand", "query": "red"}
    assert read({"ext": {"etalage": given}}).options == Options(
        "mine", "u-1", "s@1", explain=True, collapse="brand", query="red", given=True
    )
    assert read({"ext": {"etalage": {"language": "de-CH"}}}).options.language == "de-CH"
    assert read({"ext": {"etalage": {"rank": False}}}).options.rank == "off"
    assert read({"ext": {"etalage": {"rank": True, "collapse": True}}}).options.collapse == "variant_group"
    for given, wanted in (("on", True), ("off", False), (True, True), (False, False)):
        assert read({"ext": {"etalage": {"understand": given}}}).options.understand is wanted
    assert "ext" not in read({"ext": {"etalage": {}}}).body


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"nope": 1}, "ext.etalage.nope"),
        ([], "ext.etalage"),
        ({"rank": 5}, "ext.etalage.rank"),
        ({"rank": "a/b"}, "ext.etalage.rank"),
        ({"rank": ".."}, "ext.etalage.rank"),
        ({"user": "x" * 129}, "ext.etalage.user"),
        ({"session": "a b"}, "ext.etalage.session"),
        ({"collapse": ["brand"]}, "ext.etalage.collapse"),
        ({"explain": "yes"}, "ext.etalage.explain"),
        ({"query": 5}, "ext.etalage.query"),
        ({"understand": "maybe"}, "ext.etalage.understand"),
        ({"understand": 1}, "ext.etalage.understand"),
    ],
)
def test_wrong_options_are_refused_with_their_path(options: Any, path: str) -> None:
    refused(f"[{path}]", {"ext": {"etalage": options}})


def test_ubi() -> None:
    given = {"query_id": "q1", "user_query": "red", "client_id": "c", "application": "a", "object_id_field": "id"}
    one = read({"ext": {"ubi": given | {"query_attributes": {"page": 1}}}}).ubi
    assert one is not None and (one.query_id, one.client_id, one.query_attributes) == ("q1", "c", {"page": 1})
    made = read({"ext": {"ubi": {}}}).ubi
    assert made is not None and len(made.query_id) == 36
    assert read().ubi is None


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"nope": 1}, "ext.ubi.nope"),
        ("q1", "ext.ubi"),
        ({"query_id": 5}, "ext.ubi.query_id"),
        ({"user_query": "x" * 2001}, "ext.ubi.user_query"),
        ({"query_attributes": [1]}, "ext.ubi.query_attributes"),
        ({"query_attributes": {"a": "x" * 9000}}, "ext.ubi.query_attributes"),
    ],
)
def test_wrong_ubi_is_refused_with_its_path(given: Any, path: str) -> None:
    refused(f"[{path}]", {"ext": {"ubi": given}})
