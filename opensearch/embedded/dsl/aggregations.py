"""`aggs`: what an aggregation is, how a tree of them is read, and the metrics."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from opensearch.embedded.columns import NONE
from opensearch.embedded.dsl import body, dates, schema
from opensearch.embedded.dsl.catalog import Catalog, Mask
from opensearch.embedded.dsl.clauses import Clause, Match, Run
from opensearch.embedded.dsl.reader import MAX_DEPTH, Reader
from opensearch.embedded.dsl.schema import Field, Kind
from opensearch.embedded.dsl.sorting import sortable
from opensearch.embedded.dsl.values import span

Doubles = npt.NDArray[np.float64]

MAX_BUCKETS: Final = 65_535


class Aggregation(ABC):
    """One aggregation, read and checked."""

    @abstractmethod
    def collect(self, run: Run, found: Match) -> dict[str, Any]:
        """The answer over the documents of `found`, in a node's form. Raises EngineTimeout."""


Tree = Mapping[str, Aggregation]
Read = Callable[["AggregationReader", dict[str, Any], str, Tree], Aggregation]
"""Reads the parameters of one kind: `(reader, parameters, their place, the aggregations inside)`. Raises QueryError."""


class AggregationReader:
    """Reads the aggregations of one request.

    Attributes:
        queries: reads the queries inside.
        top: the request's query.
    """

    def __init__(self, known: Mapping[str, Read], queries: Reader, top: Clause) -> None:
        self._known, self.queries, self.top = known, queries, top

    def tree(self, value: object, at: str, depth: int = 0) -> Tree:
        """Named aggregations. Raises QueryError."""
        if depth > MAX_DEPTH:
            raise body.wrong(f"aggregations are nested at most {MAX_DEPTH} levels deep", at, depth)
        found = body.mapping({} if value is None else value, at)
        return {name: self._one(one, f"{at}.{name}", depth) for name, one in found.items()}

    def _one(self, value: object, at: str, depth: int) -> Aggregation:
        found = body.mapping(value, at)
        inside = found.pop("aggs", None) or found.pop("aggregations", None)
        found.pop("aggregations", None)
        meta = found.pop("meta", None)
        kind, parameters = body.single(found, at)
        if kind not in self._known:
            raise body.unknown("aggregation", kind, at, list(self._known))
        if kind == "global" and depth:
            raise body.wrong("a global aggregation stands at the top", at, kind)
        self.queries.count(1, at)
        inner = self.tree(inside, f"{at}.aggs", depth + 1)
        made = self._known[kind](self, body.mapping(parameters, f"{at}.{kind}"), f"{at}.{kind}", inner)
        return made if meta is None else _Described(made, body.mapping(meta, f"{at}.meta"))

    def field(self, parameters: Mapping[str, Any], at: str) -> Field | None:
        """The field to aggregate, None when it is unknown. Raises QueryError."""
        if "script" in parameters:
            raise body.unknown("parameter", "script", at, ["field"])
        found = schema.find(body.string(parameters.get("field"), f"{at}.field"))
        if found is not None:
            sortable(found, f"{at}.field")
        return found


@dataclass(frozen=True, slots=True)
class _Described(Aggregation):
    """An aggregation with `meta`."""

    inner: Aggregation
    meta: Mapping[str, Any]

    def collect(self, run: Run, found: Match) -> dict[str, Any]:
        return {"meta": dict(self.meta)} | self.inner.collect(run, found)


def collected(tree: Tree, run: Run, found: Match) -> dict[str, Any]:
    """The answers of a tree."""
    answers = {}
    for name, one in tree.items():
        run.check()
        answers[name] = one.collect(run, found)
    return answers


def within(found: Match, mask: Mask) -> Match:
    """`found` without what is not in `mask`."""
    both = found.mask & mask
    return Match(both, found.scores)


# metrics
def numbers_of(catalog: Catalog, field: Field | None, mask: Mask, missing: float | None) -> Doubles:
    """The known numbers of the documents in `mask`; times in milliseconds."""
    if field is None:
        column: Doubles = np.full(int(mask.sum()), np.nan)
    elif field.kind is Kind.NUMBER:
        column = catalog.numbers[field.column][mask]
    else:
        moments = catalog.moments[field.column][mask]
        column = np.where(moments == NONE, np.nan, moments)
    unknown = np.isnan(column)
    return np.where(unknown, missing, column) if missing is not None else column[~unknown]


