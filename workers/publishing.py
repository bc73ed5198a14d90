"""Completions for those who read them from the node: pushed into an index of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from autocomplete.index import Index
from autocomplete.querylog import TYPES
from autocomplete.shelf import Shelf
from etalage.core.errors import ConfigError
from etalage.core.settings import Settings
from opensearch.cluster.client import Client
from opensearch.cluster.completions import Row, publish
from workers.parts import completions_folder

_BEST: Final = 1_000_000
"""Weight of the best completion; the others' are their share of it."""
_TYPE_BITS: Final = 15
_AT_ONCE: Final = 10_000


def push(settings: Settings) -> dict[str, Any]:
    """Write the completions that serve into the index behind the alias `INDEX-suggest`.

    Returns:
        `{alias, index, completions}`.

    Raises:
        ConfigError: the embedded engine serves.
        EngineError: there are no completions, or the node failed; what the alias names is as it was.
    """
    if settings.embedded:
        raise ConfigError("completions are pushed to a node, and none is set", remedy="Set ETALAGE_OPENSEARCH_URL.")
    indexes = Shelf(completions_folder(settings)).indexes()
    best = max((float(index.scores[0]) for index in indexes if len(index)), default=1.0)
    # What changed since the base was built takes the place of what the base says.
    newest = {row.text: row for index in indexes for row in _rows(index, best)}
    alias, client = f"{settings.index}-suggest", Client(settings)
    try:
        made = publish(client, alias, newest.values(), shards=settings.shards, replicas=settings.replicas)
    finally:
        client.close()
    return {"alias": alias, "index": made, "completions": len(newest)}


def _rows(index: Index, best: float) -> Iterator[Row]:
    """All completions of an index, best first; `best` is the score that weighs the most."""
    for begin in range(0, len(index), _AT_ONCE):
        docs = np.arange(begin, min(begin + _AT_ONCE, len(index)))
        weights = np.maximum(np.rint(index.scores[docs] / best * _BEST), 1).astype(np.int64)
        kinds, paths = index.kinds[docs] & _TYPE_BITS, index.categories[docs]
        for text, weight, kind, path in zip(
            index.shown(docs), weights.tolist(), kinds.tolist(), paths.tolist(), strict=True
        ):
            yield Row(text, weight, TYPES[kind], index.paths[path - 1] if path else "")
