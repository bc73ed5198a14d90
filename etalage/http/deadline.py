"""How long a request may take: OpenSearch's time strings, and a deadline to look at."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Final

from etalage.core.errors import QueryError

_UNITS: Final = {"nanos": 1e-9, "micros": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
# Minutes are told from OpenSearch's months by their case; every other unit may be written either way.
_TIME: Final = re.compile(r"\s*([0-9]{1,18})\s*((?i:nanos|micros|ms|s|h|d)|m)\s*", re.ASCII)


def seconds(value: object, maximum: float) -> float:
    """An OpenSearch time (`100ms`, `2s`, `1m`) in seconds, at most `maximum`; None and -1 (no limit) give `maximum`.

    Raises:
        QueryError: it has no unit (only -1 and 0 go without one), is negative, a fraction, or no time at all.
    """
    if value is None:
        return maximum
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    if text.strip() in ("-1", "0"):
        return maximum if text.strip() == "-1" else 0.0
    found = _TIME.fullmatch(text)
    if found is None:
        raise QueryError("this is no time", value=value, remedy="Give a whole number with its unit: 100ms, 2s, 1m.")
    return min(int(found[1]) * _UNITS[found[2].lower()], maximum)


class Deadline:
    """A moment `seconds` from now, after which work for a request is no longer worth doing."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    def left(self) -> float:
        """Seconds until then, 0 afterwards."""
        return max(0.0, self._end - self._clock())

    @property
    def expired(self) -> bool:
        """Whether nothing is left."""
        return self.left() <= 0.0
