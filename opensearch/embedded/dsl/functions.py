"""`function_score`: scores changed by functions of a document's fields.

Formulas and defaults are OpenSearch's: `field_value_factor`, `weight`, `random_score`, and the decays `gauss`, `exp`
and `linear` of numbers and times.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from zlib import crc32

import numpy as np
import numpy.typing as npt

from opensearch.embedded.columns import NONE
from opensearch.embedded.dsl import body
from opensearch.embedded.dsl.catalog import Catalog, Mask
from opensearch.embedded.dsl.clauses import All, Clause, Match, Run
from opensearch.embedded.dsl.reader import Reader, options
from opensearch.embedded.dsl.schema import Field, Kind
from opensearch.embedded.dsl.terms import moment

Doubles = npt.NDArray[np.float64]

_MODIFIERS: Final[Mapping[str, Any]] = {
    "none": lambda x: x,
    "log": np.log10,
    "log1p": lambda x: np.log10(x + 1),
    "log2p": lambda x: np.log10(x + 2),
    "ln": np.log,
    "ln1p": np.log1p,
    "ln2p": lambda x: np.log(x + 2),
    "square": np.square,
    "sqrt": np.sqrt,
    "reciprocal": lambda x: 1 / x,
}
_SCORE_MODES: Final = ("multiply", "sum", "avg", "first", "max", "min")
_BOOST_MODES: Final = ("multiply", "replace", "sum", "avg", "max", "min")
_DECAYS: Final = ("gauss", "exp", "linear")
_FUNCTIONS: Final = ("field_value_factor", "random_score", *_DECAYS)
_SPAN: Final = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|h|d|w)?", re.ASCII)
_MILLIS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


class Function(ABC):
    """A number for each document."""

    @abstractmethod
    def values(self, catalog: Catalog) -> Doubles:
        """The function of every document. Raises QueryError when it is no number for some document."""


@dataclass(frozen=True, slots=True)
class Factor(Function):
    """`field_value_factor`."""

    field: Field
    factor: float
    modifier: str
    missing: float | None
    at: str

    def values(self, catalog: Catalog) -> Doubles:
        column = column_of(catalog, self.field)
        unknown = np.isnan(column)
        if self.missing is not None:
            column = np.where(unknown, self.missing, column)
        elif unknown.any():
            # As the node: a document without a value is refused, but only where it is scored.
            column = np.where(unknown, np.nan, column)
        with np.errstate(all="ignore"):
            found: Doubles = _MODIFIERS[self.modifier](column * self.factor)
        return found


@dataclass(frozen=True, slots=True)
class One(Function):
    """`weight` alone."""

    def values(self, catalog: Catalog) -> Doubles:
        return np.ones(catalog.size)


@dataclass(frozen=True, slots=True)
class Random(Function):
    """`random_score`: the same for the same seed and document."""

    seed: int

    def values(self, catalog: Catalog) -> Doubles:
        salt = str(self.seed).encode()
        return (
            np.fromiter((crc32(one.encode(), crc32(salt)) for one in catalog.ids), np.float64, catalog.size) / 2.0**32
        )


@dataclass(frozen=True, slots=True)
class Decay(Function):
    """`gauss`, `exp` or `linear`; a document without a value keeps 1."""

    kind: str
    field: Field
    origin: float
    scale: float
    offset: float
    decay: float

    def values(self, catalog: Catalog) -> Doubles:
        column = column_of(catalog, self.field)
        distance = np.maximum(np.abs(column - self.origin) - self.offset, 0)
        if self.kind == "gauss":
            found = np.exp(distance**2 * (np.log(self.decay) / self.scale**2))
        elif self.kind == "exp":
            found = np.exp(distance * (np.log(self.decay) / self.scale))
        else:
            reach = self.scale / (1 - self.decay)
            found = np.maximum(0, (reach - distance) / reach)
        return np.where(np.isnan(column), 1.0, found)


def column_of(catalog: Catalog, field: Field) -> Doubles:
    """The numbers or milliseconds of a field, NaN where unknown."""
    if field.kind is Kind.NUMBER:
        return catalog.numbers[field.column]
    moments = catalog.moments[field.column]
    return np.where(moments == NONE, np.nan, moments)


@dataclass(frozen=True, slots=True)
class Part:
    """A function, its weight, and the documents that it holds for."""

    function: Function
    filter: Clause | None
    weight: float | None
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored(Clause):
    """`function_score`."""

    query: Clause
    parts: tuple[Part, ...]
    score_mode: str
    boost_mode: str
    max_boost: float
    min_score: float | None

    def inner(self) -> Iterable[Clause]:
        return (self.query,)

    def match(self, run: Run) -> Match:
        found = self.query.find(run)
        scores = found.scores.astype(np.float64)
        if self.parts:
            factor, any_fits = self._factor(run, found.mask)
            factor = np.minimum(factor, self.max_boost)
            # Where no function fits, every mode but replace sees the neutral 1.
            scores = _boosted(self.boost_mode, scores, np.where(any_fits, factor, 1.0))
        mask = found.mask
        if self.min_score is not None:
            mask = mask & (scores >= self.min_score)
        with np.errstate(over="ignore"):
            kept = np.where(mask, scores, 0).astype(np.float32)
        return Match(mask, np.minimum(kept, np.finfo(np.float32).max))

    def _factor(self, run: Run, mask: Mask) -> tuple[Doubles, Mask]:
        """The functions of every document as one number, and where any function holds."""
        fits = np.zeros(run.size, bool)
        total = np.zeros(run.size)
        weights = np.zeros(run.size)
        product = np.ones(run.size)
        high, low = np.full(run.size, -np.inf), np.full(run.size, np.inf)
        first = np.ones(run.size)
        for part in self.parts:
            holds = mask.copy() if part.filter is None else mask & part.filter.find(run).mask
            weight = 1.0 if part.weight is None else part.weight
            values = part.function.values(run.catalog) * weight
            _checked(values[holds], part.at)
            values = np.where(holds, values, 0)
            first = np.where(holds & ~fits, values, first)
            total += values
            weights += np.where(holds, weight, 0)
            product = np.where(holds, product * values, product)
            high, low = np.where(holds, np.maximum(high, values), high), np.where(holds, np.minimum(low, values), low)
            fits |= holds
        with np.errstate(all="ignore"):
            combined = {
                "multiply": product,
                "sum": total,
                "avg": np.where(weights == 0, 1.0, total / weights),
                "max": high,
                "min": low,
                "first": first,
            }[self.score_mode]
        return combined, fits


def _checked(values: Doubles, at: str) -> None:
    """Raise QueryError when a function gave a score that is none."""
    if np.isnan(values).any() or (values < 0).any() or np.isinf(values).any():
        raise body.wrong(
            "this function is not a number, infinite or below zero for a document that it scores",
            at,
            float(values[np.isnan(values) | (values < 0) | np.isinf(values)][0]),
            "Give missing a value, or choose another modifier (ln1p instead of ln).",
        )


def _boosted(mode: str, scores: Doubles, factor: Doubles) -> Doubles:
    if mode == "multiply":
        return scores * factor
    if mode == "replace":
        return factor
    if mode == "sum":
        return scores + factor
    if mode == "avg":
        return (scores + factor) / 2
    return np.maximum(scores, factor) if mode == "max" else np.minimum(scores, factor)


def function_score(reader: Reader, value: object, at: str) -> Clause:
    known = [
        "query",
        "functions",
        "score_mode",
        "boost_mode",
        "max_boost",
        "min_score",
        "weight",
        "filter",
        *_FUNCTIONS,
    ]
    found, shared = options(value, at, known)
    query: Clause = All()
    if found.get("query") is not None:
        query = reader.query(found["query"], f"{at}.query")
    if "functions" in found:
        listed = body.several(found["functions"], f"{at}.functions")
        parts = [_part(reader, body.mapping(one, place), place) for one, place in listed]
    else:
        own = {name: one for name, one in found.items() if name in ("weight", "filter", *_FUNCTIONS)}
        parts = [_part(reader, own, at)] if own else []
    low = found.get("min_score")
    return Scored(
        query=query,
        parts=tuple(parts),
        score_mode=body.choice(found.get("score_mode", "multiply"), f"{at}.score_mode", _SCORE_MODES),
        boost_mode=body.choice(found.get("boost_mode", "multiply"), f"{at}.boost_mode", _BOOST_MODES),
        max_boost=body.number(found.get("max_boost", float(np.finfo(np.float32).max)), f"{at}.max_boost"),
        min_score=None if low is None else body.number(low, f"{at}.min_score"),
        **shared,
    )


def _part(reader: Reader, found: dict[str, Any], at: str) -> Part:
    body.only(found, at, ["filter", "weight", *_FUNCTIONS])
    given = [name for name in _FUNCTIONS if name in found]
    if len(given) > 1 or (not given and "weight" not in found):
        raise body.wrong("exactly one function, or a weight, is expected", at, sorted(found))
    function: Function = One()
    if given == ["field_value_factor"]:
        function = _read_factor(reader, found["field_value_factor"], f"{at}.field_value_factor")
    elif given == ["random_score"]:
        function = _read_random(found["random_score"], f"{at}.random_score")
    elif given:
        function = _read_decay(reader, given[0], found[given[0]], f"{at}.{given[0]}")
    return Part(
        function=function,
        filter=reader.query(found["filter"], f"{at}.filter") if found.get("filter") is not None else None,
        weight=body.boost(found["weight"], f"{at}.weight") if "weight" in found else None,
        at=f"{at}.{given[0]}" if given else at,
    )


def _numeric(reader: Reader, name: object, at: str) -> Field:
    """A field of numbers or times. Raises QueryError."""
    field = reader.field(name, at)
    if field is None or field.kind not in (Kind.NUMBER, Kind.DATE):
        raise body.wrong("a field of numbers or times is expected", at, name)
    return field


def _read_factor(reader: Reader, value: object, at: str) -> Factor:
    found = body.mapping(value, at)
    body.only(found, at, ["field", "factor", "modifier", "missing"])
    missing = found.get("missing")
    return Factor(
        field=_numeric(reader, found.get("field"), f"{at}.field"),
        factor=body.number(found.get("factor", 1), f"{at}.factor"),
        modifier=body.choice(found.get("modifier", "none"), f"{at}.modifier", tuple(_MODIFIERS)),
        missing=None if missing is None else body.number(missing, f"{at}.missing"),
        at=at,
    )


def _read_random(value: object, at: str) -> Random:
    found = body.mapping(value, at)
    body.only(found, at, ["seed", "field"])
    seed = found.get("seed", 0)
    if isinstance(seed, str):
        seed = crc32(body.clean(seed).encode())
    return Random(body.whole(seed, f"{at}.seed", -(2**63), 2**63 - 1))


def _read_decay(reader: Reader, kind: str, value: object, at: str) -> Decay:
    found = {name: one for name, one in body.mapping(value, at).items() if name != "multi_value_mode"}
    name, inside = body.single(found, at)
    place = f"{at}.{name}"
    asked = body.mapping(inside, place)
    body.only(asked, place, ["origin", "scale", "offset", "decay"])
    field = _numeric(reader, name, place)
    decay = body.number(asked.get("decay", 0.5), f"{place}.decay")
    if not 0 < decay < 1:
        raise body.wrong("a decay between 0 and 1 is expected", f"{place}.decay", decay)
    if field.kind is Kind.DATE:
        origin: float = moment(reader, asked.get("origin", "now"), f"{place}.origin", up=False)
        scale, offset = span(asked.get("scale"), f"{place}.scale"), span(asked.get("offset", 0), f"{place}.offset")
    else:
        origin = body.number(asked.get("origin"), f"{place}.origin")
        scale = body.number(asked.get("scale"), f"{place}.scale")
        offset = body.number(asked.get("offset", 0), f"{place}.offset")
    if scale <= 0 or offset < 0:
        raise body.wrong("a scale above zero and an offset not below zero are expected", place, inside)
    return Decay(kind, field, origin, scale, offset, decay)


def span(value: object, at: str) -> float:
    """A length of time such as `10d` in milliseconds. Raises QueryError."""
    found = _SPAN.fullmatch(str(value)) if isinstance(value, (str, int)) and not isinstance(value, bool) else None
    if found is None:
        raise body.wrong("a length of time such as 10d or 12h is expected", at, value)
    return float(found[1]) * _MILLIS[found[2] or "ms"]
