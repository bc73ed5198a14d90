"""Which clauses of the query language pass, and what they may cost."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, Final

from opensearch.dsl.limits import Limits, mapping, refusal, several

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


class Clauses(ABC):
    """One walk over the queries of one body."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._count = 0

    @abstractmethod
    def inner_hits(self, given: Any, path: str) -> None:
        """Look at hits inside of hits, which are small bodies. Raises QueryError."""

    def optional(self, holder: Mapping[str, Any], name: str, path: str) -> None:
        """Look at the query that `holder` has as `name`, if it has one. Raises QueryError."""
        if holder.get(name) is not None:
            self.query(holder[name], path)

    def query(self, clause: Any, path: str) -> None:
        """Look at a query. Raises QueryError for a clause that does not pass, anywhere in it."""
        self._count += 1
        if self._count > self.limits.clauses:
            raise refusal(f"there are more than {self.limits.clauses} clauses", path)
        given = mapping(clause, path)
        if len(given) != 1:
            raise refusal("a query clause has exactly one name", path, list(given)[:5], "Combine clauses with bool.")
        name, inner = next(iter(given.items()))
        here = f"{path}.{name}"
        if name in COMPOUND:
            self._compound(name, mapping(inner, here), here)
        elif name in LEAVES:
            self._leaf(name, mapping(inner, here), here)
        else:
            raise refusal(f"the clause [{name}] is not known or does not pass", here)

    def _compound(self, name: str, inner: Mapping[str, Any], path: str) -> None:
        for option in inner:
            if option not in COMPOUND[name] and option not in _OPTIONS[name]:
                raise refusal(f"[{name}] has no [{option}], or it does not pass", f"{path}.{option}")
        for part in COMPOUND[name]:
            if part not in inner:
                continue
            for at, one in enumerate(several(inner[part])):
                self.query(one, f"{path}.{part}[{at}]" if isinstance(inner[part], list) else f"{path}.{part}")
        if name == "function_score":
            for at, function in enumerate(several(inner.get("functions", []))):
                self.optional(mapping(function, f"{path}.functions[{at}]"), "filter", f"{path}.functions[{at}]")
        if "inner_hits" in inner:
            self.inner_hits(inner["inner_hits"], f"{path}.inner_hits")

    def _leaf(self, name: str, inner: Mapping[str, Any], path: str) -> None:
        if name == "regexp" and not self.limits.regexp:
            raise refusal(
                "[regexp] is off, its cost cannot be foreseen", path, remedy="Use prefix, or turn it on by setting."
            )
        if name in ("term", "terms", "wildcard") and "" in _values(inner.get("_index")):
            # A node says to it that all its shards failed, as one does that is away.
            raise refusal("an index without a name is refused", f"{path}._index", remedy="Name one.")
        if name in ("wildcard", "query_string"):
            self._pattern(name, inner, path)
        if name in ("knn", "neural", "neural_sparse"):
            for at, (field, options) in enumerate(inner.items()):
                if isinstance(options, Mapping):
                    self.optional(options, "filter", f"{path}.{field}.filter")
                if at > 4:
                    raise refusal("a vector clause names one field", path)
        if name in ("terms", "ids", "more_like_this", "terms_set"):
            self._listed(name, inner, path)
        if name == "intervals":
            self._intervals(inner, path)
        for part in _SPANS.get(name, ()):
            for at, one in enumerate(several(inner.get(part, []))):
                self.query(one, f"{path}.{part}[{at}]")

    def _pattern(self, name: str, inner: Mapping[str, Any], path: str) -> None:
        texts = list(_strings(inner.get("query", "") if name == "query_string" else inner))
        for text in texts:
            if name == "query_string" and not self.limits.regexp and len(_SLASH.findall(text)) > 1:
                raise refusal(
                    "a regular expression in the text is refused", path, text, "Write \\/ for a slash of the text."
                )
            first = text.startswith(("*", "?")) if name == "wildcard" else _FIRST_WILDCARD.search(text)
            if first and not self.limits.leading_wildcard:
                raise refusal("a wildcard comes first, which reads every term", path, text, "Begin with a letter.")

    def _intervals(self, inner: Mapping[str, Any], path: str) -> None:
        """The patterns in an intervals clause, which nests rules in rules."""
        waiting: list[tuple[Any, str]] = [(inner, path)]
        while waiting:
            value, here = waiting.pop()
            if isinstance(value, list):
                waiting += [(one, f"{here}[{at}]") for at, one in enumerate(value)]
            elif isinstance(value, Mapping):
                if "regexp" in value and not self.limits.regexp:
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
            if isinstance(listed, list) and len(listed) > self.limits.values:
                raise refusal(f"there are more than {self.limits.values} values", f"{path}.{field}")
            if name == "more_like_this":
                for one in several(values):
                    if isinstance(one, Mapping) and "_index" in one:
                        raise refusal("a document of another index is refused", f"{path}.{field}")


def _values(given: Any) -> list[Any]:
    """The values of a field in a leaf clause, whichever way they are written."""
    return list(given.values()) if isinstance(given, Mapping) else given if isinstance(given, list) else [given]


def _strings(value: Any) -> Iterator[str]:
    """Every text in a clause that may be a pattern."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if name not in ("boost", "rewrite", "_name", "case_insensitive"):
                yield from _strings(inner)
