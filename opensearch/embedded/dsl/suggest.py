"""`suggest`: spellings (`term`) and beginnings of titles (`completion`)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rapidfuzz.distance import OSA

from etalage.core.text import fold, located
from opensearch.embedded.dsl import body, schema
from opensearch.embedded.dsl.catalog import Catalog
from opensearch.embedded.dsl.schema import Field, Kind
from opensearch.embedded.dsl.words import Fuzziness, expanded

_TERM: Final = (
    "field",
    "size",
    "sort",
    "suggest_mode",
    "max_edits",
    "prefix_length",
    "min_word_length",
    "text",
    "analyzer",
)
_COMPLETION: Final = ("field", "size", "skip_duplicates")
_ENTRY: Final = ("text", "prefix", "term", "completion")


class Suggester(ABC):
    """One suggester, read and checked."""

    @abstractmethod
    def suggest(self, catalog: Catalog) -> list[dict[str, Any]]:
        """The suggestions, in a node's form."""


Suggesters = Mapping[str, Suggester]


@dataclass(frozen=True, slots=True)
class Spelling(Suggester):
    """`term`: for each word, similar ones of a text field."""

    text: str
    field: Field
    size: int
    mode: str
    by_frequency: bool
    fuzziness: Fuzziness
    shortest: int

    def suggest(self, catalog: Catalog) -> list[dict[str, Any]]:
        found = []
        for stem, start, end in located(self.text):
            found.append(
                {"text": stem, "offset": start, "length": end - start, "options": self._options(catalog, stem)}
            )
        return found

    def _options(self, catalog: Catalog, word: str) -> list[dict[str, Any]]:
        words, number = catalog.postings, self.field.number
        own = words.frequency(number, words.codes([word])[0])
        if len(word) < self.shortest or (own and self.mode == "missing"):
            return []
        options: list[dict[str, Any]] = []
        for code, _ in expanded(catalog, number, word, self.fuzziness):
            other = words.terms[code]
            frequency = words.frequency(number, code)
            if other != word and (self.mode != "popular" or frequency > own):
                apart = OSA.distance(word, other)
                score = 1 - apart / min(len(word), len(other))
                options.append({"text": other, "score": score, "freq": frequency})
        first = ("freq", "score") if self.by_frequency else ("score", "freq")
        options.sort(key=lambda one: (-one[first[0]], -one[first[1]], one["text"]))
        return options[: self.size]


@dataclass(frozen=True, slots=True)
class Beginning(Suggester):
    """`completion`: titles that begin with a text, the shortest first."""

    prefix: str
    size: int
    distinct: bool

    def suggest(self, catalog: Catalog) -> list[dict[str, Any]]:
        wanted = fold(self.prefix)
        fits = [row for row, title in enumerate(catalog.folded) if title.startswith(wanted)] if wanted else []
        fits.sort(key=lambda row: (len(catalog.folded[row]), row))
        if self.distinct:
            fits = list({catalog.folded[row]: row for row in reversed(fits)}.values())[::-1]
        options = [
            {
                "text": catalog.titles[row],
                "_index": catalog.generation,
                "_id": catalog.ids[row],
                "_score": 1.0,
                "_source": catalog.source(row),
            }
            for row in fits[: self.size]
        ]
        return [{"text": self.prefix, "offset": 0, "length": len(self.prefix), "options": options}]


def read(value: object, at: str) -> Suggesters:
    """What a body says under `suggest`. Raises QueryError."""
    found = body.mapping({} if value is None else value, at)
    shared = found.pop("text", None)
    return {name: _one(one, f"{at}.{name}", shared) for name, one in found.items()}


def _one(value: object, at: str, shared: object) -> Suggester:
    found = body.mapping(value, at)
    kinds = [name for name in found if name not in ("text", "prefix")]
    for name in kinds:
        if name not in _ENTRY:
            raise body.unknown("suggester", name, at, ["term", "completion"])
    if len(kinds) != 1:
        raise body.wrong("exactly one of term and completion is expected", at, kinds)
    options = body.mapping(found[kinds[0]], f"{at}.{kinds[0]}")
    text = body.scalar(found.get("prefix", found.get("text", shared)), f"{at}.text")
    return (_term if kinds == ["term"] else _completion)(options, f"{at}.{kinds[0]}", text)


def _term(found: dict[str, Any], at: str, text: str) -> Suggester:
    body.only(found, at, _TERM)
    field = schema.find(body.string(found.get("field"), f"{at}.field"))
    if field is None or field.kind is not Kind.TEXT:
        raise body.wrong("a text field is expected", f"{at}.field", found.get("field"), "Use title.")
    return Spelling(
        text=text,
        field=field,
        size=body.whole(found.get("size", 5), f"{at}.size", 1),
        mode=body.choice(found.get("suggest_mode", "missing"), f"{at}.suggest_mode", ("missing", "popular", "always")),
        by_frequency=body.choice(found.get("sort", "score"), f"{at}.sort", ("score", "frequency")) == "frequency",
        fuzziness=Fuzziness(
            edits=body.whole(found.get("max_edits", 2), f"{at}.max_edits", 1, 2),
            prefix=body.whole(found.get("prefix_length", 1), f"{at}.prefix_length", 0, 100),
            expansions=1000,
        ),
        shortest=body.whole(found.get("min_word_length", 4), f"{at}.min_word_length", 1, 100),
    )


def _completion(found: dict[str, Any], at: str, text: str) -> Suggester:
    body.only(found, at, _COMPLETION)
    name = body.string(found.get("field"), f"{at}.field")
    if name not in ("title", "title.keyword"):
        raise body.wrong("titles are completed", f"{at}.field", name, "Use title.")
    size = body.whole(found.get("size", 5), f"{at}.size", 1, 1000)
    return Beginning(text, size, body.flag(found.get("skip_duplicates", False), f"{at}.skip_duplicates"))
