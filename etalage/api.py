"""The Python interface, mirroring the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from autocomplete.complete import Completer, Completion, Wanted
from autocomplete.context import Context
from etalage.core.settings import Settings, load
from indexer.reindex import Options
from opensearch.engine import SearchEngine
from ranker import rerank
from ranker.filters import parse_filters, parse_sort
from ranker.search import Answer, Ask, Searcher
from ranker.training import judgments
from ranker.training.report import train
from workers import behaviour, coordinate, parts


class Shop:
    """One shop: its settings, and what is opened for it on first use. Close it, or use it in a `with` block."""

    def __init__(self, **settings: Any) -> None:
        self.settings: Settings = load(**settings)
        self._engine: SearchEngine | None = None
        self._searcher: Searcher | None = None
        self._completer: Completer | None = None

    @property
    def engine(self) -> SearchEngine:
        """The engine."""
        if self._engine is None:
            self._engine = parts.engine_of(self.settings)
        return self._engine

    def index(
        self,
        feed: str | Path,
        *,
        mapping: Mapping[str, str] | None = None,
        max_bad: str = "5%",
        full: bool = False,
    ) -> dict[str, Any]:
        """Index a full feed; it replaces the catalog. Returns and raises as `workers.coordinate.index_feed`."""
        quarantine = self.settings.home / "quarantine.jsonl"
        options = Options(mapping or {}, max_bad, full, self.settings.chunk, quarantine)
        summary = coordinate.index_feed(self.settings, Path(feed), options)
        self._searcher = None
        return summary

    def search(
        self,
        q: str,
        *,
        size: int = 10,
        start: int = 0,
        filters: object = None,
        sort: str | None = None,
        explain: bool = False,
        understand: bool = True,
        rules: bool = True,
        recent: Sequence[str] = (),
        language: str = "",
        collapse: str = "",
    ) -> Answer:
        """Search; filters and sort as on the command line; without `understand`, words as they are; without
        `rules`, no merchandising rules; `recent` are ids of products that the shopper looked at, newest first; `language` is whose
        words hits say in why they are there; each value of the field `collapse` is shown once. Raises QueryError, EngineError, FingerprintMismatch."""
        if self._searcher is None:
            self._searcher = parts.searcher_of(self.settings, self.engine)
        ask = Ask(
            q,
            size,
            start,
            parse_filters(filters),
            parse_sort(sort),
            explain=explain,
            understand=understand,
            rules=rules,
            recent=tuple(recent),
            language=language,
            collapse=collapse,
        )
        return self._searcher.search(ask)

    @property
    def completer(self) -> Completer:
        """What completes prefixes. Raises EngineError before completions were built."""
        if self._completer is None:
            self._completer = parts.completer_of(self.settings)
        return self._completer

    def suggest(
        self,
        prefix: str,
        *,
        size: int = 10,
        category: str = "",
        types: Sequence[str] = (),
        in_stock: bool = False,
        context: Context = Context(),
    ) -> list[Completion]:
        """Complete a prefix, as far as wanted below a category, of some types, and with something in stock; a context is what the shopper
        did before. Raises EngineError before completions were built, QueryError."""
        return self.completer.complete(prefix, size, Wanted(category, tuple(types), in_stock), context)

    def evaluate(self, qrels: str | Path, *, queries: str | Path | None = None, **options: Any) -> dict[str, Any]:
        """Measure the four arms; options and errors as `ranker.evaluate.Evaluator.evaluate`."""
        judged = judgments.read(Path(qrels), Path(queries) if queries else None)
        return parts.evaluator_of(self.settings, self.engine).evaluate(judged, **options)

    def train_ranker(
        self, qrels: str | Path, *, minutes: float = 5.0, seed: int = 0, force: bool = False
    ) -> dict[str, Any]:
        """Train the ranker on judged queries; returns and raises as `ranker.training.report.train`."""
        judged = judgments.read(Path(qrels))
        before = rerank.load(self.settings.home)
        plan = parts.plan_of(
            self.settings, judged, Path(qrels).name, minutes=minutes, seed=seed, force=force, before=before
        )
        encoder = parts.encoder_of(self.settings)
        report = train(self.engine, self.settings.index, encoder, judged, self.settings.home / "rankers", plan)
        self._searcher = None
        return report

    def import_events(self, file: str | Path, *, max_bad: str = "5%") -> dict[str, Any]:
        """Store UBI documents and build completions; returns and raises as `workers.behaviour.import_events`."""
        return behaviour.import_events(self.engine, self.settings, Path(file), max_bad=max_bad)

    def close(self) -> None:
        """Release files and connections."""
        if self._engine is not None:
            self._engine.close()
        self._engine = self._searcher = self._completer = None

    def __enter__(self) -> Shop:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
