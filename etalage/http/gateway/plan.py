"""Decide what is done with a search: ranked, browsed by popularity, or passed on as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from etalage.http.gateway.asked import RANK_OFF, Asked
from opensearch import fields
from opensearch.dsl import reading
from opensearch.dsl.reading import Read
from ranker.query import MAX_CHARACTERS, understand

_OWN_ORDER: Final = (
    "sort",
    "search_after",
    "rescore",
    "profile",
    "indices_boost",
    "terminate_after",
    "search_pipeline",
)
_OWN_SHAPE: Final = ("typed_keys", "routing", "search_pipeline")


@dataclass(frozen=True, slots=True)
class Plan:
    """How a search is answered.

    Attributes:
        kind: `rank`, `browse` or `pass`.
        read: what the query says, when it is ranked.
        why: why it is passed on; empty when it is not.
    """

    kind: str
    read: Read
    why: str = ""


def plan(asked: Asked) -> Plan:
    """The plan for a request.

    It is ranked when its text can be read and nothing in it sets another order; without any text or order, and with hits
    wanted, it is browsed; everything else passes.
    """
    body = asked.body
    said = reading.read(body.get("query"))
    if asked.options.query is not None:
        said = Read(asked.options.query, said.constraints, said.query)
    why = _refused(asked)
    if not why and said.text.strip() and understand_able(said.text):
        return Plan("rank", said)
    if not why and said.text.strip():
        why = f"the text has more than {MAX_CHARACTERS} characters, or no word"
    wanted = body.get("size", 10) != 0 and "suggest" not in body
    if not why and wanted and not reading.scores(body.get("query")):
        return Plan("browse", said)
    return Plan("pass", said, why or "there is no text to rank by")


def collapsed(asked: Asked) -> str:
    """The field that a ranked search collapses by, as the ranker names it; empty where it does not."""
    named: Any = (asked.body.get("collapse") or {}).get("field", "")
    return asked.options.collapse or str(named).removesuffix(".keyword")


def understand_able(text: str) -> bool:
    """Whether the ranker can make something of a text."""
    return len(text) <= MAX_CHARACTERS and len(understand(text).stems) > 0


def _refused(asked: Asked) -> str:
    """Why a request is not ranked whatever it searches for; empty when nothing speaks against it."""
    if asked.options.rank == RANK_OFF:
        return "ext.etalage.rank is off"
    if "," in asked.index or "*" in asked.index:
        return "several indexes are searched"
    for name in _OWN_ORDER:
        if asked.body.get(name):
            return f"the request has [{name}]"
    for name in _OWN_SHAPE:
        if name in asked.params:
            return f"the request has the parameter [{name}]"
    collapse: Any = asked.body.get("collapse") or {}
    if "inner_hits" in collapse:
        return "the request has [collapse.inner_hits]"
    if collapse and collapsed(asked) not in fields.SINGLE:
        return "the request collapses by a field that is no keyword of one value"
    return ""
