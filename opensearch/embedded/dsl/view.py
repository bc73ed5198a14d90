"""What is shown of a hit: `_source`, `fields`, `docvalue_fields`, `stored_fields`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any, Final

import numpy as np

from opensearch import fields
from opensearch.embedded.columns import NONE
from opensearch.embedded.dsl import body, dates, schema, timeformats
from opensearch.embedded.dsl.catalog import Catalog
from opensearch.embedded.dsl.schema import FIELDS, Field, Kind
from opensearch.embedded.dsl.sorting import sortable

Form = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class View:
    """What is shown of each hit.

    Attributes:
        source: whether `_source` is.
        includes, excludes: patterns of paths; no `includes` means everything.
        fields, docvalues: fields whose values are listed.
        forms: how the times of a field are written, where a form was asked for.
        bare: neither id nor source are shown (`stored_fields: "_none_"`).
    """

    source: bool = True
    includes: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()
    docvalues: tuple[Field, ...] = ()
    forms: Mapping[str, Form] = field(default_factory=dict)
    bare: bool = False
    version: bool = False
    sequence: bool = False

    def document(self, catalog: Catalog, row: int, generation: str) -> dict[str, Any]:
        """The parts of a hit that do not depend on the query."""
        found: dict[str, Any] = {"_index": generation}
        if not self.bare:
            found["_id"] = catalog.ids[row]
        if self.version:
            found["_version"] = 1
        if self.sequence:
            found |= {"_seq_no": row, "_primary_term": 1}
        source = catalog.source(row) if self.source or self.fields else {}
        if self.source:
            found["_source"] = self.kept(source)
        listed = {one.name: values for one in self.fields if (values := of_source(source, one))}
        listed |= {one.name: values for one in self.docvalues if (values := of_columns(catalog, row, one))}
        for name, form in self.forms.items():
            if name in listed:
                listed[name] = [form(dates.millis(one) or 0) for one in listed[name]]
        if listed:
            found["fields"] = listed
        return found

    def kept(self, source: Mapping[str, Any]) -> dict[str, Any]:
        """The part of a source that is shown."""
        if not self.includes and not self.excludes:
            return dict(source)
        return self._part(source, "", not self.includes)

    def _part(self, value: Mapping[str, Any], path: str, included: bool) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, inside in value.items():
            at = f"{path}{name}"
            if any(schema.pattern(one).match(at) for one in self.excludes):
                continue
            wanted = included or any(schema.pattern(one).match(at) for one in self.includes)
            if isinstance(inside, Mapping):
                part = self._part(inside, f"{at}.", wanted)
                if part or wanted:
                    found[name] = part
            elif wanted:
                found[name] = inside
        return found


WHOLE: Final = View()


def of_source(source: Mapping[str, Any], field: Field) -> list[Any]:
    """A field's values in the order of the source."""
    name = field.name.removesuffix(".keyword").removesuffix(".text")
    if field.kind is Kind.ATTRIBUTE:
        value = (source.get("attributes") or {}).get(field.column)
    elif field.kind in (Kind.VECTOR, Kind.ATTRIBUTES) or field.name == "_id":
        return []
    else:
        value = source.get(name)
    values = value if isinstance(value, list) else [] if value is None or value == "" else [value]
    if field.kind is Kind.NUMBER:
        return [float(one) for one in values]
    if field.kind is Kind.DATE:
        return [dates.written(found) for one in values if (found := dates.millis(one)) is not None]
    return list(values)


def of_columns(catalog: Catalog, row: int, field: Field) -> list[Any]:
    """A field's distinct values, sorted."""
    if field.kind is Kind.ID:
        return [catalog.ids[row]]
    if field.kind is Kind.NUMBER:
        number = float(catalog.numbers[field.column][row])
        return [] if np.isnan(number) else [number]
    if field.kind is Kind.DATE:
        moment = int(catalog.moments[field.column][row])
        return [] if moment == NONE else [dates.written(moment)]
    return sorted(set(of_source(catalog.source(row), field)))


def read(found: Mapping[str, Any], at: str = "") -> View:
    """What a body, or a part such as `top_hits` or `inner_hits`, wants to see of its hits. Raises QueryError."""
    where = f"{at}." if at else ""
    forms: dict[str, Form] = {}
    view: dict[str, Any] = _source(found.get("_source", True), f"{where}_source")
    stored = found.get("stored_fields")
    if stored is not None:
        names = [body.string(one, place) for one, place in body.listed(stored, f"{where}stored_fields")]
        if "_none_" in names and len(names) > 1:
            raise body.wrong("_none_ stands alone", f"{where}stored_fields", stored)
        if "_source" not in found:
            view["source"] = "_source" in names
        view["bare"] = names == ["_none_"]
        if view["bare"] and found.get("_source"):
            raise body.wrong("_none_ does not go with _source", f"{where}stored_fields", stored)
    for name, known in (("fields", "fields"), ("docvalue_fields", "docvalues")):
        if found.get(name) is not None:
            view[known] = tuple(_fields(found[name], f"{where}{name}", columns=known == "docvalues"))
            forms |= _forms(found[name], f"{where}{name}")
    return View(
        **view,
        forms=forms,
        version=body.flag(found.get("version", False), f"{where}version"),
        sequence=body.flag(found.get("seq_no_primary_term", False), f"{where}seq_no_primary_term"),
    )


def _forms(value: object, at: str) -> dict[str, Form]:
    """The forms asked for date fields, by field."""
    found: dict[str, Form] = {}
    for one, place in body.several(value, at):
        if isinstance(one, Mapping) and one.get("format") is not None:
            name = body.string(one.get("field"), place)
            known = schema.find(name)
            if known is not None and known.kind is Kind.DATE:
                found[name] = timeformats.writer(one["format"], f"{place}.format", UTC)
    return found


def _source(value: object, at: str) -> dict[str, Any]:
    if isinstance(value, bool) or value in ("true", "false"):
        return {"source": body.flag(value, at)}
    if isinstance(value, Mapping):
        found = body.mapping(value, at)
        body.only(found, at, ["includes", "include", "excludes", "exclude"])
        patterns: dict[str, Any] = {}
        for name in ("includes", "excludes"):
            given = found.get(name, found.get(name[:-1], ()))
            patterns[name] = tuple(body.string(one, place) for one, place in body.listed(given, f"{at}.{name}"))
        return patterns
    return {"includes": tuple(body.string(one, place) for one, place in body.listed(value, at))}


def _fields(value: object, at: str, *, columns: bool) -> Sequence[Field]:
    found: dict[str, Field] = {}
    for one, place in body.several(value, at):
        name = one
        if isinstance(one, Mapping):
            body.only(body.mapping(one, place), place, ["field", "format", "include_unmapped"])
            name = one.get("field")
        name = body.string(name, place)
        if "*" in name:
            kinds = (Kind.NUMBER, Kind.DATE, Kind.KEYWORD, Kind.ID) if columns else tuple(Kind)
            fits = [
                field for field in FIELDS.values() if field.kind in kinds and schema.pattern(name).match(field.name)
            ]
        else:
            field = schema.find(name)
            fits = [] if field is None else [field]
            if field is not None and columns:
                sortable(field, place)
        found |= {field.name: field for field in fits if field.column not in fields.INTERNAL}
    return list(found.values())
