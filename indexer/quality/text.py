"""Repairs of a product's text: mojibake, characters that cannot be seen, repeated punctuation."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from etalage.core.records import Product
from indexer.quality.rules import Note, Rules

_CP1252: Final = {bytes([code]).decode("cp1252", "replace"): code for code in range(0x80, 0x100)}
_BYTE: Final = {chr(code): code for code in range(0x80, 0x100)} | {
    char: code for char, code in _CP1252.items() if char != "\ufffd"
}
"""The byte that a character was decoded from, by Windows-1252 or, where that has none, Latin-1."""

_TAIL: Final = "[" + re.escape("".join(char for char, code in _BYTE.items() if code < 0xC0)) + "]"
_SEQUENCE: Final = re.compile(rf"[\u00c2-\u00df]{_TAIL}|[\u00e0-\u00ef]{_TAIL}{{2}}|[\u00f0-\u00f4]{_TAIL}{{3}}")
"""A character of two to four UTF-8 bytes, each shown as a character of its own."""
_STRONG: Final = "ÂÃâð"
"""Lead bytes that hardly stand before such a tail in a written language; others need company."""
_COMPANY: Final = 3
_BARE: Final = re.compile(r"(?<=[^\W\dA-ZÀ-ÞÂÃ_])Ã (?=\w)|(?<![^\W_])Ã (?=[a-z])|(?<=[0-9a-z.,;:!?)])Â (?=\S)")
"""`Ã` and `Â` whose second byte was a no-break space that cleaning has turned into a blank."""

_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064"
    "\u2066-\u206f\ufeff\ufff9-\ufffb]"
)
"""Control, zero-width and direction characters; the joiners that Persian, Hindi and emoji are written with stay."""
_REPEATED: Final = re.compile(r"([!?])\1+|([,;~=_|-])\2{2,}|\.{4,}")
_SPACES: Final = re.compile(r"\s\s+|[\t\n\r]")
_RUNS: Final = ("  ", "!!", "??", ",,,", ";;;", "~~~", "===", "___", "|||", "---", "....")
"""One of these is in every printable text that has something repeated."""
_SHOUTED: Final = re.compile(r"[^\W\d_]{4,}")

_Repair = Callable[[str], str]
_BORDER: Final = "/"
"""Between the texts of a product when all are looked through at once: part of no pattern above."""


def repair(text: str) -> str:
    """Text whose UTF-8 was read as Windows-1252 and encoded again, as it was; other text as it is.

    A sequence is repaired when it decodes, to a letter or sign that can be printed; one whose lead is also a letter of
    real words only in the company of others.
    """
    if text.isascii():
        return text
    weak = sum(match.group()[0] not in _STRONG for match in _SEQUENCE.finditer(text)) >= _COMPANY

    def decoded(match: re.Match[str]) -> str:
        found = match.group()
        if found[0] not in _STRONG and not weak:
            return found
        try:
            char = bytes(_BYTE[one] for one in found).decode()
        except UnicodeDecodeError:
            return found
        before = text[match.start() - 1 : match.start()]
        # `AVELÃ®` is a word in capitals with a sign after it.
        if before.isupper() and char.islower() and found[-1] in "®™©":
            return found
        return char if char.isprintable() or char == "\u00a0" else found

    made = _SEQUENCE.sub(decoded, text)
    if made != text or "Ã " in text or "Â " in text:
        made = _BARE.sub(lambda match: "à " if match.group()[0] == "Ã" else " ", made)
    return unicodedata.normalize("NFC", made) if suspicious(made) < suspicious(text) else text


def suspicious(text: str) -> int:
    """How many characters look like a part of a wrongly decoded sequence."""
    return sum(len(match.group()) for match in _SEQUENCE.finditer(text)) + len(_BARE.findall(text))


def visible(text: str) -> str:
    """Text without characters that cannot be seen."""
    return text if text.isascii() and text.isprintable() else _UNSEEN.sub("", text)


def calm(text: str) -> str:
    """Text with repeated punctuation and white space once (an ellipsis stays)."""
    text = _REPEATED.sub(lambda match: match.group(1) or match.group(2) or "...", text)
    return _SPACES.sub(" ", text).strip()


def shouts(title: str) -> bool:
    """Whether a title is written in capitals: two words or more, none with a small letter."""
    return title.upper() == title and title.lower() != title and len(_SHOUTED.findall(title)) > 1


def _decoded_wrongly(text: str) -> bool:
    # Most text is ASCII, which was never decoded wrongly.
    return not text.isascii() and any(pattern.search(text) for pattern in (_SEQUENCE, _BARE))


def _unseen(text: str) -> bool:
    # What cannot be seen cannot be printed either.
    return not text.isprintable() and _UNSEEN.search(text) is not None


def _repetitive(text: str) -> bool:
    # Looking for each of these is far quicker than for the patterns that they begin; what is printable has no other white
    # space than blanks.
    if text.isprintable() and not any(run in text for run in _RUNS):
        return False
    return any(pattern.search(text) for pattern in (_REPEATED, _SPACES))


_REPAIRS: Final[tuple[tuple[str, Callable[[str], bool], _Repair], ...]] = (
    ("mojibake", _decoded_wrongly, repair),
    ("control_characters", _unseen, visible),
    ("repetition", _repetitive, calm),
)
"""Each rule with what is so of every text that it changes, and of texts that one is a part of."""


def repaired(product: Product, rules: Rules) -> tuple[Product, list[Note]]:
    """The product with its text repaired, and what was done."""
    notes: list[Note] = []
    values = (value for values in product.attributes.values() for value in values)
    texts = (product.title, product.description, product.brand, *product.category, *values)
    whole = _BORDER.join(texts)
    for rule, concerns, fix in _REPAIRS:
        if not rules.on(rule) or not concerns(whole):
            continue
        made = _everywhere(product, fix)
        if made is not product:
            notes.append(Note(rule, "fixed", _first_change(product, made)))
            product = made
    if rules.on("shouting") and shouts(product.title):
        notes.append(Note("shouting", "flagged", product.title))
    return product, notes


def _everywhere(product: Product, fix: _Repair) -> Product:
    def fixed(text: str) -> str:
        # What a repair would leave empty stays: a product keeps its title.
        return fix(text) or text

    title, description, brand = fixed(product.title), fixed(product.description), fixed(product.brand)
    category = tuple(fixed(part) for part in product.category)
    attributes = {name: tuple(fixed(value) for value in values) for name, values in product.attributes.items()}
    same = (title, description, brand, category) == (
        product.title, product.description, product.brand, product.category,
    )  # fmt: skip
    if same and attributes == product.attributes:
        return product
    return replace(product, title=title, description=description, brand=brand, category=category, attributes=attributes)


def _first_change(before: Product, after: Product) -> str:
    for name in ("title", "brand", "description", "category"):
        one, other = str(getattr(before, name)), str(getattr(after, name))
        if one != other:
            return f"{name}: {_around(one, other)}"
    name = next(name for name in before.attributes if before.attributes[name] != after.attributes[name])
    return f"{name}: {_around(' '.join(before.attributes[name]), ' '.join(after.attributes[name]))}"


def _around(before: str, after: str) -> str:
    """The place where two texts begin to differ, as it was and as it is."""
    at = next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after)))
    start = max(0, at - 15)
    return f"{before[start : at + 25]} → {after[start : at + 25]}"
