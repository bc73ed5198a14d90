"""`query_string`: Lucene's query language, without regular expressions.

Words, "phrases"~2, prefix*, wild?cards, fuzzy~1, name:value, name:(a group), ranges `[1 TO 5}` and `>=3`,
`_exists_:name`, + - ! AND OR NOT, boosts ^2, and parentheses. Neighbouring words are one text, as on a node.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from etalage.core.text import fold, stems
from opensearch.embedded.dsl import body, schema
from opensearch.embedded.dsl.clauses import All, Clause, Nothing
from opensearch.embedded.dsl.compound import Best, Bool, checked_least
from opensearch.embedded.dsl.matching import Asked, named_fields
from opensearch.embedded.dsl.reader import MAX_DEPTH, Reader, options
from opensearch.embedded.dsl.schema import Field, Kind
from opensearch.embedded.dsl.terms import between, exists, wild
from opensearch.embedded.dsl.words import Words

Fields = Sequence[tuple[Field, float, bool]]
"""Fields with their weights, and whether a value that does not fit is no error."""

KNOWN: Final = (
    "query",
    "fields",
    "default_operator",
    "lenient",
    "minimum_should_match",
    "analyze_wildcard",
    "analyzer",
    "auto_generate_synonyms_phrase_query",
    "fuzzy_prefix_length",
    "fuzzy_max_expansions",
    "fuzzy_transpositions",
)
_OWN: Final = (
    "default_field",
    "allow_leading_wildcard",
    "type",
    "tie_breaker",
    "phrase_slop",
    "fuzziness",
    "enable_position_increments",
    "max_determinized_states",
    "escape",
    "time_zone",
    "rewrite",
)
_LONGEST: Final = 10_000
_TOKEN: Final = re.compile(
    r'\s*(?:(?P<phrase>"(?:[^"\\]|\\.)*")|(?P<range>[\[{][^\]}]*[\]}])|(?P<sign>&&|\|\||[()+\-!^~:])'
    r'|(?P<word>(?:\\.|[^\s"\[\]{}()+!^~:\\&|\-]|(?<=\S)[+\-!]|&(?!&)|\|(?!\|))+)|(?P<other>\S))',
    re.DOTALL,
)
_COMPARED: Final = re.compile(r"(>=|<=|>|<)(.+)", re.DOTALL)
_RANGE: Final = re.compile(r"([\[{])\s*(\S+|\".*?\")\s+TO\s+(\S+|\".*?\")\s*([\]}])", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the query: a `word`, `phrase`, `range` or `sign`, or `end`."""

    kind: str
    text: str


def tokens(text: str) -> list[Token]:
    """The pieces of a query."""
    found = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "other"
        written = match[kind]
        if kind == "word" and written in ("AND", "OR", "NOT"):
            kind = "sign"
        found.append(Token(kind, {"&&": "AND", "||": "OR", "!": "NOT"}.get(written, written)))
    return [*found, Token("end", "")]


def unescaped(text: str) -> str:
    """`text` without the backslashes that make signs plain."""
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


