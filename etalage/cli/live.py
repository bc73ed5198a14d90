"""`etalage suggest` without a prefix: completions while one types in a terminal, or a JSON document for each line that comes in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.completion import Completer as Source
from prompt_toolkit.completion import Completion as Choice
from prompt_toolkit.document import Document
from prompt_toolkit.shortcuts import CompleteStyle

from autocomplete.complete import Completer, Completion
from autocomplete.context import Context
from etalage.core.errors import EtalageError


def timed(completer: Completer, prefix: str, size: int, context: Context = Context()) -> tuple[list[Completion], float]:
    """Completions, and the milliseconds that they took."""
    started = time.perf_counter()
    found = completer.complete(prefix, size, context=context)
    return found, round((time.perf_counter() - started) * 1000, 3)


def told(found: Sequence[Completion], took: float) -> dict[str, Any]:
    """Completions as JSON has them."""
    rows = [{"text": one.text, "score": round(one.score, 4), "type": one.type} for one in found]
    return {"completions": rows, "took_ms": took}


class Live(Source):
    """Completions for a prompt. What was entered before counts as this visit's queries; it is kept nowhere."""

    def __init__(self, completer: Completer, size: int) -> None:
        self._completer, self._size = completer, size
        self._entered: tuple[str, ...] = ()
        self._note = ""

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Choice]:
        """Called at every key."""
        typed = document.text_before_cursor
        try:
            found, took = timed(self._completer, typed, self._size, Context(self._entered))
        except EtalageError as error:
            self._note = str(error)
            return
        self._note = f"{took:.3f} ms, {len(found)} completions"
        for one in found:
            about = f"{one.type}  {one.category}".strip()
            yield Choice(one.text, start_position=-len(typed), display_meta=about)

    def enter(self, text: str) -> None:
        """A line was entered."""
        self._entered = (text, *self._entered)

    def toolbar(self) -> str:
        """The line at the bottom: what the last completions took."""
        return f"{self._note or 'type'}; arrows choose, Enter takes, Ctrl-D ends"


def session_of(live: Live) -> PromptSession[str]:
    """A prompt in the terminal that completes while one types."""
    return PromptSession(
        "> ",
        completer=live,
        complete_while_typing=True,
        complete_style=CompleteStyle.COLUMN,
        bottom_toolbar=live.toolbar,
        reserve_space_for_menu=10,
    )


def converse(session: PromptSession[str], live: Live, take: Callable[[str], None]) -> None:
    """Prompt for lines and `take` them, until Ctrl-D or Ctrl-C."""
    while True:
        try:
            text = session.prompt().strip()
        except (EOFError, KeyboardInterrupt):
            return
        if text:
            take(text)
            live.enter(text)


def answer_lines(
    completer: Completer, lines: Iterable[bytes], size: int, write: Callable[[Mapping[str, Any]], None]
) -> int:
    """Complete each line on its own and `write` its answer; how many there were. Blanks at the end of a line count, since they end a
    word; bytes that are not UTF-8 are replaced."""
    number = 0
    for line in lines:
        number += 1
        prefix = line.rstrip(b"\r\n").decode("utf-8", "replace")
        write({"prefix": prefix} | told(*timed(completer, prefix, size)))
    return number
