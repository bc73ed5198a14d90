"""A shop's own synonyms: lines of `a, b, c` (alike) or `a, b => c` (one way), as Solr and OpenSearch write them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from etalage.core.errors import ConfigError
from etalage.core.text import stems

_COMMA: Final = re.compile(r"(?<!\\),")
_ARROW: Final = re.compile(r"(?<!\\)=>")
_LONGEST: Final = 8
"""Most words of a phrase."""
_MOST: Final = 100_000
_EXPANDED: Final = 24
"""Most expansions of one query."""

Phrase = tuple[str, ...]


class Synonyms:
    """Phrases and what also finds them; compared by stems, so that one form of a word stands for all."""

    def __init__(self, expansions: dict[Phrase, tuple[str, ...]]) -> None:
        self._expansions = expansions
        self._longest = max(map(len, expansions), default=0)

    @classmethod
    def read(cls, path: Path) -> Synonyms:
        """Read a file in UTF-8; empty lines and those that start with `#` say nothing. Raises ConfigError, naming the line."""
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"the synonyms cannot be read ({error})", value=path, remedy="Correct ETALAGE_SYNONYMS."
            ) from None
        return cls.parse(lines, str(path))

    @classmethod
    def parse(cls, lines: Iterable[str], name: str = "synonyms") -> Synonyms:
        """Synonyms from lines. Raises ConfigError."""
        found: dict[Phrase, dict[str, None]] = {}
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            sides = _ARROW.split(line)
            groups = [_phrases(side) for side in sides]
            if len(sides) > 2 or not all(groups) or (len(sides) == 1 and len(groups[0]) < 2):
                raise ConfigError(
                    f"line {number} says no synonyms", value=f"{name}: {line[:80]}", remedy="Write `a, b` or `a => b`."
                )
            for phrase in groups[0]:
                key = tuple(stems(phrase))
                if not 0 < len(key) <= _LONGEST:
                    raise ConfigError(
                        f"line {number} has a phrase without words, or of more than {_LONGEST}",
                        value=f"{name}: {phrase[:80]}",
                        remedy="Shorten it.",
                    )
                others = [other for other in groups[-1] if other != phrase]
                found.setdefault(key, {}).update(dict.fromkeys(others))
            if len(found) > _MOST:
                raise ConfigError(f"there are more than {_MOST:,} synonyms", value=name, remedy="Leave some out.")
        return cls({key: tuple(others) for key, others in found.items()})

    def expand(self, terms: Sequence[str]) -> list[tuple[str, str]]:
        """(phrase, expansion) for every phrase in the stems of a query; the longest phrase at a place counts."""
        found: list[tuple[str, str]] = []
        at = 0
        while at < len(terms) and len(found) < _EXPANDED:
            for size in range(min(self._longest, len(terms) - at), 0, -1):
                others = self._expansions.get(tuple(terms[at : at + size]))
                if others is not None:
                    found += [(" ".join(terms[at : at + size]), other) for other in others]
                    at += size - 1
                    break
            at += 1
        return found[:_EXPANDED]


def _phrases(side: str) -> list[str]:
    return [phrase for one in _COMMA.split(side) if (phrase := re.sub(r"\\(.)", r"\1", one).strip())]
