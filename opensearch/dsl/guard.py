"""What may reach an engine: an allow-list of body keys, query clauses and aggregations, and limits on their cost.

Whatever is not named here is refused, on both engines, before anything is sent: scripts in every place where OpenSearch
takes them, requests that name another index from inside a body, and what is known to cost too much.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from etalage.core.errors import QueryError
from opensearch.dsl.clauses import Clauses
from opensearch.dsl.limits import Limits, mapping, number, refusal, several, whole

__all__ = ["Limits", "count", "number", "refusal", "search"]

BODY: Final = frozenset(
    "query from size sort search_after track_total_hits track_scores min_score _source fields docvalue_fields"
    " stored_fields post_filter aggs aggregations highlight collapse suggest explain version seq_no_primary_term timeout"
    " terminate_after indices_boost rescore profile ext search_pipeline stats include_named_queries_score"
    " verbose_pipeline".split()
)
"""Keys of a `_search` body."""

AGGREGATIONS: Final = frozenset(
    "terms significant_terms significant_text multi_terms rare_terms range date_range ip_range histogram date_histogram"
    " auto_date_histogram variable_width_histogram stats extended_stats min max avg sum value_count cardinality"
    " percentiles percentile_ranks median_absolute_deviation weighted_avg matrix_stats filter filters adjacency_matrix"
    " missing global nested reverse_nested sampler diversified_sampler top_hits composite max_bucket min_bucket avg_bucket"
    " sum_bucket stats_bucket extended_stats_bucket percentiles_bucket cumulative_sum derivative serial_diff bucket_sort"
    " geo_bounds geo_centroid geohash_grid geo_distance".split()
)
_ONE_BUCKET: Final = frozenset("filter global missing nested reverse_nested sampler diversified_sampler".split())
_ANYWHERE: Final = frozenset(
    "script script_fields scripted_metric script_score script_sort _script bucket_script bucket_selector moving_fn"
    " runtime_mappings derived collate pit slice indexed_shape percolate template inline stored wrapper".split()
)
"""Keys that are refused wherever they stand."""

_COUNTS: Final = frozenset(
    "number_of_fragments fragment_size fragment_offset no_match_size phrase_limit boundary_max_scan compression lag ef_search"
    " initial_buffer max_docs_per_value gram_size token_limit max_errors max_inspections max_expansions max_query_terms"
    " shard_size max_concurrent_group_searches".split()
)
"""Numbers that make a node take memory for as many of something, wherever they stand; it checks few of them itself, and is
ended by one request that asks for a billion fragments, or for a digest so fine."""

_FLAGS: Final = ("explain", "version", "seq_no_primary_term", "track_scores", "profile")
_MOST_SHOWN: Final = 1000


def search(body: Any, limits: Limits) -> None:
    """Raise QueryError unless every part of a `_search` body may pass."""
    _Guard(limits).body(body)


def count(body: Any, limits: Limits) -> None:
    """Raise QueryError unless every part of a `_count` body may pass."""
    _Guard(limits).body(body, frozenset(("query", "ext")))


class _Guard(Clauses):
    """One walk over one body."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self._aggregations = 0

    def body(self, body: Any, known: frozenset[str] = BODY) -> None:
        if not isinstance(body, Mapping):
            raise refusal("the body is not a JSON object", "", body, "Send a search as OpenSearch takes it.")
        self._shape(body)
        for name in body:
            if name not in known:
                raise refusal(f"[{name}] is not known or does not pass", name)
        self._window(body)
        self._plain(body)
        self._shown(body)
        self.optional(body, "query", "query")
        self.optional(body, "post_filter", "post_filter")
        for name in ("aggs", "aggregations"):
            if name in body:
                self._aggs(body[name], name, 1)
        self._sort(body.get("sort"), "sort")
        self._highlight(body.get("highlight"), "highlight")
        self._rescore(body.get("rescore"))
        self._collapse(body.get("collapse"), "collapse")
        self._suggest(body.get("suggest"))
        if not isinstance(body.get("search_pipeline", ""), str):
            raise refusal("a pipeline must be named, not sent", "search_pipeline")
        for name in mapping(body.get("ext", {}), "ext"):
            if name not in ("etalage", "ubi"):
                raise refusal(f"[{name}] is not known or does not pass", f"ext.{name}")

    def _shape(self, body: Mapping[str, Any]) -> None:
        """Depth, and what is refused wherever it stands."""
        waiting: list[tuple[Any, str, int]] = [(body, "", 1)]
        while waiting:
            value, path, level = waiting.pop()
            if level > self.limits.depth:
                raise refusal(f"the body is nested deeper than {self.limits.depth} levels", path[:80])
            if isinstance(value, Mapping):
                for name, inner in value.items():
                    where = f"{path}.{name}" if path else name
                    if name in _ANYWHERE or name.endswith("_script"):
                        raise refusal(
                            f"[{name}] is refused: scripts and references to other requests do not pass", where
                        )
                    if name in _COUNTS and (number(inner) or 0) > self.limits.window:
                        raise refusal(f"this is at most {self.limits.window}", where, inner, "Lower it.")
                    if isinstance(inner, dict | list):
                        waiting.append((inner, where, level + 1))
            elif isinstance(value, list):
                # A list may be as long as a body: only what can hold something is looked into.
                waiting += [
                    (inner, f"{path}[{at}]", level + 1)
                    for at, inner in enumerate(value)
                    if isinstance(inner, dict | list)
                ]

    def _window(self, body: Mapping[str, Any]) -> None:
        start, size = (whole(body.get(name), name, default) for name, default in (("from", 0), ("size", 10)))
        if start + size > self.limits.window:
            raise QueryError(
                f"Result window is too large, from + size must be less than or equal to: [{self.limits.window}]"
                f" but was [{start + size}]",
                remedy="Ask for less, or go on with search_after.",
            )

        if start and body.get("search_after") is not None:
            raise refusal("this must be 0 where there is a [search_after]", "from", start, "Leave one of them out.")

    def _plain(self, body: Mapping[str, Any]) -> None:
        """Numbers and flags of the body itself."""
        for name in _FLAGS:
            given = body.get(name)
            if given is not None and not isinstance(given, bool) and given not in ("true", "false"):
                raise refusal("this must be true or false", name, given, "Correct it.")
        if not isinstance(body.get("track_total_hits"), bool) and body.get("track_total_hits") not in ("true", "false"):
            whole(body.get("track_total_hits"), "track_total_hits", 0)
        whole(body.get("terminate_after"), "terminate_after", 0)
        if body.get("min_score") is not None and number(body["min_score"]) is None:
            raise refusal("this must be a number", "min_score", body["min_score"], "Correct it.")

    @staticmethod
    def _shown(body: Mapping[str, Any]) -> None:
        """How many patterns say what is shown; each is held against each field of each hit."""
        source = body.get("_source")
        named = [(f"_source.{part}", given) for part, given in source.items()] if isinstance(source, Mapping) else []
        named += [(part, body.get(part)) for part in ("_source", "fields", "docvalue_fields", "stored_fields")]
        for path, given in named:
            if isinstance(given, list) and len(given) > _MOST_SHOWN:
                raise refusal(f"there are more than {_MOST_SHOWN} patterns", path, remedy="Send fewer.")

    # the rest of a body
    def _aggs(self, aggs: Any, path: str, level: int, many: bool = False) -> None:
        """`many` is whether they are collected in each of several buckets."""
        if level > self.limits.levels:
            raise refusal(f"aggregations are nested deeper than {self.limits.levels} levels", path)
        for name, given in mapping(aggs, path).items():
            self._aggregations += 1
            here = f"{path}.{name}"
            if self._aggregations > self.limits.aggregations:
                raise refusal(f"there are more than {self.limits.aggregations} aggregations", here)
            for kind, inner in mapping(given, here).items():
                if kind in ("aggs", "aggregations"):
                    inside = many or any(
                        one not in _ONE_BUCKET for one in given if one not in ("aggs", "aggregations", "meta")
                    )
                    self._aggs(inner, f"{here}.{kind}", level + 1, inside)
                elif kind == "meta":
                    continue
                elif kind not in AGGREGATIONS:
                    raise refusal(f"the aggregation [{kind}] is not known or does not pass", f"{here}.{kind}")
                else:
                    self._agg(kind, inner, f"{here}.{kind}")
                    if many and kind == "terms" and number(inner.get("min_doc_count")) == 0:
                        raise refusal(
                            "values without documents are not counted in each of several buckets",
                            f"{here}.{kind}.min_doc_count",
                            remedy="Set it to 1.",
                        )

    def _agg(self, kind: str, inner: Any, path: str) -> None:
        given = mapping(inner, path)
        if kind == "filter":
            self.query(given, path)
        elif kind in ("filters", "adjacency_matrix"):
            filters = given.get("filters", {})
            named = filters.items() if isinstance(filters, Mapping) else enumerate(several(filters))
            for name, one in named:
                self.query(one, f"{path}.filters.{name}")
        elif kind == "top_hits":
            self.inner_hits(given, path)
        for name in ("size", "shard_size"):
            if whole(given.get(name), f"{path}.{name}", 0) > self.limits.buckets:
                raise refusal(
                    f"an aggregation gives at most {self.limits.buckets} buckets",
                    f"{path}.{name}",
                    given[name],
                    "Lower it.",
                )
        for name in ("include", "exclude"):
            if isinstance(given.get(name), str) and not self.limits.regexp:
                raise refusal("a regular expression is refused", f"{path}.{name}", given[name], "List the values.")
        self.optional(given, "background_filter", f"{path}.background_filter")

    def inner_hits(self, given: Any, path: str) -> None:
        for at, one in enumerate(several(given)):
            inner = mapping(one, path)
            if whole(inner.get("size"), f"{path}[{at}].size", 3) > 100:
                raise refusal("inner hits are at most 100", f"{path}.size", inner["size"], "Lower it.")
            self._sort(inner.get("sort"), f"{path}.sort")
            self._highlight(inner.get("highlight"), f"{path}.highlight")
            self._collapse(inner.get("collapse"), f"{path}.collapse")

    def _collapse(self, given: Any, path: str) -> None:
        if given is not None and "inner_hits" in mapping(given, path):
            self.inner_hits(given["inner_hits"], f"{path}.inner_hits")

    def _sort(self, given: Any, path: str) -> None:
        for at, one in enumerate(several(given) if given is not None else []):
            if not isinstance(one, Mapping):
                continue
            for name, how in one.items():
                here = f"{path}[{at}].{name}"
                if isinstance(how, Mapping):
                    self.optional(how, "nested_filter", f"{here}.nested_filter")
                nested = how.get("nested") if isinstance(how, Mapping) else None
                while isinstance(nested, Mapping):
                    here += ".nested"
                    self.optional(nested, "filter", f"{here}.filter")
                    nested = nested.get("nested")

    def _highlight(self, given: Any, path: str) -> None:
        if given is None:
            return
        whole = mapping(given, path)
        self.optional(whole, "highlight_query", f"{path}.highlight_query")
        fields = whole.get("fields", {})
        for group in several(fields):
            for name, options in mapping(group, f"{path}.fields").items():
                if isinstance(options, Mapping):
                    self.optional(options, "highlight_query", f"{path}.fields.{name}.highlight_query")

    def _suggest(self, given: Any) -> None:
        for name, one in (mapping(given, "suggest") if given is not None else {}).items():
            if isinstance(one, Mapping) and "regex" in one and not self.limits.regexp:
                raise refusal("a regular expression is refused", f"suggest.{name}.regex", remedy="Use prefix.")
            self._few(one, f"suggest.{name}")

    def _few(self, given: Any, path: str) -> None:
        """A suggester, or a generator of one, gives no more suggestions than an aggregation may give buckets."""
        for name, inner in given.items() if isinstance(given, Mapping) else ():
            here = f"{path}.{name}"
            if name == "size" and (number(inner) or 0) > self.limits.buckets:
                raise refusal(f"suggestions are at most {self.limits.buckets}", here, inner, "Lower it.")
            for at, one in enumerate(several(inner)):
                self._few(one, f"{here}[{at}]" if isinstance(inner, list) else here)

    def _rescore(self, given: Any) -> None:
        for at, one in enumerate(several(given) if given is not None else []):
            for name, inner in mapping(one, f"rescore[{at}]").items():
                if name == "query":
                    self.optional(mapping(inner, f"rescore[{at}].query"), "rescore_query", f"rescore[{at}].query")
                elif name != "window_size":
                    raise refusal(f"[{name}] is not known or does not pass", f"rescore[{at}].{name}")