@dataclass(frozen=True, slots=True)
class Numbers(Aggregation):
    """`min`, `max`, `avg`, `sum`, `stats`, `extended_stats`, `percentiles` of a number or a time."""

    kind: str
    field: Field | None
    missing: float | None = None
    percents: tuple[float, ...] = ()
    keyed: bool = True
    sigma: float = 2.0

    def collect(self, run: Run, found: Match) -> dict[str, Any]:
        numbers = numbers_of(run.catalog, self.field, found.mask, self.missing)
        if self.kind == "percentiles":
            return self._percentiles(numbers)
        basic = _basic(numbers)
        if self.kind not in ("stats", "extended_stats"):
            return self._texts({"value": basic[self.kind]})
        answer = {name: basic[name] for name in ("count", "min", "max", "avg", "sum")}
        if self.kind == "stats":
            return self._texts(answer)
        return answer | self._spread(numbers, basic)

    def _texts(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer, and times as texts."""
        if self.field is None or self.field.kind is not Kind.DATE:
            return answer
        texts = {
            f"{name}_as_string": dates.written(int(one))
            for name, one in answer.items()
            if name != "count" and one is not None
        }
        return answer | texts

    def _spread(self, numbers: Doubles, basic: Mapping[str, Any]) -> dict[str, Any]:
        count, mean = len(numbers), float(basic["avg"] or 0)
        squares = float((numbers * numbers).sum())
        population = None if not count else max((squares - basic["sum"] ** 2 / count) / count, 0.0)
        sampling = (
            None if not count else "NaN" if count < 2 else max((squares - basic["sum"] ** 2 / count) / (count - 1), 0.0)
        )
        roots = [one if one is None or one == "NaN" else float(np.sqrt(one)) for one in (population, sampling)]
        bounds: dict[str, Any] = {}
        for name, root in (("", roots[0]), ("_population", roots[0]), ("_sampling", roots[1])):
            for side, sign in (("upper", 1), ("lower", -1)):
                bounds[side + name] = mean + sign * self.sigma * root if isinstance(root, float) else root
        return {
            "sum_of_squares": squares if count else None,
            "variance": population,
            "variance_population": population,
            "variance_sampling": sampling,
            "std_deviation": roots[0],
            "std_deviation_population": roots[0],
            "std_deviation_sampling": roots[1],
            "std_deviation_bounds": bounds,
        }

    def _percentiles(self, numbers: Doubles) -> dict[str, Any]:
        found: list[Any] = [None] * len(self.percents)
        if len(numbers):
            # A value that occurs, as a t-digest gives it while every value is a centroid of its own.
            rising = np.sort(numbers)
            found = [float(rising[min(int(one / 100 * len(rising)), len(rising) - 1)]) for one in self.percents]
        if self.keyed:
            return {"values": {str(float(one)): value for one, value in zip(self.percents, found, strict=True)}}
        return {
            "values": [{"key": float(one), "value": value} for one, value in zip(self.percents, found, strict=True)]
        }


def _basic(numbers: Doubles) -> dict[str, Any]:
    count = len(numbers)
    total = float(numbers.sum())
    return {
        "count": count,
        "min": float(numbers.min()) if count else None,
        "max": float(numbers.max()) if count else None,
        "avg": total / count if count else None,
        "sum": total,
    }


@dataclass(frozen=True, slots=True)
class Counts(Aggregation):
    """`value_count` and `cardinality` of any field."""

    kind: str
    field: Field | None
    missing: Any = None

    def collect(self, run: Run, found: Match) -> dict[str, Any]:
        field, mask, distinct = self.field, found.mask, self.kind == "cardinality"
        if field is None:
            more = int(mask.sum()) if self.missing is not None else 0
            return {"value": min(more, 1) if distinct else more}
        if field.kind in (Kind.NUMBER, Kind.DATE):
            numbers = numbers_of(run.catalog, field, mask, self.missing)
            return {"value": len(np.unique(numbers)) if distinct else len(numbers)}
        if field.kind is Kind.ID:
            return {"value": int(mask.sum())}
        exact, low, high = span(run.catalog, field)
        codes, rows = exact.pairs(low, high)
        kept = mask[rows]
        lacking = self.missing is not None and int(mask.sum()) > len(np.unique(rows[kept]))
        count = len(np.unique(codes[kept])) if distinct else int(kept.sum())
        if lacking and distinct:
            count += self.missing not in {exact.values[code] for code in np.unique(codes[kept]).tolist()}
        elif lacking:
            count += int(mask.sum()) - len(np.unique(rows[kept]))
        return {"value": count}


def read_numbers(kind: str) -> Read:
    """How to read a metric of numbers."""
    known = {"percentiles": ["percents", "keyed", "tdigest", "hdr"], "extended_stats": ["sigma"]}.get(kind, [])

    def read(reader: AggregationReader, found: dict[str, Any], at: str, inner: Tree) -> Aggregation:
        leaf(inner, at)
        body.only(found, at, ["field", "missing", "format", *known])
        field = reader.field(found, at)
        if field is not None and field.kind not in (Kind.NUMBER, Kind.DATE):
            raise body.wrong(f"{kind} needs numbers or times", f"{at}.field", field.name, "Use value_count or terms.")
        given = found.get("percents", [1, 5, 25, 50, 75, 95, 99])
        percents = tuple(body.number(one, place) for one, place in body.several(given, f"{at}.percents"))
        if not all(0 <= one <= 100 for one in percents):
            raise body.wrong("percents from 0 to 100 are expected", f"{at}.percents", given)
        missing = found.get("missing")
        return Numbers(
            kind,
            field,
            None if missing is None else body.number(missing, f"{at}.missing"),
            percents,
            body.flag(found.get("keyed", True), f"{at}.keyed"),
            body.boost(found.get("sigma", 2), f"{at}.sigma"),
        )

    return read


def read_counts(kind: str) -> Read:
    """How to read `value_count` or `cardinality`."""

    def read(reader: AggregationReader, found: dict[str, Any], at: str, inner: Tree) -> Aggregation:
        leaf(inner, at)
        body.only(found, at, ["field", "missing", "precision_threshold", "execution_hint"])
        field, missing = reader.field(found, at), found.get("missing")
        if missing is not None:
            numeric = field is not None and field.kind in (Kind.NUMBER, Kind.DATE)
            missing = (body.number if numeric else body.scalar)(missing, f"{at}.missing")
        return Counts(kind, field, missing)

    return read


def leaf(inner: Tree, at: str) -> None:
    """Raise QueryError for aggregations inside one that has no buckets."""
    if inner:
        raise body.wrong("this aggregation has no buckets to aggregate", at, ", ".join(inner))
