"""A node's failures as Etalage's errors, whichever client met them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import opensearchpy

from etalage.core.errors import EngineError, EngineTimeout, EngineUnavailable, shorten

BUSY: Final = (429, 502, 503, 504)
"""Status codes of a node that may answer later."""

_TOO_MANY: Final = "too_many_buckets_exception"
_MISTAKES: Final = frozenset(
    f"{name}_exception"
    for name in (
        "aggregation_execution aggregation_initialization arithmetic array_index_out_of_bounds class_cast illegal_argument illegal_state index_out_of_bounds"
        " negative_array_size null_pointer number_format search string_index_out_of_bounds unsupported_operation"
    ).split()
)
"""What a node says with a 500 when it is the request that it cannot follow, such as `collapse` beside `rescore`."""


class Missing(EngineError):
    """The index or document does not exist (404)."""


class Refused(EngineError):
    """The node does not accept the request (400)."""


class Faults:
    """Makes the errors of one node, which `url` names to its operator."""

    def __init__(self, url: str) -> None:
        self._url = url

    def translate(self, error: Exception, waited: float) -> EngineError:
        """The error for what the client library raised after `waited` seconds."""
        if isinstance(error, opensearchpy.exceptions.ConnectionTimeout):
            return self.late(waited)
        if isinstance(error, opensearchpy.exceptions.SSLError):
            return self.untrusted(error.error)
        if isinstance(error, opensearchpy.exceptions.ConnectionError):
            return self.away()
        if not isinstance(error, opensearchpy.exceptions.TransportError):
            return self.of(EngineError, f"OpenSearch cannot be asked ({shorten(str(error))})", "Check the URL.")
        return self.refusal(int(error.status_code), error.info, str(error.error))

    def refusal(self, status: int, info: Any, error: str) -> EngineError:
        """The error for an answer that is none: its status, its parsed body, and what else is known of it."""
        reason = _reason(info) or error
        if status == 503 and _kind(info) == _TOO_MANY:
            # It is not away: the request asks for too much, and would again.
            refused = self.of(Refused, f"OpenSearch answers {status} ({shorten(reason)})", "Ask for fewer buckets.")
            refused.answer = {**info, "status": 400}
            return refused
        if status in BUSY:
            return self.of(EngineUnavailable, f"OpenSearch is overloaded or starting ({reason})", "Try again.")
        if status == 401:
            return self.of(
                EngineError,
                "OpenSearch refuses the user or the password",
                "Check ETALAGE_OPENSEARCH_USER and ETALAGE_OPENSEARCH_PASSWORD.",
            )
        if status == 413:
            return self.of(EngineError, "a request is too large for OpenSearch", "Lower ETALAGE_CHUNK.")
        if status == 500 and isinstance(info, Mapping) and _mistaken(info):
            status, info = 400, {**info, "status": 400}
        kind = {400: Refused, 404: Missing}.get(status, EngineError)
        fault = self.of(kind, f"OpenSearch answers {status} ({shorten(reason)})", "See the node's log.")
        fault.answer = dict(info) if isinstance(info, Mapping) else None
        return fault

    def late(self, waited: float) -> EngineError:
        """No answer in `waited` seconds; 0 when there was no time to ask."""
        if not waited:
            return self.of(EngineTimeout, "no time is left for OpenSearch", "Allow more time.")
        return self.of(
            EngineTimeout,
            f"OpenSearch did not answer within {waited:.3g} s",
            "Look at the node's load, or raise ETALAGE_OPENSEARCH_TIMEOUT.",
        )

    def away(self) -> EngineError:
        """There is no connection."""
        return self.of(
            EngineUnavailable, "OpenSearch cannot be reached", "Start the node, or correct ETALAGE_OPENSEARCH_URL."
        )

    def untrusted(self, error: object) -> EngineError:
        """The node could not prove itself."""
        return self.of(
            EngineError,
            f"no trusted connection to OpenSearch ({shorten(str(error))})",
            "Name the certificate bundle in ETALAGE_OPENSEARCH_CA, or check the URL.",
        )

    def foreign(self) -> EngineError:
        """Something else than OpenSearch answers."""
        return self.of(EngineError, "the answer is not OpenSearch's", "Correct ETALAGE_OPENSEARCH_URL.")

    def of(self, kind: type[EngineError], reason: str, remedy: str) -> EngineError:
        """An error that names the node."""
        return kind(reason, value=self._url, remedy=remedy)


def _kind(info: Any) -> str:
    """The type of the error that caused a node's refusal."""
    error = info.get("error") if isinstance(info, Mapping) else None
    cause = error.get("caused_by", error) if isinstance(error, Mapping) else {}
    return str(cause.get("type", "")) if isinstance(cause, Mapping) else ""


def _reason(info: Any) -> str:
    """The cause that the node gives, deepest first."""
    error = info.get("error") if isinstance(info, Mapping) else info
    if not isinstance(error, Mapping):
        return str(error or "")
    deepest = error if "caused_by" in error else (error.get("root_cause") or [error])[0]
    while isinstance(deepest.get("caused_by"), Mapping):
        deepest = deepest["caused_by"]
    return str(deepest.get("reason") or error.get("reason") or error.get("type") or "")


def _mistaken(info: Mapping[str, Any]) -> bool:
    """Whether a node's 500 tells of a request that it cannot follow, and not of its own state."""
    error = info.get("error")
    causes = error.get("root_cause") if isinstance(error, Mapping) else None
    if not isinstance(causes, list) or not causes:
        return False
    return all(isinstance(one, Mapping) and one.get("type") in _MISTAKES for one in causes)