class Texts:
    """Makes the clauses of the pieces of a query, in its fields."""

    def __init__(self, reader: Reader, found: Mapping[str, Any], at: str, tie_breaker: float = 0.0) -> None:
        self.reader, self.at, self._found = reader, at, found
        self.every = body.choice(found.get("default_operator", "or"), f"{at}.default_operator", ("or", "and")) == "and"
        self._lenient = body.flag(found.get("lenient", False), f"{at}.lenient")
        self.slop = body.whole(found.get("phrase_slop", 0), f"{at}.phrase_slop")
        self.tie = body.boost(found.get("tie_breaker", tie_breaker), f"{at}.tie_breaker")
        self.phrase_tie = body.boost(found.get("tie_breaker", 0), f"{at}.tie_breaker")
        body.choice(found.get("type", "best_fields"), f"{at}.type", ("best_fields",))
        self.default = self._fields()

    def _fields(self) -> Fields:
        """The fields that are searched when a piece names none. Raises QueryError."""
        given = self._found.get("fields") or self._found.get("default_field")
        if given is not None and given != "*" and given != ["*"]:
            return named_fields(self.reader, given, f"{self.at}.fields")
        return [(field, weight, True) for field, weight in schema.weighted()]

    def best(self, clauses: Sequence[Clause], tie_breaker: float | None = None) -> Clause:
        """The best of one clause per field."""
        tie = self.tie if tie_breaker is None else tie_breaker
        return clauses[0] if len(clauses) == 1 else Best(queries=tuple(clauses), tie_breaker=tie)

    def silent(self, text: str, fields: Fields) -> bool:
        """Whether the text has no words and every field is one of words: then it says nothing."""
        return all(field.kind is Kind.TEXT for field, _, _ in fields) and not stems(text)

    def words(self, text: str, fields: Fields, **more: Any) -> Clause:
        """A text."""
        operator = {"operator": "and" if self.every else "or"}
        return self._asked(text, {**operator, **more}, "words", fields)

    def phrase(self, text: str, slop: int, fields: Fields) -> Clause:
        """A phrase."""
        return self._asked(text, {"slop": slop}, "phrase", fields, tie_breaker=self.phrase_tie)

    def fuzzy(self, text: str, edits: str, fields: Fields) -> Clause:
        """A fuzzy word."""
        more = {
            "prefix_length": self._found.get("fuzzy_prefix_length", 0),
            "max_expansions": self._found.get("fuzzy_max_expansions", 50),
            "fuzzy_transpositions": self._found.get("fuzzy_transpositions", True),
        }
        return self._asked(text, {"fuzziness": edits, **more}, "words", fields)

    def _asked(
        self, text: str, found: Mapping[str, Any], kind: str, fields: Fields, tie_breaker: float | None = None
    ) -> Clause:
        asked = Asked(self.reader, text, found, self.at, kind)
        lenient = self._lenient
        made = [asked.on(field, weight, lenient=lenient or own) for field, weight, own in fields]
        return self.best(made or [Nothing()], tie_breaker)

    def pattern(self, text: str, fields: Fields) -> Clause:
        """A word with `*` or `?`."""
        if text == "*":
            made = [exists(self.reader, {"field": field.name, "boost": weight}, self.at) for field, weight, _ in fields]
            return self.best(made or [Nothing()])
        made = []
        for field, weight, _ in fields:
            if field.kind in (Kind.NUMBER, Kind.DATE):
                continue
            self.reader.count(1, self.at)
            made.append(wild(field, fold(text) if field.kind is Kind.TEXT else text, boost=weight))
        return self.best(made or [Nothing()])

    def between(self, low: str, high: str, open_low: bool, open_high: bool, fields: Fields) -> Clause:
        """A range; `*` is no bound. Raises QueryError."""
        bounds: dict[str, Any] = {}
        for end, name, is_open in ((low, "gt", open_low), (high, "lt", open_high)):
            if end != "*":
                bounds[name if is_open else f"{name}e"] = unescaped(end.strip('"'))
        made = [between(self.reader, {field.name: bounds}, self.at) for field, _, _ in fields]
        return self.best(made or [Nothing()])


