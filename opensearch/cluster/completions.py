"""Completions in an index of the node, behind an alias, for searches that read them there by a `completion` suggester."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from etalage.core.errors import EngineError
from opensearch.cluster.client import Client
from opensearch.cluster.faults import Missing

FIELD, PLACED = "suggest", "suggest_in"
"""The field that is completed by the text alone, and the one that asks for contexts: a field with contexts does not answer without."""

_MAPPINGS: Final[dict[str, Any]] = {
    "dynamic": "strict",
    "properties": {
        FIELD: {"type": "completion"},
        PLACED: {
            "type": "completion",
            "contexts": [{"name": "category", "type": "category"}, {"name": "type", "type": "category"}],
        },
        **{name: {"type": "keyword", "index": False, "doc_values": False} for name in ("text", "type", "category")},
    },
}


@dataclass(frozen=True, slots=True)
class Row:
    """A completion: its text, a weight from 0 to 2^31 - 1, its type, and the path of its category (`Home > Sofas`), empty for none."""

    text: str
    weight: int
    type: str
    category: str = ""

    def source(self) -> dict[str, Any]:
        """As a document. It is in its category and in those above it."""
        parts = self.category.split(" > ") if self.category else []
        given = {"input": [self.text], "weight": self.weight}
        contexts = {"type": [self.type], "category": [" > ".join(parts[: at + 1]) for at in range(len(parts))]}
        told = {"text": self.text, "type": self.type, "category": self.category}
        return told | {FIELD: given, PLACED: given | {"contexts": contexts}}


def publish(client: Client, alias: str, rows: Iterable[Row], *, shards: int = 1, replicas: int = 0) -> str:
    """Write completions into a new index and let `alias` name it, in one step, in place of the one that it named, which is deleted; the
    new index's name.

    Raises:
        EngineError: something could not be written; the alias is as it was.
    """
    name = f"{alias}-{uuid4().hex[:12]}"
    settings = {"number_of_shards": shards, "number_of_replicas": replicas}
    client.call("PUT", name, body={"settings": settings, "mappings": _MAPPINGS}, long=True)
    try:
        _fill(client, name, rows)
        actions = [{"remove_index": {"index": one}} for one in _named(client, alias)]
        client.call(
            "POST", "_aliases", body={"actions": [*actions, {"add": {"index": name, "alias": alias}}]}, long=True
        )
    except EngineError:
        with suppress(EngineError):
            client.call("DELETE", name, long=True)
        raise
    return name


def _fill(client: Client, name: str, rows: Iterable[Row]) -> None:
    answers = client.bulk(({"index": {"_index": name}}, one.source()) for one in rows)
    failed = next((one["error"] for one in answers if "error" in one), None)
    if failed is not None:
        raise EngineError("a completion was refused", value=failed.get("reason"), remedy="See the node's log.")
    client.refresh(name)


def _named(client: Client, alias: str) -> list[str]:
    """The indexes that an alias names."""
    try:
        return list(client.call("GET", "_alias", alias))
    except Missing:
        return []
