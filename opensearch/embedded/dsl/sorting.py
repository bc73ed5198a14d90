"""`sort` and `search_after`: the order of hits, and the values that a hit shows of it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from etalage.core.records import Floats
from opensearch.embedded.columns import NONE
from opensearch.embedded.dsl import body, schema
from opensearch.embedded.dsl.catalog import Catalog
from opensearch.embedded.dsl.reader import Reader
from opensearch.embedded.dsl.schema import Field, Kind
from opensearch.embedded.dsl.terms import moment
from opensearch.embedded.dsl.values import lead, span
from opensearch.embedded.vectors import top

Rows = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]

_MODES: Final = ("min", "max", "avg", "sum", "median")
_KNOWN: Final = ("order", "missing", "mode", "unmapped_type", "numeric_type", "format")
_LONG: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Key:
    """One key of an order.

    Attributes:
        field: what it orders by; None for `_score`, `_doc` and a field that is unknown.
        name: `_score`, `_doc`, or the field's name.
        missing: `_first`, `_last`, or a value.
        last: of several values, whether the last one counts.
        unmapped: the type that an unknown field is taken for.
    """

    field: Field | None
    name: str
    descending: bool = False
    missing: Any = "_last"
    last: bool = False
    unmapped: str = ""

    def ranks(self, catalog: Catalog, scores: Floats) -> Doubles:
        """A number for each document, lower ones first."""
        return self._ranks(*self._column(catalog, scores))

    def _ranks(self, column: Doubles, missing: float | None) -> Doubles:
        unknown = np.isnan(column)
        ranks = -column if self.descending else column
        if not unknown.any():
            return ranks
        if missing is not None:
            return np.where(unknown, -missing if self.descending else missing, ranks)
        return np.where(unknown, -np.inf if self.missing == "_first" else np.inf, ranks)

    def _column(self, catalog: Catalog, scores: Floats) -> tuple[Doubles, float | None]:
        """The comparable number of each document, NaN where unknown, and the number for those when one was given."""
        given = self.missing not in ("_first", "_last")
        if self.name == "_score":
            return scores.astype(np.float64), None
        if self.name == "_doc" or (self.field is not None and self.field.kind is Kind.ID):
            return np.arange(catalog.size, dtype=np.float64), None
        if self.field is None:
            return np.full(catalog.size, np.nan), None
        if self.field.kind is Kind.NUMBER:
            return catalog.numbers[self.field.column], float(self.missing) if given else None
        if self.field.kind is Kind.DATE:
            moments = catalog.moments[self.field.column]
            return np.where(moments == NONE, np.nan, moments), float(self.missing) if given else None
        exact, low, high = span(catalog, self.field)
        codes = exact.edge(catalog.size, last=self.last, low=low, high=high).astype(np.float64)
        codes[codes < 0] = np.nan
        return codes, self._place(catalog, str(self.missing)) if given else None

    def _place(self, catalog: Catalog, value: str) -> float:
        """Where a text stands among the field's values, halfway between two when it is none of them."""
        if self.field is None:
            return 0.0
        if self.field.kind is Kind.ID:
            values, wanted = catalog.ids, value
        else:
            exact, _, _ = span(catalog, self.field)
            values, wanted = exact.values, lead(self.field) + value
        at = bisect_left(values, wanted)
        return float(at) if values[at : at + 1] == [wanted] else at - 0.5

    def shown(self, catalog: Catalog, scores: Floats, rows: Sequence[int]) -> list[Any]:
        """The values of `rows`, as a node shows them."""
        column, _ = self._column(catalog, scores)
        return [self._value(catalog, row, float(column[row]), scores) for row in rows]

    def _value(self, catalog: Catalog, row: int, number: float, scores: Floats) -> Any:
        if self.name == "_score":
            return single(scores[row])
        if self.name == "_doc":
            return row
        kind = self.field.kind if self.field is not None else None
        if np.isnan(number):
            return self._unknown(kind)
        if kind is Kind.ID:
            return catalog.ids[row]
        if kind is Kind.NUMBER:
            return number
        if kind is Kind.DATE or self.field is None:
            return int(number)
        exact, _, _ = span(catalog, self.field)
        return exact.values[int(number)][len(lead(self.field)) :]

    def _unknown(self, kind: Kind | None) -> Any:
        if self.missing not in ("_first", "_last"):
            return self.missing
        high = (self.missing == "_last") != self.descending
        if kind is Kind.NUMBER or self.unmapped in ("double", "float"):
            return "Infinity" if high else "-Infinity"
        if kind is Kind.DATE or (kind is None and self.unmapped != "keyword"):
            return _LONG if high else -_LONG - 1
        return None

    def after(self, reader: Reader, catalog: Catalog, value: object, at: str) -> float:
        """The rank of a value of `search_after`. Raises QueryError."""
        rank = self._after(reader, catalog, value, at)
        if rank is None:
            return -np.inf if self.missing == "_first" else np.inf
        return -rank if self.descending else rank

    def _after(self, reader: Reader, catalog: Catalog, value: object, at: str) -> float | None:
        kind = self.field.kind if self.field is not None else None
        if value is None or (kind in (None, Kind.NUMBER) and value in ("Infinity", "-Infinity")):
            return None
        if self.name in ("_score", "_doc") or kind is Kind.NUMBER:
            return body.number(value, at)
        if kind is None or kind is Kind.DATE:
            if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) > 2.0**62:
                return None
            return float(moment(reader, value, at, up=False))
        return self._place(catalog, body.scalar(value, at))


