"""Reads `match`, its relatives, and `multi_match`: a text, analyzed, in one field or in several."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from etalage.core.errors import QueryError
from etalage.core.text import located
from opensearch.embedded.dsl import body, schema
from opensearch.embedded.dsl.clauses import All, Clause, Nothing
from opensearch.embedded.dsl.compound import Best, checked_least
from opensearch.embedded.dsl.fuzzyvalues import NearValues
from opensearch.embedded.dsl.phrases import Phrase
from opensearch.embedded.dsl.reader import Reader, by_field, options
from opensearch.embedded.dsl.schema import Field, Kind
from opensearch.embedded.dsl.terms import value_of
from opensearch.embedded.dsl.values import Pattern, Values
from opensearch.embedded.dsl.words import MAX_EXPANSIONS, Across, Fuzziness, Near, Words

_FUZZY: Final = ("fuzziness", "prefix_length", "max_expansions", "fuzzy_transpositions", "fuzzy_rewrite")
_WORDS: Final = (
    "operator",
    "minimum_should_match",
    "zero_terms_query",
    "lenient",
    "analyzer",
    "auto_generate_synonyms_phrase_query",
    *_FUZZY,
)
_ANALYZERS: Final = ("etalage",)
_TYPES: Final = ("best_fields", "most_fields", "cross_fields", "phrase", "phrase_prefix", "bool_prefix")


def fuzziness(found: Mapping[str, Any], at: str) -> Fuzziness | None:
    """The parameters of a fuzzy search, None without `fuzziness`. Raises QueryError."""
    if found.get("fuzziness") is None:
        return None
    given, place = found["fuzziness"], f"{at}.fuzziness"
    parsed = re.fullmatch(r"AUTO(?::(\d{1,4}),(\d{1,4}))?", str(given).upper(), re.ASCII)
    bounds: dict[str, Any] = {}
    if parsed is None:
        bounds["edits"] = body.whole(given, place, 0, 2)
    elif parsed[1] is not None:
        bounds |= {"low": int(parsed[1]), "high": int(parsed[2])}
        if bounds["low"] > bounds["high"]:
            raise body.wrong("AUTO:low,high is expected, low not above high", place, given)
    return Fuzziness(
        prefix=body.whole(found.get("prefix_length", 0), f"{at}.prefix_length", 0, 1000),
        expansions=body.whole(found.get("max_expansions", MAX_EXPANSIONS), f"{at}.max_expansions", 1, 1024),
        swaps=body.flag(
            found.get("fuzzy_transpositions", found.get("transpositions", True)), f"{at}.fuzzy_transpositions"
        ),
        **bounds,
    )


class Asked:
    """A text and how it is to match, for any field.

    Attributes:
        terms: its analyzed words.
        kind: `words`, `phrase`, `phrase_prefix` or `bool_prefix`.
        open_end: whether the last word is a prefix.
    """

    def __init__(self, reader: Reader, text: object, found: Mapping[str, Any], at: str, kind: str) -> None:
        self.reader, self.given, self.at, self.kind = reader, text, at, kind
        self.text = body.scalar(text, at)
        if "analyzer" in found:
            body.choice(found["analyzer"], f"{at}.analyzer", _ANALYZERS)
        words = located(self.text)
        self.terms = tuple(stem for stem, _, _ in words)
        # As on a node: a sign or a blank after the last word says that the word is whole.
        ends = bool(words) and words[-1][2] == len(self.text)
        self.open_end = kind == "phrase_prefix" or (kind == "bool_prefix" and ends)
        self.every = body.choice(found.get("operator", "or"), f"{at}.operator", ("or", "and")) == "and"
        minimum = found.get("minimum_should_match")
        self.minimum = None if minimum is None else checked_least(minimum, f"{at}.minimum_should_match")
        self.fuzziness = fuzziness(found, at)
        self.slop = body.whole(found.get("slop", 0), f"{at}.slop", 0, 10_000)
        self.expansions = body.whole(found.get("max_expansions", MAX_EXPANSIONS), f"{at}.max_expansions", 1, 1024)
        self.lenient = body.flag(found.get("lenient", False), f"{at}.lenient")
        zero = body.choice(found.get("zero_terms_query", "none"), f"{at}.zero_terms_query", ("none", "all"))
        self.everything = zero == "all"

    def on(self, field: Field | None, boost: float = 1.0, *, lenient: bool = False) -> Clause:
        """The clause for one field. Raises QueryError when the field cannot hold the text."""
        if field is None:
            return Nothing()
        if field.kind is not Kind.TEXT:
            self.reader.count(1, self.at)
            return self._whole(field, boost, lenient or self.lenient)
        if not self.terms:
            return All(boost=boost) if self.everything else Nothing()
        self.reader.count(len(self.terms), self.at)
        if self.kind in ("phrase", "phrase_prefix"):
            return Phrase(
                field=field.number,
                terms=self.terms,
                slop=self.slop,
                open_end=self.open_end,
                expansions=self.expansions,
                boost=boost,
            )
        return Words(
            field=field.number,
            terms=self.terms,
            every=self.every,
            minimum=self.minimum,
            fuzziness=self.fuzziness,
            open_end=self.open_end,
            boost=boost,
        )

    def _whole(self, field: Field, boost: float, lenient: bool) -> Clause:
        """A field of exact values: the text is one value."""
        try:
            value = value_of(self.reader, field, self.given, self.at)
        except QueryError:
            if lenient:
                return Nothing()
            raise
        if self.fuzziness is not None and field.kind in (Kind.KEYWORD, Kind.ATTRIBUTE):
            return NearValues(field=field, value=value, fuzziness=self.fuzziness, boost=boost)
        if self.kind in ("phrase_prefix", "bool_prefix") and field.kind in (Kind.KEYWORD, Kind.ATTRIBUTE):
            return Pattern(field=field, prefix=value, boost=boost)
        return Values(field=field, values=(value,), boost=boost)

    def across(self, fields: Sequence[tuple[Field, float]], tie_breaker: float) -> Clause:
        """The clause for several fields taken as one; those that hold whole values are taken one by one."""
        texts = [(field.number, weight) for field, weight in fields if field.kind is Kind.TEXT]
        clauses = [self.on(field, weight) for field, weight in fields if field.kind is not Kind.TEXT]
        if texts and not self.terms:
            clauses.append(All() if self.everything else Nothing())
        elif texts:
            self.reader.count(len(texts) * len(self.terms), self.at)
            clauses.insert(
                0,
                Across(
                    fields=tuple(texts),
                    terms=self.terms,
                    every=self.every,
                    minimum=self.minimum,
                    tie_breaker=tie_breaker,
                ),
            )
        return Best(queries=tuple(clauses), tie_breaker=tie_breaker)


def shared_with(clause: Clause, shared: Mapping[str, Any]) -> Clause:
    """The clause with its boost times the given one, and a name."""
    return replace(clause, boost=clause.boost * shared.get("boost", 1.0), name=shared.get("name", ""))


def _single(reader: Reader, value: object, at: str, known: Sequence[str], kind: str) -> Clause:
    name, found, shared, place = by_field(value, at, "query", known)
    asked = Asked(reader, found["query"], found, place, kind)
    return shared_with(asked.on(reader.field(name, at)), shared)


def match(reader: Reader, value: object, at: str) -> Clause:
    return _single(reader, value, at, _WORDS, "words")


def match_phrase(reader: Reader, value: object, at: str) -> Clause:
    return _single(reader, value, at, ["slop", "zero_terms_query", "analyzer"], "phrase")


def match_phrase_prefix(reader: Reader, value: object, at: str) -> Clause:
    return _single(reader, value, at, ["slop", "max_expansions", "zero_terms_query", "analyzer"], "phrase_prefix")


def match_bool_prefix(reader: Reader, value: object, at: str) -> Clause:
    return _single(reader, value, at, ["operator", "minimum_should_match", "analyzer", *_FUZZY], "bool_prefix")


def named_fields(reader: Reader, value: object, at: str) -> list[tuple[Field, float, bool]]:
    """The fields of a list such as `["title^2", "attr*"]`, each with its weight and whether its values are lenient;
    those unknown are left out. Raises QueryError."""
    found: dict[str, tuple[Field, float, bool]] = {}
    for one, place in body.listed(value, at):
        name, sign, weight = body.string(one, place).partition("^")
        factor = body.boost(weight, place) if sign else 1.0
        if "*" in name:
            fields = [(field, name == "*") for field in schema.matching(name)]
        else:
            field = reader.field(name, place)
            fields = [] if field is None else [(field, False)]
        for field, lenient in fields:
            before = found.get(field.name)
            found[field.name] = (field, factor * (before[1] if before else 1.0), lenient)
    return list(found.values())


def multi_match(reader: Reader, value: object, at: str) -> Clause:
    found, shared = options(value, at, ["query", "fields", "type", "tie_breaker", "slop", *_WORDS])
    if "query" not in found:
        raise body.wrong("query is missing", at, value)
    kind = body.choice(found.get("type", "best_fields"), f"{at}.type", _TYPES)
    if found.get("fields"):
        fields = named_fields(reader, found["fields"], f"{at}.fields")
    else:
        fields = [(field, weight, True) for field, weight in schema.weighted()]
    default = 1.0 if kind in ("most_fields", "bool_prefix") else 0.0
    tie = body.boost(found.get("tie_breaker", default), f"{at}.tie_breaker")
    if kind in ("cross_fields", "phrase", "phrase_prefix") and "fuzziness" in found:
        raise body.wrong(f"fuzziness does not go with {kind}", f"{at}.fuzziness", found["fuzziness"])
    asked = Asked(reader, found["query"], found, at, kind if kind in _TYPES[3:] else "words")
    if kind == "cross_fields":
        return shared_with(asked.across([(field, weight) for field, weight, _ in fields], tie), shared)
    clauses = [asked.on(field, weight, lenient=lenient) for field, weight, lenient in fields]
    if not clauses:
        return Nothing(**shared)
    return Best(queries=tuple(clauses), tie_breaker=tie, **shared)


def fuzzy(reader: Reader, value: object, at: str) -> Clause:
    known = ["fuzziness", "prefix_length", "max_expansions", "transpositions", "rewrite"]
    name, found, shared, place = by_field(value, at, "value", known)
    field, wanted = reader.field(name, at), body.scalar(found["value"], place)
    near = fuzziness({"fuzziness": "AUTO", **found}, place)
    if field is None or near is None:
        return Nothing(**shared)
    if field.kind is Kind.TEXT:
        return Near(field=field.number, term=wanted, fuzziness=near, **shared)
    if field.kind in (Kind.KEYWORD, Kind.ATTRIBUTE):
        return NearValues(field=field, value=wanted, fuzziness=near, **shared)
    raise body.wrong("this clause is only for text and keyword fields", at, name, "Use term or range.")
