"""Whether what one shopper typed may be shown to others."""

from __future__ import annotations

import re
from typing import Final

MAX_LENGTH: Final = 80

_EMAIL: Final = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_URL: Final = re.compile(r"https?://|www\.", re.IGNORECASE)
_NUMBER: Final = re.compile(r"(?:\d[\s().+/-]*){9,}")
_ADDRESS: Final = re.compile(
    r"\b\d{1,5}[a-z]?\s+\w+(?:\s\w+)?\s+(?:street|st|road|rd|avenue|ave|lane|ln|drive|dr|court|way|boulevard|blvd)\b"
    r"|\b\w+(?:str(?:asse|aße|\.)|gasse|weg|platz)\s+\d{1,4}\b",
    re.IGNORECASE,
)
_ORDER: Final = re.compile(
    r"\b(?:order|invoice|tracking|account|customer)\s*(?:no|nr|number|id|#)?\.?\s*#?\d{4,}", re.IGNORECASE
)


def unfit(query: str) -> str:
    """Why a query must not become a completion, or an empty string: an e-mail address, a long number (telephone, card,
    order), a postal address, a URL, or a text longer than `MAX_LENGTH` characters."""
    if len(query) > MAX_LENGTH:
        return "too long"
    for pattern, reason in (
        (_EMAIL, "e-mail address"),
        (_URL, "URL"),
        (_ORDER, "order number"),
        (_NUMBER, "long number"),
        (_ADDRESS, "postal address"),
    ):
        if pattern.search(query):
            return reason
    return ""