def single(score: Any) -> float:
    """A float32 as a node writes it: its shortest form."""
    return float(str(np.float32(score)))


BY_SCORE: Final = (Key(None, "_score", descending=True),)


def read(reader: Reader, value: object, at: str) -> tuple[Key, ...]:
    """The keys of a `sort`.

    Raises:
        QueryError: it is not valid, or orders by a field that is unknown or of words.
    """
    return tuple(_key(reader, one, place) for one, place in body.listed(value, at)) or BY_SCORE


def _key(reader: Reader, value: object, at: str) -> Key:
    if isinstance(value, str):
        name, inside = body.clean(value), None
    else:
        name, inside = body.single(value, at)
    place = f"{at}.{name}"
    found = {"order": inside} if isinstance(inside, str) else body.mapping({} if inside is None else inside, place)
    body.only(found, place, _KNOWN)
    order = body.choice(found.get("order", "desc" if name == "_score" else "asc"), f"{place}.order", ("asc", "desc"))
    descending = order == "desc"
    if name in ("_score", "_doc"):
        return Key(None, name, descending)
    if name in ("_script", "_geo_distance"):
        raise body.unknown("sort", name, at, ["_score", "_doc", *_KNOWN])
    field = schema.find(name)
    unmapped = body.string(found.get("unmapped_type", ""), f"{place}.unmapped_type")
    if field is None and not unmapped:
        raise body.wrong("there is no field of this name to sort by", at, name, "Sort by a number, date or keyword.")
    if field is not None:
        sortable(field, at)
    mode = body.choice(found.get("mode", "max" if descending else "min"), f"{place}.mode", _MODES)
    missing = found.get("missing", "_last")
    if missing not in ("_first", "_last"):
        if field is not None and field.kind is Kind.NUMBER:
            missing = body.number(missing, f"{place}.missing")
        elif field is not None and field.kind is Kind.DATE:
            missing = moment(reader, missing, f"{place}.missing", up=False)
        else:
            missing = body.scalar(missing, f"{place}.missing")
    return Key(field, name, descending, missing, mode == "max", unmapped)


def sortable(field: Field, at: str) -> None:
    """Raise QueryError for a field whose values are not kept by document."""
    if field.kind is Kind.TEXT:
        remedy = "Use title.keyword, or another keyword field."
        raise body.wrong("a text field cannot be sorted or aggregated by", at, field.name, remedy)
    if field.kind in (Kind.VECTOR, Kind.SHOWN, Kind.ATTRIBUTES):
        raise body.wrong("this field cannot be sorted or aggregated by", at, field.name, "Use a number or keyword.")


def ordered(ranks: Sequence[Doubles], rows: Rows, limit: int) -> Rows:
    """The first `limit` of `rows` (rising) by `ranks`, ties by row."""
    first = ranks[0][rows]
    if limit < len(rows):
        bound = np.partition(first, limit - 1)[limit - 1] if limit else -np.inf
        rows = rows[first <= bound]
    if len(ranks) == 1:
        return rows[top(-ranks[0][rows], min(limit, len(rows)))]
    order = np.lexsort([one[rows] for one in reversed(ranks)])
    found: Rows = rows[order][:limit]
    return found


def beyond(ranks: Sequence[Doubles], after: Sequence[float]) -> npt.NDArray[np.bool_]:
    """Which documents come after the one with the ranks `after`."""
    later = np.zeros(len(ranks[0]), bool)
    level = np.ones(len(ranks[0]), bool)
    for rank, bound in zip(ranks, after, strict=True):
        later |= level & (rank > bound)
        level &= rank == bound
    return later


def is_score(keys: Sequence[Key]) -> bool:
    """Whether hits are ordered by score alone, best first."""
    return len(keys) == 1 and keys[0].name == "_score" and keys[0].descending


def read_after(
    reader: Reader, catalog: Catalog, keys: Sequence[Key], value: object, at: str
) -> tuple[float, ...] | None:
    """The ranks of `search_after`. Raises QueryError."""
    if value is None:
        return None
    given = body.several(value, at)
    if len(given) != len(keys):
        raise body.wrong(f"as many values as sort keys ({len(keys)}) are expected", at, value)
    return tuple(key.after(reader, catalog, one, place) for key, (one, place) in zip(keys, given, strict=True))


def options(found: Mapping[str, Any]) -> object:
    """What a body says under `sort`; nothing means by score."""
    return found.get("sort") or "_score"
