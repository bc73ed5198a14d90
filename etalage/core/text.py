"""One normaliser and one tokenizer, the same on both engines.

`tokens()` reproduces, in Python, the analyzer that `opensearch/templates` configures on the node: Lucene's `standard`
tokenizer (Unicode text segmentation, UAX #29, restricted to the rules that matter for shop text), emoji dropped,
`cjk_width`, `lowercase`, `asciifolding`, `cjk_bigram`, and the English Snowball stemmer (`porter2`). A contract test
compares it with the node's `_analyze`. Token ids are 32-bit hashes, so that features need no strings.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final, NamedTuple
from zlib import crc32

import Stemmer

MAX_TOKEN: Final = 255
"""Longest token in characters; longer words are cut into pieces, as the node's tokenizer does."""

_SHORT: Final = 48
"""Characters of the longest text whose stems are remembered: brands, categories and values of attributes repeat."""

NONE, NUMBER, MODEL = 0, 1, 2
"""Kinds of token: a word, a number (`12`, `3.5`), a model number (letters and digits mixed, `mx500`)."""

_CJK = "\u1100-\u11ff\u3005\u3007\u3040-\u30ff\u3130-\u318f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003134f"
_MID_LETTER = ":\u00b7\u0387\u055f\u05f4\u2027\ufe13\ufe55\uff1a"
_MID_BOTH = ".'\u2018\u2019\u2024\ufe52\uff07\uff0e"
_MID_NUMBER = ",;\u037e\u0589\u060c\u060d\u066c\u2044\ufe10\ufe14\ufe50\ufe54\uff0c\uff1b"
_OTHER_NUMBER = (
    "\u00b2\u00b3\u00b9\u00bc-\u00be\u2070\u2074-\u2079\u2080-\u2089\u2150-\u215f\u2189\u2460-\u249b\u24ea-\u24ff"
    "\u2776-\u2793\u3192-\u3195\u3220-\u3229\u3248-\u324f\u3251-\u325f\u3280-\u3289\u32b1-\u32bf"
)
"""Superscripts, fractions, circled numbers: digits to Python, but no part of a word to UAX #29 (`m²` is `m`)."""
_HANGUL = "\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff"
"""A word of Hangul alone gives bigrams; beside Latin letters or digits Hangul is a letter like others (`5개`)."""
_LETTER = rf"(?:[^\W\d_{_CJK}{_OTHER_NUMBER}]|[{_HANGUL}])"
_MARK = "\u00ad\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u200c-\u200f\u202a-\u202e\u2060-\u2064\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\ufeff"
_WORD = re.compile(
    rf"(?P<cjk>(?:(?![{_HANGUL}])[{_CJK}][{_MARK}]*|[{_HANGUL}][{_HANGUL}{_MARK}]*+(?![^\W{_CJK}{_OTHER_NUMBER}]|[{re.escape(_MID_LETTER + _MID_BOTH)}]{_LETTER}))+)"
    rf"|(?:[^\W{_CJK}{_OTHER_NUMBER}]|[{_HANGUL}]|(?<=[^\W_{_CJK}{_OTHER_NUMBER}])[{_MARK}]"
    rf"|(?:(?<=[^\W\d_{_CJK}{_OTHER_NUMBER}])|(?<=[{_HANGUL}]))[{re.escape(_MID_LETTER + _MID_BOTH)}](?={_LETTER})"
    rf"|(?<=\d)[{re.escape(_MID_NUMBER + _MID_BOTH)}](?=\d))+"
)
_ASCII_WORD = re.compile(
    r"[A-Za-z0-9_]+(?:(?:(?<=[A-Za-z])[:.'](?=[A-Za-z])|(?<=[0-9])[,;.'](?=[0-9]))[A-Za-z0-9_]+)*"
)
"""What `_WORD` finds in ASCII, at a third of the time."""
_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_HALF_KANA = {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFF66, 0xFF9E)}
_VOICED = re.compile("[\u30a6-\u30fd]?[\uff9e\uff9f]")
_FOLD = str.maketrans(
    {"ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ð": "d"}
    | {"Ð": "D", "þ": "th", "Þ": "TH", "ł": "l", "Ł": "L", "ı": "i", "ħ": "h", "Ħ": "H", "ŧ": "t", "Ŧ": "T", "ŋ": "n"}
    | {"ſ": "s", "ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬆ": "st", "ĳ": "ij", "Ĳ": "IJ"}
    | {"\u2018": "'", "\u2019": "'", "\u02bc": "ʼ"}
)
_STEMMER = Stemmer.Stemmer("english", 0)


class Token(NamedTuple):
    """One token: its folded surface form, its stem, and its kind (`NONE`, `NUMBER` or `MODEL`)."""

    surface: str
    stem: str
    kind: int


