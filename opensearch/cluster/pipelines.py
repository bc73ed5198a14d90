"""The search pipeline of an index: what its searches go through on the node, such as the ranking plugin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from opensearch.cluster.client import Client

_SETTING: Final = "index.search.default_pipeline"


def inherit(client: Client, earlier: Sequence[str], generation: str) -> None:
    """Give a generation the pipeline that the earlier ones have, unless it has one of its own: who set it on what serves meant what will
    serve, too. Raises EngineError."""
    found = client.call("GET", ",".join([*earlier, generation]), "_settings", _SETTING)
    named = {
        name: about["settings"]["index"]["search"]["default_pipeline"] for name, about in found.items() if about["settings"]
    }
    theirs = [named[one] for one in earlier if one in named]
    if theirs and generation not in named:
        client.call("PUT", generation, "_settings", body={_SETTING: theirs[0]}, long=True)
