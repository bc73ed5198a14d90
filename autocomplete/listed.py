"""The queries that a shop vouches for, kept as one file beside its completions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import orjson

from autocomplete.plain import Listed
from etalage.core import durable
from etalage.core.errors import EngineError


def write(path: Path, queries: Iterable[Listed]) -> int:
    """Keep a list in the place of the last one; how many texts it has."""
    lines = [orjson.dumps([one.text, one.times, one.at], option=orjson.OPT_APPEND_NEWLINE) for one in queries]
    durable.replace(path, b"".join(lines))
    return len(lines)


def read(path: Path) -> Iterator[Listed]:
    """The list, or nothing where none was kept. Raises EngineError when the file cannot be read."""
    try:
        with path.open("rb") as file:
            for line in file:
                yield Listed(*orjson.loads(line))
    except FileNotFoundError:
        return
    except (OSError, orjson.JSONDecodeError, TypeError) as error:
        raise EngineError(
            f"the list of queries cannot be read ({error})",
            value=path,
            remedy="Give it again with `etalage events import`.",
        ) from error
