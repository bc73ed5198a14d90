"""What `etalage train ranker --folds`, `--ablate` and `--compare` measure, for people. Nothing is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rich.table import Table

from etalage.cli.options import out
from etalage.core.settings import Settings
from opensearch.engine import SearchEngine
from ranker.training import ablation, folds, report
from ranker.training.judgments import Judgments
from ranker.training.report import Plan
from workers import parts

Tell = Callable[[str], None]


def study(
    settings: Settings,
    engine: SearchEngine,
    judged: Judgments,
    plan: Plan,
    *,
    parted: int | None,
    ablate: bool,
    compare: bool,
    tell: Tell,
) -> dict[str, Any]:
    """The figures of what was asked for: `{folds?, ablation?, recipes?}`, with the minutes of the plan for each.

    Raises:
        ModelError: too few queries.
    """
    encoder = parts.encoder_of(settings)
    tell("features")
    groups = report.groups_of(engine, settings.index, encoder, judged, plan)
    found: dict[str, Any] = {}
    if parted is not None:
        alone = report.groups_of(engine, settings.index, encoder, judged, plan, judged_only=True)
        found["folds"] = folds.out_of_fold(groups, alone, plan, parted, tell)
    if ablate:
        found["ablation"] = ablation.families(groups, plan, tell)
    if compare:
        found["recipes"] = ablation.recipes(groups, plan, tell)
    return found


def show_studies(found: Mapping[str, Any]) -> None:
    """Each study that was made."""
    for name, show in (("folds", _show_folds), ("ablation", _show_ablation), ("recipes", _show_recipes)):
        if name in found:
            show(found[name])


def told(test: Mapping[str, float]) -> str:
    """A difference with its p and interval."""
    return f"{test['difference']:+.4f}, p = {test['p']:.4f}, 95 % interval {test['low']:+.4f} to {test['high']:+.4f}"


def _show_folds(found: Mapping[str, Any]) -> None:
    table = Table("order", "nDCG@10, all products", "judged products only", box=None)
    for name, value in found["full"]["test"].items():
        table.add_row(name, f"{value:.4f}", f"{found['judged_only']['test'][name]:.4f}")
    out.print(table)
    for where in ("full", "judged_only"):
        for pair, test in found[where]["significance"].items():
            out.print(f"{'all products' if where == 'full' else 'judged only'}, {pair}: {told(test)}")
    out.print(f"{found['queries']} queries, each by models trained on the other {found['folds'] - 1} folds")


def _show_ablation(found: Mapping[str, Any]) -> None:
    models = list(found["without"][""])
    table = Table("without", *(f"{name}, {what}" for name in models for what in ("nDCG@10", "change", "p")), box=None)
    for family, figures in found["without"].items():
        cells: list[str] = []
        for name in models:
            one = figures[name]
            change = (f"{one['difference']:+.4f}", f"{one['p']:.4f}") if family else ("", "")
            cells += [f"{one['ndcg']:.4f}", *change]
        table.add_row(family or "(all features)", *cells)
    out.print(table)
    out.print("queries: " + ", ".join(f"{number} {name}" for name, number in found["queries"].items()))


def _show_recipes(found: Mapping[str, Any]) -> None:
    table = Table("model", "validation nDCG@10", "test nDCG@10", "- hybrid", "p", "seconds", box=None)
    for name, one in found["models"].items():
        seen = "trained on" if one["validation"] is None else f"{one['validation']:.4f}"
        figures = (f"{one['test']:.4f}", f"{one['difference']:+.4f}", f"{one['p']:.4f}", f"{one['seconds']:.0f}")
        table.add_row(name, seen, *figures)
    out.print(table)
    out.print("queries: " + ", ".join(f"{number} {name}" for name, number in found["queries"].items()))
