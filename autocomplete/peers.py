"""OpenSearch's completion suggester over the same candidates, to compare with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from uuid import uuid4

import numpy as np

from autocomplete.evaluate import DEPTH, Method, Peers
from autocomplete.index import Index
from etalage.core.settings import Settings
from opensearch.cluster.client import Client

PLAIN, FUZZY = "opensearch", "opensearch_fuzzy"

_FIELD: Final = "suggest"
_WEIGHT: Final = 1_000_000
"""What the best completion weighs; weights are whole numbers."""


@contextmanager
def suggesters(settings: Settings) -> Iterator[Peers]:
    """Makes the suggester's plain and fuzzy methods, on an index of the node that is removed in the end.

    Raises:
        ConfigError: no node is set.
        EngineError: the node fails.
    """
    client, name = Client(settings), f"etalage-peer-{uuid4().hex[:12]}"

    def methods(index: Index) -> Mapping[str, Method]:
        _fill(client, name, index)
        return {
            PLAIN: lambda typed, _: _asked(client, name, typed, {}),
            FUZZY: lambda typed, _: _asked(client, name, typed, {"fuzzy": {"fuzziness": "AUTO"}}),
        }

    try:
        yield methods
    finally:
        client.call("DELETE", name, params={"ignore_unavailable": "true"})
        client.close()


def _fill(client: Client, name: str, index: Index) -> None:
    client.call(
        "PUT",
        name,
        body={
            "settings": {"number_of_shards": 1, "number_of_replicas": 0},
            "mappings": {"properties": {_FIELD: {"type": "completion"}}},
        },
    )
    numbers = np.arange(len(index))
    weights = np.maximum(np.rint(index.scores / index.scores.max(initial=1e-9) * _WEIGHT), 1).astype(np.int64)
    client.bulk(
        ({"index": {"_index": name, "_id": str(at)}}, {_FIELD: {"input": text, "weight": weight}})
        for at, (text, weight) in enumerate(zip(index.shown(numbers), weights.tolist(), strict=True))
    )
    client.refresh(name)


def _asked(client: Client, name: str, typed: str, further: Mapping[str, Any]) -> list[str]:
    asked = {"field": _FIELD, "size": DEPTH, "skip_duplicates": True, **further}
    found = client.search(
        name, "_search", body={"_source": False, "suggest": {"all": {"prefix": typed, "completion": asked}}}
    )
    return [one["text"] for one in found["suggest"]["all"][0]["options"]]
