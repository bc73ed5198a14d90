"""`etalage evaluate` and `etalage train ranker`, `adapter`, `align`: how good search is, and how it gets better."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import track
from rich.table import Table

from etalage.cli.options import Home, Index, Json, engine_for, err, out, print_json, settings_of
from etalage.core.errors import ModelError
from ranker import rerank
from ranker.rerank import Ranker
from ranker.training import adapter as adapting
from ranker.training import alignment, judgments
from ranker.training.report import train as train_ranker
from workers import parts


def add_to(app: typer.Typer) -> None:
    """Add this file's commands."""
    app.command("evaluate")(evaluate)
    train = typer.Typer(help="Train models.", no_args_is_help=True)
    train.callback()(_group)
    train.command("ranker")(ranker)
    train.command("adapter")(adapter)
    train.command("align")(align)
    app.add_typer(train, name="train")


def _group() -> None:
    """Train models."""


def evaluate(
    qrels: Annotated[Path, typer.Option("--qrels", help="CSV query,docid,rating, or TREC with --queries.")],
    queries: Annotated[Path | None, typer.Option("--queries", help="TREC topics: topic<TAB>text.")] = None,
    judged_only: Annotated[
        bool, typer.Option("--judged-only", help="Order exactly each query's judged products.")
    ] = False,
    run: Annotated[Path | None, typer.Option("--run", help="Write a TREC run file with all arms.")] = None,
    allow_overlap: Annotated[
        bool, typer.Option("--allow-overlap", help="Also measure queries that ranker or adapter were trained on.")
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
    if json:
        print_json(report)
        return
    show_report(report)


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


def ranker(
    qrels: Annotated[Path, typer.Option("--qrels", help="CSV query,docid,rating, or TREC with --queries.")],
    queries: Annotated[Path | None, typer.Option("--queries", help="TREC topics: topic<TAB>text.")] = None,
    minutes: Annotated[float, typer.Option("--minutes", min=0.1, max=1440, help="Time for fitting.")] = 5.0,
    seed: Annotated[int, typer.Option("--seed", help="Of the split and the initial weights.")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Use the new model even if it is worse.")] = False,
    index: Index = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Train the ranker on judged queries, check it, and use it if it is no worse than the one in use."""
    settings = settings_of(home, index)
    judged = judgments.read(qrels, queries)

    def progress(items: Iterable[str]) -> Iterable[str]:
        return track(list(items), "features", console=err, transient=True)

    with engine_for(settings) as engine:
        before = _before(settings.home)
        plan = parts.plan_of(settings, judged, qrels.name, minutes=minutes, seed=seed, force=force, before=before)
        encoder = parts.encoder_of(settings)
        report = train_ranker(engine, settings.index, encoder, judged, settings.home / "rankers", plan, progress)
    if json:
        print_json(report)
        return
    show_training(report)


def _before(home: Path) -> Ranker | None:
    try:
        return rerank.load(home)
    except ModelError:
        return None


def show_training(report: Mapping[str, Any]) -> None:
    """A training report for people."""
    table = Table("order", "nDCG@10 on held-out queries", box=None)
    for name, value in report["test"].items():
        table.add_row(name, f"{value:.4f}")
    out.print(table)
    for pair, test in report["significance"].items():
        out.print(f"{pair}: {test['difference']:+.4f}, p = {test['p']:.4f}")
    sizes = ", ".join(f"{number} {name}" for name, number in report["queries"].items())
    parity = report["parity"]
    out.print(f"queries: {sizes}; served as int8 ({parity['form']})")
    compression = Table("form", "bytes", "nDCG@10", "order like fp32", "µs for 200", box=None)
    for name, one in parity["forms"].items():
        compression.add_row(name, f"{one['bytes']:,}", f"{one['ndcg']:.4f}", f"{one['rank']:.5f}", f"{one['us']:.0f}")
    out.print(compression)
    kept = "is in use now" if report["saved"] else "is worse than the one in use, which stays (--force replaces it)"
    out.print(f"{report['ranker']} {kept}")
    moved = report.get("adapter")
    if moved is not None:
        note = f", {moved['seen']} of them without: it was trained on these" if moved["seen"] else ""
        out.print(f"held-out queries moved by {moved['name']}{note}")


def adapter(
    qrels: Annotated[Path, typer.Option("--qrels", help="CSV query,docid,rating, or TREC with --queries.")],
    queries: Annotated[Path | None, typer.Option("--queries", help="TREC topics: topic<TAB>text.")] = None,
    minutes: Annotated[float, typer.Option("--minutes", min=0.1, max=1440, help="Time for fitting.")] = 5.0,
    seed: Annotated[int, typer.Option("--seed", help="Of the split and of training.")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Keep the adapter even if it is no better.")] = False,
    index: Index = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Learn from judged queries how to move query vectors, and use it if vectors find more. Nothing is indexed again."""
    settings = settings_of(home, index)
    judged = judgments.read(qrels, queries)
    trained_on, understanding = f"{qrels.name} ({judged.digest})", parts.understanding_of(settings)
    plan = adapting.Plan(minutes, seed, force, trained_on, understanding)
    with engine_for(settings) as engine, err.status("training an adapter") as status:
        encoder, folder = parts.encoder_of(settings), parts.adapter_folder(settings)
        report = adapting.train(engine, settings.index, encoder, judged, folder, plan, status.update)
    if json:
        print_json(report)
        return
    show_adapter(report)


def show_adapter(report: Mapping[str, Any]) -> None:
    """A report of an adapter for people."""
    table = Table("vectors alone", "without", "with", "difference", "p", box=None)
    for part in ("validation", "test"):
        for name, found in report[part].items():
            figures = (f"{found[one]:.4f}" for one in ("without", "with"))
            table.add_row(f"{name}, {part} queries", *figures, f"{found['difference']:+.4f}", f"{found['p']:.4f}")
    out.print(table)
    sizes = ", ".join(f"{number} {name}" for name, number in report["queries"].items())
    out.print(f"queries: {sizes}; compared with {report['products']['read']} of {report['products']['of']} products")
    near = report["cosine"]
    out.print(
        f"cosine with the unadapted vector: {near['queries']:.3f} of test queries, {near['titles']:.3f} of titles;"
        f" int8 parity: {report['parity']}; {report['microseconds']} µs a query"
    )
    if report["before"] is not None:
        out.print(f"ndcg@10 on test queries with the adapter in use before: {report['before']:.4f}")
    if report["saved"] and report["test"]["ndcg@10"]["p"] >= 0.05:
        out.print("the test queries are too few to tell the gain from chance")
    if report["saved"]:
        out.print(f"{report['adapter']} is in use now")
    else:
        out.print(f"{report['adapter']} was not kept: {report['refused']} (--force keeps it)")


def align(
    seed: Annotated[int, typer.Option("--seed", help="Of the split and of training.")] = 0,
    force: Annotated[
        bool, typer.Option("--force", help="Keep the alignment even if it is no better than chance.")
    ] = False,
    index: Index = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Learn from the catalog which pictures words mean, for a picture encoder without a text model of its own."""
    settings = settings_of(home, index)
    folder = settings.home / "alignment" / settings.index
    with engine_for(settings) as engine:
        report = alignment.train(engine, settings.index, folder, seed=seed, force=force)
    if json:
        print_json(report)
    else:
        show_alignment(report)
    if not report["saved"]:
        raise ModelError(
            "the alignment is not better than chance and was not kept",
            value=f"recall@10 {report['held_out']['recall@10']}",
            remedy="Index more products with pictures, or keep it with --force.",
        )


def show_alignment(report: Mapping[str, Any]) -> None:
    """A report of an alignment for people."""
    held_out = report["held_out"]
    table = Table("words find their picture", "recall@10", "recall@1", box=None)
    for arm in ("aligned", "random", "chance"):
        table.add_row(arm, f"{held_out['recall@10'][arm]:.3f}", f"{held_out['recall@1'][arm]:.3f}")
    out.print(table)
    for name in ("aligned - chance", "aligned - random"):
        test = held_out[name]
        out.print(
            f"{name}: {test['difference']:+.3f} recall@10, 95 % interval {test['low']:+.3f} to {test['high']:+.3f}"
        )
    out.print(
        f"{held_out['queries']} of {report['groups']} products held out, {report['pairs']} pairs; {report['fit']['way']};"
        f" int8 parity: {report['parity']}"
    )
