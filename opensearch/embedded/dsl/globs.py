"""Texts with `*` and `?`, matched in time that grows with the text alone."""

from __future__ import annotations

import re


class Glob:
    """A pattern: `*` stands for any characters, `?` for one, and a backslash makes the next character plain.

    Between stars each part is taken where it fits first, so that nothing is tried twice.

    Args:
        fold: whether case is ignored.
    """

    def __init__(self, text: str, *, fold: bool = False) -> None:
        self._flags = re.DOTALL | (re.IGNORECASE if fold else 0)
        parts: list[list[str]] = [[]]
        self.prefix = ""
        plain = not fold
        for one in re.findall(r"\\.|.", text, re.DOTALL):
            if one == "*":
                parts.append([])
            else:
                parts[-1].append("." if one == "?" else re.escape(one[-1]))
            plain = plain and one not in ("*", "?")
            if plain:
                self.prefix += one[-1]
        middle = parts[1:-1]
        self._first = re.compile("".join(parts[0]), self._flags)
        self._middle = [re.compile("".join(part), self._flags) for part in middle if part]
        self._last = re.compile("".join(parts[-1]) + r"\Z", self._flags) if len(parts) > 1 else None
        self._tail = len(parts[-1])

    def fits(self, text: str) -> bool:
        """Whether the whole text fits."""
        if self._last is None:
            return self._first.fullmatch(text) is not None
        found = self._first.match(text)
        for part in self._middle:
            if found is None:
                return False
            found = part.search(text, found.end())
        # Each part takes one character for each of its signs.
        return (
            found is not None
            and found.end() <= len(text) - self._tail
            and bool(self._last.match(text, len(text) - self._tail))
        )
