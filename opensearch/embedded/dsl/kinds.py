"""Every aggregation that this engine knows, by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from opensearch.embedded.dsl import aggregations, buckets, fetch, histograms
from opensearch.embedded.dsl.aggregations import Read

_NUMBERS: Final = ("min", "max", "avg", "sum", "stats", "extended_stats", "percentiles")

AGGREGATIONS: Final[Mapping[str, Read]] = {
    "terms": buckets.read_terms,
    "range": buckets.read_ranges(False),
    "date_range": buckets.read_ranges(True),
    "histogram": histograms.histogram,
    "date_histogram": histograms.date_histogram,
    "filter": buckets.read_filter,
    "filters": buckets.read_filters,
    "missing": buckets.read_missing,
    "global": buckets.read_global,
    "top_hits": fetch.top_hits,
    "value_count": aggregations.read_counts("value_count"),
    "cardinality": aggregations.read_counts("cardinality"),
    **{name: aggregations.read_numbers(name) for name in _NUMBERS},
}
