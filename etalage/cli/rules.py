"""`etalage rules`: merchandising rules, before shoppers meet them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from etalage.cli.options import Home, Index, Json, engine_for, out, print_json, settings_of
from etalage.cli.query import show_answer
from etalage.core.errors import ConfigError
from etalage.core.settings import Settings
from ranker.merchandising import Rule, doubts
from ranker.rulefile import read, utc_now
from ranker.search import Ask
from workers import parts


def add_to(app: typer.Typer) -> None:
    """Add this file's commands."""
    group = typer.Typer(help="Merchandising rules: pin, bury, hide, boost, redirect.", no_args_is_help=True)
    group.command("check")(check)
    group.command("test")(test)
    app.add_typer(group, name="rules")


def check(
    file: Annotated[Path, typer.Argument(help="TOML file of rules.")],
    index: Index = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Read a file of rules and say what is in it, which of them hold now, and what looks wrong."""
    settings = settings_of(home, index)
    rules = read(file)
    warnings = doubts(rules, _known(settings, rules))
    moment = utc_now()
    rows = [_row(rule) | {"active": rule.active(moment)} for rule in rules]
    if json:
        print_json({"rules": rows, "active": sum(row["active"] for row in rows), "warnings": warnings})
        return
    table = Table("rule", "action", "about", "when", "from", "until", "now", box=None)
    for row in rows:
        told = [row[name] for name in ("name", "action", "about", "when", "from", "until")]
        table.add_row(*(escape(one or "-") for one in told), "active" if row["active"] else "off")
    out.print(table)
    for one in warnings:
        out.print(f"warning: {one}", markup=False)
    out.print(f"{len(rows)} rules, {sum(row['active'] for row in rows)} active, {len(warnings)} warnings")


def _known(settings: Settings, rules: tuple[Rule, ...]) -> frozenset[str] | None:
    """Those of the rules' ids that the index has; None where there is no index yet."""
    wanted = sorted({one for rule in rules for one in rule.ids})
    with engine_for(settings) as engine:
        serving = engine.serving(settings.index)
        return None if serving is None else frozenset(engine.ledger(serving.name, wanted))


def _row(rule: Rule) -> dict[str, Any]:
    when = rule.when
    searches = [*sorted(when.queries), *(" & ".join(sorted(one)) for one in when.words)]
    searches += [f'"{" ".join(one)}"' for one in when.phrases]
    told = [" or ".join(searches), *(f"{name}:{value}" for name, value in sorted(when.narrowed))]
    about = rule.url or ", ".join(rule.ids) or " and ".join(map(str, rule.filters))
    return {
        "name": rule.name,
        "action": rule.action + (f" x{rule.factor:g}" if rule.action == "boost" else ""),
        "about": about,
        "when": ", ".join(one for one in told if one) or "every search",
        "from": rule.start.isoformat() if rule.start is not None else None,
        "until": rule.end.isoformat() if rule.end is not None else None,
        "enabled": rule.enabled,
    }


def test(
    query: Annotated[str, typer.Argument(help="What to find; empty browses.")],
    file: Annotated[Path | None, typer.Option("--file", help="TOML file of rules (default ETALAGE_RULES).")] = None,
    size: Annotated[int, typer.Option("--size", min=0, max=1000, help="Hits to return.")] = 10,
    index: Index = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Search with the rules of a file, and say which of them held and where the products stood without."""
    settings = settings_of(home, index, rules=file)
    if settings.rules is None:
        raise ConfigError("there are no rules to test", remedy="Give --file, or set ETALAGE_RULES.")
    with engine_for(settings) as engine:
        searcher = parts.searcher_of(settings, engine)
        answer = searcher.search(Ask(query, size))
        plain = searcher.search(Ask(query, settings.candidates, rules=False))
    before = {hit.id: place for place, hit in enumerate(plain.hits, 1)}
    if json:
        print_json(answer.as_dict() | {"before": {hit.id: before.get(hit.id) for hit in answer.hits}})
        return
    show_answer(answer)
    for hit in answer.hits:
        if "rule" in hit.parts:
            out.print(f"{hit.id}: by {hit.parts['rule']}, before at {before.get(hit.id, 'none')}", markup=False)
