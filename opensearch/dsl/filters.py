"""Filters as clauses of OpenSearch's query language."""

from __future__ import annotations

from typing import Any

from opensearch import fields, lacking
from opensearch.engine import Filter, InStock, Lacks, Not, Range, Term


def clause(one: Filter) -> dict[str, Any]:
    """The clause that keeps the same products."""
    if isinstance(one, Term):
        return {"terms": {fields.EXACT[one.name]: list(one.values)}}
    if isinstance(one, Range):
        bounds: dict[str, float] = {}
        if one.low is not None:
            bounds["gt" if one.open_low else "gte"] = one.low
        if one.high is not None:
            bounds["lt" if one.open_high else "lte"] = one.high
        return {"range": {one.name: bounds}} if bounds else {"exists": {"field": one.name}}
    if isinstance(one, InStock):
        unknown = {"bool": {"must_not": [{"exists": {"field": "stock"}}]}}
        return {"bool": {"should": [{"range": {"stock": {"gt": 0}}}, unknown], "minimum_should_match": 1}}
    if isinstance(one, Lacks):
        return lacking.clause(one.text)
    if isinstance(one, Not):
        return {"bool": {"must_not": [{"bool": {"filter": [clause(inner) for inner in one.filters]}}]}}
    return {"terms": {"id": list(one.ids)}}
