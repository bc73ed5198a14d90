"""The two query languages for a search box, and times as text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from etalage.core.errors import QueryError
from opensearch.embedded.dsl import dates

Ids = Callable[..., str]
NOW = 1_700_000_000_000


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("red shoe", "abcg"),
        ("red AND shoe", "ag"),
        ("red && shoe", "ag"),
        ("+red -shoe", "c"),
        ("red NOT shoe", "c"),
        ("NOT red", "bdefh"),
        ('"running shoes"', "ab"),
        ('"red shoes"~1', "ag"),
        ("title:rack", "g"),
        ("brand:Bolt", "cd"),
        ("brand:(Acme OR Bolt)", "abcdh"),
        ('brand:"Café Noir"', "e"),
        ("ru*", "ab"),
        ("title:l?mp", "c"),
        ("lmap~1", "c"),
        ("price:[2000 TO 4000]", "ceh"),
        ("price:{2000 TO 4000]", "eh"),
        ("price:>=8000", "df"),
        ("price:<2500", "c"),
        ("created_at:[2025-01-01 TO *]", "cdh"),
        ("_exists_:rating", "abd"),
        ("*:*", "abcdefgh"),
        ("(red OR blue) AND shoe", "abg"),
        ("attributes.color:red", "ac"),
        ("nope:red", ""),
        ("", ""),
        ("red\\-shoe", "abcg"),
        ("wireless mouse OR chair", "de"),
        ("red^2 lamp", "acg"),
        ("brand:*", "abcdeh"),
        ("蓝牙", "f"),
    ],
)
def test_query_string(matched: Ids, query: str, expected: str) -> None:
    assert matched({"query_string": {"query": query, "fields": ["title"]}}) == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "abcg"),
        ({"default_operator": "AND"}, "ag"),
        ({"minimum_should_match": 2}, "ag"),
        ({"default_operator": "or", "boost": 2}, "abcg"),
    ],
)
def test_options_of_query_string(matched: Ids, options: dict[str, Any], expected: str) -> None:
    assert matched({"query_string": {"query": "red shoe", "default_field": "title", **options}}) == expected


@pytest.mark.parametrize(
    "query", ["red AND", "((red", "red)", '"open', "[1 TO", "title:", "AND red", "a:b:c", "price:abc", "!!! red"]
)
def test_what_query_string_cannot_read(matched: Ids, query: str) -> None:
    with pytest.raises(QueryError):
        matched({"query_string": {"query": query, "fields": ["title"]}})


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("red shoe", "abcg"),
        ("red + shoe", "ag"),
        ("red +shoe", "ag"),
        ("red | lamp", "acg"),
        ("red + -shoe", "c"),
        ("-red", "bdefh"),
        ('"running shoes"', "ab"),
        ('"red shoes"~1', "ag"),
        ("ru*", "ab"),
        ("lmap~1", "c"),
        ("(red | blue) + shoe", "abg"),
        ("", ""),
        ("((", ""),
        ('"open', ""),
        ("red )", "acg"),
        ("mx-500", "e"),
        ("brand:Acme", ""),
        ("- red", "acg"),
        ("*", "abcdefgh"),
    ],
)
def test_simple_query_string(matched: Ids, query: str, expected: str) -> None:
    assert matched({"simple_query_string": {"query": query, "fields": ["title"]}}) == expected


def test_simple_query_string_with_and(matched: Ids) -> None:
    query = {"query": "red shoe", "fields": ["title"], "default_operator": "and"}
    assert matched({"simple_query_string": query}) == "ag"


# times
@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2026", "2026-01-01T00:00:00.000Z", "2026-01-01T23:59:59.999Z"),
        ("2026-02", "2026-02-01T00:00:00.000Z", "2026-02-01T23:59:59.999Z"),
        ("2026-02-03T04", "2026-02-03T04:00:00.000Z", "2026-02-03T04:59:59.999Z"),
        ("2026-02-03T04:05:06.7Z", "2026-02-03T04:05:06.700Z", "2026-02-03T04:05:06.700Z"),
        ("2026-02-03T04:05:06+02:00", "2026-02-03T02:05:06.000Z", "2026-02-03T02:05:06.999Z"),
        ("now", "2023-11-14T22:13:20.000Z", "2023-11-14T22:13:20.000Z"),
        ("now-30d/d", "2023-10-15T00:00:00.000Z", "2023-10-15T23:59:59.999Z"),
        ("now/w", "2023-11-13T00:00:00.000Z", "2023-11-19T23:59:59.999Z"),
        ("now+1M/M", "2023-12-01T00:00:00.000Z", "2023-12-31T23:59:59.999Z"),
        ("2024-01-31||+1M", "2024-02-29T00:00:00.000Z", "2024-02-29T00:00:00.000Z"),
        ("now-1h+30m", "2023-11-14T21:43:20.000Z", "2023-11-14T21:43:20.000Z"),
        (NOW, "2023-11-14T22:13:20.000Z", "2023-11-14T22:13:20.000Z"),
        (str(NOW), "2023-11-14T22:13:20.000Z", "2023-11-14T22:13:20.000Z"),
    ],
)
def test_times(text: object, low: str, high: str) -> None:
    found = [dates.instant(text, NOW, up=up) for up in (False, True)]
    assert [dates.written(one) for one in found if one is not None] == [low, high]


@pytest.mark.parametrize(
    "text", ["", "x", "2026-13", "2026-02-30", "now-", "nowx", "now/x", "now+999999y", None, True, 1e300, "9" * 30]
)
def test_what_is_no_time(text: object) -> None:
    assert dates.instant(text, NOW) is None or text == "now-"
