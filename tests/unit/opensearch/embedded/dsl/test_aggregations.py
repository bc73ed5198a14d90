"""Aggregations over the small shop, counted by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Ask = Callable[..., dict[str, Any]]
Shown = Callable[..., Any]


@pytest.fixture
def aggregate(ask: Ask) -> Shown:
    """The answer of one aggregation over everything, or over a query."""

    def found(aggregation: dict[str, Any], query: dict[str, Any] | None = None, **more: Any) -> Any:
        return ask(query, size=0, aggs={"x": aggregation}, **more)["aggregations"]["x"]

    return found


def counts(answer: dict[str, Any]) -> list[tuple[Any, int]]:
    return [(one["key"], one["doc_count"]) for one in answer["buckets"]]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, [("Acme", 3), ("Bolt", 2), ("Café Noir", 1)]),
        ({"size": 1}, [("Acme", 3)]),
        ({"order": {"_key": "desc"}}, [("Café Noir", 1), ("Bolt", 2), ("Acme", 3)]),
        ({"order": [{"_count": "asc"}, {"_key": "desc"}]}, [("Café Noir", 1), ("Bolt", 2), ("Acme", 3)]),
        ({"include": ["Bolt", "Nobody"]}, [("Bolt", 2)]),
        ({"exclude": ["Acme"]}, [("Bolt", 2), ("Café Noir", 1)]),
        ({"missing": "none"}, [("Acme", 3), ("Bolt", 2), ("none", 2), ("Café Noir", 1)]),
        ({"missing": "Bolt"}, [("Bolt", 4), ("Acme", 3), ("Café Noir", 1)]),
        ({"min_doc_count": 2}, [("Acme", 3), ("Bolt", 2)]),
    ],
)
def test_terms(aggregate: Shown, parameters: dict[str, Any], expected: list[Any]) -> None:
    assert counts(aggregate({"terms": {"field": "brand", **parameters}})) == expected


def test_terms_of_other_fields(aggregate: Shown) -> None:
    whole = aggregate({"terms": {"field": "category", "size": 2}})
    assert whole == {
        "doc_count_error_upper_bound": 0,
        "sum_other_doc_count": 5,
        "buckets": [{"key": "Goods", "doc_count": 5}, {"key": "Electronics", "doc_count": 3}],
    }
    assert counts(aggregate({"terms": {"field": "attributes.color"}})) == [
        ("red", 2),
        ("black", 1),
        ("blue", 1),
        ("dark grey", 1),
    ]
    assert counts(aggregate({"terms": {"field": "stock", "missing": -1, "size": 2}})) == [(-1.0, 4), (0.0, 1)]
    assert aggregate({"terms": {"field": "created_at", "size": 1}})["buckets"] == [
        {"key": 1705312800000, "key_as_string": "2024-01-15T10:00:00.000Z", "doc_count": 1}
    ]
    assert counts(aggregate({"terms": {"field": "id", "size": 2}})) == [("a", 1), ("b", 1)]
    assert aggregate({"terms": {"field": "nope"}})["buckets"] == []
    assert counts(aggregate({"terms": {"field": "nope", "missing": "x"}})) == [("x", 8)]
    some = aggregate({"terms": {"field": "brand", "min_doc_count": 0}}, {"term": {"brand": "Bolt"}})
    assert counts(some) == [("Bolt", 2), ("Acme", 0), ("Café Noir", 0)]


def test_terms_with_aggregations_inside_and_ordered_by_them(aggregate: Shown) -> None:
    found = aggregate({"terms": {"field": "brand", "order": {"p": "desc"}}, "aggs": {"p": {"avg": {"field": "price"}}}})
    assert [(one["key"], one["p"]["value"]) for one in found["buckets"]] == [
        ("Acme", 5000),
        ("Bolt", 5000),
        ("Café Noir", 2500),
    ]
    found = aggregate(
        {
            "terms": {"field": "brand", "order": {"s.max": "asc"}, "size": 2},
            "aggs": {"s": {"stats": {"field": "price"}}},
        }
    )
    assert [one["key"] for one in found["buckets"]] == ["Café Noir", "Acme"]


def test_metrics(aggregate: Shown) -> None:
    prices = [5000, 6000, 2000, 8000, 2500, 9900, 4000]
    assert aggregate({"stats": {"field": "price"}}) == {
        "count": 7,
        "min": 2000.0,
        "max": 9900.0,
        "avg": pytest.approx(sum(prices) / 7),
        "sum": 37400.0,
    }
    for kind, value in (("min", 2000.0), ("max", 9900.0), ("sum", 37400.0), ("value_count", 7), ("cardinality", 7)):
        assert aggregate({kind: {"field": "price"}}) == {"value": value}
    assert aggregate({"avg": {"field": "price", "missing": 600}}) == {"value": 4750.0}
    assert aggregate({"value_count": {"field": "category"}}) == {"value": 13}
    assert aggregate({"cardinality": {"field": "brand", "missing": "?"}}) == {"value": 4}
    spread = aggregate({"extended_stats": {"field": "rating"}})
    assert spread["variance"] == pytest.approx(0.3888889) and spread["variance_sampling"] == pytest.approx(0.5833333)
    assert spread["std_deviation_bounds"]["upper"] == pytest.approx(3.8333333 + 2 * 0.3888889**0.5)
    assert aggregate({"max": {"field": "created_at"}})["value_as_string"] == "2026-01-01T00:00:00.000Z"
    found = aggregate({"percentiles": {"field": "price", "percents": [0, 50, 100]}})
    assert found == {"values": {"0.0": 2000.0, "50.0": 5000.0, "100.0": 9900.0}}


def test_metrics_of_nothing(aggregate: Shown) -> None:
    empty = {"match_none": {}}
    assert aggregate({"stats": {"field": "price"}}, empty) == {
        "count": 0,
        "min": None,
        "max": None,
        "avg": None,
        "sum": 0.0,
    }
    for kind, value in (("min", None), ("avg", None), ("sum", 0.0), ("value_count", 0), ("cardinality", 0)):
        assert aggregate({kind: {"field": "nope"}}) == {"value": value}
    assert aggregate({"percentiles": {"field": "price", "percents": [50]}}, empty) == {"values": {"50.0": None}}
    assert aggregate({"extended_stats": {"field": "price"}}, empty)["variance"] is None


def test_ranges(aggregate: Shown) -> None:
    ranges = [{"from": 5000}, {"to": 2500, "key": "cheap"}, {"from": 2500, "to": 5000}]
    found = aggregate({"range": {"field": "price", "ranges": ranges}})["buckets"]
    assert found == [
        {"key": "cheap", "to": 2500.0, "doc_count": 1},
        {"key": "2500.0-5000.0", "from": 2500.0, "to": 5000.0, "doc_count": 2},
        {"key": "5000.0-*", "from": 5000.0, "doc_count": 4},
    ]
    keyed = aggregate({"range": {"field": "price", "keyed": True, "ranges": [{"from": 1e7}]}})
    assert keyed == {"buckets": {"1.0E7-*": {"from": 1e7, "doc_count": 0}}}
    times = aggregate({"date_range": {"field": "created_at", "ranges": [{"to": "2025"}]}})["buckets"]
    assert times == [
        {
            "key": "*-2025-01-01T00:00:00.000Z",
            "to": 1735689600000.0,
            "to_as_string": "2025-01-01T00:00:00.000Z",
            "doc_count": 2,
        }
    ]


def test_histograms(aggregate: Shown) -> None:
    def of(**more: Any) -> list[tuple[Any, int]]:
        return counts(aggregate({"histogram": {"field": "price", "interval": 2000, **more}}))

    assert of() == [(2000.0, 2), (4000.0, 2), (6000.0, 1), (8000.0, 2)]
    assert of(offset=500) == [(500.0, 1), (2500.0, 2), (4500.0, 2), (6500.0, 1), (8500.0, 1)]
    assert of(extended_bounds={"min": 0, "max": 11000})[0::5] == [(0.0, 0), (10000.0, 0)]
    assert of(hard_bounds={"min": 4000, "max": 6000}) == [(4000.0, 2), (6000.0, 1)]
    assert of(missing=0)[:2] == [(0.0, 1), (2000.0, 2)]
    assert of(order={"_count": "asc"})[0] == (6000.0, 1)
    assert counts(aggregate({"histogram": {"field": "price", "interval": 7}}, {"terms": {"price": [2000, 2500]}}))[
        1
    ] == (2002.0, 0)


def test_date_histograms(aggregate: Shown) -> None:
    def of(**more: Any) -> list[tuple[str, int]]:
        found = aggregate({"date_histogram": {"field": "created_at", "min_doc_count": 1, **more}})
        return [(one["key_as_string"], one["doc_count"]) for one in found["buckets"]]

    assert of(calendar_interval="year", format="yyyy") == [("2024", 2), ("2025", 2), ("2026", 1)]
    assert of(calendar_interval="1M", format="yyyy-MM")[2:] == [("2025-03", 2), ("2026-01", 1)]
    assert of(calendar_interval="week", format="yyyy-MM-dd")[:2] == [("2024-01-15", 1), ("2024-05-27", 1)]
    assert of(fixed_interval="10d")[2:] == [
        ("2025-03-03T00:00:00.000Z", 1),
        ("2025-03-13T00:00:00.000Z", 1),
        ("2025-12-28T00:00:00.000Z", 1),
    ]
    assert of(calendar_interval="year", time_zone="-01:00")[-1] == ("2025-01-01T00:00:00.000-01:00", 3)
    months = aggregate({"date_histogram": {"field": "created_at", "calendar_interval": "month"}})["buckets"]
    assert len(months) == 25 and sum(one["doc_count"] for one in months) == 5


def test_filters_missing_and_global(aggregate: Shown) -> None:
    acme = {"term": {"brand": "Acme"}}
    assert aggregate({"filter": acme, "aggs": {"p": {"max": {"field": "price"}}}}) == {
        "doc_count": 3,
        "p": {"value": 6000.0},
    }
    named = aggregate({"filters": {"filters": {"x": acme, "y": {"match_all": {}}}, "other_bucket": True}})
    assert named == {"buckets": {"x": {"doc_count": 3}, "y": {"doc_count": 8}, "_other_": {"doc_count": 0}}}
    listed = aggregate({"filters": {"filters": [acme], "other_bucket_key": "rest"}})
    assert listed == {"buckets": [{"doc_count": 3}, {"doc_count": 5}]}
    assert aggregate({"missing": {"field": "brand"}}) == {"doc_count": 2}
    assert aggregate({"global": {}}, acme) == {"doc_count": 8}
    assert aggregate({"terms": {"field": "nope"}, "meta": {"a": 1}})["meta"] == {"a": 1}


def test_top_hits(aggregate: Shown) -> None:
    inside = {"t": {"top_hits": {"size": 1, "sort": [{"price": "desc"}], "_source": ["title"]}}}
    found = aggregate({"terms": {"field": "brand", "size": 1}, "aggs": inside})["buckets"][0]["t"]["hits"]
    assert found == {
        "total": {"value": 3, "relation": "eq"},
        "max_score": None,
        "hits": [
            {
                "_index": "shop-000001",
                "_id": "b",
                "_score": None,
                "_source": {"title": "Blue running shoes"},
                "sort": [6000.0],
            }
        ],
    }


def test_filters_after_the_query_do_not_change_aggregations_but_a_lowest_score_does(aggregate: Shown) -> None:
    red = {"match": {"title": "red"}}
    field = {"terms": {"field": "brand"}}
    assert counts(aggregate(field, red, post_filter={"term": {"brand": "Acme"}})) == [("Acme", 1), ("Bolt", 1)]
    assert counts(aggregate(field, {"match": {"title": "red lamp"}}, min_score=1)) == [("Bolt", 1)]
