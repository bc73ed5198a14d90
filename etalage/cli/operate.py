"""`etalage serve`, `worker`, `node`, `models`, `doctor`, `demo`: running it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from etalage.cli import checks
from etalage.cli.options import Home, Index, Json, err, out, print_json, settings_of
from etalage.core.encoders import image
from etalage.core.encoders import models as encoders
from etalage.core.errors import ConfigError
from workers import process, schedule

log = logging.getLogger(__name__)

_DEFAULT_MODEL = "all-MiniLM-L6-v2"


def add_to(app: typer.Typer) -> None:
    """Add this file's commands."""
    app.command("serve")(serve)
    app.command("worker")(worker)
    app.command("beat")(beat)
    node = typer.Typer(help="A local OpenSearch node.", no_args_is_help=True)
    node.command("start")(node_start)
    node.command("stop")(node_stop)
    app.add_typer(node, name="node")
    models = typer.Typer(help="Text encoders in the model cache.", no_args_is_help=True)
    models.command("pull")(models_pull)
    models.command("export")(models_export)
    models.command("add")(models_add)
    models.command("list")(models_list)
    models.command("check")(models_check)
    app.add_typer(models, name="models")
    app.command("doctor")(doctor)
    app.command("demo")(demo)


def serve(
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to listen on.")] = 8080,
    index: Index = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Serve search and completion over HTTP."""
    from etalage.http import accesslog, server
    from etalage.http.app import create_app

    settings = settings_of(home, index)
    accesslog.configure(settings.log)
    if settings.keys is None and host not in server.LOOPBACK:
        log.warning("everyone who reaches %s may search: set ETALAGE_KEYS", host)
    serving = server.Server(create_app(settings), settings, host, port)
    if json:
        print_json({"url": f"http://{host}:{port}"})
    try:
        serving.run()
    except KeyboardInterrupt:
        return
    except SystemExit:
        # It could not start, and has said why.
        raise typer.Exit(1) from None


def worker(
    concurrency: Annotated[int, typer.Option("--concurrency", min=1, max=64, help="Processes.")] = 1,
    home: Home = None,
    json: Json = False,
) -> None:
    """Work on indexing jobs until stopped (with ETALAGE_BROKER; without, `index` starts its own worker)."""
    process.run(settings_of(home), concurrency)


def beat(home: Home = None, json: Json = False) -> None:
    """Have the nightly feed indexed, signals refreshed and completions built by the clock, until stopped; one is enough."""
    schedule.run(settings_of(home))


def node_start(
    heap: Annotated[str, typer.Option("--heap", help="Java heap.")] = "1g",
    plugin: Annotated[
        Path | None, typer.Option("--plugin", help="Zip of the ranking plugin, which the node then has.")
    ] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Assemble (once) and start a local OpenSearch node with k-NN and neural-search."""
    from opensearch import node

    settings = settings_of(home)
    started = node.start(settings.home / "node", heap=heap, with_plugin=plugin)
    document = {"id": started.id, "url": started.url, "pid": started.pid, "folder": str(started.folder)}
    if json:
        print_json(document)
        return
    out.print(f"OpenSearch {started.id} answers at {started.url}\nexport ETALAGE_OPENSEARCH_URL={started.url}")


def node_stop(
    id: Annotated[str | None, typer.Option("--id", help="Which node; the home's own when left out.")] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Stop the local node."""
    from opensearch import node

    stopped = node.stop(settings_of(home).home / "node", id)
    if json:
        print_json({"stopped": stopped})
        return
    out.print("stopped" if stopped else "there was no node running")


def models_pull(
    source: Annotated[str, typer.Argument(help="Folder, hub name or installed package.")] = _DEFAULT_MODEL,
    name: Annotated[str | None, typer.Option("--name", help="Name in the cache.")] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Fetch a model, exporting it where needed."""
    _shown(encoders.pull(source, models=settings_of(home).models, name=name), json)


def models_export(
    source: Annotated[str, typer.Argument(help="Folder, hub name or installed package.")] = _DEFAULT_MODEL,
    name: Annotated[str | None, typer.Option("--name", help="Name in the cache.")] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Export a sentence-transformers model to int8 ONNX, checked against the original."""
    _shown(encoders.export(source, models=settings_of(home).models, name=name), json)


def _shown(manifest: Any, json: bool) -> None:
    if json:
        print_json(checks.plain(manifest))
        return
    out.print(f"{manifest.name}: {manifest.dim} dimensions, up to {manifest.max_length} tokens, from {manifest.source}")


def models_add(
    file: Annotated[
        Path, typer.Argument(help="ONNX model of pictures: one input of [n, 3, side, side], one output [n, dim].")
    ],
    name: Annotated[str | None, typer.Option("--name", help="Name in the cache.")] = None,
    size: Annotated[int, typer.Option("--size", min=1, help="Side that pictures are resized to.")] = 256,
    crop: Annotated[int, typer.Option("--crop", min=1, help="Side of the model's input.")] = 224,
    fit: Annotated[
        str, typer.Option("--fit", help="crop: short side, middle kept; pad: long side, filled up.")
    ] = "crop",
    mean: Annotated[str, typer.Option("--mean", help="Subtracted from each channel of 0..1.")] = "0,0,0",
    std: Annotated[str, typer.Option("--std", help="What each channel is then divided by.")] = "1,1,1",
    denoise: Annotated[bool, typer.Option("--denoise", help="Smooth pictures lightly first.")] = False,
    paired: Annotated[
        str | None, typer.Option("--paired-text", help="Text encoder that shares its space, as CLIP's do.")
    ] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Put an image model into the cache; ETALAGE_IMAGE_MODEL then names it."""
    how = {"size": size, "crop": crop, "fit": fit, "denoise": denoise, "mean": _three(mean), "std": _three(std)}
    models = settings_of(home).models
    made = image.add(models, name or file.stem, file, preprocessing=how, source=file.name, paired_text=paired)
    if json:
        print_json(checks.plain(made))
    else:
        out.print(f"{made.name}: {made.dim} dimensions; use it with ETALAGE_IMAGE_MODEL={made.name}")


def _three(given: str) -> tuple[float, ...]:
    try:
        return tuple(float(one) for one in given.split(","))
    except ValueError:
        raise ConfigError("three numbers are expected", value=given, remedy="Such as 0.485,0.456,0.406.") from None


def models_list(home: Home = None, json: Json = False) -> None:
    """Models in the cache."""
    settings = settings_of(home)
    found, pictures = encoders.available(settings.models), image.available(settings.models)
    if json:
        texts, images = ([checks.plain(one) for one in ones] for ones in (found, pictures))
        print_json({"models": texts, "image_models": images, "folder": str(settings.models)})
        return
    table = Table("name", "of", "dim", "input", "source", box=None)
    for one in found:
        table.add_row(one.name, "texts", str(one.dim), f"{one.max_length} tokens", one.source)
    for other in pictures:
        table.add_row(other.name, "pictures", str(other.dim), f"{other.preprocessing.crop} pixels", other.source)
    out.print(table)
    err.print(f"in {settings.models}")


def models_check(
    name: Annotated[str, typer.Argument(help="Name in the cache.")] = _DEFAULT_MODEL,
    home: Home = None,
    json: Json = False,
) -> None:
    """Check a model's files and that it still gives the vectors that it gave when it was exported."""
    report = encoders.check(settings_of(home).models, name)
    if json:
        print_json(checks.plain(report))
        return
    out.print(f"{name}: sound; largest drift {report.drift:.2g}, loads in {report.load_seconds:.2f} s")


def doctor(index: Index = None, home: Home = None, json: Json = False) -> None:
    """Check every part that the settings name, and say what to do about what is missing."""
    found = checks.run(settings_of(home, index))
    if json:
        print_json({"checks": found, "ok": all(one["ok"] for one in found)})
    else:
        for one in found:
            out.print(f"{'ok   ' if one['ok'] else 'WRONG'}  {one['part']}: {one['detail']}")
    if not all(one["ok"] for one in found):
        raise typer.Exit(1)


def demo(
    seed: Annotated[int, typer.Option("--seed", help="Another seed gives another shop.")] = 7,
    products: Annotated[int, typer.Option("--products", min=200, max=20000, help="Size of the shop.")] = 2400,
    home: Home = None,
    json: Json = False,
) -> None:
    """Make a sample shop, index it, train its ranker, build completions, and measure all of it."""
    from etalage.demo.tour import run

    home = home or Path(".etalage") / "demo"
    report = run(settings_of(home), seed=seed, products=products, show=None if json else out)
    if json:
        print_json(report)
