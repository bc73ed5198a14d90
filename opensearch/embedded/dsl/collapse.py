"""`collapse`: one hit for each value of a field, with the other hits of that value inside when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from etalage.core.records import Floats
from opensearch.embedded.dsl import body, schema
from opensearch.embedded.dsl.catalog import Catalog, Mask
from opensearch.embedded.dsl.clauses import Clause, Run
from opensearch.embedded.dsl.fetch import PART, Shown, listed
from opensearch.embedded.dsl.fetch import read as read_hits
from opensearch.embedded.dsl.functions import column_of
from opensearch.embedded.dsl.reader import Reader
from opensearch.embedded.dsl.schema import Field, Kind
from opensearch.embedded.dsl.sorting import Doubles, Rows, ordered
from opensearch.embedded.dsl.values import span

_INNER_SIZE: Final = 3
_SEVERAL: Final = ("names", "category", "attrs")


@dataclass(frozen=True, slots=True)
class Collapse:
    """What is collapsed by, and the hits inside."""

    field: Field
    inner: tuple[tuple[str, Shown], ...]

    def groups(self, catalog: Catalog) -> Doubles:
        """A number for each document's value; NaN where there is none, and those make one group."""
        if self.field.kind in (Kind.NUMBER, Kind.DATE):
            return column_of(catalog, self.field)
        exact, low, high = span(catalog, self.field)
        codes = exact.edge(catalog.size, last=False, low=low, high=high).astype(np.float64)
        codes[codes < 0] = np.nan
        return codes

    def best(self, catalog: Catalog, ranks: Sequence[Doubles], rows: Rows) -> Rows:
        """The first row of each group, in the order of `ranks`."""
        order = ordered(ranks, rows, len(rows))
        _, first = np.unique(self.groups(catalog)[order], return_index=True)
        kept: Rows = order[np.sort(first)]
        return kept

    def shown(self, catalog: Catalog, row: int) -> list[Any]:
        """The value of a hit's group as a node lists it, nothing for the group without one."""
        group = float(self.groups(catalog)[row])
        if np.isnan(group):
            return []
        if self.field.kind is Kind.NUMBER:
            return [group]
        if self.field.kind is Kind.DATE:
            return [int(group)]
        exact, _, _ = span(catalog, self.field)
        return [exact.values[int(group)]]

    def inside(self, run: Run, row: int, mask: Mask, scores: Floats, query: Clause) -> dict[str, Any]:
        """The `inner_hits` of a hit's group."""
        groups = self.groups(run.catalog)
        same = np.isnan(groups) if np.isnan(groups[row]) else groups == groups[row]
        return {name: {"hits": listed(shown, run, mask & same, scores, query)} for name, shown in self.inner}


def read(reader: Reader, value: object, at: str) -> Collapse | None:
    """What a body says under `collapse`. Raises QueryError."""
    if value is None:
        return None
    found = body.mapping(value, at)
    body.only(found, at, ["field", "inner_hits", "max_concurrent_group_searches"])
    name = found.get("field")
    field = schema.find(body.string(name, f"{at}.field"))
    if field is None or field.kind not in (Kind.KEYWORD, Kind.NUMBER, Kind.DATE):
        raise body.wrong(
            "a keyword or number field is expected", f"{at}.field", name, "Use variant_group, for instance."
        )
    if field.column in _SEVERAL:
        raise body.wrong(
            "a field of single values is expected", f"{at}.field", name, "Use variant_group, for instance."
        )
    inner: dict[str, Shown] = {}
    for one, place in body.listed(found.get("inner_hits") or [], f"{at}.inner_hits"):
        given = body.mapping(one, place)
        body.only(given, place, ["name", *PART])
        label = body.string(given.get("name", field.name), f"{place}.name")
        if label in inner:
            raise body.wrong("this name is taken", f"{place}.name", label)
        inner[label] = read_hits(reader, given, place, size=_INNER_SIZE)
    return Collapse(field, tuple(inner.items()))
