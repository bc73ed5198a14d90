"""`highlight`: the parts of a hit's text that matched, with their words marked."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from etalage.core.text import located
from opensearch.embedded.dsl import body, schema
from opensearch.embedded.dsl.catalog import Catalog
from opensearch.embedded.dsl.clauses import Clause, Mark
from opensearch.embedded.dsl.fragments import Fragment, Spot, beginning, cut
from opensearch.embedded.dsl.reader import Reader
from opensearch.embedded.dsl.schema import FIELDS, Field, Kind
from opensearch.embedded.dsl.view import of_source

_OPTIONS: Final = (
    "pre_tags", "post_tags", "fragment_size", "number_of_fragments", "require_field_match", "highlight_query",
    "no_match_size", "order", "type", "encoder", "tags_schema", "boundary_scanner", "boundary_scanner_locale",
    "boundary_chars", "boundary_max_scan", "max_analyzer_offset", "phrase_limit", "matched_fields", "fragmenter",
    "force_source",
)  # fmt: skip
_STYLED: Final = '<em class="hlt1">'


@dataclass(frozen=True, slots=True)
class Style:
    """How one field is highlighted; `own` is a query that replaces the search's."""

    before: str = "<em>"
    after: str = "</em>"
    size: int = 100
    count: int = 5
    strict: bool = True
    own: Clause | None = None
    unmatched: int = 0
    best_first: bool = False
    encode: Callable[[str], str] = str


@dataclass(frozen=True, slots=True)
class Highlight:
    """The fields to highlight and how."""

    fields: tuple[tuple[Field, Style], ...]

    def of(self, catalog: Catalog, row: int, marks: Sequence[Mark]) -> dict[str, list[str]]:
        """The fragments of a document by field; fields without any are left out."""
        source = catalog.source(row)
        found: dict[str, list[str]] = {}
        for field, style in self.fields:
            values = [str(one) for one in of_source(source, field)]
            wanted = marks if style.own is None else list(style.own.marks(catalog))
            kept = [mark for mark in wanted if mark.field == field.name or not style.strict]
            fragments = _fragments(field, style, values, kept)
            if not fragments and style.unmatched and values:
                fragments = [style.encode(beginning(values[0], style.unmatched)).strip()]
            if fragments:
                found[field.name] = fragments
        return found


def _fragments(field: Field, style: Style, values: Sequence[str], marks: Sequence[Mark]) -> list[str]:
    if not marks:
        return []
    if field.kind is not Kind.TEXT:
        terms = {term for mark in marks for term in mark.words[0] if len(mark.words) == 1}
        fits = [value for value in values if value in terms]
        return [_marked(value, Fragment(0, len(value), (Spot(0, len(value), value),)), style) for value in fits]
    found: list[str] = []
    for value in values:
        spots = _spots(value, marks)
        if not spots:
            continue
        if style.count == 0:
            fragments = [Fragment(0, len(value), tuple(spots))]
        else:
            fragments = cut(value, spots, style.size, style.count - len(found), best_first=style.best_first)
        found += [_marked(value, one, style) for one in fragments]
    return found


def _spots(value: str, marks: Sequence[Mark]) -> list[Spot]:
    """The words of a text that are marked, in order."""
    tokens = located(value)
    chosen: set[int] = set()
    for mark in marks:
        places = [[number for number, (term, _, _) in enumerate(tokens) if term in words] for words in mark.words]
        if len(places) == 1:
            chosen.update(places[0])
        elif all(places):
            chosen |= _phrase(places, mark.slop)
    return [Spot(tokens[number][1], tokens[number][2], tokens[number][0]) for number in sorted(chosen)]


def _phrase(places: Sequence[Sequence[int]], slop: int) -> set[int]:
    """The places of words that stand as a phrase, at most `slop` apart."""
    found: set[int] = set()
    if slop == 0:
        held = [set(some) for some in places]
        for start in places[0]:
            if all(start + step in some for step, some in enumerate(held)):
                found.update(range(start, start + len(places)))
        return found
    for start in places[0]:
        near = [min(some, key=lambda place: abs(place - start)) for some in places]
        if len(set(near)) == len(near) and max(near) - min(near) < len(places) + slop:
            found.update(near)
    return found


def _marked(text: str, fragment: Fragment, style: Style) -> str:
    """A fragment with its marks; words that overlap are marked as one."""
    parts, at = [], fragment.start
    spots = list(fragment.spots)
    while spots:
        spot = spots.pop(0)
        end = spot.end
        while spots and spots[0].start < end:
            end = max(end, spots.pop(0).end)
        if end <= at:
            continue
        parts.append(style.encode(text[at : max(at, spot.start)]))
        parts.append(style.before + style.encode(text[max(at, spot.start) : end]) + style.after)
        at = end
    parts.append(style.encode(text[at : fragment.end]))
    return "".join(parts).strip()


def read(reader: Reader, value: object, at: str) -> Highlight:
    """What a body says under `highlight`. Raises QueryError."""
    found = body.mapping(value, at)
    body.only(found, at, ["fields", *_OPTIONS])
    general = _options(reader, found, at, {})
    fields: list[tuple[Field, Style]] = []
    for given, place in body.listed(found.get("fields"), f"{at}.fields"):
        for name, own in body.mapping(given, place).items():
            where = f"{place}.{name}"
            options = body.mapping(own, where)
            body.only(options, where, [*_OPTIONS, "fragment_offset"])
            style = Style(**_options(reader, options, where, general))
            fields += [(field, style) for field in _named(name)]
    return Highlight(tuple(fields))


def _named(name: str) -> list[Field]:
    if "*" in name:
        kinds = (Kind.TEXT, Kind.KEYWORD)
        return [one for one in FIELDS.values() if one.kind in kinds and schema.pattern(name).match(one.name)]
    field = schema.find(name)
    return [] if field is None else [field]


def _options(reader: Reader, found: Mapping[str, Any], at: str, general: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a field over those for all fields. Raises QueryError."""
    style = dict(general)
    if found.get("tags_schema") is not None:
        body.choice(found["tags_schema"], f"{at}.tags_schema", ("styled", "default"))
        style |= {"before": _STYLED} if found["tags_schema"] == "styled" else {}
    for name, key in (("pre_tags", "before"), ("post_tags", "after")):
        if found.get(name) is not None:
            tags = body.listed(found[name], f"{at}.{name}")
            if not tags:
                raise body.wrong("at least one tag is expected", f"{at}.{name}", found[name])
            style[key] = body.string(*tags[0])
    for name, key, high in (
        ("fragment_size", "size", 10**6),
        ("number_of_fragments", "count", 1000),
        ("no_match_size", "unmatched", 10**6),
    ):
        if found.get(name) is not None:
            style[key] = body.whole(found[name], f"{at}.{name}", 0, high)
    if found.get("require_field_match") is not None:
        style["strict"] = body.flag(found["require_field_match"], f"{at}.require_field_match")
    if found.get("order") is not None:
        style["best_first"] = body.choice(found["order"], f"{at}.order", ("score", "none")) == "score"
    if found.get("encoder") is not None:
        encoder = body.choice(found["encoder"], f"{at}.encoder", ("default", "html"))
        style["encode"] = html.escape if encoder == "html" else str
    if found.get("type") is not None:
        body.choice(found["type"], f"{at}.type", ("unified", "plain", "fvh"))
    if found.get("highlight_query") is not None:
        style["own"] = reader.query(found["highlight_query"], f"{at}.highlight_query")
    return style
