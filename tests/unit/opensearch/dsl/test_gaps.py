"""How many buckets a histogram makes where no document is."""

from __future__ import annotations

from typing import Any

import pytest

from etalage.core.errors import QueryError
from opensearch.dsl import gaps
from opensearch.dsl.gaps import Gaps

DAY = 86_400_000.0


def one(kind: str = "histogram", **given: Any) -> Gaps | None:
    field = {"field": "price"} if kind == "histogram" else {"field": "created_at"}
    return next(gaps.of({"a": {kind: field | given}}), None)


@pytest.mark.parametrize(
    ("kind", "given", "width"),
    [
        ("histogram", {"interval": 10}, 10),
        ("histogram", {"interval": "0.5"}, 0.5),
        ("date_histogram", {"fixed_interval": "90m"}, 90 * 60_000),
        ("date_histogram", {"fixed_interval": "1ms"}, 1),
        ("date_histogram", {"fixed_interval": "2d"}, 2 * DAY),
        ("date_histogram", {"calendar_interval": "day"}, DAY),
        ("date_histogram", {"calendar_interval": "1d"}, DAY),
        ("date_histogram", {"calendar_interval": "minute"}, 60_000),
        ("date_histogram", {"calendar_interval": "1m"}, 60_000),
        ("date_histogram", {"calendar_interval": "month"}, 28 * DAY),
        ("date_histogram", {"calendar_interval": "1M"}, 28 * DAY),
        ("date_histogram", {"calendar_interval": "1q"}, 90 * DAY),
        ("date_histogram", {"interval": "1y"}, 365 * DAY),
    ],
)
def test_how_wide_a_bucket_is(kind: str, given: dict[str, Any], width: float) -> None:
    found = one(kind, **given)
    assert found is not None and found.width == width and found.path == f"aggs.a.{kind}"


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("histogram", {"interval": 10, "min_doc_count": 1}),
        ("histogram", {"interval": 10, "min_doc_count": "2"}),
        ("histogram", {"interval": 0}),
        ("histogram", {"interval": "x"}),
        ("histogram", {}),
        ("histogram", {"interval": 10, "field": 5}),
        ("date_histogram", {"fixed_interval": "1M"}),
        ("date_histogram", {"calendar_interval": "x"}),
        ("date_histogram", {"fixed_interval": "0d"}),
        ("terms", {}),
    ],
)
def test_without_gaps_or_sense_there_is_nothing_to_count(kind: str, given: dict[str, Any]) -> None:
    assert one(kind, **given) is None


def test_they_are_found_however_deep() -> None:
    inner = {
        "b": {"terms": {"field": "brand"}, "aggregations": {"c": {"histogram": {"field": "price", "interval": 1}}}}
    }
    found = list(
        gaps.of({"a": {"filter": {"match_all": {}}, "aggs": inner, "meta": {"histogram": {}}}}, "aggregations")
    )
    assert [gap.path for gap in found] == ["aggregations.a.aggs.b.aggregations.c.histogram"]


@pytest.mark.parametrize(
    ("given", "spread", "many"),
    [
        ({}, None, 0),
        ({}, (0, 100), 11),
        ({"extended_bounds": {"min": 0, "max": 1000}}, None, 101),
        ({"extended_bounds": {"min": 0, "max": 50}}, (20, 100), 11),
        ({"extended_bounds": {"max": 1000}}, (0, 10), 101),
        ({"hard_bounds": {"min": 50, "max": 60}}, (0, 1e12), 2),
        ({"hard_bounds": {"min": 50}}, (0, 100), 6),
        ({"missing": 1000}, (0, 100), 101),
    ],
)
def test_how_many_buckets_there_are(given: dict[str, Any], spread: Any, many: float) -> None:
    found = one(interval=10, **given)
    assert found is not None and found.buckets(spread) == many


def test_too_many_are_refused() -> None:
    narrow = one(interval=0.0001)
    assert narrow is not None
    gaps.refuse(narrow, (0, 6))
    with pytest.raises(QueryError, match=r"buckets, at most 65535 are made at \[aggs.a.histogram\]"):
        gaps.refuse(narrow, (0, 7))
    gaps.refuse(narrow, None)
    times = one("date_histogram", fixed_interval="1s", extended_bounds={"min": "now-1d", "max": "now"})
    assert times is not None
    with pytest.raises(QueryError):
        gaps.refuse(times, None)


@pytest.mark.parametrize("bounds", [{"min": "x"}, {"max": {}}, {"min": "2024-13"}])
def test_a_bound_that_cannot_be_read_is_refused(bounds: dict[str, Any]) -> None:
    with pytest.raises(QueryError, match="extended_bounds.m"):
        one("date_histogram", fixed_interval="1d", extended_bounds=bounds)
