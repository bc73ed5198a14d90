"""What is noted about a request while it is answered, for the log, the metrics and the trace: never what was asked, nor by
whom."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import HTTPConnection


@dataclass(slots=True)
class Seen:
    """Notes on one request. `timings` are milliseconds per stage; `key` is the key's name."""

    trace: str = ""
    route: str = ""
    key: str = ""
    index: str = ""
    hits: int | None = None
    total: int | None = None
    degraded: list[str] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)


def seen(scope: MutableMapping[str, Any]) -> Seen:
    """The notes on the request of an ASGI `scope` (`request.state.seen`), made when there are none yet."""
    found: Seen = scope.setdefault("state", {}).setdefault("seen", Seen())
    return found


def note(
    request: HTTPConnection,
    *,
    index: str,
    hits: int,
    total: int,
    timings: Mapping[str, float],
    degraded: Sequence[str],
) -> None:
    """Note what a search came to. Called once per search: those of one request (`_msearch`) are added up."""
    about = seen(request.scope)
    about.index = index if about.index in ("", index) else f"{about.index},{index}"
    about.hits = (about.hits or 0) + hits
    about.total = (about.total or 0) + total
    for stage, took in timings.items():
        about.timings[stage] = about.timings.get(stage, 0.0) + took
    about.degraded += [step for step in degraded if step not in about.degraded]
    metrics = getattr(request.app.state, "metrics", None)
    if metrics is not None:
        metrics.observe(timings, degraded)
