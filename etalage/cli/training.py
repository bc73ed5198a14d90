"""`etalage train ranker`, `adapter`, `encoder`, `cross-encoder`, `all`, `align`: how search gets better."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import track
from rich.table import Table

from etalage.cli.options import (
    Home,
    Index,
    Json,
    Minutes,
    Qrels,
    Queries,
    Seed,
    answer,
    engine_for,
    err,
    out,
    settings_of,
)
from etalage.cli.studies import show_studies, study, told
from etalage.core.errors import ModelError
from etalage.core.settings import Settings
from ranker.training import alignment, judgments
from ranker.training.report import train as train_ranker
from workers import parts, plugin, training

Push = Annotated[
    bool, typer.Option("--push", help="Push what is then in use to the node's plugin, as the index's name.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from where an interrupted training was.")]
Weights = Annotated[
    Path | None, typer.Option("--weights", help="Folder of the encoder's torch weights, if it was exported from one.")
]


def add_to(app: typer.Typer) -> None:
    """Add this file's commands."""
    train = typer.Typer(help="Train models.", no_args_is_help=True)
    train.callback()(_group)
    train.command("ranker")(ranker)
    train.command("adapter")(adapter)
    train.command("encoder")(encoder)
    train.command("cross-encoder")(cross_encoder)
    train.command("all")(everything)
    train.command("align")(align)
    app.add_typer(train, name="train")


def _group() -> None:
    """Train models."""


def _pushing(settings: Settings, push: bool) -> Settings:
    """`settings`, where what is trained can be pushed if it is to be. Raises ConfigError, before anything is trained."""
    if push:
        plugin.needs_node(settings)
    return settings


def _pushed(settings: Settings, push: bool) -> dict[str, Any]:
    """What the node says of what was pushed, as a part of the report."""
    return {"pushed": plugin.push(settings, settings.index)} if push else {}


def _show_pushed(report: Mapping[str, Any]) -> None:
    if "pushed" in report:
        told = report["pushed"]
        out.print(f"the node ranks {told['name']} with {told['current']['title']} now (change {told['version']})")


