"""`etalage search`, `etalage suggest`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.markup import escape
from rich.table import Table

from autocomplete.complete import Completer, Completion
from etalage.cli import completions, live, publishing
from etalage.cli.options import Home, Index, Json, engine_for, out, print_json, settings_of
from etalage.core.errors import QueryError
from etalage.core.settings import Settings
from indexer.pictures import MAX_BYTES
from ranker.filters import parse_filters, parse_sort
from ranker.query import DID_YOU_MEAN, PRICE, RELAXED, SPELLING, UNMATCHED, WITHOUT
from ranker.search import Answer, Ask
from workers import parts, related
from workers.vision import Vision

_STRONGEST: Final = 10
"""Features of each hit that `--explain` shows."""


def add_to(app: typer.Typer) -> None:
    """Add this file's commands."""
    app.command("search")(search)
    suggesting = typer.Typer(cls=completions.PrefixFirst, help="Complete what was typed: etalage suggest PREFIX.")
    suggesting.command(completions.COMPLETE)(suggest)
    completions.add_to(suggesting)
    publishing.add_to(suggesting)
    app.add_typer(suggesting, name="suggest")


def search(
    q: Annotated[str | None, typer.Argument(help="What to find; empty browses by popularity.")] = None,
    image: Annotated[Path | None, typer.Option("--image", help="A picture to search by, alone or with words.")] = None,
    looks: Annotated[str | None, typer.Option("--looks", help="Words that say what the picture shows.")] = None,
    like: Annotated[
        str | None, typer.Option("--like", help="Id of a product: others that look, or read, like it.")
    ] = None,
    size: Annotated[int, typer.Option("--size", min=0, max=1000, help="Hits to return.")] = 10,
    start: Annotated[int, typer.Option("--from", min=0, help="Hits to skip.")] = 0,
    filters: Annotated[
        list[str] | None,
        typer.Option("--filter", help="brand:Acme, price:1000..5000, without:red, in_stock; repeatable."),
    ] = None,
    sort: Annotated[
        str | None, typer.Option("--sort", help="A number instead of the score: price, price:desc.")
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Add what features and families contribute.")] = False,
    understand: Annotated[
        bool, typer.Option("--understand/--no-understand", help="Correct words, read bounds of the price, and so on.")
    ] = True,
    rules: Annotated[bool, typer.Option("--rules/--no-rules", help="Merchandising rules (ETALAGE_RULES).")] = True,
    recent: Annotated[
        list[str] | None,
        typer.Option("--recent", help="Id of a product that the shopper looked at, newest first; repeatable."),
    ] = None,
    language: Annotated[
        str,
        typer.Option("--language", help="Whose words say why a hit is there: en, de, fr, es, zh; else the query's."),
    ] = "",
    collapse: Annotated[
        str, typer.Option("--collapse", help="Show each value of a field once: variant_group, brand, ...")
    ] = "",
    index: Index = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Search the catalog."""
    if q is None and not (image or like or looks):
        raise typer.BadParameter("give words, --image, --looks or --like")
    settings = settings_of(home, index)
    ask = Ask(
        q or "",
        size,
        start,
        parse_filters(filters),
        parse_sort(sort),
        explain=explain,
        understand=understand,
        rules=rules,
        recent=tuple(recent or ()),
        language=language,
        collapse=collapse,
    )
    if bool(like) + bool(image) + bool(looks) > 1 or (like and q):
        raise QueryError(
            "--like, --looks and --image exclude each other, and --like goes without words", remedy="Keep one."
        )
    with engine_for(settings) as engine:
        searcher, vision = parts.searcher_of(settings, engine), Vision(settings, engine)
        if like:
            answer = vision.like(searcher, ask, like)
        else:
            shown = vision.vector(_bytes(image)) if image else vision.words(looks, searcher.encoder) if looks else ()
            answer = searcher.search(replace(ask, image=shown))
    others = related.beside(parts.related_of(settings), answer, start)
    if json:
        print_json(answer.as_dict() | others)
        return
    show_answer(answer, explain=explain)
    if others:
        out.print(f"related: {', '.join(others['related'])}", markup=False)


def _bytes(picture: Path) -> bytes:
    try:
        if picture.stat().st_size > MAX_BYTES:
            raise QueryError("the picture is too large", value=picture, remedy=f"At most {MAX_BYTES >> 20} MiB.")
        return picture.read_bytes()
    except OSError as error:
        raise QueryError(
            f"the picture cannot be read ({error.strerror})", value=picture, remedy="Check the path."
        ) from None


def show_answer(answer: Answer, *, explain: bool = False) -> None:
    """Hits for people."""
    _show_understood(answer)
    table = Table("#", "score", "title", "id", "BM25", "cosine", "fused", box=None)
    for place, hit in enumerate(answer.hits, 1):
        one: dict[str, Any] = dict(hit.parts)
        numbers = (f"{one['bm25']:.2f} #{one['rank']['bm25']}", f"{one['cosine']:.2f} #{one['rank']['vector']}")
        table.add_row(str(place), f"{hit.score:.3f}", hit.title[:80], hit.id, *numbers, f"{one['fused']:.2f}")
        table.add_row("", "", f"   {escape(one['why'])}", "", "", "", "")
        for line in _contributions(one) if explain else ():
            table.add_row("", "", f"   {line}", "", "", "", "")
    out.print(table)
    facets = "; ".join(
        f"{name}: {', '.join(f'{value} {count}' for value, count in values[:5])}"
        for name, values in answer.facets.items()
        if values
    )
    if facets:
        out.print(facets)
    if answer.redirect:
        out.print(f"redirect: {answer.redirect}", markup=False)
    if answer.rules:
        out.print(f"rules: {', '.join(answer.rules)}", markup=False)
    missing = f", without {', '.join(answer.degraded)}" if answer.degraded else ""
    out.print(f"{answer.total:,} found in {answer.took_ms:.1f} ms{missing}")


def _contributions(one: Mapping[str, Any]) -> list[str]:
    """Lines on where a hit's score comes from: the strongest features, then the families."""
    lines = [
        f"{each['contribution']:+.3f}  {each['feature']} = {each['value']:.3g}"
        for each in one.get("contributions", ())[:_STRONGEST]
    ]
    if "families" in one:
        lines.append(", ".join(f"{name} {value:+.2f}" for name, value in one["families"].items()))
    return lines


def _show_understood(answer: Answer) -> None:
    """What was searched for, where that is not what was typed, and what might have been meant."""
    told = [one for one in answer.understood if one["step"] in (PRICE, WITHOUT, SPELLING, RELAXED)]
    if told:
        notes = [_note(one) for one in told]
        out.print(f"searched for: {answer.searched or 'everything'} ({'; '.join(notes)})", markup=False)
    for one in answer.understood:
        if one["step"] == DID_YOU_MEAN:
            out.print(f"did you mean {one['to']} (for {one['from']})?", markup=False)
        if one["step"] == UNMATCHED:
            out.print(f"no product has the words {one['from']}; the nearest in meaning:", markup=False)


def _note(one: Mapping[str, str]) -> str:
    if one["step"] == RELAXED:
        return f"nothing matched under {one['from']}"
    return f"{one['from']} → {one['to']}"


def suggest(
    prefix: Annotated[
        str | None,
        typer.Argument(
            help="What was typed so far; empty gives the most popular. Left out, a terminal completes while you type, and of "
            "what is piped in every line is completed."
        ),
    ] = None,
    size: Annotated[int, typer.Option("--size", min=1, max=100, help="Completions to return.")] = 10,
    searches: Annotated[bool, typer.Option("--search", help="In a terminal, Enter searches.")] = False,
    index: Index = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Complete what was typed."""
    settings = settings_of(home, index)
    completer = parts.completer_of(settings)
    if prefix is None:
        completer.warm()  # so that the times that are told are those of completing
        if json or not (sys.stdin.isatty() and sys.stdout.isatty()):
            _complete_lines(completer, size)
        else:
            _complete_live(settings, completer, size, search=searches)
        return
    found, took = live.timed(completer, prefix, size)
    if json:
        print_json(live.told(found, took))
    else:
        _show_completions(found)


def _complete_lines(completer: Completer, size: int) -> None:
    if not live.answer_lines(completer, sys.stdin.buffer, size, print_json):
        raise QueryError("there is nothing to complete", remedy="Give a prefix, or one on each line of the input.")


def _complete_live(settings: Settings, completer: Completer, size: int, *, search: bool) -> None:
    source = live.Live(completer, size)
    if not search:
        live.converse(
            live.session_of(source), source, lambda text: _show_completions(live.timed(completer, text, size)[0])
        )
        return
    with engine_for(settings) as engine:
        searcher = parts.searcher_of(settings, engine)
        live.converse(live.session_of(source), source, lambda text: show_answer(searcher.search(Ask(text, size))))


def _show_completions(found: Sequence[Completion]) -> None:
    table = Table("completion", "type", "score", box=None)
    for one in found:
        table.add_row(escape(one.text), one.type, f"{one.score:.2f}")
    out.print(table)
