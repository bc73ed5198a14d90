"""`etalage suggest` without a prefix: in a terminal, whose keys and screen are the test's, and with lines piped in."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from prompt_toolkit import PromptSession
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input.base import PipeInput
from prompt_toolkit.input.defaults import create_pipe_input
from prompt_toolkit.output import DummyOutput

from autocomplete import shelf
from autocomplete.complete import Completer, Completion, Wanted
from autocomplete.context import Context
from autocomplete.index import columns
from autocomplete.querylog import BRAND, Entry
from etalage.cli.live import Live, answer_lines, converse, session_of
from etalage.core.errors import EngineError
from etalage.core.settings import load
from workers import parts

from .conftest import Run, environment_of, process

SHOP = [Entry("red shoes", 3.0, category="Goods > Shoes"), Entry("red lamp", 2.0), Entry("Redwood", 1.0, BRAND)]
DOWN = "\x1b[B"
END = "\x04"
PROMPT = rb"\x1b\[\?2004h.*>"
"""Shown once keys are the prompt's."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    shelf.write(parts.completions_folder(load(home=folder)), columns(SHOP), {})
    return folder


@pytest.fixture(scope="module")
def completer(home: Path) -> Completer:
    return parts.completer_of(load(home=home))


@pytest.fixture
def terminal() -> Iterator[PipeInput]:
    """Keys are what is sent to it."""
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        yield keys


def entered(live: Live, session: PromptSession[str]) -> list[str]:
    lines: list[str] = []
    converse(session, live, lines.append)
    return lines


def test_what_is_entered_is_taken_until_the_end(completer: Completer, terminal: PipeInput) -> None:
    terminal.send_text(f"lamp\n  \nred shoes \n{END}")
    live = Live(completer, 5)
    assert entered(live, session_of(live)) == ["lamp", "red shoes"]
    terminal.send_text("lamp\x03")
    assert entered(live, session_of(live)) == []


def test_completions_open_while_one_types_and_are_chosen_by_arrows(completer: Completer, terminal: PipeInput) -> None:
    live = Live(completer, 5)
    session = session_of(live)
    seen: list[list[str]] = []

    def look(_: object) -> None:
        state = session.default_buffer.complete_state
        if state is not None and not seen and len(state.completions) == len(SHOP):
            seen.append([one.text for one in state.completions])
            terminal.send_text(f"{DOWN}{DOWN}\n")
        elif not session.default_buffer.text and seen:
            terminal.send_text(END)

    session.app.after_render += look
    terminal.send_text("red")
    assert entered(live, session) == ["red lamp"]
    assert seen == [["red shoes", "red lamp", "Redwood"]]


def choices(live: Live, typed: str, after: str = "") -> list[tuple[str, int, str]]:
    found = live.get_completions(Document(typed + after, len(typed)), CompleteEvent(text_inserted=True))
    return [(one.text, one.start_position, one.display_meta_text) for one in found]


def test_a_completion_takes_the_place_of_what_was_typed(completer: Completer) -> None:
    live = Live(completer, 2)
    assert "ms" not in live.toolbar()
    assert choices(live, "red") == [("red shoes", -3, "query  Goods > Shoes"), ("red lamp", -3, "query")]
    took, told = live.toolbar().split(" ms, ")
    assert float(took) > 0 and told.startswith("2 completions; ")
    assert [one[:2] for one in choices(live, "redw", " and more")] == [("Redwood", -4)]


class Noting(Completer):
    """Notes the contexts that it is asked with; has nothing, or fails."""

    def __init__(self, fault: EngineError | None = None) -> None:
        self.contexts: list[Context] = []
        self.fault = fault

    def complete(
        self, prefix: str, k: int = 10, wanted: Wanted = Wanted(), context: Context = Context()
    ) -> list[Completion]:
        self.contexts.append(context)
        if self.fault is not None:
            raise self.fault
        return []


def test_what_was_entered_is_the_context_newest_first(terminal: PipeInput) -> None:
    noting = Noting()
    live = Live(noting, 5)
    assert choices(live, "a") == []
    terminal.send_text(f"sofa\nlamp\n{END}")
    entered(live, session_of(live))
    assert choices(live, "a") == []
    assert noting.contexts[0] == Context() and noting.contexts[-1] == Context(("lamp", "sofa"))


