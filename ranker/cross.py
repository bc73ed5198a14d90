"""The last look: a cross-encoder reads the query with each of the ranker's best products, and they are put into a new order."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from etalage.core.encoders import cross, maps
from etalage.core.encoders.cross import CrossManifest
from etalage.core.errors import EngineTimeout, EngineUnavailable, ModelError
from etalage.core.records import Floats
from opensearch.engine import SearchEngine
from ranker.retrieve import Retrieved
from ranker.scores import by_score

log = logging.getLogger(__name__)

_STEP: Final = np.float32(1e-6)
"""Least difference of two scores that shown scores, which lie between 0 and 1, still tell."""

Passage = Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class Read:
    """What the stage made of a window: `scores` float32 [n] that it is ordered by (None: it has none), and per row that was read the
    cross-encoder's score and the places before and after, from 1."""

    scores: Floats | None
    told: Mapping[int, dict[str, float]] = field(default_factory=dict)


class Crossing:
    """What `etalage train cross-encoder` learnt for an index, loaded again when it was trained anew. Thread-safe.

    Args:
        folder: of the cross-encoder; it need not exist.
        passage: the text of a product's source.
        budget: milliseconds that reading may take; how many products are read follows from it (`CrossManifest.depth`).
    """

    def __init__(self, folder: Path, passage: Passage, budget: float) -> None:
        self._watched: Final = maps.Watched(folder, cross.load)
        self._passage, self._budget = passage, budget

    def manifest(self) -> CrossManifest | None:
        """Of the one in use. Raises ModelError."""
        found = self._watched.now()
        return None if found is None else found.manifest

    def read(self, engine: SearchEngine, head: Retrieved, scores: Floats, left: float | None = None) -> Read:
        """The ranker's scores float32 [n] dealt out anew among the best products, which are read.

        Raises:
            ModelError: the cross-encoder cannot be used, or `left`, the seconds until the answer is due, are fewer than the budget.
            EngineError: the products' texts could not be had.
        """
        used = self._watched.now()
        if used is None:
            return Read(scores)
        ids, depth = head.candidates.ids, used.manifest.depth(self._budget)
        best = by_score(scores, ids)[:depth]
        if len(best) < 2:
            return Read(scores)
        if left is not None and left < self._budget / 1000:
            raise ModelError("there is no time to read", value=f"{left * 1000:.0f} ms", remedy="Allow more time.")
        sources = engine.get(head.candidates.generation, [ids[row] for row in best], timeout=left)
        texts = [
            self._passage(sources[ids[row]]) if ids[row] in sources else head.candidates.titles[row] for row in best
        ]
        found = used.score(head.query.text, texts)
        sums = scores[best] + np.float32(used.manifest.weight) * found
        order = by_score(sums, [ids[row] for row in best])
        dealt = scores.copy()
        dealt[[best[at] for at in order]] = _strictly(scores, ids, depth)
        told = {
            best[at]: {"score": round(float(found[at]), 4), "from": at + 1, "to": place}
            for place, at in enumerate(order, 1)
        }
        return Read(dealt, told)


def _strictly(scores: Floats, ids: list[str], depth: int) -> Floats:
    """The highest scores in order, each a little above the one after it: equal ones would be ordered by id."""
    highest: Floats = scores[by_score(scores, ids)[: depth + 1]].copy()
    for at in range(len(highest) - 2, -1, -1):
        after = highest[at + 1]
        highest[at] = max(highest[at], after + _STEP, np.nextafter(after, np.float32(np.inf)))
    return highest[: min(depth, len(scores))]


def read(
    crossing: Crossing | None,
    engine: SearchEngine,
    head: Retrieved,
    scores: Floats | None,
    left: float | None,
    degraded: list[str],
) -> Read:
    """`Crossing.read` where there is one and the ranker gave scores; what fails is left out, and named in `degraded`."""
    if crossing is None or scores is None:
        return Read(scores)
    try:
        return crossing.read(engine, head, scores, left)
    except (EngineTimeout, EngineUnavailable, ModelError) as error:
        log.warning("searching without the cross-encoder: %s", error)
        degraded.append("cross")
        return Read(scores)
