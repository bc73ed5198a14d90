"""Products that have not what somebody does not want, as a clause of OpenSearch's query language: both engines ask it."""

from __future__ import annotations

from typing import Any, Final

from etalage.core.text import tokenize
from opensearch import fields

MAX_WORDS: Final = 8
"""Only the first words of a longer text count."""

_LOOKED_AT: Final = ("title", "brand", "category", "attributes_text")
"""Descriptions are not: they also tell what a product goes with."""

_MISSING: Final = ("no {}", "non {}", "not {}", "without {}", "w/o {}", "{} free", "{} not included")
"""How a product says that it has something not."""


def clause(text: str) -> dict[str, Any]:
    """The clause that products fit unless one of their fields has `text`, and does not say that it is missing; all fit a text
    without words."""
    words = " ".join(token.surface for token in tokenize(text)[:MAX_WORDS])
    return {"bool": {"must_not": [_has(fields.PATHS[name], words) for name in _LOOKED_AT]}}


def _has(path: str, words: str) -> dict[str, Any]:
    missing = [{"match_phrase": {path: form.format(words)}} for form in _MISSING]
    return {"bool": {"must": [{"match_phrase": {path: words}}], "must_not": missing}}
