"""What a query says besides what it is about: bounds of the price, what it does not want, names that the catalog uses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from etalage.core.text import NONE, Token, tokenize
from opensearch.engine import Lacks, Range
from ranker.vocabulary import Facts, Value, Vocabulary

_AMOUNT: Final = r"(?:\d{1,3}(?:,\d{3})+|\d{1,7})(?:\.\d{1,2})?"
_SIGN: Final = r"[$€£¥₹]"
_NAME: Final = r"(?:dollars?|usd|bucks|euros?|eur|gbp|quid|yen|jpy|yuan|rmb|cny|rupees?|inr|chf)\b"


def _money(number: int) -> str:
    """A pattern of an amount with or without its currency."""
    return rf"(?P<sign{number}>{_SIGN})? ?(?P<amount{number}>{_AMOUNT})(?: ?(?P<name{number}>{_SIGN}|{_NAME}))?"


_UPPER: Final = r"under|below|less than|cheaper than|lower than|not more than|no more than|up to|at most|maximum|max"
_LOWER: Final = r"over|above|more than|at least|starting (?:at|from)|minimum|min"
_ENDS: Final = r"(?=\s*(?:$|[,;?!]|\bfor\b|\bwith\b|\band\b|\bthat\b))"
_NOT: Final = (
    r"(?:(?:do|does|is|must|should|can)(?: not|n['’]t)|cannot|not|no)\s+(?:(?:be|cost|pay|spend|priced)\s+){0,2}"
)
_STRICT: Final = ("under", "below", "less than", "cheaper than", "lower than", "over", "above", "more than")

_ONE: Final = re.compile(
    rf"(?<![\w-])(?:price |priced |cost |costs |costing )?(?P<not>{_NOT})?(?P<word>{_UPPER}|{_LOWER})\s+{_money(1)}"
    rf"(?P<end>{_ENDS})?",
    re.IGNORECASE,
)
_TWO: Final = re.compile(
    rf"(?<![\w-])(?P<word>between|from)\s+{_money(1)}\s*(?:and|to|-|–)\s*{_money(2)}(?P<end>{_ENDS})?"
    rf"|(?<![\w$€£-]){_money(3)} ?(?:to|-|–) ?{_money(4)}(?![\w./])",
    re.IGNORECASE,
)
_CHINESE: Final = re.compile(
    r"(?P<low>\d{1,7})\s*[-到至~]\s*(?P<high>\d{1,7})\s*(?:元|块钱?)"
    r"|(?P<upto>\d{1,7})\s*(?:元|块钱?)\s*(?:以下|以内|之内)|(?:低于|不超过|少于)\s*(?P<below>\d{1,7})\s*(?:元|块钱?)"
    r"|(?P<from>\d{1,7})\s*(?:元|块钱?)\s*以上|(?:高于|超过)\s*(?P<above>\d{1,7})\s*(?:元|块钱?)"
)
_AFTER: Final = re.compile(r"(?![\w/%\"″'′]|[.,]\d|-\d|\s*[x×*]\s*\d)")
"""What may come after an amount: a number that goes on is a size or a part of a name."""

_CURRENCIES: Final = {
    "$": "USD CAD AUD NZD SGD HKD MXN",
    "dollar": "USD CAD AUD NZD SGD HKD",
    "usd": "USD",
    "buck": "USD CAD AUD",
    "€": "EUR",
    "euro": "EUR",
    "eur": "EUR",
    "£": "GBP",
    "gbp": "GBP",
    "quid": "GBP",
    "¥": "JPY CNY",
    "yen": "JPY",
    "jpy": "JPY",
    "yuan": "CNY",
    "rmb": "CNY",
    "cny": "CNY",
    "₹": "INR",
    "rupee": "INR",
    "inr": "INR",
    "chf": "CHF",
}
_WHOLE: Final = frozenset("JPY KRW VND CLP ISK HUF XAF XOF".split())
"""Currencies without smaller units."""
_PRICED: Final = 0.5
"""Share of products with a price, below which no bound is applied: it would hide all others."""

_NEGATION: Final = re.compile(
    r"(?<![\w-])(?P<word>without|with no|w/o|excluding|except|not)\s+(?P<what>(?:an? |any |the )?[^\W\d_]{3,})"
    r"(?P<next> [^\W\d_]{3,})?(?![\w-])(?P<last>\W*$)?",
    re.IGNORECASE,
)
_FILLING: Final = frozenset("a an any the for with and or in on at more less than only included".split())
_NAMED: Final = 2
"""Of the products with a word, one in so many has it after `without` and the like where this is a name (`Doctors without Borders`)."""

_LONGEST_NAME: Final = 4


@dataclass(frozen=True, slots=True)
class Found:
    """Words of a query that mean something of their own: where they are, as they were typed, what was made of them, the filter that
    this is, and whether titles say it in these words, so that they stay."""

    start: int
    end: int
    typed: str
    meant: str
    filter: Range | Lacks
    said: bool = False


def price(query: str, facts: Facts | None) -> Found | None:
    """Bounds of the price that are certain: with a currency that is the catalog's, or an upper one without, at the end, that
    is a likely price in the catalog. None where there are none, or too few products have a price."""
    if facts is None or facts.priced < _PRICED:
        return None
    for pattern in (_TWO, _ONE, _CHINESE):
        for match in pattern.finditer(query):
            if pattern is _CHINESE or _AFTER.match(query, match.end()):
                found = _chinese(match, facts) if pattern is _CHINESE else _bounds(match, facts)
                if found is not None:
                    return Found(match.start(), match.end(), match.group().strip(), shown(found, facts), found)
    return None


def shown(bounds: Range, facts: Facts) -> str:
    """Bounds as they are reported, in minor units as filters are written."""
    low = "" if bounds.low is None else f"{bounds.low:g}"
    high = "" if bounds.high is None else f"{bounds.high:g}"
    return f"price:{low}..{high}" + (f" {facts.currency}" if facts.currency else "")


def _bounds(match: re.Match[str], facts: Facts) -> Range | None:
    groups = match.groupdict()
    numbers = [number for number in "1234" if groups.get(f"amount{number}")]
    named = [groups[key] for number in numbers for key in (f"sign{number}", f"name{number}") if groups.get(key)]
    if not all(_is(one, facts.currency) for one in named):
        return None
    values = [float(groups[f"amount{number}"].replace(",", "")) * _minor(facts.currency) for number in numbers]
    word = re.sub(r"\s+", " ", (groups.get("word") or "").lower())
    negated = bool(groups.get("not"))  # `must not cost more than`
    upper = (re.fullmatch(_UPPER, word) is not None) != negated
    # A bare number above which something should be is a size as often as a price (`monitor over 27`).
    bare = (upper or len(values) == 2) and word and groups.get("end") is not None
    if not named and not (bare and all(facts.low <= value <= facts.high for value in values)):
        return None
    if len(values) == 2:
        return Range("price", values[0], values[1]) if values[0] < values[1] else None
    strict = (word in _STRICT) != negated
    if upper:
        return Range("price", None, values[0], open_high=strict)
    return Range("price", values[0], None, open_low=strict)


def _chinese(match: re.Match[str], facts: Facts) -> Range | None:
    if facts.currency not in ("", "CNY"):
        return None
    found = {name: float(value) * 100 for name, value in match.groupdict().items() if value}
    low, high = (
        (found.get("low", found.get("from", found.get("above")))),
        found.get("high", found.get("upto", found.get("below"))),
    )
    return Range("price", low, high, "above" in found, "below" in found)


def _is(named: str, currency: str) -> bool:
    name = named.lower()
    known = _CURRENCIES.get(name) or _CURRENCIES.get(name.removesuffix("s")) or ""
    return not currency or currency in known.split()


def _minor(currency: str) -> int:
    return 1 if currency in _WHOLE else 100


def negations(query: str, vocabulary: Vocabulary | None) -> list[Found]:
    """What a query does not want: the word after `without` and the like, or after `not` a colour, size or brand, or the last word, where
    the catalog has the word. What follows `no` alone stays: it is part of a name more often (`no frost`, `no burn`)."""
    found: list[Found] = []
    if vocabulary is None:
        return found
    for match in _NEGATION.finditer(query):
        what, follows = match["what"].split()[-1], (match["next"] or "").strip()
        if not _unwanted(match, what, vocabulary):
            continue
        end = match.end("what")
        if follows and vocabulary.together(what, follows):
            what, end = f"{what} {follows}", match.end("next")
        what = what.lower()
        said = bool(vocabulary.together(match["word"], what))
        found.append(Found(match.start(), end, query[match.start() : end], f"without:{what}", Lacks(what), said))
    return found


def _unwanted(match: re.Match[str], what: str, vocabulary: Vocabulary) -> bool:
    """Whether a word is a thing that somebody does not want, and no part of a name."""
    known = [token.surface for token in tokenize(what)]
    word = match["word"].lower()
    if what.lower() in _FILLING or len(known) != 1 or not vocabulary.count(known[0]):
        return False
    if _NAMED * vocabulary.together(word, what) > vocabulary.count(known[0]):
        return False  # titles have both words as a name
    # After `not` often comes what somebody does (`not working`).
    ends = match["last"] is not None and not match["next"] and not what.lower().endswith("ing")
    return word != "not" or ends or bool(list(names(tokenize(what), vocabulary)))


def without(query: str, found: list[Found]) -> str:
    """A query without some of its words; those that titles say stay."""
    pieces, end = [], 0
    for one in sorted((one for one in found if not one.said), key=lambda one: one.start):
        pieces.append(query[end : one.start])
        end = max(end, one.end)
    return " ".join(" ".join([*pieces, query[end:]]).split())


def names(tokens: list[Token], vocabulary: Vocabulary) -> list[tuple[str, Value]]:
    """Names of brands, categories, colours and sizes in a query, the longest first at each place; (typed, name)."""
    found: list[tuple[str, Value]] = []
    at = 0
    while at < len(tokens):
        for size in range(min(_LONGEST_NAME, len(tokens) - at), 0, -1):
            part = tokens[at : at + size]
            value = vocabulary.values.get(" ".join(token.stem for token in part))
            if value is not None and any(token.kind == NONE for token in part):
                found.append((" ".join(token.surface for token in part), value))
                at += size - 1
                break
        at += 1
    return found