def normalize(text: str) -> str:
    """`text` for storage: Unicode NFC, control characters and runs of white space as one blank, trimmed."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    if text.isprintable():
        # The only white space that is printable is the blank, and most text has no blank too many.
        if "  " not in text and text[:1] != " " and text[-1:] != " ":
            return text
        return " ".join(text.split())
    return " ".join("".join(c if c.isprintable() else " " for c in text).split()) if text else ""


@lru_cache(maxsize=1 << 17)
def _token(word: str) -> Token:
    surface = word
    if not word.isascii():
        surface = _ascii(_lower(word.translate(_WIDTH)))
    else:
        surface = word.lower()
    digits = any(c.isdigit() for c in surface)
    kind = NONE
    if digits:
        kind = MODEL if any(c.isalpha() for c in surface) else NUMBER
    return Token(surface, str(_STEMMER.stemWord(surface)), kind)


def _lower(text: str) -> str:
    """Lower case letter by letter, as Lucene's `lowercase`: `İ` leaves no dot, `Σ` is `σ` also at the end of a word."""
    return text.replace("İ", "i").replace("Σ", "σ").lower()


def _ascii(text: str) -> str:
    """Latin letters with marks to plain letters, as Lucene's `asciifolding` (other scripts keep theirs)."""
    folded = []
    for char in text.translate(_FOLD):
        if char.isascii() or char in "ªº":
            folded.append(char)
            continue
        base = unicodedata.normalize("NFD", char)[0]
        folded.append(base if base.isascii() and base.isalnum() else char)
    return "".join(folded)


def tokenize(text: str) -> list[Token]:
    """The tokens of `text`, in order.

    Runs of Chinese, Japanese or Korean characters give overlapping bigrams, a lone character itself. Everything else
    follows UAX #29: letters and digits stay together, an apostrophe or full stop between letters and a full stop or comma
    between digits belong to the word.
    """
    found: list[Token] = []
    if text.isascii():
        words = _ASCII_WORD.findall(text)
        if "_" not in text and max(map(len, words), default=0) <= MAX_TOKEN:
            return list(map(_token, words))
    for match in _WORD.finditer(text):
        word = match.group()
        if match.lastgroup == "cjk":
            found.extend(_bigrams(word))
        elif len(word) <= MAX_TOKEN:
            if word.strip("_"):
                found.append(_token(word))
        else:
            found.extend(_token(word[i : i + MAX_TOKEN]) for i in range(0, len(word), MAX_TOKEN))
    return found


def _full(run: str) -> str:
    """Kana of half width in full width."""
    return _VOICED.sub(lambda found: unicodedata.normalize("NFKC", found.group()), run.translate(_HALF_KANA))


def _bigrams(run: str) -> list[Token]:
    run = _full(run)
    if len(run) == 1:
        return [Token(run, run, NONE)]
    return [Token(run[i : i + 2], run[i : i + 2], NONE) for i in range(len(run) - 1)]


def located(text: str) -> list[tuple[str, int, int]]:
    """The stems of `text`, each with the characters [start, end) that it was made of."""
    if text.isascii() and "_" not in text and len(text) <= MAX_TOKEN:
        return [(_token(match.group()).stem, match.start(), match.end()) for match in _ASCII_WORD.finditer(text)]
    found: list[tuple[str, int, int]] = []
    for match in _WORD.finditer(text):
        start, word = match.start(), match.group()
        for number, token in enumerate(tokenize(word)):
            if match.lastgroup != "cjk":
                cut = number * MAX_TOKEN
                found.append((token.stem, start + cut, min(start + cut + MAX_TOKEN, match.end())))
            else:
                # A voiced mark of half width is a letter of its own only in the text.
                end = start + number + len(token.stem) if len(_full(word)) == len(word) else match.end()
                found.append((token.stem, start + number, end))
    return found


def stems(text: str) -> list[str]:
    """The index terms of `text`: what `_analyze` of the node gives."""
    return [*_known_stems(text)] if len(text) <= _SHORT else [token.stem for token in tokenize(text)]


@lru_cache(maxsize=1 << 15)
def _known_stems(text: str) -> tuple[str, ...]:
    return tuple(token.stem for token in tokenize(text))


@lru_cache(maxsize=1 << 17)
def token_id(term: str) -> int:
    """A stable 32-bit id of a term (CRC-32 of its UTF-8 bytes); 0 is kept for 'no token'."""
    return crc32(term.encode()) or 1


def compact(text: str) -> str:
    """A model or article number without punctuation, lower case: `MX-500 a` → `mx500a`."""
    if text.isascii():
        return "".join(filter(str.isalnum, text.lower()))
    return "".join(c for c in _ascii(_lower(text.translate(_WIDTH))) if c.isalnum())


def fold(text: str) -> str:
    """A query or prefix for comparing: NFKC, lower case, marks removed, white space collapsed."""
    return _ascii(" ".join(_lower(unicodedata.normalize("NFKC", text)).replace("ς", "σ").split()))
