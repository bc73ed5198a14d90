"""`etalage suggest push`: completions for those who read them from the node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from etalage.cli.options import Home, Index, Json, answer, out, settings_of
from workers import publishing


def add_to(app: typer.Typer) -> None:
    """Add this file's command."""
    app.command("push")(push)


def push(index: Index = None, home: Home = None, json: Json = False) -> None:
    """Write the completions into a `completion` field of the node (the index INDEX-suggest), in place of those pushed before."""
    answer(publishing.push(settings_of(home, index)), json, show_push)


def show_push(report: Mapping[str, Any]) -> None:
    """What was pushed, for people."""
    out.print(f"{report['completions']:,} completions in {report['alias']} ({report['index']})")