class _Parser:
    """Reads one query by descent."""

    def __init__(self, text: str, texts: Texts, minimum: str | None) -> None:
        self._tokens, self._texts, self._minimum, self._next = tokens(text), texts, minimum, 0
        self._default = texts.default
        self._text = text

    def read(self) -> Clause:
        """The clause of the whole query. Raises QueryError."""
        found = self._group(self._default, 0)
        if self._peek().kind != "end":
            raise self._wrong("an unexpected sign")
        return replace(found, minimum=self._minimum) if isinstance(found, (Bool, Words)) else found

    def _wrong(self, reason: str) -> Exception:
        return body.wrong(
            f"the query cannot be read ({reason})",
            f"{self._texts.at}.query",
            self._text,
            "Put a backslash before signs, or use simple_query_string.",
        )

    def _peek(self, ahead: int = 0) -> Token:
        return self._tokens[min(self._next + ahead, len(self._tokens) - 1)]

    def _sign(self, *signs: str) -> str | None:
        token = self._peek()
        if token.kind == "sign" and token.text in signs:
            self._next += 1
            return token.text
        return None

    def _group(self, fields: Fields, depth: int) -> Clause:
        """Clauses up to the end or a closing parenthesis, joined as Lucene's classic parser does."""
        if depth > MAX_DEPTH:
            raise self._wrong(f"parentheses are nested at most {MAX_DEPTH} levels deep")
        clauses: list[tuple[str, Clause]] = []
        while self._peek().kind != "end" and self._peek() != Token("sign", ")"):
            joined = self._sign("AND", "OR") if clauses else None
            mark = self._sign("+", "-", "NOT")
            made = self._clauses(fields, depth)
            if clauses and clauses[-1][0] != "must_not":
                if joined == "AND":
                    clauses[-1] = ("must", clauses[-1][1])
                elif joined == "OR" and self._texts.every:
                    clauses[-1] = ("should", clauses[-1][1])
            if mark in ("-", "NOT"):
                kind = "must_not"
            elif self._texts.every:
                kind = "should" if joined == "OR" else "must"
            else:
                kind = "must" if mark == "+" or joined == "AND" else "should"
            clauses += [(kind, one) for one in made]
        if not clauses:
            return Nothing()
        if len(clauses) == 1 and clauses[0][0] != "must_not":
            return clauses[0][1]
        kinds: dict[str, Any] = {}
        for kind, one in clauses:
            kinds[kind] = (*kinds.get(kind, ()), one)
        return Bool(**kinds)

    def _clauses(self, fields: Fields, depth: int) -> list[Clause]:
        """One clause, or one for each of several words in a single field."""
        token = self._peek()
        if token.kind in ("word", "phrase") and self._peek(1) == Token("sign", ":"):
            self._next += 2
            return [self._named(unescaped(token.text), depth)]
        if token.kind == "word" and not self._wild(token.text) and not _COMPARED.match(token.text):
            texts = [token.text]
            while self._goes_on(len(texts)):
                texts.append(self._peek(len(texts)).text)
            if len(texts) > 1:
                self._next += len(texts)
                parts = [unescaped(one) for one in texts]
                alone = len(fields) == 1 and not self._texts.every
                texts = parts if alone else [" ".join(parts)]
                return [self._texts.words(one, fields) for one in texts if not self._texts.silent(one, fields)]
            if self._texts.silent(unescaped(token.text), fields):
                self._next += 1
                return []
        return [self._one(fields, depth)]

    def _goes_on(self, ahead: int) -> bool:
        """Whether the word `ahead` belongs to the same text."""
        token, after = self._peek(ahead), self._peek(ahead + 1)
        plain = token.kind == "word" and not self._wild(token.text) and not _COMPARED.match(token.text)
        return plain and not (after.kind == "sign" and after.text in (":", "~", "^", "AND", "OR"))

    def _wild(self, text: str) -> bool:
        return bool(re.search(r"(?<!\\)[*?]", text))

    def _named(self, name: str, depth: int) -> Clause:
        if name == "_exists_":
            token = self._peek()
            self._next += 1
            return exists(self._texts.reader, {"field": unescaped(token.text)}, f"{self._texts.at}.query")
        if name == "*" and self._peek().text == "*":
            self._next += 1
            return All()
        return self._one(named_fields(self._texts.reader, [name], f"{self._texts.at}.query"), depth)

    def _one(self, fields: Fields, depth: int) -> Clause:
        token = self._peek()
        self._next += 1
        if token == Token("sign", "("):
            found = self._group(fields, depth + 1)
            if self._sign(")") is None:
                raise self._wrong("a parenthesis is not closed")
        elif token.kind == "phrase":
            slop = self._number() if self._sign("~") else None
            text = unescaped(token.text[1:-1])
            found = self._texts.phrase(text, self._texts.slop if slop is None else int(slop), fields)
        elif token.kind == "range":
            bounds = _RANGE.fullmatch(token.text)
            if bounds is None:
                raise self._wrong("a range is [low TO high]")
            found = self._texts.between(bounds[2], bounds[3], bounds[1] == "{", bounds[4] == "}", fields)
        elif token.kind == "word":
            found = self._word(token.text, fields)
        else:
            raise self._wrong(f"{token.text or 'the end'} where a word is expected")
        if self._sign("^"):
            boost = self._number()
            if boost is None:
                raise self._wrong("^ needs a number")
            found = replace(found, boost=found.boost * boost)
        return found

    def _word(self, text: str, fields: Fields) -> Clause:
        if compared := _COMPARED.fullmatch(text):
            sign, bound = compared[1], compared[2]
            low, high = (bound, "*") if sign[0] == ">" else ("*", bound)
            return self._texts.between(low, high, sign == ">", sign == "<", fields)
        if self._wild(text):
            return self._texts.pattern(text, fields)
        if self._sign("~"):
            edits = self._number()
            return self._texts.fuzzy(unescaped(text), "AUTO" if edits is None else str(min(int(edits), 2)), fields)
        return self._texts.words(unescaped(text), fields)

    def _number(self) -> float | None:
        """The number that follows, None when there is none."""
        token = self._peek()
        number = body.numeric(token.text) if token.kind == "word" else None
        if number is None or not 0 <= number < 1e6:
            return None
        self._next += 1
        return number


def written(value: object, at: str) -> str:
    """The text of a query. Raises QueryError for one that is too long to read in reasonable time."""
    text = body.string(value, at)
    if len(text) > _LONGEST:
        raise body.wrong(f"a query has at most {_LONGEST} characters", at, len(text), "Search for less, or use match.")
    return text


def query_string(reader: Reader, value: object, at: str) -> Clause:
    found, shared = options(value, at, [*KNOWN, *_OWN])
    text = written(found.get("query"), f"{at}.query")
    minimum = found.get("minimum_should_match")
    least = None if minimum is None else checked_least(minimum, f"{at}.minimum_should_match")
    made = _Parser(text, Texts(reader, found, at), least).read()
    return replace(made, boost=made.boost * shared.get("boost", 1.0), name=shared.get("name", ""))
