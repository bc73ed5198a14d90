"""Answer a prefix with completions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from autocomplete import index
from autocomplete.querylog import Entry
from etalage.core.errors import EngineError
from etalage.core.text import fold

MAX_PREFIX: Final = 200
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_SHORTEST_FUZZY: Final = 4
_FUZZY: Final = 0.5


class Completer:
    """The completions of one folder; a newer file is read as soon as `CURRENT` names it. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: tuple[int, str, index.Index] | None = None

    @classmethod
    def open(cls, folder: Path) -> Completer:
        """The completer of a folder. Raises EngineError when it holds no completions."""
        completer = cls(folder)
        completer._index()
        return completer

    def _index(self) -> index.Index:
        try:
            stamp = (self._folder / index.CURRENT).stat().st_mtime_ns
        except FileNotFoundError:
            raise EngineError(
                "there are no completions", value=self._folder, remedy="Build them with `etalage index FILE`."
            ) from None
        loaded = self._loaded
        if loaded is None or loaded[0] != stamp:
            name = index.current(self._folder) or ""
            if loaded is None or loaded[1] != name:
                loaded = (stamp, name, index.load(self._folder / name))
            else:
                loaded = (stamp, name, loaded[2])
            self._loaded = loaded
        return loaded[2]

    def complete(self, prefix: str, k: int = 10) -> list[Entry]:
        """The `k` best completions of what was typed, best first, ties by text.

        A completion matches when it, or a word in it, starts with the prefix; case and marks are ignored. An empty prefix
        gives the most popular. When nothing matches, prefixes one edit away (same first letter) are tried.
        """
        found = self._index()
        folded = fold(prefix[:MAX_PREFIX])
        rows = found.find(folded, k)
        if not rows and len(folded) >= _SHORTEST_FUZZY:
            scores: dict[int, float] = {}
            for other in _edits(folded):
                for number, score in found.find(other, k):
                    scores[number] = max(scores.get(number, 0.0), score * _FUZZY)
            rows = sorted(scores.items(), key=lambda row: (-row[1], found.entries[row[0]].text))[:k]
        return [Entry(found.entries[number].text, score, found.entries[number].type) for number, score in rows]


def _edits(text: str) -> Iterator[str]:
    """Texts one edit away that keep the first letter (deletion, transposition, replacement, insertion)."""
    for at in range(1, len(text)):
        yield text[:at] + text[at + 1 :]
        if at + 1 < len(text):
            yield text[:at] + text[at + 1] + text[at] + text[at + 2 :]
        for letter in _LETTERS:
            yield text[:at] + letter + text[at + 1 :]
            yield text[:at] + letter + text[at:]
