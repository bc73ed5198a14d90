"""The node's ranking plugin as it is asked over HTTP: the models that it serves, and what it has counted."""

from __future__ import annotations

from typing import Any, Final

from etalage.core.errors import EngineError, ModelError
from opensearch.cluster.client import Client, Missing, Refused

_BASE: Final = "_etalage"
_ANY: Final = "application/*"
"""A node takes the types that it knows only, and calls that one any."""


def push(client: Client, name: str, archive: bytes) -> dict[str, Any]:
    """Have `name` stand for an artifact, a zip; what the node then says of it.

    Raises:
        ModelError: it refuses the artifact, and says why.
        EngineError: it has no plugin, or failed.
    """
    try:
        return _asked(client, "PUT", "models", name, body=archive)
    except Refused as refused:
        raise ModelError(f"the node refuses the model ({_reason(refused)})", value=name) from None


def rollback(client: Client, name: str) -> dict[str, Any]:
    """Have `name` stand for what it did before; what the node then says of it. Raises Missing, EngineError."""
    return _asked(client, "POST", "models", name, "_rollback")


def remove(client: Client, name: str) -> None:
    """Remove a model with what is kept of it. Raises Missing, EngineError."""
    _asked(client, "DELETE", "models", name)


def models(client: Client) -> list[dict[str, Any]]:
    """What names stand for: `{name, version, current, previous}`. Raises EngineError."""
    found: list[dict[str, Any]] = _asked(client, "GET", "models")["models"]
    return found


def stats(client: Client) -> dict[str, Any]:
    """What the node that answers has counted: `{node, counts, stages, degraded, models}`. Raises EngineError."""
    return _asked(client, "GET", "stats")


def _asked(client: Client, method: str, *path: str, body: bytes | None = None) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = client.call(
            method, _BASE, *path, body=body, kind=None if body is None else _ANY, long=True
        )
        return answer
    except (Refused, Missing) as error:
        if "no handler found" not in str(error):
            raise
        raise EngineError(
            "the node has no ranking plugin", value=client.url, remedy="Install it with: etalage plugin install."
        ) from None


def _reason(refused: EngineError) -> str:
    """All that the node says, which knows the remedy best."""
    told = (refused.answer or {}).get("error")
    return str(told.get("reason")) if isinstance(told, dict) else refused.reason
