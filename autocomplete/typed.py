"""What was typed, as the index compares it."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from etalage.core.text import fold

MAX_PREFIX: Final = 200
"""Characters of a prefix that count."""

_GAP: Final = re.compile(r"(?:(?!(?<=\d)[.,](?=\d))[^0-9a-z\x80-\U0010ffff])+")
"""Everything in ASCII that is no letter or digit, but a point or comma between digits."""

_MARKS: Final = {
    code: None if kind == "Cf" else " "
    for code in range(0x80, 0x20000)
    if (kind := unicodedata.category(chr(code)))[0] in "PSZ" or kind in ("Cc", "Cf")
}
"""Beyond ASCII: punctuation, symbols (emoji) and blanks part words, invisible characters (direction, joiners) are not there."""


def key(text: str) -> str:
    """A text as it is compared: folded, its words and numbers parted by single blanks."""
    folded = text.lower() if text.isascii() else fold(text.translate(_MARKS)).translate(_MARKS)
    if folded.replace(" ", "").isalnum() and "  " not in folded:
        return folded.strip()
    return _GAP.sub(" ", folded).strip()


def prefix_key(prefix: str) -> str:
    """What was typed so far, as it is compared: a blank at its end says that the last word is whole.

    At most `MAX_PREFIX` characters count.
    """
    cut = prefix[:MAX_PREFIX]
    typed = key(cut)
    return f"{typed} " if typed and cut[-1].isspace() else typed
