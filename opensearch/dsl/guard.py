"""What may reach an engine: an allow-list of body keys, query clauses and aggregations, and limits on their cost.

Whatever is not named here is refused, on both engines, before anything is sent: scripts in every place where OpenSearch
takes them, requests that name another index from inside a body, and what is known to cost too much.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from etalage.core.errors import QueryError

BODY: Final = frozenset(
    "query from size sort search_after track_total_hits track_scores min_score _source fields docvalue_fields"
    " stored_fields post_filter aggs aggregations highlight collapse suggest explain version seq_no_primary_term timeout"
    " terminate_after indices_boost rescore profile ext search_pipeline stats include_named_queries_score"
    " verbose_pipeline".split()
)
"""Keys of a `_search` body."""

COMPOUND: Final[Mapping[str, tuple[str, ...]]] = {
    "bool": ("must", "should", "filter", "must_not"),
    "constant_score": ("filter",),
    "dis_max": ("queries",),
    "boosting": ("positive", "negative"),
    "function_score": ("query",),
    "hybrid": ("queries", "filter"),
    "nested": ("query",),
    "has_child": ("query",),
    "has_parent": ("query",),
}
"""Clauses that hold others, and where."""

_OPTIONS: Final[Mapping[str, frozenset[str]]] = {
    name: frozenset(f"{options} boost _name".split())
    for name, options in {
        "bool": "minimum_should_match adjust_pure_negative",
        "constant_score": "",
        "dis_max": "tie_breaker",
        "boosting": "negative_boost",
        "function_score": "functions score_mode boost_mode max_boost min_score weight random_score field_value_factor"
        " gauss linear exp",
        "hybrid": "pagination_depth",
        "nested": "path score_mode ignore_unmapped inner_hits",
        "has_child": "type score_mode min_children max_children ignore_unmapped inner_hits",
        "has_parent": "parent_type score ignore_unmapped inner_hits",
    }.items()
}
"""What else a compound clause may have. OpenSearch reads more, such as `mustNot`, and clauses in it would pass unseen."""

LEAVES: Final = frozenset(
    "match match_phrase match_phrase_prefix match_bool_prefix multi_match combined_fields query_string"
    " simple_query_string term terms terms_set range exists prefix wildcard fuzzy regexp ids match_all match_none knn"
    " neural neural_sparse intervals distance_feature rank_feature more_like_this geo_distance geo_bounding_box"
    " span_term span_near span_first span_or span_not span_multi span_containing span_within common".split()
)

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

# Whatever ends a term of a query string begins the next one, also without a blank: `"a"*b`, `(a)*b`, `a^2*b`.
_FIRST_WILDCARD: Final = re.compile(r"""(?:^|[\s(){}\[\]:+\-!"/~<>=]|[\^~][\d.]+)[*?](?!\s*(?:$|[\s):]))""")
_SLASH: Final = re.compile(r"(?<!\\)(?:\\\\)*/")
"""A slash that is not escaped. A query string takes what lies between two for a regular expression, wherever they stand."""
_SPANS: Final[Mapping[str, tuple[str, ...]]] = {
    "span_near": ("clauses",),
    "span_or": ("clauses",),
    "span_not": ("include", "exclude"),
    "span_first": ("match",),
    "span_multi": ("match",),
    "span_containing": ("little", "big"),
    "span_within": ("little", "big"),
}
_MOST: Final = 2**31 - 1
_DIGITS: Final = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_FLAGS: Final = ("explain", "version", "seq_no_primary_term", "track_scores", "profile")
_MOST_SHOWN: Final = 1000
_REMEDY: Final = "See the documentation of the gateway for what passes."


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may cost.

    Attributes:
        window: deepest hit (`from` + `size`).
        clauses: clauses of all queries together.
        depth: levels of a body.
        buckets: `size` of one aggregation; and how many aggregations (`aggregations`), how deep (`levels`).
        regexp: whether `regexp` passes.
        leading_wildcard: whether a wildcard may come first.
        values: values of one `terms` or `ids` clause.
    """

    window: int = 10_000
    clauses: int = 1024
    depth: int = 50
    buckets: int = 1000
    aggregations: int = 50
    levels: int = 5
    values: int = 10_000
    regexp: bool = False
    leading_wildcard: bool = False


def refusal(reason: str, path: str, value: object = None, remedy: str = _REMEDY) -> QueryError:
    """The error for something at `path` of a body."""
    return QueryError(f"{reason} at [{path}]" if path else reason, value=value, remedy=remedy)


def search(body: Any, limits: Limits) -> None:
    """Raise QueryError unless every part of a `_search` body may pass."""
    _Guard(limits).body(body)


def count(body: Any, limits: Limits) -> None:
    """Raise QueryError unless every part of a `_count` body may pass."""
    _Guard(limits).body(body, frozenset(("query", "ext")))


class _Guard:
    """One walk over one body."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._clauses = self._aggregations = 0

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
        self._optional_query(body, "query", "query")
        self._optional_query(body, "post_filter", "post_filter")
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
        for name in _mapping(body.get("ext", {}), "ext"):
            if name not in ("etalage", "ubi"):
                raise refusal(f"[{name}] is not known or does not pass", f"ext.{name}")

    def _shape(self, body: Mapping[str, Any]) -> None:
        """Depth, and what is refused wherever it stands."""
        waiting: list[tuple[Any, str, int]] = [(body, "", 1)]
        while waiting:
            value, path, level = waiting.pop()
            if level > self._limits.depth:
                raise refusal(f"the body is nested deeper than {self._limits.depth} levels", path[:80])
            if isinstance(value, Mapping):
                for name, inner in value.items():
                    where = f"{path}.{name}" if path else name
                    if name in _ANYWHERE or name.endswith("_script"):
                        raise refusal(
                            f"[{name}] is refused: scripts and references to other requests do not pass", where
                        )
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
        start, size = (self._whole(body.get(name), name, default) for name, default in (("from", 0), ("size", 10)))
        if start + size > self._limits.window:
            raise QueryError(
                f"Result window is too large, from + size must be less than or equal to: [{self._limits.window}]"
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
            self._whole(body.get("track_total_hits"), "track_total_hits", 0)
        self._whole(body.get("terminate_after"), "terminate_after", 0)
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

    @staticmethod
    def _whole(value: Any, path: str, default: int) -> int:
        if value is None:
            return default
        if isinstance(value, str) and _DIGITS.fullmatch(value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST:
            raise refusal("this must be a whole number from 0", path, value, "Correct it.")
        return value

    # queries
    def _optional_query(self, holder: Mapping[str, Any], name: str, path: str) -> None:
        if holder.get(name) is not None:
            self._query(holder[name], path)

    def _query(self, clause: Any, path: str) -> None:
        self._clauses += 1
        if self._clauses > self._limits.clauses:
            raise refusal(f"there are more than {self._limits.clauses} clauses", path)
        given = _mapping(clause, path)
        if len(given) != 1:
            raise refusal("a query clause has exactly one name", path, list(given)[:5], "Combine clauses with bool.")
        name, inner = next(iter(given.items()))
        here = f"{path}.{name}"
        if name in COMPOUND:
            self._compound(name, _mapping(inner, here), here)
        elif name in LEAVES:
            self._leaf(name, _mapping(inner, here), here)
        else:
            raise refusal(f"the clause [{name}] is not known or does not pass", here)

    def _compound(self, name: str, inner: Mapping[str, Any], path: str) -> None:
        for option in inner:
            if option not in COMPOUND[name] and option not in _OPTIONS[name]:
                raise refusal(f"[{name}] has no [{option}], or it does not pass", f"{path}.{option}")
        for part in COMPOUND[name]:
            if part not in inner:
                continue
            for at, one in enumerate(_several(inner[part])):
                self._query(one, f"{path}.{part}[{at}]" if isinstance(inner[part], list) else f"{path}.{part}")
        if name == "function_score":
            for at, function in enumerate(_several(inner.get("functions", []))):
                self._optional_query(_mapping(function, f"{path}.functions[{at}]"), "filter", f"{path}.functions[{at}]")
        if "inner_hits" in inner:
            self._inner_hits(inner["inner_hits"], f"{path}.inner_hits")

    def _leaf(self, name: str, inner: Mapping[str, Any], path: str) -> None:
        if name == "regexp" and not self._limits.regexp:
            raise refusal(
                "[regexp] is off, its cost cannot be foreseen", path, remedy="Use prefix, or turn it on by setting."
            )
        if name in ("wildcard", "query_string"):
            self._pattern(name, inner, path)
        if name in ("knn", "neural", "neural_sparse"):
            for at, (field, options) in enumerate(inner.items()):
                if isinstance(options, Mapping):
                    self._optional_query(options, "filter", f"{path}.{field}.filter")
                if at > 4:
                    raise refusal("a vector clause names one field", path)
        if name in ("terms", "ids", "more_like_this", "terms_set"):
            self._listed(name, inner, path)
        if name == "intervals":
            self._intervals(inner, path)
        for part in _SPANS.get(name, ()):
            for at, one in enumerate(_several(inner.get(part, []))):
                self._query(one, f"{path}.{part}[{at}]")

    def _pattern(self, name: str, inner: Mapping[str, Any], path: str) -> None:
        texts = list(_strings(inner.get("query", "") if name == "query_string" else inner))
        for text in texts:
            if name == "query_string" and not self._limits.regexp and len(_SLASH.findall(text)) > 1:
                raise refusal(
                    "a regular expression in the text is refused", path, text, "Write \\/ for a slash of the text."
                )
            first = text.startswith(("*", "?")) if name == "wildcard" else _FIRST_WILDCARD.search(text)
            if first and not self._limits.leading_wildcard:
                raise refusal("a wildcard comes first, which reads every term", path, text, "Begin with a letter.")

    def _intervals(self, inner: Mapping[str, Any], path: str) -> None:
        """The patterns in an intervals clause, which nests rules in rules."""
        waiting: list[tuple[Any, str]] = [(inner, path)]
        while waiting:
            value, here = waiting.pop()
            if isinstance(value, list):
                waiting += [(one, f"{here}[{at}]") for at, one in enumerate(value)]
            elif isinstance(value, Mapping):
                if "regexp" in value and not self._limits.regexp:
                    raise refusal(
                        "[regexp] is off, its cost cannot be foreseen", f"{here}.regexp", remedy="Use prefix."
                    )
                rule = value.get("wildcard")
                pattern = rule.get("pattern") if isinstance(rule, Mapping) else None
                if isinstance(pattern, str):
                    self._pattern("wildcard", {"pattern": pattern}, f"{here}.wildcard")
                waiting += [(one, f"{here}.{name}") for name, one in value.items()]

    def _listed(self, name: str, inner: Mapping[str, Any], path: str) -> None:
        for field, values in inner.items():
            if isinstance(values, Mapping) and name == "terms":
                raise refusal("values from another document are refused", f"{path}.{field}", remedy="Send the values.")
            listed = values.get("terms") if isinstance(values, Mapping) and name == "terms_set" else values
            if isinstance(listed, list) and len(listed) > self._limits.values:
                raise refusal(f"there are more than {self._limits.values} values", f"{path}.{field}")
            if name == "more_like_this":
                for one in _several(values):
                    if isinstance(one, Mapping) and "_index" in one:
                        raise refusal("a document of another index is refused", f"{path}.{field}")

    # the rest of a body
    def _aggs(self, aggs: Any, path: str, level: int, many: bool = False) -> None:
        """`many` is whether they are collected in each of several buckets."""
        if level > self._limits.levels:
            raise refusal(f"aggregations are nested deeper than {self._limits.levels} levels", path)
        for name, given in _mapping(aggs, path).items():
            self._aggregations += 1
            here = f"{path}.{name}"
            if self._aggregations > self._limits.aggregations:
                raise refusal(f"there are more than {self._limits.aggregations} aggregations", here)
            for kind, inner in _mapping(given, here).items():
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
        given = _mapping(inner, path)
        if kind == "filter":
            self._query(given, path)
        elif kind in ("filters", "adjacency_matrix"):
            filters = given.get("filters", {})
            named = filters.items() if isinstance(filters, Mapping) else enumerate(_several(filters))
            for name, one in named:
                self._query(one, f"{path}.filters.{name}")
        elif kind == "top_hits":
            self._inner_hits(given, path)
        for name in ("size", "shard_size"):
            if self._whole(given.get(name), f"{path}.{name}", 0) > self._limits.buckets:
                raise refusal(
                    f"an aggregation gives at most {self._limits.buckets} buckets",
                    f"{path}.{name}",
                    given[name],
                    "Lower it.",
                )
        for name in ("include", "exclude"):
            if isinstance(given.get(name), str) and not self._limits.regexp:
                raise refusal("a regular expression is refused", f"{path}.{name}", given[name], "List the values.")
        self._optional_query(given, "background_filter", f"{path}.background_filter")

    def _inner_hits(self, given: Any, path: str) -> None:
        for at, one in enumerate(_several(given)):
            inner = _mapping(one, path)
            if self._whole(inner.get("size"), f"{path}[{at}].size", 3) > 100:
                raise refusal("inner hits are at most 100", f"{path}.size", inner["size"], "Lower it.")
            self._sort(inner.get("sort"), f"{path}.sort")
            self._highlight(inner.get("highlight"), f"{path}.highlight")
            self._collapse(inner.get("collapse"), f"{path}.collapse")

    def _collapse(self, given: Any, path: str) -> None:
        if given is not None and "inner_hits" in _mapping(given, path):
            self._inner_hits(given["inner_hits"], f"{path}.inner_hits")

    def _sort(self, given: Any, path: str) -> None:
        for at, one in enumerate(_several(given) if given is not None else []):
            if not isinstance(one, Mapping):
                continue
            for name, how in one.items():
                here = f"{path}[{at}].{name}"
                if isinstance(how, Mapping):
                    self._optional_query(how, "nested_filter", f"{here}.nested_filter")
                nested = how.get("nested") if isinstance(how, Mapping) else None
                while isinstance(nested, Mapping):
                    here += ".nested"
                    self._optional_query(nested, "filter", f"{here}.filter")
                    nested = nested.get("nested")

    def _highlight(self, given: Any, path: str) -> None:
        if given is None:
            return
        whole = _mapping(given, path)
        self._optional_query(whole, "highlight_query", f"{path}.highlight_query")
        fields = whole.get("fields", {})
        for group in _several(fields):
            for name, options in _mapping(group, f"{path}.fields").items():
                if isinstance(options, Mapping):
                    self._optional_query(options, "highlight_query", f"{path}.fields.{name}.highlight_query")

    def _suggest(self, given: Any) -> None:
        for name, one in (_mapping(given, "suggest") if given is not None else {}).items():
            if isinstance(one, Mapping) and "regex" in one and not self._limits.regexp:
                raise refusal("a regular expression is refused", f"suggest.{name}.regex", remedy="Use prefix.")

    def _rescore(self, given: Any) -> None:
        for at, one in enumerate(_several(given) if given is not None else []):
            for name, inner in _mapping(one, f"rescore[{at}]").items():
                if name == "query":
                    self._optional_query(
                        _mapping(inner, f"rescore[{at}].query"), "rescore_query", f"rescore[{at}].query"
                    )
                elif name != "window_size":
                    raise refusal(f"[{name}] is not known or does not pass", f"rescore[{at}].{name}")


def number(value: Any) -> float | None:
    """A finite number, also as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _mapping(value: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise refusal("a JSON object is expected", path, value, "Correct it.")
    return value


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _strings(value: Any) -> Iterator[str]:
    """Every text in a clause that may be a pattern."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if name not in ("boost", "rewrite", "_name", "case_insensitive"):
                yield from _strings(inner)