def test_what_goes_wrong_is_told_below() -> None:
    live = Live(Noting(EngineError("there are no completions", remedy="Build them.")), 5)
    assert choices(live, "a") == [] and live.toolbar().startswith("there are no completions")


def test_each_line_is_answered(completer: Completer) -> None:
    written: list[Any] = []
    assert answer_lines(completer, io.BytesIO("red\r\nredw\n\nréd\n".encode("latin-1")), 2, written.append) == 4
    assert [one["prefix"] for one in written] == ["red", "redw", "", "r\ufffdd"]
    assert [[row["text"] for row in one["completions"]] for one in written[:3]] == [
        ["red shoes", "red lamp"],
        ["Redwood"],
        ["red shoes", "red lamp"],
    ]
    assert all(one["took_ms"] > 0 for one in written)


def suggest(home: Path, *words: str, given: bytes) -> tuple[int, Sequence[Any], str]:
    done = subprocess.run(
        [sys.executable, "-m", "etalage", "suggest", *words, "--home", str(home)],
        env=environment_of({}),
        input=given,
        capture_output=True,
        timeout=60,
    )
    return done.returncode, [orjson.loads(line) for line in done.stdout.splitlines()], done.stderr.decode()


def test_lines_that_are_piped_in_are_answered_as_json(home: Path) -> None:
    code, told, errors = suggest(home, "--size", "1", given=b"red\nredw")
    assert (code, errors) == (0, "")
    assert [(one["prefix"], [row["text"] for row in one["completions"]]) for one in told] == [
        ("red", ["red shoes"]), ("redw", ["Redwood"])
    ]  # fmt: skip
    assert all(one["took_ms"] < 200 for one in told), "loading the kernels is not told as completing"


def test_nothing_piped_in_says_what_to_do(home: Path) -> None:
    code, _, errors = suggest(home, given=b"")
    assert code == 1 and "there is nothing to complete. Give a prefix, or one on each line of the input." in errors


def test_a_prefix_is_answered_as_before(etalage: Run, home: Path) -> None:
    told = etalage("suggest", "redw", "--json", home=home).document
    assert [(one["text"], one["score"], one["type"]) for one in told["completions"]] == [("Redwood", 1.0, "brand")]
    assert told["took_ms"] > 0
    assert "Redwood" in etalage("suggest", "", home=home).stdout.decode()


def test_in_a_terminal_enter_completes(home: Path) -> None:
    converses(home, told=rb"score.*Redwood +brand")


def test_in_a_terminal_enter_searches(tmp_path: Path) -> None:
    feed = tmp_path / "feed.csv"
    feed.write_text("id,title,brand\na,red lamp,Redwood\n")
    assert process("index", feed, "--json", home=tmp_path / "home").code == 0
    converses(tmp_path / "home", "--search", told=b"1 found in")


def converses(home: Path, *words: str, told: bytes) -> None:
    """Type a line into the command, which runs in a terminal, see what is told, and end it."""
    ours, its = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-m", "etalage", "suggest", *words, "--home", str(home)],
        env=environment_of({"PROMPT_TOOLKIT_NO_CPR": "1", "TERM": "xterm", "COLUMNS": "120"}),
        stdin=its,
        stdout=its,
        stderr=its,
    )
    os.close(its)
    try:
        until(ours, PROMPT)
        os.write(ours, b"redw\r")
        # Ctrl-D is for the next prompt, not for the terminal as it is between two.
        screen = until(ours, told + rb".*" + PROMPT)
        os.write(ours, b"\x04")
        assert running.wait(30) == 0, screen
    finally:
        running.kill()
        running.wait()
        os.close(ours)


def until(terminal: int, told: bytes) -> bytes:
    """What a terminal shows up to what a pattern tells. Fails when it does not come."""
    screen = b""
    while not re.search(told, screen, re.DOTALL):
        ready, _, _ = select.select([terminal], [], [], 30)
        assert ready, screen
        screen += os.read(terminal, 65_536)
    return screen
