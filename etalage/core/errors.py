"""Everything that Etalage raises on purpose.

    EtalageError
    ├── ConfigError              a setting or command-line value is wrong
    ├── CatalogError             a feed cannot be read or is too dirty
    ├── QueryError               a search, filter or qrels file is wrong
    ├── EngineError              the search engine, its storage or the broker failed
    │   ├── EngineTimeout        retryable: it did not answer in time
    │   ├── EngineUnavailable    retryable: it could not be reached
    │   ├── WriterBusy           retryable: another process is writing
    │   └── ReindexIncomplete    a new generation fell short of its gates; the old one still serves
    └── ModelError               an encoder or ranker cannot be used
        ├── ModelNotFound
        ├── FeatureMismatch      the artifact was trained on another feature list
        └── FingerprintMismatch  vectors and query come from different encoders

They are raised low, with what happened, the value at fault and the remedy, and translated once per door: the command
line prints `str(error)` and exits with `exit_code`; HTTP answers with `status` and `as_dict()`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar


class EtalageError(Exception):
    """Base of the tree.

    Args:
        reason: what happened, one sentence without a full stop.
        value: the value at fault, shown shortened; `None` when there is none.
        remedy: what the reader can do about it.
    """

    retryable: ClassVar[bool] = False
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def __init__(self, reason: str, *, value: object = None, remedy: str = "") -> None:
        self.reason = reason
        self.value = None if value is None else shorten(str(value))
        self.remedy = remedy
        super().__init__(reason, self.value, remedy)

    def __str__(self) -> str:
        text = self.reason if self.value is None else f"{self.reason}: {self.value}"
        return f"{text}. {self.remedy}" if self.remedy else text

    def __reduce__(self) -> tuple[partial[EtalageError], tuple[str], dict[str, object]]:
        return partial(type(self), value=self.value, remedy=self.remedy), (self.reason,), self.__dict__

    @property
    def kind(self) -> str:
        """The name used on the wire, e.g. `query_error`."""
        name = type(self).__name__
        return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")

    def as_dict(self) -> dict[str, object]:
        """The error as HTTP answers it: `{"error": {"type", "reason", "remedy"}, "status"}`."""
        reason = self.reason if self.value is None else f"{self.reason}: {self.value}"
        return {"error": {"type": self.kind, "reason": reason, "remedy": self.remedy}, "status": self.status}


class ConfigError(EtalageError):
    status = 400
    exit_code = 2


class CatalogError(EtalageError):
    status = 400


class QueryError(EtalageError):
    status = 400


class EngineError(EtalageError):
    """`answer` is what the node itself answered, for a door that speaks its language: an error object with its status."""

    status = 502
    answer: Mapping[str, Any] | None = None


class EngineTimeout(EngineError):
    retryable = True
    status = 504


class EngineUnavailable(EngineError):
    retryable = True
    status = 503


class WriterBusy(EngineError):
    retryable = True
    status = 409


class ReindexIncomplete(EngineError):
    status = 500


class ModelError(EtalageError):
    status = 500


class ModelNotFound(ModelError):
    status = 404


class FeatureMismatch(ModelError):
    status = 409


class FingerprintMismatch(ModelError):
    status = 409


def shorten(text: str, limit: int = 200) -> str:
    """`text` cut to `limit` characters with an ellipsis, line breaks shown as spaces, halves of surrogate pairs as `?` (they
    cannot be printed)."""
    flat = " ".join(text.encode("utf-8", "replace").decode().split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"
