"""The tour of `etalage demo`: a sample shop through the whole path, measured on queries that nothing was trained on."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from etalage.core.encoders import image
from etalage.core.settings import Settings
from etalage.demo.judgments import Query, write_qrels
from etalage.demo.pictures import write_pictures
from etalage.demo.queries import make_queries, split
from etalage.demo.shop import Shop, make_shop, write_feed
from etalage.demo.shoppers import simulate, write_events
from ranker import rerank
from ranker.search import Answer, Ask
from ranker.training import judgments
from ranker.training.report import train
from workers import behaviour, coordinate, parts

_SHOWN: Final = 12
_PREFIXES: Final = ("r", "sh", "wi", "lap", "run", "blue", "cof", "head", "kit", "wom", "黑色", "gam")


@dataclass(frozen=True, slots=True)
class Files:
    """What the tour writes before it starts: the feed, the events, the qrels to train on and those to measure on."""

    feed: Path
    events: Path
    training: Path
    held_out: Path


def run(settings: Settings, *, seed: int, products: int, show: Console | None) -> dict[str, Any]:
    """Make a shop in the home, index it, train, build completions, evaluate, and show searches.

    Returns:
        `{home, seed, seconds: {step}, index, training, evaluation, completions, searches, suggestions}`.

    Raises:
        EtalageError: whatever a step raises.
    """
    clock = _Clock(show)
    settings = settings.model_copy(update={"image_model": settings.image_model or image.SAMPLE_SHOP})
    shop, held_out, files = _make(settings.home, seed, products)
    clock.lap(f"made a shop of {len(shop.products):,} products with pictures, queries and 30 days of shoppers")
    summary = coordinate.index_feed(settings, files.feed, coordinate.options_of(settings, files.feed))
    clock.lap(f"indexed {summary['indexed']:,} products with their pictures through a worker process")
    training = _train(settings, files, seed)
    clock.lap(f"trained a ranker on {training['queries']['train']} queries and exported it as int8 ONNX")
    completions = _complete(settings, files)
    clock.lap(f"built {completions['completions']['completions']:,} completions from {completions['read']:,} events")
    evaluation, answers = _measure(settings, files, held_out)
    clock.lap("measured and searched")
    suggestions = _suggest(settings)
    if show is not None:
        _show(show, settings, training, evaluation, answers, suggestions)
    return {
        "home": str(settings.home),
        "seed": seed,
        "seconds": clock.laps,
        "index": summary,
        "training": training,
        "evaluation": evaluation,
        "completions": completions,
        "searches": {text: [hit.title for hit in answer.hits[:5]] for text, answer in answers.items()},
        "suggestions": suggestions,
    }


def _make(home: Path, seed: int, products: int) -> tuple[Shop, Sequence[Query], Files]:
    folder = home / "sample"
    shop = make_shop(seed, products)
    queries = make_queries(shop)
    training, held_out = split(queries, seed=seed)
    files = Files(folder / "feed.jsonl.gz", folder / "events.jsonl", folder / "train.csv", folder / "held-out.csv")
    write_feed(shop, files.feed)
    write_pictures(shop, folder)
    write_events(files.events, simulate(shop, queries, seed))
    write_qrels(files.training, shop, training)
    write_qrels(files.held_out, shop, held_out)
    return shop, held_out, files


def _train(settings: Settings, files: Files, seed: int) -> dict[str, Any]:
    judged = judgments.read(files.training)
    plan = parts.plan_of(settings, judged, f"the sample shop, seed {seed}", minutes=1.0, seed=seed, force=True)
    engine = parts.engine_of(settings)
    try:
        return train(engine, settings.index, parts.encoder_of(settings), judged, settings.home / "rankers", plan)
    finally:
        engine.close()


def _complete(settings: Settings, files: Files) -> dict[str, Any]:
    engine = parts.engine_of(settings)
    try:
        return behaviour.import_events(engine, settings, files.events)
    finally:
        engine.close()


def _measure(
    settings: Settings, files: Files, held_out: Sequence[Query]
) -> tuple[dict[str, Any], Mapping[str, Answer]]:
    engine = parts.engine_of(settings)
    try:
        evaluation = parts.evaluator_of(settings, engine).evaluate(judgments.read(files.held_out))
        searcher = parts.searcher_of(settings, engine)
        texts = [query.text for query in held_out[:: max(len(held_out) // _SHOWN, 1)]][:_SHOWN]
        return evaluation, {text: searcher.search(Ask(text, size=5)) for text in texts}
    finally:
        engine.close()


def _suggest(settings: Settings) -> dict[str, list[str]]:
    completer = parts.completer_of(settings)
    return {prefix: [one.text for one in completer.complete(prefix, 6)] for prefix in _PREFIXES}


def _show(
    show: Console,
    settings: Settings,
    training: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    answers: Mapping[str, Answer],
    suggestions: Mapping[str, list[str]],
) -> None:
    show.print(
        f"\n[bold]Searches[/bold] (held out: neither the ranker nor you have seen them; ranker {_name(settings)})"
    )
    for text, answer in answers.items():
        show.print(f"\n[bold]{text}[/bold]  {answer.total:,} found, {answer.took_ms:.1f} ms")
        for place, hit in enumerate(answer.hits, 1):
            show.print(
                f"  {place}. {hit.title}  [dim]BM25 {hit.parts['bm25']:.1f}, cosine {hit.parts['cosine']:.2f}[/dim]"
            )
    show.print("\n[bold]Completions[/bold]")
    for prefix, texts in suggestions.items():
        show.print(f"  {prefix}… {', '.join(texts) or '-'}")
    table = Table("arm", "nDCG@10", "MRR", "recall@100", "p50 ms", box=None)
    for arm, figures in evaluation["arms"].items():
        if figures:
            table.add_row(arm, *(f"{figures[name]:.3f}" for name in ("ndcg@10", "mrr", "recall@100", "p50_ms")))
    show.print(f"\n[bold]Quality[/bold] on {evaluation['queries']} held-out queries")
    show.print(table)
    told = ", ".join(f"{name} {value:.3f}" for name, value in evaluation["reference"].items())
    show.print(f"order of the same candidates: {told}; LightGBM in training {training['test'].get('lightgbm', '-')}")
    for pair, test in evaluation["significance"].items():
        show.print(f"{pair}: {test['difference']:+.3f}, p = {test['p']:.4f}")
    home = settings.home
    show.print(
        f"\n[bold]Try next[/bold]\n  etalage search 'red running shoes' --explain --home {home}\n"
        f"  etalage suggest 'wire' --home {home}\n  etalage serve --home {home}\n"
        "  etalage index YOUR_FEED.csv && etalage search 'what your shoppers type'"
    )


def _name(settings: Settings) -> str:
    return rerank.load(settings.home).manifest.name


class _Clock:
    def __init__(self, show: Console | None) -> None:
        self._show, self._last = show, time.perf_counter()
        self.laps: dict[str, float] = {}

    def lap(self, what: str) -> None:
        now = time.perf_counter()
        self.laps[what] = round(now - self._last, 1)
        if self._show is not None:
            self._show.print(f"[{now - self._last:5.1f} s] {what}", markup=False)
        self._last = now
