"""Names that tell kinds, and times in the form that was asked for."""

from __future__ import annotations

from typing import Any

import pytest

from etalage.core.errors import QueryError
from opensearch.embedded import EmbeddedEngine

BODY: dict[str, Any] = {
    "size": 0,
    "aggs": {
        "brands": {"terms": {"field": "brand"}, "aggs": {"cost": {"avg": {"field": "price"}}}},
        "prices": {"terms": {"field": "price", "size": 1}},
        "days": {"terms": {"field": "created_at", "size": 1}},
        "red": {"filter": {"term": {"attributes.color": "red"}}, "aggs": {"spread": {"percentiles": {"field": "price"}}}},
        "two": {"filters": {"filters": {"all": {"match_all": {}}}}, "aggs": {"none": {"missing": {"field": "brand"}}}},
    },
    "suggest": {"words": {"text": "rde", "term": {"field": "title"}}},
}


def test_typed_keys_name_the_kind_at_every_level(engine: EmbeddedEngine) -> None:
    plain = engine.search("shop", BODY)
    found = engine.search("shop", BODY, params={"typed_keys": "true"})
    named = found["aggregations"]
    assert list(named) == ["sterms#brands", "dterms#prices", "lterms#days", "filter#red", "filters#two"]
    first = named["sterms#brands"]["buckets"][0]
    assert first["avg#cost"] == plain["aggregations"]["brands"]["buckets"][0]["cost"]
    assert "cost" not in first
    assert "tdigest_percentiles#spread" in named["filter#red"]
    assert "missing#none" in named["filters#two"]["buckets"]["all"]
    assert list(found["suggest"]) == ["term#words"]


def test_without_the_parameter_names_stay(engine: EmbeddedEngine) -> None:
    for params in ({}, {"typed_keys": "false"}):
        assert "brands" in engine.search("shop", BODY, params=params)["aggregations"]


@pytest.mark.parametrize("part", ["fields", "docvalue_fields"])
def test_times_are_written_as_asked(engine: EmbeddedEngine, part: str) -> None:
    for form, written in (("yyyy-MM-dd", "2024-01-15"), ("epoch_millis", "1705312800000"), ("dd/MM/yyyy", "15/01/2024")):
        body = {"query": {"ids": {"values": ["a"]}}, part: [{"field": "created_at", "format": form}]}
        assert engine.search("shop", body)["hits"]["hits"][0]["fields"] == {"created_at": [written]}


def test_a_form_that_is_not_known_is_refused(engine: EmbeddedEngine) -> None:
    with pytest.raises(QueryError, match=r"docvalue_fields\[0\]\.format"):
        engine.search("shop", {"docvalue_fields": [{"field": "created_at", "format": "stardate"}]})
