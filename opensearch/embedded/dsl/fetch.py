"""Hits as a node shows them, and what asks for hits of its own: `top_hits` and `inner_hits`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from etalage.core.records import Floats
from opensearch.embedded.dsl import body, sorting, view
from opensearch.embedded.dsl.aggregations import Aggregation, AggregationReader, Tree, leaf
from opensearch.embedded.dsl.catalog import Mask
from opensearch.embedded.dsl.clauses import Clause, Match, Run
from opensearch.embedded.dsl.highlight import Highlight
from opensearch.embedded.dsl.highlight import read as read_highlight
from opensearch.embedded.dsl.reader import Reader
from opensearch.embedded.dsl.sorting import Key, Rows
from opensearch.embedded.dsl.view import View
from opensearch.engine import MAX_WINDOW

PART: tuple[str, ...] = (
    "from", "size", "sort", "_source", "fields", "docvalue_fields", "stored_fields", "highlight", "explain", "version",
    "seq_no_primary_term", "track_scores",
)  # fmt: skip
"""What a list of hits may say, at the top and inside."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A list of hits: its order, its window, and what is shown of each.

    Attributes:
        keys: the order.
        score: whether hits have scores.
        max_score: whether the list has one.
        sorted: whether hits show the values that they were sorted by.
    """

    keys: tuple[Key, ...]
    start: int
    size: int
    view: View
    highlight: Highlight | None
    explain: bool
    score: bool
    max_score: bool
    sorted: bool

    def window(self, run: Run, mask: Mask, scores: Floats) -> Rows:
        """The rows of the window, in order."""
        ranks = [key.ranks(run.catalog, scores) for key in self.keys]
        rows = np.flatnonzero(mask)
        return sorting.ordered(ranks, rows, self.start + self.size)[self.start :] if self.size else rows[:0]

    def hits(self, run: Run, rows: Sequence[int], scores: Floats, query: Clause) -> list[dict[str, Any]]:
        """The hits of `rows`."""
        catalog = run.catalog
        values = [key.shown(catalog, scores, rows) for key in self.keys] if self.sorted else []
        marks = list(query.marks(catalog)) if self.highlight is not None and rows else []
        hits = []
        for number, row in enumerate(rows):
            hit = self.view.document(catalog, row, catalog.generation)
            source = {"_source": hit.pop("_source")} if "_source" in hit else {}
            listed = {"fields": hit.pop("fields")} if "fields" in hit else {}
            hit["_score"] = sorting.single(scores[row]) if self.score else None
            hit |= source | listed
            if self.highlight is not None:
                shown = self.highlight.of(catalog, row, marks)
                hit |= {"highlight": shown} if shown else {}
            if self.sorted:
                hit["sort"] = [one[number] for one in values]
            names = {name: found.scores[row] for name, found in sorted(run.named.items()) if found.mask[row]}
            if names:
                scored = {name: sorting.single(score) for name, score in names.items()}
                hit["matched_queries"] = scored if run.name_scores else list(names)
            if self.explain:
                hit["_explanation"] = {
                    "value": sorting.single(scores[row]),
                    "description": "the score of the query",
                    "details": [],
                }
            hits.append(hit)
        return hits

    def best(self, mask: Mask, scores: Floats) -> float | None:
        """The `max_score` of the list."""
        held = scores[mask] if self.max_score and self.size else scores[:0]
        return sorting.single(held.max()) if len(held) else None


def read(reader: Reader, found: Mapping[str, Any], at: str, *, size: int) -> Shown:
    """The list of hits that a body or a part of it asks for, of `size` unless told. Raises QueryError."""
    where = f"{at}." if at else ""
    start = body.whole(found.get("from", 0), f"{where}from")
    wanted = body.whole(found.get("size", size), f"{where}size")
    if start + wanted > MAX_WINDOW:
        raise body.wrong(
            f"a search reaches at most hit {MAX_WINDOW}",
            f"{where}from",
            f"from {start}, size {wanted}",
            "Ask for less, or go on with search_after.",
        )
    keys = sorting.read(reader, sorting.options(found), f"{where}sort")
    by_score = sorting.is_score(keys)
    tracked = body.flag(found.get("track_scores", False), f"{where}track_scores")
    highlight = None
    if found.get("highlight") is not None:
        highlight = read_highlight(reader, found["highlight"], f"{where}highlight")
    return Shown(
        keys=keys,
        start=start,
        size=wanted,
        view=view.read(found, at),
        highlight=highlight,
        explain=body.flag(found.get("explain", False), f"{where}explain"),
        score=by_score or tracked or any(key.name == "_score" for key in keys),
        max_score=tracked or (keys[0].name == "_score" and keys[0].descending),
        sorted=not by_score,
    )


@dataclass(frozen=True, slots=True)
class TopHits(Aggregation):
    """`top_hits`."""

    shown: Shown
    query: Clause

    def collect(self, run: Run, found: Match) -> dict[str, Any]:
        return {"hits": listed(self.shown, run, found.mask, found.scores, self.query)}


def listed(shown: Shown, run: Run, mask: Mask, scores: Floats, query: Clause) -> dict[str, Any]:
    """The `hits` of an answer, all counted."""
    rows = shown.window(run, mask, scores)
    return {
        "total": {"value": int(mask.sum()), "relation": "eq"},
        "max_score": shown.best(mask, scores),
        "hits": shown.hits(run, rows.tolist(), scores, query),
    }


def top_hits(reader: AggregationReader, found: dict[str, Any], at: str, inner: Tree) -> Aggregation:
    leaf(inner, at)
    body.only(found, at, PART)
    shown = read(reader.queries, found, at, size=3)
    if shown.start + shown.size > 100:
        raise body.wrong("top_hits shows at most 100 hits", at, shown.start + shown.size, "Ask for less.")
    return TopHits(shown, reader.top)
