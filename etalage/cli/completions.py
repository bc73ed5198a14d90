"""`etalage suggest evaluate`, `etalage suggest train`: how good completions are, and their model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from typer.core import TyperGroup

from etalage.cli.options import Home, Index, Json, Seed, answer, engine_for, out, settings_of
from workers import completing

Queries = Annotated[
    Path,
    typer.Option("--queries", help="UBI documents, or queries with counts: a query a line, query<TAB>count, or CSV."),
]

COMPLETE = "complete"
"""The command that is meant where none is named."""


class PrefixFirst(TyperGroup):
    """A command with further ones below it: `etalage suggest PREFIX` completes, unless the prefix is the name of another one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or args[0] not in (*self.commands, "--help"):
            args = [COMPLETE, *args]
        parsed: list[str] = super().parse_args(ctx, args)
        return parsed


def add_to(app: typer.Typer) -> None:
    """Add this file's commands."""
    app.command("evaluate")(evaluate)
    app.command("train")(train)


def evaluate(
    queries: Queries,
    held_out: Annotated[
        float, typer.Option("--held-out", min=0.01, max=0.9, help="Share of the queries, the last, to measure with.")
    ] = 0.2,
    most: Annotated[int, typer.Option("--most", min=1, help="Queries to measure with, at most.")] = 2000,
    index: Index = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Build completions of the first part of a log and measure how well they foresee the rest, letter by letter.

    With ETALAGE_OPENSEARCH_URL, OpenSearch's own completion suggester is measured beside them.
    """
    settings = settings_of(home, index)
    with engine_for(settings) as engine:
        report = completing.evaluate(engine, settings, queries, held_out, most)
    answer(report, json, show_report)


def train(queries: Queries, seed: Seed = 0, index: Index = None, home: Home = None, json: Json = False) -> None:
    """Learn the order of completions from the visits of a UBI log; the model serves if it foresees held-out visits better than the present
    one."""
    settings = settings_of(home, index)
    with engine_for(settings) as engine:
        report = completing.train(engine, settings, queries, seed)
    answer(report, json, show_training)


def show_report(report: Mapping[str, Any]) -> None:
    """An evaluation for people."""
    names = ("mrr@10", "success@1", "success@3", "success@10", "keystrokes_saved")
    short = ("mrr@10", "@1", "@3", "@10", "saved", "visit", "1", "2", "3")
    table = Table("method", *short, box=None)
    for column in table.columns:
        column.no_wrap = True
    for method, figures in report["methods"].items():
        visit = report["in_visit"].get(method, {}).get("mrr@10")
        lengths = [report["by_length"][method].get(size) for size in ("1", "2", "3")]
        told = [*(figures[name] for name in names), visit, *lengths]
        table.add_row(method, *("" if value is None else f"{value:.3f}" for value in told))
    out.print(table)
    out.print(
        "@k: among the first k; saved: keys; visit: mrr@10 after another query of a visit; 1, 2, 3: mrr@10 by letters typed"
    )
    test, typos = report["significance"], report["typos"]
    out.print(
        f"etalage against most popular: {test['difference']:+.4f} MRR@10, p = {test['p']:.4f} (paired randomization of signs)"
    )
    out.print(f"with a typing error: MRR@10 {typos['mistyped']:.3f} of {typos['exact']:.3f} ({typos['kept']:.0%})")
    out.print(
        f"{report['queries']} queries parted {report['parted']}, {report['prefixes']} prefixes; {report['known']:.1%} of the queries"
        f" are among {report['completions']} completions, the others no method finds"
    )


def show_training(report: Mapping[str, Any]) -> None:
    """What training found, for people."""
    out.print(
        f"MRR of {report['spared']} held-out prefixes: {report['mrr_index']:.4f} by score, {report['mrr_before']:.4f} by the present model,"
        f" {report['mrr']:.4f} by the new one, {'which serves' if report['saved'] else 'which was not kept'}"
    )
