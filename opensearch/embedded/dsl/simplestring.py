"""`simple_query_string`: words, "phrases", prefix*, fuzzy~1, + | - and parentheses; whatever cannot be read is a
word."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from opensearch.embedded.dsl import body
from opensearch.embedded.dsl.clauses import All, Clause, Nothing
from opensearch.embedded.dsl.compound import Bool, checked_least
from opensearch.embedded.dsl.querystring import KNOWN, Fields, Texts, unescaped, written
from opensearch.embedded.dsl.reader import MAX_DEPTH, Reader, options
from opensearch.embedded.dsl.terms import plain

_FLAGS: Final = (
    "all",
    "none",
    "and",
    "not",
    "or",
    "prefix",
    "phrase",
    "precedence",
    "escape",
    "whitespace",
    "fuzzy",
    "near",
    "slop",
)
_PIECE: Final = re.compile(
    r'(?P<blank>\s+)|(?P<phrase>"(?:[^"\\]|\\.)*")(?:~(?P<slop>\d{1,4}))?|(?P<sign>[+|\-()])'
    r'|(?P<word>(?:\\.|[^\s+|()"])+)|(?P<other>.)',
    re.DOTALL,
)
_FUZZY: Final = re.compile(r"(.+)~(\d?)", re.DOTALL)


class _Parser:
    """Reads one query; each operator that differs from the one before takes what stands before it as its first part."""

    def __init__(self, text: str, texts: Texts, minimum: str | None) -> None:
        self._pieces = [found for found in _PIECE.finditer(text) if found.lastgroup != "other"]
        self._texts, self._fields, self._minimum, self._next = texts, texts.default, minimum, 0

    def read(self, depth: int = 0) -> Clause | None:
        """The clause up to the end or a closing parenthesis; None when there is none."""
        top: Clause | None = None
        before = operation = None
        negated = False
        while self._next < len(self._pieces):
            piece = self._pieces[self._next]
            self._next += 1
            sign = piece["sign"]
            if sign == ")":
                if depth:
                    break
                continue
            if piece["blank"] is not None:
                continue
            if sign == "+" or sign == "|":
                operation = "must" if sign == "+" else "should"
                continue
            if sign == "-" and self._next < len(self._pieces) and self._pieces[self._next]["blank"] is None:
                negated = not negated
                continue
            if sign == "-":
                continue
            if sign == "(":
                # Deeper ones are read as if they were not there.
                branch = self.read(depth + 1) if depth < MAX_DEPTH else None
            else:
                branch = self._piece(piece)
            if branch is None:
                negated, operation = False, None
                continue
            if negated:
                branch = Bool(must_not=(branch,), should=(All(),))
            if top is None:
                top = branch
            else:
                operation = operation or ("must" if self._texts.every else "should")
                top = _joined(top, branch, operation, before == operation)
                before = operation
            negated, operation = False, None
        return top

    def _piece(self, piece: re.Match[str]) -> Clause | None:
        fields: Fields = self._fields
        if piece["phrase"] is not None:
            return self._texts.phrase(unescaped(piece["phrase"][1:-1]), int(piece["slop"] or 0), fields)
        text = piece["word"]
        if text.endswith("*") and not text.endswith("\\*") and len(text) > 1:
            return self._texts.pattern(plain(unescaped(text[:-1])) + "*", fields)
        if fuzzy := _FUZZY.fullmatch(text):
            return self._texts.fuzzy(unescaped(fuzzy[1]), str(min(int(fuzzy[2]), 2)) if fuzzy[2] else "2", fields)
        if text == "*":
            return All()
        words = unescaped(text)
        return None if self._texts.silent(words, fields) else self._texts.words(words, fields)


def _joined(top: Clause, branch: Clause, operation: str, same: bool) -> Bool:
    """`top` and `branch` under an operator; one more part of `top` when it has the same operator."""
    before = (*getattr(top, operation),) if same and isinstance(top, Bool) else (top,)
    return Bool(must=(*before, branch)) if operation == "must" else Bool(should=(*before, branch))


def simple_query_string(reader: Reader, value: object, at: str) -> Clause:
    found, shared = options(value, at, [*KNOWN, "flags", "quote_field_suffix"])
    text = written(found.get("query"), f"{at}.query")
    if "flags" in found and isinstance(found["flags"], str):
        for one in found["flags"].split("|"):
            body.choice(one.strip(), f"{at}.flags", _FLAGS)
    minimum = found.get("minimum_should_match")
    least = None if minimum is None else checked_least(minimum, f"{at}.minimum_should_match")
    made = _Parser(text, Texts(reader, found, at, tie_breaker=1.0), least).read() or Nothing()
    if least is not None and isinstance(made, Bool):
        made = replace(made, minimum=least)
    return replace(made, boost=made.boost * shared.get("boost", 1.0), name=shared.get("name", ""))