def ranker(
    qrels: Qrels,
    queries: Queries = None,
    minutes: Minutes = 5.0,
    seed: Seed = 0,
    force: Annotated[bool, typer.Option("--force", help="Use the new model even if it is worse.")] = False,
    folds: Annotated[
        int | None,
        typer.Option("--folds", min=2, help="Only measure: in k parts, each ranked by a model of the others."),
    ] = None,
    ablate: Annotated[
        bool, typer.Option("--ablate", help="Only measure: what is missed without each family of features.")
    ] = False,
    compare: Annotated[bool, typer.Option("--compare", help="Only measure: all ways to fit, and LightGBM.")] = False,
    push: Push = False,
    index: Index = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Train the ranker on judged queries, check it, and use it if it is no worse than the one in use.

    With --folds, --ablate or --compare models are trained and measured, and none is kept.
    """
    studied = folds is not None or ablate or compare
    if (force or push) and studied:
        raise typer.BadParameter("--force and --push go with training alone: --folds, --ablate and --compare keep nothing")
    settings = _pushing(settings_of(home, index), push)
    judged = judgments.read(qrels, queries)

    def progress(items: Iterable[str]) -> Iterable[str]:
        return track(list(items), "features", console=err, transient=True)

    with engine_for(settings) as engine:
        if studied:
            plan = parts.plan_of(settings, judged, qrels.name, minutes=minutes, seed=seed)
            with err.status("features") as status:
                found = study(
                    settings, engine, judged, plan, parted=folds, ablate=ablate, compare=compare, tell=status.update
                )
            answer(found, json, show_studies)
            return
        before = training.before(settings)
        plan = parts.plan_of(settings, judged, qrels.name, minutes=minutes, seed=seed, force=force, before=before)
        encoder = parts.encoder_of(settings)
        report = train_ranker(engine, settings.index, encoder, judged, settings.home / "rankers", plan, progress)
    answer(report | _pushed(settings, push), json, show_training)


def show_training(report: Mapping[str, Any]) -> None:
    """A training report for people."""
    table = Table("order", "nDCG@10 on held-out queries", box=None)
    for name, value in report["test"].items():
        table.add_row(name, f"{value:.4f}")
    out.print(table)
    for pair, test in report["significance"].items():
        out.print(f"{pair}: {told(test)}")
    sizes = ", ".join(f"{number} {name}" for name, number in report["queries"].items())
    parity = report["parity"]
    out.print(f"queries: {sizes}; served as int8 ({parity['form']})")
    names = ("bytes", "nDCG@10", "lost", "order like fp32", "µs for 200", "for 1,000")
    compression = Table("form", *names, box=None)
    for name, one in parity["forms"].items():
        figures = (f"{one['bytes']:,}", f"{one['ndcg']:.4f}", f"{one['loss']:+.4f}", f"{one['rank']:.5f}")
        compression.add_row(name, *figures, f"{one['us']:.0f}", f"{one['us_1000']:.0f}")
    out.print(compression)
    kept = "is in use now" if report["saved"] else "is worse than the one in use, which stays (--force replaces it)"
    out.print(f"{report['ranker']} {kept}")
    _show_pushed(report)
    moved = report.get("adapter")
    if moved is not None:
        note = f", {moved['seen']} of them without: it was trained on these" if moved["seen"] else ""
        out.print(f"held-out queries moved by {moved['name']}{note}")


def adapter(
    qrels: Qrels,
    queries: Queries = None,
    minutes: Minutes = 5.0,
    seed: Seed = 0,
    force: Annotated[bool, typer.Option("--force", help="Keep the adapter even if it is no better.")] = False,
    push: Push = False,
    index: Index = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Learn from judged queries how to move query vectors, and use it if vectors find more. Nothing is indexed again."""
    settings = _pushing(settings_of(home, index), push)
    judged = judgments.read(qrels, queries)
    with engine_for(settings) as engine, err.status("training an adapter") as status:
        report = training.train_adapter(
            settings, engine, judged, qrels.name, minutes=minutes, seed=seed, force=force, tell=status.update
        )
    answer(report | _pushed(settings, push), json, show_adapter)


def show_adapter(report: Mapping[str, Any]) -> None:
    """A report of an adapter for people."""
    _show_vectors(report)
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
    _show_pushed(report)


def _show_vectors(report: Mapping[str, Any]) -> None:
    table = Table("vectors alone", "without", "with", "difference", "p", box=None)
    for part in ("validation", "test"):
        for name, found in report[part].items():
            figures = (f"{found[one]:.4f}" for one in ("without", "with"))
            table.add_row(f"{name}, {part} queries", *figures, f"{found['difference']:+.4f}", f"{found['p']:.4f}")
    out.print(table)
    sizes = ", ".join(f"{number} {name}" for name, number in report["queries"].items())
    out.print(f"queries: {sizes}; compared with {report['products']['read']} of {report['products']['of']} products")


def encoder(
    qrels: Qrels,
    queries: Queries = None,
    minutes: Minutes = 20.0,
    seed: Seed = 0,
    force: Annotated[bool, typer.Option("--force", help="Keep the encoder even if it is no better.")] = False,
    resume: Resume = False,
    to: Annotated[str | None, typer.Option("--to", help="Its name in the models' cache.")] = None,
    weights: Weights = None,
    index: Index = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Tune the text encoder on judged queries, and keep it if vectors find more. The catalog is then to be indexed again."""
    settings = settings_of(home, index)
    judged = judgments.read(qrels, queries)
    with engine_for(settings) as engine, err.status("training an encoder") as status:
        report = training.train_encoder(
            settings, engine, judged, qrels.name, name=to, weights=weights, minutes=minutes, seed=seed, force=force, resume=resume,
            tell=status.update,
        )  # fmt: skip
    answer(report, json, show_encoder)


def show_encoder(report: Mapping[str, Any]) -> None:
    """A report of a tuned encoder for people."""
    _show_vectors(report)
    fit, near, parity = report["fit"], report["cosine"], report["parity"]
    out.print(
        f"{fit['steps']} steps in {fit['seconds']} s, {'bfloat16' if fit['half'] else 'float32'}; {fit['share']:.0%} of the way"
        f" to the tuned weights; {report['seconds']} s in all"
    )
    out.print(
        f"cosine with the vector before: {near['queries']:.3f} of test queries, {near['products']:.3f} of products;"
        f" int8 parity: {parity['cosine_mean']:.4f}"
    )
    if not report["saved"]:
        out.print(f"{report['encoder']} was not kept: {report['refused']} (--force keeps it)")
        return
    if report["test"]["ndcg@10"]["p"] >= 0.05:
        out.print("the test queries are too few to tell the gain from chance")
    out.print(
        f"{report['encoder']} is in the models' cache. To use it, set it wherever the index is built or searched:"
    )
    out.print(f"  export ETALAGE_TEXT_MODEL={report['encoder']}")
    out.print("  etalage index FEED          # encodes the catalog again")
    out.print(
        "  etalage train all --qrels FILE   # with the same --seed: adapter and ranker were trained beside the old vectors"
    )


def cross_encoder(
    qrels: Qrels,
    queries: Queries = None,
    minutes: Minutes = 10.0,
    seed: Seed = 0,
    force: Annotated[bool, typer.Option("--force", help="Keep it even if it is no better.")] = False,
    resume: Resume = False,
    weights: Weights = None,
    index: Index = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Train a small transformer that reads the query with each of the ranker's best products, and use it if they are ordered better."""
    settings = settings_of(home, index)
    judged = judgments.read(qrels, queries)
    with engine_for(settings) as engine, err.status("training a cross-encoder") as status:
        report = training.train_cross(
            settings, engine, judged, qrels.name, weights=weights, minutes=minutes, seed=seed, force=force, resume=resume,
            tell=status.update,
        )  # fmt: skip
    answer(report, json, show_cross)


def show_cross(report: Mapping[str, Any]) -> None:
    """A report of a cross-encoder for people."""
    table = Table("nDCG@10", "ranked", "with it", "difference", "95 % interval", "p", box=None)
    for part in ("validation", "test"):
        found = report[part]
        means = (f"{found[one]:.4f}" for one in ("without", "with"))
        interval = f"{found['low']:+.4f} to {found['high']:+.4f}"
        table.add_row(f"{part} queries", *means, f"{found['difference']:+.4f}", interval, f"{found['p']:.4f}")
    out.print(table)
    fit, parity = report["fit"], report["parity"]
    sizes = ", ".join(f"{number} {name}" for name, number in report["queries"].items())
    out.print(
        f"queries: {sizes}; {fit['steps']} steps in {fit['seconds']} s, {'bfloat16' if fit['half'] else 'float32'}"
    )
    out.print(
        f"{report['depth']} products are read, {report['milliseconds']:.2f} ms each on one thread; weight {report['weight']};"
        f" {report['bytes']:,} bytes, int8 like fp32 by {parity['correlation']:.4f} on {parity['pairs']} pairs"
    )
    kept = "is in use now" if report["saved"] else f"was not kept: {report['refused']} (--force keeps it)"
    out.print(f"{report['cross']} {kept}")


def everything(
    qrels: Qrels,
    queries: Queries = None,
    minutes: Minutes = 10.0,
    seed: Seed = 0,
    push: Push = False,
    index: Index = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Train the adapter, then the ranker: a third of the minutes at most, and what is left. Each is kept only if it is better."""
    settings = _pushing(settings_of(home, index), push)
    judged = judgments.read(qrels, queries)
    with engine_for(settings) as engine, err.status("training") as status:
        report = training.train_all(
            settings, engine, judged, qrels.name, minutes=minutes, seed=seed, tell=status.update
        )
    answer(report | _pushed(settings, push), json, show_stages)


def show_stages(report: Mapping[str, Any]) -> None:
    """The reports of several stages for people."""
    for stage, show in (("adapter", show_adapter), ("ranker", show_training)):
        if stage in report["stages"]:
            out.print(f"[bold]{stage}[/bold]")
            show(report["stages"][stage])
    for one in report["left_out"]:
        out.print(f"left out: {one['stage']}: {one['why']}\n  {one['run']}")
    _show_pushed(report)
    out.print(f"{report['seconds']} s in all")


def align(
    seed: Seed = 0,
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
    answer(report, json, show_alignment)
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
