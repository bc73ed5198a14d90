"""`etalage keys new`: API keys of the HTTP door."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import orjson
import typer

from etalage.cli.options import Home, Json, err, out, print_json
from etalage.http import keys
from etalage.http.keys import Scope


def add_to(app: typer.Typer) -> None:
    """Add this file's commands."""
    group = typer.Typer(help="API keys of the HTTP interface.", no_args_is_help=True)
    group.callback()(_group)
    group.command("new")(new)
    app.add_typer(group, name="keys")


def _group() -> None:
    """API keys of the HTTP interface."""


def new(
    name: Annotated[str, typer.Option("--name", help="Shown in logs: letters, digits, '.', '_', '-'.")],
    scopes: Annotated[list[Scope], typer.Option("--scope", help="What it may do; repeatable.")],
    indexes: Annotated[list[str] | None, typer.Option("--index", help="Index it may use; repeatable. All.")] = None,
    rate: Annotated[float | None, typer.Option("--rate", help="Requests per second. Unlimited.")] = None,
    burst: Annotated[int | None, typer.Option("--burst", help="Requests at once. The rate, rounded up.")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="Key file (ETALAGE_KEYS) to add it to.")] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Make a key. It is shown this once; only its hash is kept."""
    key, made = keys.new(name, [str(one) for one in scopes], indexes or (keys.ANY,), rate, burst)
    if file is not None:
        keys.append(file, made)
    if json:
        print_json({"key": key, "entry": keys.entry(made)})
        return
    out.print(key, markup=False)
    out.print(orjson.dumps(keys.entry(made)).decode(), markup=False)
    err.print(
        f"added to {file}; a server reads it when it starts" if file else "put the entry into the list of ETALAGE_KEYS"
    )
