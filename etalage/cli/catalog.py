"""`etalage index`, `etalage events import` and `forget`, `etalage signals refresh`: what goes in, and out again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from etalage.cli.options import Home, Index, Json, answer, engine_for, err, out, print_json, settings_of
from etalage.core.errors import ConfigError
from indexer import quality
from workers import behaviour, changes, coordinate, signals


def add_to(app: typer.Typer) -> None:
    """Add this file's commands."""
    app.command("index")(index)
    events = typer.Typer(help="Shoppers' behaviour (UBI 1.3.0).", no_args_is_help=True)
    events.command("import")(import_events)
    events.command("forget")(forget_events)
    app.add_typer(events, name="events")
    learnt = typer.Typer(help="Numbers of products that are learnt from behaviour.", no_args_is_help=True)
    learnt.command("refresh")(refresh_signals)
    app.add_typer(learnt, name="signals")


def index(
    file: Annotated[
        Path,
        typer.Argument(help="CSV, TSV, JSON Lines (gzipped or not) or Parquet: the whole catalog, unless --delta."),
    ],
    index: Index = None,
    mapping: Annotated[
        list[str] | None, typer.Option("--map", help="FIELD=COLUMN, e.g. title=name or price=cost:major; repeatable.")
    ] = None,
    max_bad: Annotated[
        str, typer.Option("--max-bad", help="Bad rows that are put up with: a share or a count.")
    ] = "5%",
    full: Annotated[bool, typer.Option("--full", help="Build a new generation even where a diff would do.")] = False,
    delta: Annotated[
        bool, typer.Option("--delta", help="The file has changes alone: an id, the columns that change, maybe `op`.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Remove products that the feed lacks, however many.")] = False,
    pictures: Annotated[
        Path | None, typer.Option("--pictures", help="Folder or archive of pictures (default: the feed's folder).")
    ] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Index a full feed: it replaces the catalog. Run again after an interruption, it goes on where it stopped."""
    if delta and (dry_run or full):
        raise ConfigError("--delta goes without --dry-run and --full", remedy="Leave one of them out.")
    settings = settings_of(home, index)
    if pictures is not None and not settings.image_model:
        raise ConfigError(
            "--pictures needs an image model",
            value=pictures,
            remedy="Set ETALAGE_IMAGE_MODEL; see `etalage models add`.",
        )
    options = coordinate.options_of(
        settings, file, pictures, overrides=overrides(mapping or []), max_bad=max_bad, full=full, force=force
    )
    if delta:
        with engine_for(settings) as engine:
            show_changes(changes.apply_file(engine, settings, file, options), json)
        return
    if dry_run:
        with engine_for(settings) as engine, bar() as report:
            show_preview(coordinate.preview_feed(engine, settings, file, options, report), json)
        return
    with bar() as report:
        summary = coordinate.index_feed(settings, file, options, report)
    if json:
        print_json(summary)
        return
    show_summary(summary, settings.home)


def show_changes(summary: Mapping[str, Any], json: bool) -> None:
    """What became of a file of changes."""
    if json:
        print_json(summary)
        return
    names = ("read", "created", "updated", "deleted", "unchanged", "stale", "quarantined")
    out.print(", ".join(f"{summary[name]:,} {name}" for name in names) + f" in {summary['seconds']} s")
    for reason in summary["reasons"]:
        out.print(reason)
    _show_pictures(summary["pictures"])


def show_preview(found: Mapping[str, Any], json: bool) -> None:
    """What indexing a feed would do."""
    if json:
        print_json(found)
        return
    show_mapping(found["mapping"])
    _show_quality(found["quality"])
    target = "a new generation would be built" if found["full"] else f"{found['generation']} would be changed"
    names = ("new", "changed", "unchanged", "removed", "quarantined")
    out.print(f"{target}: {', '.join(f'{found[name]:,} {name}' for name in names)}, of {found['read']:,} read")
    texts, images = found["encode"]["text"], found["encode"]["image"]
    out.print(f"{texts:,} texts (about {found['seconds']} s on one worker) and {images:,} pictures would be encoded")
    if found["refused"]:
        out.print(f"but it would be refused: {found['refused']}")


def overrides(given: list[str]) -> dict[str, str]:
    """`--map` options as field → column. Raises ConfigError."""
    pairs = {}
    for one in given:
        name, equals, column = one.partition("=")
        if not equals:
            raise ConfigError("--map wants FIELD=COLUMN", value=one, remedy="For instance --map title=product_name.")
        pairs[name.strip()] = column.strip()
    return pairs


@contextmanager
def bar() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar on stderr with rate and time left; yields what to call with (stage, done, total)."""
    columns = (
        TextColumn("{task.description:>8}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as progress:
        tasks: dict[str, Any] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=total or None, rate="")
            task = progress.tasks[tasks[stage]]
            unit = "rows" if stage == "read" else "chunks"
            rate = f"{task.speed:,.0f} {unit}/s" if task.speed else ""
            progress.update(tasks[stage], completed=done, total=total or None, rate=rate)

        yield report


def show_summary(summary: Mapping[str, Any], home: Path) -> None:
    """The result of indexing for people."""
    show_mapping(summary["mapping"])
    _show_quality(summary["quality"])
    counts = ", ".join(
        f"{summary[name]:,} {name}" for name in ("read", "indexed", "unchanged", "removed", "quarantined")
    )
    out.print(f"{summary['generation']}: {counts} in {summary['seconds']} s")
    if summary["quarantined"]:
        out.print(f"quarantined rows and reasons: {home / 'quarantine.jsonl'}; products: etalage dead-letters")
    _show_pictures(summary["pictures"])


def _show_quality(report: Mapping[str, Any]) -> None:
    """What the rules of data quality did, where they did anything."""
    found = quality.rows(report) if report else []
    if found:
        table = Table("rule", "did", "products", "for instance", box=None)
        for rule, action, count, example in found:
            table.add_row(rule, action, str(count), example[:80])
        out.print(table)


def _show_pictures(bad: Sequence[Sequence[str]]) -> None:
    """Pictures that cannot be used."""
    for id, reason in bad[:10]:
        out.print(f"picture of {id}: {reason}")
    if len(bad) > 10:
        out.print(f"and {len(bad) - 10:,} more pictures that cannot be used")


def show_mapping(mapping: Mapping[str, Any]) -> None:
    """Which column is read as what."""
    table = Table("field", "column", box=None)
    for name, column in mapping["columns"].items():
        table.add_row(name, f"{column} ({mapping['price_unit']} units)" if name == "price" else column)
    out.print(table)
    if mapping["attributes"]:
        out.print(f"and {mapping['attributes']} columns as attributes")
    if mapping["unused"]:
        out.print(f"not used: {', '.join(mapping['unused'][:20])} (take one with --map FIELD=COLUMN)")


def import_events(
    file: Annotated[
        Path,
        typer.Argument(help="UBI queries and events (JSON Lines or `_bulk`), or a plain log: a query a line or CSV."),
    ],
    max_bad: Annotated[str, typer.Option("--max-bad", help="Bad lines that are put up with.")] = "5%",
    trusted: Annotated[
        bool, typer.Option("--trusted", help="Nothing in a plain log without users is of one person alone.")
    ] = False,
    index: Index = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Store what shoppers did and build completions from it."""
    settings = settings_of(home, index)
    with engine_for(settings) as engine:
        result = behaviour.import_events(engine, settings, file, max_bad=max_bad, trusted=trusted)
    answer(result, json, _show_import)


def forget_events(
    client: Annotated[str, typer.Option("--client", help="What a client (`client_id`) did.")] = "",
    user: Annotated[str, typer.Option("--user", help="What a user who was signed in (`user_id`) did.")] = "",
    query: Annotated[str, typer.Option("--query", help="A query, whoever typed it, and what followed it.")] = "",
    index: Index = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Remove what is stored of a shopper or a query, and build completions without it."""
    settings = settings_of(home, index)
    with engine_for(settings) as engine:
        result = behaviour.forget(engine, settings, client=client, user=user, query=query)
    answer(result, json, _show_forgotten)


def refresh_signals(
    half_life: Annotated[
        float | None, typer.Option("--half-life", min=0.01, help="Days after which an event counts half (default 30).")
    ] = None,
    index: Index = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Learn popularity, click rate and purchase rate from stored behaviour, and write them to the products."""
    settings = settings_of(home, index, signals_half_life=half_life)
    with engine_for(settings) as engine:
        result = signals.refresh(engine, settings)
    answer(result, json, _show_signals)


def _show_import(result: Mapping[str, Any]) -> None:
    made = result["completions"]
    out.print(
        f"{result['read']:,} read, {result['added']:,} new, {result['quarantined']:,} refused, {result['seconds']} s"
    )
    out.print(
        f"{made['completions']:,} completions ({made['from_log']:,} from queries); dropped texts: {made['dropped']}"
    )


def _show_forgotten(result: Mapping[str, Any]) -> None:
    out.print(
        f"{result['queries']:,} queries and {result['events']:,} events removed, {result['listed']:,} listed texts"
    )
    out.print(f"{result['completions']['completions']:,} completions")


def _show_signals(result: Mapping[str, Any]) -> None:
    out.print(f"{result['read']:,} read; {result['products']:,} products, {result['unknown']:,} not in the catalog")
    means = [
        f"{name.replace('_', ' ')} {'unknown' if result[name] is None else format(result[name], '.1%')}"
        for name in ("click_rate", "purchase_rate")
    ]
    out.print(f"on average: {', '.join(means)}")
    names = ("changed", "updated", "stale", "refused")
    out.print(", ".join(f"{result[name]:,} {name}" for name in names) + f" in {result['seconds']} s")
    if result["left_out"]:
        out.print(f"{result['left_out']:,} days of clients that act like no person are left out")
    for reason in result["reasons"]:
        out.print(reason)
