"""Chinese as it is typed on a Latin keyboard: whole syllables (`shafa` for 沙发) and their first letters (`sf`).

Readings are those of the library pypinyin (https://pypinyin.readthedocs.io), the most frequent one of each character in its phrase.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_HAN: Final = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
_ENDS: Final = (2, 3, 4)
"""Characters at the end of a text that can be typed alone: Chinese names put the thing last (红色沙发, a red sofa)."""


def is_chinese(text: str) -> bool:
    """Whether a text has Chinese characters."""
    return not text.isascii() and _HAN.search(text) is not None


def romanized(text: str) -> str:
    """A text with its Chinese characters as pinyin without tones, side by side; the rest as it is."""
    return "".join(_syllables(text)).replace("ü", "v")


def aliases(text: str) -> Iterator[str]:
    """What else completes to a folded text: its pinyin and its initials, and those of its last two, three and four characters."""
    if not is_chinese(text):
        return
    parts = _syllables(text)
    letters = [part[0] if _HAN.match(char) else part for char, part in zip(_pieces(text), parts, strict=True)]
    for start in (0, *(len(parts) - size for size in _ENDS if size < len(parts))):
        for one in ("".join(parts[start:]), "".join(letters[start:])):
            found = one.replace("ü", "v").strip()
            if len(found) > 1:
                yield found


def _pieces(text: str) -> list[str]:
    """Each Chinese character, and each run of others."""
    return [piece for piece in re.split(f"({_HAN.pattern})", text) if piece]


def _syllables(text: str) -> list[str]:
    """The pieces of a text, Chinese characters as pinyin."""
    from pypinyin import Style, lazy_pinyin  # here, since loading its dictionaries takes longer than most commands

    pieces = _pieces(text)
    read = iter(lazy_pinyin("".join(piece for piece in pieces if _HAN.match(piece)), style=Style.NORMAL))
    return [next(read) if _HAN.match(piece) else piece for piece in pieces]
