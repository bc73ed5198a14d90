"""Options that commands share, and how results are printed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console

from etalage.core.settings import Settings, load
from opensearch.engine import SearchEngine
from workers import parts

Home = Annotated[
    Path | None, typer.Option("--home", help="Folder of the shop's data (default .etalage, or ETALAGE_HOME).")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Index = Annotated[str | None, typer.Option("--index", help="Name of the index (default products).")]

Qrels = Annotated[Path, typer.Option("--qrels", help="CSV query,docid,rating, or TREC with --queries.")]
Queries = Annotated[Path | None, typer.Option("--queries", help="TREC topics: topic<TAB>text.")]
Minutes = Annotated[float, typer.Option("--minutes", min=0.1, max=1440, help="Time for fitting.")]
Seed = Annotated[int, typer.Option("--seed", help="Of the split and of training.")]

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def settings_of(home: Path | None, index: str | None = None, **others: Any) -> Settings:
    """Settings from options and environment. Raises ConfigError."""
    return load(home=home, index=index, **others)


@contextmanager
def engine_for(settings: Settings) -> Iterator[SearchEngine]:
    """The engine while a command runs."""
    engine = parts.engine_of(settings)
    try:
        yield engine
    finally:
        engine.close()


def answer(report: Mapping[str, Any], json: bool, show: Callable[[Mapping[str, Any]], None]) -> None:
    """A report as one JSON document, or as `show` tells it to people."""
    if json:
        print_json(report)
    else:
        show(report)


def print_json(document: Mapping[str, Any]) -> None:
    """One JSON document on stdout."""
    sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY))
    sys.stdout.buffer.flush()
