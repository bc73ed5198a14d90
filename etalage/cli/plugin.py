"""`etalage plugin`: the ranker inside a node: its zip, where it is installed, and the models that it serves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from etalage.cli.options import Home, Index, Json, answer, err, out, settings_of
from workers import plugin

Name = Annotated[
    str | None, typer.Option("--name", help="Name that the node knows the model by (default: the index's name).")
]
Archive = Annotated[Path | None, typer.Option("--zip", help="The plugin's zip (default: the one that was built).")]


def add_to(app: typer.Typer) -> None:
    """Add this file's commands."""
    group = typer.Typer(help="The ranker inside an OpenSearch node.", no_args_is_help=True)
    for name, command in (
        ("build", build),
        ("install", install),
        ("push", push),
        ("rollback", rollback),
        ("status", status),
    ):
        group.command(name)(command)
    app.add_typer(group, name="plugin")


def build(
    golden: Annotated[
        Path | None,
        typer.Option("--golden", help="File of `python -m etalage.demo.golden`, for the plugin's tests."),
    ] = None,
    texts: Annotated[
        Path | None,
        typer.Option("--golden-text", help="File of `python -m etalage.demo.golden_text`, for the plugin's tests."),
    ] = None,
    tests: Annotated[bool, typer.Option("--tests/--no-tests", help="Run the plugin's tests.")] = True,
    home: Home = None,
    json: Json = False,
) -> None:
    """Build the plugin's zip from its sources (needs Maven and a JDK of version 21 or newer)."""
    from opensearch.node import plugin as built

    given = {"golden": golden, "golden.text": texts}
    properties = {name: str(path.absolute()) for name, path in given.items() if path is not None}
    with err.status("Maven"):
        archive = built.build(properties, tests=tests)
    report = {"zip": str(archive), "bytes": archive.stat().st_size}
    answer(report, json, lambda told: out.print(f"{told['zip']}: {told['bytes'] / 1e6:.1f} MB"))


def install(
    node: Annotated[Path, typer.Argument(help="Home of an OpenSearch node: the folder that holds lib and plugins.")],
    archive: Archive = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Unpack the plugin into a node's home, in place of an earlier one. The node reads it when it starts."""
    from opensearch.node import plugin as built

    folder = built.install(archive or built.built(), node)
    answer({"folder": str(folder)}, json, lambda told: out.print(f"installed in {told['folder']}; restart the node"))


def push(name: Name = None, index: Index = None, home: Home = None, json: Json = False) -> None:
    """Push the ranker and the text encoder that are in use here to the node (ETALAGE_OPENSEARCH_URL); it switches at once."""
    settings = settings_of(home, index)
    answer(plugin.push(settings, name or settings.index), json, _show)


def rollback(name: Name = None, index: Index = None, home: Home = None, json: Json = False) -> None:
    """Have the node rank with the model that was pushed before."""
    settings = settings_of(home, index)
    answer(plugin.rollback(settings, name or settings.index), json, _show)


def _show(model: Mapping[str, Any]) -> None:
    current = model["current"]
    encoder = f"encoder {current['encoder']}" if current["encoder"] else "no encoder"
    out.print(
        f"{model['name']} is {current['title']}, {encoder} ({current['size'] / 1e6:.1f} MB, change {model['version']})"
    )


def status(index: Index = None, home: Home = None, json: Json = False) -> None:
    """What the node's plugin serves, and what the node that answers has counted since it started."""
    answer(plugin.status(settings_of(home, index)), json, show_status)


def show_status(report: Mapping[str, Any]) -> None:
    """Models and counts, for people."""
    for model in report["models"]:
        _show(model)
    stats = report["stats"]
    loaded = stats["models"]
    told = ", ".join(f"{name} ({one.get('trouble', one.get('title'))})" for name, one in loaded.items()) or "none yet"
    out.print(f"loaded on {stats['node']}: {told}")
    counts = ", ".join(f"{count:,} {name}" for name, count in stats["counts"].items())
    out.print(f"counted: {counts or 'nothing'}")
    if stats["stages"]:
        table = Table("stage", "times", "p50 µs", "p99 µs", box=None)
        for name, one in stats["stages"].items():
            table.add_row(name, f"{one['count']:,}", f"{one['p50_us']:.0f}", f"{one['p99_us']:.0f}")
        out.print(table)
    for reason, times in stats["degraded"].items():
        out.print(f"degraded {times:,} times: {reason}", markup=False)
