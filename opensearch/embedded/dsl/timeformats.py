"""Forms in which times are shown: `yyyy-MM-dd`, `epoch_millis` and the like."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timezone
from typing import Final

from opensearch.embedded.dsl import body, dates

_WRITTEN: Final[Mapping[str, str]] = {
    "yyyy-MM-dd": "%Y-%m-%d", "yyyy-MM": "%Y-%m", "yyyy": "%Y", "strict_date": "%Y-%m-%d", "date": "%Y-%m-%d",
    "yyyy-MM-dd HH:mm:ss": "%Y-%m-%d %H:%M:%S", "yyyy-MM-dd'T'HH:mm:ss": "%Y-%m-%dT%H:%M:%S", "dd/MM/yyyy": "%d/%m/%Y",
    "MM/yyyy": "%m/%Y", "yyyy/MM/dd": "%Y/%m/%d",
}  # fmt: skip
_STANDARD: Final = ("strict_date_optional_time", "date_optional_time", "date_time", "strict_date_time")


def writer(given: object, at: str, zone: timezone) -> Callable[[float], str]:
    """How times (milliseconds since 1970) are written. Raises QueryError for a format that is not known."""

    def standard(key: float) -> str:
        local = dates.of_millis(int(key)).astimezone(zone)
        ending = "Z" if not zone.utcoffset(None) else local.strftime("%z")[:3] + ":" + local.strftime("%z")[3:]
        return local.replace(tzinfo=None).isoformat(timespec="milliseconds") + ending

    if given is None:
        return standard
    name = body.string(given, at).split("||")[0]
    if name == "epoch_millis":
        return lambda key: str(int(key))
    if name in _STANDARD:
        return standard
    if name not in _WRITTEN:
        raise body.wrong("this format of times is not known", at, name, f"Use one of: {', '.join(_WRITTEN)}.")
    return lambda key: dates.of_millis(int(key)).astimezone(zone).strftime(_WRITTEN[name])
