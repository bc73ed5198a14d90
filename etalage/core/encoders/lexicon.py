"""Common words of a language, as the vocabulary of a text encoder has them: words that are no slips, whether a shop sells them or
not."""

from __future__ import annotations

import logging
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import orjson

log = logging.getLogger(__name__)

_MARKS: Final = "▁Ġ"
"""With these, vocabularies of SentencePiece and byte-pair encoding mark that a word starts."""
_SHORTEST: Final = 4


@lru_cache(maxsize=4)
def read(tokenizer: Path) -> frozenset[str]:
    """The whole words in lower case of a `tokenizer.json`; none where it cannot be read."""
    try:
        model: dict[str, Any] = orjson.loads(tokenizer.read_bytes())["model"]
        pieces = [piece if isinstance(piece, str) else piece[0] for piece in model["vocab"]]
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        log.debug("there is no lexicon: %s", error)
        return frozenset()
    marked = any(piece[:1] in _MARKS for piece in pieces if piece)
    words = [piece[1:] for piece in pieces if piece[:1] in _MARKS and piece] if marked else pieces
    return frozenset(word for word in words if len(word) >= _SHORTEST and word.isalpha() and word.islower())
