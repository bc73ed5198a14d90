"""`etalage evaluate`: how good search is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from etalage.cli.options import Home, Index, Json, Qrels, Queries, answer, engine_for, out, settings_of
from ranker.training import judgments
from workers import parts


def add_to(app: typer.Typer) -> None:
    """Add this file's commands."""
    app.command("evaluate")(evaluate)


def evaluate(
    qrels: Qrels,
    queries: Queries = None,
    judged_only: Annotated[
        bool, typer.Option("--judged-only", help="Order exactly each query's judged products.")
    ] = False,
    run: Annotated[Path | None, typer.Option("--run", help="Write a TREC run file with all arms.")] = None,
    allow_overlap: Annotated[
        bool,
        typer.Option("--allow-overlap", help="Also measure queries that encoder, ranker or adapter were trained on."),
    ] = False,
    index: Index = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Measure BM25, vector, hybrid and ranked search on judged queries."""
    settings = settings_of(home, index)
    judged = judgments.read(qrels, queries)
    with engine_for(settings) as engine:
        evaluator = parts.evaluator_of(settings, engine)
        report = evaluator.evaluate(judged, judged_only=judged_only, allow_overlap=allow_overlap, run=run)
    answer(report, json, show_report)


def show_report(report: Mapping[str, Any]) -> None:
    """An evaluation for people."""
    names = ("ndcg@10", "mrr", "recall@100", "judged@10", "p50_ms", "p99_ms")
    table = Table("arm", *names, box=None)
    for arm, figures in report["arms"].items():
        if figures is None:
            table.add_row(arm, report["reasons"].get(arm, ""), *[""] * (len(names) - 1))
        else:
            table.add_row(arm, *(f"{figures[name]:.3f}" for name in names))
    out.print(table)
    for pair, test in report["significance"].items():
        out.print(f"{pair}: {test['difference']:+.4f} nDCG@10, p = {test['p']:.4f} (paired randomization)")
    told = ", ".join(f"{name} {value:.3f}" for name, value in report["reference"].items())
    out.print(f"order of the same candidates: {told}")
    out.print(
        f"{report['queries']} queries, {report['without_relevant']} left out without a relevant product,"
        f" {report['missing_docs']} judged products are not in the index"
    )
